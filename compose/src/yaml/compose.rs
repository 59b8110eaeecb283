//! Raw tree to the tree that others see: aliases filled in, `<<` merged, keys unique and all of them text.

use std::collections::HashSet;

use super::node::{Entry, Kind, Mark, Node};
use super::parse::{Id, MAX_DEPTH, Raw, RawKind, Tree};
use super::resolve::resolve;
use super::token::{Style, SyntaxError};

/// Up to so many values, 99 of 100 may come from aliases; the share falls to one in ten at ten times as many.
/// The CLI's reader has the same rule, so that what it reads is read here, and bombs end early in both.
const ALIASES_FREE: f64 = 400_000.0;
const ALIASES_RARE: f64 = 4_000_000.0;

/// Most text that aliases may copy, in bytes.
const ALIAS_BYTES: usize = 64 * 1024 * 1024;

/// Fills in the tree. Returns nothing if there is no document.
pub(super) fn compose(tree: &Tree) -> Result<Option<Node>, Vec<SyntaxError>> {
    let Some(root) = tree.root else { return Ok(None) };
    let mut composer = Composer {
        tree,
        values: 0,
        from_aliases: 0,
        copied: 0,
        open: Vec::new(),
        depth: 0,
        doubles: Vec::new(),
    };
    match composer.value(root) {
        Ok(node) if composer.doubles.is_empty() => Ok(Some(node)),
        Ok(_) => Err(composer.doubles),
        Err(error) => {
            composer.doubles.push(error);
            Err(composer.doubles)
        }
    }
}

struct Composer<'a> {
    tree: &'a Tree,
    values: usize,
    from_aliases: usize,
    /// Bytes of text that came from aliases.
    copied: usize,
    /// Aliases being filled in.
    open: Vec<Id>,
    depth: usize,
    /// Keys written twice, collected so that all are reported.
    doubles: Vec<SyntaxError>,
}

type Pairs = [(Id, Id)];

