//! A recording: JSON Lines, one line for each thing that was seen, so that a recording which was
//! cut off can be read up to its last whole line.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Write as _},
    path::Path,
};

use autoscaleops_core::Failure;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The name and major version of the form.
pub const SCHEMA: &str = "hpa-watch/recording/v1";

/// A condition as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Condition {
    /// Whether it holds.
    pub holds: bool,
    /// The word for programs.
    pub reason: String,
    /// The sentence for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// What one autoscaler and its target looked like at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Point {
    /// The lower bound.
    pub min: i32,
    /// The upper bound.
    pub max: i32,
    /// `status.currentReplicas`: the target's size at the controller's last sync.
    pub current: i32,
    /// `status.desiredReplicas`: what the controller last asked for.
    pub desired: i32,
    /// The target's `spec.replicas` now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<i32>,
    /// The target's ready pods now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<i32>,
    /// The first utilization target, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<i32>,
    /// The utilization that the controller saw, in percent. Absent while unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utilization: Option<i32>,
    /// The utilization at which nothing changes, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub band: Option<Band>,
    /// The utilization that `metrics.k8s.io` shows now, in percent, counted as the controller counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured: Option<i32>,
    /// The first metric with its value and its target, where that is no utilization.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub metric: String,
    /// What the metrics ask for, before windows and policies, as recomputed here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recommended: Option<i32>,
    /// Whether the target can be scaled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub able: Option<Condition>,
    /// Whether the metrics can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<Condition>,
    /// Whether the wish was cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limited: Option<Condition>,
    /// One plain sentence of why the size is what it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Until when a stabilization window holds the size, if the load stays.
    #[schemars(with = "Option<String>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_until: Option<Timestamp>,
    /// What the algorithm gives, where the controller did something else for two syncs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<i32>,
    /// What could not be looked at, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_checked: Vec<String>,
}

/// The utilization at which nothing changes, in whole percent, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Band {
    /// The lowest.
    pub low: i32,
    /// The highest.
    pub high: i32,
}

impl Point {
    /// Returns the replicas that are asked for now: of the target, or as the controller last saw.
    pub fn size(&self) -> i32 {
        self.spec.unwrap_or(self.current)
    }

    /// Returns whether some metric is known.
    pub fn is_known(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.holds)
    }
}

/// One line of a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Entry {
    /// The beginning.
    Start {
        /// [`SCHEMA`].
        schema: String,
        /// The version of hpa-watch.
        version: String,
        /// The version of the API server, where it says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        server: Option<String>,
    },
    /// An autoscaler's spec, at the beginning and on every change.
    Spec {
        /// `namespace/name`.
        hpa: String,
        /// The manifest: `apiVersion`, `kind`, `metadata.name` and `spec`.
        manifest: serde_json::Value,
    },
    /// A change of what is seen.
    Point {
        /// `namespace/name`.
        hpa: String,
        /// What is seen now.
        #[serde(flatten)]
        point: Box<Point>,
    },
    /// An event of the cluster.
    Event {
        /// `namespace/name`.
        hpa: String,
        /// `Normal` or `Warning`.
        kind: String,
        /// The word for programs.
        reason: String,
        /// The sentence for people.
        message: String,
        /// How often it happened.
        count: i32,
    },
    /// The connection was lost: what happened meanwhile is known only by its result.
    Gap {
        /// What failed.
        what: String,
        /// For how long, in milliseconds.
        lasted_ms: u64,
    },
    /// The command was started.
    CommandStarted {
        /// The program and its arguments.
        command: Vec<String>,
    },
    /// The command ended.
    CommandEnded {
        /// Its exit code, none when a signal ended it.
        code: Option<i32>,
    },
    /// An autoscaler is gone.
    Deleted {
        /// `namespace/name`.
        hpa: String,
    },
    /// The end.
    End {
        /// `settled`, `stopped` or `time`.
        reason: String,
    },
}

/// A line with its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub entry: Entry,
}

/// Writes a recording. Each line reaches the file before the next one begins.
pub struct Writer {
    file: File,
}

