//! The recipe's own tests: programs in its `tests/` folder, found without being named anywhere.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use domain::Tier;
use domain::data::Source;

use super::declared::{Asked, Came, carry_out};
use super::program::Called;
use super::scene::{Author, Marker, Scene};
use super::test::{Examined, examined};
use crate::instance::ask::{Ask, Expect, How, Speaks};

/// Longest time of one of the recipe's own tests: nobody wrote a limit down.
const DEADLINE: Duration = Duration::from_secs(600);
/// Most tests that are taken from one folder; more are a mistake, or meant to keep us busy.
const MOST: usize = 200;

/// One of the recipe's own tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnTest {
    /// Its path under `tests/`.
    pub name: String,
    pub tier: Tier,
    /// The recipe's root.
    pub root: PathBuf,
}

/// Finds a recipe's own tests of a tier: what is executable or named `test_*.py` (`*_test.py`), in `tests/<tier>/`,
/// and for the custom tier in `tests/` itself. Links are left out: they could lead anywhere.
pub fn own_tests(root: &Path, tier: Tier) -> Vec<OwnTest> {
    let tests = root.join("tests");
    let mut folders = vec![(tests.join(tier.to_string()), format!("{tier}/"))];
    if tier == Tier::Custom {
        folders.push((tests, String::new()));
    }
    let mut found = Vec::new();
    for (folder, prefix) in folders {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let Ok(about) = entry.metadata() else { continue };
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
            let is_program = about.permissions().mode() & 0o111 != 0;
            if about.is_file() && (is_program || is_pytest(&name)) && !name.starts_with('.') {
                found.push(OwnTest { name: format!("{prefix}{name}"), tier, root: root.to_owned() });
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found.truncate(MOST);
    found
}

/// Makes one of the recipe's own tests. Those of strangers are left out, and say so: they would run on our machine
/// with what is in our hands.
pub async fn own_test(scene: &Scene, own: &OwnTest, author: Author, marker: &Marker) -> Examined {
    let scene = &scene.at(own.tier);
    let called = Called { name: own.name.clone(), source: Source::Recipe, root: own.root.clone() };
    let started = Instant::now();
    let ask = Ask {
        how: How::Program {
            command: vec![format!("tests/{}", own.name)],
            speaks: Speaks::Auto,
            env: BTreeMap::new(),
        },
        expect: Expect::default(),
        deadline: DEADLINE,
    };
    let asked = match author {
        Author::Stranger => {
            let why = "tests in a pull request are not run unless its author is trusted".to_owned();
            Asked { came: Came::Skipped { why }, ..Asked::default() }
        }
        Author::Trusted => carry_out(scene, &ask, marker, &called).await,
    };
    examined(scene, called, ask.how.kind(), asked, started)
}

/// Returns whether pytest would take a file for its own.
pub(super) fn is_pytest(name: &str) -> bool {
    name.strip_suffix(".py").is_some_and(|stem| stem.starts_with("test_") || stem.ends_with("_test"))
}
