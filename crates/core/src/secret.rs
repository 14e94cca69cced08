//! Values that must never be seen.

use std::{fmt, path::Path};

use zeroize::Zeroizing;

use crate::{ci, config, failure::Failure};

/// A secret, from the moment it is read. Prints as `***` and is wiped from memory when dropped. In
/// GitHub Actions the runner is told to print it as `***` too, whoever writes it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes `value` over as a secret.
    pub fn new(value: String) -> Self {
        ci::mask(&value);
        Self(Zeroizing::new(value))
    }

    /// Returns the secret itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Reads the environment variable `name`. An empty one counts as absent.
    pub fn from_env(name: &str) -> Option<Self> {
        config::env(name).filter(|it| !it.is_empty()).map(Self::new)
    }

    /// Reads a file that holds nothing else than the secret. One line break at the end is dropped.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be read as text, or is empty.
    pub fn from_file(path: &Path) -> Result<Self, Failure> {
        let text = fs_err::read_to_string(path)
            .map_err(|err| Failure::usage(format!("cannot read a secret: {err}")))?;
        let text = Zeroizing::new(text);
        let value = text.strip_suffix('\n').unwrap_or(&text);
        let value = value.strip_suffix('\r').unwrap_or(value);
        if value.is_empty() {
            return Err(Failure::usage(format!(
                "the secret file `{}` is empty",
                path.display()
            )));
        }
        Ok(Self::new(value.to_owned()))
    }

    /// Returns `text` with every occurrence of the secret replaced by `***`.
    pub fn redact(&self, text: &str) -> String {
        if self.0.is_empty() {
            return text.to_owned();
        }
        text.replace(self.expose(), "***")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_stars() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(
            format!("{secret} {secret:?} {:?}", Some(&secret)),
            "*** *** Some(***)"
        );
        assert_eq!(
            secret.redact("https://x:hunter2@host"),
            "https://x:***@host"
        );
    }

    #[test]
    fn a_secret_file_loses_its_line_break_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs_err::write(&path, " a b \r\n").unwrap();
        assert_eq!(Secret::from_file(&path).unwrap().expose(), " a b ");
        fs_err::write(&path, "\n").unwrap();
        assert!(Secret::from_file(&path).is_err());
    }
}
