//! Ports and waiting.

use std::{
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

/// Returns a loopback port that was free a moment ago.
///
/// Prefer to let a server choose its own port (`:0`) and say which, where it can.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .unwrap()
        .port()
}

/// Waits until `check` holds, and panics with `what` when it still does not after `limit`.
///
/// The limit only ends a test that hangs; it is no claim about speed.
pub fn wait_until(what: &str, limit: Duration, mut check: impl FnMut() -> bool) {
    let start = Instant::now();
    while !check() {
        assert!(start.elapsed() < limit, "waited {limit:?} for: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_comes_true_ends_the_wait() {
        let mut rounds = 0;
        wait_until("three rounds", Duration::from_mins(1), || {
            rounds += 1;
            rounds == 3
        });
        assert_eq!(rounds, 3);
    }

    #[test]
    #[should_panic(expected = "waited 0ns for: never")]
    fn a_condition_that_never_holds_ends_the_test() {
        wait_until("never", Duration::ZERO, || false);
    }

    #[test]
    fn a_free_port_can_be_bound() {
        assert!(TcpListener::bind(("127.0.0.1", free_port())).is_ok());
    }
}
