//! Images on the node before the clock of a tier starts, with the digest that was resolved.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use bollard::auth::DockerCredentials;
use bollard::query_parameters::CreateImageOptions;
use domain::{Cause, Fault};
use futures_util::StreamExt;
use serde_json::Value;
use tokio::time::timeout;

use super::{Chain, Engine, EngineError, items, text};

/// Longest time for one image. The largest of the samples is 1 GB; over 10 Mbit/s that is 14 minutes.
const PULL_LIMIT: Duration = Duration::from_secs(15 * 60);

/// Whether an image that is there is asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// What is on the node is good enough.
    LocalWins,
    /// Ask the registry: a tag may have moved.
    AskRegistry,
}

/// What a digest is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestOf {
    /// The manifest in the registry: every node finds it there.
    Manifest,
    /// The image as this node holds it; it came from no registry.
    Image,
}

/// An image on the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedImage {
    /// As the recipe names it.
    pub reference: String,
    /// `sha256:…`: the registry's digest where it has one, else the image's id.
    pub digest: String,
    pub digest_of: DigestOf,
    /// Whether it was fetched now.
    pub pulled: bool,
}

impl ResolvedImage {
    /// Returns the reference by which a task runs this very image, whatever becomes of the tag. Swarm asks no registry
    /// for such a one before it starts a task, as it does for a tag, also when it has the image. `None` where other
    /// nodes could not find it by that name.
    pub fn pinned(&self, nodes: u64) -> Option<String> {
        match self.digest_of {
            _ if self.reference.contains('@') => Some(self.reference.clone()),
            DigestOf::Manifest => Some(format!("{}@{}", self.reference, self.digest)),
            DigestOf::Image => (nodes == 1).then(|| self.digest.clone()),
        }
    }
}

/// An image that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The registry knows no such image.
    #[error("there is no image `{image}` for service `{service}`: {says}")]
    Missing { service: String, image: String, says: String },
    /// It could not be fetched; whether it exists is not known.
    #[error("image `{image}` of service `{service}` could not be fetched: {says}")]
    Unfetched { service: String, image: String, says: String },
    #[error("images cannot be looked at")]
    Engine {
        #[from]
        source: EngineError,
    },
}

impl PullError {
    /// Returns who has to act.
    pub fn fault(&self) -> Fault {
        self.cause().fault()
    }

    /// Returns what a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Missing { .. } => Some("check name and tag; a private image also needs `docker login`"),
            Self::Unfetched { .. } => {
                Some("is the registry reachable from this node? `docker pull` shows more")
            }
            Self::Engine { source } => source.hint(),
        }
    }

    /// Returns the cause that a verdict carries for it.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Missing { service, image, says } => {
                Cause::ImageMissing { service: service.clone(), image: image.clone(), says: says.clone() }
            }
            Self::Unfetched { service, image, says } => {
                Cause::ImagePull { service: service.clone(), image: image.clone(), says: says.clone() }
            }
            Self::Engine { source } => source.cause(),
        }
    }
}

impl Engine {
    /// Makes sure that each service's image is on the node, and says which one it is. The first that cannot be had
    /// ends it.
    pub async fn ensure_images(
        &self,
        images: &[(String, String)],
        freshness: Freshness,
    ) -> Result<BTreeMap<String, ResolvedImage>, PullError> {
        let mut resolved: BTreeMap<String, ResolvedImage> = BTreeMap::new();
        for (service, reference) in images {
            let known = resolved.values().find(|r| r.reference == *reference).cloned();
            let image = match known {
                Some(image) => image,
                None => self.ensure_image(service, reference, freshness).await?,
            };
            resolved.insert(service.clone(), image);
        }
        Ok(resolved)
    }

