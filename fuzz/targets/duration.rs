#![no_main]

use compose::model::Duration;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Some(span) = Duration::parse(text) {
        assert_eq!(Duration::parse(&span.to_string()), Some(span));
    }
});
