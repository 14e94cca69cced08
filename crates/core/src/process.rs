//! Starts other programs, ends them with us, and says what they said when they fail.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use thiserror::Error;

use crate::{config, failure::Failure, secret::Secret, stop, text};

/// How long a program may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(5);

/// Why another program did not do its work.
#[derive(Debug, Error)]
pub enum ProcessError {
    /// The program could not be started.
    #[error("cannot start `{program}`")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// The program ran and failed.
    #[error("`{program}` ended with {status}{}", said(stderr))]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it wrote to standard error, made printable.
        stderr: String,
    },
    /// The program took too long and was ended.
    #[error("`{program}` did not end within {} s", after.as_secs_f64())]
    TimedOut {
        /// The program.
        program: String,
        /// The time that it had.
        after: Duration,
    },
    /// The program wrote more than was allowed and was ended.
    #[error("`{program}` wrote more than {limit} bytes")]
    TooLong {
        /// The program.
        program: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// We were asked to stop, and ended the program.
    #[error("interrupted while `{program}` ran")]
    Interrupted {
        /// The program.
        program: String,
    },
}

impl ProcessError {
    /// Returns whether there is no such program.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Start { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Returns the failure for a tool that cannot go on without the program: exit code 3.
    pub fn into_unavailable(self, hint: &str) -> anyhow::Error {
        let message = self.to_string();
        let kind = match &self {
            Self::Start { .. } => "program_missing",
            Self::TimedOut { .. } => "timeout",
            Self::Interrupted { .. } => "interrupted",
            Self::Failed { .. } | Self::TooLong { .. } => "program_failed",
        };
        anyhow::Error::new(self).context(Failure::unavailable(kind, message).hint(hint))
    }
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() {
        String::new()
    } else {
        format!(": {stderr}")
    }
}

/// What a program wrote, and how it ended.
#[derive(Debug)]
pub struct Output {
    /// The program, for messages.
    pub program: String,
    /// How it ended.
    pub status: ExitStatus,
    /// All of its standard output.
    pub stdout: Vec<u8>,
    /// All of its standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Returns the output when the program ended with code zero.
    ///
    /// # Errors
    ///
    /// Fails with the end of its standard error otherwise.
    pub fn check(self) -> Result<Self, ProcessError> {
        if self.status.success() {
            return Ok(self);
        }
        Err(ProcessError::Failed {
            program: self.program,
            status: self.status,
            stderr: last_words(&self.stderr),
        })
    }

    /// Returns standard output as text, without white space at its end.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end().to_owned()
    }
}

/// Returns the end of `stderr` as one printable line of at most 600 characters.
pub fn last_words(stderr: &[u8]) -> String {
    let words = text::printable(String::from_utf8_lossy(stderr).trim());
    let excess = words.chars().count().saturating_sub(600);
    if excess == 0 {
        words
    } else {
        let tail: String = words.chars().skip(excess).collect();
        format!("…{tail}")
    }
}

/// A program about to be started.
#[derive(Debug)]
pub struct Run {
    program: OsString,
    command: Command,
    stdin: Option<Vec<u8>>,
    timeout: Option<Duration>,
    limit: usize,
    own_group: bool,
    heeds_stop: bool,
}

