//! A program that runs, and goes with everything that it started.

use std::{
    io,
    process::{Child, ExitStatus},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::{ProcessError, guard::Guard};
use crate::stop;

/// How long a program may take to end after it was asked to.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// The programs that run now, and whether each leads a group of its own.
static LIVE: Mutex<Vec<(u32, bool)>> = Mutex::new(Vec::new());

/// Ends everything that runs, for a tool that leaves at once.
pub(crate) fn kill_all() {
    for (id, own_group) in LIVE
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .drain(..)
    {
        send(id, own_group, Signal::KILL);
    }
}

fn send(id: u32, own_group: bool, signal: Signal) {
    let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) else {
        return;
    };
    let _ = if own_group {
        kill_process_group(pid, signal)
    } else {
        kill_process(pid, signal)
    };
}

/// A program that runs. Dropping this ends it, with all that it started.
#[derive(Debug)]
pub struct Running {
    program: String,
    child: Child,
    own_group: bool,
    reaped: bool,
    detached: bool,
    /// Held until the program has ended, and goes after it.
    guard: Option<Guard>,
}

impl Running {
    pub(super) fn new(
        program: String,
        child: Child,
        own_group: bool,
        guard: Option<Guard>,
    ) -> Self {
        let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
        live.push((child.id(), own_group));
        Self {
            program,
            child,
            own_group,
            reaped: false,
            detached: false,
            guard,
        }
    }

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
        if status.is_some() {
            self.reaped = true;
            // Its number may be another's from now on.
            self.guard = None;
        }
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

    /// Asks the program and all that it started to end, as Ctrl-C does, and returns at once.
    pub fn interrupt(&self) {
        if !self.reaped {
            self.signal(Signal::INT);
        }
    }

    fn signal(&self, signal: Signal) {
        send(self.child.id(), self.own_group, signal);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.detached {
            self.end();
        }
        // One that has ended, or is to live on, is left alone.
        drop(self.guard.take());
        let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
        live.retain(|it| it.0 != self.child.id());
    }
}
