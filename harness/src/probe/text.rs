//! Foreign text, made safe to show.

/// Returns one line without control characters, at most `limit` characters long; a cut ends in `…`.
pub(super) fn plain(text: &str, limit: usize) -> String {
    let mut line = String::new();
    let mut space = false;
    for (count, c) in text.trim().chars().enumerate() {
        if limit <= count {
            line.push('…');
            break;
        }
        match c {
            c if c.is_whitespace() => {
                if !space {
                    line.push(' ');
                }
                space = true;
                continue;
            }
            c if c.is_control() || is_invisible(c) => line.push('\u{fffd}'),
            c => line.push(c),
        }
        space = false;
    }
    line
}

/// Marks that turn the direction of a terminal's text, or that nobody sees.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Returns a number of milliseconds or seconds for people.
pub(super) fn span(time: std::time::Duration) -> String {
    if time.as_secs() < 10 { format!("{} ms", time.as_millis()) } else { format!("{} s", time.as_secs()) }
}

/// Returns an I/O error in plain words.
#[expect(clippy::wildcard_enum_match_arm, reason = "other people's enum")]
pub(super) fn io_words(error: &std::io::Error) -> String {
    use std::io::ErrorKind as Kind;
    match error.kind() {
        Kind::ConnectionRefused => "refused: nothing listens there".to_owned(),
        Kind::TimedOut => "no answer in time".to_owned(),
        Kind::HostUnreachable => "no route to the host".to_owned(),
        Kind::NetworkUnreachable => "no route to the network".to_owned(),
        Kind::ConnectionReset => "cut by the other side".to_owned(),
        Kind::UnexpectedEof => "closed by the other side".to_owned(),
        _ => plain(&error.to_string(), 200),
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn foreign_text_cannot_draw_on_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\r\n\tc\u{202e}d\0", 80), "a\u{fffd}[2Jb c\u{fffd}d\u{fffd}");
        assert_eq!(plain(&"x".repeat(500), 3), "xxx…");
    }
}
