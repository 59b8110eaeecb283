//! What is known of a volume on the engine's own node.

use super::{Engine, EngineError, text};

/// A volume as the engine shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeFacts {
    /// Such as `local`.
    pub driver: String,
    /// Where it is, as the engine's own process sees the file system.
    pub mountpoint: String,
}

impl Engine {
    /// Looks a volume up by its name; `None` where this node has none.
    pub async fn volume(&self, name: &str) -> Result<Option<VolumeFacts>, EngineError> {
        let doing = format!("looking for volume `{name}`");
        match self.raw().get(&format!("/volumes/{name}"), &[], &doing).await {
            Ok(found) => Ok(Some(VolumeFacts {
                driver: text(&found["Driver"]),
                mountpoint: text(&found["Mountpoint"]),
            })),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }
}
