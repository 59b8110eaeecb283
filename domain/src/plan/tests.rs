use super::*;
use crate::Version;

fn releases(tags: &[&str]) -> Vec<Release> {
    tags.iter()
        .map(|tag| Release {
            version: Version::parse(tag).unwrap(),
            tag: (*tag).into(),
            commit: "0".repeat(40),
        })
        .collect()
}

/// What is asked for in a test, beside the plain run of a labelled recipe.
struct Case<'a> {
    tiers: &'a [Tier],
    bases: &'a [&'a str],
    ports: &'a [u16],
    na: &'a [(Tier, String)],
    backup_label: bool,
    brought: Brought,
}

const PLAIN: Case<'static> = Case {
    tiers: &Tier::COLD,
    bases: &["1.0.0+1"],
    ports: &[],
    na: &[],
    backup_label: true,
    brought: Brought { readiness: false, data: false, newer: false, tests: BTreeSet::new() },
};

fn plan_of(case: &Case<'_>) -> RunPlan {
    plan(&Asked {
        tiers: &case.tiers.iter().copied().collect(),
        bases: &releases(case.bases),
        expected_na: case.na,
        published_ports: case.ports,
        room_for_two: true,
        backup_label: case.backup_label,
        brought: &case.brought,
    })
}

fn told(side: &SidePlan) -> String {
    let judges: Vec<_> = side.tiers.iter().map(|t| t.name()).collect();
    let mut text = format!("{}{} judges {}\n", side.side, side.nth, judges.join(", "));
    for of_tier in side.acts.chunk_by(|a, b| a.tier == b.tier) {
        let acts: Vec<_> = of_tier.iter().map(|p| p.act.name()).collect();
        text += &format!("  {}: {}\n", of_tier[0].tier, acts.join(", "));
    }
    text
}

fn planned(case: &Case<'_>) -> String {
    let plan = plan_of(case);
    let mut text = format!("{:?}\n", plan.room);
    for side in &plan.sides {
        text += &told(side);
    }
    for (tier, why) in plan.skipped {
        text += &format!("no {tier}: {why}\n");
    }
    text
}

fn everything() -> Brought {
    Brought { readiness: true, data: true, newer: true, tests: Tier::COLD.into() }
}

#[test]
fn cc_020_a_plain_run_goes_through_all_that_needs_no_overlay() {
    insta::assert_snapshot!(planned(&PLAIN), @r"
    SideBySide
    A0 judges install
      install: pull, deploy, settle, probe, soak
    B0 judges upgrade, backup, restore
      upgrade: pull, pull, deploy base, settle base, probe base, seed, upgrade, settle, check, probe, soak, check
      backup: mark, backup
      restore: destroy, restore, settle, probe, read back
    no custom: there is no test of it
    ");
}

#[test]
fn what_the_overlay_brings_is_done_in_its_tier() {
    insta::assert_snapshot!(planned(&Case { brought: everything(), ..PLAIN }), @r"
    SideBySide
    A0 judges install
      install: pull, deploy, settle, probe, soak, ready, tests
    B0 judges upgrade, backup, restore, custom
      upgrade: pull, pull, deploy base, settle base, probe base, ready base, seed, seed data, upgrade, settle, check, probe, soak, check, ready, check data, tests
      backup: mark, seed data, backup, tests
      restore: mark newer, destroy, destroy data, restore, settle, probe, ready, read back, read data back, tests
      custom: ready, tests
    ");
}

#[test]
fn a_first_release_has_nothing_to_upgrade_from_and_is_still_backed_up() {
    insta::assert_snapshot!(planned(&Case { bases: &[], ports: &[64738], ..PLAIN }), @r#"
    OneByOne("the recipe publishes port 64738 on the node")
    A0 judges install
      install: pull, deploy, settle, probe, soak
    B0 judges backup, restore
      install: pull, deploy, settle, probe
      backup: mark, backup
      restore: destroy, restore, settle, probe, read back
    no upgrade: no older release
    no custom: there is no test of it
    "#);
}

#[test]
fn cc_028_what_the_overlay_declares_not_applicable_is_skipped_with_its_reason() {
    let na = [(Tier::Upgrade, "stateless".to_owned())];
    assert!(planned(&Case { na: &na, ..PLAIN }).contains("no upgrade: not applicable: stateless"));
}

#[test]
fn a_recipe_without_the_label_has_no_backup_and_nothing_to_restore() {
    insta::assert_snapshot!(planned(&Case { backup_label: false, ..PLAIN }), @r"
    SideBySide
    A0 judges install
      install: pull, deploy, settle, probe, soak
    B0 judges upgrade
      upgrade: pull, pull, deploy base, settle base, probe base, seed, upgrade, settle, check, probe, soak, check
    no backup: no service carries the label `backupbot.backup=true`
    no restore: no service carries the label `backupbot.backup=true`
    no custom: there is no test of it
    ");
}

#[test]
fn restore_alone_makes_the_backup_that_it_needs() {
    insta::assert_snapshot!(planned(&Case { tiers: &[Tier::Restore], brought: everything(), ..PLAIN }), @r"
    SideBySide
    B0 judges restore
      install: pull, deploy, settle, probe, ready
      backup: mark, seed data, backup
      restore: mark newer, destroy, destroy data, restore, settle, probe, ready, read back, read data back, tests
    no lint: not asked for
    no install: not asked for
    no upgrade: not asked for
    no backup: not asked for
    no custom: not asked for
    ");
}

#[test]
fn only_the_first_of_several_bases_carries_what_comes_after_the_upgrade() {
    let plan = plan_of(&Case { bases: &["1.1.0+1", "1.0.0+1"], brought: everything(), ..PLAIN });
    assert_eq!(plan.sides[1].tiers, [Tier::Upgrade, Tier::Backup, Tier::Restore, Tier::Custom]);
    assert_eq!(plan.sides[2].tiers, [Tier::Upgrade]);
}

#[test]
fn cc_021_a_red_upgrade_leaves_the_later_tiers_to_a_fresh_stack() {
    let plan = plan_of(&Case { brought: everything(), ..PLAIN });
    insta::assert_snapshot!(told(&plan.sides[1].rest_after(Tier::Upgrade, 1).unwrap()), @r"
    B1 judges backup, restore, custom
      install: pull, deploy, settle, probe, ready
      backup: mark, seed data, backup, tests
      restore: mark newer, destroy, destroy data, restore, settle, probe, ready, read back, read data back, tests
      custom: ready, tests
    ");
}

#[test]
fn cc_021_a_red_backup_takes_the_restore_with_it_and_nothing_else() {
    let plan = plan_of(&Case { brought: everything(), ..PLAIN });
    insta::assert_snapshot!(told(&plan.sides[1].rest_after(Tier::Backup, 1).unwrap()), @r"
    B1 judges custom
      install: pull, deploy, settle, probe, ready
      custom: ready, tests
    ");
    assert_eq!(plan.sides[1].rest_after(Tier::Custom, 1), None);
    assert_eq!(plan.sides[0].rest_after(Tier::Install, 1), None);
}
