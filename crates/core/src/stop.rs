//! SIGINT and SIGTERM as a request that every wait hears.

use std::{
    io,
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicI32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

static SIGNAL: AtomicI32 = AtomicI32::new(0);
static LOCK: Mutex<()> = Mutex::new(());
static HEARD: Condvar = Condvar::new();

/// Begins to listen. The first signal asks the tool to stop; a second one ends it at once.
///
/// # Errors
///
/// Fails when the system refuses a signal handler.
pub fn install() -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for signal in signals.forever() {
                if SIGNAL.swap(signal, Ordering::SeqCst) != 0 {
                    crate::process::kill_all();
                    #[expect(clippy::exit, reason = "asked twice, the user does not want to wait")]
                    std::process::exit(128 + signal);
                }
                let _guard = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
                HEARD.notify_all();
            }
        })?;
    Ok(())
}

/// Returns whether a stop was asked for.
pub fn requested() -> bool {
    SIGNAL.load(Ordering::SeqCst) != 0
}

/// Returns the exit code of an interrupted tool, 130 or 143, when a stop was asked for.
pub fn exit_code() -> Option<u8> {
    match SIGNAL.load(Ordering::SeqCst) {
        0 => None,
        SIGTERM => Some(crate::exit::TERMINATED),
        _ => Some(crate::exit::INTERRUPTED),
    }
}

/// Sleeps for `duration`, less when a stop is asked for. Returns whether it was.
pub fn wait(duration: Duration) -> bool {
    let end = Instant::now().checked_add(duration);
    let mut guard = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if requested() {
            return true;
        }
        let rest = match end {
            Some(end) => end.saturating_duration_since(Instant::now()),
            None => Duration::MAX,
        };
        if rest.is_zero() {
            return false;
        }
        guard = HEARD
            .wait_timeout(guard, rest.min(Duration::from_secs(3_600)))
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
}
