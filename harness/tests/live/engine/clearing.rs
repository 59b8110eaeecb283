//! Nothing is left, and nothing foreign is touched.

use std::time::Duration;

use harness::engine::{Broom, Keep, Kind};
use serde_json::json;

use super::stage::{CLEAR, ONE, on_stage, svc};

#[tokio::test]
async fn a_process_that_ignores_term_is_killed_at_once() {
    on_stage("stubborn", |stage| async move {
        // Its grace alone is longer than the clearing may take.
        stage.up([svc("app").mode("ignore-term").grace(3600)]).await;
        stage.engine.clear(&stage.scope(), Broom::AtOnce, Keep::Nothing, CLEAR).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn with_grace_a_process_ends_by_itself_and_its_data_stays() {
    on_stage("grace", |stage| async move {
        // The last words go to the volume, which outlives the container.
        let script =
            "trap 'echo ended >/data/last; exit 0' TERM; echo up; while :; do sleep 1 & wait $!; done";
        let app = svc("app").unchecked().volume("data", "/data").command(&["sh", "-c", script]);
        stage.up([app]).await;
        stage.engine.clear(&stage.scope(), Broom::WithGrace, Keep::VolumesAndSecrets, CLEAR).await.unwrap();
        let left = stage.engine.list(&stage.scope()).await.unwrap();
        assert_eq!(left.iter().map(|o| o.kind).collect::<Vec<_>>(), [Kind::Volume]);

        let reader = svc("app").unchecked().volume("data", "/data").command(&["sh", "-c", "sleep 600"]);
        stage.up([reader]).await;
        let container = stage.container("app").await;
        let last = stage.engine.get_file(&container, "/data/last", 100).await.unwrap();
        assert_eq!(last.as_deref(), Some(&b"ended\n"[..]));
    })
    .await;
}

#[tokio::test]
async fn clearing_touches_nothing_foreign() {
    on_stage("neighbour", |neighbour| async move {
        neighbour.up([svc("app").volume("data", "/data")]).await;
        let before = neighbour.engine.list(&neighbour.scope()).await.unwrap();
        let task = neighbour.container("app").await;
        on_stage("cleared", |stage| async move {
            stage.up([svc("app").volume("data", "/data")]).await;
            stage.engine.clear(&stage.scope(), Broom::AtOnce, Keep::Nothing, CLEAR).await.unwrap();
        })
        .await;
        assert_eq!(neighbour.engine.list(&neighbour.scope()).await.unwrap(), before);
        assert_eq!(neighbour.container("app").await, task, "the very same container still runs");
    })
    .await;
}

#[tokio::test]
async fn an_anonymous_volume_goes_with_its_task() {
    on_stage("leaky", |stage| async move {
        let image = ONE.replace("testbox", "leaky");
        let leaky = svc("app").image(&image).unchecked().command(&["sh", "-c", "sleep 600"]);
        stage.up([leaky]).await;
        let mounts = stage.engine.mounts(&stage.container("app").await).await.unwrap();
        let volume = mounts.iter().find(|m| m.destination == "/leak").unwrap().volume.clone();
        assert!(stage.volume_exists(&volume).await);
        stage.engine.clear(&stage.scope(), Broom::AtOnce, Keep::Nothing, CLEAR).await.unwrap();
        assert!(!stage.volume_exists(&volume).await);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_cleared_in_time_is_named() {
    on_stage("stuck", |stage| async move {
        // It ignores TERM, and has longer than the test lasts.
        stage.up([svc("app").mode("ignore-term").grace(3600)]).await;
        let limit = Duration::from_secs(2);
        let left =
            stage.engine.clear(&stage.scope(), Broom::WithGrace, Keep::Nothing, limit).await.unwrap_err();
        let kinds: Vec<_> = left.objects.iter().map(|o| o.kind).collect();
        assert!(kinds.contains(&Kind::Container), "{left}");
        assert!(left.to_string().contains(&stage.name("app")), "{left}");
        assert!(left.hint().is_some());
    })
    .await;
}

#[tokio::test]
async fn a_container_that_was_started_by_hand_on_our_network_is_not_ours_to_kill() {
    on_stage("guest", |stage| async move {
        let mut wanted = stage.wanted([svc("app")]);
        wanted.networks[0]["Attachable"] = json!(true);
        let applied = stage.engine.apply_wanted(&wanted, None).await.unwrap();
        stage.settle(&applied).await.unwrap();
        let guest = stage.guest(&stage.name("internal")).await;
        // All else has gone by then.
        let limit = Duration::from_secs(20);
        let left = stage.engine.clear(&stage.scope(), Broom::AtOnce, Keep::Nothing, limit).await.unwrap_err();
        let names: Vec<_> = left.objects.iter().map(ToString::to_string).collect();
        assert_eq!(names, [format!("network `{}`", stage.name("internal"))]);
        assert!(guest.is_running(), "we do not touch it");
    })
    .await;
}
