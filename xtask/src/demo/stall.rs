//! The demo's own instance: an enrolment for each recipe, and repositories in which the newest release comes out between
//! the two sweeps, as it would at a maintainer's.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

use crate::call::Call;
use crate::places::Places;
use crate::record::Record;
use crate::samples;

/// The instance, made anew for each demo.
#[derive(Debug)]
pub(super) struct Stall {
    folder: PathBuf,
    wares: Vec<Ware>,
}

/// A recipe of the demo.
#[derive(Debug)]
struct Ware {
    recipe: String,
    /// The sample's repository, with all its releases.
    sample: PathBuf,
    /// Tags of its releases, oldest first.
    tags: Vec<String>,
}

/// A release that is the newest of its recipe now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Release {
    pub(super) recipe: String,
    pub(super) tag: String,
}

/// Returns the recipes of the instance in a folder; none where there is no whole one.
pub(super) fn enrolled(folder: &Path) -> Result<Vec<String>> {
    if !folder.join("simmer.toml").exists() {
        return Ok(Vec::new());
    }
    let recipes = folder.join("recipes");
    let mut names = Vec::new();
    for entry in fs::read_dir(&recipes).with_context(|| format!("could not read `{}`", recipes.display()))? {
        let path = entry.with_context(|| format!("could not read `{}`", recipes.display()))?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

impl Stall {
    /// Makes the instance beside its place and moves it there when it is whole. Nothing is released in it yet.
    pub(super) fn make(places: &Places, recipes: &[&str]) -> Result<Self> {
        let folder = places.demo();
        let site = folder.with_extension("new");
        for old in [&site, &folder] {
            if old.exists() {
                fs::remove_dir_all(old).with_context(|| format!("could not clear `{}`", old.display()))?;
            }
        }
        // Canonicals of two checkouts on one engine must not have the same names.
        let checkout = Record::open(&places.state())?.label();
        let id = hex::encode(&Sha256::digest(checkout)[..2]);
        let settings = format!(
            "base_domain = \"demo-{id}.test\"\nstate = \"state\"\n[sweep]\nminimum = {}\n",
            recipes.len()
        );
        let mut wares = Vec::new();
        for recipe in recipes {
            put(&site.join("recipes").join(format!("{recipe}.toml")), &enrolment(recipe))?;
            copy(
                &places.samples().join("instance").join("overlays").join(recipe),
                &site.join("overlays").join(recipe),
            )?;
            let repository = site.join("repositories").join(recipe);
            let repository = repository.to_string_lossy().into_owned();
            git(&site, &["init", "--quiet", "--bare", "--initial-branch=main", "--template=", &repository])?;
            let tags = samples::tags(&places.samples().join("recipes").join(recipe))?;
            let sample = places.state().join("samples").join(recipe);
            wares.push(Ware { recipe: (*recipe).to_owned(), sample, tags });
        }
        put(&site.join("simmer.toml"), &settings)?;
        fs::rename(&site, &folder).with_context(|| format!("could not move `{}`", site.display()))?;
        Ok(Self { folder, wares })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Releases everything but the newest release of each recipe.
    pub(super) fn publish_older(&self) -> Result<Vec<Release>> {
        self.wares
            .iter()
            .map(|ware| self.publish(ware, &ware.tags[..ware.tags.len().saturating_sub(1)]))
            .collect()
    }

    /// Releases the newest release of each recipe too.
    pub(super) fn publish_newest(&self) -> Result<Vec<Release>> {
        self.wares.iter().map(|ware| self.publish(ware, &ware.tags)).collect()
    }

    fn publish(&self, ware: &Ware, tags: &[String]) -> Result<Release> {
        let Ware { recipe, sample, .. } = ware;
        let repository = self.folder.join("repositories").join(recipe);
        let newest =
            tags.last().with_context(|| format!("sample `{recipe}` has too few releases for a demo"))?;
        let sample = sample.to_string_lossy();
        let specs: Vec<String> = tags.iter().map(|tag| format!("refs/tags/{tag}:refs/tags/{tag}")).collect();
        let mut args = vec!["fetch", "--quiet", "--no-tags", &sample];
        args.extend(specs.iter().map(String::as_str));
        git(&repository, &args)?;
        git(&repository, &["update-ref", "refs/heads/main", &format!("refs/tags/{newest}^{{commit}}")])?;
        Ok(Release { recipe: recipe.clone(), tag: newest.clone() })
    }

    /// Returns the page of the newest sweep; none before the first.
    pub(super) fn newest_page(&self) -> Result<Option<PathBuf>> {
        let sweeps = self.folder.join("state").join("sweeps");
        if !sweeps.exists() {
            return Ok(None);
        }
        let mut pages = Vec::new();
        for entry in
            fs::read_dir(&sweeps).with_context(|| format!("could not read `{}`", sweeps.display()))?
        {
            let entry = entry.with_context(|| format!("could not read `{}`", sweeps.display()))?;
            pages.push(entry.path().join("sweep.html"));
        }
        // Ids sort by time.
        pages.sort();
        Ok(pages.pop().filter(|page| page.exists()))
    }
}

fn enrolment(recipe: &str) -> String {
    format!("source = \"repositories/{recipe}\"\ncanonical = true\n")
}

fn git(folder: &Path, args: &[&str]) -> Result<String> {
    Call::new("git").arg("-C").arg(folder).args(args).run()
}

fn put(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().context("a file has a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("could not make `{}`", folder.display()))?;
    fs::write(path, text).with_context(|| format!("could not write `{}`", path.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("could not make `{}`", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("could not read `{}`", from.display()))? {
        let path = entry.with_context(|| format!("could not read `{}`", from.display()))?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target).with_context(|| format!("could not copy `{}`", path.display()))?;
        }
    }
    Ok(())
}
