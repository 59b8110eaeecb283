//! Hostile files end soon, with a message.

use std::time::{Duration, Instant};

use compose::Interpolation;

use crate::oracle::Case;

/// Far more than any of these takes, far less than a hang. Debug builds are slow.
const LONGEST: Duration = Duration::from_secs(20);

fn refusal(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let case = Case::of_text(folder.path(), text);
    let start = Instant::now();
    let refused = case.ours(Interpolation::Apply).unwrap_err().to_string();
    assert!(start.elapsed() < LONGEST, "took {:?}", start.elapsed());
    refused
}

#[test]
fn a_file_with_very_many_problems_shows_the_first_ones() {
    let lines: String = (0..5_000).map(|n| format!("  s{n}: {{imagee: x}}\n")).collect();
    let refused = refusal(&format!("services:\n{lines}"));
    assert!(refused.contains("did you mean `image`?"));
    assert!(refused.contains("4800 more problems are left out"));
    assert!(refused.len() < 200_000);
}

#[test]
fn long_values_do_not_flood_the_message() {
    let refused = refusal(&format!("services:\n  a:\n    image: \"${{{}\"\n", "x".repeat(1_000_000)));
    assert!(refused.len() < 2_000, "{}", refused.len());
}

#[test]
fn a_line_of_a_hundred_megabytes_is_refused_with_the_limit() {
    let refused = refusal(&"x".repeat(100 * 1024 * 1024));
    assert!(refused.contains("more than the limit of 4194304"));
}

#[test]
fn a_bomb_of_aliases_is_refused() {
    let mut text = "x-0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let below = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("x-{level}: &a{level} [{below}]\n"));
    }
    assert!(refusal(&text).contains("excessive aliasing"));
}
