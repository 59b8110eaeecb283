//! `overlays/<name>/overlay.toml`: what we add for a recipe. It adds to the generic floor and never
//! removes from it.

pub mod ask;
mod asks;
mod page;
mod parts;
mod range;
mod setting;
mod way_back;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::{RecipeName, Tier};
use toml::de::DeTable;

pub use parts::{BackupWants, ImageSpec, SignatureSpec, VerifyPath, WaiverSpec, Weight};
pub use setting::{Origin, Setting};
pub use way_back::VerifyReturn;

use super::problem::{ConfigProblem, ConfigProblems};
use ask::{CountSpec, DatumSpec, ReadySpec, TestSpec};
use asks::{Ground, inside};
use page::{Page, Section};
use parts::{Names, window};

/// A checked overlay.
#[derive(Clone, Debug)]
pub struct Overlay {
    /// The overlay's folder; relative paths in its compose files are meant from the recipe's root.
    pub folder: PathBuf,
    pub health: Health,
    /// Values that win over `.env.sample`.
    pub env: BTreeMap<String, String>,
    /// Values for secrets that cannot be generated, by the secret's name in the recipe.
    pub secrets: BTreeMap<String, String>,
    /// Extra compose files, absolute, loaded after the recipe's own.
    pub compose: Vec<PathBuf>,
    /// Tags of the bases of the upgrade; empty for the newest older release.
    pub bases: Vec<String>,
    pub expected_na: Vec<(Tier, String)>,
    /// The service that generic checks mean (CC-038).
    pub primary_service: String,
    pub probes: Vec<ProbeSpec>,
    /// Providers that have to be up, by the name of their recipe.
    pub needs: Vec<RecipeName>,
    /// For admission.
    pub weight: Weight,
    pub backup: BackupWants,
    pub verify_return: VerifyReturn,
    /// Images to build before a run.
    pub images: Vec<ImageSpec>,
    /// What has to hold before the tests of a tier begin (CC-043).
    pub readiness: Vec<ReadySpec>,
    pub data: Vec<DatumSpec>,
    pub tests: Vec<TestSpec>,
    pub fingerprints: Vec<CountSpec>,
    pub waivers: Vec<WaiverSpec>,
    pub signatures: Vec<SignatureSpec>,
}

/// How the app shows that it serves.
#[derive(Clone, Debug)]
pub struct Health {
    /// Asked through the edge and at the task (CC-023). `None`: `/`, and any answer below 500 will do.
    pub path: Option<String>,
    /// Asked under this name in front of the stack's domain, such as `api` for `api.<domain>`.
    pub host: Option<String>,
    /// Statuses that are good. Empty: 200 when a path was given, any below 500 when not.
    pub status: Vec<u16>,
    /// Text that the body has to contain.
    pub body: Option<String>,
    /// Longest time from apply to settled, and from settled to a good answer (CC-024).
    pub window: Duration,
    /// How long a settled stack is watched on (CC-047).
    pub soak: Duration,
}

/// A further probe of the overlay.
#[derive(Clone, Debug)]
pub struct ProbeSpec {
    pub name: String,
    pub service: String,
    pub kind: ProbeKind,
    pub window: Duration,
}

/// What a probe asks.
#[derive(Clone, Debug)]
pub enum ProbeKind {
    Http { port: u16, path: String, check: Check },
    Tcp { port: u16 },
    Tls { port: u16 },
    Exec { command: Vec<String>, contains: Option<String> },
    Log { contains: String },
}

/// What an HTTP answer has to be.
#[derive(Clone, Debug, Default)]
pub struct Check {
    pub status: Vec<u16>,
    pub headers: BTreeMap<String, String>,
    pub contains: Option<String>,
}

impl Overlay {
    /// Reads an overlay's folder; an absent one is an empty overlay.
    pub(super) fn read(folder: &Path) -> Result<Self, ConfigProblems> {
        Self::read_settings(folder).map(|(overlay, _)| overlay)
    }

