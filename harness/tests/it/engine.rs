//! The engine room against a fake engine: a real HTTP server that remembers, and refuses when told to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::StackName;
use harness::engine::{Engine, EngineError, Touched, Wanted, WantedService};
use serde_json::{Value, json};

/// One service, and how often its next updates are called stale.
#[derive(Default)]
struct Fake {
    service: Mutex<Option<(u64, Value)>>,
    stale: AtomicUsize,
    updates: AtomicUsize,
}

impl Fake {
    fn shown(&self) -> Option<Value> {
        let service = self.service.lock().unwrap();
        service.as_ref().map(|(index, spec)| json!({"ID": "svc", "Version": {"Index": index}, "Spec": spec}))
    }
}

type Answer = (StatusCode, Json<Value>);

fn refused(status: StatusCode, says: &str) -> Answer {
    (status, Json(json!({ "message": says })))
}

async fn create(State(fake): State<Arc<Fake>>, Json(spec): Json<Value>) -> Answer {
    *fake.service.lock().unwrap() = Some((1, spec));
    (StatusCode::CREATED, Json(json!({"ID": "svc"})))
}

async fn inspect(State(fake): State<Arc<Fake>>, Path(id): Path<String>) -> Answer {
    match fake.shown() {
        Some(service) => (StatusCode::OK, Json(service)),
        None => refused(StatusCode::NOT_FOUND, &format!("service {id} not found")),
    }
}

async fn update(
    State(fake): State<Arc<Fake>>,
    Query(query): Query<std::collections::BTreeMap<String, String>>,
    Json(spec): Json<Value>,
) -> Answer {
    fake.updates.fetch_add(1, Ordering::SeqCst);
    let mut service = fake.service.lock().unwrap();
    let (index, held) = service.as_mut().unwrap();
    // Another writer comes between looking and updating.
    if fake.stale.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() {
        *index += 1;
    }
    if query["version"] != index.to_string() {
        return refused(
            StatusCode::INTERNAL_SERVER_ERROR,
            "rpc error: code = Unknown desc = update out of sequence",
        );
    }
    *index += 1;
    *held = spec;
    (StatusCode::OK, Json(json!({})))
}

/// Starts the fake on a port of its own and connects to it.
async fn connected() -> (Arc<Fake>, Engine) {
    let fake = Arc::new(Fake::default());
    let list = get(|State(fake): State<Arc<Fake>>| async move { Json(Value::from_iter(fake.shown())) });
    let api = Router::new()
        .route("/services", list)
        .route("/services/create", post(create))
        .route("/services/{id}", get(inspect))
        .route("/services/{id}/update", post(update));
    let version = || get(|| async { Json(json!({"Version": "20.10.0", "ApiVersion": "1.41"})) });
    let app = Router::new()
        .route("/version", version())
        .nest("/v1.41", api.route("/version", version()))
        // bollard asks for the version before it knows which one.
        .route("/{any}/version", version())
        .with_state(fake.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("tcp://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (fake, Engine::connect(Some(&host)).await.unwrap())
}

fn wanted(image: &str) -> Wanted {
    Wanted {
        stack: StackName::parse("run-1").unwrap(),
        networks: vec![],
        external_networks: vec![],
        secrets: vec![],
        configs: vec![],
        services: vec![WantedService {
            name: "app".into(),
            spec: json!({"Name": "run-1_app", "TaskTemplate": {"ContainerSpec": {"Image": image}}}),
        }],
    }
}

#[tokio::test]
async fn a_stale_version_index_is_read_again_and_the_update_goes_through() {
    let (fake, engine) = connected().await;
    engine.apply_wanted(&wanted("a:1"), None).await.unwrap();
    fake.stale.store(3, Ordering::SeqCst);
    let applied = engine.apply_wanted(&wanted("a:2"), None).await.unwrap();
    assert_eq!(applied.services[0].touched, Touched::Updated);
    assert_eq!(fake.updates.load(Ordering::SeqCst), 4);
    let held = fake.shown().unwrap();
    assert_eq!(held["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"], "a:2");
}

#[tokio::test]
async fn a_service_that_somebody_keeps_updating_ends_in_an_error_not_in_a_loop() {
    let (fake, engine) = connected().await;
    engine.apply_wanted(&wanted("a:1"), None).await.unwrap();
    fake.stale.store(usize::MAX, Ordering::SeqCst);
    let error = engine.apply_wanted(&wanted("a:2"), None).await.unwrap_err();
    assert!(error.to_string().contains("stale 20 times"), "{error}");
}

#[tokio::test]
async fn the_same_spec_is_not_sent_twice() {
    let (fake, engine) = connected().await;
    let first = engine.apply_wanted(&wanted("a:1"), None).await.unwrap();
    let again = engine.apply_wanted(&wanted("a:1"), Some(&first)).await.unwrap();
    assert_eq!(again.services[0].touched, Touched::Same);
    assert_eq!(fake.updates.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_spec_that_was_changed_by_hand_under_our_mark_is_sent_again() {
    let (fake, engine) = connected().await;
    let first = engine.apply_wanted(&wanted("a:1"), None).await.unwrap();
    fake.service.lock().unwrap().as_mut().unwrap().1["Mode"] = json!({"Replicated": {"Replicas": 0}});
    let again = engine.apply_wanted(&wanted("a:1"), Some(&first)).await.unwrap();
    assert_eq!(again.services[0].touched, Touched::Updated);
    assert!(fake.shown().unwrap()["Spec"]["Mode"].is_null());
}

#[tokio::test]
async fn the_engines_refusal_keeps_its_words_and_its_fault() {
    let (_, engine) = connected().await;
    // The fake knows no networks.
    let mut wanted = wanted("a:1");
    wanted.external_networks.push("proxy".into());
    let error = engine.apply_wanted(&wanted, None).await.unwrap_err();
    assert!(matches!(error, EngineError::Refused { status: 404, .. }), "{error}");
    assert_eq!(error.fault(), domain::Fault::Platform);
}
