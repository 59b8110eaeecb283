//! Secrets of a canonical: made once, kept beside its generations, used again for every release (CC-116).

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use domain::RecipeName;

/// The values could not be read or kept.
#[derive(Debug, thiserror::Error)]
#[error("the canonical's secrets in `{}` cannot be used", path.display())]
pub(crate) struct SecretsError {
    path: PathBuf,
    source: std::io::Error,
}

/// Returns where the values are kept.
pub(super) fn path(state: &Path, recipe: &RecipeName) -> PathBuf {
    state.join("canonicals").join(recipe.as_str()).join("secrets.json")
}

/// Reads the values, by the secrets' names in the swarm. None are kept where the canonical is not born yet.
pub(super) fn read(state: &Path, recipe: &RecipeName) -> Result<BTreeMap<String, String>, SecretsError> {
    let path = path(state, recipe);
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(source) => return Err(SecretsError { path, source }),
    };
    // The text is secret: an error of the parser must not quote it.
    serde_json::from_slice(&text).map_err(|_| {
        let source = std::io::Error::new(ErrorKind::InvalidData, "it is not what Simmer wrote there");
        SecretsError { path, source }
    })
}

/// Keeps the values, before any secret of them exists in the swarm: the engine never shows them again. Whole or not at
/// all, and readable by nobody else.
pub(super) fn keep(
    state: &Path,
    recipe: &RecipeName,
    values: &BTreeMap<String, String>,
) -> Result<(), SecretsError> {
    let path = path(state, recipe);
    let kept = (|| {
        let folder = path.parent().expect("the path has a folder");
        std::fs::create_dir_all(folder)?;
        let new = path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(serde_json::to_string(values).expect("a map of texts").as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, &path)?;
        File::open(folder)?.sync_all()
    })();
    kept.map_err(|source| SecretsError { path, source })
}

/// Returns whether any values are kept.
pub(crate) fn are_kept(state: &Path, recipe: &RecipeName) -> bool {
    path(state, recipe).exists()
}

/// Forgets the values: the canonical was never born, or is no more.
pub(crate) fn forget(state: &Path, recipe: &RecipeName) -> Result<(), SecretsError> {
    let path = path(state, recipe);
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(SecretsError { path, source }),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn cc_116_what_is_kept_is_read_back_and_readable_by_nobody_else() {
        let state = tempfile::tempdir().unwrap();
        let recipe = RecipeName::parse("gitea").unwrap();
        assert!(read(state.path(), &recipe).unwrap().is_empty());
        let values = BTreeMap::from([("warm-gitea_pw_v1".to_owned(), "hunter2".to_owned())]);
        keep(state.path(), &recipe, &values).unwrap();
        assert_eq!(read(state.path(), &recipe).unwrap(), values);
        let mode = std::fs::metadata(path(state.path(), &recipe)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        forget(state.path(), &recipe).unwrap();
        assert!(read(state.path(), &recipe).unwrap().is_empty());
    }

    #[test]
    fn a_spoilt_file_is_an_error_that_shows_nothing_of_it() {
        let state = tempfile::tempdir().unwrap();
        let recipe = RecipeName::parse("gitea").unwrap();
        keep(state.path(), &recipe, &BTreeMap::new()).unwrap();
        std::fs::write(path(state.path(), &recipe), "{\"pw\": \"hunter2\"").unwrap();
        let error = read(state.path(), &recipe).unwrap_err();
        let told = format!("{error} {}", error.source);
        assert!(told.contains("not what Simmer wrote") && !told.contains("hunter2"), "{told}");
    }
}
