//! An instance: `simmer.toml` beside `recipes/` and `overlays/` (DESIGN 11).

mod canonicals;
mod enrolment;
mod overlay;
mod problem;
mod settings;

pub use enrolment::Enrolment;
pub use overlay::{
    BackupWants, Check, Health, ImageSpec, Origin, Overlay, ProbeKind, ProbeSpec, Setting, SignatureSpec,
    VerifyPath, VerifyReturn, WaiverSpec, Weight, ask,
};
pub(crate) use problem::read_duration;
pub use problem::{ConfigProblem, ConfigProblems};
pub use settings::{BackupSettings, EdgeKind, EdgeSettings, Endpoint, Settings};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use domain::RecipeName;
use domain::names::{Collision, Owner};

/// A checked instance. No field needs checking again.
#[derive(Clone, Debug)]
pub struct Instance {
    pub folder: PathBuf,
    pub settings: Settings,
    pub recipes: BTreeMap<RecipeName, Enrolment>,
}

impl Instance {
    /// Reads and checks a whole instance. All problems of all files come at once.
    pub fn open(folder: &Path) -> Result<Self, ConfigProblems> {
        let folder = &std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let mut problems = ConfigProblems::default();
        let file = folder.join("simmer.toml");
        let settings = match std::fs::read_to_string(&file) {
            Ok(text) => problems.take(Settings::check(&text, &file, folder)),
            Err(error) => {
                problems.push(ConfigProblem::at_file(
                    &file,
                    format!("an instance needs this file, and it could not be read: {error}"),
                    "name an instance's folder with `--instance DIR`, or run in one",
                ));
                None
            }
        };
        let recipes = read_recipes(&folder.join("recipes"), folder, &mut problems);
        if let Some(settings) = &settings {
            for collision in settings.allotter.collisions(recipes.keys()) {
                problems.push(collided(folder, &collision));
            }
        }
        match settings {
            Some(settings) if problems.is_empty() => Ok(Self { folder: folder.clone(), settings, recipes }),
            Some(_) | None => Err(problems),
        }
    }

    /// Returns the recipe's enrolment; the error names those that are enrolled.
    pub fn recipe(&self, name: &str) -> Result<(&RecipeName, &Enrolment), ConfigProblem> {
        self.recipes.iter().find(|(n, _)| n.as_str() == name).ok_or_else(|| {
            let known: Vec<_> = self.recipes.keys().map(|n| format!("`{n}`")).collect();
            ConfigProblem::at_file(
                &self.folder.join("recipes").join(format!("{name}.toml")),
                format!("no recipe `{name}` is enrolled here"),
                &if known.is_empty() {
                    "enrol one: a file with `source = \"<git address>\"`".to_owned()
                } else {
                    format!("enrolled are {}", known.join(", "))
                },
            )
        })
    }

