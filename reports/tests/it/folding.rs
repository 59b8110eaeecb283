//! What a view holds, of sound logs and of damaged ones.

use domain::event::Whose;
use domain::names::Side;
use domain::verdict::Depth;
use domain::{Cause, Tier, Verdict, What};
use reports::{End, State, fold, read};

use crate::sample;

#[test]
fn each_sample_folds_to_its_state() {
    let states: Vec<String> = sample::gallery()
        .iter()
        .map(|s| {
            let view = fold(&s.events);
            format!("{}: {} {:?}", s.name, view.verdict_words(), view.level())
        })
        .collect();
    insta::assert_snapshot!(states.join("\n"), @r"
    all-passed: passed Some(2)
    crash-loop: failed Some(1)
    mixed-stack: failed Some(1)
    probe-tls: failed Some(0)
    platform-fault: not judged (platform) Some(0)
    unfinished: did not end None
    superficial: passed (superficial) Some(1)
    hostile: failed Some(0)
    five-tiers: passed Some(5)
    not-restored: failed Some(2)
    named-cause: failed Some(0)
    promoted: passed Some(6)
    advance-red: failed Some(5)
    hostile-promotion: failed Some(5)
    ");
}

#[test]
fn what_a_log_says_is_what_its_text_says() {
    for sample in sample::gallery() {
        let read = read(&sample.text());
        assert_eq!(read.view(), fold(&sample.events), "{}", sample.name);
        let trouble = reports::Trouble { outside: Vec::new(), ..read.view().trouble };
        assert!(trouble.sentences().is_empty(), "{}", sample.name);
    }
}

#[test]
fn a_log_can_be_cut_at_any_byte() {
    let text = sample::crash_loop().text();
    let whole = read(&text).view();
    // Every byte of the end, and a spread of places before it: a prime, so that no field is spared.
    let places = (0..text.len() - 200).step_by(97).chain(text.len() - 200..text.len());
    for at in places.filter(|at| text.is_char_boundary(*at)) {
        let view = read(&text[..at]).view();
        let whole_but_its_newline = at == text.len() - 1;
        assert_eq!(view.level().is_some(), whole_but_its_newline, "at byte {at}");
        assert!(view.trouble.garbled.len() <= 1);
        assert!(view.sides.len() <= whole.sides.len());
        assert!(!matches!(view.state(), State::Passed | State::Superficial), "a cut log is never green");
    }
}

#[test]
fn a_cut_line_is_named_with_its_number() {
    let text = sample::unfinished().text();
    let cut = &text[..text.len() - 40];
    let trouble = read(cut).view().trouble.sentences();
    let last = text.lines().count();
    assert_eq!(trouble, [format!("line {last} of the log cannot be read: the line is cut")]);
}

#[test]
fn events_of_a_newer_version_are_counted_and_named() {
    let text = sample::all_passed().text();
    let lines: Vec<&str> = text.lines().collect();
    let newer = |seq: usize| {
        format!(r#"{{"v":2,"seq":{seq},"at":"2026-11-21T03:05:00Z","run":"x","event":"canonical_advanced"}}"#)
    };
    let all = [lines[0], &newer(2), &newer(3), lines[1]].join("\n");
    let view = read(&all).view();
    assert_eq!(view.trouble.unknown["canonical_advanced"], 2);
    insta::assert_snapshot!(view.trouble.sentences().join("\n"), @r"
    the log was written in format 2, newer than this Simmer knows
    2 × event `canonical_advanced` is not known here and was left out
    ");
}

#[test]
fn lost_lines_and_strangers_are_counted() {
    let mut events = sample::all_passed().events;
    events.drain(5..8);
    let stranger = sample::crash_loop().events.remove(4);
    events.push(stranger);
    let view = fold(&events);
    assert_eq!((view.trouble.lost, view.trouble.foreign), (3, 1));
}

#[test]
fn a_stage_whose_start_is_lost_still_has_its_place() {
    let mut events = sample::all_passed().events;
    let lost = |what: &What| matches!(what, What::StageStarted { stage, .. } if stage == "soak");
    let whole = fold(&events);
    events.retain(|e| !lost(&e.what));
    let view = fold(&events);
    assert_eq!(view.sides, whole.sides);
}

#[test]
fn of_several_bases_the_worst_stands() {
    let view = fold(&sample::mixed_stack().events);
    let upgrade = view.tier(Tier::Upgrade).unwrap();
    assert_eq!(upgrade.each.len(), 2);
    assert!(matches!(upgrade.verdict, Some(Verdict::Failed { why: Cause::MixedStack { .. } })));
}

/// Law 1: a verdict may understate, never overstate.
#[test]
fn a_last_line_that_is_better_than_the_judgements_is_not_believed() {
    let mut events = sample::crash_loop().events;
    let last = events.last_mut().unwrap();
    let What::RunEnded { level, verdicts, .. } = &mut last.what else {
        panic!("the last event ends the run")
    };
    *level = 5;
    verdicts.insert(Tier::Upgrade, Verdict::Passed { depth: Depth::Asserted });
    let view = fold(&events);
    assert_eq!((view.state(), view.level()), (State::Failed, Some(1)));
    assert_eq!(view.trouble.contradictions.len(), 2);
}

#[test]
fn a_run_in_which_all_was_skipped_is_not_green() {
    let sample = sample::Script::new("skips", "gitea", "1.0.0+1", &[]).later_rooms().done(&[]);
    assert_eq!(fold(&sample.events).state(), State::NothingJudged);
}

#[test]
fn a_platform_fault_leads_and_the_tiers_after_it_do_not() {
    let view = fold(&sample::platform_fault().events);
    let (tier, _, cause) = view.lead().unwrap();
    assert_eq!((tier, cause.name()), (Tier::Install, "image_pull"));
    assert_eq!(view.verdict_words(), "not judged (platform)");
}

#[test]
fn app_time_and_our_time_are_told_apart() {
    let view = fold(&sample::all_passed().events);
    assert_eq!(view.tier_millis(Tier::Install, Whose::App), 8_420);
    // pull, deploy, probe, soak, clear
    assert_eq!(view.tier_millis(Tier::Install, Whose::Ours), 210 + 880 + 412 + 5_000 + 730);
}

#[test]
fn an_unfinished_run_has_no_level_and_reaches_as_far_as_its_log() {
    let view = fold(&sample::unfinished().events);
    assert_eq!(view.level(), None);
    assert!(matches!(view.end, End::Open { last: Some(_) }));
    assert_eq!(view.millis(), 36_004);
}

#[test]
fn an_empty_log_is_a_view_too() {
    let view = read("").view();
    assert_eq!(view.state(), State::DidNotEnd);
    assert_eq!((view.recipe(), view.rev()), ("?", "?"));
}

/// One stack carries several tiers; a stage says to which it belongs by its name, by the tests in it, or by a fact.
#[test]
fn the_stages_of_one_stack_are_told_apart_by_tier() {
    let view = fold(&sample::five_tiers().events);
    let b = &view.sides[1];
    let mut said: Vec<String> = Vec::new();
    for stage in &b.stages {
        let tier = stage.tier.unwrap().to_string();
        match said.last_mut() {
            Some(last) if last.starts_with(&tier) => *last += &format!(", {}", stage.stage),
            _ => said.push(format!("{tier}: {}", stage.stage)),
        }
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    upgrade: pull, deploy base, settle base, probe base, seed, upgrade, settle, check data, probe, soak, tests
    backup: mark, backup
    restore: destroy, restore, settle, read back
    custom: tests
    ");
    assert_eq!(view.tier_millis(Tier::Restore, Whose::App), 1_120 + 3_020);
}

#[test]
fn a_stage_whose_facts_name_a_tier_belongs_to_it_and_so_do_those_after_it() {
    let b = (Side::B, 0);
    let mut script = sample::Script::new("facts", "gitea", "1.0.0+1", &["0.9.0+1"]);
    script.side(Side::B, 0).stage(b, "settle", 5, Whose::App, "").stage(b, "x", 5, Whose::App, "");
    let mut sample = script.stage(b, "y", 5, Whose::App, "").done(&[]);
    for event in &mut sample.events {
        if let What::StageEnded { stage, facts, .. } = &mut event.what
            && stage == "x"
        {
            facts.insert("tier".to_owned(), "custom".to_owned());
        }
    }
    let tiers: Vec<_> = fold(&sample.events).sides[0].stages.iter().map(|s| s.tier.unwrap()).collect();
    assert_eq!(tiers, [Tier::Upgrade, Tier::Custom, Tier::Custom]);
}

/// A red in one tier leaves the others standing: a fresh stack carries what is left, and upgrades from nothing.
#[test]
fn a_fresh_stack_for_the_tiers_that_are_left_has_no_base() {
    let mut script = sample::Script::new("rest", "gitea", "1.0.0+1", &["0.9.0+1", "0.8.0+1"]);
    let mut sample = script.side(Side::B, 0).side(Side::B, 1).done(&[]);
    for event in &mut sample.events {
        if let What::SideStarted { nth: 1, tier, .. } = &mut event.what {
            *tier = Tier::Custom;
        }
    }
    let bases: Vec<_> = fold(&sample.events).sides.into_iter().map(|s| s.base).collect();
    assert_eq!(bases, [Some("0.9.0+1".to_owned()), None]);
}

#[test]
fn what_a_run_told_of_data_and_backups_is_in_its_view() {
    let view = fold(&sample::not_restored().events);
    let b = &view.sides[1];
    assert_eq!((b.data.len(), b.counts.len(), b.hooks.len(), b.snapshots.len()), (10, 3, 1, 2));
    assert_eq!(b.data.iter().filter(|d| !d.ok).count(), 1);
    assert_eq!(view.tier(Tier::Restore).unwrap().data, Some(domain::data::DataState::Unknown));
    assert_eq!(view.tally(Some(Tier::Backup)).passed, 1);
}

/// CC-053: failures and skips are counted, by cases where there are any.
#[test]
fn tests_are_counted_by_their_cases() {
    let view = fold(&sample::named_cause().events);
    let of = view.tally(Some(Tier::Install));
    assert_eq!((of.passed, of.failed, of.skipped, of.broken), (1, 1, 0, 0));
    let view = fold(&sample::five_tiers().events);
    assert_eq!(view.tally(None).words(), "11 tests: 0 failed, 2 skipped, 9 passed");
}

#[test]
fn the_wall_time_of_a_run_is_told_whole() {
    for sample in sample::gallery() {
        let view = fold(&sample.events);
        let Some(wall) = view.wall() else {
            assert_eq!(sample.name, "unfinished");
            continue;
        };
        assert_eq!(wall.all(), view.millis(), "{}", sample.name);
    }
    let wall = fold(&sample::five_tiers().events).wall().unwrap();
    // One after the other in this sample: two soaks, two clearings.
    assert_eq!((wall.soak_millis, wall.clear_millis), (10_000, 1_460));
}

/// Nothing that an event says makes a report read or link what is not in the run's folder.
#[test]
fn a_file_outside_of_the_runs_folder_is_named_as_trouble_and_not_kept() {
    let view = fold(&sample::hostile().events);
    let kept: Vec<&str> = view.kept_files().into_iter().map(|k| k.file).collect();
    assert_eq!(kept, ["logs/a0-app.log"]);
    let out = ["../../etc/passwd", "../../javascript:alert(1)", "/etc/passwd", "hooks/../../x"];
    assert_eq!(view.trouble.outside, out);
}

/// What a crash, a bad disk or a stranger may do to a log.
fn damage(text: &str, blows: &[(u8, usize, u8)]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (kind, place, with) in blows {
        if lines.is_empty() {
            break;
        }
        let at = place % lines.len();
        match kind {
            0 => drop(lines.remove(at)),
            1 => lines.push(lines[at].clone()),
            2 => {
                let mut keep = usize::from(*with) % (lines[at].len() + 1);
                while !lines[at].is_char_boundary(keep) {
                    keep -= 1;
                }
                lines[at].truncate(keep);
            }
            3 => lines[at] = lines[at].replace(char::from(b'0' + with % 10), "99999999"),
            4 => lines[at] = lines[at].replace("millis\":", "millis\":18446744073709"),
            5 => lines[at] = lines[at].replace("\"seq\":", "\"seq\":18446744073709551"),
            6 => lines[at] = lines[at].replace("2026", ["1970", "9999", "0001"][usize::from(*with) % 3]),
            _ => {
                let other = usize::from(*with) % lines.len();
                lines.swap(at, other);
            }
        }
    }
    lines.join("\n")
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(96))]
    #[test]
    fn no_damage_to_a_log_breaks_a_report(
        which in 0..11_usize,
        blows in proptest::collection::vec((0..8_u8, 0..1000_usize, 0..=255_u8), 1..12),
    ) {
        let sample = &sample::gallery()[which];
        let view = read(&damage(&sample.text(), &blows)).view();
        let runs = std::slice::from_ref(&view);
        let said = [
            reports::table(runs),
            reports::summary(runs),
            reports::markdown(&view),
            reports::outcome_json(&view),
            reports::junit(runs),
            reports::run_page(&view, &sample.logs),
            reports::index_page(runs),
            reports::badge(view.level(), view.state()),
        ];
        assert!(said.iter().all(|text| !text.is_empty()));
        assert!(roxmltree::Document::parse(&said[4]).is_ok());
    }
}
