//! An instance with runs that never were: events written as a run writes them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use chrono::{DateTime, TimeDelta, Utc};
use domain::cause::{ProbeStep, Vantage};
use domain::data::{DataState, Datum, Deed, HookMoment, HookRun, Snapshot, Source};
use domain::event::{Context, FORMAT, Finding, Probed, Severity, Subject, Whose};
use domain::load::Load;
use domain::names::{Allotter, Side};
use domain::test::{TestOutcome, Tested};
use domain::verdict::Depth;
use domain::{Cause, Event, RecipeName, RunId, StackName, Tier, Verdict, What};

pub(super) struct Instance {
    folder: tempfile::TempDir,
}

/// What the program said.
pub(super) struct Answer {
    pub(super) exit: i32,
    pub(super) out: String,
    pub(super) err: String,
}

impl Instance {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("simmer.toml"), "base_domain = \"ci.test\"\nstate = \"state\"\n")
            .unwrap();
        std::fs::create_dir(folder.path().join("recipes")).unwrap();
        Self { folder }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn run_folder(&self, id: &str) -> PathBuf {
        self.path().join("state/runs").join(id)
    }

    pub(super) fn simmer(&self, args: &[&str]) -> Answer {
        let output = Command::new(env!("CARGO_BIN_EXE_simmer"))
            .current_dir(self.path())
            .args(args)
            .env_remove("SIMMER_INSTANCE")
            .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Answer { exit: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Asks why and returns the text, with the time and the folder taken out.
    pub(super) fn why(&self, args: &[&str]) -> String {
        let answer = self.simmer(&[&["why"], args].concat());
        assert_eq!(answer.exit, 0, "{}", answer.err);
        let folder = std::fs::canonicalize(self.path()).unwrap();
        let mut text = answer.out;
        for folder in [folder.as_path(), self.path()] {
            text = text.replace(&folder.display().to_string(), "INSTANCE");
        }
        let first = text.lines().next().unwrap().to_owned();
        let words: Vec<&str> = first.split(" · ").collect();
        text.replacen(&first, &[words[0], words[1], "AT", words[words.len() - 1]].join(" · "), 1)
    }
}

/// A run being written. Starts an hour ago; each line comes a second later.
pub(super) struct Script<'a> {
    instance: &'a Instance,
    id: String,
    at: DateTime<Utc>,
    seq: u64,
    text: String,
    nth: usize,
    side: Side,
}

impl<'a> Script<'a> {
    /// Begins a run `hours` ago; with a base there is an upgrade.
    pub(super) fn begin(
        instance: &'a Instance,
        id: [u8; 4],
        recipe: &str,
        at: &str,
        base: Option<&str>,
        hours: i64,
    ) -> Self {
        let mut script = Self {
            instance,
            id: RunId::from_random(id).to_string(),
            at: Utc::now() - TimeDelta::hours(hours),
            seq: 0,
            text: String::new(),
            nth: 0,
            side: Side::A,
        };
        script.tell(What::RunStarted {
            subject: Subject {
                recipe: RecipeName::parse(recipe).unwrap(),
                at: at.into(),
                commit: "434e2ad2562792e6c29254876ad912fdf1bc3a1f".into(),
                released: true,
            },
            bases: base.iter().map(|b| (*b).to_owned()).collect(),
            context: Context::Hand,
            harness: "0.1.0".into(),
            engine: "Docker 20.10.24".into(),
        });
        script
    }

    pub(super) fn tell(&mut self, what: What) -> &mut Self {
        self.seq += 1;
        self.at += TimeDelta::seconds(1);
        let event =
            Event { v: FORMAT, seq: self.seq, at: self.at, run: RunId::parse(&self.id).unwrap(), what };
        self.text += &serde_json::to_string(&event).unwrap();
        self.text.push('\n');
        self
    }

    pub(super) fn side(&mut self, side: Side, tier: Tier) -> &mut Self {
        self.side = side;
        let run = RunId::parse(&self.id).unwrap();
        let domain = Allotter::new("ci.test").unwrap().run(&run, side, 0);
        let stack = StackName::of_domain(&domain);
        self.tell(What::SideStarted { side, nth: 0, tier, stack, domain })
    }

    /// A stage of a tier that went well, or did not.
    pub(super) fn stage(&mut self, tier: Tier, stage: &str, millis: u64, ok: bool) -> &mut Self {
        self.stage_under(None, tier, stage, millis, ok)
    }

    /// The same, with what else the node had to do.
    pub(super) fn stage_under(
        &mut self,
        load: Option<&Load>,
        tier: Tier,
        stage: &str,
        millis: u64,
        ok: bool,
    ) -> &mut Self {
        let mut facts = BTreeMap::from([("tier".to_owned(), tier.name().to_owned())]);
        facts.extend(load.into_iter().flat_map(Load::facts));
        let (side, nth) = (self.side, self.nth);
        self.tell(What::StageStarted { side, nth, stage: stage.into() });
        self.tell(What::StageEnded {
            side,
            nth,
            stage: stage.into(),
            millis,
            whose: Whose::App,
            ok,
            detail: String::new(),
            facts,
        })
    }

