//! A run as a comment under a pull request.

use domain::data::{DataState, Deed};
use domain::test::TestOutcome;
use domain::verdict::Skip;
use domain::{Cause, Verdict};

use crate::advice::{advice, whose};
use crate::promotion::StepEnd;
use crate::side::SnapshotDeed;
use crate::table::last_stage;
use crate::tally::Tally;
use crate::text::{bytes, count, one_line, plain, span};
use crate::view::{End, RunView, State, TierView, place, severity, source};

/// Most evidence lines in a comment.
const LINES: usize = 15;
/// Longest line of evidence.
const WIDTH: usize = 240;
/// Most findings, leftovers and troubles that are listed one by one.
const LISTED: usize = 5;

/// Returns the run as Markdown, some kilobytes at most. Text from strangers stands in code only, where no
/// mark-up and no mention works.
pub fn markdown(run: &RunView) -> String {
    let mut out = format!(
        "### {} {} {}: {}{}\n\n",
        mark(run.state()),
        code(run.recipe()),
        code(run.rev()),
        run.verdict_words(),
        run.lead().map(|(tier, _, _)| format!(" in {tier}")).unwrap_or_default(),
    );
    match run.lead() {
        Some((tier, _, cause)) => {
            out.push_str(&told(cause, run.tier(tier).and_then(|t| t.data)));
        }
        None if run.state() == State::DidNotEnd => {
            out.push_str(&format!("**The run did not end.**\n\n{}\n", fence(&last_stage(run))));
        }
        None => {}
    }
    out.push_str(&promotion(run));
    out.push_str(&tiers(run));
    out.push_str(&facts(run));
    out.push_str(&list("Tests that did not pass", &bad_tests(run)));
    out.push_str(&list("Data that is not as it should be", &bad_data(run)));
    out.push_str(&list("Snapshots", &snapshots(run)));
    let left: Vec<String> = run.left().into_iter().map(str::to_owned).collect();
    out.push_str(&list("Left behind in the swarm", &left));
    let findings: Vec<String> = run
        .findings
        .iter()
        .map(|f| format!("{} {} {} {}", f.rule, severity(f.severity), place(f), f.says))
        .collect();
    out.push_str(&list("Lint findings", &findings));
    out.push_str(&list("About this log", &run.trouble.sentences()));
    out
}

fn told(cause: &Cause, data: Option<DataState>) -> String {
    let mut evidence = one_line(&cause.to_string(), 2 * WIDTH);
    if let Cause::Named { service, line, .. } = cause {
        evidence.push_str(&format!("\n\n{service}: {}", one_line(line, WIDTH)));
    }
    let lines = cause.last_lines();
    if !lines.is_empty() {
        evidence.push('\n');
    }
    for line in &lines[lines.len().saturating_sub(LINES)..] {
        evidence.push('\n');
        evidence.push_str(&one_line(line, WIDTH));
    }
    let data = data.map(|data| format!(" Data afterwards: **{data}**.")).unwrap_or_default();
    // An overlay may bring advice of its own: it stands in code like all text of others.
    let advice = if let Cause::Named { .. } = cause { code(advice(cause)) } else { advice(cause).to_owned() };
    format!("**{}**{data}\n\n{}\n**What to try:** {advice}\n\n", whose(cause), fence(&evidence))
}

fn bad_tests(run: &RunView) -> Vec<String> {
    let mut said = Vec::new();
    let mut say = |name: String, outcome: &TestOutcome| match outcome {
        TestOutcome::Passed | TestOutcome::Skipped { .. } => {}
        TestOutcome::Failed { says } => said.push(format!("{name}: {says}")),
        TestOutcome::Broken { says } => said.push(format!("{name}: could not be judged: {says}")),
    };
    for test in run.sides.iter().flat_map(|s| &s.tests).map(|t| &t.tested) {
        let name = format!("{} {} {}", test.tier, source(test.source), test.name);
        for case in &test.cases {
            say(format!("{name}::{}", case.name), &case.outcome);
        }
        if !crate::tally::is_told_by_cases(test) || test.cases.is_empty() {
            say(name, &test.outcome);
        }
    }
    said
}

fn bad_data(run: &RunView) -> Vec<String> {
    let data = run.sides.iter().flat_map(|s| &s.data).filter(|d| !d.ok);
    data.map(|d| {
        let deed = match d.deed {
            Deed::Seeded => "planting",
            Deed::Checked => "reading back",
            Deed::Destroyed => "destroying",
        };
        format!("{} {} in {}, {deed}: {}", source(d.source), d.name, d.stage, d.says)
    })
    .collect()
}

fn snapshots(run: &RunView) -> Vec<String> {
    let all = run.sides.iter().flat_map(|s| &s.snapshots);
    all.map(|s| {
        let deed = match s.deed {
            SnapshotDeed::Made => "made",
            SnapshotDeed::Restored => "restored",
        };
        let id = crate::view::short(&s.snapshot.id);
        let files = s.snapshot.files;
        format!("{deed} {id}: {files} files, {} in {}", bytes(s.snapshot.bytes), span(s.snapshot.millis))
    })
    .collect()
}

