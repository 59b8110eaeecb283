//! Names: of mirrors, in references, in trees.

use std::path::Path;

use domain::spelling::distance;

/// Longest `source` and reference taken, in bytes.
const NAME_LIMIT: usize = 4096;

/// Returns the source without its user information: safe to print (law 11).
pub(super) fn without_credentials(source: &str) -> String {
    match user_info(source) {
        Some(info) if source.contains("://") => source.replacen(&format!("{info}@"), "", 1),
        Some(_) | None => source.to_owned(),
    }
}

/// Returns `user:password` of `https://user:password@host/…`, where there is one.
fn user_info(source: &str) -> Option<&str> {
    let (_, rest) = source.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    authority.rsplit_once('@').map(|(info, _)| info)
}

/// Takes credentials of the source out of a text of git's.
pub(super) fn scrub(text: &str, source: &str) -> String {
    let Some(info) = user_info(source) else { return text.to_owned() };
    let mut text = text.replace(&format!("{info}@"), "");
    if let Some((_, password)) = info.split_once(':')
        && !password.is_empty()
    {
        text = text.replace(password, "…");
    }
    text
}

/// Returns why the source cannot be given to git; `None` if it can.
pub(super) fn refuse_source(source: &str) -> Option<&'static str> {
    if source.is_empty() {
        return Some("the source is empty");
    }
    if source.len() > NAME_LIMIT {
        return Some("the source is longer than 4096 bytes");
    }
    if source.starts_with('-') {
        return Some("a source that begins with `-` would be read as an option");
    }
    if source.chars().any(char::is_control) {
        return Some("the source holds control characters");
    }
    // `ext::sh -c …` runs a command.
    if source.split_once("::").is_some_and(|(scheme, _)| scheme.chars().all(|c| c.is_ascii_alphanumeric())) {
        return Some("helpers such as `ext::` run commands and are not allowed");
    }
    None
}

/// Returns whether the source is a path of this machine.
pub(super) fn is_local(source: &str) -> bool {
    if source.contains("://") {
        return false;
    }
    // `host:path` is ssh, unless a slash comes first or there is such a path.
    match source.find(':') {
        Some(colon) => source.find('/').is_some_and(|slash| slash < colon) || Path::new(source).exists(),
        None => true,
    }
}

/// Returns the folder name of a source's mirror: readable, and unique by its hash.
pub(super) fn mirror_name(source: &str) -> String {
    let safe = without_credentials(source);
    let last = safe.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or("");
    let mut stem: String = last
        .trim_end_matches(".git")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' })
        .take(40)
        .collect();
    if stem.is_empty() {
        stem.push_str("recipe");
    }
    let hash = git2::Oid::hash_object(git2::ObjectType::Blob, safe.as_bytes())
        .map(|oid| oid.to_string())
        .expect("hashing bytes in memory cannot fail");
    format!("{stem}-{}.git", &hash[..12])
}

/// Returns up to `count` names that are spelt most like `wanted`.
pub(super) fn nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a str>, count: usize) -> Vec<String> {
    let mut by_distance: Vec<(usize, &str)> = known.map(|name| (distance(wanted, name), name)).collect();
    by_distance.sort();
    by_distance.into_iter().take(count).map(|(_, name)| name.to_owned()).collect()
}

/// Returns why an entry of a tree must not be written under this name; `None` if it may.
pub(super) fn refuse_entry(name: &[u8]) -> Option<&'static str> {
    match name {
        b"" => return Some("a name is empty"),
        b"." | b".." => return Some("a name leads out of its folder"),
        _ => {}
    }
    if name.len() > 255 {
        return Some("a name is longer than 255 bytes");
    }
    if name.iter().any(|b| matches!(b, b'/' | b'\\' | 0)) {
        return Some("a name holds `/`, `\\` or NUL");
    }
    is_dot_git(name).then_some("a name passes for git's own folder on some file system")
}

/// Returns whether some file system takes the name for `.git`: case, NTFS short names, trailing dots and
/// spaces, streams, and characters that HFS+ ignores.
fn is_dot_git(name: &[u8]) -> bool {
    let text = String::from_utf8_lossy(name);
    let seen: String = text.chars().filter(|c| !ignored_by_hfs(*c)).collect::<String>().to_lowercase();
    let stem = seen.split(':').next().unwrap_or("").trim_end_matches([' ', '.']);
    stem == ".git" || stem == "git~1"
}

fn ignored_by_hfs(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_pass_for_gits_folder_are_refused_in_every_disguise() {
        for bad in [
            ".git",
            ".GIT",
            ".Git",
            "git~1",
            "GIT~1",
            ".git ",
            ".git.",
            ".git...",
            ".git. . ",
            ".git::$INDEX_ALLOCATION",
            ".g\u{200c}it",
            "\u{feff}.git",
            "..",
            ".",
            "",
            "a/b",
            "a\\b",
            "a\0b",
        ] {
            assert!(refuse_entry(bad.as_bytes()).is_some(), "{bad:?}");
        }
        for good in [".gitignore", ".gitea", ".gitmodules", "git", "git~2", "...", "compose.yml", "a b"] {
            assert_eq!(refuse_entry(good.as_bytes()), None, "{good:?}");
        }
    }

    #[test]
    fn credentials_never_leave_in_a_text() {
        let source = "https://bot:s3cret@git.example.org/r/gitea.git";
        assert_eq!(without_credentials(source), "https://git.example.org/r/gitea.git");
        let said = "fatal: unable to access 'https://bot:s3cret@git.example.org/': token s3cret refused";
        assert_eq!(
            scrub(said, source),
            "fatal: unable to access 'https://git.example.org/': token … refused"
        );
        assert_eq!(without_credentials("git@git.example.org:r/gitea"), "git@git.example.org:r/gitea");
    }

    #[test]
    fn two_sources_never_share_a_mirror() {
        let names =
            ["https://a.example/gitea", "https://b.example/gitea.git", "/srv/gitea", ""].map(mirror_name);
        assert!(names[0].starts_with("gitea-") && names[3].starts_with("recipe-"));
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    }

    #[test]
    fn a_source_that_would_run_something_is_refused() {
        for bad in ["", "--upload-pack=evil", "ext::sh -c evil", "a\nb"] {
            assert!(refuse_source(bad).is_some(), "{bad:?}");
        }
        for good in ["https://[::1]/r", "git@h:r", "/srv/r", "../r"] {
            assert_eq!(refuse_source(good), None, "{good:?}");
        }
    }

    #[test]
    fn the_nearest_names_come_first() {
        let known = ["1.0.0+1.2", "1.0.0+2.3", "2.0.0+1.2.3"];
        assert_eq!(nearest("1.0.0+2.4", known.into_iter(), 2), ["1.0.0+2.3", "1.0.0+1.2"]);
    }

    proptest! {
        #[test]
        fn a_mirrors_name_is_always_one_plain_folder(source in "\\PC{0,80}") {
            let name = mirror_name(&source);
            prop_assert!(name.len() < 80 && !name.contains('/') && !name.starts_with('.'));
        }
    }
}
