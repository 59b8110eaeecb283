//! Mounts as in `data:/var/lib/x`, `./conf:/etc/x:ro`, `/anonymous`, `C:\x:D:\x`.

use crate::model::{BindOptions, Mount, VolumeOptions};

/// Reads a short form without knowing on which system it will run.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn parse(text: &str) -> Result<Mount, String> {
    let mut mount = Mount::default();
    match text.len() {
        0 => return Err("invalid empty volume".to_owned()),
        1 | 2 => {
            mount.target = text.to_owned();
            "volume".clone_into(&mut mount.kind);
            return Ok(mount);
        }
        _ => {}
    }
    let mut part = String::new();
    for c in text.chars() {
        if c == ':' && !is_drive(&part) {
            fill(&mut mount, &part, End::Colon)?;
            part.clear();
        } else if c == '\0' {
            fill(&mut mount, &part, End::Text)?;
            part.clear();
        } else {
            part.push(c);
        }
    }
    fill(&mut mount, &part, End::Text)?;
    let kind = if is_path(&mount.source) { "bind" } else { "volume" };
    kind.clone_into(&mut mount.kind);
    Ok(mount)
}

/// What ended a part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Colon,
    Text,
}

/// A single letter before a colon is a drive of Windows, even if it was meant as a volume's name.
fn is_drive(part: &str) -> bool {
    let mut chars = part.chars();
    chars.next().is_some_and(is_letter) && chars.next().is_none()
}

/// Go's letters, where Rust has those of Roman numbers and those in circles among them.
fn is_letter(c: char) -> bool {
    let in_circle = matches!(c, '\u{24B6}'..='\u{24E9}' | '\u{1F130}'..='\u{1F189}');
    c.is_alphabetic() && !c.is_numeric() && !in_circle
}

fn fill(mount: &mut Mount, part: &str, end: End) -> Result<(), String> {
    if part.is_empty() {
        return Err("empty section between colons".to_owned());
    }
    if mount.source.is_empty() {
        if end == End::Text {
            part.clone_into(&mut mount.target);
        } else {
            part.clone_into(&mut mount.source);
        }
        return Ok(());
    }
    if mount.target.is_empty() {
        part.clone_into(&mut mount.target);
        return Ok(());
    }
    if end == End::Colon {
        return Err("too many colons".to_owned());
    }
    for option in part.split(',') {
        match option {
            "ro" => mount.read_only = true,
            "rw" => mount.read_only = false,
            "nocopy" => mount.volume = Some(VolumeOptions { nocopy: true, subpath: String::new() }),
            "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave" => {
                mount.bind = Some(BindOptions { propagation: option.to_owned() });
            }
            // Docker ignores what it does not know.
            _ => {}
        }
    }
    Ok(())
}

fn is_path(source: &str) -> bool {
    let mut chars = source.chars();
    let (Some(first), second) = (chars.next(), chars.next()) else { return false };
    if matches!(first, '.' | '/' | '~') {
        return true;
    }
    match second {
        None => false,
        Some(second) => source.starts_with("\\\\") || (is_letter(first) && second == ':'),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        let Mount { kind, source, target, read_only, .. } = parse(text).unwrap();
        format!("{kind} {source} {target} {read_only}")
    }

    #[test]
    fn each_form_is_read() {
        for (text, mount) in [
            ("/a", "volume  /a false"),
            ("a", "volume  a false"),
            ("data:/a", "volume data /a false"),
            ("./x:/a:ro", "bind ./x /a true"),
            ("~/x:/a:ro,rw", "bind ~/x /a false"),
            ("/x:/a:z", "bind /x /a false"),
            ("d:/d", "volume  d:/d false"),
            ("C:\\x:D:\\y", "bind C:\\x D:\\y false"),
            ("\\\\host\\x:/a", "bind \\\\host\\x /a false"),
            ("data:/a:nocopy", "volume data /a false"),
        ] {
            assert_eq!(shown(text), mount, "{text}");
        }
    }

    #[test]
    fn what_docker_refuses_is_refused() {
        for text in ["", "aa:", "::/a", "x/y:/a:ro:z", "aa::/b", ":/a"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r"([a-zA-Z]{1,2}|[:/\\.~,]|ro|rw|nocopy|\PC){0,12}") {
            drop(parse(&text));
        }
    }
}
