//! Each journaled step once on a real swarm: the process dies as the step begins, what it left is reconciled, and not a
//! byte of what was committed is another. The fake swarm's matrix does the same a thousand times (`it::kill_matrix`).

use std::os::unix::process::ExitStatusExt as _;

use domain::canonical::Step;
use runner::journal::steps;
use runner::kill::{KILL_AT, Moment, place};
use runner::store::Work;
use serde_json::Value;

use crate::ground::Ground;
use crate::warm::{
    Given, Soak, bytes_of, carried, differences, docker, ground, is_green_cold, promoted, releases, shown,
    volumes,
};

/// The smallest app that keeps anything: what is killed here is Simmer.
const RECIPE: &str = "box";
const SHELF: &str = "aged";

/// What a killed command may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Record {
    Stands,
    Changed,
}

/// Lets a command die as it comes to a step.
fn killed(ground: &Ground, work: Work, step: &str, args: &[&str]) {
    let place = place(work.name(), step, Moment::Before);
    let ended = ground.command(args).env(KILL_AT, &place).output().unwrap();
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.signal(), Some(9), "it did not come to {place}: {told}");
}

/// Reconciles and clears, and checks that both sides say the same and that nothing committed has changed.
fn is_whole(ground: &Ground, what: &str, before: &Value, record: Record) {
    for command in ["reconcile", "gc"] {
        let mended = ground.simmer(&[command]);
        assert_eq!(mended.exit, 0, "{what}: {}{}", mended.stdout, mended.stderr);
    }
    assert_eq!(differences(ground), Vec::<String>::new(), "{what}");
    let checked = ground.simmer(&["db", "check"]);
    assert_eq!(checked.exit, 0, "{what}: {}", checked.stdout);
    ground.assert_nothing_left();
    let now = shown(ground, RECIPE);
    assert_eq!(now["canonical"] == before["canonical"], record == Record::Stands, "{what}: {now:#}");
    let named = now["generations"].as_array().unwrap().iter().filter(|g| g["standing"] == "committed");
    let named: Vec<_> = named.flat_map(|g| g["volumes"].as_object().unwrap().values()).collect();
    let mut there = volumes(ground, "");
    there.sort();
    let mut named: Vec<_> = named.into_iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    named.sort();
    assert_eq!(there, named, "{what}: what is there is what was committed");
}

/// A canonical on its first release, with the second one next.
fn born(ground: &Ground) -> (String, String) {
    let releases = releases(ground, RECIPE);
    carried(ground, RECIPE, &releases[0]);
    (releases[0].clone(), releases[1].clone())
}

#[test]
fn law_4_cc_151_each_step_of_a_promotion_that_is_killed_is_mended_and_nothing_committed_is_touched() {
    let ground = ground(SHELF, RECIPE, Soak::Short);
    let _given = Given(&ground, RECIPE);
    let (_, second) = born(&ground);
    is_green_cold(&ground, RECIPE, &second);
    let promote = ["promote", RECIPE, "--ref", &second, "--quiet"];
    let committed = volumes(&ground, "-g1");
    let bytes = bytes_of(&committed);

    let taken = |step: &&&str| !matches!(**step, "let go" | "verify return" | "hold" | "drop candidate");
    for step in steps(Work::Promotion).iter().filter(taken) {
        let before = shown(&ground, RECIPE);
        killed(&ground, Work::Promotion, step, &promote);
        // What comes after the commit has committed.
        let record = match *step {
            "record read back" | "retire" => Record::Changed,
            _ => Record::Stands,
        };
        is_whole(&ground, step, &before, record);
    }
    let before = shown(&ground, RECIPE);
    killed(&ground, Work::Promotion, "drop candidate", &[&promote[..], &["--dry"]].concat());
    is_whole(&ground, "drop candidate", &before, Record::Stands);
    assert_eq!(bytes_of(&committed), bytes, "the generation from which all of them began");
    promoted(&ground, RECIPE, &second);
}

