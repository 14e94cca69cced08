//! Credentials for Git, from the environment or a file such as the seed's `.env`.
//!
//! The file is parsed, never handed to a shell: no expansion, no command, no export to other programs.

use std::{os::unix::fs::PermissionsExt as _, path::Path};

use autoscaleops_core::{Failure, config, secret::Secret};

use crate::settings::GitCredentials;

/// What Image Updater pushes with.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    /// The account.
    pub(crate) user: String,
    /// Its token.
    pub(crate) token: Secret,
}

/// Returns the credentials that `source` names, or those of the environment where it names none.
/// `None` when the environment has none either.
///
/// # Errors
///
/// Fails on a file that others can read, that cannot be parsed, or that lacks one of the two.
pub(crate) fn credentials(source: &GitCredentials) -> Result<Option<Credentials>, Failure> {
    if let Some(path) = &source.env_file {
        return of_env_file(path).map(Some);
    }
    let user = source
        .username
        .clone()
        .or_else(|| config::env("GITHUB_USER"))
        .filter(|it| !it.is_empty());
    let token = match &source.token_file {
        Some(path) if path.as_os_str() == "-" => Some(of_standard_input()?),
        Some(path) => Some(Secret::from_file(path)?),
        None => Secret::from_env("GITHUB_TOKEN"),
    };
    match (user, token) {
        (Some(user), Some(token)) => Ok(Some(Credentials { user, token })),
        // Half of them is a slip where both were meant; a variable alone may be there for others.
        (None, Some(_)) if source.token_file.is_some() => Err(Failure::usage(
            "there is a Git token, and nobody says whose it is",
        )
        .hint("name the user: `--username`, `git_credentials.username` or GITHUB_USER")),
        (Some(_), None) if source.username.is_some() => Err(Failure::usage(
            "there is a Git user without a token",
        )
        .hint("name its file: `--token-file FILE` (`-` for standard input), or set GITHUB_TOKEN")),
        _ => Ok(None),
    }
}

/// The longest token that is read.
const LONGEST: u64 = 64 << 10;

fn of_standard_input() -> Result<Secret, Failure> {
    use std::io::{IsTerminal as _, Read as _};

    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Err(
            Failure::usage("a token is not read from a terminal, where it can be seen")
                .hint("pipe it in: `pass show github | kind-up --token-file -`"),
        );
    }
    let mut text = zeroize::Zeroizing::new(String::new());
    stdin
        .lock()
        .take(LONGEST)
        .read_to_string(&mut text)
        .map_err(|err| Failure::usage(format!("cannot read the token: {err}")))?;
    let value = text.trim_end_matches(['\r', '\n']);
    if value.is_empty() {
        return Err(Failure::usage("standard input holds no token"));
    }
    Ok(Secret::new(value.to_owned()))
}

fn of_env_file(path: &Path) -> Result<Credentials, Failure> {
    let metadata = fs_err::metadata(path).map_err(|err| Failure::usage(err.to_string()))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        let message = format!("`{}` holds a token and others can read it", path.display());
        return Err(Failure::usage(message).hint(format!("chmod 600 {}", path.display())));
    }
    let text = fs_err::read_to_string(path).map_err(|err| Failure::usage(err.to_string()))?;
    let text = zeroize::Zeroizing::new(text);
    let (mut user, mut token) = (None, None);
    for (index, line) in text.lines().enumerate() {
        let parsed = assignment(line).map_err(|why| Failure::usage(why).at(path, index + 1, 1))?;
        match parsed {
            Some(("GITHUB_USER", value)) => user = Some(value),
            Some(("GITHUB_TOKEN", value)) => token = Some(Secret::new(value)),
            _ => {}
        }
    }
    let missing = |key: &str| {
        Failure::usage(format!("`{}` has no `{key}`", path.display()))
            .hint(format!("add a line `{key}=…`"))
    };
    Ok(Credentials {
        user: user
            .filter(|it| !it.is_empty())
            .ok_or_else(|| missing("GITHUB_USER"))?,
        token: token
            .filter(|it| !it.expose().is_empty())
            .ok_or_else(|| missing("GITHUB_TOKEN"))?,
    })
}

/// Reads one line. The value itself is in no message.
pub(crate) fn assignment(line: &str) -> Result<Option<(&str, String)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line
        .split_once('=')
        .ok_or("a line without `=`: expected `NAME=value`")?;
    let name = name.trim();
    let valid = |it: char| it.is_ascii_alphanumeric() || it == '_';
    if name.is_empty() || !name.chars().all(valid) {
        return Err("the name before `=` is not one of a variable".to_owned());
    }
    let value = value.trim();
    let quoted = |quote: char| {
        let rest = value.strip_prefix(quote)?;
        Some(rest.split_once(quote))
    };
    let value = match quoted('"').or_else(|| quoted('\'')) {
        Some(Some((inside, after))) if after.is_empty() || after.trim_start().starts_with('#') => {
            inside
        }
        Some(_) => return Err(format!("the value of {name} has a quote without its end")),
        // As every reader of such files has it: a comment needs a blank before it.
        None => value
            .split_once(" #")
            .map_or(value, |(value, _)| value)
            .trim_end(),
    };
    Ok(Some((name, value.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, mode: u32) -> Result<Credentials, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        fs_err::write(&path, text).unwrap();
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        of_env_file(&path)
    }

    #[test]
    fn quotes_spaces_comments_and_hashes_are_read_as_meant() {
        let table = [
            ("GITHUB_USER=acme\nGITHUB_TOKEN=ghp_x", "acme", "ghp_x"),
            (
                "# both\n\nexport GITHUB_USER = 'ac me' # who\nGITHUB_TOKEN=\"a#b $HOME\"\r\n",
                "ac me",
                "a#b $HOME",
            ),
            (
                "OTHER=1\nGITHUB_USER=a#b\nGITHUB_TOKEN=x=y= # note",
                "a#b",
                "x=y=",
            ),
        ];
        for (text, user, token) in table {
            let found = read(text, 0o600).unwrap();
            assert_eq!(
                (found.user.as_str(), found.token.expose()),
                (user, token),
                "{text}"
            );
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_remedy() {
        let refusal = read("GITHUB_USER=a\nGITHUB_TOKEN=b", 0o644).unwrap_err();
        assert!(refusal.remedy().unwrap().starts_with("chmod 600 "));
    }

    #[test]
    fn what_is_missing_or_broken_is_named_and_no_secret_is_shown() {
        assert!(
            read("GITHUB_USER=a", 0o600)
                .unwrap_err()
                .to_string()
                .contains("GITHUB_TOKEN")
        );
        assert!(
            read("GITHUB_USER=\nGITHUB_TOKEN=b", 0o600)
                .unwrap_err()
                .to_string()
                .contains("GITHUB_USER")
        );
        let refusal = read("GITHUB_USER=a\nGITHUB_TOKEN=\"hunter2", 0o600).unwrap_err();
        assert_eq!(refusal.location().unwrap().line, 2);
        assert!(!refusal.to_string().contains("hunter2"));
        assert!(
            !format!("{:?}", read("GITHUB_USER=a\nGITHUB_TOKEN=hunter2", 0o600))
                .contains("hunter2")
        );
    }
}
