//! Six tiers on small stacks: the floor that needs no overlay, walls, and ends in the middle of things.

use rustix::process::{Pid, Signal, kill_process};

use crate::ground::{Ground, LOOK, tier};

/// A small app with one kept volume, which is backed up whole.
const RECIPE: &str = "secret-missing";

/// An instance over the small app. The overlay gives its secret, asks for a backup of its volume with a hook, and has
/// these lines besides.
fn small(settings: &str, hook: &str, overlay: &str) -> Ground {
    let ground = Ground::with("broken", RECIPE, settings);
    ground.write(
        &format!("overlays/{RECIPE}/compose.backup.yml"),
        &format!(
            "version: \"3.8\"\nservices:\n  app:\n    deploy:\n      labels:\n        \
             - \"backupbot.backup=true\"\n        - \"backupbot.backup.pre-hook={hook}\"\n"
        ),
    );
    ground.write(
        &format!("overlays/{RECIPE}/overlay.toml"),
        &format!(
            "compose = [\"compose.backup.yml\"]\n[health]\nwindow = \"5m\"\nsoak = \"1s\"\npath = \"/\"\n\
             [secrets]\napi_key = \"given-9b1d44\"\n{overlay}\n"
        ),
    );
    ground
}

#[test]
fn cc_029_cc_030_the_floor_alone_backs_up_destroys_and_brings_back() {
    let ground = small("", "true", "");
    let ran = ground.simmer(&["run", RECIPE, "--tier", "backup,restore", "--json"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    let outcome = ran.outcome();
    for name in ["backup", "restore"] {
        let found = tier(&outcome, name);
        assert_eq!(found["verdict"], "passed", "{found:#}\n{}", ran.stderr);
        assert_eq!(found["depth"], "superficial", "law 1: nobody asked the app: {found:#}");
    }
    // CC-032: which snapshot it was stays with the run.
    let log = ground.evidence().into_iter().find(|(path, _)| path.ends_with("events.jsonl")).unwrap().1;
    let log = String::from_utf8(log).unwrap();
    for event in ["snapshot_made", "snapshot_restored", "hook_ended"] {
        assert!(log.contains(&format!("\"event\":\"{event}\"")), "{event}:\n{log}");
    }
    ground.assert_nothing_left();
}

#[test]
fn a_backup_is_made_while_the_app_is_written_to_and_what_was_there_before_comes_back() {
    let ground = small(
        "",
        "sleep 2",
        "[backup]\nwhile_writing = true\n[[data]]\nname = \"a row\"\nafter_backup = \"kept\"\n\
         seed = { exec = { command = \"echo ${MARKER} > /data/${MARKER}\" } }\n\
         check = { exec = { command = [\"cat\", \"/data/${MARKER}\"] }, contains = [\"${MARKER}\"] }\n\
         destroy = { exec = { command = \"rm /data/${MARKER}\" } }\n",
    );
    let ran = ground.simmer(&["run", RECIPE, "--tier", "backup,restore", "--json"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    let outcome = ran.outcome();
    for name in ["backup", "restore"] {
        assert_eq!(tier(&outcome, name)["depth"], "asserted", "{}", ran.stderr);
    }
    let told = ran.stderr.lines().find(|line| line.contains(" written beside it")).unwrap_or_default();
    assert!(!told.is_empty() && !told.contains(" 0 written"), "{}", ran.stderr);
    ground.assert_nothing_left();
}

#[test]
fn cc_044_a_tier_that_runs_into_its_wall_says_which_one() {
    let ground = small("[limits]\ntier = \"1s\"", "true", "");
    let ran = ground.simmer(&["run", RECIPE, "--tier", "install"]);
    assert_eq!(ran.exit, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("limit `tier install` of 1 s was hit"), "{}", ran.stderr);
    ground.assert_nothing_left();
}

#[test]
fn cc_044_a_run_that_hits_its_wall_says_so_and_clears_up() {
    let ground = small("[limits]\nrun = \"2s\"", "sleep 60", "");
    let ran = ground.simmer(&["run", RECIPE, "--tier", "backup"]);
    assert_eq!(ran.exit, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("limit `run` of 2 s was hit"), "{}", ran.stderr);
    ground.assert_nothing_left();
}

#[test]
fn ctrl_c_in_the_middle_of_a_backup_leaves_nothing() {
    let ground = small("", "sleep 60", "");
    // The backup is what follows on the mark.
    let mut child = ground.until(&["run", RECIPE, "--tier", "backup"], "  B  mark ");
    let runs = ground.simmer(&["runs"]);
    assert!(runs.stdout.contains("running: secret-missing"), "{}", runs.stdout);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let story = std::fs::read_to_string(ground.path().join("story")).unwrap();
    assert!(story.contains("backup: not judged: interrupted"), "{story}");
    assert!(story.contains("nothing left"), "{story}");
    ground.assert_nothing_left();
}

#[test]
fn ctrl_c_in_the_middle_of_a_test_ends_the_program_and_leaves_nothing() {
    let ground = small("", "true", "[[test]]\nname = \"slow\"\nrun = [\"tests/slow.sh\"]\n");
    let pid = ground.path().join("pid");
    ground.write(
        &format!("overlays/{RECIPE}/tests/slow.sh"),
        &format!("#!/bin/sh\necho $$ > '{0}.new' && mv '{0}.new' '{0}'\nexec sleep 600\n", pid.display()),
    );
    let script = ground.path().join(format!("overlays/{RECIPE}/tests/slow.sh"));
    std::fs::set_permissions(script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut child = ground.until(&["run", RECIPE, "--tier", "custom"], "  B  probe ");
    let began = std::time::Instant::now();
    while !pid.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before the test began");
        assert!(began.elapsed().as_secs() < 300, "the test did not begin");
        std::thread::sleep(LOOK);
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let program = std::fs::read_to_string(&pid).unwrap();
    let command = std::fs::read_to_string(format!("/proc/{}/cmdline", program.trim())).unwrap_or_default();
    assert!(!command.starts_with("sleep"), "the test's program is still there: {command}");
    ground.assert_nothing_left();
}

#[test]
fn cc_021_a_red_backup_leaves_the_functional_tests_to_a_stack_of_their_own() {
    let ground = small(
        "",
        "exit 3",
        "[[test]]\nname = \"says what it is\"\nhttp = { path = \"/\" }\ncontains = [\"testbox\"]\n",
    );
    let ran = ground.simmer(&["run", RECIPE, "--tier", "backup,restore,custom", "--json"]);
    assert_eq!(ran.exit, 1, "{}", ran.stderr);
    let outcome = ran.outcome();
    assert_eq!(tier(&outcome, "backup")["cause"]["name"], "hook", "{}", ran.stderr);
    assert_eq!(tier(&outcome, "restore")["verdict"], "unverified", "{}", ran.stderr);
    assert_eq!(tier(&outcome, "custom")["verdict"], "passed", "{}", ran.stderr);
    ground.assert_nothing_left();
}

#[test]
fn law_11_no_output_holds_a_secret_whoever_prints_it() {
    let planted = "s3cr&t/\"Zeile?>+ 9b1d44";
    let hook = "cat /run/secrets/api_key; base64 -w0 < /run/secrets/api_key; exit 0";
    let ground = small(
        "",
        hook,
        "[[test]]\nname = \"tells all\"\nrun = [\"tests/tell.sh\"]\n\
         [[test]]\nname = \"shows it\"\nexec = { command = [\"cat\", \"/run/secrets/api_key\"] }\ncontains = [\"nothing of it\"]\n\
         [[data]]\nname = \"a row\"\n\
         seed = { exec = { command = \"cat /run/secrets/api_key; cp /run/secrets/api_key /data/row\" } }\n\
         check = { exec = { command = [\"cat\", \"/data/row\"] } }\n\
         destroy = { exec = { command = \"rm /data/row\" } }\n",
    );
    let overlay = ground.path().join(format!("overlays/{RECIPE}/overlay.toml"));
    let text = std::fs::read_to_string(&overlay).unwrap();
    std::fs::write(&overlay, text.replace("\"given-9b1d44\"", &format!("'{planted}'"))).unwrap();
    ground.write(
        &format!("overlays/{RECIPE}/tests/tell.sh"),
        "#!/bin/sh\ncat \"$SIMMER_SECRETS_FILE\"; cat \"$SIMMER_SECRETS_FILE\" >&2\nbase64 \"$SIMMER_SECRETS_FILE\"\nexit 1\n",
    );
    let script = ground.path().join(format!("overlays/{RECIPE}/tests/tell.sh"));
    std::fs::set_permissions(script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    // The app itself prints it as well.
    let compose = ground.path().join(format!("overlays/{RECIPE}/compose.backup.yml"));
    let text = std::fs::read_to_string(&compose).unwrap().replace(
        "  app:\n",
        "  app:\n    entrypoint: [\"/bin/sh\", \"-c\", \"cat /run/secrets/api_key; base64 /run/secrets/api_key; exec /bin/testbox.sh\"]\n",
    );
    std::fs::write(&compose, text).unwrap();

    let ran = ground.simmer(&["run", RECIPE, "--logs"]);
    assert!(ran.stderr.contains("tells all"), "the test ran: {}", ran.stderr);
    let forms = [
        planted.to_owned(),
        serde_json::to_string(planted).unwrap().trim_matches('"').to_owned(),
        // base64, from its second letter on and without its end: whatever stands around it.
        "czNjciZ0LyJaZWlsZT8+KyA5YjFkND".to_owned(),
        "s3cr%26t".to_owned(),
        "Zeile?>+ 9b1d44".to_owned(),
        "Zeile?&gt;+ 9b1d44".to_owned(),
    ];
    let mut searched = 0;
    for (path, bytes) in ground.evidence() {
        let text = String::from_utf8_lossy(&bytes);
        for form in &forms {
            assert!(!text.contains(form.as_str()), "law 11: `{form}` in {}", path.display());
        }
        searched += usize::from(text.contains("********"));
    }
    assert!(searched >= 3, "logs, hooks and tests were kept, with the secret blanked out");
    for form in &forms {
        assert!(!ran.stderr.contains(form.as_str()) && !ran.stdout.contains(form.as_str()), "law 11: {form}");
    }
    ground.assert_nothing_left();
}
