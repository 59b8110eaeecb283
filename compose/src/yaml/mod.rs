//! YAML text to a tree that knows where each key and value stands.
//!
//! The room has a reader of its own. What Docker refuses is part of our promise, and Docker's reader has the
//! grammar of libyaml (YAML 1.1): tabs, comments, key lengths, what follows the first document. A strict
//! YAML 1.2 reader differs in both directions, and none gives a place for keys that come through `<<`.

mod compose;
mod cursor;
mod node;
mod parse;
mod resolve;
mod scan;
mod scan_scalar;
mod token;
mod value;

pub(crate) use node::{Entry, Kind, Mark, Node};
pub(crate) use token::SyntaxError;
pub use value::Value;

/// Largest text that is read, in bytes. Real compose files stay below 100 KiB.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Reads the first document; nothing if there is none.
pub(crate) fn read(text: &str) -> Result<Option<Node>, Vec<SyntaxError>> {
    if text.len() > MAX_BYTES {
        let says = format!("the file has {} bytes, more than the limit of {MAX_BYTES}", text.len());
        return Err(vec![SyntaxError { at: Mark::default(), says, remedy: "split the file".to_owned() }]);
    }
    let tree = parse::parse(text).map_err(|error| vec![error])?;
    compose::compose(&tree)
}

/// Tells whether a plain scalar with this text is a text: no number, no boolean, no date, not empty.
pub(crate) fn reads_as_text(text: &str) -> bool {
    matches!(resolve::resolve(text, token::Style::Plain, ""), Ok(Kind::Text(_)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refusal(text: &str) -> String {
        let errors = read(text).unwrap_err();
        let at = errors[0].at;
        format!("{}:{} {}", at.line, at.column, errors[0].says)
    }

    #[test]
    fn keys_and_values_know_where_they_stand() {
        let tree = read("a:\n  b: [1,\n    two]\n").unwrap().unwrap();
        let b = tree.get("a").unwrap().entry("b").unwrap();
        assert_eq!(b.at, Mark { line: 2, column: 3 });
        assert_eq!(b.value.items()[0].at, Mark { line: 2, column: 7 });
        assert_eq!(b.value.items()[1].at, Mark { line: 3, column: 5 });
    }

    #[test]
    fn a_merged_key_stands_where_it_was_written() {
        let tree = read("x: &x\n  a: 1\ny:\n  <<: *x\n  b: 2\n").unwrap().unwrap();
        assert_eq!(tree.get("y").unwrap().entry("a").unwrap().at, Mark { line: 2, column: 3 });
    }

    #[test]
    fn every_doubled_key_is_reported() {
        let errors = read("a: 1\nb: 2\na: 3\nb: 4\n").unwrap_err();
        let lines: Vec<_> = errors.iter().map(|error| error.at.line).collect();
        assert_eq!(lines, [3, 4]);
    }

    #[test]
    fn errors_name_the_place() {
        assert_eq!(refusal("a:\n\tc: d"), "2:1 found character that cannot start any token");
        assert_eq!(refusal("a: *b"), "1:4 unknown anchor 'b' referenced");
        assert_eq!(refusal("a: 'b"), "1:4 found unexpected end of stream in a quoted value");
    }

    #[test]
    fn deep_nesting_is_refused_with_its_limit() {
        let text = format!("a: {}", "[".repeat(100_000));
        assert!(refusal(&text).ends_with("nested deeper than 200 levels"));
        let text: String = (0..5_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
        assert!(read(&text).is_err());
    }

    #[test]
    fn a_huge_text_is_refused_with_its_limit() {
        let text = format!("a: {}", "x".repeat(100 * 1024 * 1024));
        assert!(refusal(&text).contains("more than the limit of 4194304"));
    }

    #[test]
    fn a_line_just_below_the_limit_is_read() {
        let text = format!("a: {}", "x".repeat(MAX_BYTES - 3));
        assert!(read(&text).is_ok());
    }

    #[test]
    fn bombs_of_aliases_are_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let below = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{below}]\n"));
        }
        assert!(refusal(&text).contains("excessive aliasing"));
    }

    #[test]
    fn bombs_of_long_texts_are_refused() {
        let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(1024 * 1024), vec!["*a"; 100_000].join(", "));
        assert!(refusal(&text).contains("aliases copy more than"));
    }

    #[test]
    fn bombs_of_merges_are_refused() {
        let mut text = "a0: &a0 {k: v}\n".to_owned();
        for level in 1..60 {
            text.push_str(&format!("a{level}: &a{level} {{<<: [*a{0}, *a{0}]}}\n", level - 1));
        }
        assert!(read(&text).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn no_text_makes_it_panic(text in r#"([a-c]|[-:?,#&*!|>'"%@`{}\[\]]|: |- |\n|\n  |\n    |\t|<<: \*a|&a |\*a|~|[0-9]|\\|\PC){0,60}"#) {
            drop(read(&text));
        }
    }
}
