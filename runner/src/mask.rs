//! Secrets never reach a log, a report or a comment (law 11): every text on its way out goes through here.

mod forms;

use std::sync::{Arc, Mutex, PoisonError};

use aho_corasick::{AhoCorasick, MatchKind};
use serde_json::Value;

/// Shorter values are not masked: they would blank out ordinary words and protect nothing.
const SHORTEST: usize = 6;
const MASK: &str = "********";

/// Keys of events whose values are words of ours: a secret that is spelt like one must not make the log unreadable.
const OUR_WORDS: [&str; 21] = [
    "cause", "context", "data", "deed", "depth", "event", "fault", "from", "kind", "moment", "outcome",
    "reason", "run", "severity", "side", "source", "stage", "step", "tier", "verdict", "whose",
];

/// The secrets of one run. Clones share the list, so that a value made later is masked everywhere.
#[derive(Clone, Default)]
pub struct Masker {
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    forms: Vec<String>,
    /// Made of the forms when it is first needed after they changed.
    finder: Option<Arc<AhoCorasick>>,
}

impl std::fmt::Debug for Masker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Masker")
    }
}

impl Masker {
    /// Adds a value, and the forms in which programs like to print it: base64 and hexadecimal, URL-encoded, as JSON and
    /// as HTML text; and each line of it, as logs come in lines.
    pub fn add(&self, value: &str) {
        let value = value.trim();
        if value.len() < SHORTEST {
            return;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for (nth, form) in forms::of(value).into_iter().enumerate() {
            // Compared as texts are: without the breaks between lines.
            let form = Unbroken::of(&form).text;
            let is_long = form.len() >= SHORTEST || (nth == 0 && !form.is_empty());
            if is_long && !known.forms.contains(&form) {
                known.forms.push(form);
                known.finder = None;
            }
        }
    }

    /// Returns the text with every known value blanked out, also where a line was broken inside of it.
    pub fn mask(&self, text: &str) -> String {
        let Some(finder) = self.finder() else { return text.to_owned() };
        let unbroken = Unbroken::of(text);
        let mut masked = String::with_capacity(text.len());
        let mut done = 0;
        for found in finder.find_iter(&unbroken.text) {
            let (from, to) = (unbroken.at(found.start()), unbroken.at(found.end() - 1) + 1);
            masked.push_str(&text[done..from]);
            masked.push_str(MASK);
            done = to;
        }
        masked.push_str(&text[done..]);
        masked
    }

    /// Blanks every known value out of the texts of a JSON value. Its keys, and the words of our own formats, stay.
    pub fn mask_json(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.mask(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.mask_json(item)),
            Value::Object(map) => {
                for (key, value) in map.iter_mut() {
                    if !(value.is_string() && OUR_WORDS.contains(&key.as_str())) {
                        self.mask_json(value);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn finder(&self) -> Option<Arc<AhoCorasick>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.forms.is_empty() {
            return None;
        }
        if known.finder.is_none() {
            // The longest first, so that a value inside another one does not leave the rest of it bare.
            let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&known.forms);
            known.finder = Some(Arc::new(finder.expect("secrets are far smaller than 2^31 bytes")));
        }
        known.finder.clone()
    }
}

/// A text without its line breaks, be they real or escaped as in JSON, and where each byte of it was.
struct Unbroken {
    text: String,
    /// Offset in the original of each byte; empty where nothing was left out.
    offsets: Vec<usize>,
}

impl Unbroken {
    fn of(text: &str) -> Self {
        if !text.contains(['\n', '\r']) && !text.contains("\\n") && !text.contains("\\r") {
            return Self { text: text.to_owned(), offsets: Vec::new() };
        }
        let mut unbroken = Self { text: String::with_capacity(text.len()), offsets: Vec::new() };
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let skip = match c {
                '\n' | '\r' => 1,
                // `\n`, and `\\n` where it was escaped once more.
                '\\' => {
                    let slashes = rest.len() - rest.trim_start_matches('\\').len();
                    if rest[slashes..].starts_with(['n', 'r']) { slashes + 1 } else { 0 }
                }
                _ => 0,
            };
            if skip == 0 {
                let at = text.len() - rest.len();
                unbroken.text.push(c);
                unbroken.offsets.extend(at..at + c.len_utf8());
            }
            rest = &rest[skip.max(c.len_utf8())..];
        }
        unbroken
    }

    fn at(&self, offset: usize) -> usize {
        self.offsets.get(offset).copied().unwrap_or(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masker(value: &str) -> Masker {
        let masker = Masker::default();
        masker.add(value);
        masker
    }

    #[test]
    fn law_11_a_secret_is_blanked_out_in_every_form_in_which_it_is_printed() {
        let masker = masker("p@ss \"word\"?>\n");
        for text in [
            "p@ss \"word\"?>",
            // JSON, as most write it; as Go does; inside of other JSON.
            r#"p@ss \"word\"?>"#,
            r#"p@ss \"word\"?\u003e"#,
            r#"p@ss \\\"word\\\"?>"#,
            // URLs: strict, lower case, with plus, and as JavaScript leaves some signs.
            "p%40ss%20%22word%22%3F%3E",
            "p%40ss%20%22word%22%3f%3e",
            "p%40ss+%22word%22%3F%3E",
            "p@ss%20%22word%22?%3E",
            // base64: padded or not, for URLs.
            "cEBzcyAid29yZCI/Pg==",
            "cEBzcyAid29yZCI/Pg",
            "cEBzcyAid29yZCI_Pg",
            "7040737320 22776f7264223f3e".replace(' ', "").as_str(),
            "p@ss &quot;word&quot;?&gt;",
        ] {
            let told = masker.mask(&format!("it is [{text}], it is"));
            assert!(told.starts_with("it is [********") && told.ends_with("], it is"), "{text}: {told}");
            assert!(told.len() <= "it is [********==], it is".len(), "{text}: {told}");
        }
    }

    #[test]
    fn law_11_a_password_in_a_basic_authentication_header_is_blanked_out() {
        let masker = masker("correct horse battery");
        for user in ["a", "ab", "abc", "admin"] {
            let mut header =
                forms::base64(format!("{user}:correct horse battery").as_bytes(), forms::STANDARD);
            header.insert_str(0, "Authorization: Basic ");
            let told = masker.mask(&header);
            assert!(told.contains(MASK), "{header}: {told}");
            assert!(told.len() < header.len() - 10, "{header}: {told}");
        }
    }

    #[test]
    fn law_11_a_secret_over_several_lines_is_blanked_out_whole_and_line_by_line() {
        let key = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----";
        let masker = masker(key);
        assert_eq!(masker.mask(&format!("a {key} b")), "a ******** b");
        assert_eq!(
            masker.mask(r"a -----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY----- b"),
            "a ******** b"
        );
        assert_eq!(masker.mask("[kqhkiG9w0BAQEF]"), "[********]");
        // `base64` breaks its lines at 76 columns.
        let coded = forms::base64(key.as_bytes(), forms::STANDARD);
        let broken = format!("{}\n{}", &coded[..76], &coded[76..]);
        assert_eq!(masker.mask(&broken), "********");
        assert_eq!(masker.mask(&format!("[{}]", &coded[..76])), "[********]");
        let escaped = serde_json::to_string(&broken).unwrap();
        assert_eq!(masker.mask(&escaped), "\"********\"");
    }

    #[test]
    fn an_event_stays_readable_whatever_the_secret_is() {
        let masker = masker("passed");
        masker.add("nothing");
        let mut event = serde_json::json!({
            "event": "tier_judged", "verdict": "passed", "says": "it passed:\nnothing", "more": ["passed", 7],
        });
        masker.mask_json(&mut event);
        assert_eq!(
            event,
            serde_json::json!({
                "event": "tier_judged", "verdict": "passed", "says": "it ********:\n********", "more": ["********", 7],
            })
        );
    }

    #[test]
    fn what_is_no_secret_is_left_as_it_is() {
        let masker = masker("app");
        masker.add("geheimnis");
        let text = "the app\r\nwrites \\n and ü \\\\ lines\n";
        assert_eq!(masker.mask(text), text);
        assert_eq!(masker.mask("ü\ngeheimnis\nü"), "ü\n********\nü");
    }
}
