//! Names a cause after what the log says.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::LazyLock;

use regex::bytes::{Regex, RegexSet, RegexSetBuilder};

use super::kind::Weight;
use super::lines::{Loudness, Over, clean, loudness, over, pattern, quoted};
use super::{Kind, Known, Signature, patterns};
use crate::{Cause, Fault};

/// Lines at the end of a log that are looked through: a stack trace's length, and no more of the past.
const TAIL: usize = 60;

/// The log of one service's **last** task: the one that left last, else the newest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceLog {
    /// The service's name in the recipe.
    pub service: String,
    pub lines: Vec<String>,
}

/// Who set the memory limit that a service runs under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryLimit {
    /// `deploy.resources.limits.memory` of the recipe.
    Recipe,
    /// A ceiling of ours (instance or overlay).
    Ours,
    /// There is none: only the node's memory ends.
    Absent,
}

/// What is known beside the cause.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    pub logs: &'a [ServiceLog],
    /// The overlay's own signatures; they go before the generic ones.
    pub own: &'a [Signature],
    /// By service. A service that is not there counts as limited by its recipe, which is how a process is killed
    /// for its memory on an ordinary node.
    pub memory: &'a BTreeMap<String, MemoryLimit>,
}

/// Wraps a cause into [`Cause::Named`] where the end of a log, or the engine's own words, name the trouble beneath.
/// Other causes come back as they are.
///
/// A line counts if it is not said at the level of a warning or below (CC-039) and if the program did not get over it
/// before the log ends: a retry at boot that then succeeded is no cause. Of several lines the one that says most about
/// the root wins, then the last.
pub fn name_cause(cause: Cause, scene: &Scene<'_>) -> Cause {
    let reach = Reach::of(&cause);
    let found = match reach {
        Reach::Nothing => None,
        Reach::Services => in_services(&cause, scene),
        Reach::OwnWords => in_own_words(&cause, scene.own),
    };
    match found {
        Some(Found { known, service, line, .. }) if may_blame(cause.fault(), known.fault) => {
            Cause::Named { known: Box::new(known), service, line, beneath: Box::new(cause) }
        }
        Some(_) | None => cause,
    }
}

/// Returns whether a line may move the blame for a cause: from whose fault it is without the line, to whose it would be.
///
/// A platform's or our own fault stays what it is: what an app says while the engine is away is no evidence. And no
/// line of an app makes a fault of ours out of anything; we know our own faults otherwise. What an app may do is to
/// point at the platform (a full disk turns a crash loop into *not judged*). It can lie there, and gains nothing: what
/// was not judged blocks as a failure does (law 1).
pub fn may_blame(beneath: Fault, named: Fault) -> bool {
    match (beneath, named) {
        (Fault::Recipe, Fault::Recipe | Fault::Overlay | Fault::Platform)
        | (Fault::Overlay, Fault::Overlay | Fault::Platform) => true,
        // What the overlay did wrong is nothing against the recipe.
        (Fault::Overlay, Fault::Recipe)
        | (Fault::Recipe | Fault::Overlay, Fault::Runner)
        | (Fault::Platform | Fault::Runner, _) => false,
    }
}

/// Where the words for a cause may be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// In the logs of its services, and in what the engine says.
    Services,
    /// In what the hook or test printed itself: logs of services are not tied to that moment.
    OwnWords,
    /// Nowhere: it says all there is, or no log could add to it.
    Nothing,
}

impl Reach {
    fn of(cause: &Cause) -> Self {
        match cause {
            Cause::Rejected { .. }
            | Cause::CrashLoop { .. }
            | Cause::Unhealthy { .. }
            | Cause::LostAfterSettled { .. }
            | Cause::RolledBack { .. }
            | Cause::MixedStack { .. }
            | Cause::UpdatePaused { .. }
            | Cause::NotSettled { .. } => Self::Services,
            Cause::Hook { .. } | Cause::Test { .. } | Cause::Seed { .. } => Self::OwnWords,
            Cause::Lint { .. }
            | Cause::BadRecipe { .. }
            | Cause::SecretMissing { .. }
            | Cause::ImageMissing { .. }
            | Cause::ImagePull { .. }
            | Cause::ForeignChange { .. }
            | Cause::Probe { .. }
            | Cause::DataLost { .. }
            | Cause::UpgradeChangesNothing { .. }
            | Cause::WrongVersion { .. }
            | Cause::BaseBroken { .. }
            | Cause::NoReturn { .. }
            | Cause::BackupEmpty { .. }
            | Cause::BackupBroken { .. }
            | Cause::NotRestored { .. }
            | Cause::AfterBackup { .. }
            | Cause::Repository { .. }
            | Cause::Generation { .. }
            | Cause::Registry { .. }
            | Cause::TestBroken { .. }
            | Cause::Named { .. }
            | Cause::Timeout { .. }
            | Cause::Engine { .. }
            | Cause::Node { .. }
            | Cause::Ours { .. }
            | Cause::Interrupted
            | Cause::After { .. } => Self::Nothing,
        }
    }
}

