#![no_main]

use compose::Interpolation;

libfuzzer_sys::fuzz_target!(|text: &str| {
    drop(simmer_fuzz::compose_file("services: {s: {env_file: a.env}}\n", text, Interpolation::Apply));
});
