//! Test programs of any language.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use domain::Cause;
use runner::instance::ask::{AppliesTo, Ask, Expect, Speaks, TestSpec};

use super::stage::{SECRET, Stage, marker, program, told};

fn is_alive(pid: &str) -> bool {
    // One that has ended and is not read yet is listed, and does nothing any more.
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.trim()).join("stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

#[tokio::test]
async fn cc_033_a_program_speaks_by_its_exit_code() {
    let stage = Stage::new().await;
    let passed = stage.sh(Speaks::Exit, "echo fine").await;
    assert_eq!((told(&passed).as_str(), passed.cause.clone()), ("passed", None));
    assert_eq!(stage.kept(&passed), "fine\n");
    let failed = stage.sh(Speaks::Exit, "echo one; echo 'no \\033[1mlogin' >&2; exit 3").await;
    let says = "expected exit code 0, got 3: no \\u{1b}[1mlogin";
    assert_eq!(told(&failed), format!("failed: {says}"));
    let Some(Cause::Test { last_lines, .. }) = failed.cause else { panic!("{failed:?}") };
    assert_eq!(last_lines, ["one", "no \\u{1b}[1mlogin"]);
    let skipped = stage.sh(Speaks::Auto, "echo 'no camera here'; exit 77").await;
    assert_eq!(told(&skipped), "skipped: no camera here");
    let signalled = stage.sh(Speaks::Auto, "kill -SEGV $$").await;
    assert_eq!(told(&signalled), "failed: signal 11 ended it");
    let wanted = Ask {
        expect: Expect { exit: Some(3), contains: vec!["${MARKER}".into()], ..Expect::default() },
        ..program(&["t.sh"], Speaks::Exit)
    };
    stage.write("t.sh", "echo $SIMMER_MARKER; exit 3");
    assert_eq!(told(&stage.test(wanted.clone()).await), "passed");
    stage.write("t.sh", "echo other; exit 3");
    assert_eq!(
        told(&stage.test(wanted).await),
        "failed: expected `simmer0000aaaaupgrade` in the output, got `other`"
    );
    assert!(stage.scratch_is_empty());
}

#[tokio::test]
async fn cc_033_a_program_speaks_tap_or_junit() {
    let stage = Stage::new().await;
    let tap =
        stage.sh(Speaks::Auto, "printf 'TAP version 14\\nok 1 - a\\nnot ok 2 - b\\n# no b\\n1..2\\n'").await;
    assert_eq!(told(&tap), "failed: 1 of 2 cases failed: `b` (no b)");
    assert_eq!(tap.tested.cases.len(), 2);
    let xml = "<testsuite><testcase name=\"a\" time=\"1.5\"/></testsuite>";
    let junit = stage.sh(Speaks::Junit, &format!("echo '{xml}' > \"$SIMMER_JUNIT\"")).await;
    assert_eq!((told(&junit).as_str(), junit.tested.cases[0].millis), ("passed", 1500));
    let kept = stage.scene.evidence.join(junit.tested.file.unwrap().replace(".txt", ".junit.xml"));
    assert_eq!(std::fs::read_to_string(kept).unwrap().trim(), xml);
    let other = stage.sh(Speaks::Auto, &format!("echo '<html/>' > page.xml; echo '{xml}' > out.xml")).await;
    assert_eq!((told(&other).as_str(), other.tested.cases.len()), ("passed", 1));
    let mute = stage.sh(Speaks::Tap, "true").await;
    assert!(
        told(&mute).starts_with("broken: its TAP cannot be relied on: there is no plan"),
        "{}",
        told(&mute)
    );
    let linked = stage.sh(Speaks::Junit, "ln -s /etc/passwd \"$SIMMER_JUNIT\"").await;
    assert_eq!(told(&linked), "broken: its JUnit report cannot be read: `junit.xml`: it is not a plain file");
}

#[tokio::test]
async fn law_10_a_program_that_does_not_end_is_ended_with_all_that_it_started() {
    let stage = Stage::new().await;
    let script = "trap '' TERM\n\
                  setsid -f sh -c 'trap \"\" TERM; echo $$ > \"$0\"; sleep 1000' \"$SIMMER_OVERLAY/pid\"\n\
                  echo waiting\nwhile :; do sleep 1; done\n";
    stage.write("t.sh", script);
    let begun = Instant::now();
    let done = stage.test(Ask { deadline: Duration::from_secs(2), ..program(&["t.sh"], Speaks::Exit) }).await;
    assert_eq!(told(&done), "broken: it did not end within 2 s, and was ended; its last line: waiting");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let pid = std::fs::read_to_string(stage.scene.overlay.join("pid")).unwrap();
    assert!(!is_alive(&pid), "{pid}");
    assert!(stage.scratch_is_empty());
}

#[tokio::test]
async fn law_5_what_a_program_leaves_behind_is_ended_however_it_left() {
    let stage = Stage::new().await;
    // Another session, another group, another parent, no environment, no output of ours.
    let done = stage
        .sh(
            Speaks::Exit,
            "env -i setsid -f sh -c 'echo $$ > \"$0\"; exec sleep 1000' \"$SIMMER_OVERLAY/pid\" </dev/null >/dev/null 2>&1\n\
             while [ ! -s \"$SIMMER_OVERLAY/pid\" ]; do :; done\necho left",
        )
        .await;
    assert_eq!(told(&done), "passed");
    let pid = std::fs::read_to_string(stage.scene.overlay.join("pid")).unwrap();
    assert!(!is_alive(&pid), "{pid}");
    // One that keeps the output open does not keep us waiting either.
    let begun = Instant::now();
    assert_eq!(told(&stage.sh(Speaks::Exit, "sleep 1000 &\nexit 0").await), "passed");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn law_11_when_we_are_killed_the_warden_ends_the_program_and_removes_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("ended.json");
    std::fs::write(folder.path().join("secrets.json"), SECRET).unwrap();
    std::fs::create_dir(folder.path().join("work")).unwrap();
    std::fs::write(folder.path().join("work/copy"), SECRET).unwrap();
    let mut warden = Command::new(env!("CARGO_BIN_EXE_simmer"))
        .arg(runner::exam::warden::WORD)
        .arg(&told)
        .args(["60000", "sh", "-c", "trap '' TERM; echo $$; sleep 1000 & sleep 1000"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(warden.stdout.take().unwrap());
    let mut pid = String::new();
    out.read_line(&mut pid).unwrap();
    assert!(is_alive(&pid));
    // As the kernel does when we die.
    drop(warden.stdin.take());
    assert!(warden.wait().unwrap().success());
    assert!(!is_alive(&pid));
    // Nobody has the output open any more.
    assert_eq!(out.read_to_end(&mut Vec::new()).unwrap(), 0);
    let ended: runner::exam::warden::Ended = serde_json::from_slice(&std::fs::read(&told).unwrap()).unwrap();
    assert_eq!((ended.signal, ended.stuck), (Some(9), 0));
    // Nor do the secrets stay that it was handed.
    let left = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["ended.json"]);
}

#[tokio::test]
async fn who_asks_to_stop_ends_the_program() {
    let stage = Stage::new().await;
    stage.write("t.sh", "echo $$ > \"$SIMMER_OVERLAY/pid\"\nexec sleep 1000\n");
    let pid = stage.scene.overlay.join("pid");
    let stopped = async {
        loop {
            if std::fs::read_to_string(&pid).is_ok_and(|text| text.ends_with('\n')) {
                return stage.cancel.send(true).unwrap();
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let (done, ()) = tokio::join!(stage.test(program(&["t.sh"], Speaks::Exit)), stopped);
    assert_eq!(done.cause.unwrap(), Cause::Interrupted);
    assert!(!is_alive(&std::fs::read_to_string(&pid).unwrap()));
    assert!(stage.scratch_is_empty());
}

#[tokio::test]
async fn a_flood_of_output_is_cut_and_keeps_its_end() {
    let stage = Stage::new().await;
    let done = stage.sh(Speaks::Exit, "echo begin; yes | head -c 30000000; echo the end; exit 1").await;
    assert_eq!(told(&done), "failed: expected exit code 0, got 1: the end");
    let kept = stage.kept(&done);
    assert!(kept.starts_with("begin\ny\n") && kept.ends_with("y\nthe end\n"));
    assert!(kept.len() < 2 << 20, "{}", kept.len());
    assert!(kept.contains("bytes left out here"));
}

#[tokio::test]
async fn law_11_a_secret_that_a_program_prints_is_nowhere_afterwards() {
    let stage = Stage::new().await;
    let script = "cat \"$SIMMER_SECRETS_FILE\"; stat -c %a \"$SIMMER_SECRETS_FILE\"\n\
                  secret=$(sed -n 's/.*: \"\\(.*\\)\"/\\1/p' \"$SIMMER_SECRETS_FILE\")\n\
                  printf %s \"$secret\" | base64\n\
                  echo \"<testsuite><testcase name='$secret'><failure message='$secret'/></testcase></testsuite>\" > a.xml\n\
                  printf %s \"$secret\" > left; exit 1";
    let done = stage.sh(Speaks::Auto, script).await;
    assert_eq!(told(&done), "failed: 1 of 1 cases failed: `********` (********)");
    assert!(stage.kept(&done).contains("600\n"), "{}", stage.kept(&done));
    assert!(!format!("{done:?}").contains(SECRET));
    assert!(stage.holding(SECRET).is_empty(), "{:?}", stage.holding(SECRET));
    assert!(stage.holding("czNjcmV0LW9mLXRoZS1kYXRhYmFzZ").is_empty());
}

#[tokio::test]
async fn a_program_gets_the_stacks_facts_and_nothing_else() {
    let stage = Stage::new().await;
    let done = stage
        .sh(
            Speaks::Exit,
            "env | sed -n 's/^\\([A-Za-z_]*\\)=.*/\\1/p' | sort | tr '\\n' ' '; echo; pwd; ls -A\n\
             echo \"$SIMMER_URL $SIMMER_RELEASE $SIMMER_BASE $SIMMER_TIER $SIMMER_MARKER $SIMMER_RECIPE\"\n\
             cat \"$SIMMER_FACTS\"; read line || echo 'no input'",
        )
        .await;
    assert_eq!(told(&done), "passed");
    let kept = stage.kept(&done);
    let mut lines = kept.lines();
    insta::assert_snapshot!(lines.next().unwrap(), @"CURL_CA_BUNDLE DOCKER_HOST GIT_SSL_CAINFO HOME HTTPS_PROXY LANG NODE_EXTRA_CA_CERTS NODE_USE_ENV_PROXY PATH PWD PYTHONDONTWRITEBYTECODE PYTHONUNBUFFERED REQUESTS_CA_BUNDLE SIMMER_BASE SIMMER_CA_FILE SIMMER_COMMIT SIMMER_DOMAIN SIMMER_EDGE SIMMER_FACTS SIMMER_JUNIT SIMMER_MARKER SIMMER_OVERLAY SIMMER_PROXY SIMMER_RECIPE SIMMER_RELEASE SIMMER_RUN SIMMER_SECRETS_FILE SIMMER_SERVICE SIMMER_STACK SIMMER_TIER SIMMER_URL SIMMER_WORK SSL_CERT_FILE TMPDIR https_proxy");
    assert!(lines.next().unwrap().ends_with("/work"), "{kept}");
    assert_eq!(
        lines.next().unwrap(),
        "https://run-0000aaaaa.ci.test 2.0.0+3.1 1.0.0+3.0 custom simmer0000aaaaupgrade radicale"
    );
    let rest = lines.collect::<Vec<_>>().join("\n");
    let (facts, end) = rest.rsplit_once('}').unwrap();
    assert_eq!(end, "no input");
    let facts: serde_json::Value = serde_json::from_str(&format!("{facts}}}")).unwrap();
    assert_eq!(facts["services"][1]["tasks"][0]["container"], "container-of-db");
    assert_eq!(facts["version"], 1);
    assert!(!kept.contains(SECRET));
}

/// Clients that do not know us at all.
#[tokio::test]
async fn ordinary_clients_reach_the_app_by_its_name_and_check_its_certificate() {
    let stage = Stage::new().await;
    let python = "import urllib.request, os, ssl\nu = os.environ['SIMMER_URL']\n\
                  assert b'/py' in urllib.request.urlopen(u + '/py').read()\n\
                  try:\n    urllib.request.urlopen('https://other.test/')\nexcept OSError as error:\n    print(error)\n";
    stage.write("client.py", python);
    let node = "const c = new URL(process.env.SIMMER_PROXY);\n\
                const h = new URL(process.env.SIMMER_URL).hostname;\n\
                const r = require('http').request({host: c.hostname, port: c.port, method: 'CONNECT', path: h + ':443'});\n\
                r.on('connect', (res, socket) => require('https').get({host: h, path: '/js', socket, agent: false}, a => {\n\
                a.on('data', d => console.log(String(d))); a.on('end', () => process.exit(a.statusCode == 200 ? 0 : 1)); }));\nr.end();\n";
    stage.write("client.js", node);
    let asked =
        [("curl", vec!["t.sh"]), ("python3", vec!["client.py"]), ("node", vec!["node", "./client.js"])];
    stage.write(
        "t.sh",
        "curl -sSf \"$SIMMER_URL/sh\" && ! curl -sS https://other.test/ && ! curl -sS \"$SIMMER_URL:444/\"",
    );
    let mut met = 0;
    for (client, command) in asked {
        if Command::new(client).arg("--version").output().is_err() {
            continue;
        }
        let done = stage.test(program(&command, Speaks::Exit)).await;
        assert_eq!(told(&done), "passed", "{client}: {}", stage.kept(&done));
        met += 1;
    }
    assert!(met != 0, "there is no client to try");
}

#[tokio::test]
async fn what_cannot_be_started_says_what_to_do() {
    let stage = Stage::new().await;
    stage.write("plain.rb", "puts 1");
    stage.write("bad", "#!/no/such/shell\n");
    let bad = stage.scene.overlay.join("bad");
    std::fs::set_permissions(&bad, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut lines = Vec::new();
    for command in ["none/such.sh", "no-such-program", "plain.rb", "bad"] {
        let done = stage.test(program(&[command], Speaks::Exit)).await;
        lines.push(told(&done).replace(&stage.folder.path().display().to_string(), "/F"));
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    broken: there is no file `none/such.sh` in `/F/overlay`
    broken: there is no program `no-such-program`, neither in `/F/overlay` nor in PATH
    broken: `plain.rb` is neither executable nor a `.sh` or `.py` file: `chmod +x` it, or name what runs it
    broken: `/F/overlay/bad` could not be started: what its first line names to run it is not there
    ");
    assert!(stage.scratch_is_empty());
}

#[tokio::test]
async fn cc_036_a_test_out_of_its_range_is_left_out_with_the_reason() {
    let stage = Stage::new().await;
    let spec = TestSpec {
        name: "t".into(),
        tier: domain::Tier::Upgrade,
        ask: program(&["none.sh"], Speaks::Exit),
        applies_to: Some(AppliesTo::parse(">=3.0.0").unwrap()),
    };
    let done = runner::exam::test(&stage.scene, &spec, &marker()).await;
    assert_eq!(told(&done), "skipped: written for >=3.0.0; this is release 2.0.0+3.1");
    assert_eq!((done.tested.tier, done.cause), (domain::Tier::Upgrade, None));
}

const PYTEST: &str = "import os, pytest\n\
                      def test_good():\n    assert os.environ['SIMMER_TIER'] == 'custom'\n\
                      def test_bad():\n    assert 1 == 2\n\
                      @pytest.mark.skip(reason='not now')\ndef test_left():\n    pass\n";

#[tokio::test]
async fn pytest_works_without_glue() {
    let stage = Stage::new().await;
    stage.write("py/test_a.py", PYTEST);
    let is_there = Command::new("python3")
        .args(["-m", "pytest", "--version"])
        .output()
        .is_ok_and(|o| o.status.success());
    for named in ["py/test_a.py", "py"] {
        let done = stage.test(program(&[named], Speaks::Auto)).await;
        if is_there {
            assert_eq!(done.tested.cases.len(), 3, "{}", stage.kept(&done));
            assert!(
                told(&done).starts_with("failed: 1 of 3 cases failed: `test_a::test_bad`"),
                "{}",
                told(&done)
            );
        } else {
            assert!(
                told(&done).starts_with("broken: pytest is not installed for `python3`"),
                "{}",
                told(&done)
            );
        }
    }
    // Nothing of Python's is left in somebody's work tree.
    assert_eq!(std::fs::read_dir(stage.scene.overlay.join("py")).unwrap().count(), 1);
}

/// The same with a `python3` of our own making, so that both ways are seen on every machine.
#[tokio::test]
async fn pytest_is_asked_for_a_report_and_missed_with_a_remedy() {
    let mut stage = Stage::new().await;
    let bin = stage.folder.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let python = |script: &str| {
        let path = bin.join("python3");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    stage.scene.path = format!("{}:{}", bin.display(), stage.scene.path);
    stage.write("test_a.py", PYTEST);
    python("echo \"$0: No module named pytest\" >&2; exit 1");
    let missed = stage.test(program(&["test_a.py"], Speaks::Auto)).await;
    assert_eq!(
        told(&missed),
        "broken: pytest is not installed for `python3` on this machine: install it there (`python3 -m pip \
         install pytest`), or give a `run` that brings its own"
    );
    python(
        "echo \"$@\"; for a in \"$@\"; do case $a in --junitxml=*) echo '<testsuites/>' > \"${a#*=}\";; esac; done; exit 5",
    );
    let empty = stage.test(program(&["test_a.py", "-k", "x"], Speaks::Auto)).await;
    assert!(stage.kept(&empty).starts_with("-m pytest -p no:cacheprovider --color=no --junitxml="));
    assert!(stage.kept(&empty).trim_end().ends_with("/overlay/test_a.py -k x"), "{}", stage.kept(&empty));
    assert!(told(&empty).starts_with("failed: expected exit code 0, got 5"), "{}", told(&empty));
}
