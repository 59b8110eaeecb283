//! Images: on the node before anything is deployed, or a clear word about why not.

use harness::engine::{Freshness, PullError};

use super::stage::{ONE, TWO, on_stage, svc};

fn images(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(service, image)| ((*service).to_owned(), (*image).to_owned())).collect()
}

#[tokio::test]
async fn an_image_that_is_on_the_node_wins_and_has_a_digest() {
    on_stage("images", |stage| async move {
        let asked = images(&[("app", ONE), ("db", TWO), ("worker", ONE)]);
        let found = stage.engine.ensure_images(&asked, Freshness::LocalWins).await.unwrap();
        assert!(found.values().all(|i| !i.pulled && i.digest.starts_with("sha256:")), "{found:?}");
        assert_eq!(found["app"], found["worker"]);
        assert_ne!(found["app"].digest, found["db"].digest);
    })
    .await;
}

#[tokio::test]
async fn a_registry_that_refuses_is_the_platforms_fault() {
    on_stage("refused", |stage| async move {
        // Port 1 of loopback: nobody answers there.
        let asked = images(&[("app", "127.0.0.1:1/simmer/none:1")]);
        let error = stage.engine.ensure_images(&asked, Freshness::LocalWins).await.unwrap_err();
        assert!(matches!(error, PullError::Unfetched { .. }), "{error}");
        assert_eq!(error.fault(), domain::Fault::Platform);
        assert_eq!(error.cause().name(), "image_pull");
    })
    .await;
}

#[tokio::test]
async fn a_tag_that_the_registry_does_not_have_is_the_recipes_fault() {
    on_stage("untagged", |stage| async move {
        let (registry, _guest) = stage.empty_registry().await;
        let image = format!("{registry}/simmer/testbox:9.9");
        let error =
            stage.engine.ensure_images(&images(&[("app", &image)]), Freshness::LocalWins).await.unwrap_err();
        assert!(matches!(error, PullError::Missing { .. }), "{error}");
        assert_eq!(error.fault(), domain::Fault::Recipe);
        assert_eq!(error.cause().name(), "image_missing");
    })
    .await;
}

#[tokio::test]
async fn cc_027_a_tag_that_moves_after_it_was_resolved_moves_no_task() {
    on_stage("moved", |stage| async move {
        let tag = format!("simmer-test/{}:1", stage.stack);
        assert!(stage.docker(&["tag", ONE, &tag]).status.success());
        let resolved =
            stage.engine.ensure_images(&images(&[("app", &tag)]), Freshness::LocalWins).await.unwrap();
        assert!(stage.docker(&["tag", TWO, &tag]).status.success());

        let nodes = stage.engine.facts().await.unwrap().nodes;
        let wanted = stage.wanted([svc("app").image(&tag)]).pinned(&resolved, nodes);
        let applied = stage.engine.apply_wanted(&wanted, None).await.unwrap();
        stage.settle(&applied).await.unwrap();
        let tasks = stage.engine.tasks(&stage.stack).await.unwrap();
        let ids: Vec<_> = tasks.iter().filter_map(|t| t.image_id.as_deref()).collect();
        assert_eq!(ids, [resolved["app"].digest.as_str()]);
        assert!(stage.docker(&["rmi", &tag]).status.success());
    })
    .await;
}
