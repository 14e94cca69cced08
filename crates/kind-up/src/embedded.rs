//! The embedded provider: starts the stand-in in the background, ends it, finds it again.

use std::{
    fs::OpenOptions,
    net::TcpStream,
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use autoscaleops_core::{Failure, process::Run, stop};
use autoscaleops_rehearsal::{Config, Server, State};
use rustix::process::{Pid, Signal, kill_process};

/// How long one that runs may take to take a connection.
const ANSWER: Duration = Duration::from_secs(5);
/// How long after a signal a process is surely gone.
const SETTLED: Duration = Duration::from_millis(30);
/// How long a start may take before it is given up.
const START: Duration = Duration::from_secs(20);
/// How long an end may take.
const END: Duration = Duration::from_secs(20);

/// What a start found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Started {
    /// It was started.
    New,
    /// It ran already, as configured.
    Running,
    /// It ran already, and took a new configuration over.
    Reconfigured,
}

/// Starts the stand-in unless it runs, and gives it its configuration.
///
/// # Errors
///
/// Fails when it does not start, with the end of its log.
pub(crate) fn start(
    state: &State,
    config: &Config,
    context: &str,
) -> anyhow::Result<(Server, Started)> {
    let wanted = serde_json::to_vec_pretty(config)?;
    let changed = std::fs::read(state.config()).ok().as_deref() != Some(wanted.as_slice());
    if changed {
        autoscaleops_core::file::replace_private(&state.config(), &wanted)?;
    }
    if let Some(server) = answering(state)? {
        let outcome = if changed {
            Started::Reconfigured
        } else {
            Started::Running
        };
        return Ok((server, outcome));
    }
    // What a killed one left behind would pass for the new one's.
    let _ = std::fs::remove_file(state.folder().join("server.json"));
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(state.log())?;
    let start = log.metadata()?.len();
    let program = std::env::current_exe().context("cannot find this program")?;
    let child = Run::new(program)
        .args(["__serve", "--context", context, "--state"])
        .arg(state.folder())
        .arg("--verbose")
        // What a large manifest took for a moment is given back at once, also when nothing happens
        // after it, and no small use is rounded up to pages of 2 MB: a third of the memory.
        .env("MIMALLOC_PURGE_DELAY", "0")
        .env("MIMALLOC_ALLOW_THP", "0")
        .cwd(state.folder())
        .same_group()
        .streams(
            Stdio::null(),
            Stdio::from(log.try_clone()?),
            Stdio::from(log),
        )
        .start()?;
    let mut child = Some(child);
    let began = Instant::now();
    loop {
        if let Some(server) = state.running()? {
            if let Some(child) = child.take() {
                child.detach();
            }
            return Ok((server, Started::New));
        }
        let ended = match &mut child {
            Some(child) => child.poll()?.is_some(),
            None => true,
        };
        if ended || began.elapsed() > START || stop::requested() {
            let said = std::fs::read(state.log()).unwrap_or_default();
            let said = said
                .get(usize::try_from(start).unwrap_or(0)..)
                .unwrap_or_default();
            let said = autoscaleops_core::process::last_words(said);
            return Err(Failure::error(
                "start",
                format!("the embedded cluster did not start: {said}"),
            )
            .hint(format!("see `{}`", state.log().display()))
            .into());
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Returns the stand-in that runs and takes connections. One that is just ending, by whatever hand,
/// is waited for.
fn answering(state: &State) -> anyhow::Result<Option<Server>> {
    let began = Instant::now();
    while let Some(server) = state.running()? {
        let takes = || TcpStream::connect_timeout(&server.address, ANSWER).is_ok();
        if takes() {
            // The system takes connections for a process that was killed a moment ago.
            thread::sleep(SETTLED);
            if takes() && state.running()?.as_ref() == Some(&server) {
                return Ok(Some(server));
            }
        }
        if began.elapsed() > ANSWER || stop::requested() {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(None)
}

/// Ends the stand-in and what it left running. Returns whether there was any.
///
/// # Errors
///
/// Fails when it does not end.
pub(crate) fn stop(state: &State) -> anyhow::Result<bool> {
    let was_there = state.folder().join("journal.jsonl").exists();
    if let Some(server) = state.running()? {
        if let Some(pid) = i32::try_from(server.pid).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM)
                .with_context(|| format!("cannot end process {}", server.pid))?;
        }
        let began = Instant::now();
        while state.running()?.is_some() || is_locked(state.folder()) {
            if began.elapsed() > END {
                return Err(
                    Failure::error("stop", format!("process {} does not end", server.pid))
                        .hint(format!(
                            "end it by `kill -9 {}` and run `kind-up down` again",
                            server.pid
                        ))
                        .into(),
                );
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
    state.end_orphans();
    Ok(was_there)
}

/// The lock outlives the file that says where the server is, by as long as its pods take to end.
fn is_locked(folder: &Path) -> bool {
    let Ok(file) = std::fs::File::open(folder.join("lock")) else {
        return false;
    };
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockShared).is_err()
}

/// Makes the programs of a configuration absolute, from the folder of the file that names them.
pub(crate) fn absolute(config: &mut Config, folder: &Path) {
    for image in config.images.values_mut() {
        // A bare name is looked for on PATH.
        if image.program.components().count() > 1 && image.program.is_relative() {
            let joined = folder.join(&image.program);
            image.program = std::path::absolute(&joined).unwrap_or(joined);
        }
    }
}

/// Returns the folder of a cluster's state.
///
/// # Errors
///
/// Fails when there is no home folder to put it into.
pub(crate) fn state_folder(said: Option<&Path>, cluster: &str) -> Result<PathBuf, Failure> {
    use autoscaleops_core::config::env;
    if let Some(said) = said {
        return Ok(std::path::absolute(said).unwrap_or_else(|_| said.to_owned()));
    }
    let filled = |name: &str| env(name).filter(|it| !it.is_empty()).map(PathBuf::from);
    let base = filled("XDG_STATE_HOME")
        .filter(|it| it.is_absolute())
        .or_else(|| filled("HOME").map(|it| it.join(".local/state")))
        .ok_or_else(|| {
            Failure::usage("neither HOME nor XDG_STATE_HOME is set")
                .hint("name a folder with `--state-dir`")
        })?;
    Ok(base.join("autoscaleops/kind-up").join(cluster))
}