#[test]
fn law_4_cc_151_each_step_of_run_reconcile_gc_rollback_and_drop_that_is_killed_is_mended() {
    let ground = ground(SHELF, RECIPE, Soak::Short);
    let _given = Given(&ground, RECIPE);
    let (first, second) = born(&ground);
    let (run, promote) =
        (["run", RECIPE, "--ref", &second, "--quiet"], ["promote", RECIPE, "--ref", &second, "--quiet"]);

    let before = shown(&ground, RECIPE);
    for step in steps(Work::Run) {
        killed(&ground, Work::Run, step, &run);
        is_whole(&ground, step, &before, Record::Stands);
    }
    killed(&ground, Work::Run, "act probe", &run);
    killed(&ground, Work::Gc, "remove dead run", &["gc"]);
    is_whole(&ground, "gc", &before, Record::Stands);

    // What mends is killed as well: there is something to mend each time.
    is_green_cold(&ground, RECIPE, &second);
    for (step, left_at) in [
        ("drop row", "copy"),
        ("undeploy", "act probe"),
        ("remove candidate", "act probe"),
        ("close journal", "act probe"),
    ] {
        killed(&ground, Work::Promotion, left_at, &promote);
        killed(&ground, Work::Reconcile, step, &["reconcile"]);
        is_whole(&ground, step, &before, Record::Stands);
    }

    promoted(&ground, RECIPE, &second);
    for (step, record) in [("roll back", Record::Stands), ("record read back", Record::Changed)] {
        let before = shown(&ground, RECIPE);
        killed(&ground, Work::Rollback, step, &["canonical", "rollback", RECIPE]);
        is_whole(&ground, step, &before, record);
    }
    for step in steps(Work::Drop) {
        killed(&ground, Work::Drop, step, &["canonical", "drop", RECIPE, "--delete-data"]);
        let mended = ground.simmer(&["reconcile"]);
        assert_eq!(mended.exit, 0, "{step}: {}", mended.stdout);
        assert_eq!(differences(&ground), Vec::<String>::new(), "{step}");
    }
    assert_eq!(volumes(&ground, ""), Vec::<String>::new(), "what was given up is gone");
    promoted(&ground, RECIPE, &first);
}

/// Closes what is open, if anything is, as a person does who comes back.
fn close(ground: &Ground) {
    let closed = ground.simmer(&["canonical", "close", RECIPE]);
    assert!(matches!(closed.exit, 0 | 2), "{}{}", closed.stdout, closed.stderr);
}

#[test]
fn law_4_each_step_of_opening_closing_and_keeping_that_is_killed_is_mended() {
    let ground = ground(SHELF, RECIPE, Soak::Short);
    let _given = Given(&ground, RECIPE);
    born(&ground);
    let committed = volumes(&ground, "-g1");
    let bytes = bytes_of(&committed);
    let open = ["canonical", "open", RECIPE, "--detach", "--quiet"];
    let opened = || {
        let opened = ground.simmer(&open);
        assert_eq!(opened.exit, 0, "{}{}", opened.stdout, opened.stderr);
    };

    // Its last step drops a copy that does not come up: the same as a promotion's.
    for step in Step::OPEN.iter().filter(|step| **step != Step::Drop) {
        let before = shown(&ground, RECIPE);
        killed(&ground, Work::Open, step.name(), &open);
        is_whole(&ground, step.name(), &before, Record::Stands);
    }
    for step in Step::CLOSE {
        let before = shown(&ground, RECIPE);
        opened();
        killed(&ground, Work::Close, step.name(), &["canonical", "close", RECIPE]);
        close(&ground);
        is_whole(&ground, step.name(), &before, Record::Stands);
    }
    for step in Step::KEEP {
        let before = shown(&ground, RECIPE);
        opened();
        killed(&ground, Work::Close, step.name(), &["canonical", "close", RECIPE, "--keep"]);
        close(&ground);
        let is_committed = matches!(step, Step::ReadBack | Step::LetGo | Step::Retire);
        let record = if is_committed { Record::Changed } else { Record::Stands };
        is_whole(&ground, step.name(), &before, record);
        if volumes(&ground, "-g1") == committed {
            assert_eq!(bytes_of(&committed), bytes, "{}: the generation that was born", step.name());
        }
    }
}

