//! Ten thousand damaged reports: no panic, and no `pass` for what Trivy itself refuses.

use std::{fs, io::Cursor, panic};

use autoscaleops_testkit::{root, shared};
use serde_json::{Value, json};
use trivy_gate::Settings;

use crate::oracle::{Oracle, Question, in_parallel};

const MUTANTS: usize = 10_000;
/// How many of those that pass are shown to Trivy; all with `TRIVY_GATE_ALL_MUTANTS=1`.
const SAMPLE: usize = 240;

/// A small generator of numbers (xorshift64*), so that every run makes the same mutants.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap() % sides
    }
}

fn mutant(original: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = original.to_vec();
    match dice.throw(9) {
        0 => {
            let at = dice.throw(bytes.len());
            bytes[at] ^= 1 << dice.throw(8);
        }
        1 => bytes.truncate(dice.throw(bytes.len())),
        2 => {
            let at = dice.throw(bytes.len());
            let count = (1 + dice.throw(40)).min(bytes.len() - at);
            bytes.drain(at..at + count);
        }
        3 => {
            let at = dice.throw(bytes.len());
            let count = (1 + dice.throw(200)).min(bytes.len() - at);
            let piece = bytes[at..at + count].to_vec();
            bytes.splice(at..at, piece);
        }
        4 => {
            let signs = b"{}[]\",:\\0-9.eEtfn \n\xff\x00\x1f";
            let at = dice.throw(bytes.len());
            bytes[at] = signs[dice.throw(signs.len())];
        }
        5..=7 => {
            if let Ok(mut value) = serde_json::from_slice::<Value>(&bytes) {
                change(&mut value, dice);
                bytes = value.to_string().into_bytes();
            }
        }
        _ => {
            // Swaps two lines.
            let mut lines: Vec<&[u8]> = original.split(|it| *it == b'\n').collect();
            let (one, two) = (dice.throw(lines.len()), dice.throw(lines.len()));
            lines.swap(one, two);
            bytes = lines.join(&b'\n');
        }
    }
    bytes
}

/// Changes one value somewhere: its type, its content, or the name of its key.
fn change(value: &mut Value, dice: &mut Dice) {
    let deeper = dice.throw(8) > 0;
    match value {
        Value::Object(map) if deeper && !map.is_empty() => {
            let key = map.keys().nth(dice.throw(map.len())).unwrap().clone();
            match dice.throw(12) {
                0 => {
                    let inner = map.remove(&key).unwrap();
                    map.insert(key.to_lowercase(), inner);
                }
                1 => drop(map.remove(&key)),
                _ => change(&mut map[&key], dice),
            }
        }
        Value::Array(list) if deeper && !list.is_empty() => {
            let index = dice.throw(list.len());
            change(&mut list[index], dice);
        }
        other => {
            let values = [
                json!(null),
                json!(true),
                json!(0),
                json!(-1),
                json!(1.5),
                json!(1e300),
                json!(""),
                json!("x"),
                json!("CRITICAL"),
                json!("critical"),
                json!("2026-13-01T00:00:00Z"),
                json!("0001-01-01T00:00:00Z"),
                json!("sha256:00"),
                json!("pkg:"),
                json!([]),
                json!([null]),
                json!({}),
                json!({"": 1}),
                json!([[[]]]),
                json!("\u{0}\u{1b}"),
            ];
            *other = values[dice.throw(values.len())].clone();
        }
    }
}

/// Reports that pass as they are, so that a mutant which passes has a chance to be wrong.
fn originals() -> Vec<Vec<u8>> {
    let mut originals = vec![
        fs::read(root().join("scripts/demo/clean.trivy.json")).unwrap(),
        fs::read(root().join("scripts/demo/vulnerable.trivy.json")).unwrap(),
    ];
    if let Some(folder) = shared("data/trivy-reports") {
        for name in [
            "head-alpine-310.json",
            "head-fluentd-gems.json",
            "v0.72.0-alpine-39.json",
            "v0.48.0-ubuntu-1804.json",
            "head-npm.json",
            "head-fixtures__convert__npm-with-suppressed.json",
            "head-secrets.json",
            "head-dockerfile.json",
            "dojo-license_scheme.json",
            "head-gomod.json",
        ] {
            originals.push(fs::read(folder.join(name)).unwrap());
        }
    }
    originals
}

#[test]
fn ten_thousand_damaged_reports_do_no_harm() {
    let originals = originals();
    // Open to as much as possible: evidence and severities would only hide what was accepted.
    let settings = Settings {
        severities: vec!["CRITICAL".parse().unwrap()],
        max_critical: 1_000_000,
        max_high: 1_000_000,
        secret_severities: Vec::new(),
        allow_empty: true,
        artifact_types: ["container_image", "filesystem", "repository"]
            .map(str::to_owned)
            .to_vec(),
        ..Settings::default()
    };
    let now = "2026-11-24T00:00:00Z".parse().unwrap();
    let mut dice = Dice(0x5EED);
    let mut passed = Vec::new();
    let mut refused = 0;
    for number in 0..MUTANTS {
        let bytes = mutant(&originals[number % originals.len()], &mut dice);
        let judged =
            panic::catch_unwind(|| trivy_gate::judge(Cursor::new(bytes.clone()), &settings, now));
        let Ok(judged) = judged else {
            let text = String::from_utf8_lossy(&bytes);
            panic!("mutant {number} makes it panic: {text}");
        };
        match judged {
            Ok(report) if report.exit_code() == 0 => passed.push(bytes),
            Ok(_) => {}
            Err(failure) => {
                assert!(matches!(failure.code(), 2 | 11), "{failure:?}");
                refused += 1;
            }
        }
    }
    assert!(
        refused > 3_000 && passed.len() > 1_000,
        "{refused} refused, {} passed",
        passed.len()
    );

    let Some(oracle) = Oracle::find() else { return };
    let all = std::env::var_os("TRIVY_GATE_ALL_MUTANTS").is_some();
    let step = if all { 1 } else { passed.len() / SAMPLE + 1 };
    let shown: Vec<Vec<u8>> = passed.into_iter().step_by(step).collect();
    let count = shown.len();
    let wrong: Vec<String> = in_parallel(shown, |bytes| {
        let question = Question {
            severities: "CRITICAL",
            ..Question::default()
        };
        let accepted = oracle.convert(&bytes, question).is_some();
        (!accepted).then(|| String::from_utf8_lossy(&bytes).into_owned())
    })
    .into_iter()
    .flatten()
    .collect();
    assert!(
        wrong.is_empty(),
        "{} of {count} pass here and are refused by Trivy, the first: {}",
        wrong.len(),
        wrong[0]
    );
}
