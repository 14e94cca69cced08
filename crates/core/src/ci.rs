//! What GitHub Actions wants to be told: outputs, summary, annotations and masks.
//!
//! Outputs and summary go to the files that the runner names. Commands go to standard error, which
//! the runner reads as it reads standard output, so that standard output stays the answer alone.

use std::{
    collections::HashSet,
    fmt,
    fs::OpenOptions,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{LazyLock, Mutex, PoisonError},
};

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::{
    cli::Format,
    config,
    report::{Finding, Level},
};

mod inert;

pub(crate) use inert::{Log, inert};

/// The runner drops a whole summary above 1 MiB.
const SUMMARY_LIMIT: usize = 900 * 1024;
/// The runner shows no more annotations of one kind and step.
const ANNOTATION_LIMIT: usize = 10;

/// The runner that this process is a step of.
#[derive(Clone, Debug)]
pub struct GitHub {
    output: Option<PathBuf>,
    summary: Option<PathBuf>,
}

/// Returns whether this process is a step of a runner, which reads both of its streams.
pub(crate) fn is_runner() -> bool {
    config::env("GITHUB_ACTIONS").as_deref() == Some("true")
}

impl GitHub {
    /// Returns the runner, when `GITHUB_ACTIONS` says `true`.
    pub fn detect() -> Option<Self> {
        if !is_runner() {
            return None;
        }
        let file = |name| {
            config::env(name)
                .filter(|it| !it.is_empty())
                .map(PathBuf::from)
        };
        Some(Self {
            output: file("GITHUB_OUTPUT"),
            summary: file("GITHUB_STEP_SUMMARY"),
        })
    }

    /// Appends `outputs` to the file named by `GITHUB_OUTPUT`.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be appended to.
    pub fn write_outputs(&self, outputs: &Map<String, Value>) -> io::Result<()> {
        let Some(path) = &self.output else {
            return Ok(());
        };
        let entries: String = outputs
            .iter()
            .map(|(name, value)| output(name, &scalar(value)))
            .collect();
        append(path, &entries)
    }

    /// Appends `markdown` to the file named by `GITHUB_STEP_SUMMARY`, cut below the runner's limit.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be appended to.
    pub fn write_summary(&self, markdown: &str) -> io::Result<()> {
        let Some(path) = &self.summary else {
            return Ok(());
        };
        append(path, &cut(markdown, SUMMARY_LIMIT))
    }

    /// Returns the lines for standard error that annotate `findings`, at most ten.
    pub fn annotations(&self, findings: &[Finding]) -> Vec<String> {
        let shown = if findings.len() > ANNOTATION_LIMIT {
            ANNOTATION_LIMIT - 1
        } else {
            findings.len()
        };
        let mut lines: Vec<String> = findings[..shown]
            .iter()
            .map(|it| Annotation::of(it).to_string())
            .collect();
        if shown < findings.len() {
            let rest = format!("and {} more, see the report", findings.len() - shown);
            lines.push(Annotation::of(&Finding::new(Level::Note, "more", rest)).to_string());
        }
        lines
    }
}

/// The secrets that the runner knows of, by checksum; absent: it is told of none.
static MASKED: Mutex<Option<HashSet<u64>>> = Mutex::new(None);

/// Tells the runner of every secret that is read from now on, so that it prints them as `***`
/// whoever writes them.
///
/// Standard error must lead to the runner: on a terminal or in a file the telling itself would show
/// the secret.
pub(crate) fn mask_secrets() {
    let leads_on = rustix::fs::fstat(io::stderr()).is_ok_and(|it| {
        matches!(
            rustix::fs::FileType::from_raw_mode(it.st_mode),
            rustix::fs::FileType::Fifo | rustix::fs::FileType::Socket
        )
    });
    if leads_on {
        let mut masked = MASKED.lock().unwrap_or_else(PoisonError::into_inner);
        masked.get_or_insert_default();
    }
}

/// Tells the runner of `secret`, where it is to be told, once.
pub(crate) fn mask(secret: &str) {
    static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

    let mut masked = MASKED.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(masked) = masked.as_mut() else {
        return;
    };
    if masked.insert(KEYS.hash_one(secret)) {
        let lines = Zeroizing::new(masks(secret));
        // A runner that does not listen any more shows nothing either.
        let _ = io::stderr().lock().write_all(lines.as_bytes());
    }
}

/// Returns the commands that mask `secret`: all of it, and each line of it, since a log is
/// searched line by line. A line that is short or a word would blank out much else.
fn masks(secret: &str) -> String {
    let mut commands = String::new();
    // The runner refuses to mask nothing.
    if secret.trim().is_empty() {
        return commands;
    }
    commands.push_str(&format!("::add-mask::{}\n", escape(secret)));
    let lines: Vec<&str> = secret.split(['\r', '\n']).collect();
    if lines.len() > 1 {
        for line in lines.iter().map(|it| it.trim()).filter(|it| it.len() >= 8) {
            commands.push_str(&format!("::add-mask::{}\n", escape(line)));
        }
    }
    commands
}

struct Annotation<'a> {
    finding: &'a Finding,
}

impl<'a> Annotation<'a> {
    fn of(finding: &'a Finding) -> Self {
        Self { finding }
    }
}

