//! Tokens: what a registry's token server is asked, and how long its answer may be used.

use std::time::{Duration, Instant};

use autoscaleops_core::secret::Secret;
use serde::Deserialize;

use super::RegistryError;

/// Tokens live this long where the server does not say (distribution's token specification).
const DEFAULT_LIFE: u64 = 60;

/// A token and the end of its use.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) value: Secret,
    end: Instant,
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl Token {
    /// Reads a token server's answer.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, RegistryError> {
        let problem = || RegistryError::Protocol("the token server gave no token".to_owned());
        // The parser's message could quote the token.
        let answer: Answer = serde_json::from_slice(bytes).map_err(|_| problem())?;
        let value = [answer.token, answer.access_token]
            .into_iter()
            .flatten()
            .find(|it| !it.is_empty())
            .ok_or_else(problem)?;
        if !value.bytes().all(|it| it.is_ascii_graphic()) {
            return Err(problem());
        }
        let life = Duration::from_secs(answer.expires_in.unwrap_or(DEFAULT_LIFE).clamp(1, 86_400));
        Ok(Self {
            value: Secret::new(value),
            // A margin for the way there and for clocks that differ.
            end: Instant::now() + life.mul_f64(0.8),
        })
    }

    pub(super) fn is_usable(&self) -> bool {
        Instant::now() < self.end
    }
}

/// Returns what a token for reading `repository` is asked for.
pub(super) fn scope(host: &str, repository: &str) -> String {
    // Azure lists tags only with its own right.
    let actions = if host.ends_with(".azurecr.io") {
        "pull,metadata_read"
    } else {
        "pull"
    };
    format!("repository:{repository}:{actions}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_names_of_the_token_are_read_and_its_life_is_respected() {
        let token = Token::read(br#"{"token":"abc","expires_in":300}"#).unwrap();
        assert_eq!(token.value.expose(), "abc");
        assert!(token.is_usable());
        let token = Token::read(br#"{"token":"","access_token":"def"}"#).unwrap();
        assert_eq!(token.value.expose(), "def");
        assert!(token.end < Instant::now() + Duration::from_secs(60));
    }

    #[test]
    fn an_answer_without_a_token_is_refused_without_quoting_it() {
        for answer in [
            &b"{}"[..],
            b"{\"token\":5,\"x\":\"hunter2\"}",
            b"hunter2",
            b"{\"token\":\"a\\nb\"}",
        ] {
            let error = Token::read(answer).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn azure_wants_one_right_more() {
        assert_eq!(scope("ghcr.io", "acme/shop"), "repository:acme/shop:pull");
        assert_eq!(
            scope("acme.azurecr.io", "shop"),
            "repository:shop:pull,metadata_read"
        );
    }
}
