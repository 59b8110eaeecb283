//! Looking into tasks: facts, logs, commands, files.

use std::time::Duration;

use harness::engine::{ExecError, ExecRequest, LogBounds};

use super::stage::{on_stage, svc};

fn run(cmd: &[&str]) -> ExecRequest {
    ExecRequest { cmd: cmd.iter().map(|&w| w.to_owned()).collect(), ..ExecRequest::default() }
}

const SHORT: Duration = Duration::from_secs(120);

#[tokio::test]
async fn a_task_shows_where_it_is_and_what_it_runs() {
    on_stage("tasks", |stage| async move {
        stage.up([svc("app").env("SECRET=hunter2").networks(&["internal", "proxy"])]).await;
        let tasks = stage.engine.tasks(&stage.stack).await.unwrap();
        let [task] = tasks.as_slice() else { panic!("{tasks:?}") };
        let mut networks: Vec<_> = task.networks.iter().map(|(name, _)| name.clone()).collect();
        networks.sort();
        assert_eq!(networks, ["proxy".to_owned(), stage.name("internal")]);
        assert!(task.networks.iter().all(|(_, ip)| ip.parse::<std::net::IpAddr>().is_ok()), "{task:?}");
        assert!(task.gwbridge_ip.as_ref().unwrap().parse::<std::net::IpAddr>().is_ok());
        assert!(task.pid.is_some() && task.is_local);
        assert!(task.image_id.as_ref().unwrap().starts_with("sha256:"));
        assert!(
            task.env.contains(&"SECRET=hunter2".to_owned()) && task.env.contains(&"VERSION=1.0".to_owned())
        );
        assert!(!format!("{task:?}").contains("hunter2"));
        assert_eq!(task.labels["simmer.run"], stage.stack.as_str());
    })
    .await;
}

#[tokio::test]
async fn cc_054_the_logs_of_dead_tasks_are_kept_within_bounds() {
    on_stage("logs", |stage| async move {
        // On one of the two outputs: the engine reads each for itself, and keeps no order between them.
        let chatty = svc("app").unchecked().command(&["sh", "-c", "(seq 1 50; echo the end) >&2; exit 3"]);
        let applied = stage.apply([chatty, svc("db")]).await;
        stage.settle(&applied).await.unwrap_err();

        let bounds = LogBounds { lines: 3, ..LogBounds::default() };
        let logs = stage.engine.logs(&stage.stack, bounds).await.unwrap();
        let dead: Vec<_> = logs.iter().filter(|l| l.state == "failed").collect();
        assert!(dead.len() >= 2, "{logs:?}");
        let last = ["49", "50", "the end"];
        assert!(dead.iter().all(|l| l.service == stage.name("app") && l.cut && l.lines == last), "{dead:?}");
        let alive = logs.iter().find(|l| l.service == stage.name("db")).unwrap();
        assert_eq!((alive.cut, alive.lines.last().unwrap().as_str()), (false, "testbox 1.0: up"));

        let tight = LogBounds { total: 30, ..LogBounds::default() };
        let logs = stage.engine.logs(&stage.stack, tight).await.unwrap();
        assert!(logs.iter().flat_map(|l| &l.lines).map(|l| l.len() + 1).sum::<usize>() <= 30);
    })
    .await;
}

#[tokio::test]
async fn output_is_followed_from_the_first_line_of_every_task() {
    on_stage("follow", |stage| async move {
        let mut follow = stage.engine.follow(&stage.stack);
        stage.apply([svc("app"), svc("db")]).await;
        let mut told = std::collections::BTreeSet::new();
        let all = async {
            while told.len() < 4 {
                let line = follow.next().await.unwrap();
                told.insert(format!("{}: {}", line.service.rsplit('_').next().unwrap(), line.line));
            }
        };
        tokio::time::timeout(SHORT, all).await.unwrap();
        let expected = ["mode ok, port 8080", "up"]
            .iter()
            .flat_map(|say| ["app", "db"].map(|service| format!("{service}: testbox 1.0: {say}")));
        assert_eq!(told, expected.collect());
    })
    .await;
}

