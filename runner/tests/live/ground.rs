//! An instance of its own for each test, on the engine that the environment names.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// Between two looks at what is waited for: whoever looks without a pause takes one of two cores from those who work.
pub(crate) const LOOK: Duration = Duration::from_millis(10);

/// The repository's folder with what `cargo xtask up` made.
fn made() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(".simmer")
}

/// An instance in a folder that goes with the test.
pub(crate) struct Ground {
    folder: tempfile::TempDir,
}

/// What a run left to look at.
pub(crate) struct Ran {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Reads the outcome that `--json` printed.
    pub(crate) fn outcome(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no outcome: {error}\n{}\n{}", self.stdout, self.stderr))
    }
}

/// Finds a tier in an outcome.
pub(crate) fn tier<'a>(outcome: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    let tiers = outcome["tiers"].as_array().unwrap_or_else(|| panic!("no tiers: {outcome:#}"));
    tiers.iter().find(|tier| tier["tier"] == name).unwrap_or_else(|| panic!("no {name}: {outcome:#}"))
}

impl Ground {
    /// Makes an instance whose recipe comes from `samples`, `broken` or `aged`, with the overlay of that shelf's
    /// instance and these lines of settings.
    pub(crate) fn with(shelf: &str, recipe: &str, settings: &str) -> Self {
        let ground = Self { folder: tempfile::tempdir().unwrap() };
        let source = made().join(shelf).join(recipe);
        assert!(source.is_dir(), "`{}` is missing; `cargo xtask up` makes it", source.display());
        ground.write("simmer.toml", &format!("base_domain = \"live.test\"\nstate = \"state\"\n{settings}\n"));
        ground.write(&format!("recipes/{recipe}.toml"), &format!("source = {source:?}\n"));
        let instance = match shelf {
            "broken" => "samples/instance-broken",
            "aged" => "samples/instance-aged",
            _ => "samples/instance",
        };
        let overlays = made().parent().unwrap().join(instance).join("overlays").join(recipe);
        if overlays.is_dir() {
            copy(&overlays, &ground.path().join("overlays").join(recipe));
        }
        ground
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_simmer"));
        command.arg("-C").arg(self.path()).args(args).stdin(Stdio::null());
        command
    }

    pub(crate) fn simmer(&self, args: &[&str]) -> Ran {
        told(self.command(args).output().unwrap())
    }

    /// Starts a command and waits until its story holds a word.
    pub(crate) fn until(&self, args: &[&str], word: &str) -> Child {
        let log = std::fs::File::create(self.path().join("story")).unwrap();
        let mut child = self.command(args).stderr(log).stdout(Stdio::null()).spawn().unwrap();
        let began = std::time::Instant::now();
        while !std::fs::read_to_string(self.path().join("story")).unwrap().contains(word) {
            let story = || std::fs::read_to_string(self.path().join("story")).unwrap();
            assert!(child.try_wait().unwrap().is_none(), "it ended before `{word}`: {}", story());
            assert!(began.elapsed().as_secs() < 300, "`{word}` did not come: {}", story());
            std::thread::sleep(LOOK);
        }
        child
    }

    /// Asserts that nothing of this instance is in the swarm. What others have there is theirs.
    pub(crate) fn assert_nothing_left(&self) {
        let gc = self.simmer(&["gc", "--dry-run", "--json"]);
        let found = gc.outcome();
        let ours: Vec<_> = found.as_array().unwrap().iter().filter(|run| run["fate"] != "foreign").collect();
        assert!(ours.is_empty(), "{ours:#?}\n{}", gc.stderr);
    }

    /// Returns every file that the runs of this instance wrote, with its bytes.
    pub(crate) fn evidence(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut folders = vec![self.path().join("state").join("runs")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                match entry.file_type().unwrap().is_dir() {
                    true => folders.push(entry.path()),
                    false => files.push((entry.path(), std::fs::read(entry.path()).unwrap())),
                }
            }
        }
        files
    }
}

pub(crate) fn told(output: Output) -> Ran {
    Ran {
        exit: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}
