//! Volumes: real folders, so that code which copies at their mountpoints works on them.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::filters::Filters;
use crate::route::{Answer, Refusal, Told};
use crate::state::{State, text};

/// Returns where a volume's files are in a fake's folder.
pub(crate) fn folder_of(folder: &Path, name: &str) -> PathBuf {
    folder.join("volumes").join(name.replace('/', "_")).join("_data")
}

impl State {
    pub(crate) fn list_volumes(&mut self, filters: &Filters) -> Told {
        let dangling = |v: &Value| !self.containers.iter().any(|c| c.volumes().any(|name| v["Name"] == name));
        let found = self.volumes.iter().filter(|v| filters.labels(&v["Labels"]));
        let found = found.filter(|v| {
            filters.any("name", |wanted| text(&v["Name"]).contains(wanted))
                && filters.any("driver", |wanted| v["Driver"] == wanted)
                && filters.any("dangling", |wanted| dangling(v) == matches!(wanted, "true" | "1"))
        });
        let found: Vec<_> = found.cloned().collect();
        Ok(Answer::Json(200, json!({"Volumes": found, "Warnings": null})))
    }

    pub(crate) fn inspect_volume(&mut self, name: &str) -> Told {
        let found = self.volumes.iter().find(|v| v["Name"] == name);
        found.map(|v| Answer::Json(200, v.clone())).ok_or_else(|| self.no_volume(name))
    }

    fn no_volume(&self, name: &str) -> Refusal {
        let says = if self.is_old() {
            format!("get {name}: no such volume")
        } else {
            format!("volume {name} not found")
        };
        Refusal::new(404, says)
    }

    pub(crate) fn create_volume(&mut self, body: &Value) -> Told {
        let name = match text(&body["Name"]) {
            name if name.is_empty() => self.id64(),
            name => name,
        };
        if !self.volumes.iter().any(|v| v["Name"] == name) {
            self.make_volume(&name, &body["Labels"], &body["DriverOpts"])?;
        }
        // One that is there is answered as it is: nothing of the request is applied to it.
        let found = self.volumes.iter().find(|v| v["Name"] == name).cloned();
        Ok(Answer::Json(201, found.expect("it was there or just made")))
    }

    /// Makes a volume that is not there.
    pub(crate) fn make_volume(&mut self, name: &str, labels: &Value, options: &Value) -> Result<(), Refusal> {
        let root = self.volume_folder(name);
        if self.disk_full {
            let says = format!(
                "create {name}: error while creating volume root path '{}': mkdir {0}: no space left on device",
                root.parent().unwrap_or(&root).display()
            );
            return Err(Refusal::new(500, says));
        }
        std::fs::create_dir_all(&root).map_err(|bad| Refusal::new(500, format!("create {name}: {bad}")))?;
        let at = self.moment().format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let or_null = |value: &Value| match value.as_object() {
            Some(map) if !map.is_empty() => value.clone(),
            Some(_) | None => Value::Null,
        };
        self.volumes.push(json!({
            "CreatedAt": at, "Driver": "local", "Labels": or_null(labels), "Mountpoint": root,
            "Name": name, "Options": or_null(options), "Scope": "local",
        }));
        self.event("volume", "create", name, json!({"driver": "local"}));
        Ok(())
    }

    pub(crate) fn volume_folder(&self, name: &str) -> PathBuf {
        folder_of(&self.folder, name)
    }

    /// Containers hold their volumes until they are removed, running or not.
    pub(crate) fn remove_volume(&mut self, name: &str) -> Told {
        if !self.volumes.iter().any(|v| v["Name"] == name) {
            return Err(self.no_volume(name));
        }
        let users: Vec<_> = self
            .containers
            .iter()
            .filter(|c| c.volumes().any(|used| used == name))
            .map(|c| c.id.clone())
            .collect();
        if !users.is_empty() {
            return Err(Refusal::new(
                409,
                format!("remove {name}: volume is in use - [{}]", users.join(", ")),
            ));
        }
        self.volumes.retain(|v| v["Name"] != name);
        if let Some(folder) = self.volume_folder(name).parent() {
            drop(std::fs::remove_dir_all(folder));
        }
        self.event("volume", "destroy", name, json!({"driver": "local"}));
        Ok(Answer::Empty(204))
    }
}
