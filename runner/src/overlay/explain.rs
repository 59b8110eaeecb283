//! `simmer overlay explain`: every setting that holds for a recipe, and where it came from.

use std::path::{Path, PathBuf};

use compose::recipe::labels as coop;
use domain::RecipeName;

use super::Releases;
use crate::instance::{Instance, Origin, Overlay, Setting};
use crate::mask::Masker;

/// One line of the manifest.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Row {
    pub key: String,
    /// Secrets are blanked out.
    pub value: toml::Value,
    pub from: Source,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Source {
    /// `overlay.toml`, `simmer.toml` or the enrolment.
    File {
        file: PathBuf,
        line: usize,
    },
    Default {
        why: String,
    },
    /// A label of the recipe at its newest release.
    RecipeLabel {
        release: String,
        service: String,
        label: String,
    },
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File { file, line } => write!(f, "{}:{line}", file.display()),
            Self::Default { why } => write!(f, "default: {why}"),
            Self::RecipeLabel { release, service, label } => {
                write!(f, "recipe {release}: label `{label}` of `{service}`")
            }
        }
    }
}

const MASK: &str = "********";

/// Resolves everything that holds for a recipe. Without `releases` the recipe's own labels are left out.
pub fn explain(
    instance: &Instance,
    name: &RecipeName,
    overlay: &Overlay,
    settings: &[Setting],
    releases: Option<&Releases>,
) -> Vec<Row> {
    let masker = Masker::default();
    for value in overlay.secrets.values() {
        masker.add(value);
    }
    let file = instance.overlay_folder(name).join("overlay.toml");
    let mut rows: Vec<Row> = settings.iter().map(|setting| row(setting, relative(instance, &file))).collect();
    for (title, path) in [
        ("simmer", instance.folder.join("simmer.toml")),
        ("recipe", instance.folder.join("recipes").join(format!("{name}.toml"))),
    ] {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        for setting in Setting::of_text(&text) {
            let setting = Setting { key: format!("{title}.{}", setting.key), ..setting };
            rows.push(row(&setting, relative(instance, &path)));
        }
    }
    rows.extend(releases.into_iter().flat_map(|releases| labels(overlay, releases)));
    for row in &mut rows {
        if hides(&row.key) {
            row.value = MASK.into();
        } else {
            blank(&mut row.value, &row.key, &masker);
        }
    }
    rows
}

fn relative<'p>(instance: &Instance, path: &'p Path) -> &'p Path {
    path.strip_prefix(&instance.folder).unwrap_or(path)
}

fn row(setting: &Setting, file: &Path) -> Row {
    let Setting { key, value, from } = setting.clone();
    let from = match from {
        Origin::File { line } => Source::File { file: file.to_owned(), line },
        Origin::Default { why } => Source::Default { why },
    };
    Row { key, value, from }
}

/// What the recipe says about itself and we act on.
fn labels(overlay: &Overlay, releases: &Releases) -> Vec<Row> {
    let Some(tree) = releases.trees.first() else { return Vec::new() };
    let Ok(read) = tree.read(overlay, &releases.domain, &releases.stack) else { return Vec::new() };
    let mut rows = Vec::new();
    for (service, about) in &read.loaded.model.services {
        let ours = |label: &&String| {
            label.starts_with("backupbot.") || label.starts_with("coop-cloud.") || label.ends_with(".rule")
        };
        for (label, value) in about.deploy.labels.iter().filter(|(label, _)| ours(label)) {
            rows.push(Row {
                key: Setting::key_in(&format!("labels.{service}"), label),
                value: value.as_str().into(),
                from: Source::RecipeLabel {
                    release: tree.label.clone(),
                    service: service.clone(),
                    label: label.clone(),
                },
            });
        }
    }
    let timeout = coop::timeout_seconds(&read.loaded.model, &releases.stack, &read.environment);
    if let Some(seconds) = timeout.map(|t| t.to_string()) {
        rows.push(Row {
            key: "labels.timeout".into(),
            value: seconds.into(),
            from: Source::RecipeLabel {
                release: tree.label.clone(),
                service: overlay.primary_service.clone(),
                label: "timeout, or `TIMEOUT`".into(),
            },
        });
    }
    rows
}

/// Whether a key holds a secret by its place or its name.
fn hides(key: &str) -> bool {
    if key.starts_with("secrets.") {
        return true;
    }
    let name = key.rsplit('.').next().unwrap_or(key).trim_matches('"').to_lowercase();
    let telling = ["password", "passwd", "secret", "token", "api_key", "apikey", "authorization", "cookie"];
    let is_text = [".env.", ".headers.", ".args."].iter().any(|t| format!(".{key}").contains(t));
    is_text && telling.iter().any(|word| name.contains(word))
}

/// Blanks out the password of `user = ["name", "password"]`, and every value that is a secret elsewhere.
fn blank(value: &mut toml::Value, key: &str, masker: &Masker) {
    match value {
        toml::Value::String(text) => *text = masker.mask(text),
        toml::Value::Array(list) => {
            if key.ends_with(".http.user") && list.len() == 2 {
                list[1] = MASK.into();
            }
            for item in list {
                blank(item, "", masker);
            }
        }
        toml::Value::Table(table) => {
            for (_, item) in table.iter_mut() {
                blank(item, "", masker);
            }
        }
        toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn law_11_a_value_is_hidden_by_its_place_or_its_name() {
        for key in ["secrets.db", "env.SMTP_PASSWORD", "test[0].http.headers.Authorization", "env.API_TOKEN"]
        {
            assert!(hides(key), "{key}");
        }
        for key in ["env.LETTERS", "health.path", "test[0].name", "weight.memory"] {
            assert!(!hides(key), "{key}");
        }
    }

    #[test]
    fn law_11_a_password_of_a_request_is_hidden_and_its_user_is_not() {
        let mut value = toml::Value::from(vec!["admin", "pw"]);
        blank(&mut value, "data[0].seed.http.user", &Masker::default());
        assert_eq!(value.to_string(), "[\"admin\", \"********\"]");
    }
}
