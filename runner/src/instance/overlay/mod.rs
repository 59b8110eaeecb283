//! `overlays/<name>/overlay.toml`: what we add for a recipe. It adds to the generic floor and never
//! removes from it.

pub mod ask;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::Tier;

use super::problem::{ConfigProblem, ConfigProblems, DURATION_HINT, read_duration, read_toml};

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOverlay {
    #[serde(default)]
    health: RawHealth,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    secrets: BTreeMap<String, String>,
    #[serde(default)]
    compose: Vec<String>,
    #[serde(default)]
    bases: Vec<String>,
    #[serde(default)]
    expected_na: BTreeMap<String, String>,
    primary_service: Option<String>,
    #[serde(default)]
    probe: Vec<RawProbe>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHealth {
    path: Option<String>,
    host: Option<String>,
    status: Option<Vec<u16>>,
    body: Option<String>,
    window: Option<String>,
    soak: Option<String>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProbe {
    name: String,
    kind: RawKind,
    service: Option<String>,
    port: Option<u16>,
    command: Option<Vec<String>>,
    path: Option<String>,
    status: Option<Vec<u16>>,
    header: Option<BTreeMap<String, String>>,
    contains: Option<String>,
    window: Option<String>,
}

#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawKind {
    Http,
    Tcp,
    Tls,
    Exec,
    Log,
}

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

/// Ten minutes: a cold first boot of a large app on a shared node (CC-024).
const WINDOW: Duration = Duration::from_secs(600);
/// Longer than the engine's default monitor window of 5 s, within which it would notice itself.
const SOAK: Duration = Duration::from_secs(10);

impl Overlay {
    /// Reads an overlay's folder; an absent one is an empty overlay.
    pub(super) fn read(folder: &Path) -> Result<Self, ConfigProblems> {
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
        Self::check("", Path::new("overlay.toml"), Path::new("."))
            .expect("an empty overlay has nothing in it that could be wrong")
    }

    fn check(text: &str, file: &Path, folder: &Path) -> Result<Self, ConfigProblems> {
        let RawOverlay { health, env, secrets, compose, bases, expected_na, primary_service, probe } =
            read_toml(text, file)?;
        let mut problems = ConfigProblems::default();
        let primary_service = primary_service.unwrap_or_else(|| "app".into());
        let health = problems.take(check_health(health, file));
        let probes: Vec<_> = probe
            .into_iter()
            .enumerate()
            .filter_map(|(nth, raw)| problems.take(check_probe(raw, nth, &primary_service, file)))
            .collect();
        let expected_na = expected_na
            .into_iter()
            .filter_map(|(tier, why)| match tier.parse::<Tier>() {
                Ok(Tier::Lint | Tier::Install) => {
                    problems.push(ConfigProblem::at_key(
                        file,
                        &format!("expected_na.{tier}"),
                        "lint and install apply to every recipe",
                        "waive single lint rules instead",
                    ));
                    None
                }
                Ok(tier) if why.trim().is_empty() => {
                    problems.push(ConfigProblem::at_key(
                        file,
                        &format!("expected_na.{tier}"),
                        "a tier is not left out without a reason",
                        "say why it does not apply",
                    ));
                    None
                }
                Ok(tier) => Some((tier, why)),
                Err(error) => {
                    problems.push(ConfigProblem::at_key(file, "expected_na", error.to_string(), ""));
                    None
                }
            })
            .collect();
        let compose: Vec<PathBuf> = compose.iter().map(|c| folder.join(c)).collect();
        for path in compose.iter().filter(|p| !p.is_file()) {
            problems.push(ConfigProblem::at_key(
                file,
                "compose",
                format!("there is no file `{}`", path.display()),
                "paths are meant from the overlay's folder",
            ));
        }
        match health {
            Some(health) if problems.is_empty() => Ok(Self {
                folder: folder.to_owned(),
                health,
                env,
                secrets,
                compose,
                bases,
                expected_na,
                primary_service,
                probes,
            }),
            Some(_) | None => Err(problems),
        }
    }
}

fn duration(
    text: Option<&str>,
    default: Duration,
    key: &str,
    file: &Path,
) -> Result<Duration, ConfigProblem> {
    match text.map(read_duration).transpose() {
        Ok(value) => Ok(value.unwrap_or(default)),
        Err(says) => Err(ConfigProblem::at_key(file, key, says, DURATION_HINT)),
    }
}

fn check_health(raw: RawHealth, file: &Path) -> Result<Health, ConfigProblems> {
    let RawHealth { path, host, status, body, window, soak } = raw;
    let mut problems = ConfigProblems::default();
    if let Some(path) = path.as_deref().filter(|p| !p.starts_with('/')) {
        problems.push(ConfigProblem::at_key(
            file,
            "health.path",
            format!("`{path}` does not begin with `/`"),
            "give the path part of the address, such as \"/healthz\"",
        ));
    }
    for status in status.iter().flatten().filter(|s| !(100..600).contains(*s)) {
        problems.push(ConfigProblem::at_key(
            file,
            "health.status",
            format!("{status} is not an HTTP status"),
            "",
        ));
    }
    let mut keep = |checked: Result<Duration, ConfigProblem>| {
        checked.map_err(|problem| problems.push(problem)).unwrap_or_default()
    };
    let window = keep(duration(window.as_deref(), WINDOW, "health.window", file));
    let soak = keep(duration(soak.as_deref(), SOAK, "health.soak", file));
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Health { path, host, status: status.unwrap_or_default(), body, window, soak })
}

