#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| drop(compose::recipe::env_sample::parse("file", text)));
