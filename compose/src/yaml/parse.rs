//! Tokens to a raw tree: the first document of the text, with anchors and tags still in it.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a parser asks for the few tokens that fit; every other one is the same error"
)]

use std::collections::HashMap;

use super::node::Mark;
use super::scan::Scanner;
use super::token::{Style, SyntaxError, TokenKind};

/// Deepest nesting that is read. Real compose files stay below ten; the limit keeps the stack safe.
pub(crate) const MAX_DEPTH: usize = 200;

/// Index of a node in its [`Tree`].
pub(super) type Id = usize;

/// All nodes of a document; aliases point to other nodes.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Raw>,
    /// Missing if the text has no document.
    pub(super) root: Option<Id>,
}

#[derive(Debug)]
pub(super) struct Raw {
    pub(super) at: Mark,
    /// Short form (`!!str`), or empty.
    pub(super) tag: String,
    pub(super) kind: RawKind,
}

#[derive(Debug)]
pub(super) enum RawKind {
    Scalar { text: String, style: Style },
    Sequence(Vec<Id>),
    Mapping(Vec<(Id, Id)>),
    Alias { name: String, target: Id },
}

/// Reads the first document.
pub(super) fn parse(text: &str) -> Result<Tree, SyntaxError> {
    let mut parser = Parser {
        scanner: Scanner::new(text)?,
        nodes: Vec::new(),
        anchors: HashMap::new(),
        handles: vec![("!".into(), "!".into()), ("!!".into(), LONG_TAG.into())],
        depth: 0,
    };
    let root = parser.document()?;
    Ok(Tree { nodes: parser.nodes, root })
}

const LONG_TAG: &str = "tag:yaml.org,2002:";

struct Parser {
    scanner: Scanner,
    nodes: Vec<Raw>,
    anchors: HashMap<String, Id>,
    handles: Vec<(String, String)>,
    depth: usize,
}

/// Where a node stands: decides which collections may begin there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Context {
    Block,
    /// Value of a block mapping, where a list need not be indented.
    BlockValue,
    Flow,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FlowEnd {
    Sequence,
    Mapping,
}

impl Parser {
    fn peek(&mut self) -> Result<&TokenKind, SyntaxError> {
        Ok(&self.scanner.peek()?.kind)
    }

    fn mark(&mut self) -> Result<Mark, SyntaxError> {
        Ok(self.scanner.peek()?.at)
    }

    fn skip(&mut self) -> Result<Mark, SyntaxError> {
        Ok(self.scanner.next()?.at)
    }

    fn document(&mut self) -> Result<Option<Id>, SyntaxError> {
        self.skip()?;
        let implicit = match self.peek()? {
            TokenKind::StreamEnd => return Ok(None),
            TokenKind::VersionDirective { .. }
            | TokenKind::TagDirective { .. }
            | TokenKind::DocumentStart => false,
            _ => true,
        };
        let root = if implicit {
            self.node(Context::Block)?
        } else {
            self.directives()?;
            if *self.peek()? != TokenKind::DocumentStart {
                let at = self.mark()?;
                return Err(SyntaxError::new(at, "did not find expected <document start>"));
            }
            let at = self.skip()?;
            match self.peek()? {
                TokenKind::VersionDirective { .. }
                | TokenKind::TagDirective { .. }
                | TokenKind::DocumentStart
                | TokenKind::DocumentEnd
                | TokenKind::StreamEnd => self.empty(at),
                _ => self.node(Context::Block)?,
            }
        };
        // The token that ends the document is looked at, whatever it is; what follows is never read.
        self.peek()?;
        Ok(Some(root))
    }

    fn directives(&mut self) -> Result<(), SyntaxError> {
        let mut versions = 0;
        let mut own_handles: Vec<String> = Vec::new();
        loop {
            let token = self.scanner.peek()?.clone();
            match token.kind {
                TokenKind::VersionDirective { major, minor } => {
                    versions += 1;
                    if versions > 1 {
                        return Err(SyntaxError::new(token.at, "found duplicate %YAML directive"));
                    }
                    if (major, minor) != (1, 1) {
                        return Err(SyntaxError::new(token.at, "found incompatible YAML document")
                            .with_remedy("remove the line `%YAML`: only version 1.1 is read"));
                    }
                }
                TokenKind::TagDirective { handle, prefix } => {
                    if own_handles.contains(&handle) {
                        return Err(SyntaxError::new(token.at, "found duplicate %TAG directive"));
                    }
                    own_handles.push(handle.clone());
                    self.handles.insert(0, (handle, prefix));
                }
                _ => return Ok(()),
            }
            self.skip()?;
        }
    }

    fn add(&mut self, at: Mark, tag: String, kind: RawKind) -> Id {
        self.nodes.push(Raw { at, tag, kind });
        self.nodes.len() - 1
    }

