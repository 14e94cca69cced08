#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| hpa_watch::fuzz::run(input));
