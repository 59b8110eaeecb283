//! Runs made up of events, told as a script: one for each state that a report has to show well.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::canonical::{Fingerprint, Generation, VolumePrint};
use domain::cause::{ProbeStep, Vantage};
use domain::data::{Counts, DataState, Datum, Deed, HookMoment, HookRun, Snapshot, Source};
use domain::event::{Context, Deviation, FORMAT, Finding, Probed, Severity, Stood, Subject, Whose};
use domain::names::{Allotter, Side};
use domain::test::{TestCase, TestOutcome, Tested};
use domain::verdict::{Depth, Skip};
use domain::{Cause, Event, RecipeName, RunId, StackName, Tier, Verdict, What};
use reports::Logs;

/// A made-up run: its events, and the texts of the logs that it kept.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) events: Vec<Event>,
    pub(crate) logs: Logs,
}

impl Sample {
    /// The log as a file would hold it.
    pub(crate) fn text(&self) -> String {
        self.events.iter().map(|e| serde_json::to_string(e).unwrap() + "\n").collect()
    }
}

/// Writes events down one after the other, on a clock of its own.
pub(crate) struct Script {
    run: RunId,
    now: DateTime<Utc>,
    start: DateTime<Utc>,
    bases: Vec<String>,
    at: String,
    sample: Sample,
}

pub(crate) fn passed() -> Verdict {
    Verdict::Passed { depth: Depth::Asserted }
}

pub(crate) fn skipped(why: Skip) -> Verdict {
    Verdict::Skipped { why }
}

