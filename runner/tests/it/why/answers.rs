//! Ten causes, each as a person reads it.

use domain::cause::{ProbeStep, Vantage};
use domain::data::{DataState, Deed, HookMoment, Source};
use domain::event::Severity;
use domain::load::{Load, Resource};
use domain::names::Side;
use domain::signature::Kind;
use domain::test::TestOutcome;
use domain::{Cause, Tier, What};

use super::Instance;
use super::script::Script;

const ID: [u8; 4] = [0xa1, 0, 0, 1];

fn crash(last_lines: &[&str]) -> Cause {
    Cause::CrashLoop {
        service: "app".into(),
        exits: 3,
        exit_code: Some(1),
        oom: false,
        says: "task: non-zero exit (1)".into(),
        last_lines: last_lines.iter().map(|l| (*l).to_owned()).collect(),
    }
}

fn named(kind: Kind, line: &str, beneath: Cause) -> Cause {
    Cause::Named {
        known: Box::new(kind.known()),
        service: "app".into(),
        line: line.into(),
        beneath: Box::new(beneath),
    }
}

/// A run whose install is well and whose upgrade from `1.0.0+1` begins.
fn upgrading<'a>(instance: &'a Instance, recipe: &str) -> Script<'a> {
    let mut script = Script::begin(instance, ID, recipe, "1.1.0+2", Some("1.0.0+1"), 1);
    script
        .installed()
        .side(Side::B, Tier::Upgrade)
        .images("1.0.0+1", &[("app", "reg/app:1 sha256:1111")])
        .images("1.1.0+2", &[("app", "reg/app:2 sha256:2222")])
        .stage(Tier::Upgrade, "pull", 20, true)
        .stage(Tier::Upgrade, "settle base", 3000, true)
        .stage(Tier::Upgrade, "probe base", 100, true);
    script
}

