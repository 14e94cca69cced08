//! Virtual users that come and go leave nothing behind.
//!
//! These tests look at the memory of their process, so they have one of their own, one after another.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::{Mutex, PoisonError};

use autoscaleops_k6_engine::run::Finished;
use common::resident;

#[path = "common/run.rs"]
mod common;

static ALONE: Mutex<()> = Mutex::new(());

fn run(script: &str) -> Finished {
    common::run(script, 64 << 20).0
}

/// Makes and ends `users` virtual users in each of `rounds` runs, and returns how much memory the
/// later three quarters of the runs added, in KiB.
fn growth(rounds: usize, users: usize) -> usize {
    let script = format!(
        "import http from 'k6/http';
        import {{ check, sleep }} from 'k6';
        import {{ Trend }} from 'k6/metrics';
        export const options = {{ scenarios: {{ a: {{ executor: 'per-vu-iterations', vus: {users}, iterations: 2, maxDuration: '60s' }} }} }};
        const own = new Trend('own');
        const kept = new Map([[1, new Uint8Array(100)]]);
        export function setup() {{ return {{ text: 'x'.repeat(1000) }}; }}
        export default async function (data) {{
          const ring = {{ data }};
          ring.itself = ring;
          own.add(kept.size);
          check(ring, {{ ok: (it) => it.itself === it }});
          await Promise.resolve(1);
          setTimeout(() => own.add(2), 0);
          http.url`http://127.0.0.1/${{data.text}}`;
          try {{ [1].map(() => {{ throw new Error('thrown'); }}); }} catch {{ sleep(0.001); }}
        }}"
    );
    let mut early = 0;
    for round in 0..rounds {
        let finished = run(&script);
        assert_eq!(finished.completed, 2 * users as u64);
        assert_eq!((finished.thrown, &finished.broken), (0, &None));
        if round + 1 == rounds / 4 {
            early = resident();
        }
    }
    resident().saturating_sub(early)
}

#[test]
fn thousands_of_virtual_users_come_and_go_without_growth() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // 3,000 after the first 1,000. One that left its context behind would add 150 MiB.
    let grown = growth(20, 200);
    assert!(grown < 12 << 10, "{grown} KiB");
}

/// As many as start in a day where one starts every four seconds.
#[test]
fn a_days_virtual_users_come_and_go_without_growth() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let grown = growth(48, 500);
    assert!(grown < 12 << 10, "{grown} KiB");
}

#[test]
fn virtual_users_that_are_called_and_sent_away_again_and_again_leave_nothing() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let stages: String = (0..100)
        .map(|_| "{ duration: '0s', target: 50 }, { duration: '30ms', target: 50 }, { duration: '0s', target: 0 }, { duration: '10ms', target: 0 },")
        .collect();
    let script = format!(
        "import {{ sleep }} from 'k6';
        export const options = {{ scenarios: {{ a: {{ executor: 'ramping-vus', startVUs: 0, gracefulRampDown: '0s', gracefulStop: '0s', stages: [{stages}] }} }} }};
        export default function () {{ globalThis.all = 'x'.repeat(10000); sleep(0.005); }}"
    );
    run(&script);
    let early = resident();
    let finished = run(&script);
    assert!(finished.completed > 5_000, "{}", finished.completed);
    assert_eq!(finished.thrown, 0);
    let grown = resident().saturating_sub(early);
    assert!(grown < 8 << 10, "{grown} KiB");
}
