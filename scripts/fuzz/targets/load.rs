#![no_main]
// Inputs that begin with a capital are for k6-run, all others for k6-engine.
libfuzzer_sys::fuzz_target!(|input: &[u8]| match input.first() {
    Some(first) if first.is_ascii_uppercase() => k6_run::fuzz::run(input),
    _ => autoscaleops_k6_engine::fuzz::run(input),
});
