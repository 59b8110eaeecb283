//! `abra.sh`: `export NAME=value` lines, read without a shell.
//!
//! Co-op Cloud's tools scan the file too, so what needs a shell to be known has never worked; such lines are
//! named, not guessed at. Hook functions in the file are of no concern.

use std::collections::BTreeMap;

use super::{problem, variable_name};
use crate::Problem;

/// What a file exports. Wins over the defaults in compose files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AbraSh {
    /// The last export of each name.
    pub values: BTreeMap<String, String>,
    /// Line of that export, from 1.
    pub lines: BTreeMap<String, usize>,
    /// Lines that look like exports and cannot be read without running them.
    pub problems: Vec<Problem>,
}

/// Why an export cannot be read.
const INDENTED: &str = "the line is indented: an export inside a function or a condition may never happen";
const NEEDS_A_SHELL: &str = "the value needs a shell to be known";
const NO_VALUE: &str = "there is no value";

/// Reads a file; `file` is its name in problems.
///
/// ```
/// use compose::recipe::abra_sh::parse;
/// let abra = parse("abra.sh", "#!/bin/bash\nexport APP_ENTRYPOINT_VERSION=v4 # bumped\nexport X=$(date)\n");
/// assert_eq!(abra.values["APP_ENTRYPOINT_VERSION"], "v4");
/// assert_eq!(abra.problems[0].line, 3);
/// ```
#[must_use]
pub fn parse(file: &str, text: &str) -> AbraSh {
    let mut out = AbraSh::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (nth, line) in text.split('\n').enumerate() {
        let line = line.trim_end();
        let words = line.trim_start();
        let Some(rest) = words.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])) else {
            continue;
        };
        let found = match words.len() == line.len() {
            true => assignments(rest),
            false => Err(INDENTED),
        };
        match found {
            Ok(found) => {
                for (name, value) in found {
                    out.lines.insert(name.to_owned(), nth + 1);
                    out.values.insert(name.to_owned(), value.to_owned());
                }
            }
            Err(why) => {
                let name = variable_name(rest.trim_start()).map_or("", |(name, _)| name);
                let says = format!("this export is not read: {why}");
                out.problems.push(problem(
                    file,
                    nth + 1,
                    name,
                    says,
                    "write `export NAME=value` with a plain value",
                ));
            }
        }
    }
    out
}

/// Reads `A=1 B='2'` up to a comment.
fn assignments(text: &str) -> Result<Vec<(&str, &str)>, &'static str> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() && !rest.starts_with('#') {
        let (name, after) = variable_name(rest).ok_or(NEEDS_A_SHELL)?;
        let (value, after) = word(after.strip_prefix('=').ok_or(NO_VALUE)?)?;
        // Something stuck to the value, such as `"a"b` or `v1;`.
        if !after.is_empty() && !after.starts_with([' ', '\t']) {
            return Err(NEEDS_A_SHELL);
        }
        found.push((name, value));
        rest = after.trim_start();
    }
    if found.is_empty() { Err(NO_VALUE) } else { Ok(found) }
}

/// Reads one word that a shell would leave as it is.
fn word(text: &str) -> Result<(&str, &str), &'static str> {
    if let Some(inner) = text.strip_prefix('\'') {
        return inner.split_once('\'').ok_or(NEEDS_A_SHELL);
    }
    if let Some(inner) = text.strip_prefix('"') {
        let (value, after) = inner.split_once('"').ok_or(NEEDS_A_SHELL)?;
        return if value.contains(['$', '`', '\\']) { Err(NEEDS_A_SHELL) } else { Ok((value, after)) };
    }
    let end = text.find([' ', '\t']).unwrap_or(text.len());
    let (value, after) = text.split_at(end);
    let special = |c: char| c.is_control() || "$`\\\"'(){}[];&|<>*?~!".contains(c);
    if value.contains(special) { Err(NEEDS_A_SHELL) } else { Ok((value, after)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_exports_are_read_and_others_are_named() {
        let abra = parse(
            "abra.sh",
            "#!/bin/bash\r
export APP_ENTRYPOINT_VERSION=v4\r
export PG_BACKUP_VERSION=\"v1\" NGINX_VERSION='v2' # two
export EMPTY=
 # export COMMENTED=v1
NOT_EXPORTED=v1
exported=1
export APP_ENTRYPOINT_VERSION=v5
export NOW=$(date) 
export BOTH=\"$A\"
export ONLY_A_NAME
export STUCK=v1; echo
abra_backup_app() {
  export INSIDE=v1
}
",
        );
        assert_eq!(
            abra.values.iter().map(|(n, v)| format!("{n}={v}@{}", abra.lines[n])).collect::<Vec<_>>(),
            ["APP_ENTRYPOINT_VERSION=v5@8", "EMPTY=@4", "NGINX_VERSION=v2@3", "PG_BACKUP_VERSION=v1@3"]
        );
        let problems: Vec<_> =
            abra.problems.iter().map(|p| format!("{}:{} {}: {}", p.file, p.line, p.key, p.says)).collect();
        insta::assert_snapshot!(problems.join("\n"), @r"
        abra.sh:9 NOW: this export is not read: the value needs a shell to be known
        abra.sh:10 BOTH: this export is not read: the value needs a shell to be known
        abra.sh:11 ONLY_A_NAME: this export is not read: there is no value
        abra.sh:12 STUCK: this export is not read: the value needs a shell to be known
        abra.sh:14 INSIDE: this export is not read: the line is indented: an export inside a function or a condition may never happen
        ");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(export |[A-C=$'\"# \n\t;a])*") {
            let abra = parse("abra.sh", &text);
            prop_assert_eq!(abra.values.len(), abra.lines.len());
        }
    }
}