    /// Reads an overlay's folder, and tells where every setting came from.
    pub(super) fn read_settings(folder: &Path) -> Result<(Self, Vec<Setting>), ConfigProblems> {
        let file = folder.join("overlay.toml");
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(ConfigProblem::at_file(&file, format!("could not be read: {error}"), "").into());
            }
        };
        Self::check(&text, &file, folder)
    }

    /// Returns the overlay of a recipe that has none.
    pub fn empty() -> Self {
        let (overlay, _) = Self::check("", Path::new("overlay.toml"), Path::new("."))
            .expect("an empty overlay has nothing in it that could be wrong");
        overlay
    }

    /// Reads a text. All problems come at once, by line.
    pub(super) fn check(
        text: &str,
        file: &Path,
        folder: &Path,
    ) -> Result<(Self, Vec<Setting>), ConfigProblems> {
        let page = Page::new(file, text);
        let (table, broken) = DeTable::parse_recoverable(text);
        // What follows a broken line is a guess: its author mends the syntax first.
        if !broken.is_empty() {
            let mut problems = ConfigProblems::default();
            for error in broken {
                let line = error.span().map_or(0, |span| page.line_of(span.start));
                let problem =
                    ConfigProblem::at_file(file, error.message(), "this is not TOML, see https://toml.io");
                problems.push(problem.on_line(line));
            }
            return Err(problems);
        }
        let overlay = read_root(page.root(table.get_ref()), folder);
        let (problems, settings) = page.close();
        if problems.is_empty() { Ok((overlay, settings)) } else { Err(problems) }
    }
}

fn read_root(root: Section<'_>, folder: &Path) -> Overlay {
    let primary_service =
        root.text_or("primary_service", "app", "the convention's name for the main service");
    let ground = Ground { folder, primary: &primary_service };
    let overlay = Overlay {
        folder: folder.to_owned(),
        health: health(root.table("health")),
        env: root.map("env"),
        secrets: root.map("secrets"),
        compose: compose(&root, folder),
        bases: root.texts("bases"),
        expected_na: expected_na(&root),
        probes: probes(root.tables("probe"), &primary_service),
        needs: needs(&root),
        weight: parts::weight(root.table("weight")),
        backup: parts::backup(root.table("backup")),
        verify_return: way_back::verify_return(&root),
        images: parts::images(root.tables("image"), ground),
        readiness: parts::readiness(root.tables("readiness"), ground),
        data: parts::data(root.tables("data"), ground),
        tests: parts::tests(root.tables("test"), ground),
        fingerprints: parts::fingerprints(root.tables("fingerprint"), ground),
        waivers: parts::waivers(root.tables("waiver")),
        signatures: parts::signatures(root.tables("signature")),
        primary_service: primary_service.clone(),
    };
    root.finish();
    overlay
}

fn compose(root: &Section<'_>, folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in root.texts("compose") {
        match inside(folder, &path) {
            Ok(file) if file.is_file() => files.push(file),
            Ok(_) => root.wrong("compose", format!("`{path}` is a folder"), "name a compose file"),
            Err((says, hint)) => root.wrong("compose", says, hint),
        }
    }
    files
}

fn needs(root: &Section<'_>) -> Vec<RecipeName> {
    let mut names = Vec::new();
    for name in root.texts("needs") {
        match RecipeName::parse(&name) {
            Ok(name) => names.push(name),
            Err(bad) => root.wrong("needs", bad.to_string(), "name a provider as its recipe is named"),
        }
    }
    names
}

fn expected_na(root: &Section<'_>) -> Vec<(Tier, String)> {
    let mut tiers = Vec::new();
    for (word, why) in root.map("expected_na") {
        match word.parse::<Tier>() {
            Ok(Tier::Lint | Tier::Install | Tier::Advance) => {
                root.wrong_in(
                    "expected_na",
                    &word,
                    "lint and install apply to every recipe",
                    "waive single lint rules with `[[waiver]]` instead",
                );
            }
            Ok(_) if why.trim().is_empty() => {
                root.wrong_in(
                    "expected_na",
                    &word,
                    "a tier is not left out without a reason",
                    "say why it does not apply",
                );
            }
            Ok(tier @ (Tier::Upgrade | Tier::Backup | Tier::Restore | Tier::Custom)) => {
                tiers.push((tier, why));
            }
            Err(error) => root.wrong_in("expected_na", &word, &error.to_string(), ""),
        }
    }
    tiers
}

