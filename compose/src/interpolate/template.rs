//! One text: `$VAR`, `${VAR}`, `${VAR:-default}`, `${VAR-default}`, `${VAR:?message}`, `${VAR?message}`, `$$`.
//!
//! Copied behaviour that surprises: an operand ends at the first `}`; operators work without braces, too; the
//! operator is whatever of `:-`, `-`, `:?`, `?` is found first *in that order* anywhere in the reference, so that
//! `${A:?not-set}` has the default `set`; and an error is forgotten when a later reference in the same text is
//! good.

use std::collections::BTreeMap;

/// Why a text cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TemplateError {
    #[error("invalid interpolation format: `{template}`")]
    Invalid { template: String },
    #[error("required variable `{name}` is missing a value: {message}")]
    Missing { name: String, message: String },
}

impl TemplateError {
    pub(crate) fn remedy(&self) -> String {
        match self {
            Self::Invalid { .. } => {
                "write `$$` for a plain dollar; only `${NAME}`, `:-`, `-`, `:?` and `?` are known".to_owned()
            }
            Self::Missing { name, .. } => format!("set `{name}` in the environment"),
        }
    }
}

/// Fills in the variables of one text.
///
/// # Errors
/// A reference without the right form, or a required variable without a value, unless a good reference follows.
pub(crate) fn substitute(text: &str, env: &BTreeMap<String, String>) -> Result<String, TemplateError> {
    let mut out = String::with_capacity(text.len());
    let mut error = None;
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let Some((reference, after)) = reference(rest) else {
            error = Some(TemplateError::Invalid { template: text.to_owned() });
            continue;
        };
        rest = after;
        match value(reference, env) {
            Ok(value) => {
                error = None;
                out.push_str(value);
            }
            Err(missing) => error = Some(missing),
        }
    }
    out.push_str(rest);
    error.map_or(Ok(out), Err)
}

/// Splits a reference off what follows a `$`: name and operator, with or without braces.
fn reference(text: &str) -> Option<(&str, &str)> {
    if let Some(inside) = text.strip_prefix('{') {
        let length = name_length(inside)?;
        let length = length + operand_length(&inside[length..]);
        let after = inside[length..].strip_prefix('}')?;
        return Some((&inside[..length], after));
    }
    let length = name_length(text)?;
    let length = length + operand_length(&text[length..]);
    Some(text.split_at(length))
}

fn name_length(text: &str) -> Option<usize> {
    // The CLI's pattern ignores case the Unicode way, which lets in a long s and the Kelvin sign.
    let starts = |c: char| c == '_' || c.is_ascii_alphabetic() || matches!(c, '\u{17F}' | '\u{212A}');
    if !text.chars().next().is_some_and(starts) {
        return None;
    }
    Some(text.find(|c: char| !starts(c) && !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// Length of an operator and its operand, up to the first `}`.
fn operand_length(text: &str) -> usize {
    let operator = text.strip_prefix(':').unwrap_or(text);
    if operator.starts_with(['-', '?']) { text.find('}').unwrap_or(text.len()) } else { 0 }
}

fn value<'a>(reference: &'a str, env: &'a BTreeMap<String, String>) -> Result<&'a str, TemplateError> {
    let lookup = |name: &str| env.get(name).map(String::as_str);
    if let Some((name, default)) = reference.split_once(":-") {
        return Ok(lookup(name).filter(|value| !value.is_empty()).unwrap_or(default));
    }
    if let Some((name, default)) = reference.split_once('-') {
        return Ok(lookup(name).unwrap_or(default));
    }
    let missing = |name: &str, message: &str| TemplateError::Missing {
        name: name.to_owned(),
        message: message.to_owned(),
    };
    if let Some((name, message)) = reference.split_once(":?") {
        return lookup(name).filter(|value| !value.is_empty()).ok_or_else(|| missing(name, message));
    }
    if let Some((name, message)) = reference.split_once('?') {
        return lookup(name).ok_or_else(|| missing(name, message));
    }
    Ok(lookup(reference).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(text: &str) -> Result<String, TemplateError> {
        let env = BTreeMap::from([
            ("A".to_owned(), "1".to_owned()),
            ("E".to_owned(), String::new()),
            ("a_b".to_owned(), "2".to_owned()),
        ]);
        substitute(text, &env)
    }

    #[test]
    fn every_form_of_a_reference_is_filled_in() {
        assert_eq!(filled("$A ${A} $a_b $$A").unwrap(), "1 1 2 $A");
        assert_eq!(filled("${E:-x} ${E-x} ${U:-x} ${U-x} ${U} ${A:-x}").unwrap(), "x  x x  1");
        assert_eq!(filled("${A:?m} ${E?m}").unwrap(), "1 ");
    }

    #[test]
    fn an_operand_ends_at_the_first_brace() {
        assert_eq!(filled("${U:-a${A}b}").unwrap(), "a${Ab}");
    }

    #[test]
    fn operators_work_without_braces() {
        assert_eq!(filled("$U-foo bar}x").unwrap(), "foo bar}x");
        assert_eq!(filled("$A:?x").unwrap(), "1");
    }

    #[test]
    fn a_dash_in_a_message_makes_it_a_default() {
        assert_eq!(filled("${U:?not-set}").unwrap(), "set");
    }

    #[test]
    fn an_error_is_forgotten_when_a_good_reference_follows() {
        assert_eq!(filled("$ ${U?m} $A").unwrap(), "  1");
        assert!(filled("$A ${U?m}").is_err());
        assert!(filled("$A $ $$").is_err());
    }

    #[test]
    fn unknown_forms_are_refused() {
        for text in ["$", "${", "${}", "${A", "${A:+x}", "${A+x}", "${1}", "$1", "${A:x}", "${ A}"] {
            assert!(filled(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r"(\$|\{|\}|:|-|\?|\$\{|[A-Ea_]|\PC){0,40}") {
            drop(filled(&text));
        }

        #[test]
        fn text_without_a_dollar_is_left_alone(text in r"[^$]*") {
            prop_assert_eq!(filled(&text).unwrap(), text);
        }
    }
}
