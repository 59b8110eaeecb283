#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| drop(compose::recipe::abra_sh::parse("file", text)));
