//! What does not go well, each told apart by its cause.

use std::time::Duration;

use domain::{Cause, Fault};
use tokio::time::Instant;

use super::stage::{PATIENCE, Stage, Svc, TWO, limits, on_stage, patient, svc};

/// Applies services over what runs and returns what settling says.
async fn update(stage: &Stage, services: Vec<Svc>) -> (harness::engine::Applied, Cause) {
    let applied = stage.apply(services).await;
    let trouble = stage.settle(&applied).await.unwrap_err();
    (applied, trouble.cause)
}

#[tokio::test]
async fn cc_046_an_update_that_swarm_rolls_back_is_a_failure() {
    on_stage("rollback", |stage| async move {
        stage.up([svc("app").rolls_back(20)]).await;
        let bad = svc("app").image(TWO).mode("crash").rolls_back(20);
        let (applied, cause) = update(&stage, vec![bad]).await;
        let Cause::RolledBack { service, last_lines, .. } = &cause else { panic!("{cause:?}") };
        assert_eq!(service, "app");
        assert!(last_lines.iter().any(|l| l.contains("told to crash")), "{last_lines:?}");

        // Later, when the tasks look well again, it still is.
        let done = async {
            while stage.update_state("app").await != "rollback_completed" {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, done).await.unwrap();
        let trouble = stage.settle(&applied).await.unwrap_err();
        assert_eq!(trouble.cause.name(), "rolled_back");

        // And the old end of the story does not poison the next apply of what was rolled back to.
        let back = stage.apply([svc("app").rolls_back(20)]).await;
        stage.settle(&back).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn cc_048_one_service_rolled_back_beside_one_that_stayed_new_is_a_mixed_stack() {
    on_stage("mixed", |stage| async move {
        stage.up([svc("app").rolls_back(1), svc("db").unchecked().rolls_back(90)]).await;
        let app = svc("app").image(TWO).rolls_back(1);
        // It lives until the other one's update is long completed.
        let db = svc("db").image(TWO).mode("crash").env("AFTER=20").unchecked().rolls_back(90);
        let applied = stage.apply([app, db]).await;
        let settled = stage.settle(&applied).await.unwrap();
        let cause = stage.engine.soak(&applied, settled.at, PATIENCE).await.unwrap_err();
        let Cause::MixedStack { rolled_back, kept, .. } = &cause else { panic!("{cause:?}") };
        assert_eq!(
            (rolled_back.as_slice(), kept.as_slice()),
            (&["db".to_owned()][..], &["app".to_owned()][..])
        );
    })
    .await;
}

#[tokio::test]
async fn cc_047_a_task_that_turns_unhealthy_after_the_monitor_window_is_seen_by_the_soak() {
    on_stage("sick", |stage| async move {
        stage.up([svc("app").rolls_back(1)]).await;
        let app = svc("app").image(TWO).mode("unhealthy-after").env("AFTER=12").rolls_back(1);
        let applied = stage.apply([app]).await;
        let settled = stage.settle(&applied).await.unwrap();
        let cause = stage.engine.soak(&applied, settled.at, PATIENCE).await.unwrap_err();
        let Cause::LostAfterSettled { service, last_lines, .. } = &cause else { panic!("{cause:?}") };
        assert_eq!(service, "app");
        assert!(last_lines.iter().any(|l| l.contains("not well any more")), "{last_lines:?}");
    })
    .await;
}

#[tokio::test]
async fn a_stack_that_stays_well_passes_the_soak_in_its_full_length() {
    on_stage("soak", |stage| async move {
        let applied = stage.apply([svc("app")]).await;
        let settled = stage.settle(&applied).await.unwrap();
        let began = Instant::now();
        stage.engine.soak(&applied, settled.at, Duration::from_secs(3)).await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(2900));
    })
    .await;
}

#[tokio::test]
async fn cc_054_a_crash_loop_is_called_within_three_exits_with_code_lines_and_count() {
    on_stage("crash", |stage| async move {
        let app = svc("app").mode("crash").env("EXIT_CODE=42");
        let (_, cause) = update(&stage, vec![app]).await;
        let Cause::CrashLoop { service, exits, exit_code, last_lines, oom, .. } = &cause else {
            panic!("{cause:?}")
        };
        assert_eq!((service.as_str(), *exit_code, *oom), ("app", Some(42), false));
        assert!((2..=3).contains(exits), "{exits}");
        // Two pipes, so that the order of the last two lines is open.
        let fatal = "testbox 1.0: fatal: told to crash, exit code 42";
        assert!(last_lines.iter().any(|l| l == fatal), "{last_lines:?}");
        assert_eq!(cause.fault(), Fault::Recipe);
    })
    .await;
}

#[tokio::test]
async fn a_process_without_healthcheck_that_leaves_at_once_is_no_settled_stack() {
    on_stage("glimpse", |stage| async move {
        let app = svc("app").unchecked().mode("exit0");
        let (_, cause) = update(&stage, vec![app]).await;
        let Cause::CrashLoop { exit_code, .. } = &cause else { panic!("{cause:?}") };
        assert_eq!(*exit_code, Some(0));
    })
    .await;
}

#[tokio::test]
async fn a_job_that_fails_and_is_not_started_again_is_told_before_its_window_ends() {
    on_stage("failedjob", |stage| async move {
        let job = svc("migrate").unchecked().mode("crash").env("EXIT_CODE=7").restart("none");
        let (_, cause) = update(&stage, vec![job]).await;
        let Cause::CrashLoop { exits: 1, exit_code: Some(7), says, .. } = &cause else { panic!("{cause:?}") };
        assert!(says.contains("does not start it again"), "{says}");
    })
    .await;
}

#[tokio::test]
async fn a_service_that_is_never_healthy_is_unhealthy_not_crashing() {
    on_stage("never", |stage| async move {
        let applied = stage.apply([svc("app").mode("never-healthy")]).await;
        let trouble = stage.engine.settle(&applied, &patient(), &mut |_| {}).await.unwrap_err();
        assert_eq!(trouble.cause.name(), "unhealthy", "{}", trouble.cause);
    })
    .await;
}

#[tokio::test]
async fn a_window_that_ends_first_names_what_it_waited_for() {
    on_stage("window", |stage| async move {
        let applied = stage.apply([svc("app").mode("slow-start").env("AFTER=600").patient()]).await;
        // Long enough that a busy node has started it.
        let trouble = stage.engine.settle(&applied, &limits(30), &mut |_| {}).await.unwrap_err();
        let says = trouble.cause.to_string();
        assert!(says.starts_with("not settled within 30 s: `app` 0/1, "), "{says}");
        assert!(!trouble.cause.last_lines().is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_image_that_is_not_on_the_node_is_told_before_the_window_ends() {
    on_stage("noimage", |stage| async move {
        // Port 1 of loopback: nobody answers there.
        let (_, cause) = update(&stage, vec![svc("app").image("127.0.0.1:1/simmer/none:1")]).await;
        assert_eq!(cause.name(), "image_missing", "{cause}");
    })
    .await;
}

#[tokio::test]
async fn a_service_that_somebody_else_changes_or_removes_is_told_as_that() {
    on_stage("foreign", |stage| async move {
        let slow = svc("app").mode("slow-start").env("AFTER=600");
        let applied = stage.apply([slow.clone()]).await;
        // The same stack from another hand, with another mark.
        stage.apply([slow.replicas(2)]).await;
        let trouble = stage.settle(&applied).await.unwrap_err();
        assert_eq!(trouble.cause.name(), "foreign_change");

        let scope = stage.scope();
        stage
            .engine
            .clear(
                &scope,
                harness::engine::Broom::AtOnce,
                harness::engine::Keep::Nothing,
                super::stage::CLEAR,
            )
            .await
            .unwrap();
        let trouble = stage.settle(&applied).await.unwrap_err();
        assert_eq!(trouble.cause.name(), "foreign_change");
        assert!(trouble.cause.to_string().contains("removed"), "{}", trouble.cause);
    })
    .await;
}
