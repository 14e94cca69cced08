//! Pages of `k6/html` are freed with the objects that hold them, and what a stranger sends in one does no harm.
//!
//! These tests look at the memory of their process, so they have one of their own, one after another.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::{Mutex, PoisonError};

use autoscaleops_k6_engine::run::Finished;
use common::resident;

#[path = "common/run.rs"]
mod common;

static ALONE: Mutex<()> = Mutex::new(());

/// Runs `body` as what each iteration does, and returns what came of it and what the script said.
fn run(options: &str, body: &str, memory_limit: usize) -> (Finished, Vec<String>) {
    let script = format!(
        "import {{ parseHTML }} from 'k6/html';
        export const options = {{ scenarios: {{ a: {options} }} }};
        export default function () {{ {body} }}"
    );
    common::run(&script, memory_limit)
}

fn iterations(vus: usize, each: usize) -> String {
    format!(
        "{{ executor: 'per-vu-iterations', vus: {vus}, iterations: {each}, maxDuration: '100s' }}"
    )
}

#[test]
fn pages_are_freed_with_what_holds_them() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // A page of 20 KiB takes about 300 KiB: 500 that nothing freed would be 150 MiB, and over the
    // limit. Each is held in a circle, which JavaScript looks for only when it has made much itself.
    let body = "
        const page = parseHTML('<ul>' + '<li class=a>x'.repeat(1500) + '</ul>');
        const circle = { page, items: page.find('li'), one: page.find('li').get(7) };
        circle.itself = circle;
        globalThis.last = circle.items.first().next().parent().end();
        if (circle.items.size() !== 1500) throw new Error('lost');";
    let (finished, said) = run(&iterations(1, 60), body, 16 << 20);
    assert_eq!((finished.completed, finished.thrown), (60, 0), "{said:?}");
    let early = resident();
    let (finished, said) = run(&iterations(1, 500), body, 16 << 20);
    assert_eq!((finished.completed, finished.thrown), (500, 0), "{said:?}");
    let grown = resident().saturating_sub(early);
    assert!(grown < 32 << 10, "{grown} KiB");
}

#[test]
fn iterations_with_a_page_each_leave_nothing() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // 40,000 pages, and more handles of each kind. Had each page left 500 bytes, it would be 20 MiB.
    let body = "
        for (let time = 0; time < 20; time += 1) {
          const page = parseHTML('<p id=a>x<b>y</b></p>');
          page.find('p').each((place, it) => it.firstChild());
          page.find('b').closest('p').map((place, it) => it.attr('id'));
        }";
    run(&iterations(1, 200), body, 64 << 20);
    let early = resident();
    let (finished, said) = run(&iterations(1, 2_000), body, 64 << 20);
    assert_eq!(
        (finished.completed, finished.thrown),
        (2_000, 0),
        "{said:?}"
    );
    let grown = resident().saturating_sub(early);
    assert!(grown < 8 << 10, "{grown} KiB");
}

#[test]
fn pages_are_bounded_by_the_memory_limit() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let before = resident();
    let body = "
        const kept = [];
        const end = (work) => { try { for (;;) kept.push(work()); } catch (err) { console.log(err.message); } };
        end(() => parseHTML('<p>x</p>'.repeat(1000)));
        kept.length = 0;
        const page = parseHTML('<p>x</p>'.repeat(1000));
        end(() => page.find('p'));
        kept.length = 0;
        console.log(page.find('p').size());";
    let (finished, said) = run(&iterations(1, 1), body, 32 << 20);
    let full = "the pages and selections of this virtual user are larger than its memory limit";
    assert_eq!(said, [full, full, "1000"], "{:?}", finished.broken);
    assert!(resident().saturating_sub(before) < 200 << 10);
}

#[test]
fn what_a_stranger_sends_ends() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let body = "
        const sizes = {
          deep: '<div>'.repeat(1000000), bold: '<b>'.repeat(100000), long: `<p a=\"${'x'.repeat(2000000)}\">`, flat: '<p>x'.repeat(5000), comment: '<!--'.repeat(100000),
          table: '<table>'.repeat(100000), foster: '<table>' + 'x<i>'.repeat(5000), ends: '</p></b></div>'.repeat(5000), options: '<select>' + '<option>'.repeat(5000), less: '<'.repeat(100000),
          template: '<template>'.repeat(100000), svg: '<svg><g>'.repeat(50000), entities: '&amp;&'.repeat(30000), form: '<form><input name=a>'.repeat(3000),
        };
        for (const [name, source] of Object.entries(sizes)) {
          try {
            const page = parseHTML(source);
            page.find('p:nth-child(2), :contains(zz) > b, option ~ option.x').size();
            page.find('*').parents().has('b').closest('p').text();
            page.find('input').serialize();
            page.html();
            console.log(`${name} read`);
          } catch (err) {
            console.log(`${name} refused`);
          }
        }";
    let (finished, said) = run(&iterations(1, 1), body, 128 << 20);
    assert_eq!(said.len(), 14, "{said:?} {:?}", finished.broken);
    assert!(said.contains(&"deep refused".to_owned()), "{said:?}");
    assert!(said.contains(&"flat read".to_owned()), "{said:?}");
}

#[test]
fn a_page_that_takes_too_long_is_stopped_with_its_iteration() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let options = "{ executor: 'constant-vus', vus: 1, duration: '1s', gracefulStop: '0s' }";
    // Each attribute is held against all before it.
    let body = "
        let tag = '<p';
        for (let at = 0; at < 300000; at += 1) tag += ` a${at}`;
        for (;;) parseHTML(tag + '>');";
    let (finished, said) = run(options, body, 256 << 20);
    assert_eq!(
        (finished.completed, finished.interrupted),
        (0, 1),
        "{said:?}"
    );
}
