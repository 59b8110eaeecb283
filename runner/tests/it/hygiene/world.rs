//! An instance whose recipe `gitea` has a canonical, on a fake swarm.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{TimeDelta, Utc};
use domain::canonical::{Fingerprint, Planted, VolumePrint};
use domain::{Canonical, Generation, RecipeName, RunId};
use harness::engine::Engine;
use runner::instance::Instance;
use runner::lease::Leases;
use runner::reconcile::{Mode, Order, Outcome, reconcile};
use runner::run::labels;
use runner::store::{JournalEntry, Store, Work};
use serde_json::{Value, json};
use testkit::Fake;

pub(super) fn gitea() -> RecipeName {
    RecipeName::parse("gitea").unwrap()
}

pub(super) fn run(n: u32) -> RunId {
    RunId::parse(&format!("{n:08x}")).unwrap()
}

pub(super) struct World {
    folder: tempfile::TempDir,
    pub(super) instance: Instance,
    pub(super) engine: Engine,
    pub(super) store: Store,
}

impl World {
    /// Makes an instance of its own, with these lines more in its settings.
    pub(super) async fn on(fake: &Fake, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = format!("base_domain = \"ci.test\"\nstate = \"state\"\n{more}\n");
        std::fs::write(folder.path().join("simmer.toml"), settings).unwrap();
        std::fs::create_dir(folder.path().join("recipes")).unwrap();
        let enrolment = "source = \"https://git.invalid/gitea\"\ncanonical = true\n";
        std::fs::write(folder.path().join("recipes/gitea.toml"), enrolment).unwrap();
        let instance = Instance::open(folder.path()).unwrap();
        let engine = Engine::connect(Some(&fake.host())).await.unwrap();
        let store = Store::open(&instance.settings.database).await.unwrap();
        Self { folder, instance, engine, store }
    }

    pub(super) fn path(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(super) fn leases(&self) -> Leases {
        Leases::of(&self.instance.settings.state)
    }

    pub(super) fn id(&self) -> String {
        self.instance.id().unwrap()
    }

    /// Labels of something of the canonical.
    pub(super) fn labels(&self) -> Value {
        json!({ labels::INSTANCE: self.id(), labels::CANONICAL: "gitea" })
    }

    /// The file that keeps the values of the canonical's secrets.
    pub(super) fn kept(&self) -> PathBuf {
        self.folder.path().join("state/canonicals/gitea/secrets.json")
    }

    pub(super) fn keep_secrets(&self) {
        std::fs::create_dir_all(self.kept().parent().unwrap()).unwrap();
        std::fs::write(self.kept(), r#"{"warm-gitea_ci_test_pw_v1":"hunter2"}"#).unwrap();
    }

    pub(super) fn volumes(generation: u32) -> BTreeMap<String, String> {
        let name = "warm-gitea_ci_test_data".to_owned();
        [(name.clone(), Generation(generation).volume(&name))].into()
    }

    /// Promises a generation, and makes its volume.
    pub(super) async fn promise(&self, fake: &Fake, generation: u32) {
        let volumes = Self::volumes(generation);
        let (number, owner) = (Generation(generation), run(generation));
        self.store.promise(&gitea(), number, &owner, "1.0.0+1", &volumes).await.unwrap();
        for volume in volumes.values() {
            fake.put_volume(volume, self.labels(), Some(("file", volume)));
        }
    }

    /// The record of a promotion of so many days ago, which is run `generation`.
    pub(super) fn record(generation: u32, days: i64) -> Canonical {
        let at = Utc::now() - TimeDelta::days(days);
        let planted = (1..=generation).map(|n| Planted {
            release: "1.0.0+1".into(),
            run: run(n),
            at,
            witnesses: BTreeMap::new(),
            data: BTreeMap::new(),
        });
        let print = VolumePrint { files: 1, bytes: 1_000_000, hash: "ab".repeat(32) };
        Canonical {
            recipe: gitea(),
            release: "1.0.0+1".into(),
            commit: "0".repeat(40),
            digests: BTreeMap::new(),
            generation: Generation(generation),
            volumes: Self::volumes(generation),
            run: run(generation),
            cold: run(99),
            born: at,
            at,
            advances: generation - 1,
            planted: planted.collect(),
            fingerprint: Fingerprint {
                volumes: [("warm-gitea_ci_test_data".to_owned(), print)].into(),
                counts: BTreeMap::new(),
            },
        }
    }

    /// Makes a generation and commits it.
    pub(super) async fn commit(&self, fake: &Fake, generation: u32, days: i64) {
        self.promise(fake, generation).await;
        self.store.commit(&Self::record(generation, days)).await.unwrap();
    }

    pub(super) async fn journal(&self, n: u32, kind: Work, step: &str) {
        let entry = JournalEntry {
            recipe: Some(gitea()),
            run: run(n),
            kind,
            step: step.to_owned(),
            since: Utc::now(),
        };
        self.store.journal(&entry).await.unwrap();
    }

    /// Compares and repairs; a line for each difference.
    pub(super) async fn reconcile(&self, mode: Mode) -> Vec<String> {
        let order = Order { only: None, mode, me: None };
        let done = reconcile(&self.engine, &self.store, &self.leases(), &self.instance, &order).await;
        let line = |one: runner::reconcile::Done| {
            let word = match one.outcome {
                Outcome::Found => "found".to_owned(),
                Outcome::Told => "told".to_owned(),
                Outcome::Repaired => "repaired".to_owned(),
                Outcome::Failed { says } => format!("FAILED: {says}"),
            };
            format!("{}: {word}", one.difference.kind)
        };
        done.unwrap().into_iter().map(line).collect()
    }

    pub(super) async fn generations(&self) -> Vec<u32> {
        let all = self.store.generations(&gitea()).await.unwrap();
        all.iter().map(|generation| generation.number.0).collect()
    }
}
