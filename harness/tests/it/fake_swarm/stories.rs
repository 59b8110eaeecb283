//! What a stack lives through, from its first deploy to the empty listing.

use std::time::Duration;

use domain::Cause;
use harness::engine::{Broom, ExecRequest, Follow, Freshness, Keep, LogBounds, Touched};
use serde_json::json;
use testkit::{App, Fake, Fault, Life, Setup, Term};

use super::stage::{CLEAR, RUN_LABEL, Stage, labels, scope, service, set, stack, wanted};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_stack_is_applied_settles_and_is_cleared_to_an_empty_listing() {
    let stage = Stage::on(Fake::start()).await;
    stage.fake.app("a:1", App::new(Life::steady().healthy_after(SECOND * 3)));
    let applied = stage.apply(&wanted([service("app", "a:1"), service("db", "a:1")])).await;
    let settled = stage.settle(&applied).await.unwrap();
    assert_eq!(settled.seen.services.len(), 2);
    assert_eq!(stage.fake.without_label(RUN_LABEL), ["network proxy"]);
    let tasks = stage.engine.tasks(&stack()).await.unwrap();
    assert!(tasks.iter().all(|t| t.is_running && t.networks.len() == 2), "{tasks:?}");
    stage.clear().await;
}

#[tokio::test]
async fn it_is_the_same_by_tcp_and_where_empty_lists_are_null() {
    let fake = Fake::with(Setup { null_lists: true, api: "1.45", version: "26.1.5", ..Setup::default() });
    let mut stage = Stage::on(fake).await;
    stage.engine = harness::engine::Engine::connect(Some(stage.fake.tcp_host())).await.unwrap();
    assert_eq!(stage.engine.facts().await.unwrap().api, "1.45");
    stage.fake.app("a:1", App::new(Life::steady()));
    stage.up(&wanted([service("app", "a:1")])).await;
    stage.clear().await;
}

#[tokio::test]
async fn a_crash_loop_is_called_with_its_code_and_its_last_lines() {
    let stage = Stage::on(Fake::start()).await;
    stage.fake.app("a:1", App::new(Life::ends(SECOND, 3).says("no database")));
    let applied = stage.apply(&wanted([service("app", "a:1")])).await;
    let trouble = stage.settle(&applied).await.unwrap_err();
    let Cause::CrashLoop { exit_code, ref last_lines, .. } = trouble.cause else { panic!("{trouble}") };
    assert_eq!(exit_code, Some(3));
    assert_eq!(*last_lines, ["no database"]);
    stage.clear().await;
}

#[tokio::test]
async fn a_container_that_never_turns_healthy_is_called_so() {
    let stage = Stage::on(Fake::start()).await;
    stage.fake.app("a:1", App::new(Life::steady().never_healthy().on_term(Term::Ignores)));
    let applied = stage.apply(&wanted([service("app", "a:1")])).await;
    let trouble = stage.settle(&applied).await.unwrap_err();
    assert!(matches!(trouble.cause, Cause::Unhealthy { .. }), "{trouble}");
    stage.clear().await;
}

#[tokio::test]
async fn an_image_that_is_nowhere_is_named() {
    let stage = Stage::on(Fake::start()).await;
    let applied = stage.apply(&wanted([service("app", "gone:1")])).await;
    let trouble = stage.settle(&applied).await.unwrap_err();
    assert_eq!(trouble.to_string(), "`app`: there is no image `gone:1` (no such image on the node)");
    stage.clear().await;
}

#[tokio::test]
async fn a_failed_update_is_seen_as_a_rollback() {
    let stage = Stage::on(Fake::start()).await;
    stage.fake.app("a:1", App::new(Life::steady())).app("a:2", App::new(Life::ends(SECOND, 1)));
    let first = stage.up(&wanted([service("app", "a:1")])).await;
    let applied = stage.engine.apply_wanted(&wanted([service("app", "a:2")]), Some(&first)).await.unwrap();
    assert_eq!(applied.services[0].touched, Touched::Updated);
    let trouble = stage.settle(&applied).await.unwrap_err();
    assert!(matches!(trouble.cause, Cause::RolledBack { .. }), "{trouble}");
    stage.clear().await;
}

#[tokio::test]
async fn one_service_rolls_back_while_another_stays_new() {
    let stage = Stage::on(Fake::start()).await;
    stage.fake.app("a:1", App::new(Life::steady())).app("a:2", App::new(Life::steady()));
    stage.fake.app("bad:2", App::new(Life::ends(SECOND, 1)));
    stage.up(&wanted([service("app", "a:1"), service("db", "a:1")])).await;
    let applied = stage.apply(&wanted([service("app", "a:2"), service("db", "bad:2")])).await;
    let trouble = stage.settle(&applied).await.unwrap_err();
    let Cause::MixedStack { ref rolled_back, ref kept, .. } = trouble.cause else { panic!("{trouble}") };
    assert_eq!((rolled_back.as_slice(), kept.as_slice()), (&["db".to_owned()][..], &["app".to_owned()][..]));
    stage.clear().await;
}

