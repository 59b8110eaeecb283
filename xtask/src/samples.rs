//! Sample recipes as git repositories, as a maintainer would have made them: a commit and an annotated tag a release.
//!
//! In this repository a recipe is a folder of releases, `<NN>-<tag>`, each with only the files that changed (and a list
//! `.deleted` of those that went). Authors and dates are fixed, so the same files always give the same hashes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::call::Call;
use crate::places::Places;
use crate::progress::Outcome;

/// Raised when the repositories come out differently from the same files.
const SHAPE: &str = "1";
/// 2026-01-05, 12:00 UTC; release follows release by a week.
const FIRST_DAY: u64 = 1_767_614_400;
const WEEK: u64 = 7 * 24 * 60 * 60;
/// The list of files that a release no longer has.
const DELETED: &str = ".deleted";

/// The shelves of samples: folder under `samples/`, folder under `.simmer/`.
const SHELVES: [(&str, &str); 3] = [("recipes", "samples"), ("broken", "broken"), ("aged", "aged")];

/// Makes every sample recipe's repository that is not there as its files say.
pub(crate) fn repositories(places: &Places) -> Result<Outcome> {
    let (mut made, mut there) = (0, 0);
    for (shelf, target) in SHELVES {
        let target = places.state().join(target);
        fs::create_dir_all(&target).with_context(|| format!("could not make `{}`", target.display()))?;
        for recipe in folders(&places.samples().join(shelf))? {
            let name = name_of(&recipe);
            match repository(&recipe, &target.join(&name)).with_context(|| format!("sample `{name}`"))? {
                Made::Now => made += 1,
                Made::Before => there += 1,
            }
        }
    }
    Ok(match made {
        0 => Outcome::Already(format!("{there} are as their files say")),
        _ => Outcome::Done(format!("{made} made, {there} were there")),
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    Now,
    Before,
}

/// One release of a recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Release {
    folder: PathBuf,
    tag: String,
}

/// Makes one repository beside its place and moves it there when it is whole.
fn repository(recipe: &Path, target: &Path) -> Result<Made> {
    let releases = releases(recipe)?;
    let key = key(&releases)?;
    let key_file = target.with_extension("key");
    if target.exists() && fs::read_to_string(&key_file).is_ok_and(|there| there == key) {
        return Ok(Made::Before);
    }
    let site = target.with_extension("new");
    for old in [&site, &target.to_path_buf()] {
        if old.exists() {
            fs::remove_dir_all(old).with_context(|| format!("could not clear `{}`", old.display()))?;
        }
    }
    fs::create_dir_all(&site).with_context(|| format!("could not make `{}`", site.display()))?;
    git(&site, 0, &["init", "--quiet", "--initial-branch=main", "--template="])?;
    for (n, Release { folder, tag }) in (0..).zip(&releases) {
        apply(folder, &site).with_context(|| format!("release `{tag}`"))?;
        let message = format!("chore: publish {tag} release");
        git(&site, n, &["add", "--all", "--force"])?;
        git(&site, n, &["commit", "--quiet", "--message", &message])?;
        git(&site, n, &["tag", "--annotate", "--message", &message, tag])?;
    }
    fs::rename(&site, target).with_context(|| format!("could not move `{}`", site.display()))?;
    fs::write(&key_file, key).with_context(|| format!("could not write `{}`", key_file.display()))?;
    Ok(Made::Now)
}

/// Returns the tags of a recipe's releases, in their order.
pub(crate) fn tags(recipe: &Path) -> Result<Vec<String>> {
    Ok(releases(recipe)?.into_iter().map(|release| release.tag).collect())
}

/// The releases of a recipe in their order.
fn releases(recipe: &Path) -> Result<Vec<Release>> {
    let mut releases = Vec::new();
    for folder in folders(recipe)? {
        let name = name_of(&folder);
        match name.split_once('-') {
            Some((n, tag)) if n.len() == 2 && n.bytes().all(|b| b.is_ascii_digit()) => {
                releases.push(Release { tag: tag.to_owned(), folder });
            }
            _ => bail!("`{}` is no release: name it like `01-1.0.0+2.5`", folder.display()),
        }
    }
    if releases.is_empty() {
        bail!("`{}` has no releases", recipe.display());
    }
    Ok(releases)
}

/// Puts a release's files over those of the one before.
fn apply(release: &Path, site: &Path) -> Result<()> {
    let list = release.join(DELETED);
    if list.exists() {
        let text =
            fs::read_to_string(&list).with_context(|| format!("could not read `{}`", list.display()))?;
        for path in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            fs::remove_file(site.join(path)).with_context(|| format!("`{DELETED}` names `{path}`"))?;
        }
    }
    for path in files(release)?.iter().filter(|path| *path != Path::new(DELETED)) {
        let to = site.join(path);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).with_context(|| format!("could not make `{}`", folder.display()))?;
        }
        fs::copy(release.join(path), &to).with_context(|| format!("could not copy `{}`", path.display()))?;
    }
    Ok(())
}

