//! The exit codes of every tool, listed once. `docs/exit-codes.md` is checked against this file.

/// Done, the answer is yes, or there was nothing to do.
pub const PASS: u8 = 0;
/// The tool could not do its work.
pub const ERROR: u8 = 1;
/// The question was wrong: an unknown flag, an invalid configuration, an input of the wrong kind.
pub const USAGE: u8 = 2;
/// Something outside is missing or refuses: a program, a cluster, a registry, a credential.
pub const UNAVAILABLE: u8 = 3;
/// Done, the answer is no.
pub const FAIL: u8 = 10;
/// Done, the evidence does not suffice for an answer.
pub const UNDECIDED: u8 = 11;
/// Interrupted by Ctrl-C (SIGINT), after cleaning up.
pub const INTERRUPTED: u8 = 130;
/// Ended by SIGTERM, after cleaning up.
pub const TERMINATED: u8 = 143;

/// Every code with its name, in ascending order.
pub const ALL: [(u8, &str); 8] = [
    (PASS, "PASS"),
    (ERROR, "ERROR"),
    (USAGE, "USAGE"),
    (UNAVAILABLE, "UNAVAILABLE"),
    (FAIL, "FAIL"),
    (UNDECIDED, "UNDECIDED"),
    (INTERRUPTED, "INTERRUPTED"),
    (TERMINATED, "TERMINATED"),
];
