//! Who commits.

use autoscaleops_core::config;
use git2::{Config, Signature};

use crate::land::LandError;

/// Who commits: a name and an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name.
    pub name: String,
    /// The mail address.
    pub email: String,
}

impl std::str::FromStr for Identity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let problem = || {
            format!(
                "`{}` is not of the form `Name <mail@example.org>`",
                autoscaleops_core::text::printable(text)
            )
        };
        let (name, rest) = text.split_once('<').ok_or_else(problem)?;
        let email = rest.trim_end().strip_suffix('>').ok_or_else(problem)?;
        Self::of(name, email).ok_or_else(problem)
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} <{}>", self.name, self.email)
    }
}

impl Identity {
    fn of(name: &str, email: &str) -> Option<Self> {
        let is_clean = |it: &str| {
            !it.trim().is_empty() && !it.contains(['<', '>']) && !it.contains(char::is_control)
        };
        (is_clean(name) && is_clean(email)).then(|| Self {
            name: name.trim().to_owned(),
            email: email.trim().to_owned(),
        })
    }

    /// Returns the bot that commits in GitHub Actions.
    fn actions_bot() -> Self {
        Self {
            name: "github-actions[bot]".to_owned(),
            email: "41898282+github-actions[bot]@users.noreply.github.com".to_owned(),
        }
    }
}

/// Author and committer.
pub(crate) struct Identities {
    pub(crate) author: Identity,
    pub(crate) committer: Identity,
}

impl Identities {
    /// Asks, in this order: what was given, `GIT_AUTHOR_…` and `GIT_COMMITTER_…`, Git's
    /// configuration, and whether this is GitHub Actions.
    pub(crate) fn resolve(
        given: Option<&Identity>,
        git: &Config,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, LandError> {
        if let Some(given) = given {
            return Ok(Self {
                author: given.clone(),
                committer: given.clone(),
            });
        }
        let of_environment = |role: &str| {
            let name = environment(&format!("GIT_{role}_NAME"))?;
            let email = environment(&format!("GIT_{role}_EMAIL"))?;
            Identity::of(&name, &email)
        };
        let of_configuration = || {
            let name = git.get_string("user.name").ok()?;
            let email = git.get_string("user.email").ok()?;
            Identity::of(&name, &email)
        };
        let in_actions = || {
            (environment("GITHUB_ACTIONS").as_deref() == Some("true")).then(Identity::actions_bot)
        };
        let author = of_environment("AUTHOR");
        let committer = of_environment("COMMITTER");
        let base = of_configuration().or_else(in_actions);
        let author = author
            .or_else(|| base.clone())
            .or_else(|| committer.clone());
        let Some(author) = author else {
            return Err(LandError::Usage(
                "nobody to commit as".to_owned(),
                Some("give `--author 'Name <mail>'`, or set user.name and user.email with `git config`".to_owned()),
            ));
        };
        let committer = committer.or(base).unwrap_or_else(|| author.clone());
        Ok(Self { author, committer })
    }

    pub(crate) fn of_process(given: Option<&Identity>, git: &Config) -> Result<Self, LandError> {
        Self::resolve(given, git, config::env)
    }
}

/// Returns the signature with the time of now.
pub(crate) fn signature(identity: &Identity) -> Result<Signature<'static>, LandError> {
    Signature::now(&identity.name, &identity.email)
        .map_err(|err| LandError::git("make a signature", err))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(
        given: Option<&str>,
        configured: bool,
        environment: &[(&str, &str)],
    ) -> Result<(String, String), LandError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(
            &path,
            if configured {
                "[user]\nname = C\nemail = c@x\n"
            } else {
                ""
            },
        )
        .unwrap();
        let git = Config::open(&path).unwrap();
        let given: Option<Identity> = given.map(|it| it.parse().unwrap());
        let found = Identities::resolve(given.as_ref(), &git, |name| {
            environment
                .iter()
                .find(|(it, _)| *it == name)
                .map(|(_, it)| (*it).to_owned())
        })?;
        Ok((found.author.name, found.committer.name))
    }

    const AUTHOR: [(&str, &str); 2] = [("GIT_AUTHOR_NAME", "A"), ("GIT_AUTHOR_EMAIL", "a@x")];
    const ACTIONS: [(&str, &str); 1] = [("GITHUB_ACTIONS", "true")];

    #[test]
    fn the_nearest_word_counts() {
        let pair = |author: &str, committer: &str| (author.to_owned(), committer.to_owned());
        assert_eq!(
            resolve(Some("G <g@x>"), true, &AUTHOR).unwrap(),
            pair("G", "G")
        );
        assert_eq!(resolve(None, true, &AUTHOR).unwrap(), pair("A", "C"));
        assert_eq!(resolve(None, false, &AUTHOR).unwrap(), pair("A", "A"));
        assert_eq!(resolve(None, true, &ACTIONS).unwrap(), pair("C", "C"));
        assert_eq!(
            resolve(None, false, &ACTIONS).unwrap().0,
            "github-actions[bot]"
        );
        assert!(matches!(
            resolve(None, false, &[]),
            Err(LandError::Usage(..))
        ));
    }

    #[test]
    fn an_identity_cannot_forge_a_header() {
        for text in [
            "A",
            "A <>",
            " <a@x>",
            "A <a@x",
            "A\nB <a@x>",
            "A <a@x> <b@x>",
        ] {
            assert!(text.parse::<Identity>().is_err(), "{text:?}");
        }
        let identity: Identity = "Ada L <ada@x>".parse().unwrap();
        assert_eq!(identity.to_string(), "Ada L <ada@x>");
    }
}
