//! What k6 says on standard error, line by line.

use crate::details::EndedEarly;

/// What is kept of all that k6 said.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// Iterations that ended with an exception.
    pub(super) exceptions: u64,
    /// The first exception.
    pub(super) first_exception: Option<String>,
    /// The last error.
    last: Option<String>,
}

impl Said {
    /// Takes one line.
    pub(crate) fn hear(&mut self, line: &str) {
        let is_error = line.contains("level=error") || line.contains("level=fatal");
        if !is_error {
            return;
        }
        let text = message(line);
        if line.contains("source=stacktrace") && line.contains("executor=") {
            self.exceptions += 1;
            self.first_exception.get_or_insert_with(|| text.clone());
        }
        self.last = Some(text);
    }

    /// Returns the last error, or the beginning of it.
    pub(super) fn last_error(&self) -> &str {
        self.last.as_deref().unwrap_or("it said nothing")
    }

    /// Returns why the run ended early, where k6's exit code says that it did.
    pub(super) fn early(&self, code: i32) -> Option<EndedEarly> {
        match code {
            100 => Some(EndedEarly::SetupTimeout("its limit".to_owned())),
            101 => Some(EndedEarly::TeardownTimeout("its limit".to_owned())),
            105 => Some(EndedEarly::Signal),
            107 => Some(EndedEarly::Setup(self.last_error().to_owned())),
            108 => Some(EndedEarly::Script("test aborted".to_owned())),
            110 => Some(EndedEarly::Marked(String::new())),
            _ => None,
        }
    }
}

/// Returns the first line of the message of a line of k6's log.
fn message(line: &str) -> String {
    let Some((_, rest)) = line.split_once("msg=") else {
        return line.to_owned();
    };
    let Some(quoted) = rest.strip_prefix('"') else {
        return rest.split(' ').next().unwrap_or_default().to_owned();
    };
    let mut text = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => match chars.next() {
                Some('n') | None => break,
                Some('t') => text.push(' '),
                Some(other) => text.push(other),
            },
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_counted_and_their_words_are_unquoted() {
        let mut said = Said::default();
        said.hear("time=\"x\" level=info msg=hello source=console");
        for _ in 0..2 {
            said.hear("time=\"x\" level=error msg=\"Error: boom \\\"q\\\"\\n\\tat default\" executor=per-vu-iterations scenario=default source=stacktrace");
        }
        assert_eq!(said.exceptions, 2);
        assert_eq!(said.first_exception.as_deref(), Some("Error: boom \"q\""));
        assert_eq!(said.last_error(), "Error: boom \"q\"");
    }

    #[test]
    fn a_code_of_k6_is_an_early_end_or_none() {
        let said = Said::default();
        assert_eq!(said.early(0), None);
        assert_eq!(said.early(99), None);
        assert_eq!(said.early(105), Some(EndedEarly::Signal));
    }
}
