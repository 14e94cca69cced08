//! What the loaded server answers, for scripts/fuzz.sh.
#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    reason = "only in tests and fuzz targets"
)]

use url::Url;

use super::{
    Request,
    body::{Chunks, decompress},
    cookies::Jar,
    digest,
    exchange::{self, Answer},
    proxy::Proxies,
};

pub fn run(which: u8, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match which {
        0 => answer(bytes),
        1 => {
            let (encoding, body) = match bytes.split_first() {
                Some((0..64, body)) => ("gzip", body),
                Some((64..96, body)) => ("deflate", body),
                Some((96..128, body)) => ("br", body),
                Some((128..160, body)) => ("zstd", body),
                Some((_, body)) => ("gzip, br", body),
                None => return,
            };
            // A bomb is cut at the limit of a body; here it would only cost time.
            if body.len() < 512 {
                let _ = decompress(body.to_vec(), encoding);
            }
        }
        2 => {
            let mut jar = Jar::default();
            for place in ["https://shop.example.org/a/b", "http://127.0.0.1:30007/"] {
                let Ok(url) = Url::parse(place) else { return };
                for header in text.lines() {
                    jar.store(&url, header);
                }
                let _ = jar.matching(&url);
            }
        }
        // A line break or a control character is in no header that was read.
        3 if !text.contains(char::is_control) => {
            let Ok(url) = Url::parse("http://shop.example.org/?q=1") else {
                return;
            };
            let request = Request::get(url);
            if let Some(header) = digest::answer(&text, "user", "secret-1234", &request) {
                assert!(!header.contains("secret-1234"), "the password is sent");
                assert!(
                    !header.contains(['\r', '\n']),
                    "a challenge adds a header: {header:?}"
                );
            }
        }
        _ => {
            let proxies = Proxies::read(&|_| Some(text.clone().into_owned()));
            if let Ok(proxies) = proxies {
                let _ = proxies.between(true, "shop.example.org", 443);
            }
        }
    }
}

/// Whatever the cuts between reads are, the answer is the same.
fn answer(bytes: &[u8]) {
    let mut buffer = bytes.to_vec();
    let mut answer = Answer::default();
    let _ = exchange::head(&mut buffer, &mut answer, false);
    let whole = chunked(bytes, bytes.len().max(1));
    for step in [1, 7] {
        assert_eq!(chunked(bytes, step), whole);
    }
}

fn chunked(bytes: &[u8], step: usize) -> Option<(bool, Vec<u8>)> {
    let (mut state, mut body, mut buffer) = (Chunks::default(), Vec::new(), Vec::new());
    for part in bytes.chunks(step) {
        buffer.extend_from_slice(part);
        let taken = state.decode(&buffer, &mut body, true).ok()?;
        buffer.drain(..taken);
        if state == Chunks::Done {
            break;
        }
    }
    Some((state == Chunks::Done, body))
}
