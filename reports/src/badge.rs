//! A badge for a README: level and state, as an SVG that needs nothing else.

use crate::view::State;

/// Height of one badge and size of its text, in pixels.
const HEIGHT: usize = 20;
const LABEL: &str = "simmer";

/// Returns the badge. A level is shown only where all of the run held.
pub fn badge(level: Option<u8>, state: State) -> String {
    let (colour, shape) = look(state);
    let says = match (state, level) {
        (State::Passed, Some(level)) => format!("level {level}"),
        (State::Superficial, Some(level)) => format!("level {level}, superficial"),
        (state, _) => state.word().to_owned(),
    };
    let (left, text) = (width(LABEL) + 12, width(&says));
    let right = text + 28;
    let all = left + right;
    let (label_width, x_shape, x_text) = (width(LABEL), left + 6, left + 21);
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{all}" height="{HEIGHT}" role="img" aria-label="{LABEL}: {says}"><title>{LABEL}: {says}</title><clipPath id="r"><rect width="{all}" height="{HEIGHT}" rx="4"/></clipPath><g clip-path="url(#r)"><rect width="{left}" height="{HEIGHT}" fill="#3b4149"/><rect x="{left}" width="{right}" height="{HEIGHT}" fill="{colour}"/></g><g transform="translate({x_shape} 5)" fill="none" stroke="#fff" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round">{shape}</g><g fill="#fff" font-family="system-ui,-apple-system,'Segoe UI',Verdana,sans-serif" font-size="11"><text x="6" y="14" textLength="{label_width}">{LABEL}</text><text x="{x_text}" y="14" textLength="{text}">{says}</text></g></svg>
"##
    )
}

/// Colour, and a shape for those who do not see it.
fn look(state: State) -> (&'static str, &'static str) {
    const CHECK: &str = r#"<path d="M1 5.5 4 8.5 9.5 1.5"/>"#;
    const ASKED: &str = r#"<path d="M2 2.8a3 2.6 0 1 1 3.6 2.6V6.6M5.6 9.4v.1"/>"#;
    match state {
        State::Passed => ("#1a7f4b", CHECK),
        State::Superficial => ("#4d7358", CHECK),
        State::Failed => ("#c02a37", r#"<path d="M1.5 1.5l7 7M8.5 1.5l-7 7"/>"#),
        State::NotJudged | State::NothingJudged => ("#8a5a00", ASKED),
        State::DidNotEnd => ("#6b5b95", r#"<path d="M1 5h.1M5 5h.1M9 5h.1"/>"#),
    }
}

/// A guess at the width in pixels; `textLength` makes the text fit it whatever the font is.
fn width(text: &str) -> usize {
    let tenths: usize = text
        .chars()
        .map(|c| match c {
            'i' | 'j' | 'l' | 't' | 'f' | 'r' | ' ' | ',' | '(' | ')' => 38,
            'm' | 'w' => 92,
            _ => 64,
        })
        .sum();
    tenths / 10
}
