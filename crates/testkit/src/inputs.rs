//! The inputs of the fuzz targets: seeds, and what was once found.

use std::fs;

use crate::root;

/// Returns every input of a target of scripts/fuzz.sh whose first byte is fit for this parser.
pub fn fuzz_inputs(target: &str, is_ours: impl Fn(u8) -> bool) -> Vec<(String, Vec<u8>)> {
    let folder = root().join("scripts/fuzz/corpus").join(target);
    let mut inputs: Vec<(String, Vec<u8>)> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read(path).unwrap()))
        .filter(|(_, input)| input.first().copied().is_some_and(&is_ours))
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "no inputs in {}", folder.display());
    inputs
}