#[tokio::test]
async fn what_sickens_after_the_monitor_window_leaves_the_update_completed_and_is_caught_by_the_soak() {
    let stage = Stage::on(Fake::start()).await;
    let sickly = Life::steady().sickens_after(SECOND * 60);
    stage.fake.app("a:1", App::new(Life::steady())).app("a:2", App::new(sickly));
    stage.up(&wanted([service("app", "a:1")])).await;
    let applied = stage.apply(&wanted([service("app", "a:2")])).await;
    let settled = stage.settle(&applied).await.unwrap();
    let cause = stage.engine.soak(&applied, settled.at, SECOND * 5).await.unwrap_err();
    assert!(matches!(cause, Cause::LostAfterSettled { .. }), "{cause}");
    assert_eq!(stage.fake.update_state("run-1_app"), "completed");
    stage.clear().await;
}

#[tokio::test]
async fn a_stale_index_is_read_again() {
    let stage = Stage::on(Fake::start()).await;
    stage.fake.app("a:1", App::new(Life::steady())).app("a:2", App::new(Life::steady()));
    let first = stage.up(&wanted([service("app", "a:1")])).await;
    // Somebody else's change raises the index, and the beginning of its update raises it again.
    stage.fake.change_service("run-1_app", |spec| spec["Labels"]["x"] = json!("y"));
    let applied = stage.engine.apply_wanted(&wanted([service("app", "a:2")]), Some(&first)).await.unwrap();
    stage.settle(&applied).await.unwrap();
    stage.clear().await;
}

#[tokio::test]
async fn nothing_one_shot_and_everywhere_settle_as_they_are_meant() {
    let stage = Stage::on(Fake::with(Setup { nodes: 3, ..Setup::default() })).await;
    stage.fake.app("a:1", App::new(Life::steady())).app("job:1", App::new(Life::ends(SECOND, 0)));
    let none = set(service("none", "a:1"), "/Mode", json!({"Replicated": {"Replicas": 0}}));
    let global = set(service("global", "a:1"), "/Mode", json!({"Global": {}}));
    let once = set(service("once", "job:1"), "/TaskTemplate/RestartPolicy", json!({"Condition": "none"}));
    let mut job = set(service("job", "job:1"), "/Mode", json!({"ReplicatedJob": {"TotalCompletions": 2}}));
    job.spec.as_object_mut().unwrap().remove("UpdateConfig");
    let applied = stage.apply(&wanted([none, global, once, job])).await;
    let settled = stage.settle(&applied).await.unwrap();
    let tasks: Vec<_> = settled.seen.services.iter().map(|s| (s.name.as_str(), s.tasks.len())).collect();
    assert_eq!(tasks, [("none", 0), ("global", 3), ("once", 1), ("job", 2)]);
    stage.clear().await;
}

#[tokio::test]
async fn an_undeploy_with_grace_keeps_volumes_and_secrets_and_waits_for_the_last_process() {
    let stage = Stage::on(Fake::start()).await;
    let stubborn = |disk: &testkit::Disk| {
        disk.write("/data/here", "x");
        Life::steady().on_term(Term::Ignores)
    };
    stage.fake.app("a:1", App::that(stubborn).volume("/cache"));
    stage.up(&wanted([service("app", "a:1")])).await;
    assert_eq!(std::fs::read(stage.fake.volume("run-1_app").join("here")).unwrap(), b"x");
    stage.engine.clear(&scope(), Broom::WithGrace, Keep::VolumesAndSecrets, CLEAR).await.unwrap();
    assert_eq!(stage.fake.objects(), ["network proxy", "secret run-1_pw_v1", "volume run-1_app"]);
    stage.clear().await;
}

#[tokio::test]
async fn a_volume_that_is_there_keeps_its_labels_when_a_mount_names_it() {
    let stage = Stage::on(Fake::start()).await;
    stage.fake.app("a:1", App::new(Life::steady()));
    stage.fake.put_volume("run-1_app", json!({"owner": "somebody"}), Some(("old", "data")));
    stage.up(&wanted([service("app", "a:1")])).await;
    assert_eq!(stage.fake.without_label(RUN_LABEL), ["network proxy", "volume run-1_app"]);
    stage.engine.clear(&scope(), Broom::AtOnce, Keep::Nothing, CLEAR).await.unwrap();
    assert_eq!(stage.fake.objects(), ["network proxy", "volume run-1_app"], "it is not ours");
    assert_eq!(std::fs::read(stage.fake.volume("run-1_app").join("old")).unwrap(), b"data");
}

