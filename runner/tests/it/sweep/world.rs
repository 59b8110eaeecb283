//! An instance with recipes in local repositories, and work that does what it is told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::Utc;
use domain::canonical::Generation;
use domain::sweep::{Asked, Cold, ColdVerdict, PromotionEnd, Ran, Told};
use domain::verdict::Depth;
use domain::{Cause, RecipeName, RunId, Tier};
use runner::cancel::{Cancel, by_hand};
use runner::instance::Instance;
use runner::sweep::{ColdEnd, Manner, Resume, SweepOutcome, Work, carry_out, look_ahead, take_lease};
use tokio::sync::{Barrier, Notify, watch};

pub(super) struct World {
    folder: tempfile::TempDir,
}

impl World {
    /// Makes an instance with recipes that have one release each, `1.0.0+1`.
    pub(super) fn of(recipes: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("simmer.toml"), "base_domain = \"ci.test\"\nstate = \"state\"\n")
            .unwrap();
        std::fs::create_dir(folder.path().join("recipes")).unwrap();
        let world = Self { folder };
        for recipe in recipes {
            let repository = world.repository(recipe);
            std::fs::create_dir_all(&repository).unwrap();
            git(&repository, &["init", "-q"]);
            world.release(recipe, "1.0.0+1");
            world.enrol(recipe, "");
        }
        world
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn repository(&self, recipe: &str) -> PathBuf {
        self.path().join("repositories").join(recipe)
    }

    /// Enrols a recipe, with more lines in its file.
    pub(super) fn enrol(&self, recipe: &str, more: &str) {
        let source = self.repository(recipe);
        let text = format!("source = {:?}\n{more}", source.display().to_string());
        std::fs::write(self.path().join(format!("recipes/{recipe}.toml")), text).unwrap();
    }

    pub(super) fn release(&self, recipe: &str, tag: &str) {
        let repository = self.repository(recipe);
        git(&repository, &["commit", "-q", "--allow-empty", "-m", tag]);
        git(&repository, &["tag", "-a", tag, "-m", tag]);
    }

    /// Takes a recipe's repository away.
    pub(super) fn lose(&self, recipe: &str) {
        std::fs::remove_dir_all(self.repository(recipe)).unwrap();
    }

    pub(super) fn instance(&self) -> Instance {
        Instance::open(self.path()).unwrap()
    }

    pub(super) async fn sweep(&self, work: &Script) -> SweepOutcome {
        self.sweep_as(work, &work.manner()).await
    }

    pub(super) async fn sweep_as(&self, work: &Script, manner: &Manner) -> SweepOutcome {
        let instance = self.instance();
        let _lease = take_lease(&instance.settings.state).unwrap();
        let prospect = look_ahead(&instance, manner, Vec::new(), Utc::now()).await.unwrap();
        carry_out(&instance, prospect, manner, work, &|_| {}).await.unwrap()
    }

    /// Begins a sweep, and drops it where it stands once the script has come to the place where it hangs. What is on
    /// the disk then is what a killed process leaves: every line is on it before the next step is taken.
    pub(super) async fn kill_sweep(&self, work: &Script) {
        tokio::select! {
            outcome = self.sweep(work) => panic!("it came to an end: {}", outcome.view.headline()),
            () = work.hangs.notified() => {}
        }
    }

    pub(super) fn sweeps(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.path().join("state/sweeps")) else { return Vec::new() };
        let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        folders.sort();
        folders
    }
}