impl Run {
    /// Names the program: a path, or a name to be found on `PATH`.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that starts programs"
        )]
        let command = Command::new(program.as_ref());
        Self {
            program: program.as_ref().to_owned(),
            command,
            stdin: None,
            timeout: None,
            limit: 1 << 30,
            own_group: true,
            heeds_stop: true,
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets a variable of its environment to a secret.
    #[must_use]
    pub fn env_secret(mut self, name: impl AsRef<OsStr>, value: &Secret) -> Self {
        self.command.env(name, value.expose());
        self
    }

    /// Removes a variable from its environment.
    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Gives it none of our environment.
    #[must_use]
    pub fn env_clear(mut self) -> Self {
        self.command.env_clear();
        self
    }

    /// Starts it in `folder`.
    #[must_use]
    pub fn cwd(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Gives it `bytes` on standard input, then the end. Without this, standard input is empty.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Ends it, with all that it started, after `timeout`.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Ends it when one of its streams gives more than `bytes`. The default is 1 GiB.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Leaves it in our process group, so that it may ask on the terminal.
    #[must_use]
    pub fn same_group(mut self) -> Self {
        self.own_group = false;
        self
    }

    /// Lets it finish when we are asked to stop, for work that must not be cut in half.
    #[must_use]
    pub fn unstoppable(mut self) -> Self {
        self.heeds_stop = false;
        self
    }

    /// Returns the program, for messages.
    pub fn program(&self) -> String {
        text::printable(&self.program.to_string_lossy())
    }

    /// Runs the program to its end and returns what it wrote, whatever its code.
    ///
    /// # Errors
    ///
    /// Fails when the program cannot be started, takes or writes too much, or we are asked to stop.
    pub fn capture(mut self) -> Result<Output, ProcessError> {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        self.command.stdin(if self.stdin.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        });
        let program = self.program();
        let (stdin, timeout, limit, heeds_stop) =
            (self.stdin.take(), self.timeout, self.limit, self.heeds_stop);
        let mut running = self.start()?;
        if let (Some(mut pipe), Some(bytes)) = (running.child.stdin.take(), stdin) {
            // A program may end without reading; that is its affair.
            thread::spawn(move || {
                let _ = pipe.write_all(&bytes);
            });
        }
        let stdout = drain(running.child.stdout.take(), limit);
        let stderr = drain(running.child.stderr.take(), limit);
        let started = Instant::now();
        let mut pause = Duration::from_micros(200);
        let status = loop {
            match running.child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) => {}
                Err(source) => return Err(ProcessError::Start { program, source }),
            }
            if heeds_stop && stop::requested() {
                running.end();
                return Err(ProcessError::Interrupted { program });
            }
            if let Some(after) = timeout
                && started.elapsed() >= after
            {
                running.end();
                return Err(ProcessError::TimedOut { program, after });
            }
            if stdout.is_over() || stderr.is_over() {
                running.end();
                return Err(ProcessError::TooLong { program, limit });
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(10));
        };
        running.reaped = true;
        let output = Output {
            stdout: stdout.bytes(),
            stderr: stderr.bytes(),
            status,
            program: program.clone(),
        };
        if output.stdout.len() > limit || output.stderr.len() > limit {
            return Err(ProcessError::TooLong { program, limit });
        }
        Ok(output)
    }

    /// Starts the program and returns while it runs. Its streams go where [`Self::streams`] said,
    /// else nowhere.
    ///
    /// # Errors
    ///
    /// Fails when the program cannot be started.
    pub fn start(mut self) -> Result<Running, ProcessError> {
        use std::os::unix::process::CommandExt as _;

        if self.own_group {
            self.command.process_group(0);
        }
        let program = self.program();
        let child = self.command.spawn().map_err(|source| ProcessError::Start {
            program: program.clone(),
            source,
        })?;
        Ok(Running {
            program,
            child,
            own_group: self.own_group,
            reaped: false,
            detached: false,
        })
    }

    /// Sets where the streams of a program that is started with [`Self::start`] come from and go.
    #[must_use]
    pub fn streams(mut self, stdin: Stdio, stdout: Stdio, stderr: Stdio) -> Self {
        self.command.stdin(stdin).stdout(stdout).stderr(stderr);
        self
    }
}

/// A program that runs. Dropping this ends it, with all that it started.
#[derive(Debug)]
pub struct Running {
    program: String,
    child: Child,
    own_group: bool,
    reaped: bool,
    detached: bool,
}

impl Running {
    /// Returns the number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the child, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Returns how the program ended, or `None` while it runs.
    ///
    /// # Errors
    ///
    /// Fails when the system does not know the program any more.
    pub fn poll(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = self.child.try_wait()?;
        self.reaped |= status.is_some();
        Ok(status)
    }

    /// Waits up to `timeout` for the end, less when a stop is asked for.
    ///
    /// # Errors
    ///
    /// Fails when the time is over, or a stop is asked for. The program still runs then.
    pub fn wait(&mut self, timeout: Duration) -> Result<ExitStatus, ProcessError> {
        let started = Instant::now();
        loop {
            match self.poll() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) => {}
                Err(source) => {
                    return Err(ProcessError::Start {
                        program: self.program.clone(),
                        source,
                    });
                }
            }
            if started.elapsed() >= timeout {
                return Err(ProcessError::TimedOut {
                    program: self.program.clone(),
                    after: timeout,
                });
            }
            if stop::wait(Duration::from_millis(10)) {
                return Err(ProcessError::Interrupted {
                    program: self.program.clone(),
                });
            }
        }
    }

    /// Leaves the program running when this is dropped.
    pub fn detach(mut self) -> u32 {
        self.detached = true;
        self.child.id()
    }

    /// Asks the program and all that it started to end, and insists after five seconds.
    pub fn end(&mut self) {
        if self.reaped {
            return;
        }
        self.signal(Signal::TERM);
        let started = Instant::now();
        while started.elapsed() < GRACE {
            if let Ok(Some(_)) | Err(_) = self.child.try_wait() {
                self.reaped = true;
                // What it started and left behind goes too.
                self.signal(Signal::KILL);
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.signal(Signal::KILL);
        let _ = self.child.wait();
        self.reaped = true;
    }

    fn signal(&self, signal: Signal) {
        let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) else {
            return;
        };
        let _ = if self.own_group {
            kill_process_group(pid, signal)
        } else {
            kill_process(pid, signal)
        };
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.detached {
            self.end();
        }
    }
}