fn git(site: &Path, week: u64, args: &[&str]) -> Result<String> {
    let date = format!("{} +0000", FIRST_DAY + week * WEEK);
    let mut call = Call::new("git").arg("-C").arg(site);
    // Nothing of this machine's settings may reach the hashes.
    for setting in
        ["commit.gpgsign=false", "tag.gpgsign=false", "core.autocrlf=false", "core.hooksPath=/dev/null"]
    {
        call = call.args(["-c", setting]);
    }
    for key in ["GIT_AUTHOR", "GIT_COMMITTER"] {
        call = call
            .env(&format!("{key}_NAME"), "Sample Maintainer")
            .env(&format!("{key}_EMAIL"), "maintainer@recipes.example")
            .env(&format!("{key}_DATE"), &date);
    }
    call.args(args).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").run()
}

/// A hash of everything that a repository is made from.
fn key(releases: &[Release]) -> Result<String> {
    let mut key = Sha256::new();
    key.update(SHAPE);
    for Release { folder, tag } in releases {
        for path in files(folder)? {
            let bytes = fs::read(folder.join(&path))
                .with_context(|| format!("could not read `{}`", path.display()))?;
            key.update(format!("\n{tag} {} {}\n", path.display(), bytes.len()));
            key.update(bytes);
        }
    }
    Ok(hex::encode(&key.finalize()[..10]))
}

/// The files under a folder, sorted, relative to it.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).with_context(|| format!("could not read `{}`", next.display()))? {
            let path = entry.with_context(|| format!("could not read `{}`", next.display()))?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(
                    path.strip_prefix(folder).context("a file lies outside of its folder")?.to_path_buf(),
                );
            }
        }
    }
    found.sort();
    Ok(found)
}