impl Writer {
    /// Creates the file, or empties it.
    ///
    /// # Errors
    ///
    /// Fails when the system refuses.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let file = File::create(path).map_err(|err| {
            Failure::error("io", format!("cannot create `{}`: {err}", path.display()))
        })?;
        Ok(Self { file })
    }

    /// Writes one line.
    ///
    /// # Errors
    ///
    /// Fails when the system refuses.
    pub fn write(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line).map_err(io::Error::other)?;
        text.push(b'\n');
        self.file.write_all(&text)
    }
}

/// Reads a recording. A last line that was cut off is left out.
///
/// # Errors
///
/// Fails when the file cannot be read or is no recording, with the line.
pub fn read(path: &Path) -> Result<Vec<Line>, Failure> {
    let problem = |text: String, line: usize| {
        Failure::usage(text)
            .kind_of("not_a_recording")
            .at(path, line, 0)
            .hint("make one with `hpa-watch record -o FILE NAME`")
    };
    let file = File::open(path).map_err(|err| {
        Failure::usage(format!("cannot read `{}`: {err}", path.display())).kind_of("io")
    })?;
    let mut lines = Vec::new();
    let mut cut_off = None;
    for (index, text) in BufReader::new(file).lines().enumerate() {
        let number = index + 1;
        if let Some((number, err)) = cut_off {
            return Err(problem(format!("not a line of a recording: {err}"), number));
        }
        let text = match text {
            Ok(text) => text,
            Err(err) if err.kind() == io::ErrorKind::InvalidData => {
                cut_off = Some((number, err.to_string()));
                continue;
            }
            Err(err) => return Err(problem(format!("cannot be read: {err}"), number)),
        };
        if text.trim().is_empty() {
            continue;
        }
        match serde_json::from_str::<Line>(&text) {
            Ok(line) => lines.push(line),
            // The last line may be half written; an earlier one may not.
            Err(err) => cut_off = Some((number, err.to_string())),
        }
    }
    match lines.first().map(|line| &line.entry) {
        Some(Entry::Start { schema, .. }) if schema == SCHEMA => Ok(lines),
        Some(Entry::Start { schema, .. }) => Err(problem(
            format!(
                "the recording is of `{}`, this version reads `{SCHEMA}`",
                autoscaleops_core::text::printable(schema)
            ),
            1,
        )),
        _ => Err(problem(
            "this is not a recording of hpa-watch".to_owned(),
            1,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Line {
        Line {
            at: Timestamp::UNIX_EPOCH,
            entry: Entry::Start {
                schema: SCHEMA.to_owned(),
                version: "0.1.0".to_owned(),
                server: None,
            },
        }
    }

    fn point() -> Line {
        Line {
            at: Timestamp::UNIX_EPOCH,
            entry: Entry::Point {
                hpa: "shop/web".to_owned(),
                point: Box::new(Point {
                    min: 1,
                    max: 3,
                    ready: Some(2),
                    ..Point::default()
                }),
            },
        }
    }

    #[test]
    fn a_recording_that_was_cut_off_is_read_up_to_its_last_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let mut writer = Writer::create(&path).unwrap();
        writer.write(&start()).unwrap();
        writer.write(&point()).unwrap();
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(read(&path).unwrap(), [start(), point()]);
        let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for end in first..whole.len() - 1 {
            std::fs::write(&path, &whole[..end]).unwrap();
            assert_eq!(read(&path).unwrap(), [start()], "cut at {end}");
        }
    }

    #[test]
    fn a_broken_line_in_the_middle_is_an_error_with_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let start = serde_json::to_string(&start()).unwrap();
        std::fs::write(&path, format!("{start}\n{{\"at\"\n{start}\n")).unwrap();
        let failure = read(&path).unwrap_err();
        assert!(failure.to_string().contains("a.jsonl:2"), "{failure}");
    }

    #[test]
    fn something_else_is_no_recording() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        for text in ["", "{}", "[1]\n", "hello\n"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read(&path).unwrap_err().kind(), "not_a_recording", "{text}");
        }
    }
}
