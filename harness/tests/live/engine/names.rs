//! Who answers to a name that lives on several networks.

use harness::engine::ExecRequest;
use serde_json::json;
use tokio::time::Instant;

use super::stage::{PATIENCE, Stage, on_named_stage, on_stage, svc};

/// Asks, from the caller of a stack, who `app` is.
async fn who_is_app(stage: &Stage) -> String {
    let caller = stage.container("caller").await;
    // In two steps: a static busybox can ask the DNS, but not look names up in libc.
    let script = r"ip=$(nslookup app | awk '/^Name:/ { n = 1 } n && /^Address/ { print $2; exit }')
        wget -q -O - http://$ip:8080/ || { nslookup app; ip address; exit 1; } >&2";
    let ask = ExecRequest { cmd: ["sh", "-c", script].map(str::to_owned).into(), ..ExecRequest::default() };
    let began = Instant::now();
    loop {
        let answer = stage.engine.exec(&caller, ask.clone(), PATIENCE).await.unwrap();
        // The engine puts a task into its DNS some moments after it calls it healthy.
        if answer.code == 0 {
            return String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        }
        assert!(began.elapsed() < PATIENCE, "{}", String::from_utf8_lossy(&answer.stderr));
    }
}

/// A network that several stacks meet on, beside `proxy`, where others may have an `app` of their own just now.
fn shared() -> String {
    format!("proxy-{}", std::process::id())
}

/// A stack whose own `app` is on its own network only, and a caller on that and on the shared one.
async fn up(stage: &Stage) {
    let app = svc("app").env("BODY=ours").networks(&["internal"]);
    let mut wanted = stage.wanted([app, svc("caller").networks(&["internal", &shared()])]);
    wanted.external_networks.push(shared());
    let applied = stage.engine.apply_wanted(&wanted, None).await.unwrap();
    stage.settle(&applied).await.unwrap();
}

#[tokio::test]
async fn cc_091_the_network_whose_name_sorts_first_answers_so_a_run_meets_the_stranger() {
    on_stage("stranger", |stranger| async move {
        let app = svc("app").env("BODY=the stranger's").networks(&[&shared()]);
        let mut wanted = stranger.wanted([app]);
        wanted.networks.push(json!({"Name": shared(), "Driver": "overlay", "Labels": stranger.labels()}));
        let applied = stranger.engine.apply_wanted(&wanted, None).await.unwrap();
        stranger.settle(&applied).await.unwrap();
        // `run-…` sorts after `proxy…`, as a canonical's `warm-…` does: the harder case.
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
