#![no_main]
// Inputs that begin with a capital are for kind-up, all others for rehearsal.
libfuzzer_sys::fuzz_target!(|input: &[u8]| match input.first() {
    Some(first) if first.is_ascii_uppercase() => kind_up::fuzz::run(input),
    _ => autoscaleops_rehearsal::fuzz::run(input),
});
