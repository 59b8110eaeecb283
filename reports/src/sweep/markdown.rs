//! A sweep as Markdown: for a chat, an issue, a mail.

use domain::sweep::{SweepVerdict, Verdict};

use super::{Cells, SweepView, cells, is_told};
use crate::text::{count, span};

/// Returns the sweep as Markdown. Text from strangers stands in code only.
pub fn sweep_markdown(view: &SweepView) -> String {
    let Verdict { verdict, .. } = view.verdict();
    let mark = match verdict {
        SweepVerdict::Green | SweepVerdict::NothingNew => "✓",
        SweepVerdict::NotJudged => "?",
        SweepVerdict::Red => "✗",
    };
    let code = crate::markdown::code;
    let mut out = format!("### {mark} sweep `{}`: {}\n\n", view.id(), view.headline());
    let changes = view.changes();
    out.push_str(&format!("**{}**\n\n", view.since()));
    for (recipe, change) in &changes {
        out.push_str(&format!("- `{recipe}` {}\n", code(&change.to_string())));
    }
    if changes.is_empty() {
        out.push_str("- nothing\n");
    }
    out.push_str("\n| recipe | release | verdict | cold | promotion | level | time | |\n|---|---|---|---|---|---|---|---|\n");
    let all = view.rows();
    for row in all.iter().filter(|row| is_told(row)) {
        let Cells { release, verdict, cold, promotion, level, millis, run: _, promotion_run: _, evidence } =
            cells(row);
        let release = if release.is_empty() { String::new() } else { code(&release) };
        let level = level.map(|level| level.to_string()).unwrap_or_default();
        let time = millis.map(span).unwrap_or_default();
        let evidence = code(&evidence).replace('|', "\\|");
        out.push_str(&format!(
            "| `{}` | {release} | {verdict} | {cold} | {promotion} | {level} | {time} | {evidence} |\n",
            row.recipe
        ));
    }
    let unasked = all.iter().filter(|row| !is_told(row)).count();
    if unasked > 0 {
        out.push_str(&format!("\n{} not asked for\n", count(unasked, "recipe", "recipes")));
    }
    out
}
