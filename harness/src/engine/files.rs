//! Single files in and out of a container, volumes included, by the engine's archive calls (`docker cp`).

use std::io::Read;
use std::time::Duration;

use bollard::query_parameters::{DownloadFromContainerOptions, UploadToContainerOptions};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::{Engine, EngineError};

/// Longest time for one file: they are witnesses and markers, not data.
const FILE_LIMIT: Duration = Duration::from_secs(60);
/// A tar header, padding and end beside the file itself.
const TAR_FRAME: usize = 16 << 10;

impl Engine {
    /// Writes a file at an absolute path in a container, replacing one that is there. Its folder has to exist.
    /// `mode` is as `chmod` takes it; the owner is root.
    pub async fn put_file(
        &self,
        container_id: &str,
        path: &str,
        bytes: &[u8],
        mode: u32,
    ) -> Result<(), EngineError> {
        let doing = format!("writing `{path}` in a container");
        let garbled = |says: String| EngineError::Garbled { doing: doing.clone(), says };
        let (folder, name) = split(path).ok_or_else(|| garbled("the path is not absolute".into()))?;
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        let mut archive = tar::Builder::new(Vec::new());
        archive.append_data(&mut header, name, bytes).map_err(|e| garbled(e.to_string()))?;
        let archive = archive.into_inner().map_err(|e| garbled(e.to_string()))?;
        let options =
            UploadToContainerOptions { path: folder.to_owned(), ..UploadToContainerOptions::default() };
        let body = bollard::body_full(archive.into());
        let upload = self.docker().upload_to_container(container_id, Some(options), body);
        match timeout(FILE_LIMIT, upload).await {
            Ok(done) => done.map_err(self.wrong(&doing)),
            Err(_) => Err(EngineError::Deadline { doing, limit: FILE_LIMIT }),
        }
    }

    /// Reads a file at an absolute path in a container; `None` when it is not there. One larger than `limit` bytes
    /// is an error, and so is anything that is not a plain file: a link could lead anywhere.
    pub async fn get_file(
        &self,
        container_id: &str,
        path: &str,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, EngineError> {
        let doing = format!("reading `{path}` from a container");
        let garbled = |says: String| EngineError::Garbled { doing: doing.clone(), says };
        let options = DownloadFromContainerOptions { path: path.to_owned() };
        let read = async {
            let mut archive = Vec::new();
            let mut parts = self.docker().download_from_container(container_id, Some(options));
            while let Some(part) = parts.next().await {
                let part = match part.map_err(self.wrong(&doing)) {
                    Ok(part) => part,
                    Err(error) if error.is_absent() && !is_container_missing(&error) => return Ok(None),
                    Err(error) => return Err(error),
                };
                archive.extend_from_slice(&part);
                if archive.len() > limit.saturating_add(TAR_FRAME) {
                    return Err(garbled(format!("it is larger than {limit} bytes")));
                }
            }
            Ok(Some(archive))
        };
        let archive = match timeout(FILE_LIMIT, read).await {
            Ok(read) => read?,
            Err(_) => return Err(EngineError::Deadline { doing, limit: FILE_LIMIT }),
        };
        archive.map(|archive| only_file(&archive, limit).map_err(garbled)).transpose()
    }
}

/// Both are a 404: only the words differ.
fn is_container_missing(error: &EngineError) -> bool {
    matches!(error, EngineError::Refused { says, .. } if says.contains("No such container"))
}

fn split(path: &str) -> Option<(&str, &str)> {
    let (folder, name) = path.rsplit_once('/')?;
    let folder = if folder.is_empty() { "/" } else { folder };
    (folder.starts_with('/') && !name.is_empty()).then_some((folder, name))
}

fn only_file(archive: &[u8], limit: usize) -> Result<Vec<u8>, String> {
    let mut archive = tar::Archive::new(archive);
    let entry = archive.entries().map_err(|e| e.to_string())?.next().ok_or("the archive is empty")?;
    let entry = entry.map_err(|e| e.to_string())?;
    if entry.header().entry_type() != tar::EntryType::Regular {
        return Err("it is not a plain file".into());
    }
    let mut bytes = Vec::new();
    entry.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() > limit {
        return Err(format!("it is larger than {limit} bytes"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(kind: tar::EntryType, bytes: &[u8]) -> Vec<u8> {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(bytes.len() as u64);
        let mut archive = tar::Builder::new(Vec::new());
        archive.append_data(&mut header, "f", bytes).unwrap();
        archive.into_inner().unwrap()
    }

    #[test]
    fn only_a_plain_file_within_the_limit_is_read() {
        let file = archive(tar::EntryType::Regular, b"hello");
        assert_eq!(only_file(&file, 5).unwrap(), b"hello");
        assert_eq!(only_file(&file, 4).unwrap_err(), "it is larger than 4 bytes");
        assert_eq!(
            only_file(&archive(tar::EntryType::Symlink, b""), 9).unwrap_err(),
            "it is not a plain file"
        );
        assert!(only_file(b"", 9).is_err());
    }

    #[test]
    fn a_path_is_split_into_folder_and_name() {
        assert_eq!(split("/data/.simmer/w"), Some(("/data/.simmer", "w")));
        assert_eq!(split("/w"), Some(("/", "w")));
        assert_eq!(split("data/w"), None);
        assert_eq!(split("/data/"), None);
    }
}
