//! A second process of the tool that ends a program which the tool leaves behind when it is killed.
//!
//! Nobody hears of SIGKILL but the system, which closes the pipe that only the tool holds open. The
//! guard waits for that. It has a group of its own, so that what is sent to the tool's spares it.

use std::{
    io::{Read as _, Write as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use super::running::GRACE;

/// The only argument of a tool that is started as a guard.
pub(crate) const WORD: &str = "__guard";

/// A guard that waits. Dropping this ends it, and the program is spared.
#[derive(Debug)]
pub(super) struct Guard(Child);

impl Guard {
    /// Starts one, or returns `None` where the system does not let us.
    pub(super) fn start() -> Option<Self> {
        // The file itself, even when another one has its name by now.
        let ourselves = Path::new("/proc/self/exe");
        let program = if ourselves.exists() {
            ourselves.to_owned()
        } else {
            std::env::current_exe().ok()?
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "this is a part of the place that starts programs"
        )]
        let mut command = Command::new(program);
        if let Some(name) = std::env::args_os().next() {
            command.arg0(name);
        }
        command
            .arg(WORD)
            .env_clear()
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().ok().map(Self)
    }

    /// Names the group of processes to end, and keeps the pipe open.
    pub(super) fn watch(&mut self, group: u32) {
        if let Some(pipe) = &mut self.0.stdin {
            let _ = writeln!(pipe, "{group}");
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a guard does: waits for the end of the one that started it, then asks the group to end, and
/// insists after five seconds.
pub(crate) fn keep() {
    let mut text = String::new();
    if std::io::stdin().take(16).read_to_string(&mut text).is_err() {
        return;
    }
    // One is everybody.
    let group = text.trim().parse().ok().filter(|it: &i32| *it > 1);
    let Some(group) = group.and_then(Pid::from_raw) else {
        return;
    };
    let _ = kill_process_group(group, Signal::TERM);
    let asked = Instant::now();
    while asked.elapsed() < GRACE {
        if test_kill_process_group(group).is_err() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    let _ = kill_process_group(group, Signal::KILL);
}
