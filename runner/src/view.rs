//! The live view: events as lines on stderr. On a terminal, stages under way show their elapsed time in
//! place; in a pipe each event is one plain line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use domain::data::{Deed, Source};
use domain::event::{KeptCopy, Severity};
use domain::names::Side;
use domain::test::{TestOutcome, Tested};
use domain::{Event, Verdict, What};

use crate::log::Sink;

/// How much the view says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Story {
    /// A line for every stage.
    Told,
    /// Nothing at all.
    Silent,
}

/// Stages under way, by side and number.
type Running = BTreeMap<(Side, usize), (String, DateTime<Utc>)>;

/// The view on stderr. Clones share the screen.
#[derive(Clone)]
pub struct Terminal {
    screen: Arc<Mutex<Screen>>,
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Terminal")
    }
}

struct Screen {
    story: Story,
    live: bool,
    running: Running,
    /// Lines of running stages that are on the screen now and have to be wiped before the next text.
    drawn: usize,
    /// A short remark on what is awaited, by side and number.
    notes: BTreeMap<(Side, usize), String>,
    /// Deviations that were told: both sides have the same ones.
    told: BTreeSet<String>,
}

impl Terminal {
    /// Opens the view; it is live if stderr is a terminal.
    pub fn open(story: Story) -> Self {
        let live = std::io::stderr().is_terminal() && story == Story::Told;
        Self {
            screen: Arc::new(Mutex::new(Screen {
                story,
                live,
                running: BTreeMap::new(),
                drawn: 0,
                notes: BTreeMap::new(),
                told: BTreeSet::new(),
            })),
        }
    }

    /// Redraws the stages under way with their elapsed time. Nothing in a pipe.
    pub fn tick(&self, now: DateTime<Utc>) {
        let mut screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        if screen.live && !screen.running.is_empty() {
            let text = screen.wipe() + &screen.draw(now);
            put(&text);
        }
    }

    /// Shows a line that a container wrote.
    pub fn container(&self, service: &str, line: &str) {
        let mut screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        if screen.story == Story::Silent {
            return;
        }
        let line: String = line.chars().filter(|c| !c.is_control()).collect();
        let mut text = screen.wipe() + &format!("    {service} | {line}\n");
        if screen.live {
            text += &screen.draw(Utc::now());
        }
        put(&text);
    }

    /// Says what a side waits for, shown beside its stage on a terminal only.
    pub fn note(&self, side: Side, nth: usize, text: String) {
        let mut screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        screen.notes.insert((side, nth), text);
    }
}

fn put(text: &str) {
    // A closed stderr is no reason to stop judging.
    if let Err(error) = std::io::stderr().lock().write_all(text.as_bytes()) {
        tracing::debug!(%error, "stderr is gone");
    }
}

impl Screen {
    fn wipe(&mut self) -> String {
        let text = "\x1b[1A\x1b[2K".repeat(self.drawn);
        self.drawn = 0;
        text
    }

    fn draw(&mut self, now: DateTime<Utc>) -> String {
        let mut text = String::new();
        for (key, (stage, since)) in &self.running {
            let note = self.notes.get(key).map_or("", String::as_str);
            let line = format!("  {} {stage:<14} {:>7}  {note}", label(*key), seconds(now - *since));
            let line: String = line.chars().filter(|c| !c.is_control()).take(100).collect();
            let _infallible = writeln!(text, "{line}");
        }
        self.drawn = self.running.len();
        text
    }
}

fn label((side, nth): (Side, usize)) -> String {
    if nth == 0 { format!("{side} ") } else { format!("{side}{nth}") }
}

fn seconds(delta: chrono::TimeDelta) -> String {
    millis(delta.num_milliseconds().unsigned_abs())
}

fn millis(millis: u64) -> String {
    if millis < 60_000 {
        format!("{}.{}s", millis / 1000, millis % 1000 / 100)
    } else {
        format!("{}m{:02}s", millis / 60_000, millis / 1000 % 60)
    }
}

