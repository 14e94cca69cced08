#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| autoscaleops_core::fuzz::run(input));
