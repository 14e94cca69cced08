//! The bytes under the reader: chunk after chunk, and the place in the document.

use super::{
    Reader,
    error::{Fault, JsonError, Result},
    source::Chunk,
};

impl Reader {
    /// Returns the first byte of the next token, without taking it.
    #[inline]
    pub(crate) fn peek(&mut self) -> Result<Option<u8>> {
        loop {
            let bytes = &self.chunk.bytes;
            let mut at = self.position;
            while let Some(&byte) = bytes.get(at) {
                match byte {
                    // The indentation of a report that people can read is a third of it.
                    b' ' if bytes.get(at..at + 8) == Some(b"        ") => at += 8,
                    b' ' | b'\n' | b'\r' | b'\t' => at += 1,
                    _ => {
                        self.position = at;
                        return Ok(Some(byte));
                    }
                }
            }
            self.position = at;
            if !self.refill()? {
                return Ok(None);
            }
        }
    }

    /// Returns an error at the current place.
    pub(crate) fn error(&self, kind: &'static str, message: impl Into<String>) -> JsonError {
        let read = &self.chunk.bytes[..self.position.min(self.chunk.bytes.len())];
        let lines = breaks(read);
        let tail = read
            .iter()
            .rposition(|it| *it == b'\n')
            .map_or(0, |it| it + 1);
        let characters = read[tail..].iter().filter(|it| **it & 0xC0 != 0x80).count();
        JsonError(Box::new(Fault {
            kind,
            message: message.into(),
            line: self.lines_before + lines + 1,
            column: if lines == 0 { self.column_before } else { 0 } + characters + 1,
        }))
    }

    /// Returns how many bytes were read, and their SHA-256. Only known at the end.
    pub(crate) fn seal(self) -> Option<(u64, String)> {
        self.source.seal()
    }

    /// Returns the byte `ahead` of the position, joining the next chunk where it lies there.
    pub(super) fn upcoming(&mut self, ahead: usize) -> Result<Option<u8>> {
        if self.position + ahead >= self.chunk.bytes.len() {
            let rest = self.chunk.bytes[self.position.min(self.chunk.bytes.len())..].to_vec();
            self.settle();
            let Some(next) = self.next_chunk()? else {
                self.chunk = Chunk { bytes: rest };
                self.position = 0;
                return Ok(None);
            };
            self.chunk = Chunk {
                bytes: [rest, next.bytes].concat(),
            };
            self.position = 0;
        }
        Ok(self.chunk.bytes.get(self.position + ahead).copied())
    }

    #[inline]
    pub(super) fn byte(&mut self, within: &str) -> Result<u8> {
        loop {
            if let Some(&byte) = self.chunk.bytes.get(self.position) {
                self.position += 1;
                return Ok(byte);
            }
            self.more(within)?;
        }
    }

    pub(super) fn more(&mut self, within: &str) -> Result<()> {
        if self.refill()? {
            Ok(())
        } else {
            Err(self.truncated(within))
        }
    }

    pub(super) fn refill(&mut self) -> Result<bool> {
        self.settle();
        match self.next_chunk()? {
            Some(chunk) => {
                let old = std::mem::replace(&mut self.chunk, chunk);
                self.source.recycle(old);
                self.position = 0;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Remembers where the chunk that is left ended.
    pub(super) fn settle(&mut self) {
        let end = self.position.min(self.chunk.bytes.len());
        let read = &self.chunk.bytes[..end];
        let lines = breaks(read);
        let tail = match read.iter().rposition(|it| *it == b'\n') {
            Some(found) => {
                self.column_before = 0;
                &read[found + 1..]
            }
            None => read,
        };
        self.column_before += tail.iter().filter(|it| **it & 0xC0 != 0x80).count();
        self.lines_before += lines;
        self.bytes_before += end as u64;
        self.chunk.bytes.drain(..end);
        self.position = 0;
    }

    pub(super) fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        match self.source.next() {
            Ok(chunk) => Ok(chunk),
            Err(problem) => Err(self.error(problem.kind(), problem.to_string())),
        }
    }

    pub(super) fn truncated(&self, within: &str) -> JsonError {
        if self.bytes_before == 0 && self.chunk.bytes.is_empty() {
            return self.error(
                "empty_report",
                "the report is empty: the scan wrote nothing",
            );
        }
        self.error(
            "truncated_report",
            format!("the report ends within {within}: it is cut off"),
        )
    }

    pub(super) fn unexpected(&self, found: Option<u8>, wanted: &str) -> JsonError {
        let Some(found) = found else {
            return self.truncated("the document");
        };
        let (kind, what) = match found {
            b'{' => ("not_trivy", "an object".to_owned()),
            b'[' => ("not_trivy", "a list".to_owned()),
            b'"' => ("not_trivy", "a text".to_owned()),
            b't' | b'f' => ("not_trivy", "a flag".to_owned()),
            b'n' => ("not_trivy", "`null`".to_owned()),
            b'-' | b'0'..=b'9' => ("not_trivy", "a number".to_owned()),
            0x21..=0x7e => ("not_json", format!("`{}`", char::from(found))),
            other => ("not_json", format!("the byte {other:#04x}")),
        };
        self.error(kind, format!("expected {wanted}, found {what}"))
    }

    pub(super) fn word(&mut self, word: &'static [u8]) -> Result<()> {
        for &expected in word {
            if self.byte("a word")? != expected {
                return Err(self.error("not_json", "expected `true`, `false` or `null`"));
            }
        }
        Ok(())
    }
}

/// Counts line breaks.
fn breaks(bytes: &[u8]) -> usize {
    // Small sums of bytes, which compile to vector instructions.
    bytes
        .chunks(255)
        .map(|chunk| usize::from(chunk.iter().map(|it| u8::from(*it == b'\n')).sum::<u8>()))
        .sum()
}