impl Sink for Terminal {
    fn take(&mut self, event: &Event) {
        let mut screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        if screen.story == Story::Silent {
            return;
        }
        let mut text = screen.wipe();
        match &event.what {
            What::StageStarted { side, nth, stage } => {
                screen.running.insert((*side, *nth), (stage.clone(), event.at));
                screen.notes.remove(&(*side, *nth));
            }
            What::StageEnded { side, nth, .. } => {
                screen.running.remove(&(*side, *nth));
            }
            What::RunStarted { .. } => screen.told.clear(),
            What::LintFound { .. }
            | What::SideStarted { .. }
            | What::DeviationNoted { .. }
            | What::ImagesResolved { .. }
            | What::ProbeEnded { .. }
            | What::Warned { .. }
            | What::LogKept { .. }
            | What::TestEnded { .. }
            | What::DataTold { .. }
            | What::DataCounted { .. }
            | What::HookEnded { .. }
            | What::SnapshotMade { .. }
            | What::SnapshotRestored { .. }
            | What::PromotionStarted { .. }
            | What::GenerationMade { .. }
            | What::GenerationPrinted { .. }
            | What::Promoted { .. }
            | What::CandidateDropped { .. }
            | What::CandidateKept { .. }
            | What::ReturnJudged { .. }
            | What::Opened { .. }
            | What::Closed { .. }
            | What::SideCleared { .. }
            | What::TierJudged { .. }
            | What::RunEnded { .. } => {}
        }
        let said = lines(event);
        let again = matches!(event.what, What::DeviationNoted { .. }) && !screen.told.insert(said.clone());
        if !again {
            text += &said;
        }
        if screen.live {
            let drawn = screen.draw(event.at);
            text += &drawn;
        }
        put(&text);
    }
}

/// A test of overlay or recipe has a line of its own. The floor's are told by their stages, except where they fail: a
/// probe tells of both vantages, and its stage of one.
fn test_lines(side: (Side, usize), tested: &Tested) -> String {
    let (mark, says) = match &tested.outcome {
        TestOutcome::Passed if tested.source == Source::Generic => return String::new(),
        TestOutcome::Skipped { .. } if tested.source == Source::Generic => return String::new(),
        TestOutcome::Passed => ("ok", String::new()),
        TestOutcome::Failed { says } => ("FAILED", format!(": {says}")),
        TestOutcome::Skipped { why } => ("skipped", format!(": {why}")),
        TestOutcome::Broken { says } => ("NOT JUDGED", format!(": {says}")),
    };
    let Tested { name, source, cases, .. } = tested;
    let count = if cases.is_empty() { String::new() } else { format!(", {} cases", cases.len()) };
    let took = millis(tested.millis);
    let mut text = format!("  {}   {mark} {name} ({source}, {took}{count}){says}\n", label(side));
    if tested.source != Source::Generic {
        for case in cases {
            if let TestOutcome::Failed { says } | TestOutcome::Broken { says } = &case.outcome {
                text += &format!("  {}     {}: {says}\n", label(side), case.name);
            }
        }
    }
    text
}

