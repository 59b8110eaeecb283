//! Rules about images: there is one, it has a tag, the tag stays what it is.

use std::collections::BTreeSet;

use domain::event::Severity;

use super::findings::Findings;
use super::rule::Rule;
use super::vars;
use super::view::{View, text_of, walk};

pub(super) const R003: Rule = Rule {
    id: "R003",
    name: "image without tag",
    severity: Severity::Warning,
    says: "an image has no tag",
    why: "no tag means `latest`: the same release is another program tomorrow [M]",
    remedy: "name the version: `image: name:1.2.3`",
};

pub(super) const R004: Rule = Rule {
    id: "R004",
    name: "unstable tag",
    severity: Severity::Warning,
    says: "an image has a tag such as `latest` or `main`",
    why: "such a tag follows development: the same release is another program tomorrow [M]",
    remedy: "name the version that the release was made for",
};

pub(super) const R005: Rule = Rule {
    id: "R005",
    name: "semver-like tag",
    severity: Severity::Warning,
    says: "an image's tag does not begin like a version",
    why: "Co-op Cloud's upgrade command cannot tell which tag is newer [M]",
    remedy: "use the tag that begins with the version, if upstream publishes one",
};

pub(super) const R011: Rule = Rule {
    id: "R011",
    name: "image",
    severity: Severity::Error,
    says: "a service has no image, or one that is no reference",
    why: "swarm refuses the service",
    remedy: "add `image: name:1.2.3` to the service",
};

pub(super) const S007: Rule = Rule {
    id: "S007",
    name: "moving tag",
    severity: Severity::Warning,
    says: "an image's tag is moved by upstream: `stable`, `edge`, or a version without its last number",
    why: "a moved tag changes what every release before this one runs; upstream once pushed a broken image under the \
          tag that all releases named",
    remedy: "name the version in full, or add the digest: `name:1.2.3@sha256:…`",
};

pub(super) const S008: Rule = Rule {
    id: "S008",
    name: "image not pinned by the release",
    severity: Severity::Warning,
    says: "an image's tag comes from a variable that `.env.sample` sets",
    why: "an app that exists keeps the value it was made with: the upgrade changes the label and not the program",
    remedy: "write the tag into the compose file, and take the variable out of `.env.sample`",
};

/// Tags that follow development.
const UNSTABLE: &[&str] = &[
    "latest",
    "main",
    "master",
    "dev",
    "devel",
    "develop",
    "development",
    "nightly",
    "unstable",
    "testing",
    "canary",
    "next",
    "rolling",
    "snapshot",
    "head",
    "trunk",
];
/// Tags that are moved from version to version.
const MOVING: &[&str] =
    &["stable", "edge", "lts", "release", "production", "alpine", "slim", "beta", "mainline"];

/// The parts of an image reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Image<'a> {
    /// With the registry.
    pub(super) name: &'a str,
    pub(super) tag: Option<&'a str>,
    pub(super) digest: Option<&'a str>,
}

impl<'a> Image<'a> {
    pub(super) fn parse(reference: &'a str) -> Self {
        let (rest, digest) = match reference.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (reference, None),
        };
        // A colon before the last slash belongs to a registry's port.
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        Self { name, tag, digest }
    }

    /// Returns the last part of the name: `postgres` of `docker.io/library/postgres`.
    pub(super) fn short(&self) -> &'a str {
        self.name.rsplit('/').next().unwrap_or(self.name)
    }
}

/// Applies the rules to every service.
pub(super) fn check(view: &View<'_>, out: &mut Findings) {
    for (name, service) in view.services() {
        let spot = view.spot(&["services", name, "image"]);
        if service.image.is_empty() {
            out.add(&R011, spot, format!("service `{name}` has no image"));
            continue;
        }
        let image = Image::parse(&service.image);
        let whole = &service.image;
        if image.name.is_empty() || image.tag == Some("") || image.digest == Some("") {
            let says = format!(
                "the image of service `{name}` is `{whole}`, which is no reference: a variable is empty"
            );
            out.add_as(&R011, R011.severity, spot, says, "give the variable a default: `${NAME:-1.2.3}`");
            continue;
        }
        pinned_by_release(view, name, out);
        let (None, tag) = (image.digest, image.tag) else { continue };
        let Some(tag) = tag else {
            out.add(&R003, spot, format!("the image `{whole}` of service `{name}` has no tag"));
            continue;
        };
        let lower = tag.to_ascii_lowercase();
        let first = lower.split(['-', '_']).next().unwrap_or("");
        if UNSTABLE.contains(&lower.as_str()) || UNSTABLE.contains(&first) {
            out.add(&R004, spot, format!("the image `{whole}` of service `{name}` follows development"));
        } else if MOVING.contains(&lower.as_str()) || MOVING.contains(&first) {
            out.add(&S007, spot, format!("the tag `{tag}` of service `{name}`'s image is moved by upstream"));
        } else {
            match numbers(first) {
                0 => {
                    let says = format!("the tag `{tag}` of service `{name}`'s image does not begin like a version");
                    out.add(&R005, spot, says);
                }
                // Good recipes take their databases so on purpose, for the fixes.
                1 | 2 => out.add_as(
                    &S007,
                    Severity::Info,
                    spot,
                    format!("the tag `{tag}` of service `{name}`'s image has no patch number: upstream may move it"),
                    S007.remedy,
                ),
                _ => {}
            }
        }
    }
}

/// Counts the numbers of a version such as `v1.2.3`; 0 if it does not look like one.
fn numbers(version: &str) -> usize {
    let version = version.strip_prefix('v').unwrap_or(version);
    let parts: Vec<&str> = version.split('.').collect();
    let digits = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    match parts.as_slice() {
        // A date such as `20240131` or a build number is as precise as it gets.
        [whole] if whole.len() >= 6 && digits(whole) => 3,
        parts if parts.first().is_some_and(|part| digits(part)) => {
            parts.iter().filter(|part| digits(part)).count()
        }
        _ => 0,
    }
}

fn pinned_by_release(view: &View<'_>, service: &str, out: &mut Findings) {
    let path = ["services", service, "image"];
    let written = view.selected().rev().find_map(|tree| walk(&tree.root, &path));
    let Some((_, node)) = written else { return };
    let written = text_of(node);
    let names: BTreeSet<&str> = vars::vars(&written).iter().map(|var| var.name).collect();
    let set: Vec<String> = names
        .into_iter()
        .filter_map(|name| Some(format!("`{name}` (line {})", view.set_in_sample(name)?)))
        .collect();
    if !set.is_empty() {
        let says = format!(
            "the image of service `{service}` comes from what `.env.sample` sets: {}",
            set.join(", ")
        );
        out.add(&S008, view.spot(&path), says);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_of_the_registry_is_not_a_tag() {
        let image = Image::parse("registry.example.org:5000/a/b");
        assert_eq!((image.name, image.tag), ("registry.example.org:5000/a/b", None));
        let image = Image::parse("registry.example.org:5000/a/b:1.2@sha256:abc");
        assert_eq!((image.short(), image.tag, image.digest), ("b", Some("1.2"), Some("sha256:abc")));
    }

    #[test]
    fn versions_are_told_from_words() {
        let counts =
            ["v1.2.3", "16", "16.4", "2024.06.52", "1.0.6-x", "RELEASE.2024", "20240131", "12.1.0beta"]
                .map(numbers);
        assert_eq!(counts, [3, 1, 2, 3, 3, 0, 3, 3]);
    }
}
