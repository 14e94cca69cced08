//! Bodies: the framing of HTTP/1.1, and compression.

use std::io::Read;

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
        let name = name.trim().to_ascii_lowercase();
        if matches!(name.as_str(), "" | "identity") || body.is_empty() {
            continue;
        }
        let plain = expand(&body, &name).map_err(|err| {
            let reason = match err.kind() {
                std::io::ErrorKind::UnexpectedEof => "unexpected EOF".to_owned(),
                _ => err.to_string(),
            };
            HttpError::new(
                1701,
                format!("error decompressing response body ({reason})"),
            )
        })?;
        // What nobody can undo is left as it came.
        let Some(plain) = plain else {
            return Ok(body);
        };
        body = plain;
    }
    Ok(body)
}

fn expand(body: &[u8], name: &str) -> std::io::Result<Option<Vec<u8>>> {
    let all = |reader: &mut dyn Read| {
        let mut plain = Vec::new();
        reader.take(LIMIT as u64).read_to_end(&mut plain)?;
        Ok(plain)
    };
    let plain = match name {
        "gzip" | "x-gzip" => all(&mut flate2::read::MultiGzDecoder::new(body)),
        "deflate" => all(&mut flate2::read::ZlibDecoder::new(body))
            .or_else(|_: std::io::Error| all(&mut flate2::read::DeflateDecoder::new(body))),
        "br" => all(&mut brotli::Decompressor::new(body, 4_096)),
        "zstd" => ruzstd::decoding::StreamingDecoder::new(body)
            .map_err(std::io::Error::other)
            .and_then(|mut reader| all(&mut reader)),
        _ => return Ok(None),
    };
    plain.map(Some)
}

/// Compresses a body as `name` says: `gzip`, `deflate`, `br` or `zstd`.
pub(crate) fn compress(body: Vec<u8>, name: &str) -> Result<Vec<u8>, String> {
    let level = flate2::Compression::default();
    let all = |reader: &mut dyn Read| {
        let mut small = Vec::new();
        reader
            .read_to_end(&mut small)
            .map_err(|err| err.to_string())?;
        Ok(small)
    };
    match name {
        "gzip" => all(&mut flate2::read::GzEncoder::new(&body[..], level)),
        "deflate" => all(&mut flate2::read::ZlibEncoder::new(&body[..], level)),
        // Quality 6 and the largest window, the defaults of brotli's libraries for content made on the fly.
        "br" => all(&mut brotli::CompressorReader::new(&body[..], 4_096, 6, 22)),
        "zstd" => Ok(ruzstd::encoding::compress_to_vec(
            &body[..],
            ruzstd::encoding::CompressionLevel::Fastest,
        )),
        other => Err(format!("unknown compression algorithm {other}")),
    }
}

#[cfg(test)]
mod tests {
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
        let text = b"hello hello hello hello".to_vec();
        for name in ["gzip", "deflate", "br", "zstd"] {
            let once = compress(text.clone(), name).unwrap();
            assert_ne!(once, text);
            assert_eq!(decompress(once.clone(), name).unwrap(), text, "{name}");
            let twice = compress(once, "gzip").unwrap();
            assert_eq!(decompress(twice, &format!("{name}, gzip")).unwrap(), text);
            assert_eq!(
                decompress(b"nothing like it".to_vec(), name)
                    .unwrap_err()
                    .code,
                1701
            );
        }
        assert!(compress(text.clone(), "lzw").is_err());
        assert_eq!(decompress(text.clone(), "lzw").unwrap(), text);
    }

    #[test]
    fn raw_deflate_is_taken_for_deflate() {
        let mut raw = Vec::new();
        let level = flate2::Compression::fast();
        flate2::read::DeflateEncoder::new(&b"hello"[..], level)
            .read_to_end(&mut raw)
            .unwrap();
        assert_eq!(decompress(raw, "deflate").unwrap(), b"hello");
    }
}
