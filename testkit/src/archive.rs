//! Files in and out of containers as tar archives (`docker cp`): the same folders that their volumes are.

use std::path::Path;

use base64::Engine as _;
use serde_json::json;

use crate::route::{Answer, Refusal, Told};
use crate::state::State;

impl State {
    pub(crate) fn get_archive(&mut self, container: &str, path: &str) -> Told {
        let nth = self.find_container(container)?;
        let container = &self.containers[nth];
        let place = container.disk.place(path);
        let missing =
            || Refusal::new(404, format!("Could not find the file {path} in container {}", container.id));
        let about = std::fs::symlink_metadata(&place).map_err(|_| missing())?;
        let name =
            Path::new(path).file_name().map_or_else(|| "/".into(), |n| n.to_string_lossy().into_owned());
        let mut archive = tar::Builder::new(Vec::new());
        archive.follow_symlinks(false);
        let packed = if about.is_dir() {
            archive.append_dir_all(&name, &place)
        } else {
            archive.append_path_with_name(&place, &name)
        };
        let bytes =
            packed.and_then(|()| archive.into_inner()).map_err(|bad| Refusal::new(500, bad.to_string()))?;
        let stat = json!({
            "name": name, "size": about.len(), "mode": 420, "mtime": "2026-01-01T00:00:00Z", "linkTarget": "",
        });
        let stat = base64::engine::general_purpose::STANDARD.encode(stat.to_string());
        Ok(Answer::Bytes { bytes, kind: "application/x-tar", stat: Some(stat) })
    }

    pub(crate) fn put_archive(&mut self, container: &str, path: &str, bytes: &[u8]) -> Told {
        let nth = self.find_container(container)?;
        let container = &self.containers[nth];
        let place = container.disk.place(path);
        if !place.is_dir() {
            return Err(Refusal::new(
                404,
                format!("Could not find the file {path} in container {}", container.id),
            ));
        }
        let mut archive = tar::Archive::new(bytes);
        archive.unpack(&place).map_err(|bad| Refusal::new(400, bad.to_string()))?;
        Ok(Answer::Empty(200))
    }
}
