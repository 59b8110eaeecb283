//! The answer as text: what a person has to know stands in the first lines.

use chrono::Utc;
use domain::data::DataState;

use super::{Broken, Evidence, TierWhy, Why};

/// Columns of a terminal that nobody has made wider.
const WIDTH: usize = 110;

/// Returns the answer for a terminal.
pub fn text(why: &Why) -> String {
    let mut out = String::new();
    let at = why.at.map_or_else(String::new, |at| format!(" · {}", at.format("%Y-%m-%d %H:%M UTC")));
    out.push_str(&format!("{} {} · run {}{at}{} · {}\n", why.recipe, why.rev, why.run, age(why), why.state));
    for says in &why.log {
        wrap(&mut out, "  log: ", "       ", says);
    }
    let (broken, rest): (Vec<_>, Vec<_>) = why.tiers.iter().partition(|t| t.broken.is_some());
    let (follow, own): (Vec<_>, Vec<_>) =
        broken.into_iter().partition(|t| t.broken.as_ref().is_some_and(|b| b.cause == "after"));
    // One tier that was asked for, or nothing but what follows, is told in full.
    let in_full = own.is_empty() && !follow.is_empty();
    for tier in own.iter().chain(follow.iter().filter(|_| in_full)).copied() {
        tell(&mut out, tier);
    }
    let short: Vec<_> = follow.into_iter().filter(|_| !in_full).chain(rest).collect();
    if !short.is_empty() {
        out.push('\n');
    }
    for tier in short {
        let colon = if tier.says.is_empty() { "" } else { ": " };
        let head = format!("{:<9}{}{colon}", tier.tier.to_string(), tier.word);
        wrap(&mut out, &head, "             ", &tier.says);
    }
    if why.tiers.iter().all(|t| t.broken.is_none()) && why.log.is_empty() {
        out.push_str("\nnothing broke, so there is nothing to explain\n");
    }
    if !why.warnings.is_empty() {
        out.push_str("\nwarnings, which are never a cause\n");
        for says in &why.warnings {
            wrap(&mut out, "  - ", "    ", says);
        }
    }
    out.push_str(&format!("\nall of it: {}\n", why.folder.join("report.html").display()));
    out
}

/// Evidence ages (CC-056).
fn age(why: &Why) -> String {
    let days = why.at.map_or(0, |at| (Utc::now() - at).num_days());
    match days {
        ..1 => String::new(),
        1 => " (a day old)".into(),
        days => format!(" ({days} days old)"),
    }
}

fn tell(out: &mut String, tier: &TierWhy) {
    let Some(broken) = &tier.broken else { return };
    let from = tier.base.as_ref().map_or_else(String::new, |base| format!(" from {base}"));
    out.push_str(&format!("\n{}{from} {} · {}\n", tier.tier, tier.word, broken.cause));
    match &broken.quoted {
        Some(quoted) => {
            wrap(out, "  ", "  ", &tier.says);
            quote(out, quoted);
            if let Some(beneath) = &broken.beneath {
                wrap(out, "  seen: ", "        ", beneath);
            }
        }
        None => wrap(out, "  ", "  ", &tier.says),
    }
    wrap(out, "  ", "  ", broken.turn);
    if let Some(data) = broken.data {
        wrap(out, "  data: ", "        ", data_words(data));
    }
    evidence(out, broken);
    list(out, "ruled out", &broken.ruled_out);
    let siblings: Vec<String> = broken
        .siblings
        .iter()
        .map(|s| format!("{} {} passed {} (run {})", s.recipe, s.rev, s.passed, s.run))
        .collect();
    list(out, "elsewhere", &siblings);
    if let Some(history) = &broken.history {
        let mut said = Vec::new();
        match history.same {
            0 => said.push("the first time that this recipe breaks so".to_owned()),
            1 => said.push("an earlier run of this recipe broke in the same way".to_owned()),
            n => said.push(format!("{n} earlier runs of this recipe broke in the same way")),
        }
        match &history.last_passed {
            Some(passed) => said.push(format!("the tier last passed at {} (run {})", passed.rev, passed.run)),
            None => said.push("no earlier run passed the tier".to_owned()),
        }
        list(out, "before", &said);
    }
    list(out, "try", &broken.to_try);
}

fn data_words(data: DataState) -> &'static str {
    match data {
        DataState::Untouched => "untouched: nothing of the new release wrote to it, so going back is safe",
        DataState::Migrated => "migrated: the new release wrote to it, so going back needs the backup",
        DataState::Unknown => "unknown: treat it as changed",
    }
}

fn quote(out: &mut String, quoted: &Evidence) {
    wrap(out, "  > ", "    ", &quoted.says);
    if let Some(place) = &quoted.place {
        out.push_str(&format!("    at {place}\n"));
    }
}

fn evidence(out: &mut String, broken: &Broken) {
    if broken.evidence.is_empty() {
        return;
    }
    out.push_str("  evidence\n");
    for one in &broken.evidence {
        let place = one.place.as_ref().map_or_else(String::new, |place| format!("  [{place}]"));
        wrap(out, &format!("    {:<9}", one.kind.word()), "             ", &format!("{}{place}", one.says));
    }
}

fn list(out: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    out.push_str(&format!("  {title}\n"));
    for line in lines {
        wrap(out, "    - ", "      ", line);
    }
}

/// Writes a text within the width; a word that is longer stays whole.
fn wrap(out: &mut String, first: &str, further: &str, text: &str) {
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            out.push_str(line.trim_end());
            out.push('\n');
            line = further.to_owned();
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    out.push_str(line.trim_end());
    out.push('\n');
}
