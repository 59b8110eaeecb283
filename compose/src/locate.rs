//! From a key path to its place in a tree.

use crate::yaml::{Mark, Node};

/// Finds the value (or, for a map's entry, its key) that a path such as `services.app.ports[0]` names. Keys may hold
/// dots themselves; the longest key that fits is taken.
pub(crate) fn locate(tree: &Node, path: &str) -> Option<Mark> {
    walk(tree, tree.at, path)
}

fn walk(node: &Node, at: Mark, rest: &str) -> Option<Mark> {
    if rest.is_empty() {
        return Some(at);
    }
    if let Some(inside) = rest.strip_prefix('[') {
        let (index, rest) = inside.split_once(']')?;
        let item = node.items().get(index.parse::<usize>().ok()?)?;
        return walk(item, item.at, rest);
    }
    let rest = rest.strip_prefix('.').unwrap_or(rest);
    let mut fitting: Vec<_> = node
        .entries()
        .iter()
        .filter(|entry| {
            rest.strip_prefix(entry.key.as_str())
                .is_some_and(|after| after.is_empty() || after.starts_with(['.', '[']))
        })
        .collect();
    fitting.sort_by_key(|entry| std::cmp::Reverse(entry.key.len()));
    fitting.iter().find_map(|entry| walk(&entry.value, entry.at, &rest[entry.key.len()..])).or_else(|| {
        // `NAME=value` or a bare name in a list stands for an entry.
        let names = |item: &&Node| item.as_text().and_then(|text| text.split('=').next()) == Some(rest);
        node.items().iter().find(names).map(|item| item.at)
    })
}
