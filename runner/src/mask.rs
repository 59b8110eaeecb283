//! Secrets never reach a log, a report or a comment (law 11): every text on its way out goes through here.

use std::sync::{Arc, Mutex, PoisonError};

/// Shorter values are not masked: they would blank out ordinary words and protect nothing.
const SHORTEST: usize = 6;
const MASK: &str = "********";

/// The secrets of one run. Clones share the list, so that a value made later is masked everywhere.
#[derive(Clone, Default)]
pub struct Masker {
    values: Arc<Mutex<Vec<String>>>,
}

impl std::fmt::Debug for Masker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Masker")
    }
}

impl Masker {
    /// Adds a value, and the forms in which programs like to print it: base64, URL-encoded, as JSON text.
    pub fn add(&self, value: &str) {
        let value = value.trim();
        if value.len() < SHORTEST {
            return;
        }
        let json = serde_json::to_string(value).expect("text is always JSON");
        let mut forms = vec![
            value.to_owned(),
            base64(value.as_bytes()).trim_end_matches('=').to_owned(),
            url_encoded(value),
            json[1..json.len() - 1].to_owned(),
        ];
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.append(&mut forms);
        // The longest first, so that a value inside another one does not leave the rest of it bare.
        values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
    }

    /// Returns the text with every known value blanked out.
    pub fn mask(&self, text: &str) -> String {
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.iter().fold(text.to_owned(), |text, value| {
            if text.contains(value) { text.replace(value, MASK) } else { text }
        })
    }
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks(3)
        .flat_map(|chunk| {
            let word = chunk.iter().enumerate().fold(0_u32, |w, (i, b)| w | u32::from(*b) << (16 - 8 * i));
            (0..=chunk.len()).map(move |i| char::from(ALPHABET[(word >> (18 - 6 * i) & 63) as usize]))
        })
        .collect()
}

fn url_encoded(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(b).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn law_11_a_secret_is_blanked_out_in_every_form_in_which_it_is_printed() {
        let masker = Masker::default();
        masker.add("p@ss \"word\"\n");
        let text = "plain p@ss \"word\" json p@ss \\\"word\\\" url p%40ss%20%22word%22 b64 cEBzcyAid29yZCI=";
        assert_eq!(masker.mask(text), "plain ******** json ******** url ******** b64 ********=");
    }

    #[test]
    fn short_values_are_left_alone() {
        let masker = Masker::default();
        masker.add("app");
        assert_eq!(masker.mask("the app"), "the app");
    }
}