#[tokio::test]
async fn a_command_runs_with_input_environment_and_user_and_keeps_its_code() {
    on_stage("exec", |stage| async move {
        stage.up([svc("app")]).await;
        let container = stage.container("app").await;
        let mut request = run(&["sh", "-c", "cat; echo $WORD >&2; id -u; exit 7"]);
        request.stdin = Some(b"hello\n".to_vec());
        request.env = vec!["WORD=there".into()];
        request.user = Some("12".into());
        let output = stage.engine.exec(&container, request, SHORT).await.unwrap();
        assert_eq!(output.code, 7);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "hello\n12\n");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "there\n");
        assert!(!output.cut);

        let flood =
            stage.engine.exec(&container, run(&["head", "-c", "3000000", "/dev/zero"]), SHORT).await.unwrap();
        assert_eq!((flood.stdout.len(), flood.cut, flood.code), (1 << 20, true, 0));

        let missing = stage.engine.exec(&container, run(&["/no/such/program"]), SHORT).await;
        assert!(missing.as_ref().map_or(true, |o| o.code != 0), "{missing:?}");
    })
    .await;
}

#[tokio::test]
async fn a_command_that_is_still_running_at_its_limit_is_killed_with_its_children_and_nothing_else() {
    on_stage("exec-late", |stage| async move {
        stage.up([svc("app")]).await;
        let container = stage.container("app").await;
        // The name of what runs, a line each, but for the one that asks.
        let running = async || {
            let look = run(&["sh", "-c", "for p in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$p; echo; done"]);
            let output = stage.engine.exec(&container, look, SHORT).await.unwrap();
            let lines = String::from_utf8(output.stdout).unwrap();
            lines.lines().filter(|l| !l.contains("/proc/")).map(str::to_owned).collect::<Vec<_>>()
        };
        let before = running().await;
        let family = run(&["sh", "-c", "sleep 6001 & sleep 6002; true"]);
        let late = stage.engine.exec(&container, family, Duration::from_secs(2)).await.unwrap_err();
        assert_eq!(late.to_string(), "`sh` did not end within 2 s, and was killed");
        let sleeps = |lines: &[String]| lines.iter().any(|l| l.contains("sleep 600"));
        let gone = async {
            while sleeps(&running().await) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(SHORT, gone).await.unwrap();
        let own = |lines: &[String]| lines.iter().any(|l| l.contains("testbox"));
        assert!(own(&before) && own(&running().await), "{before:?}");
        assert_eq!(stage.container("app").await, container);
    })
    .await;
}

#[tokio::test]
async fn a_command_for_a_container_that_is_being_replaced_is_an_error_of_its_own() {
    on_stage("exec409", |stage| async move {
        // It dies and is kept as a dead task while its successor starts.
        let app = svc("app").unchecked().command(&["sh", "-c", "sleep 12; exit 1"]);
        let applied = stage.apply([app]).await;
        stage.settle(&applied).await.unwrap();
        let container = stage.container("app").await;
        let gone = async {
            loop {
                match stage.engine.exec(&container, run(&["true"]), SHORT).await {
                    Ok(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                    Err(error) => return error,
                }
            }
        };
        let error = tokio::time::timeout(SHORT, gone).await.unwrap();
        assert!(matches!(error, ExecError::Gone { .. }), "{error}");
        assert!(error.hint().is_some());
        let never = stage.engine.exec("0123456789ab", run(&["true"]), SHORT).await.unwrap_err();
        assert!(matches!(never, ExecError::Gone { .. }), "{never}");
    })
    .await;
}

#[tokio::test]
async fn a_file_in_a_volume_is_written_and_read_back() {
    on_stage("files", |stage| async move {
        stage.up([svc("app").volume("data", "/data")]).await;
        let (engine, container) = (&stage.engine, stage.container("app").await);
        let witness: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        engine.put_file(&container, "/data/witness", &witness, 0o600).await.unwrap();
        assert_eq!(engine.get_file(&container, "/data/witness", 100_000).await.unwrap(), Some(witness));
        assert_eq!(engine.get_file(&container, "/data/none", 10).await.unwrap(), None);
        let error = engine.get_file(&container, "/data/witness", 10).await.unwrap_err();
        assert!(error.to_string().contains("larger than 10 bytes"), "{error}");
        assert!(engine.get_file(&container, "/data", 10).await.is_err(), "a folder is not a file");
        assert!(
            engine.get_file("0123456789ab", "/data/witness", 10).await.is_err(),
            "no container is not no file"
        );

        let mode = engine.exec(&container, run(&["stat", "-c", "%a", "/data/witness"]), SHORT).await.unwrap();
        assert_eq!(mode.stdout, b"600\n");
        let mounts = engine.mounts(&container).await.unwrap();
        assert_eq!(
            (mounts[0].volume.as_str(), mounts[0].destination.as_str()),
            (&*stage.name("data"), "/data")
        );
    })
    .await;
}
