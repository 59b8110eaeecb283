//! A walk over the characters, with line and column.

use super::node::Mark;
use super::token::SyntaxError;

/// Bytes that the CLI's reader takes in at once.
const CHUNK: usize = 512;

/// Stands for the end of the text; a real one is refused as a control character.
const END: char = '\0';

/// Where the scanner stands.
#[derive(Debug)]
pub(super) struct Cursor {
    chars: Vec<char>,
    index: usize,
    line: usize,
    column: usize,
    /// Line breaks since the last character that is not blank.
    newlines: usize,
    /// Lines that start before this place lose their first character.
    swallowed_until: usize,
}

impl Cursor {
    /// Refuses characters that YAML does not allow.
    pub(super) fn new(text: &str) -> Result<Self, SyntaxError> {
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        // While a second byte order mark is the first thing in its buffer, the CLI's reader takes each line for one that
        // starts with a mark, and drops a character of it.
        let swallowed_until = if text.starts_with('\u{FEFF}') {
            text.char_indices().take_while(|&(at, c)| at + c.len_utf8() + 3 <= CHUNK).count()
        } else {
            0
        };
        let chars = text.chars().collect();
        let mut cursor = Self { chars, index: 0, line: 0, column: 0, newlines: 0, swallowed_until };
        match cursor.chars.iter().position(|&c| !is_allowed(c)) {
            None => Ok(cursor),
            Some(bad) => {
                while cursor.index < bad {
                    cursor.advance();
                }
                Err(SyntaxError::new(cursor.mark(), "control characters are not allowed")
                    .with_remedy("remove the character, or write it as an escape in double quotes"))
            }
        }
    }

    pub(super) fn mark(&self) -> Mark {
        let number = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
        Mark { line: number(self.line), column: number(self.column) }
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }

    pub(super) fn line(&self) -> usize {
        self.line
    }

    pub(super) fn column(&self) -> usize {
        self.column
    }

    pub(super) fn newlines(&self) -> usize {
        self.newlines
    }

    /// Returns the character so many places ahead, `END` past the last.
    pub(super) fn peek_at(&self, ahead: usize) -> char {
        self.chars.get(self.index + ahead).copied().unwrap_or(END)
    }

    pub(super) fn peek(&self) -> char {
        self.peek_at(0)
    }

    /// Passes the character that a line loses after a doubled byte order mark.
    pub(super) fn swallow(&mut self) {
        if self.column == 0 && self.index < self.swallowed_until && !self.at_end() {
            self.skip();
        }
    }

    pub(super) fn at_end(&self) -> bool {
        self.index >= self.chars.len()
    }

    pub(super) fn is_blank_or_end(&self, ahead: usize) -> bool {
        let c = self.peek_at(ahead);
        is_blank(c) || is_break(c) || c == END
    }

    pub(super) fn is_break_or_end(&self) -> bool {
        is_break(self.peek()) || self.at_end()
    }

    /// Tells whether `---` or `...` stands here at the start of a line.
    pub(super) fn at_document_indicator(&self) -> bool {
        self.column == 0 && (self.starts_with("---") || self.starts_with("...")) && self.is_blank_or_end(3)
    }

    pub(super) fn starts_with(&self, word: &str) -> bool {
        word.chars().enumerate().all(|(ahead, c)| self.peek_at(ahead) == c)
    }

    /// Passes one character that is no line break.
    pub(super) fn skip(&mut self) {
        if !is_blank(self.peek()) {
            self.newlines = 0;
        }
        self.index += 1;
        self.column += 1;
    }

    /// Passes one character and returns it.
    pub(super) fn take(&mut self) -> char {
        let c = self.peek();
        self.skip();
        c
    }

    /// Passes a line break, if there is one, and returns what it stands for.
    pub(super) fn take_break(&mut self) -> Option<char> {
        let c = self.peek();
        if !is_break(c) {
            return None;
        }
        self.index += if c == '\r' && self.peek_at(1) == '\n' { 2 } else { 1 };
        self.column = 0;
        self.line += 1;
        self.newlines += 1;
        Some(if matches!(c, '\u{2028}' | '\u{2029}') { c } else { '\n' })
    }

    /// Passes whatever stands here.
    pub(super) fn advance(&mut self) {
        if self.take_break().is_none() {
            self.skip();
        }
    }

    /// The end of the text counts as the start of a new line.
    pub(super) fn force_line_start(&mut self) {
        if self.column != 0 {
            self.column = 0;
            self.line += 1;
        }
    }
}

pub(super) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_allowed(c: char) -> bool {
    matches!(c,
        '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{A0}'..='\u{D7FF}'
        | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}
