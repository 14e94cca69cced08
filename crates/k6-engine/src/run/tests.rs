//! Virtual users that share a runtime do not notice it.

use std::{collections::BTreeMap, fs};

use serde_json::Value;

use super::{Finished, Settings, Source, Test};
use crate::js::Modules;

/// Runs `script` with virtual users in groups, or each in a runtime of its own.
fn run(script: &str, grouped: bool, memory_limit: usize) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script.js");
    fs::write(&path, script).unwrap();
    let source = Source {
        path,
        env: BTreeMap::from([("BASE".to_owned(), "kept".to_owned())]),
        console: Box::new(|_, _| {}),
        memory_limit,
        modules: Modules::default(),
        stop: || false,
    };
    let mut test = Test::load(source).unwrap();
    if !grouped {
        test = test.with_own_runtimes();
    }
    let settings = Settings {
        options: test.options.clone(),
        options_json: Value::Null,
        user_agent: "test".to_owned(),
        network: crate::http::Network::default(),
        workers: 1,
        lines: None,
        stop: &|| false,
        progress: &mut |_, _, _| {},
    };
    test.run(settings, &|_| "{}".to_owned()).unwrap()
}

fn both(script: &str) -> [Finished; 2] {
    [true, false].map(|grouped| run(script, grouped, 64 << 20))
}

#[test]
fn each_has_its_own_globals_stacks_and_promises() {
    let script = r"
        import { sleep, group, check } from 'k6';
        import exec from 'k6/execution';
        export const options = { scenarios: { a: { executor: 'per-vu-iterations', vus: 40, iterations: 2 } } };
        let own = 0;
        const nap = () => sleep(((__VU * 7) % 5) / 1000);
        const same = (got, wanted, what) => { if (got !== wanted) throw new Error(`${what}: ${got}, not ${wanted}`); };
        const deep = (n) => { if (n === 0) { nap(); throw new Error(`deep ${__VU}`); } return [1].map(() => deep(n - 1)); };
        function* steps() { for (let i = 0; i < 3; i++) { nap(); yield i + __VU; } }
        class Answer { get status() { nap(); return __VU; } }
        export default async function () {
          globalThis.mine = __VU;
          Array.prototype.mine = __VU;
          own += 1;
          nap();
          try { deep(__VU % 3); same(1, 2, 'it throws'); } catch (err) {
            same(err.message, `deep ${__VU}`, 'exception');
            same(err instanceof Error, true, 'realm');
            same(err.stack.split('\n').filter((it) => it.includes('deep')).length, __VU % 3 + 1, 'trace');
          }
          try { nap(); } finally { nap(); }
          same([...steps()].join(), [0, 1, 2].map((i) => i + __VU).join(), 'generator');
          same([2, 1, 3].sort((a, b) => { nap(); return a - b; }).join(), '1,2,3', 'sort');
          group('g', () => { nap(); check(new Answer(), { status: (it) => it.status === __VU }); });
          const first = Promise.resolve(__VU).then((it) => { nap(); return it + 1; });
          nap();
          same(await first, __VU + 1, 'promise');
          await new Promise((resolve) => setTimeout(resolve, __VU % 3));
          nap();
          try { (function endless() { endless(); })(); } catch (err) { nap(); same(err.name, 'RangeError', 'overflow'); }
          same(globalThis.mine, __VU, 'global');
          same([].mine, __VU, 'prototype');
          same(own, __ITER + 1, 'module');
          same(exec.vu.idInTest, __VU, 'number');
          same(check instanceof Function, true, 'native function');
        }
    ";
    for done in both(script) {
        assert_eq!(done.first_thrown, None);
        assert_eq!(
            (done.completed, done.thrown, done.interrupted, done.broken),
            (80, 0, 0, None)
        );
    }
}

#[test]
fn an_exception_ends_only_its_own_iteration() {
    let script = r"
        import { sleep } from 'k6';
        export const options = { vus: 40, iterations: 40 };
        export default function () {
          sleep(0.02);
          [1].forEach(() => { sleep(__VU % 2 / 100); if (__VU % 4 === 0) throw new Error('mine'); });
          sleep(0.01);
        }
    ";
    for done in both(script) {
        assert_eq!((done.completed, done.thrown), (40, 10));
        assert!(done.first_thrown.unwrap().starts_with("Error: mine"));
    }
}

#[test]
fn an_endless_loop_ends_with_its_time() {
    let script = r"
        import { sleep } from 'k6';
        export const options = { scenarios: { a: { executor: 'constant-vus', vus: 3, duration: '1s', gracefulStop: '0s' } } };
        export default function () {
          sleep(0.1);
          if (__VU === 2 && __ITER === 3) for (;;) {}
        }
    ";
    for done in both(script) {
        assert!(done.completed >= 9, "{}", done.completed);
        assert!(done.interrupted >= 1);
        assert_eq!(done.thrown, 0);
    }
}

#[test]
fn an_endless_chain_of_promises_ends_with_its_time() {
    let script = r"
        export const options = { scenarios: { a: { executor: 'constant-vus', vus: 2, duration: '1s', gracefulStop: '0s' } } };
        export default async function () {
          const again = () => { Promise.resolve().then(again); };
          again();
        }
    ";
    for done in both(script) {
        // The first keeps the thread to the end, so that the other may not even have begun.
        assert_eq!((done.completed, done.thrown), (0, 0));
        assert!(done.interrupted >= 1);
    }
}

#[test]
fn a_memory_bomb_hurts_only_the_one_that_holds_it() {
    let script = r"
        import { sleep } from 'k6';
        export const options = { scenarios: { a: { executor: 'per-vu-iterations', vus: 8, iterations: 5 } } };
        export default function () {
          sleep(0.005);
          const hoard = [];
          for (let i = 0; i < (__VU === 3 ? 1e9 : 10); i++) { hoard.push(new Array(1e4).fill(i)); sleep(0.0001); }
          sleep(0.005);
        }
    ";
    for grouped in [true, false] {
        let done = run(script, grouped, 16 << 20);
        assert_eq!((done.completed, done.thrown), (40, 5), "{grouped}");
        assert!(done.first_thrown.unwrap().contains("out of memory"));
    }
}

#[test]
fn variables_of_a_scenario_end_with_it() {
    let script = r"
        const scenario = (startTime, env) => ({ executor: 'per-vu-iterations', vus: 2, startTime, env, gracefulStop: '0s', maxDuration: '1s' });
        export const options = { scenarios: { a: scenario('0s', { EXTRA: 'a', BASE: 'changed' }), b: scenario('2s', {}), c: scenario('4s', { EXTRA: 'c' }) } };
        const seen = { undefined: 'kept', a: 'changed', c: 'kept' };
        export default function () {
          if (seen[__ENV.EXTRA] !== __ENV.BASE || (__ITER > 0) === (__ENV.EXTRA === 'a')) throw new Error(JSON.stringify([__ENV, __ITER]));
        }
    ";
    let done = run(script, true, 64 << 20);
    assert_eq!(done.first_thrown, None);
    assert_eq!(done.completed, 6);
}
