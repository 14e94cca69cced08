//! Values that are passed over, and checked on the way.

use super::{
    Member, Reader,
    error::Result,
    shape::{self, Kind},
};
use crate::{purl, time};

impl Reader {
    /// Passes over one value, and checks that it is one of `kind`.
    pub(crate) fn skip(&mut self, kind: &'static Kind) -> Result<()> {
        let first = self.peek()?;
        if first == Some(b'n') && !kind.refuses_null() {
            return self.word(b"null");
        }
        match (kind, first) {
            (Kind::Any, first) => self.skip_any(first),
            (Kind::Text, Some(b'"')) => {
                self.position += 1;
                self.pass_text()
            }
            (Kind::Time, Some(b'"')) => {
                self.short_text("a time")?;
                let valid =
                    std::str::from_utf8(&self.token).is_ok_and(|it| time::parse(it).is_some());
                self.expect(valid, "a time of RFC 3339")
            }
            (Kind::Sha256, Some(b'"')) => {
                self.short_text("a digest")?;
                self.expect(
                    is_sha256(&self.token),
                    "`sha256:` and 64 hexadecimal digits",
                )
            }
            (Kind::PackageUrl, Some(b'"')) => {
                self.short_text("a package URL")?;
                let text = self.token_text();
                self.expect(text.is_empty() || purl::is_valid(&text), "a package URL")
            }
            (Kind::OneOf(words), Some(b'"')) => {
                self.short_text("a word")?;
                let text = self.token_text();
                self.expect(
                    words.contains(&text.as_str()),
                    "a word that Trivy writes here",
                )
            }
            (Kind::Integer, Some(b'-' | b'0'..=b'9')) => self.integer().map(|_| ()),
            (Kind::Float, Some(b'-' | b'0'..=b'9')) => {
                self.number()?;
                let finite = std::str::from_utf8(&self.token)
                    .ok()
                    .and_then(|it| it.parse::<f64>().ok())
                    .is_some_and(f64::is_finite);
                self.expect(finite, "a number of 64 bits")
            }
            (Kind::Flag, Some(b't' | b'f')) => self.flag().map(|_| ()),
            (Kind::List(of), Some(b'[')) => self.list(|reader| reader.skip(of)),
            (Kind::Record(shape), Some(b'{')) => {
                self.members(shape, |reader, member| match member {
                    Member::Known(index) => reader.skip(&shape.fields[index].1),
                    Member::Unknown => {
                        reader.refuse_other_case(shape)?;
                        reader.skip(&Kind::Any)
                    }
                })
            }
            (Kind::Map(of), Some(b'{')) => {
                self.members(&shape::NOTHING, |reader, _| reader.skip(of))
            }
            (_, other) => Err(self.unexpected(other, kind.name())),
        }
    }

    pub(super) fn skip_any(&mut self, first: Option<u8>) -> Result<()> {
        match first {
            Some(b'"') => {
                self.position += 1;
                self.pass_text()
            }
            Some(b'{') => self.members(&shape::NOTHING, |reader, _| reader.skip(&Kind::Any)),
            Some(b'[') => self.list(|reader| reader.skip(&Kind::Any)),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            other => Err(self.unexpected(other, "a value")),
        }
    }

    pub(super) fn expect(&self, holds: bool, what: &str) -> Result<()> {
        if holds {
            return Ok(());
        }
        let found = autoscaleops_core::text::shorten(
            &autoscaleops_core::text::printable(&self.token_text()),
            60,
        );
        Err(self.error("not_trivy", format!("expected {what}, found `{found}`")))
    }
}

fn is_sha256(text: &[u8]) -> bool {
    text.strip_prefix(b"sha256:").is_some_and(|hex| {
        hex.len() == 64
            && hex
                .iter()
                .all(|it| it.is_ascii_digit() || (b'a'..=b'f').contains(it))
    })
}
