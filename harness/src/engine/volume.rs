//! Volumes on the engine's own node: what is known of one, and how it is made and removed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use super::list::{Kind, Object, Scope};
use super::{Engine, EngineError, filters, items, labels, text};

/// The driver whose volumes are folders of the engine's own node.
const LOCAL: &str = "local";
/// Pause between two tries to remove what is still in use: a container that ends takes some tenths of a second.
const PAUSE: Duration = Duration::from_millis(100);

/// A volume as the engine shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeFacts {
    /// Such as `local`.
    pub driver: String,
    /// Where it is, as the engine's own process sees the file system.
    pub mountpoint: String,
    pub labels: BTreeMap<String, String>,
    /// Names of the driver's options. A volume of `local` without any is a plain folder.
    pub options: Vec<String>,
}

/// A volume could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    #[error("volume `{volume}` is in use after {} s by {}", limit.as_secs(), users(by))]
    InUse {
        volume: String,
        /// Containers that have it, by name. Empty where none is listed.
        by: Vec<String>,
        limit: Duration,
    },
    #[error("volume `{volume}` could not be removed")]
    Engine { volume: String, source: EngineError },
}

fn users(by: &[String]) -> String {
    if by.is_empty() { "nobody who is listed".to_owned() } else { by.join(", ") }
}

impl RemoveError {
    /// Returns what a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::InUse { .. } => Some("end those containers; they are not ours to end"),
            Self::Engine { source, .. } => source.hint(),
        }
    }
}

impl Engine {
    /// Looks a volume up by its name; `None` where this node has none.
    pub async fn volume(&self, name: &str) -> Result<Option<VolumeFacts>, EngineError> {
        let doing = format!("looking for volume `{name}`");
        match self.raw().get(&format!("/volumes/{name}"), &[], &doing).await {
            Ok(found) => Ok(Some(VolumeFacts {
                driver: text(&found["Driver"]),
                mountpoint: text(&found["Mountpoint"]),
                labels: labels(&found["Labels"]),
                options: found["Options"].as_object().into_iter().flatten().map(|(k, _)| k.clone()).collect(),
            })),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a plain volume with these labels. One that is there with the same labels is fine; any other is somebody
    /// else's and an error: the engine itself would hand it out as if it were new.
    pub async fn create_volume(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<VolumeFacts, EngineError> {
        let body = json!({"Name": name, "Driver": LOCAL, "Labels": labels});
        let doing = format!("creating volume `{name}`");
        self.raw().post("/volumes/create", &[], &body, &doing).await?;
        let Some(facts) = self.volume(name).await? else {
            return Err(EngineError::Garbled { doing, says: "it is not there afterwards".into() });
        };
        if facts.labels != *labels || facts.driver != LOCAL || !facts.options.is_empty() {
            let with = facts.labels.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(", ");
            let owner = if with.is_empty() { "nobody by its labels".to_owned() } else { format!("`{with}`") };
            return Err(EngineError::NameTaken { kind: "volume", name: name.to_owned(), owner });
        }
        Ok(facts)
    }

    /// Removes a volume and returns when it is gone. One that is not there is fine. One in use is tried again until the
    /// limit: containers of a stack that was just removed hold on to it for a while.
    pub async fn remove_volume(&self, name: &str, limit: Duration) -> Result<(), RemoveError> {
        let began = Instant::now();
        let doing = format!("removing volume `{name}`");
        let wrong = |source| RemoveError::Engine { volume: name.to_owned(), source };
        loop {
            let refused = match self.raw().delete(&Kind::Volume.path(name), &[], &doing).await {
                // Looked at again: the engine answers before the last listing knows.
                Ok(()) => match self.volume(name).await.map_err(wrong)? {
                    None => return Ok(()),
                    Some(_) => None,
                },
                Err(error @ EngineError::Refused { status: 409, .. }) => Some(error),
                Err(error) => return Err(wrong(error)),
            };
            if limit <= began.elapsed() {
                let by = self.users_of_volume(name).await.map_err(wrong)?;
                tracing::debug!(?refused, name, "volume is kept by somebody");
                return Err(RemoveError::InUse { volume: name.to_owned(), by, limit });
            }
            sleep(PAUSE).await;
        }
    }

    /// Lists the volumes that carry these labels.
    pub async fn volumes_labelled(&self, scope: &Scope) -> Result<Vec<Object>, EngineError> {
        self.list_kind(Kind::Volume, scope).await
    }

    /// Lists the names of all volumes of this node.
    pub async fn volume_names(&self) -> Result<BTreeSet<String>, EngineError> {
        let found = self.raw().get("/volumes", &[], "listing volumes").await?;
        Ok(items(&found["Volumes"]).iter().map(|volume| text(&volume["Name"])).collect())
    }

    /// Names the containers, running or not, that have a volume.
    async fn users_of_volume(&self, name: &str) -> Result<Vec<String>, EngineError> {
        let only = filters(&[("volume", vec![name.to_owned()])]);
        let query = [("all", "true"), ("filters", only.as_str())];
        let doing = format!("looking who uses volume `{name}`");
        let found = self.raw().get("/containers/json", &query, &doing).await?;
        let named = |c: &serde_json::Value| format!("`{}`", text(&c["Names"][0]).trim_start_matches('/'));
        Ok(items(&found).iter().map(named).collect())
    }
}
