//! What a registry answers, for scripts/fuzz.sh.
#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    reason = "only in tests and fuzz targets"
)]

use super::{challenge, credentials, manifest, paging, token::Token, transport};

pub fn run(which: u8, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match which {
        0 => {
            // The type on the first line, the manifest below it.
            let at = bytes.iter().position(|it| *it == b'\n').unwrap_or(0);
            let (kind, body) = bytes.split_at(at);
            let _ = manifest::read(&String::from_utf8_lossy(kind), body);
        }
        1 => {
            let _ = manifest::read_configuration(bytes);
            let digest = manifest::digest_of(bytes);
            assert!(manifest::has_digest(bytes, &digest));
        }
        2 => {
            let _ = challenge::parse(text.lines());
        }
        3 => {
            if let Some(next) = paging::next(&text) {
                assert!(!next.is_empty() && text.contains(next));
            }
        }
        4 => {
            if let Err(err) = Token::read(bytes) {
                // The answer may hold a token in a form that nobody knows: it is not quoted.
                assert!(err.to_string().ends_with("the token server gave no token"));
            }
            let shown = transport::detail(bytes);
            assert!(!shown.chars().any(char::is_control) && shown.chars().count() <= 202);
        }
        _ => credentials::fuzz(bytes),
    }
}