fn check_probe(raw: RawProbe, nth: usize, primary: &str, file: &Path) -> Result<ProbeSpec, ConfigProblems> {
    let RawProbe { name, kind, service, port, command, path, status, header, contains, window } = raw;
    let key = |what: &str| format!("probe[{nth}].{what}");
    let missing = |what: &str, why: &str| -> ConfigProblems {
        ConfigProblem::at_key(file, &key(what), format!("probe `{name}` {why}"), "add the key").into()
    };
    let window = duration(window.as_deref(), WINDOW, &key("window"), file)?;
    let port = port.ok_or_else(|| missing("port", "needs a port"));
    let kind = match kind {
        RawKind::Http => ProbeKind::Http {
            port: port?,
            path: path.unwrap_or_else(|| "/".into()),
            check: Check {
                status: status.unwrap_or_else(|| vec![200]),
                headers: header.unwrap_or_default(),
                contains,
            },
        },
        RawKind::Tcp => ProbeKind::Tcp { port: port? },
        RawKind::Tls => ProbeKind::Tls { port: port? },
        RawKind::Exec => ProbeKind::Exec {
            command: command.ok_or_else(|| missing("command", "of kind `exec` needs a command"))?,
            contains,
        },
        RawKind::Log => ProbeKind::Log {
            contains: contains.ok_or_else(|| missing("contains", "of kind `log` needs a text to find"))?,
        },
    };
    Ok(ProbeSpec { name, service: service.unwrap_or_else(|| primary.to_owned()), kind, window })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(text: &str) -> String {
        match Overlay::check(text, Path::new("overlay.toml"), Path::new(".")) {
            Ok(_) => "good".into(),
            Err(problems) => problems.to_string(),
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_names_that_were_expected() {
        let said = says("[health]\npaht = \"/\"\n");
        assert!(said.contains("line 2, column 1"), "{said}");
        assert!(said.contains("unknown field `paht`, expected one of `path`"), "{said}");
    }

    #[test]
    fn every_problem_of_an_overlay_comes_at_once() {
        insta::assert_snapshot!(says(r#"
            compose = ["compose.nowhere.yml"]
            [health]
            path = "healthz"
            window = "10"
            status = [200, 1000]
            [expected_na]
            install = "no"
            upgrade = ""
            [[probe]]
            name = "up"
            kind = "tcp"
        "#), @r#"
        overlay.toml: `health.path`: `healthz` does not begin with `/`
          hint: give the path part of the address, such as "/healthz"
        overlay.toml: `health.status`: 1000 is not an HTTP status
        overlay.toml: `health.window`: `10` has no unit
          hint: write a number with `s`, `m` or `h`, such as "90s" or "10m"
        overlay.toml: `probe[0].port`: probe `up` needs a port
          hint: add the key
        overlay.toml: `expected_na.install`: lint and install apply to every recipe
          hint: waive single lint rules instead
        overlay.toml: `expected_na.upgrade`: a tier is not left out without a reason
          hint: say why it does not apply
        overlay.toml: `compose`: there is no file `./compose.nowhere.yml`
          hint: paths are meant from the overlay's folder
        "#);
    }

    #[test]
    fn an_empty_overlay_has_long_windows_and_means_the_service_app() {
        let overlay = Overlay::check("", Path::new("overlay.toml"), Path::new(".")).unwrap();
        assert_eq!(overlay.primary_service, "app");
        assert_eq!(overlay.health.window.as_secs(), 600);
    }
}
