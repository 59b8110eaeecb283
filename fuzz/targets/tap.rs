#![no_main]

#[path = "../../runner/src/exam/tap.rs"]
mod tap;

libfuzzer_sys::fuzz_target!(|text: &str| {
    drop(tap::read(text));
    tap::is_tap(text);
});
