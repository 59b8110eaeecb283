//! What goes as it should.

use domain::settle::Mode;
use harness::engine::{Broom, Keep, SwarmRole, Touched};
use serde_json::json;

use super::stage::{CLEAR, ONE, TWO, on_stage, svc};

#[tokio::test]
async fn a_stack_is_deployed_settled_and_cleared_without_a_trace() {
    on_stage("happy", |stage| async move {
        let applied = stage.apply([svc("app").volume("data", "/data"), svc("db")]).await;
        assert!(applied.services.iter().all(|s| s.touched == Touched::Created));
        let mut told = Vec::new();
        let limits = super::stage::limits(60);
        let settled = stage.engine.settle(&applied, &limits, &mut |a| told.push(a.to_vec())).await.unwrap();
        assert!(settled.at >= applied.at);
        assert_eq!(told[0].len(), 2, "both are awaited at first: {told:?}");

        let cleared = stage.engine.clear(&stage.scope(), Broom::AtOnce, Keep::Nothing, CLEAR).await.unwrap();
        // Two services, two containers, a network, a volume.
        assert_eq!(cleared.removed, 6);
        assert_eq!(stage.engine.list(&stage.scope()).await.unwrap(), []);
        let again = stage.engine.clear(&stage.scope(), Broom::AtOnce, Keep::Nothing, CLEAR).await.unwrap();
        assert_eq!(again.removed, 0, "clearing twice is harmless");
    })
    .await;
}
