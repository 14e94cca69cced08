//! What a script says of TLS: certificates of the client, versions.

use serde::Deserialize;

/// A certificate of the client, with its key, both in PEM.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
#[derive(Default)]
pub struct Identity {
    /// The hosts that it is for. k6 shows a certificate to every server that can check it.
    pub domains: Vec<String>,
    /// The certificate, with those between it and its authority.
    pub cert: String,
    /// The key.
    pub key: String,
    /// The password of the key.
    pub password: Option<String>,
}

impl Identity {
    /// Returns whether the key is encrypted.
    pub(super) fn is_locked(&self) -> bool {
        self.password.as_ref().is_some_and(|it| !it.is_empty()) || self.key.contains("ENCRYPTED")
    }
}

/// The versions of TLS that may be spoken: one, or a range.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Versions {
    /// This one.
    One(String),
    /// From one to another.
    Range {
        /// The oldest.
        #[serde(default)]
        min: String,
        /// The newest.
        #[serde(default)]
        max: String,
    },
}

impl Versions {
    /// Returns the oldest version.
    pub fn least(&self) -> &str {
        match self {
            Self::One(one) => one,
            Self::Range { min, .. } if min.is_empty() => "tls1.0",
            Self::Range { min, .. } => min,
        }
    }

    /// Returns the newest version.
    pub fn most(&self) -> &str {
        match self {
            Self::One(one) => one,
            Self::Range { max, .. } if max.is_empty() => "tls1.3",
            Self::Range { max, .. } => max,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::options::Options;

    #[test]
    fn what_the_library_cannot_do_is_left_to_k6() {
        let foreign = |value: serde_json::Value| {
            let options = Options::parse(&value).unwrap();
            options
                .foreign()
                .iter()
                .map(|it| (*it).to_owned())
                .collect::<Vec<_>>()
        };
        for fine in [
            json!({"tlsVersion": "tls1.3"}),
            json!({"tlsVersion": {"min": "tls1.2"}}),
            json!({"tlsVersion": {"min": "tls1.0", "max": "tls1.2"}}),
            json!({"tlsCipherSuites": ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]}),
            json!({"tlsAuth": [{"cert": "c", "key": "k"}]}),
        ] {
            assert!(foreign(fine.clone()).is_empty(), "{fine}");
        }
        for (other, name) in [
            (json!({"tlsVersion": "tls1.1"}), "tlsVersion"),
            (
                json!({"tlsCipherSuites": ["TLS_RSA_WITH_RC4_128_SHA"]}),
                "tlsCipherSuites",
            ),
            (
                json!({"tlsAuth": [{"cert": "c", "key": "k", "password": "p"}]}),
                "tlsAuth with a password",
            ),
        ] {
            assert_eq!(foreign(other), [name]);
        }
    }
}
