//! Data planted, read back, destroyed; counts; readiness; the recipe's own tests.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use domain::cause::Vantage;
use domain::data::AfterBackup;
use domain::{Cause, Fault, Tier};
use runner::exam::{Author, Done, Purpose, check, count, destroy, own_test, own_tests, plant, ready};
use runner::instance::ask::{AppliesTo, Ask, CountSpec, DatumSpec, Expect, How, HttpAsk, Ready, ReadySpec};

use super::stage::{Stage, exec, marker, told};

/// A note in a file, by its marker.
fn note() -> DatumSpec {
    let equals = Expect { equals: Some("${MARKER}".into()), ..Expect::default() };
    DatumSpec {
        name: "note".into(),
        seed: exec(&["put", "/n/${MARKER}", "${MARKER}"]),
        check: Ask { expect: equals, ..exec(&["cat", "/n/${MARKER}"]) },
        destroy: Some(exec(&["rm", "/n/${MARKER}"])),
        after_backup: Some(AfterBackup::Gone),
        applies_to: None,
    }
}

fn line(done: Option<Done>) -> String {
    let Some(Done { datum, cause }) = done else { return "does not apply".into() };
    let cause = cause.map_or_else(|| "well".to_owned(), |c| format!("{} ({})", c.name(), c.fault()));
    format!("{:?} in {}: {cause}: {}", datum.deed, datum.stage, datum.says)
}

