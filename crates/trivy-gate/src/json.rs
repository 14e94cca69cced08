//! A strict JSON reader for one large document from a pipe: one pass, bounded memory, no tree.
//!
//! It accepts RFC 8259 and nothing else, checks every byte of what it skips, and refuses what other
//! readers settle silently, each in its own way: a key given twice, a key that differs from a known
//! one only in case, data behind the document.

use crate::{
    json::{
        shape::{Kind, Shape},
        source::{Chunk, Source},
    },
    purl, time,
};

pub(crate) mod shape;
pub(crate) mod source;

/// How deep values may nest. Real reports stay below 20.
const MAX_DEPTH: usize = 128;
/// How long a text that is kept may be, in bytes.
const MAX_TEXT: usize = 1 << 20;
/// How long a number or a key may be, in bytes.
const MAX_TOKEN: usize = 4 << 10;

/// Why a document cannot be used. Small, since the answer of every step could be one.
#[derive(Debug)]
pub(crate) struct JsonError(Box<Fault>);

/// What is wrong, and where.
#[derive(Debug)]
pub(crate) struct Fault {
    /// A word for programs.
    pub(crate) kind: &'static str,
    /// One sentence for people.
    pub(crate) message: String,
    /// The line, counted from one.
    pub(crate) line: usize,
    /// The column in characters, counted from one.
    pub(crate) column: usize,
}

impl JsonError {
    /// Returns what is wrong.
    pub(crate) fn fault(self) -> Fault {
        *self.0
    }
}

pub(crate) type Result<T> = std::result::Result<T, JsonError>;

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

    /// Returns the first byte of the next token, without taking it.
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
    fn plain_text(&self) -> Option<&str> {
        let rest = &self.chunk.bytes[self.position..];
        let length = plain_length(rest).filter(|it| *it <= MAX_TOKEN)?;
        let plain = (rest.get(length) == Some(&b'"')).then(|| &rest[..length])?;
        std::str::from_utf8(plain).ok()
    }

    /// Reads a whole number, or `null`.
    pub(crate) fn integer(&mut self) -> Result<Option<i64>> {
        if self.peek()? == Some(b'n') {
            return self.word(b"null").map(|()| None);
        }
        self.number()?;
        match std::str::from_utf8(&self.token)
            .ok()
            .and_then(|it| it.parse().ok())
        {
            Some(number) => Ok(Some(number)),
            None => Err(self.error("not_trivy", "expected a whole number of 64 bits")),
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

    /// Makes sure that nothing but white space follows.
    pub(crate) fn end(&mut self) -> Result<()> {
        match self.peek()? {
            None => Ok(()),
            Some(_) => Err(self.error("trailing_data", "there is more data after the report")),
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

    fn expect(&self, holds: bool, what: &str) -> Result<()> {
        if holds {
            return Ok(());
        }
        let found = autoscaleops_core::text::shorten(
            &autoscaleops_core::text::printable(&self.token_text()),
            60,
        );
        Err(self.error("not_trivy", format!("expected {what}, found `{found}`")))
    }

    fn token_text(&self) -> String {
        String::from_utf8_lossy(&self.token).into_owned()
    }

    fn short_text(&mut self, what: &str) -> Result<()> {
        match self.peek()? {
            Some(b'"') => {
                self.position += 1;
                self.short_text_body()
            }
            other => Err(self.unexpected(other, what)),
        }
    }

    fn short_text_body(&mut self) -> Result<()> {
        let mut token = std::mem::take(&mut self.token);
        let read = self.collect(&mut token, MAX_TOKEN);
        self.token = token;
        read
    }

    /// Reads the rest of a text, behind its opening quote, into `bytes`.
    fn collect(&mut self, bytes: &mut Vec<u8>, limit: usize) -> Result<()> {
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
    fn pass_text(&mut self) -> Result<()> {
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
    fn escape(&mut self) -> Result<char> {
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
    fn second_half(&mut self) -> Result<Option<u32>> {
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

    fn four_digits(&mut self) -> Result<u32> {
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

    /// Returns the byte `ahead` of the position, joining the next chunk where it lies there.
    fn upcoming(&mut self, ahead: usize) -> Result<Option<u8>> {
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

    /// Reads a number into `token`, by the grammar of RFC 8259.
    fn number(&mut self) -> Result<()> {
        self.peek()?;
        self.token.clear();
        loop {
            match self.chunk.bytes.get(self.position) {
                Some(&byte @ (b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')) => {
                    self.token.push(byte);
                    self.position += 1;
                    if self.token.len() > MAX_TOKEN {
                        return Err(self.error("not_trivy", "a number of more than 4096 digits"));
                    }
                }
                Some(_) => break,
                None => {
                    if !self.refill()? {
                        break;
                    }
                }
            }
        }
        if is_number(&self.token) {
            return Ok(());
        }
        match self.peek()? {
            None => Err(self.truncated("a number")),
            other if self.token.is_empty() => Err(self.unexpected(other, "a number")),
            _ => Err(self.error(
                "not_json",
                format!("`{}` is not a number", self.token_text()),
            )),
        }
    }

    fn word(&mut self, word: &'static [u8]) -> Result<()> {
        for &expected in word {
            if self.byte("a word")? != expected {
                return Err(self.error("not_json", "expected `true`, `false` or `null`"));
            }
        }
        Ok(())
    }

    fn skip_any(&mut self, first: Option<u8>) -> Result<()> {
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

    fn byte(&mut self, within: &str) -> Result<u8> {
        loop {
            if let Some(&byte) = self.chunk.bytes.get(self.position) {
                self.position += 1;
                return Ok(byte);
            }
            self.more(within)?;
        }
    }

    fn more(&mut self, within: &str) -> Result<()> {
        if self.refill()? {
            Ok(())
        } else {
            Err(self.truncated(within))
        }
    }

    fn refill(&mut self) -> Result<bool> {
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
    fn settle(&mut self) {
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

    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        match self.source.next() {
            Ok(chunk) => Ok(chunk),
            Err(problem) => Err(self.error(problem.kind(), problem.to_string())),
        }
    }

    fn truncated(&self, within: &str) -> JsonError {
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

    fn unexpected(&self, found: Option<u8>, wanted: &str) -> JsonError {
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
}

/// Returns how many bytes precede the first quote, backslash or control character. Eight bytes at
/// a time: the trick is that of "bit twiddling hacks", a zero byte in a word.
fn plain_length(bytes: &[u8]) -> Option<usize> {
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

/// Counts line breaks.
fn breaks(bytes: &[u8]) -> usize {
    // Small sums of bytes, which compile to vector instructions.
    bytes
        .chunks(255)
        .map(|chunk| usize::from(chunk.iter().map(|it| u8::from(*it == b'\n')).sum::<u8>()))
        .sum()
}

fn is_number(token: &[u8]) -> bool {
    let mut rest = token.strip_prefix(b"-").unwrap_or(token);
    let digits = |text: &[u8]| text.iter().take_while(|it| it.is_ascii_digit()).count();
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest[0] == b'0') {
        return false;
    }
    rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = &fraction[count..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = match exponent {
            [b'+' | b'-', unsigned @ ..] => unsigned,
            other => other,
        };
        let count = digits(exponent);
        if count == 0 {
            return false;
        }
        rest = &exponent[count..];
    }
    rest.is_empty()
}

fn is_sha256(text: &[u8]) -> bool {
    text.strip_prefix(b"sha256:").is_some_and(|hex| {
        hex.len() == 64
            && hex
                .iter()
                .all(|it| it.is_ascii_digit() || (b'a'..=b'f').contains(it))
    })
}

#[cfg(test)]
mod tests;
