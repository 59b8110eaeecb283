//! Who answers to a name that lives on several networks.

use std::time::Duration;

use harness::engine::ExecRequest;

use super::stage::{Stage, on_named_stage, on_stage, svc};

/// Asks, from the caller of a stack, who `app` is.
async fn who_is_app(stage: &Stage) -> String {
    let caller = stage.container("caller").await;
    let ask = ExecRequest {
        cmd: ["wget", "-q", "-T", "5", "-O", "-", "http://app:8080/"].map(str::to_owned).into(),
        ..ExecRequest::default()
    };
    let answer = stage.engine.exec(&caller, ask, Duration::from_secs(20)).await.unwrap();
    String::from_utf8_lossy(&answer.stdout).trim().to_owned()
}

/// A stack whose own `app` is on its own network only, and a caller on that and on `proxy`.
async fn up(stage: &Stage) {
    stage.up([svc("app").env("BODY=ours").networks(&["internal"]), svc("caller")]).await;
}

#[tokio::test]
async fn cc_091_the_network_whose_name_sorts_first_answers_so_a_run_meets_the_stranger() {
    on_stage("stranger", |stranger| async move {
        stranger.up([svc("app").env("BODY=the stranger's").networks(&["proxy"])]).await;
        // `run-…` sorts after `proxy`, as a canonical's `warm-…` does: the harder case.
        on_stage("late", |stage| async move {
            up(&stage).await;
            assert_eq!(who_is_app(&stage).await, "the stranger's");
        })
        .await;
        on_named_stage("aaa-early", |stage| async move {
            up(&stage).await;
            assert_eq!(who_is_app(&stage).await, "ours");
        })
        .await;
    })
    .await;
}
