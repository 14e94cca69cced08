//! The way in for scripts/fuzz.sh: the first byte of an input chooses a parser, the rest is what a stranger sends it.
#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    reason = "only in tests and fuzz targets"
)]

use autoscaleops_core::{Verdict, report::read_lines};

use crate::incoming::{self, Incoming};

/// Nothing but a whole report that passes asks for an image.
pub fn run(input: &[u8]) {
    let Some((&which, rest)) = input.split_first() else {
        return;
    };
    for report in read_lines(rest).take(20).flatten() {
        let verdict = report.verdict;
        if let Ok(Incoming::Image(image)) = incoming::read(report, which & 1 == 1) {
            assert_eq!(verdict, Verdict::Pass);
            assert!(image.tag.is_some() || image.digest.is_some());
        }
    }
}

#[cfg(test)]
mod tests {
    use autoscaleops_testkit::fuzz_inputs;

    #[test]
    fn seeds_and_what_was_once_found_do_no_harm() {
        for (name, input) in fuzz_inputs("edit", |first| first.is_ascii_uppercase()) {
            eprintln!("{name}");
            super::run(&input);
        }
    }
}
