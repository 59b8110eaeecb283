//! Lines of `.env.sample`, `abra.sh` and `README.md`, as far as lint needs them.

use std::collections::BTreeMap;

/// A name that `.env.sample` mentions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Setting<'a> {
    /// Counted from 1.
    pub(super) line: u32,
    pub(super) value: &'a str,
    pub(super) state: State,
}

/// Whether a new app has the setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Set,
    /// Shown as an option, behind a `#`.
    CommentedOut,
}

/// Returns the settings of an env file by name; a set one wins over one that is commented out.
pub(super) fn settings(text: &str) -> BTreeMap<&str, Setting<'_>> {
    let mut settings = BTreeMap::new();
    for (line, text) in numbered(text) {
        let text = text.trim();
        let (state, text) = match text.strip_prefix('#') {
            Some(rest) => (State::CommentedOut, rest.trim_start_matches(['#', ' ', '\t'])),
            None => (State::Set, text.strip_prefix("export ").unwrap_or(text)),
        };
        let Some((name, value)) = text.split_once('=') else { continue };
        if !is_name(name) {
            continue;
        }
        let setting = Setting { line, value, state };
        match (settings.get(name), state) {
            (Some(Setting { state: State::Set, .. }), State::CommentedOut) => {}
            _ => {
                settings.insert(name, setting);
            }
        }
    }
    settings
}

/// Returns `export NAME=value` lines: the line and the value by name.
pub(super) fn exports(text: &str) -> BTreeMap<&str, (u32, &str)> {
    numbered(text)
        .filter_map(|(line, text)| {
            let (name, value) = text.trim().strip_prefix("export ")?.trim_start().split_once('=')?;
            let value = value.split([' ', '\t', '#', ';']).next().unwrap_or("").trim_matches(['"', '\'']);
            is_name(name).then_some((name, (line, value)))
        })
        .collect()
}

/// Returns the lines with their numbers, from 1.
pub(super) fn numbered(text: &str) -> impl Iterator<Item = (u32, &str)> {
    (1..).zip(text.lines())
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_are_commented_out_are_known_and_never_win() {
        let settings = settings("A=1\n#A=2\n# B=3 # length=4\nsome text = no\n#C\nexport D=x\n");
        assert_eq!(settings["A"], Setting { line: 1, value: "1", state: State::Set });
        assert_eq!(settings["B"].state, State::CommentedOut);
        assert_eq!(settings.keys().copied().collect::<Vec<_>>(), ["A", "B", "D"]);
    }

    #[test]
    fn exports_are_read_without_a_shell() {
        let exports = exports("# no\nexport A_VERSION=v1 # why\n\n  export B=\"v2\"\nC=3\n");
        assert_eq!(exports["A_VERSION"], (2, "v1"));
        assert_eq!(exports["B"], (4, "v2"));
        assert!(!exports.contains_key("C"));
    }
}