/// `✗ 1 · – 2 · ✓ 9`; nothing where there is no test.
fn tally(of: Tally) -> String {
    let Tally { passed, failed, skipped, broken } = of;
    let parts = [("✗", failed), ("?", broken), ("–", skipped), ("✓", passed)];
    let parts = parts.into_iter().filter(|(_, n)| *n > 0).map(|(mark, n)| format!("{mark} {n}"));
    parts.collect::<Vec<_>>().join(" · ")
}

/// Where the canonical stands, and what a promotion did with it.
fn promotion(run: &RunView) -> String {
    let Some(view) = &run.promotion else { return String::new() };
    let mut out = String::new();
    if let Some(headline) = crate::promotion::headline(run) {
        out.push_str(&format!("**{headline}.** "));
    }
    out.push_str(&view.stands(run, code));
    out.push_str("\n\n");
    for fact in view.facts(run) {
        out.push_str(&format!("- {} {}\n", fact.name, code(&one_line(&fact.says, WIDTH))));
    }
    for count in view.counts() {
        let told = match (count.before, count.after) {
            (Some(before), Some(after)) => format!("{before} → {after}"),
            (Some(one), None) | (None, Some(one)) => one.to_string(),
            (None, None) => continue,
        };
        out.push_str(&format!("- {} {told}\n", code(count.name)));
    }
    let steps: Vec<String> = crate::promotion::steps(run)
        .iter()
        .map(|step| match step.end {
            StepEnd::Passed => format!("{} {}", step.name, span(step.millis)),
            StepEnd::Failed => format!("**✗ {}** {}", step.name, span(step.millis)),
            StepEnd::Open => format!("{} without an end", step.name),
        })
        .collect();
    if !steps.is_empty() {
        out.push_str(&format!("- steps: {}\n", steps.join(" · ")));
    }
    out.push('\n');
    out
}

fn tiers(run: &RunView) -> String {
    if run.tiers.is_empty() {
        return String::new();
    }
    let mut out = "| tier | verdict | tests | |\n|---|---|---|---|\n".to_owned();
    for tier in &run.tiers {
        let TierView { tier: name, verdict, each, data: _ } = tier;
        let (mark, word, why) = match verdict {
            None => ("◌", "no verdict", String::new()),
            Some(verdict) => (glyph(verdict), verdict.word(), why(verdict).replace('|', "\\|")),
        };
        let bases = match each.len() {
            0 | 1 => String::new(),
            n => format!(" ({})", count(n, "base", "bases")),
        };
        let tests = tally(run.tally(Some(*name)));
        out.push_str(&format!("| {name}{bases} | {mark} {word} | {tests} | {why} |\n"));
    }
    out.push('\n');
    out
}

/// Our own words stand as they are, all others in code.
fn why(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed { .. } => String::new(),
        Verdict::Skipped {
            why: why @ (Skip::NoOlderRelease | Skip::NotAsked | Skip::NoBackupLabel | Skip::NoTests),
        } => why.to_string(),
        Verdict::Skipped { why: Skip::ExpectedNa { why } } => format!("not applicable: {}", code(why)),
        Verdict::Failed { why } | Verdict::Unverified { why } => code(&one_line(&why.to_string(), 160)),
    }
}

fn facts(run: &RunView) -> String {
    let mut parts = Vec::new();
    if let Some(level) = run.level() {
        parts.push(format!("level **{level}**"));
    }
    parts.push(format!("took {}", span(run.millis())));
    if let Some(wall) = run.wall() {
        parts.push(format!("overhead of ours {}", wall.overhead()));
    }
    if let Some(start) = &run.start {
        parts.push(format!("commit {}", code(crate::view::short(&start.subject.commit))));
    }
    if let Some(id) = &run.run {
        parts.push(format!("run {}", code(id.as_str())));
    }
    if matches!(run.end, End::Open { .. }) && run.state() != State::DidNotEnd {
        parts.push("the run did not end".to_owned());
    }
    format!("{}\n", parts.join(" · "))
}

fn list(title: &str, items: &[String]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let mut out = format!("\n<details><summary>{title} ({})</summary>\n\n", items.len());
    for item in items.iter().take(LISTED) {
        out.push_str(&format!("- {}\n", code(&one_line(item, WIDTH))));
    }
    if items.len() > LISTED {
        out.push_str(&format!("- and {} more\n", items.len() - LISTED));
    }
    out.push_str("\n</details>\n");
    out
}

fn mark(state: State) -> &'static str {
    match state {
        State::Failed => "✗",
        State::DidNotEnd | State::NotJudged | State::NothingJudged => "?",
        State::Superficial | State::Passed => "✓",
    }
}

fn glyph(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Passed { .. } => "✓",
        Verdict::Failed { .. } => "✗",
        Verdict::Skipped { .. } => "–",
        Verdict::Unverified { .. } => "?",
    }
}

/// A code span that its content cannot leave.
pub(crate) fn code(text: &str) -> String {
    let text = one_line(text, 2 * WIDTH);
    let ticks = "`".repeat(longest_ticks(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// A code block that its content cannot leave.
fn fence(text: &str) -> String {
    let text = plain(text);
    let ticks = "`".repeat(longest_ticks(&text).max(2) + 1);
    format!("{ticks}text\n{text}\n{ticks}\n")
}

fn longest_ticks(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}
