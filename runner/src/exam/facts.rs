//! What a test program is told: in its environment, and all of it as a JSON file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use harness::probe::Trust;

use super::door::ServiceSeen;
use super::scene::{Marker, Scene};

/// Version of the JSON file; changed when a field goes or changes its meaning.
const VERSION: u32 = 1;

/// Names in a program's folder.
pub(super) const SECRETS: &str = "secrets.json";
pub(super) const FACTS: &str = "facts.json";
pub(super) const HOME: &str = "work";
pub(super) const TMP: &str = "tmp";

/// A program's own folder, with what it is handed. Removed when dropped, whatever happened.
#[derive(Debug)]
pub(super) struct WorkFolder {
    pub(super) path: PathBuf,
    /// Where it starts and what it may fill; empty at first.
    pub(super) home: PathBuf,
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::warn!(folder = %self.path.display(), %error, "a test's work folder stays");
        }
    }
}

impl WorkFolder {
    /// Makes a new folder for the user alone: the secrets lie in it.
    pub(super) fn create(scratch: &Path, slug: &str) -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        std::fs::create_dir_all(scratch)?;
        let nth = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::path::absolute(scratch)?.join(format!("{slug}-{}-{nth}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&path)?;
        let folder = Self { home: path.join(HOME), path };
        DirBuilder::new().mode(0o700).create(&folder.home)?;
        DirBuilder::new().mode(0o700).create(folder.path.join(TMP))?;
        Ok(folder)
    }

    /// Writes a file that only we may read.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
        let path = self.path.join(name);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(bytes)?;
        Ok(path)
    }
}

/// Where a program finds and leaves things.
#[derive(Debug)]
pub(super) struct Handed {
    pub(super) env: BTreeMap<String, OsString>,
    /// Where it may write a JUnit report.
    pub(super) junit: PathBuf,
}

#[derive(serde::Serialize)]
struct Facts<'a> {
    version: u32,
    url: String,
    domain: &'a str,
    edge: String,
    ca_file: Option<&'a Path>,
    proxy: &'a str,
    stack: &'a str,
    primary_service: &'a str,
    services: &'a [ServiceSeen],
    recipe: &'a str,
    release: &'a str,
    commit: &'a str,
    base: Option<&'a str>,
    run: &'a str,
    tier: String,
    marker: &'a str,
    secrets_file: &'a Path,
    docker_host: &'a str,
    work: &'a Path,
    junit: &'a Path,
    overlay: &'a Path,
}

/// Writes the files that a program gets, and returns its whole environment.
pub(super) fn hand_over(
    scene: &Scene,
    work: &WorkFolder,
    root: &Path,
    marker: &Marker,
    services: &[ServiceSeen],
    proxy: &str,
) -> io::Result<Handed> {
    let ca = match &scene.trust {
        Trust::Ca(pem) => Some(work.write("ca.pem", pem)?),
        Trust::System | Trust::Unchecked => None,
    };
    let secrets = serde_json::to_vec_pretty(&scene.secrets).expect("text is always JSON");
    let secrets_file = work.write(SECRETS, &secrets)?;
    let junit = work.home.join("junit.xml");
    let facts = Facts {
        version: VERSION,
        url: scene.url(),
        domain: scene.domain.as_str(),
        edge: scene.edge.to_string(),
        ca_file: ca.as_deref(),
        proxy,
        stack: scene.stack.as_str(),
        primary_service: &scene.primary_service,
        services,
        recipe: scene.recipe.as_str(),
        release: &scene.subject.name,
        commit: &scene.subject.commit,
        base: scene.base.as_deref(),
        run: scene.run.as_str(),
        tier: scene.tier.to_string(),
        marker: marker.as_str(),
        secrets_file: &secrets_file,
        docker_host: &scene.docker_host,
        work: &work.home,
        junit: &junit,
        overlay: root,
    };
    let text = serde_json::to_vec_pretty(&facts).expect("names and text are always JSON");
    let facts_file = work.write(FACTS, &text)?;
    let mut env: BTreeMap<String, OsString> = BTreeMap::new();
    let mut put = |name: &str, value: OsString| {
        env.insert(name.to_owned(), value);
    };
    for (name, value) in [
        ("SIMMER_URL", facts.url.as_str()),
        ("SIMMER_DOMAIN", facts.domain),
        ("SIMMER_EDGE", &facts.edge),
        ("SIMMER_PROXY", proxy),
        ("SIMMER_STACK", facts.stack),
        ("SIMMER_SERVICE", facts.primary_service),
        ("SIMMER_RECIPE", facts.recipe),
        ("SIMMER_RELEASE", facts.release),
        ("SIMMER_COMMIT", facts.commit),
        ("SIMMER_BASE", facts.base.unwrap_or_default()),
        ("SIMMER_RUN", facts.run),
        ("SIMMER_TIER", &facts.tier),
        ("SIMMER_MARKER", facts.marker),
        ("DOCKER_HOST", facts.docker_host),
        // Clients find the way to the edge by it; nothing else passes there.
        ("https_proxy", proxy),
        ("HTTPS_PROXY", proxy),
        // Node asks the variable above only when told to.
        ("NODE_USE_ENV_PROXY", "1"),
        ("PATH", &scene.path),
        ("LANG", "C.UTF-8"),
        // The overlay's folder is somebody's work tree.
        ("PYTHONDONTWRITEBYTECODE", "1"),
        // What is written comes in order, and is not lost when a deadline ends it.
        ("PYTHONUNBUFFERED", "1"),
    ] {
        put(name, value.into());
    }
    for (name, path) in [
        ("HOME", work.home.as_path()),
        ("TMPDIR", &work.path.join(TMP)),
        ("SIMMER_WORK", &work.home),
        ("SIMMER_OVERLAY", root),
        ("SIMMER_FACTS", &facts_file),
        ("SIMMER_SECRETS_FILE", &secrets_file),
        ("SIMMER_JUNIT", &junit),
    ] {
        put(name, path.into());
    }
    if let Some(ca) = &ca {
        for name in [
            "SIMMER_CA_FILE",
            "SSL_CERT_FILE",
            "CURL_CA_BUNDLE",
            "REQUESTS_CA_BUNDLE",
            "NODE_EXTRA_CA_CERTS",
            "GIT_SSL_CAINFO",
        ] {
            put(name, ca.into());
        }
    }
    Ok(Handed { env, junit })
}