/// Returns what an event says to a person; empty where it says nothing.
fn lines(event: &Event) -> String {
    let text = match &event.what {
        What::RunStarted { subject, bases, engine, .. } => {
            let base = if bases.is_empty() { String::new() } else { format!(", from {}", bases.join(", ")) };
            format!("{} {} (run {}){base}, on {engine}\n", subject.recipe, subject.at, event.run)
        }
        What::LintFound { findings } => {
            let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
            let mut text = format!(
                "  lint            {} errors, {} warnings\n",
                count(Severity::Error),
                count(Severity::Warning)
            );
            for finding in findings.iter().filter(|f| f.severity == Severity::Error) {
                text += &format!("    {}:{} {} {}\n", finding.file, finding.line, finding.rule, finding.says);
            }
            text
        }
        What::SideStarted { side, nth, tier, stack, .. } => {
            format!("  {} {tier} in stack `{stack}`\n", label((*side, *nth)))
        }
        What::StageEnded { side, nth, stage, millis: took, ok, detail, .. } => {
            let mark = if *ok { "" } else { "  FAILED" };
            let detail = if detail.is_empty() { String::new() } else { format!("  {detail}") };
            format!("  {} {stage:<14} {:>7}{mark}{detail}\n", label((*side, *nth)), millis(*took))
        }
        What::SideCleared { side, nth, millis: took, left } if left.is_empty() => {
            format!("  {} clear          {:>7}  nothing left\n", label((*side, *nth)), millis(*took))
        }
        What::SideCleared { side, nth, left, .. } => {
            format!("  {} LEFT BEHIND: {}\n", label((*side, *nth)), left.join(", "))
        }
        What::DeviationNoted { deviation, .. } => {
            format!("  note: {}: {}\n", deviation.at, deviation.says)
        }
        What::Warned { says } => format!("  warning: {says}\n"),
        What::TierJudged { tier, judged, base, data } => {
            let base = base.as_deref().map(|b| format!(" from {b}")).unwrap_or_default();
            let why = match judged {
                Verdict::Passed { .. } => String::new(),
                Verdict::Skipped { why } => format!(": {why}"),
                Verdict::Failed { why } | Verdict::Unverified { why } => format!(": {why}"),
            };
            let data = data.map(|data| format!(" (the data is {data})")).unwrap_or_default();
            let mut text = format!("  {tier}{base}: {}{why}{data}\n", judged.word());
            for line in judged.cause().map(|c| c.last_lines()).unwrap_or_default() {
                text += &format!("    | {line}\n");
            }
            text
        }
        What::TestEnded { side, nth, tested } => test_lines((*side, *nth), tested),
        What::DataTold { side, nth, datum } if !datum.ok => {
            let deed = match datum.deed {
                Deed::Seeded => "planted",
                Deed::Checked => "read back",
                Deed::Destroyed => "destroyed",
            };
            format!("  {}   {} not {deed}: {}\n", label((*side, *nth)), datum.name, datum.says)
        }
        What::HookEnded { side, nth, hook } => {
            let end = match hook.exit_code {
                Some(0) => String::new(),
                Some(code) => format!("  FAILED with code {code}"),
                None => "  FAILED: it did not end".to_owned(),
            };
            let again = if hook.tries > 1 { format!(", at try {}", hook.tries) } else { String::new() };
            format!(
                "  {}   {} hook of {} ({}{again}){end}\n",
                label((*side, *nth)),
                hook.moment,
                hook.service,
                millis(hook.millis)
            )
        }
        What::PromotionStarted { from, to, cold, .. } => {
            let from = match from {
                Some((release, generation)) => format!("from {release} ({generation})"),
                None => "born now".to_owned(),
            };
            let word = cold.as_ref().map(|run| format!(", on the word of run {run}")).unwrap_or_default();
            format!("  canonical {from}, to {to}{word}\n")
        }
        What::Promoted { generation, advances, .. } => {
            let survived =
                reports::count(usize::try_from(*advances).unwrap_or(usize::MAX), "advance", "advances");
            format!("  promoted: {generation}, {survived}\n")
        }
        What::CandidateDropped { generation, left } if left.is_empty() => {
            format!("  candidate {generation} dropped; the canonical stands where it stood\n")
        }
        What::CandidateDropped { generation, left } => {
            format!("  LEFT BEHIND of candidate {generation}: {}\n", left.join(", "))
        }
        What::CandidateKept { generation, until } => {
            format!(
                "  candidate {generation} failed and stays deployed until {}; the canonical stands where it stood\n",
                until.format("%Y-%m-%d %H:%M UTC")
            )
        }
        What::ReturnJudged { release, generation, judged } => match judged.cause() {
            None => format!("  the way back holds: {release} starts on a copy of {generation}\n"),
            Some(cause) => format!("  NO WAY BACK to {release} on {generation}: {cause}\n"),
        },
        What::Opened { generation, url, until } => {
            format!("  open on {generation} until {}: {url}\n", until.format("%Y-%m-%d %H:%M UTC"))
        }
        What::Closed { generation, kept } => match kept {
            KeptCopy::No => {
                format!("  closed: {generation} is gone, the committed generation is what it was\n")
            }
            KeptCopy::Yes => format!("  closed: {generation} is the canonical's generation\n"),
        },
        // Their stages say it.
        What::StageStarted { .. }
        | What::ImagesResolved { .. }
        | What::ProbeEnded { .. }
        | What::LogKept { .. }
        | What::DataTold { .. }
        | What::DataCounted { .. }
        | What::SnapshotMade { .. }
        | What::SnapshotRestored { .. }
        | What::GenerationMade { .. }
        | What::GenerationPrinted { .. }
        | What::RunEnded { .. } => String::new(),
    };
    // What a container wrote must not move the reader's cursor.
    text.chars().filter(|c| !c.is_control() || *c == '\n').collect()
}

