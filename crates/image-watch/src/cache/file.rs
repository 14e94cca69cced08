//! The form of a cache file: a line for each thing, its parts divided by tabs, and a checksum at the
//! end. What is read borrows from the bytes of the file, so that thousands of tags cost no copies.

use std::{borrow::Cow, collections::HashMap, fmt::Write as _};

use jiff::Timestamp;

use super::{Contents, Page, Record, TagRecord};
use crate::{
    platform::Platform,
    registry::{
        challenge::Challenge,
        manifest::{self, Configuration},
    },
};

/// The first line. Another one is a cold start.
const HEAD: &str = "image-watch cache 2\n";
/// The last line is this and the digest of everything above.
const END: &str = "end ";

/// Reads a file, or returns `None` for what is no cache, or no longer the one that was written: a
/// date that a disk has changed must not choose a tag.
pub(super) fn read(bytes: &[u8]) -> Option<Contents<'_>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (body, end) = text.strip_suffix('\n')?.rsplit_once('\n')?;
    let body = text.get(..=body.len())?;
    if manifest::digest_of(body.as_bytes()) != end.strip_prefix(END)? {
        return None;
    }
    let mut reader = Reader::default();
    // Not `lines`, which would take a carriage return for a part of the line's end.
    for line in body.strip_prefix(HEAD)?.split_terminator('\n') {
        reader.line(line)?;
    }
    Some(reader.contents)
}

/// Returns the bytes of a file.
pub(super) fn write(contents: &Contents<'_>) -> Vec<u8> {
    let mut text = HEAD.to_owned();
    match &contents.challenge {
        None => {}
        Some(Challenge::Basic) => text.push_str("basic\n"),
        Some(Challenge::Bearer { realm, service }) => {
            let service = service.as_deref().unwrap_or_default();
            let _ = writeln!(text, "bearer\t{}\t{}", escape(realm), escape(service));
        }
    }
    for (url, page) in sorted(&contents.pages) {
        let next = page.next.as_deref().unwrap_or_default();
        let (url, etag, next) = (escape(url), escape(&page.etag), escape(next));
        let _ = writeln!(text, "page\t{url}\t{etag}\t{next}\t{}", page.tags);
    }
    for (digest, record) in sorted(&contents.digests) {
        let digest = escape(digest);
        let _ = match record {
            Record::Artifact => writeln!(text, "artifact\t{digest}"),
            Record::Image(it) => writeln!(
                text,
                "image\t{digest}\t{}\t{}\t{}",
                platform_text(&it.platform),
                time_text(it.created),
                time_text(it.annotated)
            ),
            Record::Index { images, annotated } => {
                let images: Vec<String> = images
                    .iter()
                    .map(|it| format!("{} {}", platform_text(&it.0), escape(&it.1)))
                    .collect();
                let annotated = time_text(*annotated);
                writeln!(text, "index\t{digest}\t{annotated}\t{}", images.join(" "))
            }
        };
    }
    for (tag, record) in sorted(&contents.tags) {
        let digest = escape(record.digest.as_deref().unwrap_or_default());
        let _ = writeln!(
            text,
            "tag\t{}\t{digest}\t{}",
            escape(tag),
            time_text(record.first_seen)
        );
    }
    let digest = manifest::digest_of(text.as_bytes());
    let _ = writeln!(text, "{END}{digest}");
    text.into_bytes()
}

fn sorted<'m, T>(map: &'m HashMap<Cow<'_, str>, T>) -> Vec<(&'m str, &'m T)> {
    let mut entries: Vec<_> = map.iter().map(|(key, value)| (&**key, value)).collect();
    entries.sort_unstable_by_key(|it| it.0);
    entries
}

#[derive(Default)]
struct Reader<'a> {
    contents: Contents<'a>,
    /// Platforms by their text, so that equal ones share their memory.
    platforms: HashMap<&'a str, Platform>,
}

