#![no_main]

use compose::Interpolation;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(loaded) = simmer_fuzz::compose_file(text, "", Interpolation::Apply) else { return };
    let printed = loaded.model.to_yaml();
    let again = simmer_fuzz::compose_file(&printed, "", Interpolation::Skip);
    drop(again);
});
