//! Text to tokens, with the same tolerance as the reader that the Docker CLI uses (libyaml's grammar, YAML 1.1).
//!
//! Parity matters more than beauty here: which texts are refused is part of what we promise.

use std::collections::VecDeque;

use super::cursor::{Cursor, is_blank, is_break};
use super::node::Mark;
use super::token::{SyntaxError, Token, TokenKind};

/// How far a `:` may stand from the start of its key.
const LONGEST_KEY: usize = 1024;

/// How far the CLI's reader looks for a comment that follows a token.
const COMMENT_LOOKAHEAD: usize = 512;

/// Tokens read ahead of need, as in the CLI's reader: trouble that close behind the first document is noticed.
const LOOKAHEAD: usize = 2;

/// Turns text into tokens, one at a time.
#[derive(Debug)]
pub(super) struct Scanner {
    pub(super) cursor: Cursor,
    tokens: VecDeque<Token>,
    /// Tokens handed out so far.
    taken: usize,
    indent: isize,
    indents: Vec<isize>,
    flow_level: usize,
    simple_key_allowed: bool,
    /// One for each flow level.
    simple_keys: Vec<Option<SimpleKey>>,
    started: bool,
    ended: bool,
}

/// A place where a key may have begun, if a `:` follows.
#[derive(Clone, Copy, Debug)]
struct SimpleKey {
    required: bool,
    token_number: usize,
    at: Mark,
    index: usize,
    line: usize,
    column: usize,
}

type Scanned = Result<(), SyntaxError>;

impl Scanner {
    pub(super) fn new(text: &str) -> Result<Self, SyntaxError> {
        Ok(Self {
            cursor: Cursor::new(text)?,
            tokens: VecDeque::new(),
            taken: 0,
            indent: -1,
            indents: Vec::new(),
            flow_level: 0,
            simple_key_allowed: true,
            simple_keys: vec![None],
            started: false,
            ended: false,
        })
    }

    /// Returns the next token without taking it.
    pub(super) fn peek(&mut self) -> Result<&Token, SyntaxError> {
        self.fetch_more()?;
        Ok(self.tokens.front().expect("one was just fetched, and the stream's end is never taken"))
    }

    /// Takes the next token.
    pub(super) fn next(&mut self) -> Result<Token, SyntaxError> {
        self.fetch_more()?;
        let front = self.tokens.front().expect("one was just fetched");
        if front.kind == TokenKind::StreamEnd {
            return Ok(front.clone());
        }
        self.taken += 1;
        Ok(self.tokens.pop_front().expect("there is one"))
    }

    pub(super) fn indent(&self) -> isize {
        self.indent
    }

    /// After a value that ended with its line, a key may begin.
    pub(super) fn allow_simple_key(&mut self) {
        self.simple_key_allowed = true;
    }

    pub(super) fn in_flow(&self) -> bool {
        self.flow_level > 0
    }

    fn fetch_more(&mut self) -> Scanned {
        loop {
            if self.ended {
                return Ok(());
            }
            if self.tokens.len() > LOOKAHEAD {
                let head = self.taken;
                let level =
                    self.simple_keys.iter().position(|key| key.is_some_and(|key| key.token_number == head));
                match level {
                    None => return Ok(()),
                    Some(level) if !self.still_possible(level)? => return Ok(()),
                    Some(_) => {}
                }
            }
            self.fetch_next()?;
        }
    }

    fn push(&mut self, at: Mark, kind: TokenKind) {
        self.tokens.push_back(Token { at, kind });
    }

    fn fetch_next(&mut self) -> Scanned {
        if !self.started {
            self.started = true;
            self.push(self.cursor.mark(), TokenKind::StreamStart);
            return Ok(());
        }
        self.skip_to_token()?;
        self.unroll_indent(column_of(&self.cursor));
        if self.cursor.at_end() {
            return self.fetch_stream_end();
        }
        if self.cursor.column() == 0 && self.cursor.peek() == '%' {
            return self.fetch_directive();
        }
        if self.cursor.at_document_indicator() {
            let kind =
                if self.cursor.peek() == '-' { TokenKind::DocumentStart } else { TokenKind::DocumentEnd };
            self.end_blocks()?;
            let at = self.cursor.mark();
            (0..3).for_each(|_| self.cursor.skip());
            self.push(at, kind);
            return Ok(());
        }
        self.fetch_ordinary()?;
        if !matches!(self.tokens.back(), Some(Token { kind: TokenKind::BlockEntry, .. })) {
            self.skip_line_comment();
        }
        Ok(())
    }