/// Collects a stream in a thread of its own, up to one byte more than `limit`.
fn drain(stream: Option<impl io::Read + Send + 'static>, limit: usize) -> Drain {
    use std::sync::{Arc, Mutex, PoisonError};

    let collected = Arc::new(Mutex::new(Vec::new()));
    let target = Arc::clone(&collected);
    let reader = thread::spawn(move || {
        let Some(stream) = stream else { return };
        let mut stream = stream.take(limit as u64 + 1);
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(count) = stream.read(&mut chunk) {
            if count == 0 {
                break;
            }
            target
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend_from_slice(&chunk[..count]);
        }
    });
    Drain {
        collected,
        reader,
        limit,
    }
}

struct Drain {
    collected: std::sync::Arc<std::sync::Mutex<Vec<u8>>>,
    reader: thread::JoinHandle<()>,
    limit: usize,
}

impl Drain {
    fn is_over(&self) -> bool {
        self.collected
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .len()
            > self.limit
    }

    /// Waits for the end of the stream. A grandchild that keeps it open is not waited for longer
    /// than a second.
    fn bytes(self) -> Vec<u8> {
        let started = Instant::now();
        while !self.reader.is_finished() && started.elapsed() < Duration::from_secs(1) {
            thread::sleep(Duration::from_micros(200));
        }
        let mut collected = self
            .collected
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        std::mem::take(&mut *collected)
    }
}

/// Returns where `program` is found on `PATH`, as the system would.
pub fn find(program: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;

    let is_program = |path: &Path| {
        path.metadata()
            .is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        let path = PathBuf::from(program);
        return is_program(&path).then_some(path);
    }
    std::env::split_paths(&config::env("PATH")?)
        .map(|it| it.join(program))
        .find(|it| is_program(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Run {
        Run::new("sh").args(["-c", script])
    }

    #[test]
    fn both_streams_and_the_code_arrive() {
        let output = shell("cat; echo no >&2; exit 7")
            .stdin("yes")
            .capture()
            .unwrap();
        assert_eq!(output.text(), "yes");
        let err = output.check().unwrap_err();
        assert_eq!(err.to_string(), "`sh` ended with exit status: 7: no");
    }

    #[test]
    fn a_missing_program_is_told_from_a_failing_one() {
        let err = Run::new("no-such-program").capture().unwrap_err();
        assert!(err.is_missing());
    }

    #[test]
    fn grandchildren_end_with_a_program_that_takes_too_long() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        let script = format!("(sleep 1; touch {}) & sleep 30", mark.display());
        let err = shell(&script)
            .timeout(Duration::from_millis(100))
            .capture()
            .unwrap_err();
        assert!(matches!(err, ProcessError::TimedOut { .. }), "{err}");
        thread::sleep(Duration::from_millis(1_300));
        assert!(!mark.exists(), "the grandchild went on");
    }

    #[test]
    fn a_program_that_floods_us_is_ended() {
        let err = shell("yes").limit(100_000).capture().unwrap_err();
        assert!(matches!(err, ProcessError::TooLong { .. }), "{err}");
    }

    #[test]
    fn what_a_program_says_cannot_forge_lines() {
        let output = shell("printf 'a\\n::error::b\\033[31m' >&2; exit 1")
            .capture()
            .unwrap();
        let err = output.check().unwrap_err().to_string();
        assert!(err.ends_with("a ::error::b[31m"), "{err}");
    }

    #[test]
    fn programs_are_found_as_the_system_finds_them() {
        assert!(find("sh").is_some_and(|it| it.is_absolute()));
        assert_eq!(find("no-such-program"), None);
    }
}
