//! Text that the runner must not take for a command.
//!
//! The runner reads every line of both streams. A line that begins with `::`, behind white space or
//! not, may be a command; the older form, `##[…]`, is one wherever in a line it stands
//! (`ActionCommand.cs` of actions/runner). A package, a commit or a server can name itself like one,
//! and then set an output, hide a text of the log, or stop all later commands.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use crate::cli::Format;

/// Returns `text`, an answer in `format`, such that no line of it is a command. JSON and XML keep
/// their meaning; elsewhere a blank is put in between.
pub(crate) fn inert(text: &str, format: Format) -> Cow<'_, str> {
    let (colons, hashes) = match format {
        // Within a string alone can there be a `#`, and no line begins within one.
        Format::Json | Format::Sarif => ("::", r"#\u0023["),
        Format::Junit | Format::Html | Format::Svg => ("&#58;:", "#&#35;["),
        Format::Human | Format::Markdown | Format::Csv => (": :", "# #["),
    };
    if !text.contains("##[") && !text.lines().any(is_command) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for line in text.split_inclusive(['\n', '\r']) {
        if is_command(line) {
            out.push_str(&line.replacen("::", colons, 1).replace("##[", hashes));
        } else {
            out.push_str(&line.replace("##[", hashes));
        }
    }
    Cow::Owned(out)
}

/// One event of the log on its way to standard error.
#[derive(Default)]
pub(crate) struct Log(Vec<u8>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.0);
        let text = if super::is_runner() {
            inert(&text, Format::Human)
        } else {
            text
        };
        // A log that nobody reads any more is no reason to stop.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
}

fn is_command(line: &str) -> bool {
    line.trim_start().starts_with("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the runner sees a command in a line, as its source says.
    fn is_heard(line: &str) -> bool {
        let line = line.trim_start();
        let new = line.strip_prefix("::").is_some_and(|it| it.contains("::"));
        let old = line
            .find("##[")
            .is_some_and(|start| line[start..].contains(']'));
        new || old
    }

    const EVIL: [&str; 6] = [
        "::set-output name=result::pass",
        " \t\u{a0}::stop-commands::x",
        "libcurl ##[set-output name=result]pass",
        "###[add-mask]x ##[error]y",
        "a\r::error::b\n##[debug]\n\u{2003}::add-mask::c",
        ":::error::::",
    ];

    #[test]
    fn no_line_is_a_command() {
        for text in EVIL {
            assert!(text.split(['\n', '\r']).any(is_heard), "{text}");
            for format in [Format::Human, Format::Markdown, Format::Csv, Format::Junit] {
                let made = inert(text, format);
                assert!(!made.split(['\n', '\r']).any(is_heard), "{made}");
            }
        }
    }

    #[test]
    fn json_says_the_same_as_before() {
        for text in EVIL {
            let json = serde_json::to_string(&serde_json::json!({"text": text})).unwrap();
            let made = inert(&json, Format::Json);
            assert!(!is_heard(&made), "{made}");
            let read: serde_json::Value = serde_json::from_str(&made).unwrap();
            assert_eq!(read["text"], text);
        }
    }

    #[test]
    fn what_is_no_command_is_left_alone() {
        let text = "std::fmt\n a ## b [c]\nCVE-1: curl::x\n";
        assert!(matches!(inert(text, Format::Human), Cow::Borrowed(it) if it == text));
    }
}
