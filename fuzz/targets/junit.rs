#![no_main]

#[path = "../../runner/src/exam/junit.rs"]
mod junit;

libfuzzer_sys::fuzz_target!(|text: &str| {
    drop(junit::read(text));
    junit::is_junit(text);
});