fn git(folder: &Path, args: &[&str]) {
    let done = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=t", "-c", "user.email=t@ci.test", "-c", "init.defaultBranch=main"])
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Work that goes by a script: what is not named comes out green.
pub(super) struct Script {
    /// `red`, `unjudged`, `left`, or for a promotion `lost` and `refused`.
    ends: BTreeMap<String, &'static str>,
    /// Hangs for ever in this place: `judge gitea` or `promote gitea`.
    hangs_at: Option<&'static str>,
    hangs: Notify,
    /// Asks to stop while this recipe is judged.
    stops_at: Option<&'static str>,
    ask: watch::Sender<bool>,
    cancel: Cancel,
    /// Runs wait for each other here.
    meets: Option<Barrier>,
    at_work: AtomicUsize,
    pub(super) most: AtomicUsize,
    pub(super) force: bool,
    done: Mutex<Vec<String>>,
}

impl Script {
    pub(super) fn new(ends: &[(&str, &'static str)]) -> Self {
        let (ask, cancel) = by_hand();
        Self {
            ends: ends.iter().map(|(recipe, end)| ((*recipe).to_owned(), *end)).collect(),
            hangs_at: None,
            hangs: Notify::new(),
            stops_at: None,
            ask,
            cancel,
            meets: None,
            at_work: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            force: false,
            done: Mutex::new(Vec::new()),
        }
    }

    pub(super) fn hanging_at(mut self, place: &'static str) -> Self {
        self.hangs_at = Some(place);
        self
    }

    pub(super) fn stopping_at(mut self, recipe: &'static str) -> Self {
        self.stops_at = Some(recipe);
        self
    }

    pub(super) fn meeting(mut self, runs: usize) -> Self {
        self.meets = Some(Barrier::new(runs));
        self
    }

    pub(super) fn manner(&self) -> Manner {
        Manner {
            asked: Asked { minimum: 1, force: self.force, ..Asked::default() },
            resume: Resume::Automatic,
            jobs: 1,
            cancel: self.cancel.clone(),
        }
    }

    /// Returns what was done, in order, such as `judge gitea 1.0.0+1`.
    pub(super) fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }

    async fn comes_to(&self, place: &str) {
        if self.hangs_at == Some(place) {
            self.hangs.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

impl Work for Script {
    async fn judge(&self, recipe: &RecipeName, release: &str) -> ColdEnd {
        self.most.fetch_max(self.at_work.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        self.comes_to(&format!("judge {recipe}")).await;
        if let Some(barrier) = &self.meets {
            barrier.wait().await;
        }
        self.done.lock().unwrap().push(format!("judge {recipe} {release}"));
        let told = |cause: &Cause| Told::of(Some(Tier::Install), cause);
        let stopped = self.stops_at == Some(recipe.as_str());
        if stopped {
            self.ask.send_replace(true);
        }
        let verdict = match self.ends.get(recipe.as_str()) {
            _ if stopped => ColdVerdict::NotJudged { why: told(&Cause::Interrupted) },
            Some(&"red") => ColdVerdict::Red { why: told(&Cause::BadRecipe { says: "no `app`".into() }) },
            Some(&"unjudged") => {
                ColdVerdict::NotJudged { why: told(&Cause::Engine { says: "it did not answer".into() }) }
            }
            _ => ColdVerdict::Green { depth: Depth::Asserted },
        };
        let left = match self.ends.get(recipe.as_str()) {
            Some(&"left") => vec!["volume run-00c0ffeea_data".to_owned()],
            _ => Vec::new(),
        };
        self.at_work.fetch_sub(1, Ordering::SeqCst);
        let run = Some(RunId::parse("00c0ffee").unwrap());
        ColdEnd { cold: Cold { run, level: 5, verdict, left }, commit: None }
    }

    async fn promote(&self, recipe: &RecipeName, cold: &Ran) -> PromotionEnd {
        self.comes_to(&format!("promote {recipe}")).await;
        self.done.lock().unwrap().push(format!("promote {recipe} {}", cold.release));
        let run = Some(RunId::parse("00facade").unwrap());
        match self.ends.get(recipe.as_str()) {
            Some(&"lost") => {
                let cause = Cause::DataLost { volume: "data".into(), says: "it is gone".into() };
                PromotionEnd::Failed { run, why: Told::of(Some(Tier::Advance), &cause), left: Vec::new() }
            }
            Some(&"refused") => PromotionEnd::Refused { why: "the canonical is open".into() },
            _ => PromotionEnd::Promoted { run, generation: Generation(1), level: 6, left: Vec::new() },
        }
    }
}
