//! What is known of a network that somebody else made.

use super::{Engine, EngineError, text};

/// A network as the engine shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkFacts {
    /// Such as `overlay`.
    pub driver: String,
    /// `swarm` for what every node can see, `local` for what only one can.
    pub scope: String,
}

impl Engine {
    /// Looks a network up by its name; `None` where there is none.
    pub async fn network(&self, name: &str) -> Result<Option<NetworkFacts>, EngineError> {
        let doing = format!("looking for network `{name}`");
        match self.raw().get(&format!("/networks/{name}"), &[], &doing).await {
            Ok(found) => {
                Ok(Some(NetworkFacts { driver: text(&found["Driver"]), scope: text(&found["Scope"]) }))
            }
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }
}