impl fmt::Display for Annotation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let command = match self.finding.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "notice",
        };
        let title = inert(&self.finding.id, Format::Human);
        write!(f, "::{command} title={}", escape_property(&title))?;
        if let Some(location) = &self.finding.location {
            write!(
                f,
                ",file={}",
                escape_property(&location.path.to_string_lossy())
            )?;
            if location.line > 0 {
                write!(f, ",line={}", location.line)?;
            }
            if location.column > 0 {
                write!(f, ",col={}", location.column)?;
            }
        }
        // Its lines are no lines to the runner, so that only the older form is to be taken out.
        let message = self.finding.message.replace("##[", "# #[");
        write!(f, "::{}", escape(&message))
    }
}

/// Returns one entry of the outputs file, in the form with a delimiter, so that no value can begin
/// another entry.
pub(crate) fn output(name: &str, value: &str) -> String {
    let mut delimiter = random_delimiter();
    while value.contains(&delimiter) {
        delimiter = random_delimiter();
    }
    format!("{name}<<{delimiter}\n{value}\n{delimiter}\n")
}

fn random_delimiter() -> String {
    let draw = || RandomState::new().build_hasher().finish();
    format!("end_{:016x}{:016x}", draw(), draw())
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn append(path: &Path, text: &str) -> io::Result<()> {
    let named = |err: io::Error| {
        io::Error::new(
            err.kind(),
            format!("cannot append to `{}`: {err}", path.display()),
        )
    };
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(named)?;
    // One write, so that two steps of one job never mix.
    file.write_all(text.as_bytes()).map_err(named)
}

fn cut(markdown: &str, limit: usize) -> String {
    if markdown.len() <= limit {
        return markdown.to_owned();
    }
    let mut end = limit;
    while !markdown.is_char_boundary(end) {
        end -= 1;
    }
    // At a line, so that no table ends within a row.
    let end = markdown[..end].rfind('\n').unwrap_or(end);
    format!(
        "{}\n\n_Cut here: the whole has {} bytes, GitHub shows 1 MiB. See the report._\n",
        &markdown[..end],
        markdown.len()
    )
}

fn escape(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn escape_property(text: &str) -> String {
    escape(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn runner(folder: &Path) -> GitHub {
        GitHub {
            output: Some(folder.join("output")),
            summary: Some(folder.join("summary")),
        }
    }

    #[test]
    fn a_message_cannot_start_a_second_command() {
        let finding = Finding::new(Level::Error, "CVE,file=x", "100%\n::add-mask::x").at(
            "charts/a:b.yaml",
            3,
            0,
        );
        assert_eq!(
            Annotation::of(&finding).to_string(),
            "::error title=CVE%2Cfile=x,file=charts/a%3Ab.yaml,line=3::100%25%0A::add-mask::x"
        );
    }

    #[test]
    fn a_value_cannot_inject_another_output() {
        let folder = tempfile::tempdir().unwrap();
        let outputs = json!({"name": "x\nresult=pass\nEOF", "high": 0, "none": null});
        runner(folder.path())
            .write_outputs(outputs.as_object().unwrap())
            .unwrap();
        let text = fs_err::read_to_string(folder.path().join("output")).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let delimiter = lines[0].strip_prefix("name<<").unwrap();
        assert_eq!(&lines[1..5], ["x", "result=pass", "EOF", delimiter]);
        assert!(lines[5].starts_with("high<<") && lines[6] == "0");
        assert!(lines[8].starts_with("none<<") && lines[9].is_empty());
    }

    #[test]
    fn what_other_steps_wrote_stays() {
        let folder = tempfile::tempdir().unwrap();
        let runner = runner(folder.path());
        runner.write_summary("one\n").unwrap();
        runner.write_summary("two\n").unwrap();
        let text = fs_err::read_to_string(folder.path().join("summary")).unwrap();
        assert_eq!(text, "one\ntwo\n");
    }

    #[test]
    fn a_long_summary_is_cut_at_a_line_and_says_so() {
        let markdown = "| ä |\n".repeat(200_000);
        let cut = cut(&markdown, SUMMARY_LIMIT);
        assert!(cut.len() < 1024 * 1024 && cut.contains("Cut here"));
        assert!(cut[..SUMMARY_LIMIT - 8].ends_with('\n') || cut.contains("| ä |\n\n_Cut"));
    }

    #[test]
    fn at_most_ten_annotations_and_the_last_counts_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let many: Vec<Finding> = (0..12)
            .map(|it| Finding::new(Level::Error, format!("CVE-{it}"), "x"))
            .collect();
        let runner = runner(folder.path());
        let lines = runner.annotations(&many);
        assert_eq!(lines.len(), 10);
        assert!(
            lines[9].ends_with("and 3 more, see the report"),
            "{}",
            lines[9]
        );
        assert_eq!(runner.annotations(&many[..10]).len(), 10);
    }

    #[test]
    fn a_secret_of_several_lines_is_masked_as_a_whole_and_by_line() {
        assert_eq!(masks("a%b"), "::add-mask::a%25b\n");
        assert_eq!(
            masks("-----BEGIN KEY-----\r\n  MIIEvQIB\n}\n"),
            "::add-mask::-----BEGIN KEY-----%0D%0A  MIIEvQIB%0A}%0A\n\
             ::add-mask::-----BEGIN KEY-----\n\
             ::add-mask::MIIEvQIB\n"
        );
        assert_eq!(masks(" \n"), "");
    }

    #[test]
    fn nobody_is_told_of_a_secret_unless_it_is_asked_for() {
        // A test is no step of a runner, and `mask_secrets` was not called.
        mask("hunter2");
        assert!(MASKED.lock().unwrap().is_none());
    }
}