#[tokio::test]
async fn commands_files_and_logs_reach_what_the_app_has() {
    let stage = Stage::on(Fake::start()).await;
    stage.fake.app("a:1", App::new(Life::steady().says("one").says("two")));
    let mut follow: Follow = stage.engine.follow(&stack());
    stage.up(&wanted([service("app", "a:1")])).await;
    let tasks = stage.engine.tasks(&stack()).await.unwrap();
    let container = tasks[0].container_id.clone().unwrap();
    let engine = &stage.engine;
    engine.put_file(&container, "/data/w", b"witness", 0o644).await.unwrap();
    assert_eq!(std::fs::read(stage.fake.volume("run-1_app").join("w")).unwrap(), b"witness");
    assert_eq!(engine.get_file(&container, "/data/w", 99).await.unwrap().as_deref(), Some(&b"witness"[..]));
    assert_eq!(engine.get_file(&container, "/data/none", 99).await.unwrap(), None);
    let exec = |cmd: &[&str]| {
        let request =
            ExecRequest { cmd: cmd.iter().map(|c| (*c).to_owned()).collect(), ..ExecRequest::default() };
        engine.exec(&container, request, SECOND * 5)
    };
    let said = exec(&["sh", "-c", "cat /data/w"]).await.unwrap();
    assert_eq!((said.code, said.stdout.as_slice()), (0, &b"witness"[..]));
    assert_eq!(exec(&["nothing"]).await.unwrap().code, 127);
    let logs = engine.logs(&stack(), LogBounds::default()).await.unwrap();
    assert_eq!(logs[0].lines, ["one", "two"]);
    assert_eq!(follow.next().await.unwrap().line, "one");
    stage.clear().await;
}

#[tokio::test]
async fn an_image_is_pulled_once_and_pinned_by_its_digest() {
    let stage = Stage::on(Fake::start()).await;
    stage.fake.app("a:1", App::new(Life::steady()).remote());
    let images = [("app".to_owned(), "a:1".to_owned())];
    let resolved = stage.engine.ensure_images(&images, Freshness::LocalWins).await.unwrap();
    assert!(resolved["app"].pulled);
    let pinned = wanted([service("app", "a:1")]).pinned(&resolved, 1);
    stage.up(&pinned).await;
    let missing = [("app".to_owned(), "b:1".to_owned())];
    let error = stage.engine.ensure_images(&missing, Freshness::LocalWins).await.unwrap_err();
    assert!(matches!(error, harness::engine::PullError::Missing { .. }), "{error}");
    stage.clear().await;
}

#[tokio::test]
async fn a_full_disk_rejects_the_task_and_says_so() {
    let stage = Stage::on(Fake::start()).await;
    stage.fake.app("a:1", App::new(Life::steady())).fill_disk();
    let applied = stage.apply(&wanted([service("app", "a:1")])).await;
    let trouble = stage.settle(&applied).await.unwrap_err();
    assert!(trouble.to_string().contains("no space left on device"), "{trouble}");
    stage.fake.heal();
    stage.clear().await;
}

#[tokio::test]
async fn a_stack_settles_though_every_event_is_lost() {
    let stage = Stage::on(Fake::start()).await;
    stage.fake.app("a:1", App::new(Life::steady().healthy_after(SECOND * 20)));
    for _ in 0..50 {
        stage.fake.fail_on("GET /events", Fault::Cut);
    }
    let applied = stage.apply(&wanted([service("app", "a:1")])).await;
    stage.settle(&applied).await.unwrap();
    stage.fake.cut_streams();
    stage.clear().await;
}

#[tokio::test]
async fn a_stack_that_is_there_is_not_touched_again() {
    let stage = Stage::on(Fake::start()).await;
    stage.fake.app("a:1", App::new(Life::steady()));
    let first = stage.up(&wanted([service("app", "a:1")])).await;
    let again = stage.engine.apply_wanted(&wanted([service("app", "a:1")]), Some(&first)).await.unwrap();
    assert_eq!(again.services[0].touched, Touched::Same);
    let mut other = wanted([service("app", "a:1")]);
    other.secrets = vec![json!({"Name": "run-1_pw_v1", "Data": "aG8=", "Labels": labels()})];
    let error = stage.engine.apply_wanted(&other, Some(&first)).await.unwrap_err();
    assert_eq!(error.to_string(), "secret `run-1_pw_v1` is already there with other content");
    stage.clear().await;
}
