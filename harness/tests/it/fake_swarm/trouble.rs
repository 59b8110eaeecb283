//! Trouble at every call: it ends, it says what was wrong, it leaves nothing that is not labelled, and clearing works.

use std::future::Future;
use std::time::Duration;

use harness::engine::{Broom, Chain, Engine, Keep, Scope};
use testkit::{App, Fake, Fault, Life};

use super::stage::{CLEAR, RUN_LABEL, Stage, limits, quick, scope, service, wanted};

/// Longer than any one limit of the engine room.
const LIMIT: Duration = Duration::from_secs(31);

/// Drives `work` to its end. When a call is swallowed the test's clock is turned on to the limit that ends the wait: no
/// test waits 30 s, and no limit is another one in tests.
async fn to_its_end<T>(fake: &Fake, work: impl Future<Output = T>) -> T {
    let mut swallowed = fake.swallowed();
    let mut work = std::pin::pin!(work);
    for _ in 0..200 {
        let waits = *swallowed.borrow() > 0;
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = swallowed.changed() => {}
            () = patience(waits) => {}
        }
        if *swallowed.borrow_and_update() > 0 {
            tokio::time::pause();
            tokio::time::advance(LIMIT).await;
            tokio::time::resume();
        }
    }
    panic!("it hangs: {:?}", fake.calls().last());
}

/// A while, once something was swallowed; for ever before.
async fn patience(waits: bool) {
    if !waits {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
}

fn apps(fake: &Fake) {
    fake.app("a:1", App::new(Life::steady().healthy_after(Duration::from_secs(2))));
}

/// Applies and settles; an error names what was being done.
async fn deploy(engine: &Engine) -> Result<(), String> {
    let wanted = wanted([service("app", "a:1")]);
    let applied = engine.apply_wanted(&wanted, None).await.map_err(|e| Chain(&e).to_string())?;
    engine.settle(&applied, &limits(), &mut |_| {}).await.map(drop).map_err(|t| t.cause.to_string())
}

/// Nothing of it is without its owner's label, and all of it can be cleared once the engine is well again.
async fn is_left_well(stage: &Stage, what: &str) {
    assert_eq!(stage.fake.without_label(RUN_LABEL), ["network proxy"], "{what}");
    stage.fake.heal();
    stage
        .engine
        .clear(&scope(), Broom::AtOnce, Keep::Nothing, CLEAR)
        .await
        .unwrap_or_else(|left| panic!("{what}: {left}"));
    assert_eq!(stage.fake.objects(), ["network proxy"], "{what}");
}

/// How many calls a deploy makes before it only waits.
async fn calls_of_a_deploy() -> usize {
    let stage = Stage::on(quick()).await;
    apps(&stage.fake);
    stage.fake.forget_calls();
    deploy(&stage.engine).await.unwrap();
    stage.fake.calls().len()
}

async fn each_call_fails_with(fault: Fault) {
    let count = calls_of_a_deploy().await;
    assert!(count >= 10, "{count}");
    let mut failed = 0;
    for nth in 0..count {
        let stage = Stage::on(quick()).await;
        apps(&stage.fake);
        stage.fake.forget_calls();
        stage.fake.fail_at(nth, fault.clone());
        let outcome = to_its_end(&stage.fake, deploy(&stage.engine)).await;
        let hit = stage.fake.calls().into_iter().find(|c| c.fault.is_some());
        let what = format!("{fault:?} at call {nth}, {hit:?}: {outcome:?}");
        if let Err(says) = &outcome {
            failed += 1;
            let named = says.contains("engine") && (says.contains("while") || says.contains(" s"));
            let known = says.contains("already") || says.contains("exists");
            assert!(named || known, "{what}");
        }
        is_left_well(&stage, &what).await;
    }
    assert!(failed > 0, "a fault that nobody notices proves nothing");
}

#[tokio::test]
async fn a_deploy_that_is_refused_at_any_call_ends_and_clears() {
    each_call_fails_with(Fault::Refuse(500)).await;
}

#[tokio::test]
async fn a_deploy_that_meets_a_conflict_at_any_call_ends_and_clears() {
    each_call_fails_with(Fault::Refuse(409)).await;
}

#[tokio::test]
async fn a_deploy_whose_connection_breaks_before_any_call_ends_and_clears() {
    each_call_fails_with(Fault::ResetBefore).await;
}

#[tokio::test]
async fn a_deploy_whose_connection_breaks_after_any_call_ends_and_clears() {
    each_call_fails_with(Fault::ResetAfter).await;
}

#[tokio::test]
async fn a_deploy_that_is_not_answered_at_any_call_ends_within_the_limit_and_clears() {
    each_call_fails_with(Fault::Silence).await;
}

#[tokio::test]
async fn clearing_gets_through_whatever_single_call_fails() {
    let prepared = || async {
        let stage = Stage::on(quick()).await;
        apps(&stage.fake);
        deploy(&stage.engine).await.unwrap();
        stage.fake.forget_calls();
        stage
    };
    let sweep = |engine: Engine| async move {
        engine.clear(&scope(), Broom::AtOnce, Keep::Nothing, Duration::from_secs(120)).await
    };
    let stage = prepared().await;
    sweep(stage.engine.clone()).await.unwrap();
    let count = stage.fake.calls().len();
    for fault in
        [Fault::Refuse(409), Fault::Refuse(500), Fault::ResetBefore, Fault::ResetAfter, Fault::Silence]
    {
        for nth in 0..count {
            let stage = prepared().await;
            stage.fake.fail_at(nth, fault.clone());
            let outcome = to_its_end(&stage.fake, sweep(stage.engine.clone())).await;
            assert!(outcome.is_ok(), "{fault:?} at call {nth}: {outcome:?}");
            assert_eq!(stage.fake.objects(), ["network proxy"], "{fault:?} at call {nth}");
        }
    }
}

#[tokio::test]
async fn whatever_a_seed_breaks_a_deploy_ends_and_clears() {
    let test = "whatever_a_seed_breaks_a_deploy_ends_and_clears";
    testkit::seeds("simmer-harness", test, 40, |seed| async move {
        let stage = Stage::on(quick()).await;
        apps(&stage.fake);
        stage.fake.draw_faults(seed, 60);
        let outcome = to_its_end(&stage.fake, deploy(&stage.engine)).await;
        is_left_well(&stage, &format!("{outcome:?}")).await;
    })
    .await;
}

#[tokio::test]
async fn an_engine_that_cannot_be_asked_is_named_with_its_address() {
    let fake = Fake::start();
    fake.fail_on("GET /version", Fault::ResetBefore);
    let error = Engine::connect(Some(&fake.host())).await.unwrap_err();
    assert!(error.to_string().contains(&fake.host()), "{error}");
    let engine = Engine::connect(Some(&fake.host())).await.unwrap();
    fake.fail_on("GET /services", Fault::Silence);
    let error = to_its_end(&fake, engine.list(&Scope::label("a", "b"))).await.unwrap_err();
    assert_eq!(error.to_string(), "the engine did not answer within 30 s while listing services");
}