impl Script {
    pub(crate) fn new(name: &'static str, recipe: &str, at: &str, bases: &[&str]) -> Self {
        let mut run: u32 = 0x811c_9dc5;
        for byte in name.bytes() {
            run = (run ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
        let start: DateTime<Utc> = "2026-11-21T03:04:05Z".parse().unwrap();
        let mut script = Self {
            run: RunId::from_random(run.to_be_bytes()),
            now: start,
            start,
            bases: bases.iter().map(|b| (*b).to_owned()).collect(),
            at: at.to_owned(),
            sample: Sample { name, events: Vec::new(), logs: Logs::new() },
        };
        script.tell(What::RunStarted {
            subject: Subject {
                recipe: RecipeName::parse(recipe).unwrap(),
                at: at.to_owned(),
                commit: "9f1c2ab4d5e6f708192a3b4c5d6e7f8091a2b3c4".to_owned(),
                released: at.contains('+'),
            },
            bases: bases.iter().map(|b| (*b).to_owned()).collect(),
            context: Context::Sweep,
            harness: "0.1.0".to_owned(),
            engine: "20.10.24".to_owned(),
        });
        script
    }

    pub(crate) fn tell(&mut self, what: What) -> &mut Self {
        let seq = u64::try_from(self.sample.events.len()).unwrap() + 1;
        let event = Event { v: FORMAT, seq, at: self.now, run: self.run.clone(), what };
        self.sample.events.push(event);
        self
    }

    pub(crate) fn wait(&mut self, millis: u64) -> &mut Self {
        self.now += TimeDelta::milliseconds(i64::try_from(millis).unwrap());
        self
    }

    pub(crate) fn side(&mut self, side: Side, nth: usize) -> &mut Self {
        let tier = if side == Side::A { Tier::Install } else { Tier::Upgrade };
        let domain = Allotter::new("ci.example.org").unwrap().run(&self.run, side, nth);
        let stack = StackName::of_domain(&domain);
        self.tell(What::SideStarted { side, nth, tier, stack, domain });
        let at = "services.app.deploy.endpoint_mode".to_owned();
        let says = "dnsrr instead of vip: this kernel has no IPVS".to_owned();
        self.tell(What::DeviationNoted { side, nth, deviation: Deviation { at, says } })
    }

    pub(crate) fn begin(&mut self, side: Side, nth: usize, stage: &str) -> &mut Self {
        self.tell(What::StageStarted { side, nth, stage: stage.to_owned() })
    }

    pub(crate) fn end(
        &mut self,
        (side, nth): (Side, usize),
        stage: &str,
        millis: u64,
        whose: Whose,
        ok: bool,
        detail: &str,
    ) -> &mut Self {
        self.wait(millis).tell(What::StageEnded {
            side,
            nth,
            stage: stage.to_owned(),
            millis,
            whose,
            ok,
            detail: detail.to_owned(),
            facts: BTreeMap::new(),
        })
    }

    /// A whole stage that went well.
    pub(crate) fn stage(
        &mut self,
        (side, nth): (Side, usize),
        stage: &str,
        millis: u64,
        whose: Whose,
        detail: &str,
    ) -> &mut Self {
        self.begin(side, nth, stage).end((side, nth), stage, millis, whose, true, detail)
    }

    pub(crate) fn images(&mut self, side: Side, nth: usize, release: &str, digit: char) -> &mut Self {
        let app = format!("gitea/gitea:{release}@sha256:{}", digit.to_string().repeat(64));
        let db = format!("postgres:16.4@sha256:{}", "5".repeat(64));
        let images = [("app".to_owned(), app), ("db".to_owned(), db)].into();
        self.tell(What::ImagesResolved { side, nth, release: release.to_owned(), images })
    }

    pub(crate) fn probe(
        &mut self,
        (side, nth): (Side, usize),
        from: Vantage,
        step: ProbeStep,
        ok: bool,
        says: &str,
    ) -> &mut Self {
        let host = Allotter::new("ci.example.org").unwrap().run(&self.run, side, nth);
        let url = match from {
            Vantage::Inside => "http://10.0.3.7:3000/api/healthz".to_owned(),
            Vantage::Outside => format!("https://{host}/api/healthz"),
        };
        let probed = Probed {
            from,
            url,
            step,
            ok,
            says: says.to_owned(),
            tries: if ok { 1 } else { 12 },
            millis: 184,
        };
        self.tell(What::ProbeEnded { side, nth, probed })
    }

    pub(crate) fn probes_well(&mut self, side: Side, nth: usize, stage: &str) -> &mut Self {
        self.begin(side, nth, stage)
            .probe((side, nth), Vantage::Inside, ProbeStep::App, true, "200, body has `pass`")
            .probe((side, nth), Vantage::Outside, ProbeStep::App, true, "200 over TLS 1.3, body has `pass`")
            .end((side, nth), stage, 412, Whose::Ours, true, "inside and outside answer")
    }

    pub(crate) fn log(&mut self, (side, nth): (Side, usize), service: &str, text: &str) -> &mut Self {
        let file = format!("logs/{}{nth}-{service}.log", side.to_string().to_lowercase());
        self.sample.logs.insert(file.clone(), text.to_owned());
        let lines = u64::try_from(text.lines().count()).unwrap();
        self.tell(What::LogKept { side, nth, service: service.to_owned(), file, lines, cut: false })
    }

    /// A text of the run's folder that no event names.
    pub(crate) fn beside(&mut self, file: &str, text: &str) -> &mut Self {
        self.sample.logs.insert(file.to_owned(), text.to_owned());
        self
    }

    /// A test without cases.
    pub(crate) fn test(
        &mut self,
        (side, nth): (Side, usize),
        tier: Tier,
        source: Source,
        (name, kind): (&str, &str),
        outcome: TestOutcome,
    ) -> &mut Self {
        self.program((side, nth), tier, source, (name, kind), outcome, &[], "")
    }

    /// A test with cases and output.
    #[expect(clippy::too_many_arguments, reason = "a line of a script, and each word of it is told")]
    pub(crate) fn program(
        &mut self,
        (side, nth): (Side, usize),
        tier: Tier,
        source: Source,
        (name, kind): (&str, &str),
        outcome: TestOutcome,
        cases: &[(&str, TestOutcome)],
        output: &str,
    ) -> &mut Self {
        let file = (!output.is_empty())
            .then(|| format!("tests/{}{nth}-{tier}-{}.log", side, name.replace(' ', "_")));
        if let Some(file) = &file {
            self.beside(file, output);
        }
        let case = |(name, outcome): &(&str, TestOutcome)| TestCase {
            name: (*name).to_owned(),
            outcome: outcome.clone(),
            millis: 41,
        };
        let tested = Tested {
            name: name.to_owned(),
            tier,
            source,
            kind: kind.to_owned(),
            outcome,
            millis: 180,
            cases: cases.iter().map(case).collect(),
            file,
        };
        self.wait(180).tell(What::TestEnded { side, nth, tested })
    }

    pub(crate) fn datum(
        &mut self,
        (side, nth): (Side, usize),
        (name, source): (&str, Source),
        deed: Deed,
        stage: &str,
        wrong: Option<&str>,
    ) -> &mut Self {
        let datum = Datum {
            name: name.to_owned(),
            source,
            deed,
            stage: stage.to_owned(),
            ok: wrong.is_none(),
            says: wrong.unwrap_or("").to_owned(),
            millis: 35,
        };
        self.tell(What::DataTold { side, nth, datum })
    }

    pub(crate) fn counted(
        &mut self,
        (side, nth): (Side, usize),
        stage: &str,
        counts: &[(&str, i64)],
    ) -> &mut Self {
        let counts: Counts = counts.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
        self.tell(What::DataCounted { side, nth, stage: stage.to_owned(), counts })
    }

    pub(crate) fn hook(
        &mut self,
        (side, nth): (Side, usize),
        moment: HookMoment,
        exit_code: Option<i64>,
        tries: u32,
        output: &str,
    ) -> &mut Self {
        let file = format!("hooks/b{nth}-db-{}.log", moment.to_string().replace(' ', "-"));
        self.beside(&file, output);
        let hook = HookRun {
            service: "db".to_owned(),
            moment,
            command: "/bin/sh -c 'PGPASSWORD=$(cat /run/secrets/db_password) pg_dump -U gitea gitea > /data/backup.sql'"
                .to_owned(),
            exit_code,
            millis: 640,
            tries,
            file: Some(file),
        };
        self.tell(What::HookEnded { side, nth, hook })
    }

    pub(crate) fn snapshot(&mut self, added: u64) -> Snapshot {
        Snapshot {
            id: "4f2a9c".repeat(11)[..64].to_owned(),
            repository: "/var/lib/simmer/backups/gitea".to_owned(),
            paths: vec!["db/backup.sql".to_owned(), "data".to_owned()],
            files: 812,
            bytes: 23_411_870,
            added,
            millis: 910,
        }
    }

    pub(crate) fn clear(&mut self, side: Side, nth: usize, left: &[&str]) -> &mut Self {
        let left = left.iter().map(|l| (*l).to_owned()).collect();
        self.wait(730).tell(What::SideCleared { side, nth, millis: 730, left })
    }

    pub(crate) fn judge(&mut self, tier: Tier, base: Option<&str>, judged: Verdict) -> &mut Self {
        self.tell(What::TierJudged { tier, base: base.map(str::to_owned), judged, data: None })
    }

    /// A failure, with what is known of the data.
    pub(crate) fn judge_data(
        &mut self,
        tier: Tier,
        base: Option<&str>,
        judged: Verdict,
        data: DataState,
    ) -> &mut Self {
        self.tell(What::TierJudged { tier, base: base.map(str::to_owned), judged, data: Some(data) })
    }

    /// What the generic floor and the overlay ask after an install.
    pub(crate) fn install_tests(&mut self, a: (Side, usize)) -> &mut Self {
        use TestOutcome::{Passed, Skipped};
        let cases = [("test_login", Passed), ("test_repo_is_made", Passed), ("test_push_over_https", Passed)];
        let why = "applies to >=4.0.0, this is 3.6.0+1.22.1-rootless".to_owned();
        self.begin(a.0, a.1, "tests")
            .test(a, Tier::Install, Source::Generic, ("answers outside", "probe"), Passed)
            .test(a, Tier::Install, Source::Overlay, ("official image", "image"), Passed)
            .program(
                a,
                Tier::Install,
                Source::Overlay,
                ("sign up and push", "program"),
                Passed,
                &cases,
                "...",
            )
            .test(a, Tier::Install, Source::Recipe, ("oidc", "program"), Skipped { why })
            .end(a, "tests", 60, Whose::Ours, true, "4 tests")
    }

    /// An upgrade with its data, up to a stack that can be backed up.
    pub(crate) fn upgrades_data(&mut self, b: (Side, usize)) -> &mut Self {
        use TestOutcome::Passed;
        let (witness, rows) = (("witness", Source::Generic), ("two repositories", Source::Overlay));
        self.base_is_up(b.1)
            .datum(b, witness, Deed::Seeded, "seed", None)
            .datum(b, rows, Deed::Seeded, "seed", None)
            .counted(b, "seed", &[("repositories", 2), ("users", 1)])
            .stage(b, "upgrade", 1_020, Whose::App, "2 services updated")
            .stage(b, "settle", 14_360, Whose::App, "app 1/1 healthy after 3 migrations")
            .begin(b.0, b.1, "check data")
            .datum(b, witness, Deed::Checked, "check data", None)
            .datum(b, rows, Deed::Checked, "check data", None)
            .end(b, "check data", 120, Whose::Ours, true, "2 data are there")
            .counted(b, "upgrade", &[("repositories", 2), ("users", 2)])
            .probes_well(b.0, b.1, "probe")
            .stage(b, "soak", 5_000, Whose::Ours, "still healthy")
            .begin(b.0, b.1, "tests")
            .test(b, Tier::Upgrade, Source::Overlay, ("repositories survive", "sql"), Passed)
            .end(b, "tests", 90, Whose::Ours, true, "1 test")
    }

    pub(crate) fn backs_up(&mut self, b: (Side, usize)) -> &mut Self {
        let (witness, rows) = (("witness", Source::Generic), ("two repositories", Source::Overlay));
        let made = self.snapshot(18_002_113);
        self.begin(b.0, b.1, "mark")
            .datum(b, witness, Deed::Seeded, "mark", None)
            .datum(b, rows, Deed::Seeded, "mark", None)
            .end(b, "mark", 210, Whose::Ours, true, "2 data")
            .begin(b.0, b.1, "backup")
            .hook(b, HookMoment::BeforeBackup, Some(0), 2, "pg_dump: last built-in OID is 16383\n")
            .tell(What::SnapshotMade { side: b.0, nth: b.1, snapshot: made })
            .test(b, Tier::Backup, Source::Generic, ("the dump is whole", "file"), TestOutcome::Passed)
            .end(b, "backup", 2_310, Whose::App, true, "812 files, 23.4 MB")
    }

    /// Destroys and brings back; `lost` says what is not there afterwards.
    pub(crate) fn restores(&mut self, b: (Side, usize), lost: Option<&str>) -> &mut Self {
        let (witness, rows) = (("witness", Source::Generic), ("two repositories", Source::Overlay));
        let restored = self.snapshot(0);
        self.begin(b.0, b.1, "destroy")
            .datum(b, witness, Deed::Destroyed, "destroy", None)
            .datum(b, rows, Deed::Destroyed, "destroy", None)
            .end(b, "destroy", 340, Whose::Ours, true, "2 data are gone")
            .begin(b.0, b.1, "restore")
            .tell(What::SnapshotRestored { side: b.0, nth: b.1, snapshot: restored })
            .end(b, "restore", 1_120, Whose::App, true, "812 files")
            .stage(b, "settle", 3_020, Whose::App, "app 1/1 healthy, db 1/1 healthy")
            .begin(b.0, b.1, "read back")
            .datum(b, witness, Deed::Checked, "read back", None)
            .datum(b, rows, Deed::Checked, "read back", lost)
            .counted(b, "restore", &[("repositories", if lost.is_some() { 0 } else { 2 }), ("users", 2)])
            .end(b, "read back", 160, Whose::Ours, lost.is_none(), lost.unwrap_or("2 data are there"))
    }

    pub(crate) fn later_rooms(&mut self) -> &mut Self {
        for tier in [Tier::Backup, Tier::Restore, Tier::Custom] {
            self.judge(tier, None, skipped(Skip::NoTests));
        }
        self
    }

    /// Install of the target, from start to clean.
    pub(crate) fn installs(&mut self) -> &mut Self {
        self.installs_as(passed())
    }

    pub(crate) fn installs_as(&mut self, judged: Verdict) -> &mut Self {
        let (a, at) = ((Side::A, 0), self.at.clone());
        self.side(Side::A, 0)
            .stage(a, "pull", 210, Whose::Ours, "2 images, all on the node")
            .images(Side::A, 0, &at, 'b')
            .stage(a, "deploy", 880, Whose::Ours, "2 services, 2 networks, 1 volume, 3 secrets")
            .stage(a, "settle", 8_420, Whose::App, "app 1/1 healthy, db 1/1 healthy")
            .probes_well(Side::A, 0, "probe")
            .stage(a, "soak", 5_000, Whose::Ours, "still healthy")
            .clear(Side::A, 0, &[])
            .judge(Tier::Install, None, judged)
    }

    /// The first half of an upgrade: the base is up and seeded.
    pub(crate) fn base_is_up(&mut self, nth: usize) -> &mut Self {
        let (b, base) = ((Side::B, nth), self.bases[nth].clone());
        self.side(Side::B, nth)
            .stage(b, "pull", 1_940, Whose::Ours, "3 images, 1 fetched")
            .images(Side::B, nth, &base, 'a')
            .stage(b, "deploy base", 910, Whose::Ours, "2 services, 2 networks, 1 volume, 3 secrets")
            .stage(b, "settle base", 9_130, Whose::App, "app 1/1 healthy, db 1/1 healthy")
            .probes_well(Side::B, nth, "probe base")
            .stage(b, "seed", 640, Whose::Ours, "1 witness file, 2 repositories");
        let at = self.at.clone();
        self.images(Side::B, nth, &at, 'b')
    }

    /// The second half: the target replaces the base.
    pub(crate) fn upgrades(&mut self, nth: usize) -> &mut Self {
        let b = (Side::B, nth);
        let base = self.bases[nth].clone();
        self.base_is_up(nth)
            .stage(b, "upgrade", 1_020, Whose::Ours, "2 services updated")
            .stage(b, "settle", 14_360, Whose::App, "app 1/1 healthy after 3 migrations")
            .stage(b, "check", 390, Whose::Ours, "witness is there, image and label moved")
            .probes_well(Side::B, nth, "probe")
            .stage(b, "soak", 5_000, Whose::Ours, "still healthy")
            .clear(Side::B, nth, &[])
            .judge(Tier::Upgrade, Some(&base), passed())
    }

    pub(crate) fn done(&mut self, left: &[&str]) -> Sample {
        let mut verdicts: BTreeMap<Tier, Vec<Verdict>> = BTreeMap::new();
        for event in &self.sample.events {
            if let What::TierJudged { tier, judged, .. } = &event.what {
                verdicts.entry(*tier).or_default().push(judged.clone());
            }
        }
        let verdicts: BTreeMap<Tier, Verdict> =
            verdicts.into_iter().map(|(t, v)| (t, domain::event::worst(v).unwrap())).collect();
        let level = domain::level::level(&verdicts);
        self.wait(120);
        let millis = u64::try_from((self.now - self.start).num_milliseconds()).unwrap();
        let left = left.iter().map(|l| (*l).to_owned()).collect();
        self.tell(What::RunEnded { level, verdicts, millis, left });
        self.cut_here()
    }

    /// The process is gone: no last line.
    pub(crate) fn cut_here(&mut self) -> Sample {
        let empty = Sample { name: self.sample.name, events: Vec::new(), logs: Logs::new() };
        std::mem::replace(&mut self.sample, empty)
    }
}

fn finding(rule: &str, severity: Severity, file: &str, line: u32, says: &str, remedy: &str) -> Finding {
    Finding { rule: rule.into(), severity, file: file.into(), line, says: says.into(), remedy: remedy.into() }
}

fn findings() -> Vec<Finding> {
    vec![
        finding(
            "S007",
            Severity::Warning,
            "compose.yml",
            14,
            "image `postgres:16` is a moving tag",
            "name a full version, such as `postgres:16.4`",
        ),
        finding(
            "R014",
            Severity::Info,
            "compose.yml",
            0,
            "`depends_on` is ignored by swarm",
            "drop it, or keep it for local use",
        ),
    ]
}

pub(crate) fn all_passed() -> Sample {
    Script::new("all-passed", "gitea", "3.6.0+1.22.1-rootless", &["3.5.3+1.21.11-rootless"])
        .tell(What::LintFound { findings: findings() })
        .judge(Tier::Lint, None, passed())
        .installs()
        .upgrades(0)
        .later_rooms()
        .done(&[])
}

const MANIFEST: &str = r#"{"recipe":"gitea","release":"3.6.0+1.22.1-rootless","health":{"path":{"value":"/api/healthz","from":"overlays/gitea/overlay.toml:2"},"window":{"value":"10m","from":"default"}},"env":{"GITEA_SMTP":{"value":"off","from":"overlays/gitea/overlay.toml:6"}},"tests":[{"name":"repositories survive","tiers":["upgrade"],"sql":"SELECT count(*) FROM repository"}]}"#;

/// All five tiers with everything that a run can tell, green.
pub(crate) fn five_tiers() -> Sample {
    use TestOutcome::{Passed, Skipped};
    let (a, b) = ((Side::A, 0), (Side::B, 0));
    let at = "3.6.0+1.22.1-rootless";
    let base = "3.5.3+1.21.11-rootless";
    let slow = Skipped { why: "not on a quick run".to_owned() };
    let cases = [("clone", Passed), ("push", Passed), ("mirror", slow)];
    Script::new("five-tiers", "gitea", at, &[base])
        .beside("manifest.json", MANIFEST)
        .tell(What::LintFound { findings: findings() })
        .judge(Tier::Lint, None, passed())
        .side(Side::A, 0)
        .stage(a, "pull", 210, Whose::App, "2 images, all on the node")
        .images(Side::A, 0, at, 'b')
        .stage(a, "deploy", 880, Whose::App, "2 services, 2 networks, 1 volume, 3 secrets")
        .stage(a, "settle", 8_420, Whose::App, "app 1/1 healthy, db 1/1 healthy")
        .probes_well(Side::A, 0, "probe")
        .install_tests(a)
        .stage(a, "soak", 5_000, Whose::Ours, "still healthy")
        .clear(Side::A, 0, &[])
        .judge(Tier::Install, None, passed())
        .upgrades_data(b)
        .backs_up(b)
        .restores(b, None)
        .begin(Side::B, 0, "tests")
        .program(
            b,
            Tier::Custom,
            Source::Overlay,
            ("git over ssh and https", "program"),
            Passed,
            &cases,
            "1..3\nok 1 - clone\nok 2 - push\nok 3 - mirror # SKIP not on a quick run\n",
        )
        .end(b, "tests", 900, Whose::Ours, true, "1 test")
        .log(b, "db", "LOG:  database system is ready to accept connections\n")
        .clear(Side::B, 0, &[])
        .judge(Tier::Upgrade, Some(base), passed())
        .judge(Tier::Backup, None, passed())
        .judge(Tier::Restore, None, passed())
        .judge(Tier::Custom, None, passed())
        .done(&[])
}

/// Red in restore: the dump is there, and nothing plays it back.
pub(crate) fn not_restored() -> Sample {
    let b = (Side::B, 0);
    let (at, base) = ("3.6.0+1.22.1-rootless", "3.5.3+1.21.11-rootless");
    let lost = "0 rows instead of 2 in `repository`";
    let foreseen = finding(
        "S003",
        Severity::Warning,
        "compose.yml",
        41,
        "`db` dumps before a backup, and nothing loads the dump after a restore",
        "add `backupbot.restore.post-hook` to the same service, which loads the dump",
    );
    Script::new("not-restored", "gitea", at, &[base])
        .tell(What::LintFound { findings: [findings(), vec![foreseen]].concat() })
        .judge(Tier::Lint, None, passed())
        .installs()
        .upgrades_data(b)
        .backs_up(b)
        .restores(b, Some(lost))
        .log(b, "db", "LOG:  database system was not properly shut down; automatic recovery in progress\nLOG:  database system is ready to accept connections\n")
        .clear(Side::B, 0, &[])
        .judge(Tier::Upgrade, Some(base), passed())
        .judge(Tier::Backup, None, passed())
        .judge_data(
            Tier::Restore,
            None,
            Verdict::of(Cause::NotRestored { what: "two repositories".into(), says: lost.into() }),
            DataState::Unknown,
        )
        .judge(Tier::Custom, None, Verdict::of(Cause::After { tier: Tier::Restore }))
        .done(&[])
}

/// Red in upgrade, with a log line that names the trouble.
pub(crate) fn named_cause() -> Sample {
    use TestOutcome::{Failed, Passed};
    let (a, b) = ((Side::A, 0), (Side::B, 0));
    let (at, base) = ("3.6.0+1.22.1-rootless", "3.5.3+1.21.11-rootless");
    let line = "2026-11-21T03:04:52Z [F] failed to save \"/etc/gitea/app.ini\": open /etc/gitea/app.ini: read-only file system";
    let log =
        format!("{}{line}\nexit\n", CRASH_LOG.lines().take(3).map(|l| format!("{l}\n")).collect::<String>());
    let says = "assert 403 == 200\n  where 403 = <Response [403]>.status_code".to_owned();
    let beneath = Cause::CrashLoop {
        service: "app".into(),
        exits: 3,
        exit_code: Some(1),
        oom: false,
        says: "last at 03:05:11".into(),
        last_lines: vec![line.to_owned(), "exit".to_owned()],
    };
    let known = domain::signature::Known {
        name: "read_only_file_system".to_owned(),
        fault: domain::Fault::Recipe,
        says: "it writes to a config that is mounted read-only".to_owned(),
        remedy: "Copy the config into a volume when the task starts, and let the app write there.".to_owned(),
    };
    Script::new("named-cause", "gitea", at, &[base])
        .judge(Tier::Lint, None, passed())
        .side(Side::A, 0)
        .stage(a, "deploy", 880, Whose::App, "2 services")
        .stage(a, "settle", 8_420, Whose::App, "app 1/1 healthy, db 1/1 healthy")
        .begin(Side::A, 0, "tests")
        .program(
            a,
            Tier::Install,
            Source::Overlay,
            ("api", "program"),
            Failed { says: "1 of 2 cases failed".to_owned() },
            &[("test_version", Passed), ("test_token", Failed { says: says.clone() })],
            &format!("FAILED tests/test_api.py::test_token\n{says}\n"),
        )
        .end(a, "tests", 60, Whose::Ours, false, "1 test failed")
        .clear(Side::A, 0, &[])
        .judge(
            Tier::Install,
            None,
            Verdict::of(Cause::Test {
                test: "api".to_owned(),
                source: Source::Overlay,
                says: "1 of 2 cases failed".to_owned(),
                last_lines: vec!["assert 403 == 200".to_owned()],
            }),
        )
        .base_is_up(0)
        .stage(b, "upgrade", 1_020, Whose::App, "2 services updated")
        .begin(Side::B, 0, "settle")
        .end(b, "settle", 13_870, Whose::App, false, "`app` left 3 times, last with code 1")
        .log(b, "app", &log)
        .clear(Side::B, 0, &[])
        .judge_data(
            Tier::Upgrade,
            Some(base),
            Verdict::of(Cause::Named {
                known: Box::new(known),
                service: "app".to_owned(),
                line: line.to_owned(),
                beneath: Box::new(beneath),
            }),
            DataState::Untouched,
        )
        .later_rooms()
        .done(&[])
}

pub(crate) fn superficial() -> Sample {
    Script::new("superficial", "radicale", "1.2.0+3.2.3", &[])
        .judge(Tier::Lint, None, passed())
        .installs_as(Verdict::Passed { depth: Depth::Superficial })
        .tell(What::Warned { says: "the overlay names no health path: `/` was asked".to_owned() })
        .judge(Tier::Upgrade, None, skipped(Skip::NoOlderRelease))
        .later_rooms()
        .done(&[])
}

pub(crate) const CRASH_LOG: &str = "\
2026-11-21T03:04:51Z cmd/web.go:242:runWeb() [I] Starting Gitea on PID: 1
2026-11-21T03:04:51Z cmd/web.go:111:showWebStartupMessage() [I] Gitea version: 1.22.1 built with go1.22.5
2026-11-21T03:04:51Z cmd/web.go:112:showWebStartupMessage() [I] * RunMode: prod
2026-11-21T03:04:52Z routers/common/db.go:23:InitDBEngine() [I] ORM engine initialization attempt #1/10...
2026-11-21T03:04:52Z models/migrations/migrations.go:641:Migrate() [I] Migration[291]: Add Index to issue_user.issue_id
2026-11-21T03:04:52Z models/migrations/migrations.go:645:Migrate() [E] migration[291]: Add Index to issue_user.issue_id failed: pq: could not create unique index \"IDX_issue_user_issue_id\"
2026-11-21T03:04:52Z routers/init.go:61:mustInitCtx() [F] code.gitea.io/gitea/routers.InitWebInstalled(ctx) failed: migrate: pq: could not create unique index
";

pub(crate) fn crash_loop() -> Sample {
    let b = (Side::B, 0);
    let lines: Vec<String> = CRASH_LOG.lines().map(str::to_owned).collect();
    Script::new("crash-loop", "gitea", "3.6.0+1.22.1-rootless", &["3.5.3+1.21.11-rootless"])
        .tell(What::LintFound { findings: findings() })
        .judge(Tier::Lint, None, passed())
        .installs()
        .base_is_up(0)
        .stage(b, "upgrade", 1_020, Whose::Ours, "2 services updated")
        .begin(Side::B, 0, "settle")
        .end(b, "settle", 13_870, Whose::App, false, "`app` left 3 times, last with code 1")
        .log(b, "app", &CRASH_LOG.repeat(3))
        .log(b, "db", "LOG:  database system is ready to accept connections\nERROR:  could not create unique index \"IDX_issue_user_issue_id\"\nDETAIL:  Key (issue_id)=(17) is duplicated.\n")
        .clear(Side::B, 0, &[])
        .judge(
            Tier::Upgrade,
            Some("3.5.3+1.21.11-rootless"),
            Verdict::of(Cause::CrashLoop {
                service: "app".into(),
                exits: 3,
                exit_code: Some(1),
                oom: false,
                says: "last at 03:05:11".into(),
                last_lines: lines[3..].to_vec(),
            }),
        )
        .later_rooms()
        .done(&[])
}

pub(crate) fn mixed_stack() -> Sample {
    let (old, older) = ("2.4.0+1.11.0", "2.3.1+1.10.4");
    let b = (Side::B, 0);
    Script::new("mixed-stack", "hedgedoc", "2.5.0+1.12.0", &[old, older])
        .judge(Tier::Lint, None, passed())
        .installs()
        .base_is_up(0)
        .stage(b, "upgrade", 990, Whose::Ours, "2 services updated")
        .begin(Side::B, 0, "settle")
        .end(b, "settle", 31_200, Whose::App, false, "`app` was rolled back by swarm")
        .log(b, "app", "connecting to db\nerror: relation \"Notes\" has no column \"permission\"\nexit\n")
        .clear(Side::B, 0, &[])
        .judge(
            Tier::Upgrade,
            Some(old),
            Verdict::of(Cause::MixedStack {
                rolled_back: vec!["app".into()],
                kept: vec!["db".into(), "worker".into()],
                says: "update paused due to failure or early termination of task 4kd0x".into(),
                last_lines: vec![
                    "error: relation \"Notes\" has no column \"permission\"".into(),
                    "exit".into(),
                ],
            }),
        )
        .upgrades(1)
        .later_rooms()
        .done(&["volume run-5b1c_data", "network run-5b1c_internal"])
}

pub(crate) fn probe_tls() -> Sample {
    let a = (Side::A, 0);
    let says = "certificate is for `traefik.default`, not for this name";
    let at = "0.9.2+0.4.74";
    Script::new("probe-tls", "bluesky-pds", at, &[])
        .judge(
            Tier::Lint,
            None,
            Verdict::of(Cause::Lint {
                rule: "S011".into(),
                at: "compose.yml:31".into(),
                says:
                    "router `pds` names the certificate resolver `production`, which this edge does not have"
                        .into(),
                more: 2,
            }),
        )
        .tell(What::LintFound {
            findings: vec![finding(
                "S011",
                Severity::Error,
                "compose.yml",
                31,
                "router `pds` names the certificate resolver `production`, which this edge does not have",
                "use `${LETS_ENCRYPT_ENV}` as other recipes do",
            )],
        })
        .side(Side::A, 0)
        .stage(a, "pull", 180, Whose::Ours, "2 images, all on the node")
        .images(Side::A, 0, at, 'c')
        .stage(a, "deploy", 760, Whose::Ours, "2 services, 1 network, 2 volumes")
        .stage(a, "settle", 4_210, Whose::App, "app 1/1 healthy, caddy 1/1 running")
        .begin(Side::A, 0, "probe")
        .probe(a, Vantage::Inside, ProbeStep::App, true, "200, body has `version`")
        .probe(a, Vantage::Outside, ProbeStep::Tls, false, says)
        .end(a, "probe", 61_300, Whose::Ours, false, "outside failed at TLS")
        .tell(What::Warned {
            says: "the label `traefik.http.middlewares.x.plugin` is not known to the embedded edge".into(),
        })
        .clear(Side::A, 0, &[])
        .judge(
            Tier::Install,
            None,
            Verdict::of(Cause::Probe {
                from: Vantage::Outside,
                step: ProbeStep::Tls,
                url: "https://run-26a4c52ea.ci.example.org/xrpc/_health".into(),
                says: says.into(),
                tries: 12,
                window_seconds: 60,
            }),
        )
        .judge(Tier::Upgrade, None, skipped(Skip::NoOlderRelease))
        .later_rooms()
        .done(&[])
}

pub(crate) fn platform_fault() -> Sample {
    let a = (Side::A, 0);
    Script::new("platform-fault", "matrix-synapse", "7.1.0+v1.116.0", &["7.0.4+v1.115.0"])
        .judge(Tier::Lint, None, passed())
        .side(Side::A, 0)
        .begin(Side::A, 0, "pull")
        .end(a, "pull", 30_000, Whose::Ours, false, "no answer from the registry in 30 s")
        .clear(Side::A, 0, &[])
        .judge(
            Tier::Install,
            None,
            Verdict::of(Cause::ImagePull {
                service: "app".into(),
                image: "matrixdotorg/synapse:v1.116.0".into(),
                says: "timed out after 30 s".into(),
            }),
        )
        .judge(Tier::Upgrade, None, Verdict::of(Cause::After { tier: Tier::Install }))
        .later_rooms()
        .done(&[])
}

pub(crate) fn unfinished() -> Sample {
    Script::new("unfinished", "kinto", "1.4.0+19.1.0", &["1.3.0+18.1.1"])
        .judge(Tier::Lint, None, passed())
        .installs()
        .base_is_up(0)
        .stage((Side::B, 0), "upgrade", 1_020, Whose::Ours, "2 services updated")
        .begin(Side::B, 0, "settle")
        .wait(6_300)
        .tell(What::Warned { says: "`app` restarts for the second time".into() })
        .cut_here()
}

/// Stands in files outside of the run's folder: no report may hold it.
pub(crate) const OUTSIDE: &str = "root:x:0:0:not-yours";

/// What a stranger may put into names and logs.
pub(crate) const HOSTILE: &str = "</div><script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;";

pub(crate) fn hostile() -> Sample {
    let a = (Side::A, 0);
    let evil = |more: &str| format!("{HOSTILE}{more}");
    let log = format!(
        "\u{1b}[31mred\u{1b}[0m and \u{1b}]8;;https://evil.example\u{7}a link\u{1b}]8;;\u{7}\nnul\0bell\u{7}back\u{8}\r\n{HOSTILE}\nright\u{202e}tfel\u{202c} {{{{ 7 * 7 }}}} {{% raw %}}\n]]> ```` @everyone [x](javascript:alert(1))\n\n{}\n",
        "long".repeat(900)
    );
    let last_lines: Vec<String> = log.lines().map(str::to_owned).collect();
    let mut script = Script::new("hostile", "evil", &evil("\u{202e}+1"), &[HOSTILE]);
    script
        .tell(What::LintFound {
            findings: vec![finding(HOSTILE, Severity::Error, HOSTILE, 3, HOSTILE, HOSTILE)],
        })
        .judge(Tier::Lint, None, Verdict::of(Cause::BadRecipe { says: evil("\u{1b}[2J") }))
        .side(Side::A, 0)
        .tell(What::DeviationNoted {
            side: Side::A,
            nth: 0,
            deviation: Deviation { at: HOSTILE.into(), says: evil("\0") },
        })
        .begin(Side::A, 0, HOSTILE)
        .probe(a, Vantage::Outside, ProbeStep::Http, false, HOSTILE);
    let probed = Probed {
        from: Vantage::Inside,
        url: "javascript:alert(1)".into(),
        step: ProbeStep::Tcp,
        ok: false,
        says: evil("\u{7}"),
        tries: 1,
        millis: 3,
    };
    script
        .tell(What::ProbeEnded { side: Side::A, nth: 0, probed })
        .wait(900)
        .tell(What::StageEnded {
            side: Side::A,
            nth: 0,
            stage: HOSTILE.into(),
            millis: 900,
            whose: Whose::App,
            ok: false,
            detail: HOSTILE.into(),
            facts: [(HOSTILE.to_owned(), HOSTILE.to_owned())].into(),
        })
        .tell(What::ImagesResolved {
            side: Side::A,
            nth: 0,
            release: HOSTILE.into(),
            images: [(HOSTILE.to_owned(), evil("@sha256:<b>"))].into(),
        })
        .tell(What::Warned { says: HOSTILE.into() });
    // What nobody should have read is there to be shown, if a renderer asked for it.
    for out in ["../../javascript:alert(1)", "../../etc/passwd", "/etc/passwd", "hooks/../../x"] {
        script.sample.logs.insert(out.into(), OUTSIDE.into());
    }
    let bad = || TestOutcome::Failed { says: evil("]]>\u{0}") };
    let tested = Tested {
        name: evil("\u{202e}"),
        tier: Tier::Install,
        source: Source::Overlay,
        kind: HOSTILE.into(),
        outcome: bad(),
        millis: 1,
        cases: vec![TestCase { name: evil("\u{1b}[2J"), outcome: bad(), millis: u64::MAX }],
        file: Some("../../etc/passwd".into()),
    };
    let hook = HookRun {
        service: HOSTILE.into(),
        moment: HookMoment::BeforeBackup,
        command: evil("\n$(reboot)"),
        exit_code: Some(-1),
        millis: 1,
        tries: u32::MAX,
        file: Some("/etc/passwd".into()),
    };
    let out = HookRun { file: Some("hooks/../../x".into()), ..hook.clone() };
    let snapshot = Snapshot {
        id: HOSTILE.into(),
        repository: HOSTILE.into(),
        paths: vec![HOSTILE.into()],
        files: u64::MAX,
        bytes: u64::MAX,
        added: u64::MAX,
        millis: u64::MAX,
    };
    script
        .beside(
            "manifest.json",
            &serde_json::json!({ HOSTILE: { "value": evil("\u{1b}[2J"), "from": HOSTILE } }).to_string(),
        )
        .tell(What::TestEnded { side: Side::A, nth: 0, tested })
        .datum(a, (HOSTILE, Source::Overlay), Deed::Checked, HOSTILE, Some(&evil("\u{7}")))
        .counted(a, HOSTILE, &[(HOSTILE, i64::MIN)])
        .counted(a, HOSTILE, &[(HOSTILE, i64::MAX)])
        .tell(What::HookEnded { side: Side::A, nth: 0, hook })
        .tell(What::HookEnded { side: Side::A, nth: 0, hook: out })
        .tell(What::SnapshotMade { side: Side::A, nth: 0, snapshot });
    script.sample.logs.insert("logs/a0-app.log".into(), log.clone());
    script
        .tell(What::LogKept {
            side: Side::A,
            nth: 0,
            service: HOSTILE.into(),
            file: "logs/a0-app.log".into(),
            lines: 7,
            cut: true,
        })
        .tell(What::LogKept {
            side: Side::A,
            nth: 0,
            service: HOSTILE.into(),
            file: "../../javascript:alert(1)".into(),
            lines: 7,
            cut: true,
        })
        .clear(Side::A, 0, &[HOSTILE])
        .judge(Tier::Upgrade, Some(HOSTILE), skipped(Skip::ExpectedNa { why: evil("|\n| x | y |") }))
        .judge(
            Tier::Install,
            None,
            Verdict::of(Cause::Unhealthy { service: HOSTILE.into(), says: HOSTILE.into(), last_lines }),
        )
        .done(&[HOSTILE])
}

const BEFORE: &str = "3.5.3+1.21.11-rootless";
const NEWER: &str = "3.6.0+1.22.1-rootless";

fn print(volumes: &[(&str, u64, u64, char)], counts: &[(&str, i64)]) -> Fingerprint {
    let print = |files, bytes, digit: char| VolumePrint { files, bytes, hash: digit.to_string().repeat(64) };
    Fingerprint {
        volumes: volumes.iter().map(|(v, f, b, d)| ((*v).to_owned(), print(*f, *b, *d))).collect(),
        counts: counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
    }
}

fn stood() -> Stood {
    Stood {
        born: "2026-03-02T03:20:00Z".parse().unwrap(),
        at: "2026-10-30T03:31:00Z".parse().unwrap(),
        advances: 7,
        planted: vec!["3.0.0+1.19.3-rootless".to_owned(), BEFORE.to_owned()],
        fingerprint: print(
            &[
                ("warm-gitea_ci_example_org_data", 4_812, 91_300_000, 'a'),
                ("warm-gitea_ci_example_org_db", 1_297, 48_114_425, 'b'),
            ],
            &[("issues", 41), ("users", 12)],
        ),
    }
}

impl Script {
    /// A promotion from its start to the candidate being deployed on the copy.
    fn promotes(&mut self) -> &mut Self {
        let c = (Side::C, 0);
        let at = self.at.clone();
        let domain = Allotter::new("ci.example.org").unwrap().canonical(&RecipeName::parse("gitea").unwrap());
        let stack = StackName::of_domain(&domain);
        self.tell(What::PromotionStarted {
            from: Some((BEFORE.to_owned(), Generation(8))),
            to: Generation(9),
            cold: Some(RunId::parse("0c01d000").unwrap()),
            cold_level: 5,
            stood: Some(Box::new(stood())),
        })
        .stage(c, "reconcile", 31, Whose::Ours, "the registry and Docker agree")
        .stage(c, "promise", 4, Whose::Ours, "2 volumes")
        .begin(Side::C, 0, "copy")
        .tell(What::GenerationMade {
            generation: Generation(9),
            volumes: vec!["warm-gitea_ci_example_org_data-g9".to_owned()],
            files: 6_109,
            bytes: 139_414_425,
            how: "copied".to_owned(),
            millis: 640,
        })
        .end(c, "copy", 655, Whose::Ours, true, "6109 files, 139414425 bytes copied")
        .tell(What::SideStarted { side: Side::C, nth: 0, tier: Tier::Advance, stack, domain })
        .stage(c, "pull", 90, Whose::App, "2 images, 0 fetched")
        .images(Side::C, 0, &at, 'b')
        .stage(c, "deploy", 140, Whose::App, "2 services of the release")
    }

    fn ends_promotion(&mut self, level: u8) -> Sample {
        let judged = self.sample.events.iter().find_map(|event| {
            let What::TierJudged { judged, .. } = &event.what else { return None };
            Some(judged.clone())
        });
        self.wait(40);
        let millis = u64::try_from((self.now - self.start).num_milliseconds()).unwrap();
        let verdicts = [(Tier::Advance, judged.unwrap())].into();
        self.tell(What::RunEnded { level, verdicts, millis, left: Vec::new() });
        self.cut_here()
    }
}

/// A release that was carried onto the canonical.
pub(crate) fn promoted() -> Sample {
    let c = (Side::C, 0);
    let after = print(
        &[
            ("warm-gitea_ci_example_org_data", 4_815, 91_302_512, 'c'),
            ("warm-gitea_ci_example_org_db", 1_301, 49_011_200, 'd'),
        ],
        &[("issues", 42), ("users", 12)],
    );
    let read = "4 witness files and 2 data there, the oldest of 3.0.0+1.19.3-rootless";
    Script::new("promoted", "gitea", NEWER, &[])
        .promotes()
        .stage(c, "settle", 11_800, Whose::App, "app 1/1 healthy, db 1/1 healthy")
        .probes_well(Side::C, 0, "probe")
        .stage(c, "read markers", 410, Whose::App, read)
        .stage(c, "soak", 5_000, Whose::Ours, "still healthy")
        .stage(c, "read markers", 390, Whose::App, read)
        .stage(c, "seed data", 700, Whose::App, "2 planted, issues 42")
        .wait(6_210)
        .tell(What::SideCleared { side: Side::C, nth: 0, millis: 6_210, left: Vec::new() })
        .stage(c, "undeploy", 12, Whose::Ours, "volumes and secrets alone are left")
        .begin(Side::C, 0, "fingerprint")
        .tell(What::GenerationPrinted { generation: Generation(9), fingerprint: after })
        .end(c, "fingerprint", 180, Whose::Ours, true, "6116 files, 140313712 bytes")
        .stage(c, "commit", 9, Whose::Ours, "g9 is the canonical's generation")
        .stage(c, "record read back", 2, Whose::Ours, "3.6.0+1.22.1-rootless on g9")
        .tell(What::Promoted { generation: Generation(9), advances: 8, born: stood().born })
        .stage(c, "retire", 210, Whose::Ours, "1 older generations removed, 2 kept")
        .judge(Tier::Advance, None, passed())
        .ends_promotion(6)
}

/// Green cold, and red on the data that aged.
pub(crate) fn advance_red() -> Sample {
    let c = (Side::C, 0);
    let cause = Cause::CrashLoop {
        service: "app".into(),
        exits: 3,
        exit_code: Some(1),
        oom: false,
        says: "last at 03:05:11".into(),
        last_lines: CRASH_LOG.lines().map(str::to_owned).collect(),
    };
    Script::new("advance-red", "gitea", NEWER, &[])
        .promotes()
        .begin(Side::C, 0, "settle")
        .log(c, "app", CRASH_LOG)
        .end(c, "settle", 9_300, Whose::App, false, "`app` left 3 times, last with code 1")
        .wait(1_900)
        .tell(What::SideCleared { side: Side::C, nth: 0, millis: 1_900, left: Vec::new() })
        .stage(c, "drop candidate", 130, Whose::Ours, "")
        .tell(What::CandidateDropped { generation: Generation(9), left: Vec::new() })
        .judge(Tier::Advance, None, Verdict::of(cause))
        .ends_promotion(5)
}

/// A promotion of which strangers wrote every word that they can.
pub(crate) fn hostile_promotion() -> Sample {
    let c = (Side::C, 0);
    let evil = |more: &str| format!("{HOSTILE}{more}");
    let mut stood = stood();
    stood.planted = vec![evil("\u{202e}|`"), HOSTILE.into()];
    stood.fingerprint = print(&[(HOSTILE, u64::MAX, u64::MAX, 'e')], &[(HOSTILE, i64::MIN)]);
    let after = print(&[(HOSTILE, u64::MAX, u64::MAX, 'f')], &[(HOSTILE, i64::MAX)]);
    let until = "2026-11-21T05:00:00Z".parse().unwrap();
    Script::new("hostile-promotion", "evil", &evil("`\u{202e}\n+1"), &[])
        .tell(What::PromotionStarted {
            from: Some((evil("\u{1b}[2J|"), Generation(u32::MAX))),
            to: Generation(u32::MAX),
            cold: Some(RunId::parse("0c01d000").unwrap()),
            cold_level: u8::MAX,
            stood: Some(Box::new(stood)),
        })
        .tell(What::GenerationMade {
            generation: Generation(1),
            volumes: vec![HOSTILE.into()],
            files: u64::MAX,
            bytes: u64::MAX,
            how: evil("\n- x"),
            millis: u64::MAX,
        })
        .stage(c, HOSTILE, 900, Whose::App, &evil("\u{7}"))
        .begin(Side::C, 0, "read markers")
        .end(c, "read markers", 3, Whose::App, false, &evil("\n\n@everyone"))
        .begin(Side::C, 0, "copy")
        .end(c, "copy", 90_000, Whose::Ours, false, &evil("]]>"))
        .tell(What::GenerationPrinted { generation: Generation(1), fingerprint: after })
        .tell(What::ReturnJudged {
            release: HOSTILE.into(),
            generation: Generation(0),
            judged: Verdict::of(Cause::BadRecipe { says: evil("\u{1b}[31m") }),
        })
        .tell(What::CandidateDropped { generation: Generation(1), left: vec![evil("`|")] })
        .tell(What::CandidateKept { generation: Generation(1), until })
        .judge(Tier::Advance, None, Verdict::of(Cause::BadRecipe { says: evil("\u{1b}[2J") }))
        .ends_promotion(5)
}

/// Every state that the gallery shows.
pub(crate) fn gallery() -> Vec<Sample> {
    vec![
        all_passed(),
        crash_loop(),
        mixed_stack(),
        probe_tls(),
        platform_fault(),
        unfinished(),
        superficial(),
        hostile(),
        five_tiers(),
        not_restored(),
        named_cause(),
        promoted(),
        advance_red(),
        hostile_promotion(),
    ]
}

/// One cause of each kind. The match makes a new kind ask for its place here.
pub(crate) fn all_causes() -> Vec<Cause> {
    let t = |text: &str| text.to_owned();
    let lines = || vec![t("first"), t("last")];
    let causes = vec![
        Cause::Lint { rule: t("R011"), at: t("compose.yml:3"), says: t("broken"), more: 1 },
        Cause::BadRecipe { says: t("not YAML") },
        Cause::SecretMissing { secret: t("smtp_password"), says: t("`generate=false`") },
        Cause::ImageMissing { service: t("app"), image: t("a:1"), says: t("404") },
        Cause::ImagePull { service: t("app"), image: t("a:1"), says: t("timed out") },
        Cause::Rejected { service: t("app"), says: t("no suitable node") },
        Cause::CrashLoop {
            service: t("app"),
            exits: 3,
            exit_code: Some(1),
            oom: false,
            says: t("at 14:02"),
            last_lines: lines(),
        },
        Cause::Unhealthy { service: t("app"), says: t("exit 22"), last_lines: lines() },
        Cause::LostAfterSettled {
            service: t("app"),
            after_seconds: 4,
            says: t("exit 1"),
            last_lines: lines(),
        },
        Cause::RolledBack { service: t("app"), says: t("task failed"), last_lines: lines() },
        Cause::MixedStack {
            rolled_back: vec![t("app")],
            kept: vec![t("db")],
            says: t("task failed"),
            last_lines: lines(),
        },
        Cause::UpdatePaused { service: t("app"), says: t("task failed"), last_lines: Vec::new() },
        Cause::ForeignChange { service: t("app"), says: t("version 12 became 14") },
        Cause::NotSettled { window_seconds: 600, waiting: vec![t("app 0/1")], last_lines: lines() },
        Cause::Probe {
            from: Vantage::Outside,
            step: ProbeStep::Tls,
            url: t("https://x/"),
            says: t("expired"),
            tries: 3,
            window_seconds: 60,
        },
        Cause::DataLost { volume: t("data"), says: t("witness is gone") },
        Cause::UpgradeChangesNothing { says: t("same digest") },
        Cause::WrongVersion { says: t("1.0 runs") },
        Cause::BaseBroken { base: t("1.0.0+1"), says: t("crash loop") },
        Cause::NoReturn {
            release: t("1.0.0+1"),
            beneath: Box::new(Cause::Timeout { limit: t("settle"), seconds: 60 }),
        },
        Cause::Hook {
            service: t("db"),
            moment: domain::data::HookMoment::BeforeBackup,
            exit_code: Some(1),
            says: t("no such program"),
            last_lines: vec![t("sh: pg_dumpp: not found")],
        },
        Cause::BackupEmpty { says: t("no kept volume") },
        Cause::BackupBroken { path: t("data/backup.sql"), says: t("it is cut off") },
        Cause::NotRestored { what: t("a record"), says: t("404") },
        Cause::AfterBackup {
            what: t("a record"),
            wanted: domain::data::AfterBackup::Gone,
            says: t("it is there"),
        },
        Cause::Repository { says: t("no room") },
        Cause::Seed { what: t("a record"), says: t("403") },
        Cause::Test {
            test: t("logs in"),
            source: domain::data::Source::Overlay,
            says: t("exit code 1"),
            last_lines: vec![t("assert 1 == 2")],
        },
        Cause::TestBroken { test: t("logs in"), source: domain::data::Source::Overlay, says: t("not TAP") },
        Cause::Named {
            known: Box::new(domain::signature::Known {
                name: t("read_only_file_system"),
                fault: domain::Fault::Recipe,
                says: t("it writes to a mounted config"),
                remedy: t("Copy the config into a volume when the task starts, and let the app write there."),
            }),
            service: t("app"),
            line: t("open /etc/app.ini: read-only file system"),
            beneath: Box::new(Cause::Timeout { limit: t("settle"), seconds: 60 }),
        },
        Cause::Timeout { limit: t("run"), seconds: 3600 },
        Cause::Engine { says: t("no answer") },
        Cause::Node { says: t("disk is full") },
        Cause::Generation { says: t("volume `x` could not be copied") },
        Cause::Registry { says: t("the store is locked") },
        Cause::Ours { says: t("out of turn") },
        Cause::Interrupted,
        Cause::After { tier: Tier::Install },
    ];
    for cause in &causes {
        match cause {
            Cause::Lint { .. }
            | Cause::BadRecipe { .. }
            | Cause::SecretMissing { .. }
            | Cause::ImageMissing { .. }
            | Cause::ImagePull { .. }
            | Cause::Rejected { .. }
            | Cause::CrashLoop { .. }
            | Cause::Unhealthy { .. }
            | Cause::LostAfterSettled { .. }
            | Cause::RolledBack { .. }
            | Cause::MixedStack { .. }
            | Cause::UpdatePaused { .. }
            | Cause::ForeignChange { .. }
            | Cause::NotSettled { .. }
            | Cause::Probe { .. }
            | Cause::DataLost { .. }
            | Cause::UpgradeChangesNothing { .. }
            | Cause::WrongVersion { .. }
            | Cause::BaseBroken { .. }
            | Cause::NoReturn { .. }
            | Cause::Hook { .. }
            | Cause::BackupEmpty { .. }
            | Cause::BackupBroken { .. }
            | Cause::NotRestored { .. }
            | Cause::AfterBackup { .. }
            | Cause::Repository { .. }
            | Cause::Generation { .. }
            | Cause::Registry { .. }
            | Cause::Seed { .. }
            | Cause::Test { .. }
            | Cause::TestBroken { .. }
            | Cause::Named { .. }
            | Cause::Timeout { .. }
            | Cause::Engine { .. }
            | Cause::Node { .. }
            | Cause::Ours { .. }
            | Cause::Interrupted
            | Cause::After { .. } => {}
        }
    }
    causes
}
