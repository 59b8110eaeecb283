//! A recipe in a repository, an instance and a fake swarm: enough for the program to promote it.

use std::path::{Path, PathBuf};
use std::process::Command;

use domain::event::Context;
use domain::verdict::Depth;
use domain::{RecipeName, RunId, Tier, Verdict};
use runner::store::{RunRecord, Store};
use testkit::{App, Fake, Life};

/// An instance with one recipe.
pub(super) struct Carried {
    folder: tempfile::TempDir,
    pub(super) recipe: String,
    pub(super) fake: Fake,
}

/// What a command came to.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) exit: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Carried {
    /// Makes an instance with these lines more in its settings, and a recipe without releases.
    pub(super) fn new(recipe: &str, settings: &str) -> Self {
        let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::start());
        fake.network("proxy").app("example/app:1", App::new(Life::steady()));
        let world = Self { folder, recipe: recipe.to_owned(), fake };
        std::fs::create_dir_all(world.repository()).unwrap();
        world.git(&["init", "-q"]);
        let base = "base_domain = \"ci.test\"\nstate = \"state\"\n";
        world.write("simmer.toml", &format!("{base}{settings}\n[limits]\ndisk_free_gib = 0\n"));
        world.write(&format!("recipes/{recipe}.toml"), "source = \"repository\"\ncanonical = true\n");
        world
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn repository(&self) -> PathBuf {
        self.path().join("repository")
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn git(&self, args: &[&str]) -> String {
        let done = Command::new("git")
            .current_dir(self.repository())
            .args(["-c", "user.name=t", "-c", "user.email=t@ci.test", "-c", "init.defaultBranch=main"])
            .args(args)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    /// Releases these compose files, and tells the registry that a cold run of that was green.
    pub(super) async fn release(&self, tag: &str, compose: &str, store: &Store) {
        self.write("repository/compose.yml", &compose.replace("RELEASE", tag));
        self.write("repository/.env.sample", "TYPE=app\n");
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", tag]);
        self.git(&["tag", "-a", tag, "-m", tag]);
        let now = chrono::Utc::now();
        let commit = self.git(&["rev-parse", "HEAD"]);
        let green = RunRecord {
            id: RunId::parse(&commit[..8]).unwrap(),
            recipe: RecipeName::parse(&self.recipe).unwrap(),
            release: tag.to_owned(),
            commit,
            context: Context::Hand,
            started: now,
            ended: now,
            level: 5,
            verdicts: [(Tier::Install, Verdict::Passed { depth: Depth::Asserted })].into(),
            digests: Default::default(),
            harness: "0.1.0".into(),
            is_green: true,
        };
        store.run_ended(&green).await.unwrap();
    }

    pub(super) fn simmer(&self, args: &[&str]) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_simmer"))
            .current_dir(self.path())
            .args(args)
            .env_remove("SIMMER_INSTANCE")
            .env("DOCKER_HOST", self.fake.host())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { exit: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    pub(super) fn promote(&self) -> Ran {
        self.simmer(&["promote", &self.recipe, "--quiet"])
    }

    /// Names of the volumes in the fake.
    pub(super) fn volumes(&self) -> Vec<String> {
        let all = self.fake.objects();
        all.iter().filter_map(|object| object.strip_prefix("volume ")).map(str::to_owned).collect()
    }
}
