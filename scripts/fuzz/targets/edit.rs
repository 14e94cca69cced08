#![no_main]
// Inputs that begin with a capital are for tag-bump, all others for gitops.
libfuzzer_sys::fuzz_target!(|input: &[u8]| match input.first() {
    Some(first) if first.is_ascii_uppercase() => tag_bump::fuzz::run(input),
    _ => autoscaleops_gitops::fuzz::run(input),
});