    pub(super) fn images(&mut self, release: &str, images: &[(&str, &str)]) -> &mut Self {
        let images = images.iter().map(|(s, i)| ((*s).to_owned(), (*i).to_owned())).collect();
        let (side, nth) = (self.side, self.nth);
        self.tell(What::ImagesResolved { side, nth, release: release.into(), images })
    }

    pub(super) fn probe(
        &mut self,
        from: Vantage,
        url: &str,
        step: ProbeStep,
        ok: bool,
        says: &str,
    ) -> &mut Self {
        let probed = Probed { from, url: url.into(), step, ok, says: says.into(), tries: 3, millis: 4200 };
        let (side, nth) = (self.side, self.nth);
        self.tell(What::ProbeEnded { side, nth, probed })
    }

    pub(super) fn test(
        &mut self,
        tier: Tier,
        source: Source,
        kind: &str,
        name: &str,
        outcome: TestOutcome,
    ) -> &mut Self {
        let tested = Tested {
            name: name.into(),
            tier,
            source,
            kind: kind.into(),
            outcome,
            millis: 120,
            cases: vec![],
            file: None,
        };
        let (side, nth) = (self.side, self.nth);
        self.tell(What::TestEnded { side, nth, tested })
    }

    pub(super) fn datum(&mut self, name: &str, deed: Deed, stage: &str, ok: bool, says: &str) -> &mut Self {
        let datum = Datum {
            name: name.into(),
            source: Source::Overlay,
            deed,
            stage: stage.into(),
            ok,
            says: says.into(),
            millis: 80,
        };
        let (side, nth) = (self.side, self.nth);
        self.tell(What::DataTold { side, nth, datum })
    }

    pub(super) fn hook(&mut self, moment: HookMoment, command: &str, exit_code: i64) -> &mut Self {
        let hook = HookRun {
            service: "db".into(),
            moment,
            command: command.into(),
            exit_code: Some(exit_code),
            millis: 300,
            tries: 1,
            file: None,
        };
        let (side, nth) = (self.side, self.nth);
        self.tell(What::HookEnded { side, nth, hook })
    }

    pub(super) fn snapshots(&mut self, restored: bool) -> &mut Self {
        let snapshot = Snapshot {
            id: "ab".repeat(32),
            repository: "backups".into(),
            paths: vec!["pgdata".into()],
            files: 921,
            bytes: 41_000_000,
            added: 41_000_000,
            millis: 900,
        };
        let (side, nth) = (self.side, self.nth);
        if restored {
            self.tell(What::SnapshotRestored { side, nth, snapshot })
        } else {
            self.tell(What::SnapshotMade { side, nth, snapshot })
        }
    }

    pub(super) fn found(&mut self, rule: &str, severity: Severity, line: u32, says: &str) -> &mut Self {
        let finding = Finding {
            rule: rule.into(),
            severity,
            file: "compose.yml".into(),
            line,
            says: says.into(),
            remedy: "do as the rule says".into(),
        };
        self.tell(What::LintFound { findings: vec![finding] })
    }

    /// Keeps a log of a service.
    pub(super) fn log(&mut self, service: &str, text: &str) -> &mut Self {
        let file = format!("logs/{}{}-{service}.log", self.side, self.nth);
        let path = self.instance.run_folder(&self.id).join(&file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        let lines = text.lines().count() as u64;
        let (side, nth) = (self.side, self.nth);
        self.tell(What::LogKept { side, nth, service: service.into(), file, lines, cut: false })
    }

    pub(super) fn cleared(&mut self) -> &mut Self {
        let (side, nth) = (self.side, self.nth);
        self.tell(What::SideCleared { side, nth, millis: 500, left: vec![] })
    }

    pub(super) fn passed(&mut self, tier: Tier) -> &mut Self {
        self.tell(What::TierJudged {
            tier,
            base: None,
            judged: Verdict::Passed { depth: Depth::Asserted },
            data: None,
        })
    }

    pub(super) fn broke(
        &mut self,
        tier: Tier,
        base: Option<&str>,
        why: Cause,
        data: Option<DataState>,
    ) -> &mut Self {
        self.tell(What::TierJudged { tier, base: base.map(str::to_owned), judged: Verdict::of(why), data })
    }

    /// A side that installed well.
    pub(super) fn installed(&mut self) -> &mut Self {
        self.passed(Tier::Lint)
            .side(Side::A, Tier::Install)
            .stage(Tier::Install, "pull", 20, true)
            .stage(Tier::Install, "settle", 3000, true)
            .cleared()
            .passed(Tier::Install)
    }

    /// Writes the log as it stands, without an end.
    pub(super) fn cut(&self) -> String {
        let folder = self.instance.run_folder(&self.id);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("events.jsonl"), &self.text).unwrap();
        self.id.clone()
    }

    /// Ends the run and writes its log; returns its id.
    pub(super) fn end(&mut self) -> String {
        self.tell(What::RunEnded { level: 0, verdicts: [].into(), millis: 60_000, left: vec![] });
        self.cut()
    }
}
