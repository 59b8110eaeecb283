//! A command line to words, with a shell's quotes and nothing else of a shell.

/// Splits a text. Quotes and backslashes are taken away, `#` at the start of a word begins a comment.
///
/// # Errors
/// What is missing at the end.
pub(crate) fn split(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '#' if word.is_none() => {
                chars.by_ref().find(|&c| c == '\n');
            }
            '\\' => {
                let next = chars.next().ok_or("a character is missing after the last backslash")?;
                word.get_or_insert_default().push(next);
            }
            '\'' => quoted(&mut chars, word.get_or_insert_default(), Escapes::No)?,
            '"' => quoted(&mut chars, word.get_or_insert_default(), Escapes::Yes)?,
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    Yes,
    No,
}

fn quoted(chars: &mut std::str::Chars<'_>, word: &mut String, escapes: Escapes) -> Result<(), &'static str> {
    let quote = if escapes == Escapes::Yes { '"' } else { '\'' };
    loop {
        match chars.next() {
            None => return Err("a closing quote is missing"),
            Some(c) if c == quote => return Ok(()),
            Some('\\') if escapes == Escapes::Yes => {
                word.push(chars.next().ok_or("a character is missing after the last backslash")?);
            }
            Some(c) => word.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_split_as_by_the_cli() {
        for (text, words) in [
            ("", vec![]),
            ("  a  b\tc\n", vec!["a", "b", "c"]),
            ("a 'b c' \"d \\\" e\" f\\ g", vec!["a", "b c", "d \" e", "f g"]),
            ("a'b'c\"d\"", vec!["abcd"]),
            ("'' x", vec!["", "x"]),
            ("a # b\nc a#b", vec!["a", "c", "a#b"]),
            ("'a\\b' \"a\\nb\"", vec!["a\\b", "anb"]),
        ] {
            assert_eq!(split(text).unwrap(), words, "{text}");
        }
        for text in ["'a", "\"a", "a\\", "\"a\\"] {
            assert!(split(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r#"(['"\\# \n]|\PC){0,30}"#) {
            drop(split(&text));
        }
    }
}
