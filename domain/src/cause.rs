//! Why something failed, and whose fault that is. Closed, so that causes can be counted.

use std::fmt;

use crate::Tier;
use crate::data::{AfterBackup, HookMoment, Source};
use crate::signature::Known;

/// Who has to act (law 6). A platform fault is never evidence against a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    Recipe,
    Overlay,
    Platform,
    Runner,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Recipe => "recipe",
            Self::Overlay => "overlay",
            Self::Platform => "platform",
            Self::Runner => "runner",
        })
    }
}

/// The parts of a probe, in the order in which they are tried (CC-123).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeStep {
    /// The edge knows a router for the name.
    Route,
    Dns,
    Tcp,
    Tls,
    Http,
    /// The answer is what the app should say: status, header, body.
    App,
}

impl fmt::Display for ProbeStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Route => "route",
            Self::Dns => "DNS",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Http => "HTTP",
            Self::App => "app",
        })
    }
}

/// From where a probe looked (CC-124).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vantage {
    /// At the task itself.
    Inside,
    /// Through the edge, as a user would.
    Outside,
}

impl fmt::Display for Vantage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Inside => "inside",
            Self::Outside => "outside",
        })
    }
}

/// Why a tier failed or could not be judged. Taken from fatals only, never from warnings (CC-039).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum Cause {
    /// A lint rule of severity error is broken.
    Lint { rule: String, at: String, says: String, more: usize },
    /// The compose files or the recipe's own files cannot be used.
    BadRecipe { says: String },
    /// A secret has to be given by hand and was not.
    SecretMissing { secret: String, says: String },
    /// The registry says that there is no such image.
    ImageMissing { service: String, image: String, says: String },
    /// An image could not be fetched, for a reason other than that it does not exist.
    ImagePull { service: String, image: String, says: String },
    /// The engine or a task refused what was asked: a bad spec, a missing mount, no suitable node.
    Rejected { service: String, says: String },
    /// The process keeps leaving.
    CrashLoop {
        service: String,
        exits: usize,
        exit_code: Option<i64>,
        oom: bool,
        says: String,
        last_lines: Vec<String>,
    },
    /// The healthcheck fails and the engine replaces the task for it.
    Unhealthy { service: String, says: String, last_lines: Vec<String> },
    /// It was settled, and then it was not: health or process lost in the soak (CC-047).
    LostAfterSettled { service: String, after_seconds: u64, says: String, last_lines: Vec<String> },
    /// Swarm put the old spec back (CC-046).
    RolledBack { service: String, says: String, last_lines: Vec<String> },
    /// One service was rolled back while another stayed new (CC-048).
    MixedStack { rolled_back: Vec<String>, kept: Vec<String>, says: String, last_lines: Vec<String> },
    /// A canonical's volumes could not be copied, looked at or removed.
    Generation { says: String },
    /// The registry could not be read or written, or did not say afterwards what was written.
    Registry { says: String },
    /// The update stopped and waits for a person.
    UpdatePaused { service: String, says: String, last_lines: Vec<String> },
    /// Someone else changed the service while we looked.
    ForeignChange { service: String, says: String },
    /// The window ended first (law 10).
    NotSettled { window_seconds: u64, waiting: Vec<String>, last_lines: Vec<String> },
    /// A probe did not get what it should.
    Probe { from: Vantage, step: ProbeStep, url: String, says: String, tries: u32, window_seconds: u64 },
    /// Data that was there before is gone or changed.
    DataLost { volume: String, says: String },
    /// Base and target run the same image digests under another label, or the label did not move (law 1).
    UpgradeChangesNothing { says: String },
    /// What runs is not what was selected (CC-027).
    WrongVersion { says: String },
    /// The release that the upgrade starts from does not come up, so the upgrade cannot be judged.
    BaseBroken { base: String, says: String },
    /// A backup or restore hook of the recipe ended badly.
    Hook {
        service: String,
        moment: HookMoment,
        exit_code: Option<i64>,
        says: String,
        last_lines: Vec<String>,
    },
    /// The release that the canonical stands on does not start on a copy of its own generation any more: there is no way
    /// back (law 3).
    NoReturn { release: String, beneath: Box<Self> },
    /// The recipe's labels say that it is backed up, and there was nothing to store.
    BackupEmpty { says: String },
    /// What the labels promise is not in the backup, or is cut off.
    BackupBroken { path: String, says: String },
    /// Restore does not bring data back: what was there at the backup is not there after the restore (CC-030).
    NotRestored { what: String, says: String },
    /// What was made after the backup is there after the restore though it should not be, or the other way round.
    AfterBackup { what: String, wanted: AfterBackup, says: String },
    /// The backup repository could not be read or written.
    Repository { says: String },
    /// The overlay's data could not be planted, so nothing can be said about it later.
    Seed { what: String, says: String },
    /// A test did not pass.
    Test { test: String, source: Source, says: String, last_lines: Vec<String> },
    /// A test could not be started, or its output is not in the form that it declares.
    TestBroken { test: String, source: Source, says: String },
    /// A log line that we know names the trouble beneath.
    Named { known: Box<Known>, service: String, line: String, beneath: Box<Self> },
    /// A limit of ours ended the tier (CC-044).
    Timeout { limit: String, seconds: u64 },
    /// The engine did not answer, or answered nonsense.
    Engine { says: String },
    /// The node lacks something: disk, memory, a network.
    Node { says: String },
    /// A bug of ours.
    Ours { says: String },
    /// Somebody asked us to stop.
    Interrupted,
    /// An earlier tier on which this one stands did not pass.
    After { tier: Tier },
}

