//! Building images, two at a time, each after what it stands on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use super::Image;
use crate::call::Call;
use crate::network::Target;
use crate::places::Places;
use crate::progress::{Outcome, Progress, say};
use crate::record::{MADE_BY, Record};

/// Carries [`Image::key`] in the engine.
const KEY: &str = "simmer.inputs";
/// The slowest image compiles C++ for two minutes on an idle machine.
const BUILD_LIMIT: Duration = Duration::from_secs(40 * 60);
/// More would only share the two cores that an ordinary CI machine has.
const AT_A_TIME: usize = 2;

/// What there is to do for a set of images.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    /// To be built, in order.
    pub(crate) build: Vec<&'a Image>,
    /// Unchanged since they were built.
    pub(crate) fresh: usize,
}

impl<'a> Plan<'a> {
    /// Compares the images with what the engine has, in one call.
    pub(crate) fn of(images: &[&'a Image]) -> Result<Self> {
        let format = format!("{{{{json .RepoTags}}}} {{{{index .Config.Labels \"{KEY}\"}}}}");
        // Exits with 1 when one is missing: the others are on stdout all the same.
        let answer = Target::Default
            .docker(["image", "inspect", "--format", &format])
            .args(images.iter().map(|image| &image.name))
            .ask()?;
        let mut there: BTreeMap<String, String> = BTreeMap::new();
        for line in answer.stdout.lines() {
            let Some((tags, key)) = line.rsplit_once(' ') else { continue };
            let tags: Vec<String> =
                serde_json::from_str(tags).with_context(|| format!("the engine said `{line}`"))?;
            there.extend(tags.into_iter().map(|tag| (tag, key.to_owned())));
        }
        let (fresh, build): (Vec<_>, Vec<_>) =
            images.iter().partition(|image| there.get(&image.name) == Some(&image.key));
        Ok(Self { build, fresh: fresh.len() })
    }
}

/// What the builders share.
#[derive(Debug, Default)]
struct Site {
    built: BTreeSet<String>,
    taken: BTreeSet<String>,
    failed: Vec<String>,
}

impl Site {
    /// The next image whose grounds are laid. `None` when nothing is left that could ever be built.
    fn next<'a>(&self, plan: &[&'a Image]) -> Next<'a> {
        let mut left = false;
        for image in plan.iter().filter(|image| !self.taken.contains(&image.name)) {
            let grounds = || image.on.values().filter(|below| plan.iter().any(|other| other.name == **below));
            if grounds().any(|below| self.failed.contains(below)) {
                return Next::Hopeless(image);
            }
            if grounds().all(|below| self.built.contains(below)) {
                return Next::Build(image);
            }
            left = true;
        }
        if left { Next::Wait } else { Next::Over }
    }
}

#[derive(Debug)]
enum Next<'a> {
    Build(&'a Image),
    /// It stands on one that failed.
    Hopeless(&'a Image),
    Wait,
    Over,
}

/// Builds the images in `plan`. A failed one does not stop those that do not stand on it; the error names them all.
pub(crate) fn build_all(places: &Places, progress: &Progress, plan: &Plan<'_>, label: &str) -> Result<()> {
    let site = Mutex::new(Site::default());
    let moved = Condvar::new();
    let lock = || -> MutexGuard<'_, Site> { site.lock().unwrap_or_else(PoisonError::into_inner) };
    let worker = || loop {
        let mut now = lock();
        let image = loop {
            match now.next(&plan.build) {
                Next::Build(image) => break image,
                Next::Hopeless(image) => {
                    now.taken.insert(image.name.clone());
                    now.failed.push(image.name.clone());
                }
                Next::Wait => now = moved.wait(now).unwrap_or_else(PoisonError::into_inner),
                Next::Over => return,
            }
        };
        now.taken.insert(image.name.clone());
        drop(now);
        let short = image.name.rsplit_once("simmer/").map_or(image.name.as_str(), |(_, short)| short);
        let result = progress.step(&format!("image {short}"), || build(places, image, label));
        let mut now = lock();
        match result {
            Ok(()) => {
                now.built.insert(image.name.clone());
            }
            Err(error) => {
                say(&format!("  {error:#}"));
                now.failed.push(image.name.clone());
            }
        }
        moved.notify_all();
    };
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(worker);
        }
    });
    let failed = lock().failed.join("`, `");
    if failed.is_empty() {
        return Ok(());
    }
    Err(anyhow!("could not build `{failed}`: see above, mend the cause, run again (what was built stays)"))
}

/// Removes what building left without a name: the stages that only compiled, and the images that were replaced.
/// What is in use stays; trying again costs nothing.
pub(crate) fn prune(label: &str) {
    for filter in ["label=simmer.stage=build".to_owned(), format!("label={label}")] {
        let prune =
            Target::Default.docker(["image", "prune", "--force", "--filter", &filter]).within(BUILD_LIMIT);
        if let Err(error) = prune.run() {
            say(&format!("  left some unnamed images: {error:#}"));
        }
    }
}