fn folders(of: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(of).with_context(|| format!("could not read `{}`", of.display()))? {
        let path = entry.with_context(|| format!("could not read `{}`", of.display()))?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(at: &Path) -> PathBuf {
        let recipe = at.join("recipes").join("app");
        let put = |path: &str, text: &str| {
            let path = recipe.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("01-1.0.0+2.5/compose.yml", "one");
        put("01-1.0.0+2.5/old.conf", "old");
        put("02-1.1.0+2.6/compose.yml", "two");
        put("02-1.1.0+2.6/.deleted", "old.conf\n");
        recipe
    }

    #[test]
    fn a_release_has_the_files_of_the_one_before_but_for_what_it_changes_and_deletes() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("app");
        repository(&recipe(folder.path()), &target).unwrap();
        let tree = |tag: &str| git(&target, 0, &["ls-tree", "--name-only", tag]).unwrap();
        assert_eq!(tree("1.0.0+2.5"), "compose.yml\nold.conf");
        assert_eq!(tree("1.1.0+2.6"), "compose.yml");
        assert_eq!(git(&target, 0, &["show", "1.1.0+2.6:compose.yml"]).unwrap(), "two");
        assert_eq!(git(&target, 0, &["cat-file", "-t", "1.1.0+2.6"]).unwrap(), "tag");
    }

    #[test]
    fn the_same_files_give_the_same_hashes_and_are_not_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let recipe = recipe(folder.path());
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        assert_eq!(repository(&recipe, &one).unwrap(), Made::Now);
        assert_eq!(repository(&recipe, &one).unwrap(), Made::Before);
        assert_eq!(repository(&recipe, &two).unwrap(), Made::Now);
        let head = |at: &Path| git(at, 0, &["rev-parse", "HEAD"]).unwrap();
        assert_eq!(head(&one), head(&two));
        fs::write(recipe.join("02-1.1.0+2.6/compose.yml"), "three").unwrap();
        assert_eq!(repository(&recipe, &one).unwrap(), Made::Now);
        assert_ne!(head(&one), head(&two));
    }

    #[test]
    fn a_folder_that_is_no_release_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("first")).unwrap();
        let error = releases(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("first` is no release: name it like `01-1.0.0+2.5`"), "{error}");
    }

    /// This repository's own samples.
    fn own(shelf: &str) -> Vec<(String, Vec<Release>)> {
        let shelf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples").join(shelf);
        folders(&shelf).unwrap().iter().map(|recipe| (name_of(recipe), releases(recipe).unwrap())).collect()
    }

    fn all() -> impl Iterator<Item = (String, Vec<Release>)> {
        SHELVES.into_iter().flat_map(|(shelf, _)| own(shelf))
    }

    #[test]
    fn every_release_says_its_own_tag_and_has_a_note() {
        for (name, releases) in all() {
            for Release { folder, tag } in releases {
                let compose = fs::read_to_string(folder.join("compose.yml")).unwrap();
                assert!(compose.contains(&format!(".version={tag}\"")), "{name} {tag}: no version label");
                assert!(folder.join("release").join(&tag).exists(), "{name} {tag}: no release note");
            }
        }
    }

    #[test]
    fn every_sample_has_three_releases_and_a_broken_one_two() {
        for (shelf, count) in [("recipes", 3), ("broken", 2), ("aged", 3)] {
            for (name, releases) in own(shelf) {
                assert_eq!(releases.len(), count, "{name}");
            }
        }
    }

    #[test]
    fn every_sample_is_enrolled() {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples");
        let instances = [("recipes", "instance"), ("broken", "instance-broken"), ("aged", "instance-aged")];
        for (shelf, instance) in instances {
            for (name, _) in own(shelf) {
                let enrolment = samples.join(instance).join("recipes").join(format!("{name}.toml"));
                assert!(enrolment.exists(), "`{}` is missing", enrolment.display());
            }
        }
    }

    #[test]
    fn every_broken_sample_says_what_has_to_come_out() {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples");
        let text = fs::read_to_string(samples.join("instance-broken").join("expected.toml")).unwrap();
        let expected: toml::Table = toml::from_str(&text).unwrap();
        let broken: Vec<String> = own("broken").into_iter().map(|(name, _)| name).collect();
        assert_eq!(expected.keys().cloned().collect::<Vec<_>>(), broken);
    }

    #[test]
    fn every_image_that_a_sample_names_is_in_the_catalogue_but_the_one_that_is_missing_on_purpose() {
        let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples/images");
        let catalogue = crate::images::Catalogue::read(&images).unwrap();
        let known = catalogue.pick(|_| true);
        let mut unknown = Vec::new();
        for (name, releases) in all() {
            for Release { folder, tag } in releases {
                let compose = fs::read_to_string(folder.join("compose.yml")).unwrap();
                let named = compose.lines().filter_map(|line| line.trim().strip_prefix("image: "));
                for image in named.filter(|image| known.iter().all(|known| known.name != *image)) {
                    unknown.push(format!("{name} {tag} {image}"));
                }
            }
        }
        assert_eq!(unknown, ["image-missing 1.1.0+2.0 127.0.0.1:5055/simmer/testbox:9.9-no-such-version"]);
    }
}
