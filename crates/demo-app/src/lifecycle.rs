//! Where in its life the process is, which is what `/ready` answers.

use std::sync::atomic::{AtomicU8, Ordering};

/// A phase of the process; they only ever follow in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Answers, but wants no traffic yet.
    Starting,
    /// Wants traffic.
    Serving,
    /// Finishes what it has and wants no more.
    Stopping,
}

impl Phase {
    /// Returns the word that `/ready` answers with.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Serving => "ready",
            Self::Stopping => "stopping",
        }
    }
}

/// The phase, shared by every connection.
#[derive(Debug, Default)]
pub struct Lifecycle(AtomicU8);

impl Lifecycle {
    /// Returns the phase now.
    pub fn phase(&self) -> Phase {
        match self.0.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Serving,
            _ => Phase::Stopping,
        }
    }

    /// Moves on to `phase`; a process that is stopping does not become ready again.
    pub fn advance(&self, phase: Phase) {
        self.0.fetch_max(phase as u8, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_start_does_not_undo_a_stop() {
        let lifecycle = Lifecycle::default();
        assert_eq!(lifecycle.phase(), Phase::Starting);
        lifecycle.advance(Phase::Stopping);
        lifecycle.advance(Phase::Serving);
        assert_eq!(lifecycle.phase(), Phase::Stopping);
    }

    #[test]
    fn the_phases_follow_in_order() {
        let lifecycle = Lifecycle::default();
        lifecycle.advance(Phase::Serving);
        assert_eq!(lifecycle.phase(), Phase::Serving);
    }
}