/// A line that names a trouble.
#[derive(Clone, Debug)]
struct Found {
    known: Known,
    service: String,
    line: String,
    weight: Weight,
    /// Whether it is the overlay's own, which knows its app better than we do.
    rank: Rank,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Generic,
    Own,
}

/// Looks through the logs of the services that the cause speaks of.
fn in_services(cause: &Cause, scene: &Scene<'_>) -> Option<Found> {
    let services = services_of(cause);
    let words: Vec<_> = engine_words(cause);
    let mut best: Option<Found> = None;
    for service in &services {
        let from_log = match scene.logs.iter().find(|log| log.service == *service) {
            Some(log) => in_lines(service, &log.lines, scene.own),
            None => in_lines(service, &own_lines(cause, service, services.len()), scene.own),
        };
        let said: Vec<_> = words
            .iter()
            .filter(|(of, _)| of.as_deref().is_none_or(|of| of == service))
            .map(|(_, w)| w.clone())
            .collect();
        let from_engine = in_lines(service, &said, scene.own);
        best = heavier(best, heavier(from_log, from_engine));
    }
    let killed = killed_for_memory(cause, scene, best.as_ref());
    if killed.is_some() {
        return killed;
    }
    // What it needs is ill: the neighbour's own log may say why, if it says it at its very end.
    if best.as_ref().is_none_or(|b| b.weight == Weight::Elsewhere && b.rank == Rank::Generic) {
        let others = scene.logs.iter().filter(|log| best.is_some() && !services.contains(&log.service));
        let mut deeper = others.filter_map(|log| in_lines(&log.service, &log.lines, scene.own));
        let deeper = deeper.rfind(|f| f.weight == Weight::Root || f.rank == Rank::Own);
        return deeper.or(best);
    }
    best
}

/// A process that the kernel killed says nothing itself; the flag and who set the limit say all.
fn killed_for_memory(cause: &Cause, scene: &Scene<'_>, best: Option<&Found>) -> Option<Found> {
    let Cause::CrashLoop { service, oom: true, exits, says, .. } = cause else { return None };
    // A heap of its own is the truer name: raising the limit would not help.
    if best.is_some_and(|b| b.known.name == Kind::HeapExhausted.name() || b.rank == Rank::Own) {
        return None;
    }
    let kind = match scene.memory.get(service) {
        Some(MemoryLimit::Recipe) | None => Kind::OutOfMemory,
        Some(MemoryLimit::Ours) => Kind::MemoryCeiling,
        Some(MemoryLimit::Absent) => Kind::NodeOutOfMemory,
    };
    let line = if says.is_empty() { format!("killed by the kernel, {exits} exits") } else { says.clone() };
    Some(Found {
        known: kind.known(),
        service: service.clone(),
        line,
        weight: Weight::Root,
        rank: Rank::Generic,
    })
}

/// Looks through what a hook, a test or a seed printed.
fn in_own_words(cause: &Cause, own: &[Signature]) -> Option<Found> {
    let service = cause.service().unwrap_or("").to_owned();
    let mut lines = cause.last_lines().to_vec();
    if let Cause::Hook { says, .. } | Cause::Test { says, .. } | Cause::Seed { says, .. } = cause {
        lines.extend(says.lines().map(str::to_owned));
    }
    let found = in_lines(&service, &lines, own)?;
    // A test quotes what it likes, also what an app answered: its words may explain, but only an overlay's own
    // signature moves the blame.
    let moves = found.known.fault != cause.fault();
    let quotes = matches!(cause, Cause::Test { .. });
    // And whom it could not reach itself is the app, or nobody that the app knows.
    let unreached =
        [Kind::NeighbourRefused, Kind::NameNotResolved].iter().any(|kind| kind.name() == found.known.name);
    (!(quotes && (moves || unreached)) || found.rank == Rank::Own).then_some(found)
}

fn services_of(cause: &Cause) -> BTreeSet<String> {
    if let Cause::MixedStack { rolled_back, .. } = cause {
        return rolled_back.iter().cloned().collect();
    }
    if let Cause::NotSettled { waiting, .. } = cause {
        return waiting.iter().filter_map(|w| ticked(w)).collect();
    }
    cause.service().map(str::to_owned).into_iter().collect()
}

/// Returns the name between the first two backticks.
fn ticked(text: &str) -> Option<String> {
    text.split('`').nth(1).map(str::to_owned)
}

