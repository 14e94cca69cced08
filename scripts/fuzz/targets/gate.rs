#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| trivy_gate::fuzz::run(input));
