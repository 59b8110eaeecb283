//! Files of `NAME=value` lines, as `env_file` reads them: nothing is unquoted and nothing is filled in.

use std::collections::BTreeMap;

/// Longest line that the CLI reads, in bytes.
const LONGEST_LINE: usize = 64 * 1024 - 1;

/// Reads the lines in order. A line without `=` takes the caller's value, and is left out if there is none.
///
/// # Errors
/// What is wrong, with the number of the line.
pub(crate) fn parse(
    text: &str,
    env: &BTreeMap<String, String>,
) -> Result<Vec<(String, String)>, (usize, String)> {
    let mut pairs = Vec::new();
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    for (index, line) in text.split('\n').enumerate() {
        let number = index + 1;
        if line.len() > LONGEST_LINE {
            return Err((number, format!("a line is longer than {LONGEST_LINE} bytes")));
        }
        let line = line.strip_suffix('\r').unwrap_or(line);
        // Every blank of Unicode goes at the start of a line; within a name only these two are looked for.
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (line, None),
        };
        if name.is_empty() {
            return Err((number, format!("no variable name on line `{line}`")));
        }
        if name.contains([' ', '\t']) {
            return Err((number, format!("variable `{name}` contains whitespace")));
        }
        let value = value.map(str::to_owned).or_else(|| env.get(name).cloned());
        pairs.extend(value.map(|value| (name.to_owned(), value)));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_read_as_written() {
        let env = BTreeMap::from([("H".to_owned(), "here".to_owned())]);
        let text = "\u{FEFF}A=1\r\n# no\n\n  B= 'x' # y\nC\nH\nD==\n";
        let expected = [("A", "1"), ("B", " 'x' # y"), ("H", "here"), ("D", "=")];
        let pairs = parse(text, &env).unwrap();
        assert_eq!(pairs, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn names_with_blanks_and_lines_without_a_name_are_refused() {
        assert!(parse("A =1", &BTreeMap::new()).is_err());
        assert!(parse("export A=1", &BTreeMap::new()).is_err());
        assert!(parse("=1", &BTreeMap::new()).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r"([A-C]|[= \t\r\n#]|\PC){0,40}") {
            drop(parse(&text, &BTreeMap::new()));
        }
    }
}