    fn fetch_ordinary(&mut self) -> Scanned {
        let cursor = &self.cursor;
        let c = cursor.peek();
        let alone = cursor.is_blank_or_end(1);
        let in_flow = self.in_flow();
        match c {
            '[' => self.fetch_flow_start(TokenKind::FlowSequenceStart),
            '{' => self.fetch_flow_start(TokenKind::FlowMappingStart),
            ']' => self.fetch_flow_end(TokenKind::FlowSequenceEnd),
            '}' => self.fetch_flow_end(TokenKind::FlowMappingEnd),
            ',' => {
                self.remove_simple_key()?;
                self.simple_key_allowed = true;
                self.single(TokenKind::FlowEntry);
                Ok(())
            }
            '-' if alone => self.fetch_block_entry(),
            '?' if in_flow || alone => self.fetch_key(),
            ':' if in_flow || alone => self.fetch_value(),
            '*' | '&' => {
                self.save_simple_key()?;
                self.simple_key_allowed = false;
                let (at, name) = self.scan_anchor()?;
                self.push(at, if c == '*' { TokenKind::Alias(name) } else { TokenKind::Anchor(name) });
                Ok(())
            }
            '!' => {
                self.save_simple_key()?;
                self.simple_key_allowed = false;
                let token = self.scan_tag()?;
                self.tokens.push_back(token);
                Ok(())
            }
            '|' | '>' if !in_flow => {
                self.remove_simple_key()?;
                self.simple_key_allowed = true;
                let token = self.scan_block_scalar(c == '|')?;
                self.tokens.push_back(token);
                Ok(())
            }
            '\'' | '"' => {
                self.save_simple_key()?;
                self.simple_key_allowed = false;
                let token = self.scan_quoted(c)?;
                self.tokens.push_back(token);
                Ok(())
            }
            _ if self.starts_plain(c) => {
                self.save_simple_key()?;
                self.simple_key_allowed = false;
                let token = self.scan_plain()?;
                self.tokens.push_back(token);
                Ok(())
            }
            _ => Err(self.cannot_start(c)),
        }
    }

    fn starts_plain(&self, c: char) -> bool {
        match c {
            // Only a blank after it is tested, not a break: the reader takes "-" and a break as an entry before.
            '-' => !is_blank(self.cursor.peek_at(1)),
            '?' | ':' => !self.in_flow() && !self.cursor.is_blank_or_end(1),
            ',' | '[' | ']' | '{' | '}' | '#' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@'
            | '`' => false,
            _ => !self.cursor.is_blank_or_end(0),
        }
    }

    fn cannot_start(&self, c: char) -> SyntaxError {
        let error = SyntaxError::new(self.cursor.mark(), "found character that cannot start any token");
        match c {
            '\t' => error.with_remedy("indent with spaces, not tabs"),
            _ => error.with_remedy(format!("put the value that starts with `{c}` in quotes")),
        }
    }

    fn single(&mut self, kind: TokenKind) {
        let at = self.cursor.mark();
        self.cursor.skip();
        self.push(at, kind);
    }

    fn fetch_stream_end(&mut self) -> Scanned {
        self.cursor.force_line_start();
        self.end_blocks()?;
        self.push(self.cursor.mark(), TokenKind::StreamEnd);
        self.ended = true;
        Ok(())
    }

    fn end_blocks(&mut self) -> Scanned {
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        Ok(())
    }

    fn fetch_directive(&mut self) -> Scanned {
        self.end_blocks()?;
        let token = self.scan_directive()?;
        self.tokens.push_back(token);
        Ok(())
    }

    fn fetch_flow_start(&mut self, kind: TokenKind) -> Scanned {
        self.save_simple_key()?;
        self.simple_keys.push(None);
        self.flow_level += 1;
        self.simple_key_allowed = true;
        self.single(kind);
        Ok(())
    }

    fn fetch_flow_end(&mut self, kind: TokenKind) -> Scanned {
        self.remove_simple_key()?;
        if self.flow_level > 0 {
            self.flow_level -= 1;
            self.simple_keys.pop();
        }
        self.simple_key_allowed = false;
        self.single(kind);
        Ok(())
    }

