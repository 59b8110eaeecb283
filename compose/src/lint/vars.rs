//! Variables in the text of a compose file, before anything is replaced.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

/// One `$NAME` or `${NAME…}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Var<'a> {
    pub(super) name: &'a str,
    pub(super) otherwise: Otherwise<'a>,
}

/// What happens when the variable is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Otherwise<'a> {
    /// It is replaced by nothing.
    Nothing,
    /// It is replaced by this text.
    Default(&'a str),
    /// Docker refuses the file.
    Refused,
}

static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\$(?:\$|([_a-z][_a-z0-9]*)|\{([_a-z][_a-z0-9]*)(?:(:?[-?])([^}]*))?\})")
        .expect("the pattern is a constant")
});

/// Returns the variables in the order of the text; `$$` is none.
pub(super) fn vars(text: &str) -> Vec<Var<'_>> {
    VARIABLE
        .captures_iter(text)
        .filter_map(|found| {
            let name = found.get(1).or_else(|| found.get(2))?.as_str();
            let default = found.get(4).map_or("", |default| default.as_str());
            let otherwise = match found.get(3).map(|sign| sign.as_str()) {
                None => Otherwise::Nothing,
                Some(":-" | "-") => Otherwise::Default(default),
                Some(_) => Otherwise::Refused,
            };
            Some(Var { name, otherwise })
        })
        .collect()
}

/// Replaces variables well enough to find a key of the model again in the text.
pub(super) fn expand(text: &str, env: &BTreeMap<String, String>) -> String {
    let replace = |found: &regex::Captures<'_>| {
        let Some(name) = found.get(1).or_else(|| found.get(2)) else {
            return "$".to_owned();
        };
        let sign = found.get(3).map_or("", |sign| sign.as_str());
        let value = env.get(name.as_str()).filter(|value| !value.is_empty() || !sign.starts_with(':'));
        match (value, sign) {
            (Some(value), _) => value.clone(),
            (None, ":-" | "-") => found.get(4).map_or("", |default| default.as_str()).to_owned(),
            (None, _) => String::new(),
        }
    };
    VARIABLE.replace_all(text, replace).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_variable_is_seen_and_an_escaped_dollar_is_not() {
        let found: Vec<String> = vars("$$A $b ${C} ${D:-x} ${E-} ${F:?say} ${G:+y}")
            .iter()
            .map(|var| format!("{}={:?}", var.name, var.otherwise))
            .collect();
        assert_eq!(found, ["b=Nothing", "C=Nothing", "D=Default(\"x\")", "E=Default(\"\")", "F=Refused"]);
    }

    #[test]
    fn keys_are_found_again_after_replacement() {
        let env =
            BTreeMap::from([("STACK_NAME".to_owned(), "blog".to_owned()), ("E".to_owned(), String::new())]);
        assert_eq!(expand("coop-cloud.${STACK_NAME}.version=$$1", &env), "coop-cloud.blog.version=$1");
        assert_eq!(expand("${N:-a} ${E:-b} ${E-c} ${M}", &env), "a b  ");
    }
}
