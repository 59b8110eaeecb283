//! Image names as the engine's client sends them: short, and with a tag.

use std::sync::LazyLock;

use regex::Regex;

const DOCKER_HUB: &str = "docker.io";
/// What an early Docker called the same registry.
const OLD_DOCKER_HUB: &str = "index.docker.io";
const OFFICIAL: &str = "library/";
/// Longest name of a repository, with its registry (distribution's reference grammar).
const NAME_LIMIT: usize = 255;

/// `registry/path[:tag][@digest]`, as the grammar of image references has it.
static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
    let label = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
    let domain = format!(r"(?:{label}(?:\.{label})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?");
    let part = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
    let digest = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
    let pattern = format!(
        r"\A(?P<name>{domain}/{part}(?:/{part})*)(?::(?P<tag>[0-9A-Za-z_][0-9A-Za-z_.-]{{0,127}}))?(?:@(?P<digest>{digest}))?\z"
    );
    Regex::new(&pattern).expect("the pattern is constant")
});

/// Returns the name with `latest` where there is neither tag nor digest, and without what Docker implies
/// (`docker.io/library/`). A name that is no image reference is returned as it is: only the engine decides.
pub(super) fn with_tag(image: &str) -> String {
    tagged(image).unwrap_or_else(|| image.to_owned())
}

fn tagged(image: &str) -> Option<String> {
    // The id of an image is not the name of one.
    if image.len() == 64 && image.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return None;
    }
    let (domain, path) = split_domain(image);
    let whole = format!("{domain}/{path}");
    let parts = REFERENCE.captures(&whole)?;
    let name = parts.name("name")?.as_str();
    let (tag, digest) = (parts.name("tag"), parts.name("digest"));
    if name.len() > NAME_LIMIT || !digest.is_none_or(|d| is_digest(d.as_str())) {
        return None;
    }
    let name = match name.strip_prefix("docker.io/") {
        Some(path) => match path.strip_prefix(OFFICIAL) {
            Some(short) if !short.contains('/') => short,
            Some(_) | None => path,
        },
        None => name,
    };
    let rest = match (tag, digest) {
        (None, None) => ":latest".to_owned(),
        (Some(tag), None) => format!(":{}", tag.as_str()),
        (None, Some(digest)) => format!("@{}", digest.as_str()),
        (Some(tag), Some(digest)) => format!(":{}@{}", tag.as_str(), digest.as_str()),
    };
    Some(format!("{name}{rest}"))
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
    hex.len() == length && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
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
            ("Nginx", "Nginx"),
            ("nginx:1^", "nginx:1^"),
            ("", ""),
            ("a b", "a b"),
        ] {
            assert_eq!(with_tag(written), sent, "{written}");
        }
        assert_eq!(with_tag(&format!("nginx@{digest}")), format!("nginx@{digest}"));
        assert_eq!(with_tag(&format!("nginx:1@{digest}")), format!("nginx:1@{digest}"));
        assert_eq!(with_tag("nginx@sha256:abc"), "nginx@sha256:abc");
    }
}