#[test]
fn cc_080_a_config_that_is_mounted_read_only_is_named_with_its_line_and_the_state_of_the_data() {
    let instance = Instance::new();
    let line = "open /config/app.ini: read-only file system";
    let mut script = upgrading(&instance, "gitea");
    script
        .found("S006", Severity::Warning, 12, "config `app_ini` of service `app` lies in volume `data`")
        .stage(Tier::Upgrade, "settle", 21_000, false)
        .log("app", &format!("== task a (failed)\nstarting\n{line}\n== task b (failed)\nstarting\n{line}\n"))
        .tell(What::Warned {
            says: "image `reg/app:2` could not be pulled before; the local one is used".into(),
        })
        .cleared()
        .broke(
            Tier::Upgrade,
            Some("1.0.0+1"),
            named(Kind::ReadOnlyFileSystem, line, crash(&["starting", line])),
            Some(DataState::Untouched),
        )
        .broke(Tier::Backup, None, Cause::After { tier: Tier::Upgrade }, None)
        .end();
    insta::assert_snapshot!(instance.why(&["last"]), @r#"
    gitea 1.1.0+2 · run a1000001 · AT · failed

    upgrade from 1.0.0+1 failed · read_only_file_system
      `app`: it writes to a file that is mounted read-only, such as a config
      > open /config/app.ini: read-only file system
        at logs/B0-app.log:6
      seen: `app` left 3 times, last with code 1: task: non-zero exit (1)
      The recipe is at fault.
      data: untouched: nothing of the new release wrote to it, so going back is safe
      evidence
        stage    `settle` on stack B, from 1.0.0+1, broken after 21.0 s
        log      starting [logs/B0-app.log:5]
        lint     S006 warned of it: config `app_ini` of service `app` lies in volume `data` [compose.yml:12]
      ruled out
        - the node: engine, swarm, disk and network passed their checks before the run began
        - the registry: its image was there before the clock started
        - the engine: it answered to the end, and the stack is gone without a trace
        - the release by itself: on empty volumes it installs; so it is the way from the older one, or its data
        - the older release: 1.0.0+1 came up and answered on this very stack
        - too little time: it was over after 21.0 s, long before a window ends
      try
        - Docker mounts configs and secrets read-only. Mount it as a template at another path and let the
          entrypoint copy it into a volume when it is missing, or switch off the app's wish to save it.
        - Mend what lint says at compose.yml:12: do as the rule says
        - `simmer run gitea --ref '1.1.0+2' --tier upgrade --keep --logs` leaves the stack up to be looked at.

    backup   not judged: tier upgrade, on which it stands, did not pass
    lint     passed
    install  passed

    warnings, which are never a cause
      - image `reg/app:2` could not be pulled before; the local one is used

    all of it: INSTANCE/state/runs/a1000001/report.html
    "#);
}

#[test]
fn cc_013_the_load_at_the_verdict_is_evidence_or_ruled_out() {
    for (cpu, evidence, ruled_out) in [(83, true, false), (7, false, true)] {
        let instance = Instance::new();
        let load = Load { waited: [(Resource::Cpu, cpu)].into(), other_runs: 2 };
        let mut script = upgrading(&instance, "gitea");
        script
            .stage_under(Some(&load), Tier::Upgrade, "settle", 21_000, false)
            .cleared()
            .broke(Tier::Upgrade, Some("1.0.0+1"), crash(&[]), None)
            .end();
        let told = instance.why(&["last"]);
        let words = format!("processes waited for the CPU in {cpu} % of 10 s, 2 other runs beside");
        assert_eq!(told.contains(&format!("load     the node was busy then: {words}")), evidence, "{told}");
        assert_eq!(told.contains(&format!("- the load of the node: {words}")), ruled_out, "{told}");
    }
}

#[test]
fn a_crash_that_nobody_knows_shows_its_last_lines_and_where_they_stand() {
    let instance = Instance::new();
    let mut script = Script::begin(&instance, ID, "pds", "1.1.0+2", None, 1);
    script
        .passed(Tier::Lint)
        .side(Side::A, Tier::Install)
        .images("1.1.0+2", &[("app", "reg/app:2 sha256:2222")])
        .stage(Tier::Install, "pull", 20, true)
        .stage(Tier::Install, "settle", 21_000, false)
        .log("run-a1000001a_ci_test_app", "one\nTypeError: x is not a function\n    at main.js:3\n")
        .cleared()
        .broke(Tier::Install, None, crash(&["TypeError: x is not a function", "    at main.js:3"]), None)
        .end();
    insta::assert_snapshot!(instance.why(&["pds"]), @r#"
    pds 1.1.0+2 · run a1000001 · AT · failed

    install failed · crash_loop
      `app` left 3 times, last with code 1: task: non-zero exit (1)
      The recipe is at fault.
      evidence
        stage    `settle` on stack A, broken after 21.0 s
        log      TypeError: x is not a function [logs/A0-run-a1000001a_ci_test_app.log:2]
        log      at main.js:3 [logs/A0-run-a1000001a_ci_test_app.log:3]
      ruled out
        - the node: engine, swarm, disk and network passed their checks before the run began
        - the registry: its image was there before the clock started
        - the engine: it answered to the end, and the stack is gone without a trace
        - too little time: it was over after 21.0 s, long before a window ends
        - the files as written: lint found no error in them
      try
        - Read the last lines of its log: the process says why it leaves. Usual reasons are a variable or secret
          that is not set, a file that cannot be written, a database that is not there yet.
        - `simmer run pds --ref '1.1.0+2' --tier install --keep --logs` leaves the stack up to be looked at.

    lint     passed

    all of it: INSTANCE/state/runs/a1000001/report.html
    "#);
}

#[test]
fn cc_030_a_restore_that_brings_nothing_back_shows_the_data_the_rule_that_foresaw_it_and_the_sibling_that_passes()
 {
    let instance = Instance::new();
    Script::begin(&instance, [0xb2, 0, 0, 2], "immich", "3.0.0+1", None, 2)
        .installed()
        .side(Side::B, Tier::Backup)
        .test(Tier::Restore, Source::Generic, "witness", "witness files came back", TestOutcome::Passed)
        .passed(Tier::Restore)
        .end();
    Script::begin(&instance, [0xb3, 0, 0, 3], "mattermost", "1.0.0+1", None, 3)
        .installed()
        .side(Side::B, Tier::Backup)
        .passed(Tier::Restore)
        .end();
    let mut script = Script::begin(&instance, ID, "mattermost", "1.1.0+2", None, 1);
    script
        .installed()
        .found(
            "S002",
            Severity::Warning,
            31,
            "volume `pgdata` of service `db` is backed up while the database writes",
        )
        .side(Side::B, Tier::Backup)
        .stage(Tier::Backup, "seed data", 100, true)
        .datum("ci_marker", Deed::Seeded, "backup", true, "")
        .hook(HookMoment::BeforeBackup, "pg_dump -U app app > /var/lib/postgresql/data/backup.sql", 0)
        .snapshots(false)
        .passed(Tier::Backup)
        .stage(Tier::Restore, "destroy data", 100, true)
        .datum("ci_marker", Deed::Destroyed, "restore", true, "")
        .snapshots(true)
        .stage(Tier::Restore, "read data back", 100, false)
        .datum("ci_marker", Deed::Checked, "restore", false, "ERROR:  relation \"ci_marker\" does not exist")
        .cleared()
        .broke(
            Tier::Restore,
            None,
            Cause::NotRestored {
                what: "ci_marker".into(),
                says: "ERROR:  relation \"ci_marker\" does not exist".into(),
            },
            None,
        )
        .end();
    insta::assert_snapshot!(instance.why(&["mattermost", "restore"]), @r#"
    mattermost 1.1.0+2 · run a1000001 · AT · failed

    restore failed · not_restored
      restore does not bring data back: ci_marker: ERROR: relation "ci_marker" does not exist
      The recipe is at fault.
      evidence
        stage    `read data back` on stack B, broken after 100 ms
        data     backup: overlay `ci_marker` planted
        data     restore: overlay `ci_marker` destroyed, and seen to be gone
        data     restore: overlay `ci_marker` read back, and NOT the same: ERROR: relation "ci_marker" does not
                 exist
        hook     backup pre of `db`: well: pg_dump -U app app > /var/lib/postgresql/data/backup.sql
        snapshot abababab made: 921 files, 41.0 MB of pgdata
        snapshot abababab put back: 921 files, 41.0 MB of pgdata
        lint     S002 warned of it: volume `pgdata` of service `db` is backed up while the database writes
                 [compose.yml:31]
      ruled out
        - the node: engine, swarm, disk and network passed their checks before the run began
        - the engine: it answered to the end, and the stack is gone without a trace
        - the start: the release comes up and serves
        - a hook that breaks: its only hook ended with 0
        - the repository: 921 files went in and 921 came back
      elsewhere
        - immich 3.0.0+1 passed tier restore (run b2000002)
      before
        - the first time that this recipe breaks so
        - the tier last passed at 1.0.0+1 (run b3000003)
      try
        - Files came back, data did not. For a database, dump it in the backup's pre-hook, store the dump only,
          and load it in the restore's post-hook; files under a running database change nothing.
        - Mend what lint says at compose.yml:31: do as the rule says
        - `simmer diff labels mattermost@1.1.0+2 immich@3.0.0+1 --only backupbot` shows what a recipe that passes
          says otherwise.
        - `simmer run mattermost --ref '1.1.0+2' --tier restore --keep --logs` leaves the stack up to be looked
          at.

    all of it: INSTANCE/state/runs/a1000001/report.html
    "#);
}

#[test]
fn cc_124_a_probe_that_fails_only_outside_says_how_far_it_came() {
    let instance = Instance::new();
    let mut script = Script::begin(&instance, ID, "caddy", "1.1.0+2", None, 1);
    let url = "https://run-a1000001a.ci.test/";
    script
        .passed(Tier::Lint)
        .side(Side::A, Tier::Install)
        .stage(Tier::Install, "pull", 20, true)
        .stage(Tier::Install, "settle", 2000, true)
        .tell(What::StageStarted { side: Side::A, nth: 0, stage: "probe".into() })
        .probe(Vantage::Inside, "http://10.0.1.3:80/", ProbeStep::App, true, "200")
        .probe(Vantage::Outside, url, ProbeStep::Tls, false, "the certificate is for another name")
        .stage(Tier::Install, "probe", 30_000, false)
        .cleared()
        .broke(
            Tier::Install,
            None,
            Cause::Probe {
                from: Vantage::Outside,
                step: ProbeStep::Tls,
                url: url.into(),
                says: "the certificate is for another name".into(),
                tries: 3,
                window_seconds: 60,
            },
            None,
        )
        .end();
    insta::assert_snapshot!(instance.why(&["last"]), @r#"
    caddy 1.1.0+2 · run a1000001 · AT · failed

    install failed · probe
      TLS failed from outside at https://run-a1000001a.ci.test/: the certificate is for another name (3 tries in a
      window of 60 s)
      The recipe is at fault.
      evidence
        stage    `probe` on stack A, broken after 30.0 s
        probe    inside http://10.0.1.3:80/: TCP ok, HTTP ok, app ok; 200 (3 tries, 4.2 s)
        probe    outside https://run-a1000001a.ci.test/: route ok, DNS ok, TCP ok, TLS FAILED, HTTP not tried, app
                 not tried; the certificate is for another name (3 tries, 4.2 s)
      ruled out
        - the node: engine, swarm, disk and network passed their checks before the run began
        - the engine: it answered to the end, and the stack is gone without a trace
        - the app: from inside it answers as it should; it is the way to it
        - what comes before TLS: a router takes the name, the name resolves, the edge takes connections
        - a crash: every service was settled when it was asked
        - the files as written: lint found no error in them
      try
        - The app may be well: the certificate is not. Check the certificate resolver and the router's `tls`
          labels; with passthrough, the app has to hold a certificate for this very name.
        - `simmer run caddy --ref '1.1.0+2' --tier install --keep --logs` leaves the stack up to be looked at.

    lint     passed

    all of it: INSTANCE/state/runs/a1000001/report.html
    "#);
}

#[test]
fn law_6_a_full_disk_is_told_as_the_platform_s_and_rules_out_no_platform() {
    let instance = Instance::new();
    let line = "FATAL:  could not write lock file \"postmaster.pid\": No space left on device";
    let mut script = Script::begin(&instance, ID, "kinto", "1.1.0+2", None, 1);
    script
        .passed(Tier::Lint)
        .side(Side::A, Tier::Install)
        .stage(Tier::Install, "pull", 20, true)
        .stage(Tier::Install, "settle", 9000, false)
        .log("app", &format!("{line}\n"))
        .cleared()
        .broke(Tier::Install, None, named(Kind::OutOfDisk, line, crash(&[line])), None)
        .end();
    insta::assert_snapshot!(instance.why(&["last"]), @r#"
    kinto 1.1.0+2 · run a1000001 · AT · not judged

    install not judged · out_of_disk
      `app`: the disk is full
      > FATAL: could not write lock file "postmaster.pid": No space left on device
        at logs/A0-app.log:1
      seen: `app` left 3 times, last with code 1: task: non-zero exit (1)
      The platform is at fault; this says nothing against the recipe.
      evidence
        stage    `settle` on stack A, broken after 9.0 s
      ruled out
        - too little time: it was over after 9.0 s, long before a window ends
        - the files as written: lint found no error in them
      try
        - Make room on the node (`simmer doctor`, `simmer gc`, `docker system df`), then run again. It says
          nothing against the recipe.
        - `simmer run kinto --ref '1.1.0+2' --tier install --keep --logs` leaves the stack up to be looked at.

    lint     passed

    all of it: INSTANCE/state/runs/a1000001/report.html
    "#);
}

#[test]
fn a_hook_that_fails_shows_its_command_its_code_and_what_it_printed() {
    let instance = Instance::new();
    let mut script = Script::begin(&instance, ID, "kinto", "1.1.0+2", None, 1);
    let said = "sh: 1: pg_dump: not found";
    script
        .installed()
        .side(Side::B, Tier::Backup)
        .stage(Tier::Backup, "backup", 400, false)
        .hook(HookMoment::BeforeBackup, "pg_dump -U kinto > /dump/kinto.sql", 127)
        .cleared()
        .broke(
            Tier::Backup,
            None,
            Cause::Named {
                known: Box::new(Kind::ProgramMissing.known()),
                service: "db".into(),
                line: said.into(),
                beneath: Box::new(Cause::Hook {
                    service: "db".into(),
                    moment: HookMoment::BeforeBackup,
                    exit_code: Some(127),
                    says: String::new(),
                    last_lines: vec![said.into()],
                }),
            },
            None,
        )
        .broke(Tier::Restore, None, Cause::After { tier: Tier::Backup }, None)
        .end();
    insta::assert_snapshot!(instance.why(&["last"]), @r#"
    kinto 1.1.0+2 · run a1000001 · AT · failed

    backup failed · program_missing
      `db`: a program, module or library that it calls is not in the image
      > sh: 1: pg_dump: not found
      seen: the backup pre hook of `db` ended with code 127
      The recipe is at fault.
      evidence
        stage    `backup` on stack B, broken after 400 ms
        hook     backup pre of `db`: code 127 (there is no such command): pg_dump -U kinto > /dump/kinto.sql
      ruled out
        - the node: engine, swarm, disk and network passed their checks before the run began
        - the engine: it answered to the end, and the stack is gone without a trace
        - the start: the release comes up and serves
        - the files as written: lint found no error in them
      try
        - Look whether the new image still has it; if the recipe calls it (hook, healthcheck, entrypoint), call
          what the image has.
        - `simmer run kinto --ref '1.1.0+2' --tier backup --keep --logs` leaves the stack up to be looked at.

    restore  not judged: tier backup, on which it stands, did not pass
    lint     passed
    install  passed

    all of it: INSTANCE/state/runs/a1000001/report.html
    "#);
}

#[test]
fn law_1_an_upgrade_that_changes_nothing_shows_both_images() {
    let instance = Instance::new();
    let mut script = Script::begin(&instance, ID, "radicale", "1.1.0+2", Some("1.0.0+1"), 1);
    script
        .installed()
        .side(Side::B, Tier::Upgrade)
        .images("1.0.0+1", &[("app", "reg/app:1 sha256:1111")])
        .images("1.1.0+2", &[("app", "reg/app:1 sha256:1111")])
        .stage(Tier::Upgrade, "settle base", 3000, true)
        .stage(Tier::Upgrade, "check", 30, false)
        .cleared()
        .broke(
            Tier::Upgrade,
            Some("1.0.0+1"),
            Cause::UpgradeChangesNothing {
                says: "upgrade changes nothing: every service runs the same image as before (`app` 1111)"
                    .into(),
            },
            Some(DataState::Untouched),
        )
        .end();
    insta::assert_snapshot!(instance.why(&["last", "upgrade"]), @r#"
    radicale 1.1.0+2 · run a1000001 · AT · failed

    upgrade from 1.0.0+1 failed · upgrade_changes_nothing
      upgrade changes nothing: every service runs the same image as before (`app` 1111)
      The recipe is at fault.
      data: untouched: nothing of the new release wrote to it, so going back is safe
      evidence
        stage    `check` on stack B, from 1.0.0+1, broken after 30 ms
        image    `app` is the same in both: reg/app:1 sha256:1111
      ruled out
        - the node: engine, swarm, disk and network passed their checks before the run began
        - the engine: it answered to the end, and the stack is gone without a trace
        - the older release: 1.0.0+1 came up on this very stack
        - the files as written: lint found no error in them
      try
        - Bump the image as well as the version label: both releases run the very same image, so this upgrade
          proves nothing.
        - `simmer run radicale --ref '1.1.0+2' --tier upgrade --keep --logs` leaves the stack up to be looked at.

    all of it: INSTANCE/state/runs/a1000001/report.html
    "#);
}

#[test]
fn a_test_of_the_overlay_shows_what_it_said_and_where_the_same_test_passed() {
    let instance = Instance::new();
    let mut script = Script::begin(&instance, ID, "kinto", "1.1.0+2", None, 1);
    let says = "expected 200, the answer was 503";
    script
        .passed(Tier::Lint)
        .side(Side::A, Tier::Install)
        .stage(Tier::Install, "pull", 20, true)
        .test(Tier::Install, Source::Overlay, "http", "a record can be read", TestOutcome::Passed)
        .cleared()
        .passed(Tier::Install)
        .side(Side::B, Tier::Custom)
        .tell(What::StageStarted { side: Side::B, nth: 0, stage: "tests".into() })
        .test(Tier::Custom, Source::Overlay, "http", "logs in", TestOutcome::Passed)
        .test(
            Tier::Custom,
            Source::Overlay,
            "http",
            "a record can be read",
            TestOutcome::Failed { says: says.into() },
        )
        .cleared()
        .broke(
            Tier::Custom,
            None,
            Cause::Test {
                test: "a record can be read".into(),
                source: Source::Overlay,
                says: says.into(),
                last_lines: vec![],
            },
            None,
        )
        .end();
    insta::assert_snapshot!(instance.why(&["last"]), @r#"
    kinto 1.1.0+2 · run a1000001 · AT · failed

    custom failed · test
      overlay test `a record can be read` failed: expected 200, the answer was 503
      The recipe is at fault.
      evidence
        test     overlay test `a record can be read` (http) failed after 120 ms: expected 200, the answer was 503
      ruled out
        - the node: engine, swarm, disk and network passed their checks before the run began
        - the engine: it answered to the end, and the stack is gone without a trace
        - the start: the release comes up and serves
        - the test itself: it passed in tier install
        - what other tests ask: `logs in` passed
        - the files as written: lint found no error in them
      try
        - Read what the test says and its kept output. If the app changed on purpose, give the test the releases
          that it is about with `applies_to`.
        - `simmer run kinto --ref '1.1.0+2' --tier custom --keep --logs` leaves the stack up to be looked at.

    lint     passed
    install  passed: 1 test

    all of it: INSTANCE/state/runs/a1000001/report.html
    "#);
}

#[test]
fn a_base_that_is_broken_says_nothing_against_the_release() {
    let instance = Instance::new();
    let mut script = Script::begin(&instance, ID, "pds", "1.1.0+2", Some("1.0.0+1"), 1);
    script
        .installed()
        .side(Side::B, Tier::Upgrade)
        .stage(Tier::Upgrade, "settle base", 60_000, false)
        .cleared()
        .broke(
            Tier::Upgrade,
            Some("1.0.0+1"),
            Cause::BaseBroken { base: "1.0.0+1".into(), says: "`app` left 3 times, last with code 1".into() },
            None,
        )
        .end();
    insta::assert_snapshot!(instance.why(&["last"]), @r#"
    pds 1.1.0+2 · run a1000001 · AT · not judged

    upgrade from 1.0.0+1 not judged · base_broken
      the base release 1.0.0+1 does not come up: `app` left 3 times, last with code 1
      An older release is at fault; this one could not be judged.
      evidence
        stage    `settle base` on stack B, from 1.0.0+1, broken after 1m00s
      ruled out
        - the node: engine, swarm, disk and network passed their checks before the run began
        - the engine: it answered to the end, and the stack is gone without a trace
        - the files as written: lint found no error in them
      try
        - The older release does not come up on its own, so nothing is said about this one. Name a base that works
          with `--base`, or mend the old release.
        - `simmer run pds --ref '1.0.0+1' --tier install` judges the older release itself.

    lint     passed
    install  passed

    all of it: INSTANCE/state/runs/a1000001/report.html
    "#);
}

#[test]
fn cc_082_a_lint_error_needs_no_run() {
    let instance = Instance::new();
    let mut script = Script::begin(&instance, ID, "pds", "1.1.0+2", None, 1);
    script
        .found("C001", Severity::Error, 7, "services.app.ports must be a list")
        .broke(
            Tier::Lint,
            None,
            Cause::Lint {
                rule: "C001".into(),
                at: "compose.yml:7".into(),
                says: "services.app.ports must be a list".into(),
                more: 0,
            },
            None,
        )
        .end();
    insta::assert_snapshot!(instance.why(&["last"]), @r#"
    pds 1.1.0+2 · run a1000001 · AT · failed

    lint failed · lint
      C001 at compose.yml:7: services.app.ports must be a list
      The recipe is at fault.
      evidence
        lint     C001 services.app.ports must be a list [compose.yml:7]
      try
        - Mend the line that the finding names, then run `simmer lint` on the work tree: it needs no swarm.
        - `simmer lint pds --ref '1.1.0+2'` finds it again in a second.

    all of it: INSTANCE/state/runs/a1000001/report.html
    "#);
}

#[test]
fn cc_044_a_window_that_ended_tells_what_was_waited_for() {
    let instance = Instance::new();
    let mut script = Script::begin(&instance, ID, "synapse", "1.1.0+2", None, 1);
    script
        .passed(Tier::Lint)
        .side(Side::A, Tier::Install)
        .stage(Tier::Install, "settle", 600_000, false)
        .log("db", "database system is ready\n")
        .cleared()
        .broke(
            Tier::Install,
            None,
            Cause::NotSettled {
                window_seconds: 600,
                waiting: vec!["`app` 0/1, health starting".into()],
                last_lines: vec![],
            },
            None,
        )
        .end();
    insta::assert_snapshot!(instance.why(&["last"]), @r#"
    synapse 1.1.0+2 · run a1000001 · AT · failed

    install failed · not_settled
      not settled within 600 s: `app` 0/1, health starting
      The recipe is at fault.
      evidence
        stage    `settle` on stack A, broken after 10m00s
      ruled out
        - the node: engine, swarm, disk and network passed their checks before the run began
        - the engine: it answered to the end, and the stack is gone without a trace
        - the files as written: lint found no error in them
      try
        - See which services were still waited for. If the app needs longer than the window, raise `window` under
          `[health]` in the overlay; if it waits for something, that is missing.
        - `simmer run synapse --ref '1.1.0+2' --tier install --keep --logs` leaves the stack up to be looked at.

    lint     passed

    all of it: INSTANCE/state/runs/a1000001/report.html
    "#);
}
