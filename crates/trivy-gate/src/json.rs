//! A strict JSON reader for one large document from a pipe: one pass, bounded memory, no tree.
//!
//! It accepts RFC 8259 and nothing else, checks every byte of what it skips, and refuses what other
//! readers settle silently, each in its own way: a key given twice, a key that differs from a known
//! one only in case, data behind the document.

use crate::json::{
    shape::{Kind, Shape},
    source::{Chunk, Source},
    text::plain_length,
};

mod bytes;
mod error;
mod number;
pub(crate) mod shape;
mod skip;
pub(crate) mod source;
mod text;

pub(crate) use error::{Fault, JsonError, Result};

/// How deep values may nest. Real reports stay below 20.
const MAX_DEPTH: usize = 128;
/// How long a text that is kept may be, in bytes.
const MAX_TEXT: usize = 1 << 20;
/// How long a number or a key may be, in bytes.
const MAX_TOKEN: usize = 4 << 10;

/// Reads one document, token by token.
pub(crate) struct Reader {
    source: Source,
    chunk: Chunk,
    position: usize,
    /// What lies before the chunk.
    bytes_before: u64,
    lines_before: usize,
    column_before: usize,
    depth: usize,
    token: Vec<u8>,
}

/// A member of an object: its place in the shape, or a key that the shape does not know.
enum Member {
    Known(usize),
    Unknown,
}

impl Reader {
    /// Returns a reader of what `source` delivers.
    pub(crate) fn new(source: Source) -> Self {
        Self {
            source,
            chunk: Chunk::default(),
            position: 0,
            bytes_before: 0,
            lines_before: 0,
            column_before: 0,
            depth: 0,
            token: Vec::with_capacity(64),
        }
    }

    /// Reads an object. `take` gets the name of every member that `shape` knows, and takes its value.
    /// `null` stands for an object without members, as in Go.
    pub(crate) fn record(
        &mut self,
        shape: &'static Shape,
        mut take: impl FnMut(&mut Self, &'static str) -> Result<()>,
    ) -> Result<()> {
        self.members(shape, |reader, member| match member {
            Member::Known(index) => take(reader, shape.fields[index].0),
            Member::Unknown => {
                reader.refuse_other_case(shape)?;
                reader.skip(&Kind::Any)
            }
        })
    }

    /// Reads an object of which every member is wanted: a known one by its name, another one by
    /// the key as it stands there.
    pub(crate) fn open_record(
        &mut self,
        shape: &'static Shape,
        mut take: impl FnMut(&mut Self, std::result::Result<&'static str, String>) -> Result<()>,
    ) -> Result<()> {
        self.members(shape, |reader, member| match member {
            Member::Known(index) => take(reader, Ok(shape.fields[index].0)),
            Member::Unknown => {
                let key = String::from_utf8_lossy(&reader.token).into_owned();
                take(reader, Err(key))
            }
        })
    }

    /// Reads an array. `take` takes each element. `null` stands for an empty one, as in Go.
    pub(crate) fn list(&mut self, mut take: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        if !self.open(b'[', "a list")? {
            return Ok(());
        }
        if self.peek()? == Some(b']') {
            {
                self.close();
                return Ok(());
            }
        }
        loop {
            take(self)?;
            match self.peek()? {
                Some(b',') => self.position += 1,
                Some(b']') => {
                    self.close();
                    return Ok(());
                }
                other => return Err(self.unexpected(other, "`,` or `]`")),
            }
        }
    }

    /// Reads `true`, `false` or `null`.
    pub(crate) fn flag(&mut self) -> Result<bool> {
        match self.peek()? {
            Some(b't') => self.word(b"true").map(|()| true),
            Some(b'f') => self.word(b"false").map(|()| false),
            Some(b'n') => self.word(b"null").map(|()| false),
            other => Err(self.unexpected(other, "`true` or `false`")),
        }
    }

    /// Makes sure that nothing but white space follows.
    pub(crate) fn end(&mut self) -> Result<()> {
        match self.peek()? {
            None => Ok(()),
            Some(_) => Err(self.error("trailing_data", "there is more data after the report")),
        }
    }

    fn members(
        &mut self,
        shape: &'static Shape,
        mut take: impl FnMut(&mut Self, Member) -> Result<()>,
    ) -> Result<()> {
        if !self.open(b'{', "an object")? {
            return Ok(());
        }
        if self.peek()? == Some(b'}') {
            {
                self.close();
                return Ok(());
            }
        }
        let mut seen = 0u64;
        let mut expected = 0;
        loop {
            let member = self.key(shape, expected)?;
            if let Member::Known(index) = member {
                let bit = 1 << index;
                if seen & bit != 0 {
                    return Err(self.error(
                        "duplicate_key",
                        format!(
                            "`{}` is given twice in one {}",
                            shape.fields[index].0, shape.name
                        ),
                    ));
                }
                seen |= bit;
                expected = index + 1;
            }
            match self.peek()? {
                Some(b':') => self.position += 1,
                other => return Err(self.unexpected(other, "`:`")),
            }
            take(self, member)?;
            match self.peek()? {
                Some(b',') => self.position += 1,
                Some(b'}') => {
                    self.close();
                    return Ok(());
                }
                other => return Err(self.unexpected(other, "`,` or `}`")),
            }
        }
    }

    /// Takes `bracket`. Returns whether it was there: `null` was taken otherwise.
    fn open(&mut self, bracket: u8, what: &str) -> Result<bool> {
        match self.peek()? {
            Some(b'n') => self.word(b"null").map(|()| false),
            Some(found) if found == bracket => {
                self.position += 1;
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err(
                        self.error("not_trivy", format!("values nest deeper than {MAX_DEPTH}"))
                    );
                }
                Ok(true)
            }
            other => Err(self.unexpected(other, what)),
        }
    }

    fn close(&mut self) {
        self.position += 1;
        self.depth -= 1;
    }

    /// Reads a key. One that is not in `shape` is left in `token`.
    fn key(&mut self, shape: &'static Shape, expected: usize) -> Result<Member> {
        match self.peek()? {
            Some(b'"') => self.position += 1,
            other => return Err(self.unexpected(other, "a key")),
        }
        // The common case: the key lies in the chunk, and is the next of the shape.
        let rest = &self.chunk.bytes[self.position..];
        if let Some(length) = plain_length(rest)
            && rest.get(length) == Some(&b'"')
        {
            let key = &rest[..length];
            let found = shape.find(key, expected);
            if found.is_none() {
                if length > MAX_TOKEN {
                    return Err(self.error("not_trivy", "a key of more than 4096 bytes"));
                }
                self.token.clear();
                self.token.extend_from_slice(key);
            }
            self.position += length + 1;
            return Ok(found.map_or(Member::Unknown, Member::Known));
        }
        self.short_text_body()?;
        Ok(shape
            .find(&self.token, expected)
            .map_or(Member::Unknown, Member::Known))
    }

    /// Go reads keys without regard to case, so such a key would be read there and not here.
    fn refuse_other_case(&mut self, shape: &'static Shape) -> Result<()> {
        match shape.find_other_case(&self.token) {
            None => Ok(()),
            Some(known) => {
                let key = autoscaleops_core::text::printable(&self.token_text());
                Err(self.error(
                    "not_trivy",
                    format!("the key `{key}` differs from Trivy's `{known}` in case; Trivy would read it, other readers not"),
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests;
