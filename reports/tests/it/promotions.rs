//! What a promotion's own run says of the canonical, in every form.

use reports::{PromotionState, RunView, fold, index_page, junit, markdown, outcome_json, run_page, table};

use crate::sample::{self, Sample};

fn view(sample: &Sample) -> RunView {
    fold(&sample.events)
}

fn state(sample: &Sample) -> PromotionState {
    let view = view(sample);
    view.promotion.as_ref().unwrap().state(&view)
}

#[test]
fn a_promotion_says_from_where_to_where_and_what_was_read_back() {
    let text = markdown(&view(&sample::promoted()));
    insta::assert_snapshot!(text.split("| tier |").next().unwrap(), @"
    ### ✓ `gitea` `3.6.0+1.22.1-rootless`: passed

    **Promoted.** The canonical of `gitea` stands on `3.6.0+1.22.1-rootless` (g9) now: committed, and read back.

    - release `3.5.3+1.21.11-rootless → 3.6.0+1.22.1-rootless`
    - generation `g8 → g9`
    - born `2026-03-02 03:20 UTC`
    - advances survived `8`
    - allowed by `run 0c01d000, level 5`
    - copied `6109 files, 139.4 MB`
    - markers planted `at 2 releases, the oldest at 3.0.0+1.19.3-rootless`
    - markers read back `4 witness files and 2 data there, the oldest of 3.0.0+1.19.3-rootless`
    - data `6109 files, 139.4 MB → 6116 files, 140.3 MB`
    - `issues` 41 → 42
    - `users` 12 → 12
    - steps: reconcile 31 ms · promise 4 ms · copy 655 ms · prove 18.9 s · undeploy 6.2 s · fingerprint 180 ms · commit 9 ms · record read back 2 ms · retire 210 ms
    ");
}

/// CC-113: what is green cold and red on the data that aged is a verdict of its own.
#[test]
fn cc_113_cold_green_advance_red_says_that_the_canonical_is_untouched_and_where_it_stands() {
    let text = markdown(&view(&sample::advance_red()));
    let own = text.split("**Cold green").nth(1).unwrap().split("| tier |").next().unwrap();
    insta::assert_snapshot!(own, @"
    , advance red.** The canonical of `gitea` is untouched: it stands on `3.5.3+1.21.11-rootless` (g8), as before.

    - release `3.5.3+1.21.11-rootless → 3.6.0+1.22.1-rootless, not taken`
    - generation `g8 → g9, not taken`
    - born `2026-03-02 03:20 UTC`
    - advances survived `7`
    - allowed by `run 0c01d000, level 5`
    - copied `6109 files, 139.4 MB`
    - markers planted `at 2 releases, the oldest at 3.0.0+1.19.3-rootless`
    - markers read back `it did not come so far`
    - data `6109 files, 139.4 MB, not touched`
    - `issues` 41
    - `users` 12
    - steps: reconcile 31 ms · promise 4 ms · copy 655 ms · **✗ prove** 9.5 s · undeploy 1.9 s · drop candidate 130 ms
    ");
    let page = run_page(&view(&sample::advance_red()), &sample::advance_red().logs);
    assert!(page.contains("<h1>Cold green, advance red</h1>"));
    assert!(page.contains("is untouched: it stands on <code>3.5.3+1.21.11-rootless</code> (g8), as before."));
    assert!(page.contains("href=\"../0c01d000/report.html\""), "the cold run is one click away");
}

#[test]
fn junit_has_a_case_for_each_step_and_the_facts_as_properties() {
    for (sample, state, red) in
        [(sample::promoted(), "promoted", 0), (sample::advance_red(), "cold_green_advance_red", 1)]
    {
        let text = junit(&[view(&sample)]);
        let document = roxmltree::Document::parse(&text).unwrap();
        let suite = document.descendants().find(|n| n.has_tag_name("testsuite")).unwrap();
        let property = |name: &str| {
            let found = suite.descendants().find(|n| n.attribute("name") == Some(name));
            found.and_then(|n| n.attribute("value")).unwrap_or_else(|| panic!("no `{name}`:\n{text}"))
        };
        assert_eq!(property("promotion"), state);
        assert!(property("canonical").starts_with("The canonical of `gitea` "));
        assert!(property("promotion_markers_planted").ends_with("the oldest at 3.0.0+1.19.3-rootless"));
        let steps: Vec<_> = suite
            .children()
            .filter(|n| n.attribute("name").is_some_and(|name| name.starts_with("advance__generic__step ")))
            .collect();
        let failed = steps.iter().filter(|n| n.children().any(|c| c.has_tag_name("failure"))).count();
        assert_eq!(failed, red, "{text}");
        assert_eq!(steps[2].attribute("name"), Some("advance__generic__step copy"));
        assert_eq!(steps[2].attribute("time"), Some("0.655"));
    }
}

#[test]
fn a_script_can_ask_where_the_canonical_stands() {
    let outcome: serde_json::Value = serde_json::from_str(&outcome_json(&view(&sample::promoted()))).unwrap();
    let promotion = &outcome["promotion"];
    assert_eq!(
        (&promotion["state"], &promotion["from"]["generation"], &promotion["to"], &promotion["advances"]),
        (&"promoted".into(), &8.into(), &9.into(), &8.into())
    );
    assert_eq!(promotion["before"]["counts"]["issues"], 41);
    assert_eq!(promotion["after"]["counts"]["issues"], 42);
    let cold: serde_json::Value = serde_json::from_str(&outcome_json(&view(&sample::all_passed()))).unwrap();
    assert_eq!(cold.get("promotion"), None);
}

/// Law 1: only what the log says was committed and read back is called promoted.
#[test]
fn a_promotion_whose_log_is_cut_is_never_called_promoted_nor_the_canonical_untouched() {
    let whole = sample::promoted();
    let at = whole.events.iter().position(|e| matches!(e.what, domain::What::Promoted { .. })).unwrap();
    for cut in 1..at {
        let view = fold(&whole.events[..cut]);
        let Some(promotion) = &view.promotion else { continue };
        assert_eq!(promotion.state(&view), PromotionState::Open, "{cut}");
        let page = run_page(&view, &whole.logs);
        assert!(page.contains("This log does not say what became of g9"), "{cut}");
        assert!(!page.contains("is untouched") && !page.contains("<h1>Promoted"), "{cut}");
    }
    // Killed after the commit, before the end of the log: the record stands, the run has no end.
    let view = fold(&whole.events[..=at]);
    assert_eq!(view.promotion.as_ref().unwrap().state(&view), PromotionState::Promoted);
    assert!(run_page(&view, &whole.logs).contains("<h1>Did not end</h1>"));
    let mut unknown = whole.events.clone();
    unknown.remove(at);
    let view = fold(&unknown);
    assert_eq!(view.promotion.as_ref().unwrap().state(&view), PromotionState::Unknown);
    assert!(!run_page(&view, &whole.logs).contains("<h1>Promoted"));
}

#[test]
fn a_log_of_before_the_facts_were_told_still_says_from_where_to_where() {
    let text = sample::promoted().text();
    let old: String = text
        .lines()
        .map(|line| {
            let mut event: serde_json::Value = serde_json::from_str(line).unwrap();
            event.as_object_mut().unwrap().remove("stood");
            format!("{event}\n")
        })
        .collect();
    let view = reports::read(&old).view();
    assert_eq!(view.promotion.as_ref().unwrap().state(&view), PromotionState::Promoted);
    let told = markdown(&view);
    assert!(told.contains("- generation `g8 → g9`") && told.contains("- advances survived `8`"), "{told}");
}

#[test]
fn a_line_of_the_table_says_what_became_of_it() {
    let runs = [view(&sample::promoted()), view(&sample::advance_red())];
    insta::assert_snapshot!(table(&runs), @"
    recipe  rev                    verdict   time           ours  evidence
    gitea   3.6.0+1.22.1-rootless  passed   0m26s   1.5 s, 6.0 %  level 6, g8 → g9, 8 advances survived
    gitea   3.6.0+1.22.1-rootless  failed   0m12s  860 ms, 7.0 %  advance: `app` left 3 times, last with code 1: last at 03:05:11
    ");
    assert_eq!(state(&sample::hostile_promotion()), PromotionState::AdvanceRed);
}

#[test]
fn the_index_has_a_column_for_the_advance_where_there_is_one() {
    let cold = [view(&sample::all_passed())];
    assert!(!index_page(&cold).contains("<span>advance</span>"));
    let both = [view(&sample::all_passed()), view(&sample::promoted())];
    assert!(index_page(&both).contains("<span>advance</span>"));
}
