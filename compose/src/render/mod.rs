//! The model as text, equal to what `docker stack config` prints once both are parsed.

mod block;
mod model;
mod yaml;

use crate::model::Model;

impl Model {
    /// Writes the model as YAML, keys sorted.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        yaml::write(&model::model(self))
    }

    /// Returns the model as JSON. Dates are texts there.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        model::model(self).into_json()
    }
}
