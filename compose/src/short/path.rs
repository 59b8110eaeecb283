//! Paths as texts: the files may be meant for another system, so nothing is looked up.

/// Joins a path to the working folder unless it is absolute, and cleans the result.
pub(crate) fn absolute(working_dir: &str, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    clean(&format!("{working_dir}/{path}"))
}

/// Takes out `.`, `..` and doubled slashes.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Tells whether Windows would call the path absolute: `C:\x`, `C:/x`, `\\host\share\x`.
pub(crate) fn is_windows_absolute(path: &str) -> bool {
    let bytes = path.as_bytes();
    let slash = |at: usize| bytes.get(at).is_some_and(|&b| matches!(b, b'/' | b'\\'));
    if bytes.len() >= 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' {
        return slash(2);
    }
    // A share: two slashes, a host, one slash, a name, and a slash behind it.
    if bytes.len() < 5 || !slash(0) || !slash(1) || slash(2) || bytes[2] == b'.' {
        return false;
    }
    let Some(host_end) = (3..bytes.len() - 1).find(|&at| slash(at)) else { return false };
    let share = host_end + 1;
    if slash(share) || bytes[share] == b'.' {
        return false;
    }
    (share..bytes.len()).any(slash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_are_joined_and_cleaned() {
        assert_eq!(absolute("/w/d", "./a/../b//c"), "/w/d/b/c");
        assert_eq!(absolute("/w", ""), "/w");
        assert_eq!(absolute("/w", "../../.."), "/");
        assert_eq!(absolute("/w", "/a/../b"), "/a/../b");
    }

    #[test]
    fn windows_paths_are_known() {
        for path in ["C:\\x", "c:/x", "\\\\host\\share\\x", "//host/share/x"] {
            assert!(is_windows_absolute(path), "{path}");
        }
        for path in ["C:x", "C:", "x", "\\\\host", "\\x", "\\\\host\\share"] {
            assert!(!is_windows_absolute(path), "{path}");
        }
    }
}
