#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| simmer_fuzz::service("ports", text));