impl<'a> Reader<'a> {
    fn line(&mut self, line: &'a str) -> Option<()> {
        let mut parts = line.split('\t');
        let kind = parts.next()?;
        let mut part = || parts.next();
        let contents = &mut self.contents;
        match kind {
            "tag" => {
                let (tag, digest, seen) = (part()?, part()?, part()?);
                let record = TagRecord {
                    digest: some(digest).map(unescape),
                    first_seen: time(seen)?,
                };
                contents.tags.insert(unescape(tag), record);
            }
            "image" => {
                let (digest, platform) = (part()?, part()?);
                let (created, annotated) = (time(part()?)?, time(part()?)?);
                let record = Record::Image(Configuration {
                    created,
                    annotated,
                    platform: self.platform(platform)?,
                });
                self.contents.digests.insert(unescape(digest), record);
            }
            "index" => {
                let (digest, annotated) = (part()?, time(part()?)?);
                let mut words = part()?.split(' ').filter(|it| !it.is_empty());
                let mut images = Vec::new();
                while let Some(platform) = words.next() {
                    let child = unescape(words.next()?).into_owned();
                    images.push((self.platform(platform)?, child));
                }
                let record = Record::Index { images, annotated };
                self.contents.digests.insert(unescape(digest), record);
            }
            "artifact" => {
                contents.digests.insert(unescape(part()?), Record::Artifact);
            }
            "page" => {
                let (url, etag, next, tags) = (part()?, part()?, part()?, part()?);
                let page = Page {
                    etag: unescape(etag),
                    next: some(next).map(unescape),
                    tags: Cow::Borrowed(tags),
                };
                contents.pages.insert(unescape(url), page);
            }
            "bearer" => {
                let (realm, service) = (part()?, part()?);
                contents.challenge = Some(Challenge::Bearer {
                    realm: unescape(realm).into_owned(),
                    service: some(service).map(|it| unescape(it).into_owned()),
                });
            }
            "basic" => contents.challenge = Some(Challenge::Basic),
            _ => return None,
        }
        Some(())
    }

    fn platform(&mut self, text: &'a str) -> Option<Platform> {
        if let Some(known) = self.platforms.get(text) {
            return Some(known.clone());
        }
        let mut parts = text.split('/').map(unescape);
        let (os, arch, variant) = (parts.next()?, parts.next()?, parts.next()?);
        let platform = Platform::new(&os, &arch, &variant);
        self.platforms.insert(text, platform.clone());
        Some(platform)
    }
}

fn some(text: &str) -> Option<&str> {
    Some(text).filter(|it| !it.is_empty())
}

/// Reads a time: seconds since 1970, with nanoseconds after a point where there are any.
#[expect(
    clippy::option_option,
    reason = "no time is written as nothing, and other words are a fault"
)]
fn time(text: &str) -> Option<Option<Timestamp>> {
    if text.is_empty() {
        return Some(None);
    }
    let (seconds, nanoseconds) = match text.split_once('.') {
        None => (text, 0),
        Some((seconds, rest)) => (seconds, rest.parse().ok()?),
    };
    let time = Timestamp::new(seconds.parse().ok()?, nanoseconds).ok()?;
    Some(Some(time))
}

fn time_text(time: Option<Timestamp>) -> String {
    match time.map(|it| (it.as_second(), it.subsec_nanosecond())) {
        None => String::new(),
        Some((seconds, 0)) => seconds.to_string(),
        Some((seconds, nanoseconds)) => format!("{seconds}.{nanoseconds}"),
    }
}

fn platform_text(platform: &Platform) -> String {
    let [os, arch, variant] = platform.parts().map(|it| escape(it).replace('/', "%2f"));
    format!("{os}/{arch}/{variant}")
}

