//! Starts other programs, ends them with us, and says what they said when they fail.

use std::{
    ffi::{OsStr, OsString},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{config, secret::Secret, stop, text};

mod drain;
mod error;
pub(crate) mod guard;
mod running;

pub use error::ProcessError;
pub use running::Running;
pub(crate) use running::kill_all;

use drain::drain;
use guard::Guard;

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
    is_guarded: bool,
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
            is_guarded: false,
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

    /// Ends it, with all that it started, even when we are killed: for work that has no end of its own
    /// soon. It costs a second process of ours.
    #[must_use]
    pub fn guarded(mut self) -> Self {
        self.own_group = true;
        self.is_guarded = true;
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
        if let (Some(mut pipe), Some(bytes)) = (running.child().stdin.take(), stdin) {
            // A program may end without reading; that is its affair.
            thread::spawn(move || {
                let _ = pipe.write_all(&bytes);
            });
        }
        let stdout = drain(running.child().stdout.take(), limit);
        let stderr = drain(running.child().stderr.take(), limit);
        let started = Instant::now();
        let mut pause = Duration::from_micros(200);
        let status = loop {
            match running.poll() {
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
        // Started before the program, so that there is no time in which a kill leaves that alone.
        let mut guard = self.is_guarded.then(Guard::start).flatten();
        let child = self.command.spawn().map_err(|source| ProcessError::Start {
            program: program.clone(),
            source,
        })?;
        if let Some(guard) = &mut guard {
            guard.watch(child.id());
        }
        Ok(Running::new(program, child, self.own_group, guard))
    }

    /// Sets where the streams of a program that is started with [`Self::start`] come from and go.
    #[must_use]
    pub fn streams(mut self, stdin: Stdio, stdout: Stdio, stderr: Stdio) -> Self {
        self.command.stdin(stdin).stdout(stdout).stderr(stderr);
        self
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
mod tests;
