//! Texts: kept, passed over, and what an escape stands for.

use super::{MAX_TEXT, MAX_TOKEN, Reader, error::Result};

impl Reader {
    /// Reads a text into `text`, replacing what it held. `null` stands for an empty one, as in Go.
    pub(crate) fn text(&mut self, text: &mut String) -> Result<()> {
        text.clear();
        match self.peek()? {
            Some(b'"') => self.position += 1,
            Some(b'n') => return self.word(b"null"),
            other => return Err(self.unexpected(other, "a text")),
        }
        if let Some(plain) = self.plain_text() {
            text.push_str(plain);
            let length = plain.len();
            self.position += length + 1;
            return Ok(());
        }
        let mut bytes = std::mem::take(&mut self.token);
        let read = self.collect(&mut bytes, MAX_TEXT);
        let valid = std::str::from_utf8(&bytes).map(|it| text.push_str(it));
        self.token = bytes;
        read?;
        valid.map_err(|_| self.error("not_json", "a text is not UTF-8"))
    }

    /// Returns the text behind an opening quote, when all of it lies in the chunk as it is.
    #[inline]
    pub(super) fn plain_text(&self) -> Option<&str> {
        let rest = &self.chunk.bytes[self.position..];
        let length = plain_length(rest).filter(|it| *it <= MAX_TOKEN)?;
        let plain = (rest.get(length) == Some(&b'"')).then(|| &rest[..length])?;
        std::str::from_utf8(plain).ok()
    }

    /// Reads a list of texts.
    pub(crate) fn texts(&mut self) -> Result<Vec<String>> {
        let mut texts = Vec::new();
        let mut text = String::new();
        self.list(|reader| {
            reader.text(&mut text)?;
            if texts.len() >= 10_000 {
                return Err(reader.error("not_trivy", "a list of more than 10,000 texts"));
            }
            texts.push(text.clone());
            Ok(())
        })?;
        Ok(texts)
    }

    pub(super) fn token_text(&self) -> String {
        String::from_utf8_lossy(&self.token).into_owned()
    }

    pub(super) fn short_text(&mut self, what: &str) -> Result<()> {
        match self.peek()? {
            Some(b'"') => {
                self.position += 1;
                self.short_text_body()
            }
            other => Err(self.unexpected(other, what)),
        }
    }

    pub(super) fn short_text_body(&mut self) -> Result<()> {
        let mut token = std::mem::take(&mut self.token);
        let read = self.collect(&mut token, MAX_TOKEN);
        self.token = token;
        read
    }

    /// Reads the rest of a text, behind its opening quote, into `bytes`.
    pub(super) fn collect(&mut self, bytes: &mut Vec<u8>, limit: usize) -> Result<()> {
        bytes.clear();
        loop {
            let rest = &self.chunk.bytes[self.position..];
            let length = plain_length(rest).unwrap_or(rest.len());
            if bytes.len() + length > limit {
                return Err(self.error("not_trivy", format!("a text of more than {limit} bytes")));
            }
            bytes.extend_from_slice(&rest[..length]);
            self.position += length;
            match self.chunk.bytes.get(self.position) {
                None => self.more("a text")?,
                Some(b'"') => {
                    self.position += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.position += 1;
                    let character = self.escape()?;
                    bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                Some(_) => return Err(self.error("not_json", "a control character in a text")),
            }
        }
    }

    /// Passes over the rest of a text, behind its opening quote.
    #[inline]
    pub(super) fn pass_text(&mut self) -> Result<()> {
        loop {
            let rest = &self.chunk.bytes[self.position..];
            let length = plain_length(rest).unwrap_or(rest.len());
            self.position += length;
            match self.chunk.bytes.get(self.position) {
                None => self.more("a text")?,
                Some(b'"') => {
                    self.position += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.position += 1;
                    self.escape()?;
                }
                Some(_) => return Err(self.error("not_json", "a control character in a text")),
            }
        }
    }

    /// Reads what follows a backslash. Half of a surrogate pair becomes U+FFFD, as in Go.
    pub(super) fn escape(&mut self) -> Result<char> {
        Ok(match self.byte("a text")? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.four_digits()?;
                if !(0xD800..0xDC00).contains(&first) {
                    return Ok(char::from_u32(first).unwrap_or('\u{fffd}'));
                }
                // A lone half may be followed by anything; only a second half is taken along.
                let Some(second) = self.second_half()? else {
                    return Ok('\u{fffd}');
                };
                self.position += 6;
                let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                char::from_u32(code).unwrap_or('\u{fffd}')
            }
            _ => return Err(self.error("not_json", "an unknown escape in a text")),
        })
    }

    /// Returns the second half of a surrogate pair, where one follows, without taking it.
    pub(super) fn second_half(&mut self) -> Result<Option<u32>> {
        let mut code = 0;
        for ahead in 0..6 {
            let digit = match (ahead, self.upcoming(ahead)?) {
                (0, Some(b'\\')) | (1, Some(b'u')) => continue,
                (2.., Some(byte)) => char::from(byte).to_digit(16),
                _ => None,
            };
            let Some(digit) = digit else { return Ok(None) };
            code = code * 16 + digit;
        }
        Ok((0xDC00..0xE000).contains(&code).then_some(code))
    }

    pub(super) fn four_digits(&mut self) -> Result<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let byte = self.byte("a text")?;
            let Some(digit) = char::from(byte).to_digit(16) else {
                return Err(self.error(
                    "not_json",
                    "an escape in a text is not four hexadecimal digits",
                ));
            };
            code = code * 16 + digit;
        }
        Ok(code)
    }
}

/// Returns how many bytes precede the first quote, backslash or control character. Eight bytes at
/// a time: the trick is that of "bit twiddling hacks", a zero byte in a word.
#[inline]
pub(super) fn plain_length(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let mut chunks = bytes.chunks_exact(8);
    let mut passed = 0;
    for chunk in chunks.by_ref() {
        let word = u64::from_le_bytes(chunk.try_into().unwrap_or_default());
        let quote = word ^ (ONES * 0x22);
        let backslash = word ^ (ONES * 0x5C);
        let found = (quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        let found = found & HIGHS;
        if found != 0 {
            // The lowest mark is exact; borrows only disturb marks above a true one.
            return Some(passed + (found.trailing_zeros() / 8) as usize);
        }
        passed += 8;
    }
    let rest = chunks.remainder();
    rest.iter()
        .position(|it| matches!(it, b'"' | b'\\' | 0..=0x1f))
        .map(|it| passed + it)
}
