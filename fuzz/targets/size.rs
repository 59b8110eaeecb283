#![no_main]

use compose::model::Bytes;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _size = Bytes::parse(text);
});