fn health(at: Section<'_>) -> Health {
    let path = at.text("path");
    if let Some(path) = path.as_deref().filter(|p| !p.starts_with('/')) {
        at.wrong(
            "path",
            format!("`{path}` does not begin with `/`"),
            "give the path part of the address, such as \"/healthz\"",
        );
    }
    let health = Health {
        path,
        host: at.text("host"),
        status: at.statuses("status"),
        body: at.text("body"),
        window: window(&at, "a cold first boot of a large app on a shared node (CC-024)"),
        soak: at.length_or("soak", "10s", "longer than the engine's own monitor window of 5 s (CC-047)"),
    };
    at.finish();
    health
}

fn probes(list: Vec<Section<'_>>, primary: &str) -> Vec<ProbeSpec> {
    let mut names = Names::default();
    list.into_iter().filter_map(|at| probe(at, primary, &mut names)).collect()
}

#[derive(Clone, Copy)]
enum Kind {
    Http,
    Tcp,
    Tls,
    Exec,
    Log,
}

fn probe(at: Section<'_>, primary: &str, names: &mut Names) -> Option<ProbeSpec> {
    let name = names.take(&at, "name", "what it asks, for people");
    let kinds = [
        ("http", Kind::Http),
        ("tcp", Kind::Tcp),
        ("tls", Kind::Tls),
        ("exec", Kind::Exec),
        ("log", Kind::Log),
    ];
    if !at.has("kind") {
        at.wrong(
            "",
            "it has no `kind`",
            "add `kind = \"http\"`, `\"tcp\"`, `\"tls\"`, `\"exec\"` or `\"log\"`",
        );
    }
    let kind = at.word("kind", &kinds);
    let service = at.text_or("service", primary, "the primary service");
    let window = window(&at, "a cold first boot of a large app on a shared node (CC-024)");
    let kind = kind.and_then(|kind| {
        // Known whatever the kind, and refused where they say nothing.
        let useful: &[&str] = match kind {
            Kind::Http => &["port", "path", "status", "header", "contains"],
            Kind::Tcp | Kind::Tls => &["port"],
            Kind::Exec => &["command", "contains"],
            Kind::Log => &["contains"],
        };
        let all = ["port", "command", "path", "status", "header", "contains"];
        for key in all.into_iter().filter(|k| !useful.contains(k)) {
            at.skip(key);
            if at.has(key) {
                at.wrong(
                    key,
                    "it says nothing about a probe of this kind",
                    &format!(
                        "use {}",
                        useful.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ")
                    ),
                );
            }
        }
        Some(match kind {
            Kind::Http => {
                let path = at.text_or("path", "/", "the app's own page");
                if !path.starts_with('/') {
                    at.wrong("path", format!("`{path}` does not begin with `/`"), "");
                }
                let mut status = at.statuses("status");
                if status.is_empty() {
                    status.push(200);
                }
                let check = Check { status, headers: at.map("header"), contains: at.text("contains") };
                ProbeKind::Http { port: at.needed_port("port")?, path, check }
            }
            Kind::Tcp => ProbeKind::Tcp { port: at.needed_port("port")? },
            Kind::Tls => ProbeKind::Tls { port: at.needed_port("port")? },
            Kind::Exec => {
                let contains = at.text("contains");
                ProbeKind::Exec { command: at.needed_command("command")?, contains }
            }
            Kind::Log => ProbeKind::Log { contains: at.needed_text("contains", "a text to find")? },
        })
    });
    at.finish();
    Some(ProbeSpec { name: name?, service, kind: kind?, window })
}

#[cfg(test)]
mod tests;