impl Composer<'_> {
    fn raw(&self, id: Id) -> &Raw {
        &self.tree.nodes[id]
    }

    fn value(&mut self, id: Id) -> Result<Node, SyntaxError> {
        let at = self.tree.nodes[id].at;
        self.count(at)?;
        if self.depth >= MAX_DEPTH {
            return Err(SyntaxError::new(
                at,
                format!("nested deeper than {MAX_DEPTH} levels, with aliases filled in"),
            ));
        }
        self.depth += 1;
        let node = self.value_within_depth(id, at);
        self.depth -= 1;
        node
    }

    fn value_within_depth(&mut self, id: Id, at: Mark) -> Result<Node, SyntaxError> {
        let tree = self.tree;
        match &tree.nodes[id].kind {
            RawKind::Scalar { text, style } => {
                self.count_text(text, at)?;
                let kind =
                    resolve(text, *style, &tree.nodes[id].tag).map_err(|says| SyntaxError::new(at, says))?;
                Ok(Node::new(at, kind))
            }
            RawKind::Sequence(items) => {
                let items = items.iter().map(|&item| self.value(item)).collect::<Result<_, _>>()?;
                Ok(Node::new(at, Kind::List(items)))
            }
            RawKind::Mapping(pairs) => Ok(Node::new(at, Kind::Map(self.mapping(pairs)?))),
            RawKind::Alias { name, target } => self.follow(id, name, |composer| composer.value(*target)),
        }
    }

    fn count(&mut self, at: Mark) -> Result<(), SyntaxError> {
        self.values += 1;
        if !self.open.is_empty() {
            self.from_aliases += 1;
        }
        if self.from_aliases <= 100 || self.values <= 1000 {
            return Ok(());
        }
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
        let (values, from_aliases) = (self.values as f64, self.from_aliases as f64);
        let share = ((values - ALIASES_FREE) / (ALIASES_RARE - ALIASES_FREE)).clamp(0.0, 1.0);
        if from_aliases / values > 0.99 - 0.89 * share {
            return Err(SyntaxError::new(at, "document contains excessive aliasing").with_remedy(format!(
                "{} values come from aliases; write fewer `*name`",
                self.from_aliases
            )));
        }
        Ok(())
    }

    fn count_text(&mut self, text: &str, at: Mark) -> Result<(), SyntaxError> {
        if !self.open.is_empty() {
            self.copied += text.len();
        }
        if self.copied > ALIAS_BYTES {
            return Err(SyntaxError::new(
                at,
                format!("aliases copy more than the limit of {ALIAS_BYTES} bytes"),
            )
            .with_remedy("write fewer `*name` of long texts"));
        }
        Ok(())
    }

    /// Runs inside an alias, unless it is already open.
    fn follow<T>(
        &mut self,
        id: Id,
        name: &str,
        inside: impl FnOnce(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        if self.open.contains(&id) {
            return Err(SyntaxError::new(self.raw(id).at, format!("anchor '{name}' value contains itself")));
        }
        self.open.push(id);
        let done = inside(self);
        self.open.pop();
        done
    }

    fn mapping(&mut self, pairs: &Pairs) -> Result<Vec<Entry>, SyntaxError> {
        self.note_doubles(pairs);
        let mut entries = Vec::with_capacity(pairs.len());
        let mut merged = None;
        for &(key, value) in pairs {
            if self.is_merge(key) {
                merged = Some(value);
                continue;
            }
            let at = self.raw(key).at;
            let key = self.key(key)?;
            entries.push(Entry { at, key, value: self.value(value)? });
        }
        if let Some(source) = merged {
            let mut known: HashSet<String> = entries.iter().map(|entry: &Entry| entry.key.clone()).collect();
            self.merge(source, &mut known, &mut entries)?;
        } else {
            self.drop_doubles(&mut entries);
        }
        Ok(entries)
    }

    /// Two keys may become the same text only when their doubles were reported already.
    fn drop_doubles(&self, entries: &mut Vec<Entry>) {
        if !self.doubles.is_empty() {
            let mut seen = HashSet::new();
            entries.retain(|entry| seen.insert(entry.key.clone()));
        }
    }

    fn note_doubles(&mut self, pairs: &Pairs) {
        let mut seen: std::collections::HashMap<(u8, &str), Mark> =
            std::collections::HashMap::with_capacity(pairs.len());
        let tree = self.tree;
        for &(key, _) in pairs {
            let raw = &tree.nodes[key];
            let name = match &raw.kind {
                RawKind::Scalar { text, .. } => (0, text.as_str()),
                RawKind::Alias { name, .. } => (1, name.as_str()),
                RawKind::Sequence(_) => (2, ""),
                RawKind::Mapping(_) => (3, ""),
            };
            if let Some(first) = seen.insert(name, raw.at) {
                let error = SyntaxError::new(
                    raw.at,
                    format!("mapping key \"{}\" already defined at line {}", name.1, first.line),
                )
                .with_remedy("keep one of the two");
                if !self.doubles.contains(&error) {
                    self.doubles.push(error);
                }
            }
        }
    }

    fn is_merge(&self, key: Id) -> bool {
        let raw = self.raw(key);
        matches!(&raw.kind, RawKind::Scalar { text, style }
            if text == "<<" && (raw.tag == "!!merge" || (raw.tag.is_empty() && *style == Style::Plain)))
    }

    fn key(&mut self, id: Id) -> Result<String, SyntaxError> {
        let node = self.value(id)?;
        let written = match &self.raw(id).kind {
            RawKind::Alias { target, .. } => self.raw(*target),
            RawKind::Scalar { .. } | RawKind::Sequence(_) | RawKind::Mapping(_) => self.raw(id),
        };
        if matches!(node.kind, Kind::Text(_)) && !matches!(written.tag.as_str(), "" | "!!str" | "!!merge") {
            return Err(SyntaxError::new(node.at, format!("non-string key: it has the tag {}", written.tag))
                .with_remedy("remove the tag"));
        }
        match node.kind {
            Kind::Text(text) => Ok(text),
            Kind::List(_) | Kind::Map(_) => {
                Err(SyntaxError::new(node.at, "invalid map key: a list or a map")
                    .with_remedy("keys are texts; put the key in quotes"))
            }
            Kind::Null | Kind::Bool(_) | Kind::Int(_) | Kind::Uint(_) | Kind::Float(_) | Kind::Time(_) => {
                Err(SyntaxError::new(node.at, "non-string key").with_remedy("put the key in quotes"))
            }
        }
    }

    /// Adds what `<<` names. Nearer keys win: own ones, then those of earlier items.
    fn merge(
        &mut self,
        source: Id,
        known: &mut HashSet<String>,
        entries: &mut Vec<Entry>,
    ) -> Result<(), SyntaxError> {
        let tree = self.tree;
        match &tree.nodes[source].kind {
            RawKind::Sequence(items) => {
                for &item in items {
                    self.merge_map(item, known, entries)?;
                }
                Ok(())
            }
            RawKind::Mapping(_) | RawKind::Alias { .. } | RawKind::Scalar { .. } => {
                self.merge_map(source, known, entries)
            }
        }
    }

    fn merge_map(
        &mut self,
        source: Id,
        known: &mut HashSet<String>,
        entries: &mut Vec<Entry>,
    ) -> Result<(), SyntaxError> {
        let tree = self.tree;
        let at = tree.nodes[source].at;
        self.count(at)?;
        match &tree.nodes[source].kind {
            RawKind::Mapping(pairs) => self.merge_pairs(pairs, known, entries),
            RawKind::Alias { name, target } => match &tree.nodes[*target].kind {
                RawKind::Mapping(pairs) => self.follow(source, name, |composer| {
                    composer.count(at)?;
                    composer.merge_pairs(pairs, known, entries)
                }),
                RawKind::Scalar { .. } | RawKind::Sequence(_) | RawKind::Alias { .. } => Err(wants_map(at)),
            },
            RawKind::Scalar { .. } | RawKind::Sequence(_) => Err(wants_map(at)),
        }
    }

    fn merge_pairs(
        &mut self,
        pairs: &Pairs,
        known: &mut HashSet<String>,
        entries: &mut Vec<Entry>,
    ) -> Result<(), SyntaxError> {
        self.note_doubles(pairs);
        if self.depth >= MAX_DEPTH {
            return Err(SyntaxError::new(
                Mark::default(),
                format!("`<<` nested deeper than {MAX_DEPTH} levels"),
            ));
        }
        let mut deeper = None;
        for &(key, value) in pairs {
            if self.is_merge(key) {
                deeper = Some(value);
                continue;
            }
            let at = self.raw(key).at;
            let name = match &self.raw(key).kind {
                // Poured into a map of texts, a scalar of any kind becomes text.
                RawKind::Scalar { text, .. } => text.clone(),
                RawKind::Sequence(_) | RawKind::Mapping(_) | RawKind::Alias { .. } => self.key(key)?,
            };
            self.count(at)?;
            self.count_text(&name, at)?;
            if known.insert(name.clone()) {
                let value = self.value(value)?;
                entries.push(Entry { at, key: name, value });
            }
        }
        match deeper {
            Some(source) => {
                self.depth += 1;
                let done = self.merge(source, known, entries);
                self.depth -= 1;
                done
            }
            None => Ok(()),
        }
    }
}

fn wants_map(at: Mark) -> SyntaxError {
    SyntaxError::new(at, "map merge requires map or sequence of maps as the value")
        .with_remedy("`<<` takes `*name` of a map, or a list of those")
}