#[cfg(test)]
mod tests {
    use domain::RunId;
    use domain::data::{Datum, HookMoment, HookRun};
    use domain::test::TestCase;

    use super::*;

    fn told(all: Vec<What>) -> String {
        let event = |what| Event {
            v: domain::event::FORMAT,
            seq: 1,
            at: DateTime::UNIX_EPOCH,
            run: RunId::from_random([0; 4]),
            what,
        };
        all.into_iter().map(|what| lines(&event(what))).collect()
    }

    fn test(source: Source, outcome: TestOutcome, cases: Vec<TestCase>) -> What {
        What::TestEnded {
            side: Side::B,
            nth: 0,
            tested: Tested {
                name: "repos survive".into(),
                tier: domain::Tier::Custom,
                source,
                kind: "program".into(),
                outcome,
                millis: 1240,
                cases,
                file: None,
            },
        }
    }

    #[test]
    fn tests_hooks_and_lost_data_have_a_line_and_what_a_stage_says_is_not_said_twice() {
        let failed = |says: &str| TestOutcome::Failed { says: says.into() };
        let case = TestCase { name: "push".into(), outcome: failed("403\u{1b}[2J"), millis: 3 };
        let hook = |exit_code, tries| What::HookEnded {
            side: Side::B,
            nth: 0,
            hook: HookRun {
                service: "db".into(),
                moment: HookMoment::BeforeBackup,
                command: "dump".into(),
                exit_code,
                millis: 800,
                tries,
                file: None,
            },
        };
        let datum = |ok| What::DataTold {
            side: Side::B,
            nth: 1,
            datum: Datum {
                name: "rows".into(),
                source: Source::Overlay,
                deed: Deed::Checked,
                stage: "restore".into(),
                ok,
                says: "no row".into(),
                millis: 1,
            },
        };
        insta::assert_snapshot!(told(vec![
            test(Source::Generic, TestOutcome::Passed, vec![]),
            test(Source::Overlay, TestOutcome::Passed, vec![]),
            test(Source::Recipe, failed("1 of 1 failed"), vec![case]),
            test(Source::Overlay, TestOutcome::Skipped { why: "written for >=3.0.0".into() }, vec![]),
            hook(Some(0), 2),
            hook(Some(2), 1),
            datum(true),
            datum(false),
        ]), @r"
          B    ok repos survive (overlay, 1.2s)
          B    FAILED repos survive (recipe, 1.2s, 1 cases): 1 of 1 failed
          B      push: 403[2J
          B    skipped repos survive (overlay, 1.2s): written for >=3.0.0
          B    backup pre hook of db (0.8s, at try 2)
          B    backup pre hook of db (0.8s)  FAILED with code 2
          B1   rows not read back: no row
        ");
    }
}
