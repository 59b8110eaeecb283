//! The tokens that have an inside: scalars, anchors, tags, directives.

use super::cursor::{is_blank, is_break};
use super::node::Mark;
use super::scan::Scanner;
use super::token::{Style, SyntaxError, Token, TokenKind};

/// Blanks and breaks between two words of a scalar, to be folded once a word follows.
#[derive(Default)]
struct Gap {
    blanks: String,
    first_break: Option<char>,
    more_breaks: String,
}

impl Gap {
    fn push_break(&mut self, c: char) {
        if self.first_break.is_some() {
            self.more_breaks.push(c);
        } else {
            self.blanks.clear();
            self.first_break = Some(c);
        }
    }

    /// Appends what the gap stands for: a lone line break is a space.
    fn fold_into(&mut self, text: &mut String) {
        match self.first_break.take() {
            None => text.push_str(&self.blanks),
            Some('\n') if self.more_breaks.is_empty() => text.push(' '),
            Some('\n') => text.push_str(&self.more_breaks),
            Some(other) => {
                text.push(other);
                text.push_str(&self.more_breaks);
            }
        }
        self.blanks.clear();
        self.more_breaks.clear();
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomp {
    Strip,
    Clip,
    Keep,
}

impl Scanner {
    pub(super) fn scan_plain(&mut self) -> Result<Token, SyntaxError> {
        let at = self.cursor.mark();
        let indent = self.indent() + 1;
        let mut text = String::new();
        let mut gap = Gap::default();
        loop {
            if self.cursor.at_document_indicator() || self.cursor.peek() == '#' {
                break;
            }
            while !self.cursor.is_blank_or_end(0) && !self.ends_plain() {
                gap.fold_into(&mut text);
                text.push(self.cursor.take());
            }
            if !is_blank(self.cursor.peek()) && !is_break(self.cursor.peek()) {
                break;
            }
            loop {
                let c = self.cursor.peek();
                if is_blank(c) {
                    if gap.first_break.is_some() {
                        if c == '\t' && self.column() < indent {
                            return Err(SyntaxError::new(
                                self.cursor.mark(),
                                "found a tab character that violates indentation",
                            )
                            .with_remedy("indent with spaces, not tabs"));
                        }
                        self.cursor.skip();
                    } else {
                        gap.blanks.push(self.cursor.take());
                    }
                } else if let Some(c) = self.cursor.take_break() {
                    gap.push_break(c);
                } else {
                    break;
                }
            }
            if !self.in_flow() && self.column() < indent {
                break;
            }
        }
        if gap.first_break.is_some() {
            self.allow_simple_key();
        }
        Ok(Token { at, kind: TokenKind::Scalar { text, style: Style::Plain } })
    }

    fn ends_plain(&self) -> bool {
        match self.cursor.peek() {
            ':' => self.cursor.is_blank_or_end(1),
            ',' | '?' | '[' | ']' | '{' | '}' => self.in_flow(),
            _ => false,
        }
    }

    fn column(&self) -> isize {
        isize::try_from(self.cursor.column()).unwrap_or(isize::MAX)
    }

    pub(super) fn scan_quoted(&mut self, quote: char) -> Result<Token, SyntaxError> {
        let at = self.cursor.mark();
        self.cursor.skip();
        let mut text = String::new();
        let mut gap = Gap::default();
        loop {
            if self.cursor.at_document_indicator() {
                return Err(SyntaxError::new(at, "found unexpected document indicator in a quoted value")
                    .with_remedy(format!("close the {quote}")));
            }
            if self.cursor.at_end() {
                return Err(SyntaxError::new(at, "found unexpected end of stream in a quoted value")
                    .with_remedy(format!("close the {quote}")));
            }
            // After an escaped line break, blanks vanish and later breaks are kept.
            let mut escaped_break = false;
            while !self.cursor.is_blank_or_end(0) {
                let c = self.cursor.peek();
                if c == quote {
                    if quote == '\'' && self.cursor.peek_at(1) == '\'' {
                        text.push('\'');
                        self.cursor.skip();
                        self.cursor.skip();
                        continue;
                    }
                    break;
                }
                if c == '\\' && quote == '"' {
                    if is_break(self.cursor.peek_at(1)) {
                        self.cursor.skip();
                        self.cursor.take_break();
                        escaped_break = true;
                        break;
                    }
                    text.push(self.scan_escape(at)?);
                } else {
                    text.push(self.cursor.take());
                }
            }
            if self.cursor.peek() == quote {
                break;
            }
            self.scan_quoted_gap(&mut text, &mut gap, escaped_break);
        }
        self.cursor.skip();
        Ok(Token { at, kind: TokenKind::Scalar { text, style: Style::Marked } })
    }

    fn scan_quoted_gap(&mut self, text: &mut String, gap: &mut Gap, escaped_break: bool) {
        loop {
            if is_blank(self.cursor.peek()) {
                let c = self.cursor.take();
                if gap.first_break.is_none() && !escaped_break {
                    gap.blanks.push(c);
                }
            } else if let Some(c) = self.cursor.take_break() {
                if escaped_break { gap.more_breaks.push(c) } else { gap.push_break(c) }
            } else {
                break;
            }
        }
        if escaped_break {
            text.push_str(&gap.more_breaks);
            gap.more_breaks.clear();
        } else {
            gap.fold_into(text);
        }
    }

    fn scan_escape(&mut self, at: Mark) -> Result<char, SyntaxError> {
        let c = self.cursor.peek_at(1);
        let digits = match c {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        let here = self.cursor.mark();
        if digits > 0 {
            self.cursor.skip();
            self.cursor.skip();
            let mut code = 0_u32;
            for _ in 0..digits {
                let digit = self.cursor.peek().to_digit(16).ok_or_else(|| {
                    SyntaxError::new(here, "did not find expected hexadecimal number in an escape")
                })?;
                code = (code << 4) | digit;
                self.cursor.skip();
            }
            return char::from_u32(code)
                .ok_or_else(|| SyntaxError::new(here, "found invalid Unicode character escape code"));
        }
        let meant = match c {
            '0' => '\0',
            'a' => '\u{7}',
            'b' => '\u{8}',
            't' | '\t' => '\t',
            'n' => '\n',
            'v' => '\u{B}',
            'f' => '\u{C}',
            'r' => '\r',
            'e' => '\u{1B}',
            ' ' => ' ',
            '"' => '"',
            '\'' => '\'',
            '\\' => '\\',
            'N' => '\u{85}',
            '_' => '\u{A0}',
            'L' => '\u{2028}',
            'P' => '\u{2029}',
            _ => {
                let place = if here.line == 0 { at } else { here };
                return Err(SyntaxError::new(place, "found unknown escape character")
                    .with_remedy("double the backslash, or use single quotes"));
            }
        };
        self.cursor.skip();
        self.cursor.skip();
        Ok(meant)
    }

    pub(super) fn scan_block_scalar(&mut self, literal: bool) -> Result<Token, SyntaxError> {
        let at = self.cursor.mark();
        self.cursor.skip();
        let (chomp, increment) = self.scan_block_header(at)?;
        let mut indent = match increment {
            Some(increment) => self.indent().max(0) + increment,
            None => 0,
        };
        let mut text = String::new();
        let mut first_break: Option<char> = None;
        let mut more_breaks = String::new();
        let mut after_blank = false;
        self.scan_block_breaks(&mut indent, &mut more_breaks, at)?;
        while self.column() == indent && !self.cursor.at_end() {
            let blank = is_blank(self.cursor.peek());
            if !literal && first_break == Some('\n') && !after_blank && !blank {
                if more_breaks.is_empty() {
                    text.push(' ');
                }
            } else if let Some(c) = first_break {
                text.push(c);
            }
            text.push_str(&more_breaks);
            more_breaks.clear();
            after_blank = blank;
            while !self.cursor.is_break_or_end() {
                text.push(self.cursor.take());
            }
            first_break = self.cursor.take_break();
            self.scan_block_breaks(&mut indent, &mut more_breaks, at)?;
        }
        if chomp != Chomp::Strip {
            text.extend(first_break);
        }
        if chomp == Chomp::Keep {
            text.push_str(&more_breaks);
        }
        Ok(Token { at, kind: TokenKind::Scalar { text, style: Style::Marked } })
    }

    fn scan_block_header(&mut self, at: Mark) -> Result<(Chomp, Option<isize>), SyntaxError> {
        let mut chomp = None;
        let mut increment = None;
        loop {
            match self.cursor.peek() {
                c @ ('+' | '-') if chomp.is_none() => {
                    chomp = Some(if c == '+' { Chomp::Keep } else { Chomp::Strip });
                }
                '0' if increment.is_none() => {
                    return Err(SyntaxError::new(at, "found an indentation indicator equal to 0"));
                }
                c @ '1'..='9' if increment.is_none() => {
                    increment = c.to_digit(10).and_then(|digit| isize::try_from(digit).ok());
                }
                _ => break,
            }
            self.cursor.skip();
        }
        while is_blank(self.cursor.peek()) {
            self.cursor.skip();
        }
        if self.cursor.peek() == '#' {
            while !self.cursor.is_break_or_end() {
                self.cursor.skip();
            }
        }
        if !self.cursor.is_break_or_end() {
            return Err(SyntaxError::new(
                self.cursor.mark(),
                "did not find expected comment or line break after the sign of a block text",
            )
            .with_remedy("start the text on the next line"));
        }
        self.cursor.take_break();
        Ok((chomp.unwrap_or(Chomp::Clip), increment))
    }

    fn scan_block_breaks(
        &mut self,
        indent: &mut isize,
        breaks: &mut String,
        at: Mark,
    ) -> Result<(), SyntaxError> {
        let mut deepest = 0;
        loop {
            while (*indent == 0 || self.column() < *indent) && self.cursor.peek() == ' ' {
                self.cursor.skip();
            }
            deepest = deepest.max(self.column());
            if (*indent == 0 || self.column() < *indent) && self.cursor.peek() == '\t' {
                return Err(SyntaxError::new(
                    at,
                    "found a tab character where an indentation space is expected",
                )
                .with_remedy("indent with spaces, not tabs"));
            }
            match self.cursor.take_break() {
                Some(c) => breaks.push(c),
                None => break,
            }
        }
        if *indent == 0 {
            *indent = deepest.max(self.indent() + 1).max(1);
        }
        Ok(())
    }

    pub(super) fn scan_anchor(&mut self) -> Result<(Mark, String), SyntaxError> {
        let at = self.cursor.mark();
        self.cursor.skip();
        let mut name = String::new();
        while is_word(self.cursor.peek()) {
            name.push(self.cursor.take());
        }
        let ended = self.cursor.is_blank_or_end(0)
            || matches!(self.cursor.peek(), '?' | ':' | ',' | ']' | '}' | '%' | '@' | '`');
        if name.is_empty() || !ended {
            return Err(SyntaxError::new(at, "did not find expected alphabetic or numeric character")
                .with_remedy("an anchor or alias is made of letters, digits, `_` and `-`; a value that starts with `*` or `&` needs quotes"));
        }
        Ok((at, name))
    }

    pub(super) fn scan_tag(&mut self) -> Result<Token, SyntaxError> {
        let at = self.cursor.mark();
        let (handle, suffix) = if self.cursor.peek_at(1) == '<' {
            self.cursor.skip();
            self.cursor.skip();
            let suffix = self.scan_tag_uri(None, at)?;
            if self.cursor.peek() != '>' {
                return Err(SyntaxError::new(at, "did not find the expected '>'"));
            }
            self.cursor.skip();
            (String::new(), suffix)
        } else {
            let handle = self.scan_tag_handle();
            if handle.len() > 1 && handle.ends_with('!') {
                {
                    let suffix = self.scan_tag_uri(None, at)?;
                    (handle, suffix)
                }
            } else {
                let suffix = self.scan_tag_uri(Some(&handle[1..]), at)?;
                if suffix.is_empty() { (String::new(), "!".to_owned()) } else { ("!".to_owned(), suffix) }
            }
        };
        if !self.cursor.is_blank_or_end(0) {
            return Err(SyntaxError::new(at, "did not find expected whitespace or line break after a tag")
                .with_remedy("put a value that starts with `!` in quotes"));
        }
        Ok(Token { at, kind: TokenKind::Tag { handle, suffix } })
    }

    /// Returns `!`, `!word` or `!word!`.
    fn scan_tag_handle(&mut self) -> String {
        let mut handle = String::from(self.cursor.take());
        while is_word(self.cursor.peek()) {
            handle.push(self.cursor.take());
        }
        if self.cursor.peek() == '!' {
            handle.push(self.cursor.take());
        }
        handle
    }

    /// Reads on after `head`; without one, something must follow.
    fn scan_tag_uri(&mut self, head: Option<&str>, at: Mark) -> Result<String, SyntaxError> {
        let mut bytes = head.unwrap_or_default().as_bytes().to_vec();
        loop {
            let c = self.cursor.peek();
            if c == '%' {
                let digit = |ahead| self.cursor.peek_at(ahead).to_digit(16);
                let (Some(high), Some(low)) = (digit(1), digit(2)) else {
                    return Err(SyntaxError::new(at, "did not find URI escaped octet in a tag"));
                };
                bytes.push(u8::try_from(high * 16 + low).expect("two hexadecimal digits fit a byte"));
                (0..3).for_each(|_| self.cursor.skip());
            } else if is_word(c) || ";/?:@&=+$.!~*'()[],".contains(c) {
                bytes.push(u8::try_from(c).expect("all of these are ASCII"));
                self.cursor.skip();
            } else {
                break;
            }
        }
        if bytes.is_empty() && head.is_none() {
            return Err(SyntaxError::new(at, "did not find expected tag URI"));
        }
        String::from_utf8(bytes).map_err(|_| SyntaxError::new(at, "found an incorrect UTF-8 octet in a tag"))
    }

    pub(super) fn scan_directive(&mut self) -> Result<Token, SyntaxError> {
        let at = self.cursor.mark();
        self.cursor.skip();
        let mut name = String::new();
        while is_word(self.cursor.peek()) {
            name.push(self.cursor.take());
        }
        if name.is_empty() || !self.cursor.is_blank_or_end(0) {
            return Err(SyntaxError::new(at, "could not find expected directive name"));
        }
        self.skip_blanks();
        let kind = match name.as_str() {
            "YAML" => {
                let major = self.scan_version_number(at)?;
                if self.cursor.peek() != '.' {
                    return Err(SyntaxError::new(at, "did not find expected digit or '.' character"));
                }
                self.cursor.skip();
                TokenKind::VersionDirective { major, minor: self.scan_version_number(at)? }
            }
            "TAG" => {
                if self.cursor.peek() != '!' {
                    return Err(SyntaxError::new(at, "did not find expected '!'"));
                }
                let handle = self.scan_tag_handle();
                if handle != "!" && !(handle.len() > 1 && handle.ends_with('!')) {
                    return Err(SyntaxError::new(at, "did not find expected '!'"));
                }
                if !is_blank(self.cursor.peek()) {
                    return Err(SyntaxError::new(at, "did not find expected whitespace"));
                }
                self.skip_blanks();
                let prefix = self.scan_tag_uri(None, at)?;
                TokenKind::TagDirective { handle, prefix }
            }
            _ => return Err(SyntaxError::new(at, "found unknown directive name")),
        };
        self.skip_blanks();
        if self.cursor.peek() == '#' {
            while !self.cursor.is_break_or_end() {
                self.cursor.skip();
            }
        }
        if !self.cursor.is_break_or_end() {
            return Err(SyntaxError::new(at, "did not find expected comment or line break"));
        }
        self.cursor.take_break();
        Ok(Token { at, kind })
    }

    fn scan_version_number(&mut self, at: Mark) -> Result<u32, SyntaxError> {
        let mut number = None;
        while let Some(digit) = self.cursor.peek().to_digit(10) {
            let value = number.unwrap_or(0_u32).saturating_mul(10).saturating_add(digit);
            number = Some(value);
            self.cursor.skip();
        }
        number.ok_or_else(|| SyntaxError::new(at, "did not find expected version number"))
    }

    fn skip_blanks(&mut self) {
        while is_blank(self.cursor.peek()) {
            self.cursor.skip();
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}