impl Cause {
    /// Returns whose fault it is. A full match, so that a new cause has to choose.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Lint { .. }
            | Self::BadRecipe { .. }
            | Self::ImageMissing { .. }
            | Self::Rejected { .. }
            | Self::CrashLoop { .. }
            | Self::Unhealthy { .. }
            | Self::LostAfterSettled { .. }
            | Self::RolledBack { .. }
            | Self::MixedStack { .. }
            | Self::UpdatePaused { .. }
            | Self::NotSettled { .. }
            | Self::Probe { .. }
            | Self::DataLost { .. }
            | Self::UpgradeChangesNothing { .. }
            | Self::WrongVersion { .. }
            | Self::BaseBroken { .. }
            | Self::Hook { .. }
            | Self::BackupEmpty { .. }
            | Self::BackupBroken { .. }
            | Self::NotRestored { .. }
            | Self::AfterBackup { .. }
            | Self::Test { .. }
            | Self::After { .. } => Fault::Recipe,
            Self::Named { known, .. } => known.fault,
            Self::NoReturn { beneath, .. } => beneath.fault(),
            // The overlay is where a value that cannot be generated has to be given.
            Self::SecretMissing { .. } | Self::Seed { .. } | Self::TestBroken { .. } => Fault::Overlay,
            Self::ImagePull { .. }
            | Self::ForeignChange { .. }
            | Self::Timeout { .. }
            | Self::Engine { .. }
            | Self::Repository { .. }
            | Self::Generation { .. }
            | Self::Registry { .. }
            | Self::Node { .. } => Fault::Platform,
            Self::Ours { .. } | Self::Interrupted => Fault::Runner,
        }
    }

    /// Returns the stable name used in outputs that are counted.
    pub fn name(&self) -> &str {
        match self {
            Self::Lint { .. } => "lint",
            Self::BadRecipe { .. } => "bad_recipe",
            Self::SecretMissing { .. } => "secret_missing",
            Self::ImageMissing { .. } => "image_missing",
            Self::ImagePull { .. } => "image_pull",
            Self::Rejected { .. } => "rejected",
            Self::CrashLoop { .. } => "crash_loop",
            Self::Unhealthy { .. } => "unhealthy",
            Self::LostAfterSettled { .. } => "lost_after_settled",
            Self::RolledBack { .. } => "rolled_back",
            Self::MixedStack { .. } => "mixed_stack",
            Self::UpdatePaused { .. } => "update_paused",
            Self::ForeignChange { .. } => "foreign_change",
            Self::NotSettled { .. } => "not_settled",
            Self::Probe { .. } => "probe",
            Self::DataLost { .. } => "data_lost",
            Self::UpgradeChangesNothing { .. } => "upgrade_changes_nothing",
            Self::WrongVersion { .. } => "wrong_version",
            Self::BaseBroken { .. } => "base_broken",
            Self::Hook { .. } => "hook",
            Self::BackupEmpty { .. } => "backup_empty",
            Self::BackupBroken { .. } => "backup_broken",
            Self::NotRestored { .. } => "not_restored",
            Self::AfterBackup { .. } => "after_backup",
            Self::Repository { .. } => "repository",
            Self::Generation { .. } => "generation",
            Self::Registry { .. } => "registry",
            Self::Seed { .. } => "seed",
            Self::Test { .. } => "test",
            Self::TestBroken { .. } => "test_broken",
            Self::Named { known, .. } => &known.name,
            Self::NoReturn { .. } => "no_return",
            Self::Timeout { .. } => "timeout",
            Self::Engine { .. } => "engine",
            Self::Node { .. } => "node",
            Self::Ours { .. } => "ours",
            Self::Interrupted => "interrupted",
            Self::After { .. } => "after",
        }
    }

    /// Returns the log lines that belong to the cause; empty where there are none.
    pub fn last_lines(&self) -> &[String] {
        match self {
            Self::CrashLoop { last_lines, .. }
            | Self::Unhealthy { last_lines, .. }
            | Self::LostAfterSettled { last_lines, .. }
            | Self::RolledBack { last_lines, .. }
            | Self::MixedStack { last_lines, .. }
            | Self::UpdatePaused { last_lines, .. }
            | Self::Hook { last_lines, .. }
            | Self::Test { last_lines, .. }
            | Self::NotSettled { last_lines, .. } => last_lines,
            Self::Named { beneath, .. } | Self::NoReturn { beneath, .. } => beneath.last_lines(),
            Self::Lint { .. }
            | Self::BadRecipe { .. }
            | Self::SecretMissing { .. }
            | Self::ImageMissing { .. }
            | Self::ImagePull { .. }
            | Self::Rejected { .. }
            | Self::ForeignChange { .. }
            | Self::Probe { .. }
            | Self::DataLost { .. }
            | Self::UpgradeChangesNothing { .. }
            | Self::WrongVersion { .. }
            | Self::BaseBroken { .. }
            | Self::BackupEmpty { .. }
            | Self::BackupBroken { .. }
            | Self::NotRestored { .. }
            | Self::AfterBackup { .. }
            | Self::Repository { .. }
            | Self::Generation { .. }
            | Self::Registry { .. }
            | Self::Seed { .. }
            | Self::TestBroken { .. }
            | Self::Timeout { .. }
            | Self::Engine { .. }
            | Self::Node { .. }
            | Self::Ours { .. }
            | Self::Interrupted
            | Self::After { .. } => &[],
        }
    }

    /// Gives the cause the log lines that were captured for it; others keep none.
    #[must_use]
    pub fn with_last_lines(mut self, lines: Vec<String>) -> Self {
        if let Self::CrashLoop { last_lines, .. }
        | Self::Unhealthy { last_lines, .. }
        | Self::LostAfterSettled { last_lines, .. }
        | Self::RolledBack { last_lines, .. }
        | Self::MixedStack { last_lines, .. }
        | Self::UpdatePaused { last_lines, .. }
        | Self::NotSettled { last_lines, .. } = &mut self
        {
            *last_lines = lines;
        }
        self
    }

    /// Returns what was seen, without the line that names it.
    pub fn seen(&self) -> &Self {
        if let Self::Named { beneath, .. } = self { beneath.seen() } else { self }
    }

    /// Returns the service that the cause speaks of, where it is one.
    pub fn service(&self) -> Option<&str> {
        match self {
            Self::ImageMissing { service, .. }
            | Self::ImagePull { service, .. }
            | Self::Rejected { service, .. }
            | Self::CrashLoop { service, .. }
            | Self::Unhealthy { service, .. }
            | Self::LostAfterSettled { service, .. }
            | Self::RolledBack { service, .. }
            | Self::UpdatePaused { service, .. }
            | Self::Hook { service, .. }
            | Self::ForeignChange { service, .. } => Some(service),
            Self::Named { service, .. } => Some(service.as_str()).filter(|s| !s.is_empty()),
            Self::MixedStack { rolled_back, .. } => rolled_back.first().map(String::as_str),
            Self::NoReturn { beneath, .. } => beneath.service(),
            Self::Lint { .. }
            | Self::BadRecipe { .. }
            | Self::SecretMissing { .. }
            | Self::NotSettled { .. }
            | Self::Probe { .. }
            | Self::DataLost { .. }
            | Self::UpgradeChangesNothing { .. }
            | Self::WrongVersion { .. }
            | Self::BaseBroken { .. }
            | Self::BackupEmpty { .. }
            | Self::BackupBroken { .. }
            | Self::NotRestored { .. }
            | Self::AfterBackup { .. }
            | Self::Repository { .. }
            | Self::Generation { .. }
            | Self::Registry { .. }
            | Self::Seed { .. }
            | Self::Test { .. }
            | Self::TestBroken { .. }
            | Self::Timeout { .. }
            | Self::Engine { .. }
            | Self::Node { .. }
            | Self::Ours { .. }
            | Self::Interrupted
            | Self::After { .. } => None,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lint { rule, at, says, more } => {
                write!(f, "{rule} at {at}: {says}")?;
                if *more > 0 { write!(f, " (and {more} more)") } else { Ok(()) }
            }
            Self::BadRecipe { says }
            | Self::UpgradeChangesNothing { says }
            | Self::WrongVersion { says }
            | Self::Engine { says }
            | Self::Generation { says }
            | Self::Registry { says }
            | Self::Node { says } => f.write_str(says),
            Self::SecretMissing { secret, says } => write!(f, "secret `{secret}` is missing: {says}"),
            Self::ImageMissing { service, image, says } => {
                write!(f, "`{service}`: there is no image `{image}` ({says})")
            }
            Self::ImagePull { service, image, says } => {
                write!(f, "`{service}`: image `{image}` could not be fetched ({says})")
            }
            Self::Rejected { service, says } => write!(f, "`{service}` was rejected: {says}"),
            Self::CrashLoop { service, exits, exit_code, oom, says, .. } => {
                write!(f, "`{service}` left {exits} times")?;
                if let Some(code) = exit_code {
                    write!(f, ", last with code {code}")?;
                }
                if *oom {
                    f.write_str(", out of memory")?;
                }
                if says.is_empty() { Ok(()) } else { write!(f, ": {says}") }
            }
            Self::Unhealthy { service, says, .. } => write!(f, "`{service}` is unhealthy: {says}"),
            Self::LostAfterSettled { service, after_seconds, says, .. } => {
                write!(f, "`{service}` was settled and was lost {after_seconds} s later: {says}")
            }
            Self::RolledBack { service, says, .. } => {
                write!(f, "swarm rolled `{service}` back to its old spec: {says}")
            }
            Self::MixedStack { rolled_back, kept, says, .. } => write!(
                f,
                "the stack is mixed: {} rolled back while {} stayed new: {says}",
                ticked(rolled_back),
                ticked(kept)
            ),
            Self::UpdatePaused { service, says, .. } => {
                write!(f, "the update of `{service}` paused: {says}")
            }
            Self::ForeignChange { service, says } => {
                write!(f, "`{service}` was changed by somebody else: {says}")
            }
            Self::NotSettled { window_seconds, waiting, .. } => {
                write!(f, "not settled within {window_seconds} s: {}", waiting.join("; "))
            }
            Self::Probe { from, step, url, says, tries, window_seconds } => write!(
                f,
                "{step} failed from {from} at {url}: {says} ({tries} tries in a window of {window_seconds} s)"
            ),
            Self::DataLost { volume, says } => write!(f, "data in volume `{volume}` did not survive: {says}"),
            Self::Hook { service, moment, exit_code, says, .. } => {
                write!(f, "the {moment} hook of `{service}` ")?;
                match exit_code {
                    Some(code) => write!(f, "ended with code {code}")?,
                    None => f.write_str("did not end")?,
                }
                if says.is_empty() { Ok(()) } else { write!(f, ": {says}") }
            }
            Self::BackupEmpty { says } => write!(f, "the backup holds nothing: {says}"),
            Self::BackupBroken { path, says } => write!(f, "the backup of `{path}` is no good: {says}"),
            Self::NotRestored { what, says } => write!(f, "restore does not bring data back: {what}: {says}"),
            Self::AfterBackup { what, wanted, says } => {
                write!(f, "{what}, made after the backup, should be {wanted} after the restore: {says}")
            }
            Self::Repository { says } => write!(f, "the backup repository cannot be used: {says}"),
            Self::Seed { what, says } => write!(f, "{what} could not be planted: {says}"),
            Self::Test { test, source, says, .. } => write!(f, "{source} test `{test}` failed: {says}"),
            Self::TestBroken { test, source, says } => {
                write!(f, "{source} test `{test}` could not be judged: {says}")
            }
            Self::Named { known, service, line, beneath } => {
                // What a test or a seed printed belongs to no service.
                if !service.is_empty() {
                    write!(f, "`{service}`: ")?;
                }
                write!(f, "{}: {line} ({beneath})", known.says)
            }
            Self::BaseBroken { base, says } => write!(f, "the base release {base} does not come up: {says}"),
            Self::NoReturn { release, beneath } => {
                write!(f, "{release} does not start on its own data any more: {beneath}")
            }
            Self::Timeout { limit, seconds } => write!(f, "limit `{limit}` of {seconds} s was hit"),
            Self::Ours { says } => write!(f, "a bug of ours: {says}"),
            Self::Interrupted => f.write_str("interrupted"),
            Self::After { tier } => write!(f, "tier {tier}, on which it stands, did not pass"),
        }
    }
}

fn ticked(names: &[String]) -> String {
    names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
}