    fn fetch_block_entry(&mut self) -> Scanned {
        if !self.in_flow() {
            if !self.simple_key_allowed {
                return Err(self.not_here("block sequence entries are not allowed in this context"));
            }
            self.roll_indent(
                column_of(&self.cursor),
                None,
                TokenKind::BlockSequenceStart,
                self.cursor.mark(),
            );
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.single(TokenKind::BlockEntry);
        Ok(())
    }

    fn fetch_key(&mut self) -> Scanned {
        if !self.in_flow() {
            if !self.simple_key_allowed {
                return Err(self.not_here("mapping keys are not allowed in this context"));
            }
            self.roll_indent(column_of(&self.cursor), None, TokenKind::BlockMappingStart, self.cursor.mark());
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = !self.in_flow();
        self.single(TokenKind::Key);
        Ok(())
    }

    fn fetch_value(&mut self) -> Scanned {
        let level = self.simple_keys.len() - 1;
        if self.still_possible(level)? {
            let key = self.simple_keys[level].take().expect("it is still possible");
            let position = key.token_number - self.taken;
            self.tokens.insert(position, Token { at: key.at, kind: TokenKind::Key });
            let column = isize::try_from(key.column).unwrap_or(isize::MAX);
            self.roll_indent(column, Some(position), TokenKind::BlockMappingStart, key.at);
            self.simple_key_allowed = false;
        } else {
            if !self.in_flow() {
                if !self.simple_key_allowed {
                    return Err(self.not_here("mapping values are not allowed in this context"));
                }
                self.roll_indent(
                    column_of(&self.cursor),
                    None,
                    TokenKind::BlockMappingStart,
                    self.cursor.mark(),
                );
            }
            self.simple_key_allowed = !self.in_flow();
        }
        self.single(TokenKind::Value);
        Ok(())
    }

    fn not_here(&self, says: &str) -> SyntaxError {
        SyntaxError::new(self.cursor.mark(), says)
            .with_remedy("check the indentation, and put a value that contains `: ` in quotes")
    }

    /// Tells whether a `:` here would still belong to the key that began at this level.
    fn still_possible(&mut self, level: usize) -> Result<bool, SyntaxError> {
        let Some(key) = self.simple_keys[level] else { return Ok(false) };
        if key.line < self.cursor.line() || key.index + LONGEST_KEY < self.cursor.index() {
            if key.required {
                return Err(missing_colon(key.at));
            }
            self.simple_keys[level] = None;
            return Ok(false);
        }
        Ok(true)
    }

    fn save_simple_key(&mut self) -> Scanned {
        if !self.simple_key_allowed {
            return Ok(());
        }
        self.remove_simple_key()?;
        let key = SimpleKey {
            required: !self.in_flow() && self.indent == column_of(&self.cursor),
            token_number: self.taken + self.tokens.len(),
            at: self.cursor.mark(),
            index: self.cursor.index(),
            line: self.cursor.line(),
            column: self.cursor.column(),
        };
        *self.simple_keys.last_mut().expect("there is one for the block level") = Some(key);
        Ok(())
    }

    fn remove_simple_key(&mut self) -> Scanned {
        match self.simple_keys.last_mut().expect("there is one for the block level").take() {
            Some(key) if key.required => Err(missing_colon(key.at)),
            Some(_) | None => Ok(()),
        }
    }

    fn roll_indent(&mut self, column: isize, position: Option<usize>, kind: TokenKind, at: Mark) {
        if self.in_flow() || self.indent >= column {
            return;
        }
        self.indents.push(self.indent);
        self.indent = column;
        let token = Token { at, kind };
        match position {
            Some(position) => self.tokens.insert(position, token),
            None => self.tokens.push_back(token),
        }
    }

    fn unroll_indent(&mut self, column: isize) {
        if self.in_flow() {
            return;
        }
        while self.indent > column {
            self.push(self.cursor.mark(), TokenKind::BlockEnd);
            self.indent = self.indents.pop().expect("an indent is above -1 only after a push");
        }
    }

    fn skip_to_token(&mut self) -> Scanned {
        loop {
            self.cursor.swallow();
            while self.cursor.peek() == ' '
                || (self.cursor.peek() == '\t' && (self.in_flow() || !self.simple_key_allowed))
            {
                self.cursor.skip();
            }
            if self.cursor.peek() == '#' {
                self.skip_comments();
            }
            if self.cursor.take_break().is_none() {
                return Ok(());
            }
            if !self.in_flow() {
                self.simple_key_allowed = true;
            }
        }
    }

    /// Skips this comment and the ones that follow it with nothing but blanks between, tabs included.
    fn skip_comments(&mut self) {
        loop {
            while !self.cursor.is_break_or_end() {
                self.cursor.skip();
            }
            let gap = (0..COMMENT_LOOKAHEAD).find(|&ahead| {
                !is_blank(self.cursor.peek_at(ahead)) && !is_break(self.cursor.peek_at(ahead))
            });
            match gap {
                Some(gap) if self.cursor.peek_at(gap) == '#' => {
                    let comment = self.cursor.index() + gap;
                    while self.cursor.index() < comment {
                        self.cursor.advance();
                    }
                }
                Some(_) | None => return,
            }
        }
    }

    /// Skips a comment on the line of the token just read.
    fn skip_line_comment(&mut self) {
        if self.cursor.newlines() > 0 {
            return;
        }
        let first = (0..COMMENT_LOOKAHEAD).find(|&ahead| !is_blank(self.cursor.peek_at(ahead)));
        if first.is_some_and(|ahead| self.cursor.peek_at(ahead) == '#') {
            while !self.cursor.is_break_or_end() {
                self.cursor.skip();
            }
        }
    }
}

fn column_of(cursor: &Cursor) -> isize {
    isize::try_from(cursor.column()).unwrap_or(isize::MAX)
}

fn missing_colon(at: Mark) -> SyntaxError {
    SyntaxError::new(at, "could not find expected ':'").with_remedy(
        "a key needs a `:` on its own line; a continued value must be indented deeper than its key",
    )
}