    /// Returns the instance's id, made at the first call and kept in the state folder. Objects in the
    /// swarm carry it, so that two instances on one engine never clear up after each other.
    pub fn id(&self) -> std::io::Result<String> {
        let file = self.settings.state.join("instance-id");
        match std::fs::read_to_string(&file) {
            Ok(id) if !id.trim().is_empty() => return Ok(id.trim().to_owned()),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        std::fs::create_dir_all(&self.settings.state)?;
        let id = std::fs::read_to_string("/proc/sys/kernel/random/uuid")?;
        // Two that start at once: the first link wins, and both read what it says.
        let mine = self.settings.state.join(format!("instance-id.{}", std::process::id()));
        std::fs::write(&mine, &id)?;
        let linked = std::fs::hard_link(&mine, &file);
        std::fs::remove_file(&mine)?;
        match linked {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        Ok(std::fs::read_to_string(&file)?.trim().to_owned())
    }

    /// Reads the recipe's overlay; an empty one where there is none.
    pub fn overlay(&self, name: &RecipeName) -> Result<Overlay, ConfigProblems> {
        Overlay::read(&self.overlay_folder(name))
    }

    /// Reads the recipe's overlay, and tells every setting with where it came from.
    pub fn overlay_settings(&self, name: &RecipeName) -> Result<(Overlay, Vec<Setting>), ConfigProblems> {
        Overlay::read_settings(&self.overlay_folder(name))
    }

    /// Returns where the recipe's overlay is, or would be.
    pub fn overlay_folder(&self, name: &RecipeName) -> PathBuf {
        self.folder.join("overlays").join(name.as_str())
    }
}

/// Two names that would be served at one domain, or share a stack: told with both owners and their files (CC-185).
fn collided(folder: &Path, collision: &Collision) -> ConfigProblem {
    let file = |owner: &Owner| match owner {
        Owner::Canonical(recipe) => Path::new("recipes").join(format!("{recipe}.toml")),
        Owner::Provider(_) | Owner::Reserved(_) | Owner::Run => PathBuf::from("simmer.toml"),
    };
    let (one, other) = (file(&collision.one), file(&collision.other));
    let remedy = match (&collision.one, &collision.other) {
        (Owner::Provider(provider), _) | (_, Owner::Provider(provider)) => {
            format!("give the provider `{provider}` another domain, or rename the recipe")
        }
        (Owner::Canonical(_) | Owner::Reserved(_) | Owner::Run, _) => {
            "rename one of them; `_` and `-` are the same in a domain".to_owned()
        }
    };
    let says = format!("{collision} (the other is declared in {})", other.display());
    ConfigProblem::at_file(&folder.join(one), says, &remedy)
}

fn read_recipes(
    folder: &Path,
    root: &Path,
    problems: &mut ConfigProblems,
) -> BTreeMap<RecipeName, Enrolment> {
    let mut recipes = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return recipes };
    let mut files: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    files.sort();
    for file in files.into_iter().filter(|f| f.extension().is_some_and(|e| e == "toml")) {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let name = match RecipeName::parse(&stem) {
            Ok(name) => name,
            Err(bad) => {
                problems.push(ConfigProblem::at_file(&file, bad.to_string(), "rename the file"));
                continue;
            }
        };
        match std::fs::read_to_string(&file) {
            Ok(text) => {
                if let Some(enrolment) = problems.take(Enrolment::check(&text, &file, root)) {
                    recipes.insert(name, enrolment);
                }
            }
            Err(error) => problems.push(ConfigProblem::at_file(
                &file,
                format!("could not be read: {error}"),
                "mend its permissions",
            )),
        }
    }
    recipes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an instance with these recipes and this end of its `simmer.toml` is told.
    fn told(recipes: &[&str], more: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let recipes_folder = folder.path().join("recipes");
        std::fs::create_dir(&recipes_folder).unwrap();
        let settings = format!("base_domain = \"ci.test\"\nstate = \"state\"\n{more}");
        std::fs::write(folder.path().join("simmer.toml"), settings).unwrap();
        for recipe in recipes {
            let file = recipes_folder.join(format!("{recipe}.toml"));
            std::fs::write(file, "source = \"https://git.test/r\"\ncanonical = true\n").unwrap();
        }
        match Instance::open(folder.path()) {
            Ok(instance) => instance
                .recipes
                .keys()
                .map(|recipe| instance.settings.allotter.canonical(recipe).to_string())
                .collect::<Vec<_>>()
                .join("\n"),
            Err(problems) => problems.to_string().replace(&folder.path().display().to_string(), "."),
        }
    }

    #[test]
    fn cc_118_a_declared_provider_moves_the_canonical_of_its_recipe() {
        let providers = "[providers]\nkeycloak = \"warm-keycloak.ci.test\"\nmail = \"\"\n";
        insta::assert_snapshot!(told(&["gitea", "keycloak", "mail"], providers), @r"
        warm-gitea.ci.test
        warm-canon-keycloak.ci.test
        warm-mail.ci.test
        ");
    }

    #[test]
    fn cc_185_collisions_are_refused_when_the_instance_is_opened_with_both_owners_and_files() {
        insta::assert_snapshot!(told(&["a-b", "a_b"], ""), @r"
        ./recipes/a-b.toml: the canonical of recipe `a-b` and the canonical of recipe `a_b` would both be served at `warm-a-b.ci.test` (the other is declared in recipes/a_b.toml)
          hint: rename one of them; `_` and `-` are the same in a domain
        ");
        let providers = "[providers]\none = \"warm-a.ci.test\"\ntwo = \"warm-canon-a.ci.test\"\n";
        insta::assert_snapshot!(told(&["a"], providers), @r"
        ./recipes/a.toml: the canonical of recipe `a` and provider `two` would both be served at `warm-canon-a.ci.test` (the other is declared in simmer.toml)
          hint: give the provider `two` another domain, or rename the recipe
        ");
        insta::assert_snapshot!(told(&[], "[providers]\nsso = \"run-00c0ffeea.ci.test\"\n"), @r"
        ./simmer.toml: `providers.sso`: provider `sso` and every run would both be served at `run-00c0ffeea.ci.test`
          hint: give it a domain of its own; runs and the dashboard keep theirs
        ");
    }
}