/// What the engine says of a service, where it says anything; `None` stands for every service of the cause.
fn engine_words(cause: &Cause) -> Vec<(Option<String>, String)> {
    if let Cause::NotSettled { waiting, .. } = cause {
        return waiting.iter().map(|w| (ticked(w), w.clone())).collect();
    }
    if let Cause::Rejected { says, .. }
    | Cause::CrashLoop { says, .. }
    | Cause::Unhealthy { says, .. }
    | Cause::LostAfterSettled { says, .. }
    | Cause::RolledBack { says, .. }
    | Cause::MixedStack { says, .. }
    | Cause::UpdatePaused { says, .. } = cause
    {
        return vec![(None, says.clone())];
    }
    Vec::new()
}

/// Lines that the cause carries itself; with several services each line begins with its service's name.
fn own_lines(cause: &Cause, service: &str, services: usize) -> Vec<String> {
    let head = format!("{service}: ");
    cause
        .last_lines()
        .iter()
        .filter_map(|line| match line.strip_prefix(&head) {
            Some(rest) => Some(rest.to_owned()),
            None if services > 1 => None,
            None => Some(line.clone()),
        })
        .collect()
}

fn heavier(a: Option<Found>, b: Option<Found>) -> Option<Found> {
    match (a, b) {
        (Some(a), Some(b)) if (b.rank, b.weight) > (a.rank, a.weight) => Some(b),
        (Some(a), _) => Some(a),
        (None, b) => b,
    }
}

/// Finds the line that says most in the end of one log.
fn in_lines(service: &str, lines: &[String], own: &[Signature]) -> Option<Found> {
    let mut best: Option<Found> = None;
    for line in lines.iter().skip(lines.len().saturating_sub(TAIL)) {
        let line = clean(line);
        let found = match own.iter().find(|s| s.is_match(&line)) {
            // Who wrote it for this app meant this line, whatever its level.
            Some(signature) => Some((signature.known().clone(), Weight::Root, Rank::Own)),
            None if loudness(&line) == Loudness::Quiet => None,
            None => kind_of(&line).map(|kind| (kind.known(), kind.weight(), Rank::Generic)),
        };
        let Some((known, weight, rank)) = found else {
            best = match over(&line) {
                Over::All => None,
                Over::Neighbours => best.filter(|b| b.weight != Weight::Elsewhere),
                Over::No => best,
            };
            continue;
        };
        // The last of equals: what came before it was survived.
        if best.as_ref().is_none_or(|b| (rank, weight) >= (b.rank, b.weight)) {
            best = Some(Found { known, service: service.to_owned(), line: quoted(&line), weight, rank });
        }
    }
    best
}

/// All patterns in one set; which row each belongs to, and whether it speaks for it.
struct Compiled {
    set: RegexSet,
    of: Vec<(usize, Speaks)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaks {
    For,
    Against,
}

static TABLE: LazyLock<Compiled> = LazyLock::new(|| {
    let (mut all, mut of) = (Vec::new(), Vec::new());
    for (nth, row) in patterns::TABLE.iter().enumerate() {
        let rows = [(row.any, Speaks::For), (row.unless, Speaks::Against)];
        for (pattern, speaks) in rows.iter().flat_map(|(list, speaks)| list.iter().map(move |p| (p, speaks)))
        {
            all.push(*pattern);
            of.push((nth, *speaks));
        }
    }
    let set = RegexSetBuilder::new(all).unicode(false).build();
    Compiled { set: set.expect("our own patterns are compiled by a test"), of }
});

/// Returns what a clean line tells of, if anything.
pub(super) fn kind_of(line: &str) -> Option<Kind> {
    let found: Vec<_> = TABLE.set.matches(line.as_bytes()).into_iter().map(|nth| TABLE.of[nth]).collect();
    let (nth, _) = *found
        .iter()
        .find(|(nth, speaks)| *speaks == Speaks::For && !found.contains(&(*nth, Speaks::Against)))?;
    let kind = patterns::TABLE[nth].kind;
    let elsewhere = kind.weight() == Weight::Elsewhere;
    let outside = elsewhere && host_of(line).is_some_and(|host| is_outside(&host));
    Some(if outside { Kind::OutsideUnreachable } else { kind })
}

/// Returns what the line wanted to reach, where it says so.
fn host_of(line: &str) -> Option<String> {
    static HOSTS: LazyLock<Vec<Regex>> =
        LazyLock::new(|| patterns::HOSTS.iter().map(|p| pattern(p)).collect());
    let found = HOSTS.iter().find_map(|p| p.captures(line.as_bytes()))?;
    let host = String::from_utf8_lossy(found.name("h")?.as_bytes());
    Some(host.trim_end_matches('.').to_owned())
}

/// Whether a host lies outside of the stack: a name with dots, or a public address.
fn is_outside(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => {
            !(ip.is_private() || ip.is_loopback() || ip.is_unspecified() || ip.is_link_local())
        }
        Ok(IpAddr::V6(ip)) => {
            !(ip.is_loopback() || ip.is_unspecified() || (ip.segments()[0] & 0xfe00) == 0xfc00)
        }
        Err(_) => host.contains('.') && !host.starts_with("tasks.") && !host.ends_with(".internal"),
    }
}