/// Writes what a stranger chose so that it cannot be taken for two parts or two lines.
fn escape(text: &str) -> Cow<'_, str> {
    let is_plain = |it: u8| it > b' ' && it != b'%' && it != 0x7f;
    if text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match u8::try_from(character) {
            Ok(byte) if byte.is_ascii() && !is_plain(byte) => {
                let _ = write!(escaped, "%{byte:02x}");
            }
            _ => escaped.push(character),
        }
    }
    Cow::Owned(escaped)
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        plain.push_str(before);
        let byte = after
            .get(..2)
            .and_then(|it| u8::from_str_radix(it, 16).ok())
            .filter(u8::is_ascii);
        match byte {
            Some(byte) => plain.push(char::from(byte)),
            None => plain.push('%'),
        }
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// Reads lines as if their checksum were right: what is read of them is what is written again.
#[cfg(any(test, fuzzing))]
pub(super) fn fuzz(bytes: &[u8]) {
    assert!(read(bytes).is_none(), "a file without its checksum");
    let mut whole = HEAD.as_bytes().to_vec();
    whole.extend_from_slice(bytes.strip_suffix(b"\n").unwrap_or(bytes));
    whole.push(b'\n');
    let digest = manifest::digest_of(&whole);
    whole.extend_from_slice(format!("{END}{digest}\n").as_bytes());
    if let Some(contents) = read(&whole) {
        let again = write(&contents);
        assert_eq!(read(&again).as_ref(), Some(&contents));
        assert_eq!(read(&again).map(|it| write(&it)), Some(again.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "as it is kept")]
    fn at(seconds: i64, nanoseconds: i32) -> Option<Timestamp> {
        Some(Timestamp::new(seconds, nanoseconds).unwrap())
    }

    fn contents() -> Contents<'static> {
        let platform = |os: &str| Platform::new(os, "arm", "v7");
        let evil = "linux\ntag\tevil\tsha256:0\t0 a/b%41";
        let mut contents = Contents {
            challenge: Some(Challenge::Bearer {
                realm: "https://a/t?x=%20 y\t".to_owned(),
                service: Some("s p".to_owned()),
            }),
            ..Contents::default()
        };
        let digests = &mut contents.digests;
        digests.insert("sha256:a".into(), Record::Artifact);
        digests.insert(
            "sha256:b".into(),
            Record::Image(Configuration {
                created: at(-62_135_596_800, 0),
                annotated: at(-5, -123_456_789),
                platform: platform(evil),
            }),
        );
        digests.insert(
            "sha256:c".into(),
            Record::Index {
                images: vec![
                    (platform("linux"), "sha256:b".to_owned()),
                    (platform(evil), "sha256:\n".to_owned()),
                ],
                annotated: None,
            },
        );
        let empty = Record::Index {
            images: Vec::new(),
            annotated: at(7, 9),
        };
        digests.insert("sha256:d".into(), empty);
        let tags = &mut contents.tags;
        tags.insert(
            "1.0".into(),
            TagRecord {
                digest: Some("sha256:c".into()),
                first_seen: at(1_700_000_000, 5),
            },
        );
        tags.insert("2.0".into(), TagRecord::default());
        contents.pages.insert(
            "/v2/a/tags/list?n=1".into(),
            Page {
                etag: "W/\"a b\"".into(),
                next: Some("list?last=a".into()),
                tags: "1.0 2.0".into(),
            },
        );
        contents
    }

    #[test]
    fn what_is_written_is_read_whatever_a_stranger_called_it() {
        let contents = contents();
        let bytes = write(&contents);
        assert_eq!(read(&bytes).unwrap(), contents);
        assert_eq!(write(&read(&bytes).unwrap()), bytes);
        let nothing = write(&Contents::default());
        assert_eq!(read(&nothing).unwrap(), Contents::default());
    }

    #[test]
    fn no_part_and_no_changed_bit_of_it_is_believed() {
        let bytes = write(&contents());
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_none(), "{length} bytes");
        }
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(read(&changed).is_none(), "byte {place}");
        }
    }

    #[test]
    fn lines_that_make_no_sense_are_refused_even_with_a_checksum() {
        for line in [
            "tag",
            "tag\ta\tb",
            "tag\ta\tb\tsoon",
            "tag\ta\tb\t99999999999999999",
            "image\tsha256:a\tlinux\t\t",
            "index\tsha256:a\t\tlinux/amd64/",
            "other\tx",
            "",
        ] {
            let mut text = format!("{HEAD}{line}\n");
            let digest = manifest::digest_of(text.as_bytes());
            text.push_str(&format!("{END}{digest}\n"));
            assert!(read(text.as_bytes()).is_none(), "{line:?}");
        }
    }
}