    async fn ensure_image(
        &self,
        service: &str,
        reference: &str,
        freshness: Freshness,
    ) -> Result<ResolvedImage, PullError> {
        let local = self.local_digest(reference).await?;
        match (freshness, local) {
            (Freshness::LocalWins, Some((digest, digest_of))) => {
                Ok(ResolvedImage { reference: reference.to_owned(), digest, digest_of, pulled: false })
            }
            (Freshness::LocalWins, None) | (Freshness::AskRegistry, _) => {
                self.pull(service, reference).await?;
                let found = self.local_digest(reference).await?;
                let (digest, digest_of) = found.ok_or_else(|| PullError::Unfetched {
                    service: service.to_owned(),
                    image: reference.to_owned(),
                    says: "the engine reports success and does not have it".into(),
                })?;
                Ok(ResolvedImage { reference: reference.to_owned(), digest, digest_of, pulled: true })
            }
        }
    }

    async fn local_digest(&self, reference: &str) -> Result<Option<(String, DigestOf)>, EngineError> {
        let path = format!("/images/{reference}/json");
        match self.raw().get(&path, &[], &format!("looking for image `{reference}`")).await {
            Ok(image) => Ok(Some(digest_of(&image, reference))),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn pull(&self, service: &str, reference: &str) -> Result<(), PullError> {
        let failed = |says: String| {
            let (service, image) = (service.to_owned(), reference.to_owned());
            if says_missing(&says) {
                PullError::Missing { service, image, says }
            } else {
                PullError::Unfetched { service, image, says }
            }
        };
        // Without a tag the engine would pull every tag there is.
        let from_image =
            if has_tag(reference) { reference.to_owned() } else { format!("{reference}:latest") };
        let options = CreateImageOptions { from_image: Some(from_image), ..CreateImageOptions::default() };
        let mut steps = self.docker().create_image(Some(options), None, credentials(reference));
        let pull = async {
            while let Some(step) = steps.next().await {
                if let Err(error) = step {
                    return Err(failed(plain(&error)));
                }
            }
            Ok(())
        };
        tracing::info!(%service, image = %reference, "pulling");
        timeout(PULL_LIMIT, pull).await.unwrap_or_else(|_| {
            Err(PullError::Unfetched {
                service: service.to_owned(),
                image: reference.to_owned(),
                says: format!("it took longer than {} s", PULL_LIMIT.as_secs()),
            })
        })
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "bollard's enum, which grows with it")]
fn plain(error: &bollard::errors::Error) -> String {
    match error {
        bollard::errors::Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        bollard::errors::Error::DockerStreamError { error } => error.trim().to_owned(),
        other => Chain(other).to_string(),
    }
}

/// Words by which registries and engines 20.10–28 say that an image does not exist, and not that they could not
/// look. "may require 'docker login'" is what Docker Hub says of what is not there.
fn says_missing(says: &str) -> bool {
    let says = says.to_lowercase();
    ["manifest unknown", "not found: manifest", "repository does not exist", "name unknown", "no matching manifest"]
        .iter()
        .any(|words| says.contains(words))
        // containerd's words: "docker.io/a/b:c: not found".
        || says.ends_with(": not found")
}

fn digest_of(image: &Value, reference: &str) -> (String, DigestOf) {
    let repository = repository(reference);
    let of_this = items(&image["RepoDigests"]).iter().filter_map(Value::as_str).find_map(|known| {
        let (name, digest) = known.split_once('@')?;
        (name == repository || familiar(name) == familiar(repository)).then(|| digest.to_owned())
    });
    match of_this {
        Some(digest) => (digest, DigestOf::Manifest),
        None => (text(&image["Id"]), DigestOf::Image),
    }
}

/// The reference without tag and digest.
fn repository(reference: &str) -> &str {
    let name = reference.split('@').next().unwrap_or(reference);
    match name.rfind(':') {
        // A colon before the last slash belongs to the registry's port.
        Some(colon) if !name[colon..].contains('/') => &name[..colon],
        Some(_) | None => name,
    }
}

fn has_tag(reference: &str) -> bool {
    reference.contains('@') || repository(reference) != reference
}

/// `docker.io/library/nginx` is the same as `nginx`.
fn familiar(repository: &str) -> &str {
    let name = repository.strip_prefix("docker.io/").unwrap_or(repository);
    name.strip_prefix("library/").unwrap_or(name)
}

/// The registry's name as `config.json` keys it.
fn registry(reference: &str) -> &str {
    match reference.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
        Some(_) | None => "https://index.docker.io/v1/",
    }
}

/// Reads what `docker login` wrote, where it is written plainly. Credential helpers are programs of their own and
/// are not started.
fn credentials(reference: &str) -> Option<DockerCredentials> {
    let folder = match std::env::var_os("DOCKER_CONFIG") {
        Some(folder) => std::path::PathBuf::from(folder),
        None => std::path::PathBuf::from(std::env::var_os("HOME")?).join(".docker"),
    };
    let config = std::fs::read(folder.join("config.json")).ok()?;
    read_credentials(&serde_json::from_slice(&config).ok()?, registry(reference))
}

fn read_credentials(config: &Value, registry: &str) -> Option<DockerCredentials> {
    let entry = &config["auths"][registry];
    let decoded = base64::engine::general_purpose::STANDARD.decode(entry["auth"].as_str()?).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some(DockerCredentials {
        username: Some(user.to_owned()),
        password: Some(password.trim_end_matches('\0').to_owned()),
        identitytoken: entry["identitytoken"].as_str().map(str::to_owned),
        serveraddress: Some(registry.to_owned()),
        ..DockerCredentials::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_reference_is_taken_apart_as_docker_does() {
        assert_eq!(repository("127.0.0.1:5055/simmer/testbox:1.0"), "127.0.0.1:5055/simmer/testbox");
        assert_eq!(repository("nginx"), "nginx");
        assert_eq!(repository("a/b:1@sha256:00"), "a/b");
        assert!(has_tag("nginx:1") && has_tag("nginx@sha256:00") && !has_tag("localhost:5000/nginx"));
        assert_eq!(registry("127.0.0.1:5055/simmer/testbox:1.0"), "127.0.0.1:5055");
        assert_eq!(registry("bitnami/redis"), "https://index.docker.io/v1/");
    }

    #[test]
    fn the_registrys_digest_wins_over_the_images_id() {
        let image = json!({"Id": "sha256:id", "RepoDigests": ["x/y@sha256:aa", "nginx@sha256:bb"]});
        let of = |reference| digest_of(&image, reference);
        assert_eq!(of("docker.io/library/nginx:1"), ("sha256:bb".into(), DigestOf::Manifest));
        assert_eq!(of("x/y:2"), ("sha256:aa".into(), DigestOf::Manifest));
        assert_eq!(of("built/here:1"), ("sha256:id".into(), DigestOf::Image));
    }

    #[test]
    fn an_image_is_pinned_by_what_every_node_can_find() {
        let image = |digest_of| ResolvedImage {
            reference: "a/b:1".into(),
            digest: "sha256:00".into(),
            digest_of,
            pulled: false,
        };
        assert_eq!(image(DigestOf::Manifest).pinned(3).as_deref(), Some("a/b:1@sha256:00"));
        assert_eq!(image(DigestOf::Image).pinned(1).as_deref(), Some("sha256:00"));
        assert_eq!(image(DigestOf::Image).pinned(3), None, "another node has no such id");
    }

    #[test]
    fn an_image_that_does_not_exist_is_told_from_one_that_could_not_be_fetched() {
        assert!(says_missing(
            "manifest for 127.0.0.1:5055/a:9 not found: manifest unknown: manifest unknown"
        ));
        assert!(says_missing(
            "pull access denied for a/b, repository does not exist or may require 'docker login': denied"
        ));
        assert!(!says_missing(
            "Get \"http://127.0.0.1:5055/v2/\": dial tcp 127.0.0.1:5055: connect: connection refused"
        ));
        assert!(!says_missing("Get \"https://r.example/v2/\": dial tcp: lookup r.example: no such host"));
        assert!(!says_missing("toomanyrequests: You have reached your pull rate limit"));
    }

    #[test]
    fn credentials_are_read_where_docker_login_wrote_them_plainly() {
        let config = json!({"auths": {"r.example": {"auth": "YWxpY2U6cGE6c3M="}, "helper.example": {}}});
        let found = read_credentials(&config, "r.example").unwrap();
        assert_eq!((found.username.as_deref(), found.password.as_deref()), (Some("alice"), Some("pa:ss")));
        assert!(read_credentials(&config, "helper.example").is_none());
        assert!(read_credentials(&config, "other").is_none());
    }
}
