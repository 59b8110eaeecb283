//! What a line of a log is worth: its level, and whether it says that a trouble is over.

use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder};

use super::patterns;

/// Longest line that is quoted, in characters.
const QUOTED: usize = 300;
/// Longest line that is looked through, in bytes: a dump of data on one line is no message.
const READ: usize = 4096;

static ESCAPES: LazyLock<Regex> = LazyLock::new(|| pattern(r"\x1b\[[0-9;?]*[ -/]*[@-~]"));

/// Compiles a pattern of ours. Over bytes and without Unicode's tables, which would cost seconds in a debug build;
/// programs tell of their troubles in ASCII.
pub(crate) fn pattern(text: &str) -> Regex {
    RegexBuilder::new(text).unicode(false).build().expect("our own patterns are compiled by a test")
}

/// Takes away colours and what follows the length that is read.
pub(super) fn clean(line: &str) -> String {
    let mut end = line.len().min(READ);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    let line = ESCAPES.replace_all(&line.as_bytes()[..end], b"".as_slice());
    String::from_utf8_lossy(&line)
        .chars()
        .filter(|c| !c.is_control() || *c == '\t')
        .collect::<String>()
        .trim()
        .to_owned()
}

/// Shortens a clean line to what a cause quotes.
pub(super) fn quoted(line: &str) -> String {
    if line.chars().count() <= QUOTED {
        return line.to_owned();
    }
    let mut cut: String = line.chars().take(QUOTED).collect();
    cut.push('…');
    cut
}

/// How loud a line is, as far as its head tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loudness {
    /// Trace to warning: never a cause (CC-039).
    Quiet,
    /// An error, or a line that does not say.
    Loud,
}

/// Reads the level of a line: the first word that stands where loggers put one.
pub(super) fn loudness(line: &str) -> Loudness {
    // Levels as loggers write them: `level=warn`, `"level":"warn"`, `[warn]`, `WARN`, `warn:`; pino's numbers; the
    // letters of glog and of redis (`#` is redis' loudest and is used for fatals, so it is not read).
    static LEVEL: LazyLock<Regex> = LazyLock::new(|| {
        pattern(concat!(
            r#"(?:\b(?i:level|lvl|severity|loglevel)"?\s*[=:]\s*"?(?P<a>[A-Za-z]+|\d0)\b)"#,
            r"|(?:[\[<(](?i:[\w.]+[:.])?(?P<b>(?i:trace|debug|dbug|info|information|notice|note|warn|warning|err|error|fatal|crit|critical|alert|emerg|emergency|panic|severe))[\])>])",
            r"|(?:(?:^|[\s|:.\]])(?P<c>TRACE|DEBUG|DBUG|INFO|INFORMATION|NOTICE|LOG|HINT|WARN|WARNING|ERR|ERROR|FATAL|CRIT|CRITICAL|ALERT|EMERG|PANIC|SEVERE)(?:[\s|:\]!]|$))",
            r"|(?:(?:^|[Z\d\]]\s+)(?P<d>(?i:trace|debug|dbug|info|notice|warn|warning|error|err|fatal|crit|critical|panic)):?\s)",
            r"|(?:^(?P<e>[DIWEF])(?:\d{4} |/|\.\.\.))",
        ))
    });
    let mut end = line.len().min(200);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    let Some(found) = LEVEL.captures(&line.as_bytes()[..end]) else { return Loudness::Loud };
    let word = ["a", "b", "c", "d", "e"]
        .iter()
        .find_map(|name| found.name(name))
        .map_or(b"".as_slice(), |m| m.as_bytes());
    match String::from_utf8_lossy(word).to_ascii_lowercase().as_str() {
        "trace" | "debug" | "dbug" | "info" | "information" | "notice" | "note" | "log" | "hint" | "warn"
        | "warning" | "d" | "i" | "w" | "10" | "20" | "30" | "40" => Loudness::Quiet,
        _ => Loudness::Loud,
    }
}

/// What a line says of troubles before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    No,
    /// It waits for its neighbours no longer.
    Neighbours,
    /// It is up: whatever came before was overcome.
    All,
}

/// Reads whether a line says that the program got over what came before.
pub(super) fn over(line: &str) -> Over {
    static UP: LazyLock<Regex> = LazyLock::new(|| pattern(patterns::UP));
    static NEIGHBOURS: LazyLock<Regex> = LazyLock::new(|| pattern(patterns::NEIGHBOURS_UP));
    static NOT: LazyLock<Regex> = LazyLock::new(|| pattern(patterns::NOT_UP));
    let line = line.as_bytes();
    if NOT.is_match(line) {
        Over::No
    } else if UP.is_match(line) {
        Over::All
    } else if NEIGHBOURS.is_match(line) {
        Over::Neighbours
    } else {
        Over::No
    }
}
