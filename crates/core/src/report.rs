//! The answer of a tool: what it says to people, to programs and to the next tool in the pipe.

use std::{
    fmt,
    io::{self, BufRead},
    path::PathBuf,
};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    exit,
    failure::{self, Failure},
};

mod text;

pub use text::{bare, human, markdown};

/// The name and major version of the report's form on the wire. Fields are only ever added.
pub const SCHEMA: &str = "autoscaleops/report/v1";

/// Whether the caller may go on. Only `pass` opens a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Done, the answer is yes, or there was nothing to do.
    Pass,
    /// Done, the answer is no.
    Fail,
    /// Done, the evidence does not suffice.
    Undecided,
    /// The tool could not do its work.
    Error,
}

impl Verdict {
    /// Returns the exit code that stands for this verdict.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass => exit::PASS,
            Self::Fail => exit::FAIL,
            Self::Undecided => exit::UNDECIDED,
            Self::Error => exit::ERROR,
        }
    }

    /// Returns the verdict as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Undecided => "undecided",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What was judged or changed, so that the next tool in the pipe can act on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Subject {
    /// `image`, `file`, `cluster`, `hpa`, `script`, …
    pub kind: String,
    /// The name of it; for an image, registry and repository without tag.
    pub name: String,
    /// The tag, for an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The digest, for an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl Subject {
    /// Returns a subject without tag and digest.
    pub fn new(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            name: name.into(),
            tag: None,
            digest: None,
        }
    }
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Location {
    /// The file.
    #[schemars(with = "String")]
    pub path: PathBuf,
    /// The line, counted from one; zero where only the file is known.
    #[serde(default)]
    pub line: usize,
    /// The column, counted from one in characters; zero where only the line is known.
    #[serde(default)]
    pub column: usize,
}

impl Location {
    /// Returns the place.
    pub fn new(path: PathBuf, line: usize, column: usize) -> Self {
        Self { path, line, column }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
            if self.column > 0 {
                write!(f, ":{}", self.column)?;
            }
        }
        Ok(())
    }
}

/// How much a finding weighs.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It counts against the verdict.
    Error,
    /// It should be looked at.
    Warning,
    /// It is good to know.
    Note,
}

impl Level {
    /// Returns the level as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing that the tool found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// How much it weighs.
    pub level: Level,
    /// A stable word or identifier for programs, such as `CVE-2024-1234` or `threshold`.
    pub id: String,
    /// One sentence for people.
    pub message: String,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

impl Finding {
    /// Returns a finding without a place.
    pub fn new(level: Level, id: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            level,
            id: id.into(),
            message: message.into(),
            location: None,
        }
    }

    /// Adds the place, lines and columns counted from one.
    #[must_use]
    pub fn at(mut self, path: impl Into<PathBuf>, line: usize, column: usize) -> Self {
        self.location = Some(Location::new(path.into(), line, column));
        self
    }
}

/// Why there is no other verdict than `error`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorInfo {
    /// A stable word for programs, such as `push_refused`.
    pub kind: String,
    /// The exit code.
    pub code: u8,
    /// What failed.
    pub message: String,
    /// Why, outermost first.
    #[serde(default)]
    pub causes: Vec<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Where, in a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// The answer of a tool. `D` is what only this tool knows.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Report<D> {
    /// Name and major version of this form.
    pub schema: String,
    /// The tool that answers. Filled in when the report is written.
    #[serde(default)]
    pub tool: String,
    /// The version of the tool.
    #[serde(default)]
    pub version: String,
    /// Whether the caller may go on.
    pub verdict: Verdict,
    /// One sentence for people.
    pub summary: String,
    /// What was judged or changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// A flat map of scalars: exactly what is written to `GITHUB_OUTPUT`.
    #[serde(default)]
    pub outputs: Map<String, Value>,
    /// What was found, in order of weight.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// What only this tool knows.
    pub details: D,
    /// Why the verdict is `error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorInfo>,
    /// When the tool began.
    #[serde(default)]
    #[schemars(with = "String")]
    pub started_at: Timestamp,
    /// How long it took, in milliseconds.
    #[serde(default)]
    pub duration_ms: u64,
    /// Whether it was written to standard output already.
    #[serde(skip)]
    is_emitted: bool,
}

