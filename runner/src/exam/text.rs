//! Texts of strangers made fit to show, and the words that stand for something.

use std::collections::BTreeMap;

use crate::mask::Masker;

/// Longest text of an outcome, in characters.
pub(super) const SAYS: usize = 800;
/// Lines that a cause carries, as many as for a crash.
const LAST_LINES: usize = 20;
/// Longest of these lines, in characters.
const LINE: usize = 500;

/// Returns a text on one line, every control and direction mark spelt out, at most `limit` characters of it; a cut
/// ends in `…`. Lines are told apart by `⏎`.
pub(super) fn shown(text: &str, limit: usize) -> String {
    let mut out = String::new();
    let mut chars = text.trim_end().chars();
    for c in chars.by_ref().take(limit) {
        if c == '\n' {
            out.push_str(" ⏎ ");
        } else if c.is_control() || is_invisible(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    if chars.next().is_some() {
        out.push('…');
    }
    out
}

/// Marks that turn the direction of a terminal's text, or that nobody sees.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Returns the last lines of an output, each fit to show; secrets are blanked out first.
pub(super) fn last_lines(output: &str, masker: &Masker) -> Vec<String> {
    let masked = masker.mask(output);
    let lines: Vec<_> = masked.lines().map(str::trim_end).filter(|l| !l.is_empty()).collect();
    lines.iter().skip(lines.len().saturating_sub(LAST_LINES)).map(|l| shown(l, LINE)).collect()
}

/// Returns the last line of an output that says something.
pub(super) fn last_line(output: &str) -> Option<&str> {
    output.lines().map(str::trim).rfind(|l| !l.is_empty())
}

/// Words of the form `${NAME}` and what they stand for.
#[derive(Clone, Debug, Default)]
pub(super) struct Words(BTreeMap<&'static str, String>);

impl Words {
    pub(super) fn new<const N: usize>(words: [(&'static str, String); N]) -> Self {
        Self(words.into())
    }

    /// Returns the text with every known word replaced. An unknown one is left as it is: it may be the app's.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, from) = rest.split_at(at);
            out.push_str(before);
            let known = from[2..].find('}').and_then(|end| {
                let value = self.0.get(&from[2..2 + end])?;
                Some((value, &from[end + 3..]))
            });
            rest = match known {
                Some((value, after)) => {
                    out.push_str(value);
                    after
                }
                None => {
                    out.push_str("${");
                    &from[2..]
                }
            };
        }
        out.push_str(rest);
        out
    }

    /// Fills every text in a JSON value; keys are left alone.
    pub(super) fn fill_json(&self, value: &serde_json::Value) -> serde_json::Value {
        use serde_json::Value;
        match value {
            Value::String(text) => Value::String(self.fill(text)),
            Value::Array(items) => items.iter().map(|v| self.fill_json(v)).collect(),
            Value::Object(map) => {
                Value::Object(map.iter().map(|(k, v)| (k.clone(), self.fill_json(v))).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_words_are_filled_and_unknown_ones_left_alone() {
        let words = Words::new([("MARKER", "m1".into()), ("DOMAIN", "a.test".into())]);
        let filled = words.fill("${MARKER}@${DOMAIN} ${HOME} ${MARKER ${${MARKER}} $MARKER é${");
        assert_eq!(filled, "m1@a.test ${HOME} ${MARKER ${m1} $MARKER é${");
        let json = serde_json::json!({"${MARKER}": ["${MARKER}", 1, null]});
        assert_eq!(words.fill_json(&json), serde_json::json!({"${MARKER}": ["m1", 1, null]}));
    }

    #[test]
    fn what_is_filled_in_is_not_filled_again() {
        let words = Words::new([("MARKER", "${DOMAIN}".into()), ("DOMAIN", "a.test".into())]);
        assert_eq!(words.fill("${MARKER}"), "${DOMAIN}");
    }

    #[test]
    fn control_characters_are_spelt_out_and_long_texts_cut() {
        assert_eq!(shown("a\u{1b}[2J\nb\u{202e}\u{2028}é\n", 80), "a\\u{1b}[2J ⏎ b\\u{202e}\\u{2028}é");
        assert_eq!(shown("ééééé", 3), "ééé…");
    }

    #[test]
    fn last_lines_hold_no_secret() {
        let masker = Masker::default();
        masker.add("hunter2hunter2");
        let output = format!("{}\n\nlogin hunter2hunter2\r\n", "x\n".repeat(50));
        let lines = last_lines(&output, &masker);
        assert_eq!((lines.len(), lines.last().map(String::as_str)), (20, Some("login ********")));
    }
}