#[test]
fn law_4_each_repair_that_is_left_is_killed_and_made_by_the_next_reconcile() {
    let ground = ground(SHELF, RECIPE, Soak::Short);
    let _given = Given(&ground, RECIPE);
    let (_, second) = born(&ground);
    carried(&ground, RECIPE, &second);
    let reconcile = ["reconcile"];

    // More than are kept: the promotion died before it retired the oldest.
    let settings = std::fs::read_to_string(ground.path().join("simmer.toml")).unwrap();
    ground.write("simmer.toml", &format!("{settings}[canonicals]\nkeep = 2\n"));
    killed(&ground, Work::Promotion, "retire", &["promote", RECIPE, "--ref", &second, "--quiet"]);
    let before = shown(&ground, RECIPE);
    killed(&ground, Work::Reconcile, "retire", &reconcile);
    is_whole(&ground, "retire", &before, Record::Stands);
    assert_eq!(volumes(&ground, "-g1"), Vec::<String>::new(), "two are kept");

    // Its volumes are gone: that is written down, and ends when an older generation is named.
    for volume in volumes(&ground, "-g3") {
        docker(&["volume", "rm", &volume]);
    }
    killed(&ground, Work::Reconcile, "mark broken", &reconcile);
    assert_eq!(ground.simmer(&reconcile).exit, 4, "it is written down, and not mended");
    let rolled = ground.simmer(&["canonical", "rollback", RECIPE]);
    assert_eq!(rolled.exit, 0, "{}", rolled.stderr);
    let before = shown(&ground, RECIPE);
    killed(&ground, Work::Reconcile, "end hold", &reconcile);
    is_whole(&ground, "end hold", &before, Record::Stands);
}

#[test]
fn law_4_secrets_of_a_canonical_that_was_never_born_go_also_when_that_is_killed() {
    const RECIPE: &str = "oidc";
    let ground = ground("samples", RECIPE, Soak::Short);
    let newest = releases(&ground, RECIPE).pop().unwrap();
    is_green_cold(&ground, RECIPE, &newest);
    killed(&ground, Work::Promotion, "act probe", &["promote", RECIPE, "--ref", &newest, "--quiet"]);
    let label = format!("label=simmer.canonical={RECIPE}");
    let secrets = || docker(&["secret", "ls", "--quiet", "--filter", &label]);
    assert!(!secrets().is_empty(), "the candidate had secrets");
    killed(&ground, Work::Reconcile, "remove secrets", &["reconcile"]);
    let mended = ground.simmer(&["reconcile"]);
    assert_eq!(mended.exit, 0, "{}{}", mended.stdout, mended.stderr);
    assert_eq!(differences(&ground), Vec::<String>::new());
    assert_eq!(secrets(), "");
    assert!(
        !ground.path().join(format!("state/canonicals/{RECIPE}/secrets.json")).exists(),
        "and their values"
    );
    ground.assert_nothing_left();
}

#[test]
fn law_4_each_step_after_something_failed_and_on_the_way_back_is_killed_and_mended() {
    let ground = ground(SHELF, RECIPE, Soak::Short);
    let _given = Given(&ground, RECIPE);
    let (_, second) = born(&ground);
    is_green_cold(&ground, RECIPE, &second);
    let promote = ["promote", RECIPE, "--ref", &second, "--quiet"];
    let keep_failed = [&promote[..], &["--keep-failed", "1h"]].concat();
    let overlay = format!("overlays/{RECIPE}/overlay.toml");
    let good = std::fs::read_to_string(ground.path().join(&overlay)).unwrap();
    let before = shown(&ground, RECIPE);

    ground.write(&overlay, &format!("verify_return = \"always\"\n{good}"));
    killed(&ground, Work::Promotion, "verify return", &promote);
    is_whole(&ground, "verify return", &before, Record::Stands);

    // Nothing is there: neither what is opened nor a candidate comes up.
    let bad = good.replacen("path = \"/\"\nwindow = \"5m\"", "path = \"/nowhere\"\nwindow = \"5s\"", 1);
    assert_ne!(bad, good);
    ground.write(&overlay, &bad);
    killed(&ground, Work::Open, "drop candidate", &["canonical", "open", RECIPE, "--detach", "--quiet"]);
    is_whole(&ground, "drop a copy", &before, Record::Stands);
    killed(&ground, Work::Promotion, "hold", &keep_failed);
    is_whole(&ground, "hold", &before, Record::Stands);

    // One is kept, and the next promotion dies as it lets it go.
    let kept = ground.simmer(&keep_failed);
    assert_eq!(kept.exit, 1, "{}{}", kept.stdout, kept.stderr);
    ground.write(&overlay, &good);
    killed(&ground, Work::Promotion, "let go", &promote);
    close(&ground);
    is_whole(&ground, "let go", &before, Record::Stands);
    promoted(&ground, RECIPE, &second);
}
