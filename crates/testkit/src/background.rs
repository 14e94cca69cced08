//! Programs that run beside a test and end with it.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// A running program, in a process group of its own, which is killed when this is dropped.
#[derive(Debug)]
pub struct Background {
    child: Child,
}

impl Background {
    /// Starts a program without input; its output goes where `command` says.
    pub fn start(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).process_group(0).spawn();
        Self {
            child: child.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}")),
        }
    }

    /// Starts a program and waits for the first line of its standard output or error that `pick`
    /// turns into a value, such as the address it listens at. Later lines are thrown away.
    pub fn start_until<T>(
        command: &mut Command,
        mut pick: impl FnMut(&str) -> Option<T>,
    ) -> (Self, T) {
        let (reader, writer) = std::io::pipe().unwrap();
        command.stdout(writer.try_clone().unwrap()).stderr(writer);
        let this = Self::start(command);
        // The command holds the write end; without it the pipe ends with the program.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut lines = BufReader::new(reader).lines();
        let mut seen = Vec::new();
        let value = loop {
            match lines.next() {
                Some(Ok(line)) => match pick(&line) {
                    Some(value) => break value,
                    None => seen.push(line),
                },
                _ => panic!(
                    "{command:?} ended before it was ready:\n{}",
                    seen.join("\n")
                ),
            }
        };
        // Goes on reading, so that the program never blocks on a full pipe.
        thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        (this, value)
    }

    /// Returns the process's number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks the program to end (SIGTERM), and waits for it.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM)
    }

    /// Interrupts the program as Ctrl-C does (SIGINT), and waits for it.
    pub fn interrupt(&mut self) -> ExitStatus {
        self.signal(Signal::INT)
    }

    /// Kills the program (SIGKILL) and nothing beside it, and waits for its end.
    pub fn kill(&mut self) -> ExitStatus {
        self.signal(Signal::KILL)
    }

    /// Waits for the program to end by itself.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Sends the program a signal, and waits for its end.
    pub fn signal(&mut self, signal: Signal) -> ExitStatus {
        if self.child.try_wait().unwrap().is_none() {
            kill_process(pid(&self.child), signal).unwrap();
        }
        self.child.wait().unwrap()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // The whole group, so that children of a shell script end too; an empty group is no fault.
        let _ = kill_process_group(pid(&self.child), Signal::KILL);
        drop(self.child.wait());
    }
}

/// Returns whether a process runs. One that has ended and was not waited for does not.
pub fn runs(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name before the state is in brackets and may hold anything.
    let state = stat.rsplit(") ").next().and_then(|it| it.chars().next());
    state.is_some_and(|it| !matches!(it, 'Z' | 'X'))
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn the_first_picked_line_is_the_answer() {
        let (mut program, port) = Background::start_until(
            &mut shell("echo starting; echo port 81; exec sleep 600"),
            |line| line.strip_prefix("port ")?.parse::<u16>().ok(),
        );
        assert_eq!(port, 81);
        assert_eq!(program.terminate().signal(), Some(15));
    }

    #[test]
    #[should_panic(expected = "no such thing")]
    fn a_program_that_ends_too_early_shows_what_it_said() {
        Background::start_until(&mut shell("echo no such thing >&2"), |_| None::<()>);
    }

    #[test]
    fn a_dropped_program_takes_its_children_along() {
        let (program, child) =
            Background::start_until(&mut shell("sleep 600 & echo $!; wait"), |line| {
                line.parse().ok()
            });
        assert!(runs(child));
        drop(program);
        crate::wait_until("the child's end", std::time::Duration::from_mins(1), || {
            !runs(child)
        });
    }
}