    fn empty(&mut self, at: Mark) -> Id {
        self.add(at, String::new(), RawKind::Scalar { text: String::new(), style: Style::Plain })
    }

    fn node(&mut self, context: Context) -> Result<Id, SyntaxError> {
        let at = self.mark()?;
        if self.depth >= MAX_DEPTH {
            return Err(SyntaxError::new(at, format!("nested deeper than {MAX_DEPTH} levels"))
                .with_remedy("no compose file needs that; flatten it"));
        }
        self.depth += 1;
        let id = self.node_within_depth(context, at);
        self.depth -= 1;
        id
    }

    fn node_within_depth(&mut self, context: Context, mut at: Mark) -> Result<Id, SyntaxError> {
        if let TokenKind::Alias(name) = self.peek()? {
            let name = name.clone();
            self.skip()?;
            let Some(&target) = self.anchors.get(&name) else {
                return Err(SyntaxError::new(at, format!("unknown anchor '{name}' referenced"))
                    .with_remedy(format!("define `&{name}` above, in the same file")));
            };
            return Ok(self.add(at, String::new(), RawKind::Alias { name, target }));
        }
        let (anchor, tag) = self.properties()?;
        let has_properties = anchor.is_some() || tag.is_some();
        let tag = tag.unwrap_or_default();
        if has_properties {
            let next = self.mark()?;
            if !matches!(self.peek()?, TokenKind::BlockEnd | TokenKind::StreamEnd) {
                at = next;
            }
        }
        // The anchor is known before the content, as an alias inside it must be told apart from an unknown one.
        let id = self.empty(at);
        self.nodes[id].tag = tag;
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, id);
        }
        let block = context != Context::Flow;
        let kind = match self.peek()? {
            TokenKind::BlockEntry if context == Context::BlockValue => self.indentless_sequence()?,
            TokenKind::Scalar { .. } => match self.scanner.next()?.kind {
                TokenKind::Scalar { text, style } => RawKind::Scalar { text, style },
                _ => unreachable!("the token was just seen to be a scalar"),
            },
            TokenKind::FlowSequenceStart => self.flow_sequence()?,
            TokenKind::FlowMappingStart => self.flow_mapping()?,
            TokenKind::BlockSequenceStart if block => self.block_sequence()?,
            TokenKind::BlockMappingStart if block => self.block_mapping()?,
            _ if has_properties => return Ok(id),
            _ => {
                let at = self.mark()?;
                return Err(SyntaxError::new(at, "did not find expected node content")
                    .with_remedy("a value is missing here, or a sign needs quotes"));
            }
        };
        self.nodes[id].kind = kind;
        Ok(id)
    }

    fn properties(&mut self) -> Result<(Option<String>, Option<String>), SyntaxError> {
        let mut anchor = None;
        let mut tag = None;
        loop {
            let token = self.scanner.peek()?.clone();
            match token.kind {
                TokenKind::Anchor(name) if anchor.is_none() => anchor = Some(name),
                TokenKind::Tag { handle, suffix } if tag.is_none() => {
                    tag = Some(self.resolve_tag(&handle, suffix, token.at)?);
                }
                _ => return Ok((anchor, tag)),
            }
            self.skip()?;
        }
    }

    fn resolve_tag(&self, handle: &str, suffix: String, at: Mark) -> Result<String, SyntaxError> {
        let long = if handle.is_empty() {
            suffix
        } else {
            match self.handles.iter().find(|(known, _)| known == handle) {
                Some((_, prefix)) => format!("{prefix}{suffix}"),
                None => return Err(SyntaxError::new(at, "found undefined tag handle")),
            }
        };
        Ok(match long.strip_prefix(LONG_TAG) {
            Some(short) => format!("!!{short}"),
            None if long == "!" => String::new(),
            None => long,
        })
    }

    fn block_sequence(&mut self) -> Result<RawKind, SyntaxError> {
        self.skip()?;
        let mut items = Vec::new();
        loop {
            match self.peek()? {
                TokenKind::BlockEntry => {
                    let at = self.skip()?;
                    let item = match self.peek()? {
                        TokenKind::BlockEntry | TokenKind::BlockEnd => self.empty(at),
                        _ => self.node(Context::Block)?,
                    };
                    items.push(item);
                }
                TokenKind::BlockEnd => {
                    self.skip()?;
                    return Ok(RawKind::Sequence(items));
                }
                _ => return Err(self.unexpected("did not find expected '-' indicator")?),
            }
        }
    }

    fn indentless_sequence(&mut self) -> Result<RawKind, SyntaxError> {
        let mut items = Vec::new();
        while *self.peek()? == TokenKind::BlockEntry {
            let at = self.skip()?;
            let item = match self.peek()? {
                TokenKind::BlockEntry | TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd => {
                    self.empty(at)
                }
                _ => self.node(Context::Block)?,
            };
            items.push(item);
        }
        Ok(RawKind::Sequence(items))
    }

    fn block_mapping(&mut self) -> Result<RawKind, SyntaxError> {
        self.skip()?;
        let mut pairs = Vec::new();
        loop {
            match self.peek()? {
                TokenKind::Key => {
                    let at = self.skip()?;
                    let key = self.block_mapping_node(at)?;
                    let value = if *self.peek()? == TokenKind::Value {
                        let at = self.skip()?;
                        self.block_mapping_node(at)?
                    } else {
                        let at = self.mark()?;
                        self.empty(at)
                    };
                    pairs.push((key, value));
                }
                TokenKind::BlockEnd => {
                    self.skip()?;
                    return Ok(RawKind::Mapping(pairs));
                }
                _ => return Err(self.unexpected("did not find expected key")?),
            }
        }
    }

    fn block_mapping_node(&mut self, at: Mark) -> Result<Id, SyntaxError> {
        match self.peek()? {
            TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd => Ok(self.empty(at)),
            _ => self.node(Context::BlockValue),
        }
    }

    fn unexpected(&mut self, says: &str) -> Result<SyntaxError, SyntaxError> {
        let at = self.mark()?;
        Ok(SyntaxError::new(at, says).with_remedy("check the indentation of this line and the one above it"))
    }

    fn flow_sequence(&mut self) -> Result<RawKind, SyntaxError> {
        self.skip()?;
        let mut items = Vec::new();
        while self.flow_goes_on(items.is_empty(), FlowEnd::Sequence)? {
            match self.peek()? {
                TokenKind::FlowSequenceEnd => break,
                TokenKind::Key => items.push(self.flow_pair()?),
                _ => items.push(self.node(Context::Flow)?),
            }
        }
        self.skip()?;
        Ok(RawKind::Sequence(items))
    }

    /// Passes the comma between entries; returns false at the end.
    fn flow_goes_on(&mut self, first: bool, end: FlowEnd) -> Result<bool, SyntaxError> {
        let (last, says) = match end {
            FlowEnd::Sequence => (TokenKind::FlowSequenceEnd, "did not find expected ',' or ']'"),
            FlowEnd::Mapping => (TokenKind::FlowMappingEnd, "did not find expected ',' or '}'"),
        };
        let token = self.peek()?;
        if *token == last {
            return Ok(false);
        }
        if first {
            return Ok(true);
        }
        if *token != TokenKind::FlowEntry {
            return Err(self.unexpected(says)?);
        }
        self.skip()?;
        Ok(true)
    }

    /// A map of one pair inside a list: `[a: b]`.
    fn flow_pair(&mut self) -> Result<Id, SyntaxError> {
        let at = self.skip()?;
        let key = match self.peek()? {
            TokenKind::Value | TokenKind::FlowEntry | TokenKind::FlowSequenceEnd => {
                // The CLI's reader loses this token, too.
                let at = self.skip()?;
                self.empty(at)
            }
            _ => self.node(Context::Flow)?,
        };
        let value = self.flow_value(FlowEnd::Sequence)?;
        Ok(self.add(at, String::new(), RawKind::Mapping(vec![(key, value)])))
    }

    fn flow_value(&mut self, end: FlowEnd) -> Result<Id, SyntaxError> {
        let at = self.mark()?;
        if *self.peek()? == TokenKind::Value {
            self.skip()?;
            let ended = match (self.peek()?, end) {
                (TokenKind::FlowEntry, _)
                | (TokenKind::FlowSequenceEnd, FlowEnd::Sequence)
                | (TokenKind::FlowMappingEnd, FlowEnd::Mapping) => true,
                (_, FlowEnd::Sequence | FlowEnd::Mapping) => false,
            };
            if !ended {
                return self.node(Context::Flow);
            }
        }
        Ok(self.empty(at))
    }

    fn flow_mapping(&mut self) -> Result<RawKind, SyntaxError> {
        self.skip()?;
        let mut pairs = Vec::new();
        while self.flow_goes_on(pairs.is_empty(), FlowEnd::Mapping)? {
            match self.peek()? {
                TokenKind::FlowMappingEnd => break,
                TokenKind::Key => {
                    let at = self.skip()?;
                    let key = match self.peek()? {
                        TokenKind::Value | TokenKind::FlowEntry | TokenKind::FlowMappingEnd => self.empty(at),
                        _ => self.node(Context::Flow)?,
                    };
                    let value = self.flow_value(FlowEnd::Mapping)?;
                    pairs.push((key, value));
                }
                _ => {
                    let key = self.node(Context::Flow)?;
                    let at = self.mark()?;
                    let value = self.empty(at);
                    pairs.push((key, value));
                }
            }
        }
        self.skip()?;
        Ok(RawKind::Mapping(pairs))
    }
}
