//! Numbers, by the grammar of RFC 8259.

use super::{MAX_TOKEN, Reader, error::Result};

impl Reader {
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

    /// Reads a number into `token`, by the grammar of RFC 8259.
    pub(super) fn number(&mut self) -> Result<()> {
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