impl<D> Report<D> {
    /// Returns a report without subject, outputs and findings.
    pub fn new(verdict: Verdict, summary: impl Into<String>, details: D) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            tool: String::new(),
            version: String::new(),
            verdict,
            summary: summary.into(),
            subject: None,
            outputs: Map::new(),
            findings: Vec::new(),
            details,
            error: None,
            started_at: Timestamp::default(),
            duration_ms: 0,
            is_emitted: false,
        }
    }

    /// Sets what was judged or changed.
    #[must_use]
    pub fn subject(mut self, subject: Subject) -> Self {
        self.subject = Some(subject);
        self
    }

    /// Adds one output. The value is a text, a number, a boolean or null.
    #[must_use]
    pub fn output(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        debug_assert!(
            !value.is_array() && !value.is_object(),
            "outputs are scalars"
        );
        self.outputs.insert(name.to_owned(), value);
        self
    }

    /// Adds one finding.
    #[must_use]
    pub fn finding(mut self, finding: Finding) -> Self {
        self.findings.push(finding);
        self
    }

    /// Adds findings.
    #[must_use]
    pub fn findings(mut self, findings: impl IntoIterator<Item = Finding>) -> Self {
        self.findings.extend(findings);
        self
    }

    /// Says why the verdict is `error`, which also decides the exit code.
    #[must_use]
    pub fn because(mut self, error: ErrorInfo) -> Self {
        self.error = Some(error);
        self
    }

    /// Marks the report as written: the end of the tool prints it no more, and uses it for the
    /// exit code, the report files and the CI alone.
    #[must_use]
    pub fn emitted(mut self) -> Self {
        self.is_emitted = true;
        self
    }

    /// Returns whether the report was written to standard output already.
    pub fn is_emitted(&self) -> bool {
        self.is_emitted
    }

    /// Returns the exit code of a tool that ends with this report.
    pub fn exit_code(&self) -> u8 {
        match &self.error {
            Some(error) => error.code,
            None => self.verdict.exit_code(),
        }
    }

    /// Writes who answers and since when.
    pub fn stamp(&mut self, tool: &str, version: &str, started_at: Timestamp) {
        tool.clone_into(&mut self.tool);
        version.clone_into(&mut self.version);
        self.started_at = started_at;
        let elapsed = Timestamp::now().duration_since(started_at);
        self.duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(0);
    }
}

impl<D: Serialize> Report<D> {
    /// Returns the report as one line of JSON, without the line break.
    ///
    /// # Errors
    ///
    /// Fails when the details cannot be expressed in JSON.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

impl Report<Value> {
    /// Returns the report of a tool that could not do its work.
    pub fn of_error(error: &anyhow::Error) -> Self {
        let info = ErrorInfo::of(error);
        let verdict = if info.code == exit::UNDECIDED {
            Verdict::Undecided
        } else {
            Verdict::Error
        };
        Self::new(verdict, info.message.clone(), Value::Object(Map::new()))
            .output("result", "error")
            .output("error_kind", info.kind.clone())
            .because(info)
    }

    /// Reads one report, as another tool wrote it. Unknown fields are ignored.
    ///
    /// # Errors
    ///
    /// Fails when `line` is not a report, or one of another major version.
    pub fn parse(line: &str) -> Result<Self, Failure> {
        let problem = |what: String| {
            Failure::usage(what)
                .kind_of("not_a_report")
                .hint("pipe a tool with `-o json` into this one")
        };
        let value: Value = serde_json::from_str(line)
            .map_err(|err| problem(format!("the input is not a report: {err}")))?;
        match value.get("schema").and_then(Value::as_str) {
            Some(SCHEMA) => {}
            Some(other) => {
                return Err(problem(format!(
                    "the input is a `{}`, this version reads `{SCHEMA}`",
                    crate::text::printable(other)
                )));
            }
            None => {
                return Err(problem(
                    "the input is not a report: it names no schema".to_owned(),
                ));
            }
        }
        serde_json::from_value(value)
            .map_err(|err| problem(format!("the input is not a report: {err}")))
    }
}

impl ErrorInfo {
    /// Returns what a report says of `error`.
    pub fn of(error: &anyhow::Error) -> Self {
        let failure = failure::of(error);
        Self {
            kind: failure.map_or("error", Failure::kind).to_owned(),
            code: failure::code(error),
            message: error.to_string(),
            causes: error.chain().skip(1).map(ToString::to_string).collect(),
            hint: failure.and_then(Failure::remedy).map(str::to_owned),
            location: failure.and_then(Failure::location).cloned(),
        }
    }
}

/// Reads the reports of a pipe, one a line, as they arrive. Empty lines are skipped.
pub fn read_lines(input: impl BufRead) -> impl Iterator<Item = Result<Report<Value>, Failure>> {
    input
        .lines()
        .filter_map(|line: io::Result<String>| match line {
            Ok(line) if line.trim().is_empty() => None,
            Ok(line) => Some(Report::parse(&line)),
            Err(err) => Some(Err(Failure::usage(format!("cannot read the pipe: {err}")))),
        })
}

#[cfg(test)]
mod tests;
