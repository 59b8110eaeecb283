//! A run as a comment under a pull request.

use domain::verdict::Skip;
use domain::{Cause, Verdict};

use crate::advice::{advice, whose};
use crate::table::last_stage;
use crate::text::{count, one_line, plain, span};
use crate::view::{End, RunView, State, TierView, place, severity};

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
        Some((_, _, cause)) => out.push_str(&told(cause)),
        None if run.state() == State::DidNotEnd => {
            out.push_str(&format!("**The run did not end.**\n\n{}\n", fence(&last_stage(run))));
        }
        None => {}
    }
    out.push_str(&tiers(run));
    out.push_str(&facts(run));
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

fn told(cause: &Cause) -> String {
    let mut evidence = one_line(&cause.to_string(), 2 * WIDTH);
    let lines = cause.last_lines();
    if !lines.is_empty() {
        evidence.push('\n');
    }
    for line in &lines[lines.len().saturating_sub(LINES)..] {
        evidence.push('\n');
        evidence.push_str(&one_line(line, WIDTH));
    }
    format!("**{}**\n\n{}\n**What to try:** {}\n\n", whose(cause), fence(&evidence), advice(cause))
}

fn tiers(run: &RunView) -> String {
    if run.tiers.is_empty() {
        return String::new();
    }
    let mut out = "| tier | verdict | |\n|---|---|---|\n".to_owned();
    for tier in &run.tiers {
        let TierView { tier: name, verdict, each } = tier;
        let (mark, word, why) = match verdict {
            None => ("◌", "no verdict", String::new()),
            Some(verdict) => (glyph(verdict), verdict.word(), why(verdict).replace('|', "\\|")),
        };
        let bases = match each.len() {
            0 | 1 => String::new(),
            n => format!(" ({})", count(n, "base", "bases")),
        };
        out.push_str(&format!("| {name}{bases} | {mark} {word} | {why} |\n"));
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
fn code(text: &str) -> String {
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
