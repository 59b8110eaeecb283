//! What the recipe's repository adds to an answer: labels of two releases, and which release has what a test demands.

use std::path::Path;
use std::process::Command;

use domain::data::Source;
use domain::names::Side;
use domain::test::TestOutcome;
use domain::{Cause, Tier};

use super::Instance;
use super::script::Script;

fn git(folder: &Path, args: &[&str]) {
    let done = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=t", "-c", "user.email=t@ci.test", "-c", "init.defaultBranch=main"])
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Enrols a recipe whose releases have these images and labels.
fn enrol(instance: &Instance, recipe: &str, releases: &[(&str, &str, &[&str])]) {
    let folder = instance.path().join("repositories").join(recipe);
    std::fs::create_dir_all(&folder).unwrap();
    git(&folder, &["init", "-q"]);
    std::fs::write(folder.join(".env.sample"), "TYPE=x\nDOMAIN=x.example.com\n").unwrap();
    for (tag, image, labels) in releases {
        let labels: String = labels.iter().map(|label| format!("        - \"{label}\"\n")).collect();
        let compose = format!(
            "version: \"3.8\"\nservices:\n  app:\n    image: {image}\n    deploy:\n      labels:\n        - \"coop-cloud.${{STACK_NAME}}.version={tag}\"\n{labels}"
        );
        std::fs::write(folder.join("compose.yml"), compose).unwrap();
        git(&folder, &["add", "-A"]);
        git(&folder, &["commit", "-q", "-m", tag]);
        if *tag != "main" {
            git(&folder, &["tag", "-a", tag, "-m", tag]);
        }
    }
    let enrolment = format!("source = {:?}\n", folder.display().to_string());
    std::fs::write(instance.path().join(format!("recipes/{recipe}.toml")), enrolment).unwrap();
}

#[test]
fn cc_076_labels_of_two_recipes_are_compared_by_service() {
    let instance = Instance::new();
    enrol(&instance, "mattermost", &[("1.0.0+1", "db:1", &["backupbot.backup=true"])]);
    let good = ["backupbot.backup=true", "backupbot.restore.post-hook=load ${DOMAIN}"];
    enrol(
        &instance,
        "immich",
        &[("1.0.0+1", "db:1", &["backupbot.backup=true"]), ("2.0.0+1", "db:1", &good)],
    );
    let answer = instance.simmer(&["diff", "labels", "mattermost", "immich"]);
    assert_eq!(answer.exit, 0, "{}", answer.err);
    insta::assert_snapshot!(answer.out, @r"
    labels of mattermost@1.0.0+1 (-) and immich@2.0.0+1 (+)

    app
      backupbot.restore.post-hook
        - not there
        + load ${DOMAIN}
      coop-cloud.${STACK_NAME}.version
        - 1.0.0+1
        + 2.0.0+1

    2 differ, 1 are the same
    ");
    let answer = instance.simmer(&["diff", "labels", "immich@1.0.0+1", "mattermost", "--only", "backupbot"]);
    assert!(answer.out.ends_with("\n0 differ, 1 are the same\n"), "{}", answer.out);
    let answer = instance.simmer(&["diff", "labels", "immich@9.9.9+9", "mattermost"]);
    assert_eq!(answer.exit, 2, "{}", answer.err);
    assert!(answer.err.contains("9.9.9+9"), "{}", answer.err);
    assert_eq!(std::fs::read_dir(instance.path().join("state/reading")).unwrap().count(), 0);
}

#[test]
fn cc_037_a_demand_that_no_release_meets_is_searched_for_in_every_tag_and_the_default_branch() {
    let instance = Instance::new();
    let releases: [(&str, &str, &[&str]); 3] =
        [("1.0.0+1", "fork:1", &[]), ("1.1.0+2", "fork:2", &[]), ("main", "official:2", &[])];
    enrol(&instance, "kinto", &releases);
    let overlay = instance.path().join("overlays/kinto");
    std::fs::create_dir_all(&overlay).unwrap();
    let test = "[[test]]\nname = \"official image\"\ntier = \"upgrade\"\nimage = { service = \"app\" }\ncontains = [\"official\"]\n";
    std::fs::write(overlay.join("overlay.toml"), test).unwrap();
    let says = "the image is `fork:2`";
    Script::begin(&instance, [1, 2, 3, 4], "kinto", "1.1.0+2", Some("1.0.0+1"), 1)
        .installed()
        .side(Side::B, Tier::Upgrade)
        .test(
            Tier::Upgrade,
            Source::Overlay,
            "image",
            "official image",
            TestOutcome::Failed { says: says.into() },
        )
        .broke(
            Tier::Upgrade,
            Some("1.0.0+1"),
            Cause::Test {
                test: "official image".into(),
                source: Source::Overlay,
                says: says.into(),
                last_lines: vec![],
            },
            None,
        )
        .end();
    let said = instance.why(&["kinto"]);
    assert!(said.contains("none of 2 releases has an image of `app` with `official`"), "{said}");
    assert!(said.contains("the default branch has it"), "{said}");
    assert!(said.contains("applies_to = \"head\""), "{said}");
}

#[test]
fn an_upgrade_that_changes_nothing_shows_which_labels_moved() {
    let instance = Instance::new();
    enrol(&instance, "radicale", &[("1.0.0+1", "app:1", &["x=1"]), ("1.1.0+2", "app:1", &["x=2"])]);
    let folder = instance.path().join("repositories/radicale");
    let head = Command::new("git").current_dir(&folder).args(["rev-parse", "HEAD"]).output().unwrap();
    let head = String::from_utf8(head.stdout).unwrap();
    let mut script = Script::begin(&instance, [1, 2, 3, 4], "radicale", "1.1.0+2", Some("1.0.0+1"), 1);
    let id = script
        .installed()
        .side(Side::B, Tier::Upgrade)
        .broke(
            Tier::Upgrade,
            Some("1.0.0+1"),
            Cause::UpgradeChangesNothing { says: "upgrade changes nothing".into() },
            None,
        )
        .end();
    let log = instance.run_folder(&id).join("events.jsonl");
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, text.replace("434e2ad2562792e6c29254876ad912fdf1bc3a1f", head.trim())).unwrap();
    let said = instance.why(&["radicale"]);
    assert!(said.contains("label    `app` x: 1 → 2"), "{said}");
}