#[tokio::test]
async fn a_datum_is_planted_destroyed_and_missed() {
    let stage = Stage::new().await;
    let (scene, note, m) = (&stage.scene, note(), marker());
    let mut lines = vec![
        line(check(scene, &note, &m, "upgrade", Purpose::Survived).await),
        line(plant(scene, &note, &m, "upgrade").await),
        line(check(scene, &note, &m, "upgrade", Purpose::Survived).await),
        line(check(scene, &note, &m, "restore", Purpose::AfterBackup(AfterBackup::Gone)).await),
        line(destroy(scene, &note, &m, "backup").await),
        line(check(scene, &note, &m, "restore", Purpose::Restored).await),
        line(check(scene, &note, &m, "restore", Purpose::AfterBackup(AfterBackup::Gone)).await),
        line(check(scene, &note, &m, "restore", Purpose::AfterBackup(AfterBackup::Kept)).await),
    ];
    *stage.stack.is_lost.lock().unwrap() = true;
    lines.push(line(check(scene, &note, &m, "restore", Purpose::Restored).await));
    insta::assert_snapshot!(lines.join("\n"), @"
    Checked in upgrade: data_lost (recipe): data in volume `note` did not survive: expected exit code 0, got 1: `cat: /n/simmer0000aaaaupgrade: no such file`
    Seeded in upgrade: well: planted and read back
    Checked in upgrade: well: there, and as it was
    Checked in restore: after_backup (recipe): note, made after the backup, should be gone after the restore: it was made after the backup, and is still there after the restore
    Destroyed in backup: well: destroyed, and its check misses it
    Checked in restore: not_restored (recipe): restore does not bring data back: note: expected exit code 0, got 1: `cat: /n/simmer0000aaaaupgrade: no such file`
    Checked in restore: well: gone, as it should be
    Checked in restore: after_backup (recipe): note, made after the backup, should be there after the restore: expected exit code 0, got 1: `cat: /n/simmer0000aaaaupgrade: no such file`
    Checked in restore: engine (platform): the engine is away
    ");
}

#[tokio::test]
async fn an_overlay_that_proves_nothing_is_told_so() {
    let stage = Stage::new().await;
    let (scene, m) = (&stage.scene, marker());
    let idle = DatumSpec { destroy: Some(exec(&["true"])), ..note() };
    let forgetful =
        DatumSpec { seed: exec(&["true"]), name: "f".into(), check: exec(&["cat", "/f"]), ..note() };
    let failing = DatumSpec { seed: exec(&["nonsense"]), ..note() };
    let later = DatumSpec { applies_to: Some(AppliesTo::parse(">=9.0.0").unwrap()), ..note() };
    let none = DatumSpec { destroy: None, ..note() };
    let lines = [
        line(plant(scene, &idle, &m, "backup").await),
        line(destroy(scene, &idle, &m, "backup").await),
        line(plant(scene, &forgetful, &m, "backup").await),
        line(plant(scene, &failing, &m, "backup").await),
        line(plant(scene, &later, &m, "backup").await),
        line(destroy(scene, &none, &m, "backup").await),
    ];
    insta::assert_snapshot!(lines.join("\n"), @"
    Seeded in backup: well: planted and read back
    Destroyed in backup: test_broken (overlay): overlay test `note (destroy)` could not be judged: it destroys nothing: the check finds the datum after it as before
    Seeded in backup: seed (overlay): f could not be planted: it was planted, and its check does not find it: expected exit code 0, got 1: `cat: /f: no such file`
    Seeded in backup: seed (overlay): note could not be planted: expected exit code 0, got 127: `not found`
    does not apply
    does not apply
    ");
}

#[tokio::test]
async fn counts_are_read_from_output_and_from_json() {
    let stage = Stage::new().await;
    let http = HttpAsk {
        from: Vantage::Inside,
        host: None,
        service: "app".into(),
        port: None,
        method: "POST".into(),
        path: "/x".into(),
        headers: [].into(),
        body: Some("12".into()),
        user: None,
    };
    let of = |name: &str, how: How, pointer: Option<&str>| CountSpec {
        name: name.into(),
        ask: Ask { how, expect: Expect::default(), deadline: Duration::from_secs(60) },
        pointer: pointer.map(str::to_owned),
        may_shrink: false,
    };
    let files = of("files", exec(&["count"]).how, None);
    let counts = count(&stage.scene, std::slice::from_ref(&files), &marker()).await.unwrap();
    assert_eq!(counts["files"], 0);
    let wrong = of("rows", How::Http(http), Some("/body"));
    let cause = count(&stage.scene, &[files, wrong], &marker()).await.unwrap_err();
    assert_eq!(cause.fault(), Fault::Overlay);
    assert!(cause.to_string().contains("expected a number or a list at `/body`"), "{cause}");
}

#[tokio::test]
async fn cc_042_cc_043_readiness_holds_as_often_as_asked_and_tells_its_tries() {
    let stage = Stage::new().await;
    let spec = |how| ReadySpec {
        name: "r".into(),
        how,
        consecutive: 1,
        pause: Duration::from_millis(1),
        window: Duration::from_secs(60),
    };
    let log = |text: &str| Ready::Log { service: "app".into(), contains: text.into() };
    // The log grows by a line with each look: the fourth look finds it, and the next two as well.
    let waited = ready(&stage.scene, &ReadySpec { consecutive: 3, ..spec(log("line 3")) }, &marker()).await;
    assert_eq!((waited.probed.ok, waited.probed.tries, waited.cause), (true, 6, None));

    let tcp = Ready::Tcp { service: "app".into(), port: 80 };
    let waited = ready(&stage.scene, &ReadySpec { consecutive: 3, ..spec(tcp) }, &marker()).await;
    assert_eq!((waited.probed.ok, waited.probed.tries), (true, 3));

    let window = Duration::from_millis(200);
    let waited =
        ready(&stage.scene, &ReadySpec { window, ..spec(Ready::Ask(exec(&["cat", "/x"]))) }, &marker()).await;
    let Some(Cause::Probe { tries, says, .. }) = waited.cause else { panic!("{waited:?}") };
    assert!(1 < tries && says.contains("expected exit code 0, got 1"), "{tries} {says}");

    let gone = Ready::Tcp { service: "nobody".into(), port: 80 };
    let waited = ready(&stage.scene, &ReadySpec { window, ..spec(gone) }, &marker()).await;
    assert!(!waited.probed.ok);
}

#[tokio::test]
async fn a_recipes_own_tests_are_found_and_strangers_ones_are_not_run() {
    let stage = Stage::new().await;
    let root = stage.folder.path().join("recipe");
    let write = |name: &str, mode: u32| {
        let path = root.join("tests").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\ntouch {}/ran\n", root.display())).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    write("smoke", 0o755);
    write("README.md", 0o644);
    write("test_api.py", 0o644);
    write("custom/more", 0o755);
    write("install/first", 0o755);
    write(".hidden", 0o755);
    std::os::unix::fs::symlink("/bin/sh", root.join("tests/link")).unwrap();
    let names = |tier| own_tests(&root, tier).into_iter().map(|t| t.name).collect::<Vec<_>>();
    assert_eq!(names(Tier::Custom), ["custom/more", "smoke", "test_api.py"]);
    assert_eq!(names(Tier::Install), ["install/first"]);
    assert!(names(Tier::Backup).is_empty());

    let smoke = own_tests(&root, Tier::Custom).remove(1);
    let done = own_test(&stage.scene, &smoke, Author::Stranger, &marker()).await;
    assert_eq!(told(&done), "skipped: tests in a pull request are not run unless its author is trusted");
    assert!(!root.join("ran").exists());
    let done = own_test(&stage.scene, &smoke, Author::Trusted, &marker()).await;
    assert_eq!((told(&done).as_str(), done.tested.source.to_string().as_str()), ("passed", "recipe"));
    assert!(root.join("ran").exists());
}