/// Builds one image in a copy of its folder.
fn build(places: &Places, image: &Image, label: &str) -> Result<Outcome> {
    let Image { name, folder, on, args, group: _, key } = image;
    fs::create_dir_all(places.logs()).context("could not make the log folder")?;
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    let log = places.logs().join(format!("build-{plain}.log"));
    fs::write(&log, "").with_context(|| format!("could not write `{}`", log.display()))?;
    let site = places.state().join("build").join(&plain);
    if site.exists() {
        fs::remove_dir_all(&site).with_context(|| format!("could not clear `{}`", site.display()))?;
    }
    copy(&places.images().join(folder), &site).with_context(|| format!("could not copy `{folder}`"))?;
    let prepare = site.join("prepare.sh");
    if prepare.exists() {
        let mut call = Call::new(&prepare).folder(&site).within(BUILD_LIMIT).log_to(&log);
        for (arg, value) in args.iter().chain(on) {
            call = call.env(arg, value);
        }
        call.env("CACHE", places.cache()).run().context("could not gather what it is made of")?;
    }
    let mut call =
        Call::docker(["build", "--force-rm", "--network", "host", "--tag", name, "--label", label])
            .args(["--label", &format!("{KEY}={key}")])
            .within(BUILD_LIMIT)
            .log_to(&log);
    for (arg, value) in args.iter().chain(on) {
        call = call.args(["--build-arg", &format!("{arg}={value}")]);
    }
    call.arg(&site).run()?;
    fs::remove_dir_all(&site).with_context(|| format!("could not clear `{}`", site.display()))?;
    let size = Target::Default.docker(["image", "inspect", "--format", "{{.Size}}", name]).run()?;
    let size: f64 = size.parse().with_context(|| format!("the engine calls `{size}` a size"))?;
    Ok(Outcome::Done(format!("{:.0} MB", size / 1e6)))
}

/// Removes the images that we built. One that is in use stays and is added to `left`.
pub(crate) fn remove(record: &mut Record, left: &mut Vec<String>) -> Result<Outcome> {
    let names: Vec<String> = record.made().images.iter().cloned().collect();
    let format = format!("{{{{join .RepoTags \" \"}}}} {{{{index .Config.Labels \"{MADE_BY}\"}}}}");
    let answer = Target::Default.docker(["image", "inspect", "--format", &format]).args(&names).ask()?;
    let ours = format!(" {}", record.made().checkout);
    let there: Vec<&str> = answer.stdout.lines().filter_map(|line| line.strip_suffix(&ours)).collect();
    let there: Vec<&str> = there.iter().flat_map(|tags| tags.split(' ')).collect();
    let mut kept = BTreeSet::new();
    for name in names.iter().rev().filter(|name| there.contains(&name.as_str())) {
        let removed = Target::Default.docker(["image", "rm", name]).ask()?;
        if !removed.good() {
            kept.insert(name.clone());
            left.push(format!("image `{name}`: {}", removed.stderr.trim()));
        }
    }
    let gone = there.len() - kept.len();
    record.note(|made| made.images = kept)?;
    Ok(if there.is_empty() {
        Outcome::Already("none of ours".into())
    } else {
        Outcome::Done(format!("{gone} removed"))
    })
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("could not make `{}`", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("could not read `{}`", from.display()))? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()))?;
        } else if kind.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        } else {
            bail!("`{}` is neither a file nor a folder", entry.path().display());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::Group;

    fn image(name: &str, on: &[&str]) -> Image {
        Image {
            name: name.into(),
            folder: name.into(),
            on: on.iter().map(|below| ((*below).to_owned(), (*below).to_owned())).collect(),
            args: BTreeMap::new(),
            group: Group::Fast,
            key: String::new(),
        }
    }

    #[test]
    fn an_image_waits_for_its_base_and_falls_with_it() {
        let (base, app) = (image("base", &[]), image("app", &["base"]));
        let plan = [&base, &app];
        let mut site = Site::default();
        assert!(matches!(site.next(&plan), Next::Build(image) if image.name == "base"));
        site.taken.insert("base".into());
        assert!(matches!(site.next(&plan), Next::Wait));
        site.failed.push("base".into());
        assert!(matches!(site.next(&plan), Next::Hopeless(image) if image.name == "app"));
        site.failed.clear();
        site.built.insert("base".into());
        assert!(matches!(site.next(&plan), Next::Build(image) if image.name == "app"));
        site.taken.insert("app".into());
        assert!(matches!(site.next(&plan), Next::Over));
    }

    #[test]
    fn a_base_that_needs_no_building_holds_nobody_up() {
        let app = image("app", &["base"]);
        assert!(matches!(Site::default().next(&[&app]), Next::Build(_)));
    }
}
