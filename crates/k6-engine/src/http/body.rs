//! Bodies: the framing of HTTP/1.1, and compression.

use std::io::Read as _;

use super::HttpError;

/// The largest body that is kept, after decompression.
pub(super) const LIMIT: usize = 1 << 30;

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    None,
    Length(u64),
    Chunked,
    UntilClose,
}

/// Where the decoder of a chunked body stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Chunks {
    #[default]
    Size,
    Data(u64),
    /// The line break behind a chunk.
    Break,
    Trailers,
    Done,
}

impl Chunks {
    /// Takes from `input` what is complete, adds it to `body`, and returns how much was taken.
    pub(super) fn decode(
        &mut self,
        input: &[u8],
        body: &mut Vec<u8>,
        keep: bool,
    ) -> Result<usize, HttpError> {
        let mut at = 0;
        loop {
            let rest = &input[at..];
            match *self {
                Self::Done => return Ok(at),
                Self::Data(0) => *self = Self::Break,
                Self::Data(left) => {
                    let take = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    if take == 0 {
                        return Ok(at);
                    }
                    if keep {
                        body.extend_from_slice(&rest[..take]);
                    }
                    at += take;
                    *self = Self::Data(left - take as u64);
                }
                Self::Size | Self::Break | Self::Trailers => {
                    let Some(end) = rest.iter().position(|it| *it == b'\n') else {
                        if rest.len() > 8_192 {
                            return Err(HttpError::malformed("malformed chunked encoding"));
                        }
                        return Ok(at);
                    };
                    let line = rest[..end].trim_ascii();
                    at += end + 1;
                    *self = match *self {
                        Self::Break if line.is_empty() => Self::Size,
                        Self::Trailers if line.is_empty() => Self::Done,
                        Self::Trailers => Self::Trailers,
                        Self::Size => match size(line) {
                            Some(0) => Self::Trailers,
                            Some(size) => Self::Data(size),
                            None => {
                                return Err(HttpError::malformed("invalid byte in chunk length"));
                            }
                        },
                        _ => return Err(HttpError::malformed("malformed chunked encoding")),
                    };
                }
            }
        }
    }
}

fn size(line: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(line).ok()?;
    let digits = text.split(';').next()?.trim();
    if digits.is_empty() || digits.len() > 15 || !digits.bytes().all(|it| it.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(digits, 16).ok()
}

/// Undoes the compression that `encoding` names, the last applied first.
pub(super) fn decompress(body: Vec<u8>, encoding: &str) -> Result<Vec<u8>, HttpError> {
    let mut body = body;
    for name in encoding.rsplit(',') {
        let mut plain = Vec::new();
        let limit = LIMIT as u64;
        let read = match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => continue,
            _ if body.is_empty() => continue,
            "gzip" | "x-gzip" => flate2::read::MultiGzDecoder::new(&body[..])
                .take(limit)
                .read_to_end(&mut plain),
            "deflate" => {
                let zlib = flate2::read::ZlibDecoder::new(&body[..])
                    .take(limit)
                    .read_to_end(&mut plain);
                if let Ok(length) = zlib {
                    Ok(length)
                } else {
                    plain.clear();
                    flate2::read::DeflateDecoder::new(&body[..])
                        .take(limit)
                        .read_to_end(&mut plain)
                }
            }
            other => {
                return Err(HttpError::new(
                    1701,
                    format!("unsupported compression type {other}"),
                ));
            }
        };
        read.map_err(|err| HttpError::new(1701, format!("decompression failed: {err}")))?;
        body = plain;
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn chunks_are_decoded_wherever_they_are_cut() {
        let wire = b"4;x=y\r\nWiki\r\n5\r\npedia\r\n0\r\nTrailer: 1\r\n\r\nnext";
        for cut in 0..wire.len() - 4 {
            let (mut state, mut body) = (Chunks::default(), Vec::new());
            let taken = state.decode(&wire[..cut], &mut body, true).unwrap();
            let rest = state.decode(&wire[taken..], &mut body, true).unwrap();
            assert_eq!(state, Chunks::Done);
            assert_eq!(body, b"Wikipedia");
            assert_eq!(&wire[taken + rest..], b"next");
        }
    }

    #[test]
    fn a_lying_chunk_is_an_error() {
        for wire in [
            &b"zz\r\n"[..],
            b"-1\r\n",
            b"4\r\nWikiX\r\n",
            b"fffffffffffffffffff\r\n",
        ] {
            assert!(
                Chunks::default()
                    .decode(wire, &mut Vec::new(), true)
                    .is_err()
            );
        }
    }

    #[test]
    fn compression_is_undone_in_the_reverse_order() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"hello").unwrap();
        let once = gzip.finish().unwrap();
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(&once).unwrap();
        let twice = zlib.finish().unwrap();
        assert_eq!(decompress(once, "gzip").unwrap(), b"hello");
        assert_eq!(decompress(twice, "gzip, deflate").unwrap(), b"hello");
        assert!(decompress(b"no gzip".to_vec(), "gzip").is_err());
    }
}
