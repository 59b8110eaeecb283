//! Text from strangers, made harmless for people's eyes; and times.

/// Returns the text without terminal sequences, and with every other control or direction character made
/// visible. New lines and tabs stay.
///
/// ```
/// assert_eq!(reports::plain("\u{1b}[31mred\u{1b}[0m\u{7}"), "red␇");
/// assert_eq!(reports::plain("a\u{202e}b"), "a⟨U+202E⟩b");
/// ```
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' | '\t' => out.push(c),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\u{1b}' => match chars.peek() {
                Some('[') => {
                    chars.next();
                    skip_until(&mut chars, |c| ('\u{40}'..='\u{7e}').contains(&c));
                }
                Some(']') => {
                    chars.next();
                    skip_until(&mut chars, |c| matches!(c, '\u{7}' | '\u{1b}'));
                    if chars.peek() == Some(&'\\') {
                        chars.next();
                    }
                }
                _ => out.push('␛'),
            },
            '\u{0}'..='\u{1f}' => out.extend(char::from_u32(0x2400 + u32::from(c))),
            '\u{7f}' => out.push('␡'),
            '\u{80}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}' => out.push_str(&format!("⟨U+{:04X}⟩", u32::from(c))),
            _ => out.push(c),
        }
    }
    out
}

/// A sequence that never ends is dropped up to the end of its line, not further.
fn skip_until(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, end: impl Fn(char) -> bool) {
    while let Some(c) = chars.next_if(|c| *c != '\n') {
        if end(c) {
            break;
        }
    }
}

/// Returns the text on one line, harmless, cut to `most` characters with an ellipsis.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let words = plain(text).split_whitespace().collect::<Vec<_>>().join(" ");
    cut(&words, most)
}

/// Cuts to `most` characters, the ellipsis included.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(most.saturating_sub(1)).collect();
    out.push('…');
    out
}

/// Returns a span of time for people: `42 ms`, `3.4 s`, `1m12s`, `2h05m`.
///
/// ```
/// assert_eq!([42, 3_420, 72_000, 7_500_000].map(reports::span), ["42 ms", "3.4 s", "1m12s", "2h05m"]);
/// ```
pub fn span(millis: u64) -> String {
    let seconds = millis / 1000;
    match millis {
        0..1000 => format!("{millis} ms"),
        1000..60_000 => format!("{seconds}.{} s", millis % 1000 / 100),
        60_000..3_600_000 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// Returns a span for a column: minutes and seconds always.
pub(crate) fn span_column(millis: u64) -> String {
    let seconds = millis / 1000;
    if seconds >= 3600 { span(millis) } else { format!("{}m{:02}s", seconds / 60, seconds % 60) }
}

/// Returns a number of bytes for people: `512 B`, `1.4 kB`, `23.0 MB`, in powers of 1000.
///
/// ```
/// assert_eq!([512, 1_449, 23_000_000].map(reports::bytes), ["512 B", "1.4 kB", "23.0 MB"]);
/// ```
pub fn bytes(n: u64) -> String {
    let (mut unit, mut names) = (1, ["kB", "MB", "GB", "TB", "PB", "EB"].iter());
    let mut name = "B";
    while n / unit >= 1000
        && let Some(next) = names.next()
    {
        unit *= 1000;
        name = next;
    }
    if unit == 1 { format!("{n} B") } else { format!("{}.{} {name}", n / unit, n % unit / (unit / 10)) }
}

/// Returns a number with its noun: `1 run`, `2 runs`.
///
/// ```
/// assert_eq!(reports::count(1, "advance", "advances"), "1 advance");
/// ```
pub fn count(n: usize, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_sequences_are_dropped_and_other_controls_shown() {
        assert_eq!(plain("\u{1b}[1;31mE\u{1b}[0m \u{1b}]8;;http://x\u{7}link\u{1b}]8;;\u{1b}\\"), "E link");
        assert_eq!(plain("a\0b\rc\r\n\td"), "a␀b␍c\n\td");
        assert_eq!(plain("\u{1b}[12"), "", "a sequence without end");
        assert_eq!(plain("\u{1b}]0;never\nnext"), "\nnext", "it does not eat the next line");
    }

    #[test]
    fn text_is_cut_at_characters_not_at_bytes() {
        assert_eq!(one_line("äöü\n  äöü", 6), "äöü ä…");
        assert_eq!(one_line("short", 6), "short");
    }
}
