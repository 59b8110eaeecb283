//! Image names as the engine's client sends them: short, and with a tag.

use std::sync::LazyLock;

use regex::Regex;

const DOCKER_HUB: &str = "docker.io";
/// What an early Docker called the same registry.
const OLD_DOCKER_HUB: &str = "index.docker.io";
const OFFICIAL: &str = "library/";
/// Longest path of a repository, without its registry.
const PATH_LIMIT: usize = 255;

/// `registry/path[:tag][@digest]`, as the grammar of image references has it.
static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
    let label = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
    let domain = format!(r"(?:{label}(?:\.{label})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?");
    let part = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
    let digest = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
    let pattern = format!(
        r"\A{domain}/(?P<path>{part}(?:/{part})*)(?::(?P<tag>[0-9A-Za-z_][0-9A-Za-z_.-]{{0,127}}))?(?:@(?P<digest>{digest}))?\z"
    );
    Regex::new(&pattern).expect("the pattern is constant")
});

/// Returns the name with `latest` where there is neither tag nor digest, and without what Docker implies
/// (`docker.io/library/`). The id of an image stays as it is.
///
/// # Errors
/// What is wrong with it, if it is no image reference.
pub(super) fn with_tag(image: &str) -> Result<String, String> {
    if image.is_empty() {
        return Err("no image is named".into());
    }
    if is_hex(image, 64) || is_digest(image) {
        return Ok(image.to_owned());
    }
    let (domain, path) = split_domain(image);
    let whole = format!("{domain}/{path}");
    let Some(parts) = REFERENCE.captures(&whole) else {
        let lower = path.split(':').next().is_some_and(|name| name.to_lowercase() == name);
        let why = if lower { "" } else { ": the path has to be in lower case" };
        return Err(format!("`{image}` is not an image reference{why}"));
    };
    let path = parts.name("path").map_or("", |path| path.as_str());
    let (tag, digest) = (parts.name("tag"), parts.name("digest"));
    if path.len() > PATH_LIMIT {
        return Err(format!("the path of the image is longer than {PATH_LIMIT} characters"));
    }
    if let Some(digest) = digest.filter(|digest| !is_digest(digest.as_str())) {
        return Err(format!("`{}` is not a digest that Docker knows", digest.as_str()));
    }
    let name = match (domain, path.strip_prefix(OFFICIAL)) {
        (DOCKER_HUB, Some(short)) if !short.contains('/') => short.to_owned(),
        (DOCKER_HUB, _) => path.to_owned(),
        (domain, _) => format!("{domain}/{path}"),
    };
    Ok(match (tag, digest) {
        (None, None) => format!("{name}:latest"),
        (Some(tag), None) => format!("{name}:{}", tag.as_str()),
        (None, Some(digest)) => format!("{name}@{}", digest.as_str()),
        (Some(tag), Some(digest)) => format!("{name}:{}@{}", tag.as_str(), digest.as_str()),
    })
}

/// Splits off the registry, which is told from a folder by a dot, a colon, an upper-case letter or the name
/// `localhost`.
fn split_domain(image: &str) -> (&str, String) {
    let (domain, path) = match image.split_once('/') {
        Some((first, rest))
            if first == "localhost" || first.contains(['.', ':']) || first.to_lowercase() != first =>
        {
            (if first == OLD_DOCKER_HUB { DOCKER_HUB } else { first }, rest)
        }
        Some(_) | None => (DOCKER_HUB, image),
    };
    match domain == DOCKER_HUB && !path.contains('/') {
        true => (domain, format!("{OFFICIAL}{path}")),
        false => (domain, path.to_owned()),
    }
}

/// Whether a digest is of a kind that the client knows, and of the right length.
fn is_digest(digest: &str) -> bool {
    let Some((kind, hex)) = digest.split_once(':') else { return false };
    let length = match kind {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    is_hex(hex, length)
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shortened_and_tagged_as_the_client_does() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let id = "a".repeat(64);
        for (written, sent) in [
            ("nginx", "nginx:latest"),
            ("nginx:1.27", "nginx:1.27"),
            ("docker.io/library/nginx", "nginx:latest"),
            ("index.docker.io/nginx", "nginx:latest"),
            ("library/nginx", "nginx:latest"),
            ("docker.io/bitnami/redis:7", "bitnami/redis:7"),
            ("ghcr.io/a/b", "ghcr.io/a/b:latest"),
            ("localhost/a", "localhost/a:latest"),
            ("registry:5000/a", "registry:5000/a:latest"),
            (id.as_str(), id.as_str()),
            ("docker.io", "docker.io:latest"),
            ("A/c", "A/c:latest"),
            ("[::1]:5/a", "[::1]:5/a:latest"),
        ] {
            assert_eq!(with_tag(written).as_deref(), Ok(sent));
        }
        for same in [format!("nginx@{digest}"), format!("nginx:1@{digest}"), digest] {
            assert_eq!(with_tag(&same).as_ref(), Ok(&same));
        }
    }

    #[test]
    fn what_is_no_image_reference_is_refused_as_the_cli_refuses_it() {
        let long = "a".repeat(250);
        for bad in
            ["", "Nginx", "nginx:1^", "a b", "nginx@sha256:abc", "a//b", "a:", "a___b", "docker.io/", &long]
        {
            assert!(with_tag(bad).is_err(), "{bad}");
        }
        assert_eq!(
            with_tag("Nginx"),
            Err("`Nginx` is not an image reference: the path has to be in lower case".into())
        );
    }
}
