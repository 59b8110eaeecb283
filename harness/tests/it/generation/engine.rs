//! Generations on a fake engine: it answers on a socket of this machine and keeps its volumes in a temporary folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use domain::Cause;
use harness::engine::{Engine, EngineError, RemoveError, Scope};
use harness::generation::{self, GenerationError};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(30);

struct Fake {
    folder: tempfile::TempDir,
    volumes: Mutex<BTreeMap<String, Value>>,
    /// How often the removal of any volume is refused because it is in use.
    in_use: Mutex<usize>,
}

type Answer = (StatusCode, Json<Value>);

impl Fake {
    fn data(&self, volume: &str) -> PathBuf {
        self.folder.path().join("volumes").join(volume).join("_data")
    }

    fn plant(&self, volume: &str, driver: &str, options: Value) {
        let data = self.data(volume);
        fs::create_dir_all(&data).unwrap();
        fs::write(data.join("file"), volume).unwrap();
        let shown = json!({
            "Name": volume, "Driver": driver, "Options": options, "Labels": {"old": "yes"}, "Mountpoint": data,
        });
        self.volumes.lock().unwrap().insert(volume.into(), shown);
    }

    fn names(&self) -> Vec<String> {
        self.volumes.lock().unwrap().keys().cloned().collect()
    }
}

fn refused(status: StatusCode, says: &str) -> Answer {
    (status, Json(json!({ "message": says })))
}

async fn create(State(fake): State<Arc<Fake>>, Json(asked): Json<Value>) -> Answer {
    let name = asked["Name"].as_str().unwrap().to_owned();
    let mut volumes = fake.volumes.lock().unwrap();
    // As the real one: what is there is handed out as if it were new.
    let shown = volumes.entry(name.clone()).or_insert_with(|| {
        fs::create_dir_all(fake.data(&name)).unwrap();
        json!({
            "Name": name, "Driver": asked["Driver"], "Options": null, "Labels": asked["Labels"],
            "Mountpoint": fake.data(&name),
        })
    });
    (StatusCode::CREATED, Json(shown.clone()))
}

async fn inspect(State(fake): State<Arc<Fake>>, Path(name): Path<String>) -> Answer {
    match fake.volumes.lock().unwrap().get(&name) {
        Some(volume) => (StatusCode::OK, Json(volume.clone())),
        None => refused(StatusCode::NOT_FOUND, "no such volume"),
    }
}

async fn remove(State(fake): State<Arc<Fake>>, Path(name): Path<String>) -> Answer {
    let mut in_use = fake.in_use.lock().unwrap();
    if *in_use > 0 {
        *in_use -= 1;
        return refused(StatusCode::CONFLICT, "volume is in use");
    }
    match fake.volumes.lock().unwrap().remove(&name) {
        Some(_) => {
            fs::remove_dir_all(fake.data(&name)).unwrap();
            (StatusCode::NO_CONTENT, Json(Value::Null))
        }
        None => refused(StatusCode::NOT_FOUND, "no such volume"),
    }
}

async fn connected() -> (Arc<Fake>, Engine) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("engine.sock");
    let fake = Arc::new(Fake { folder, volumes: Mutex::default(), in_use: Mutex::default() });
    let list = get(|State(fake): State<Arc<Fake>>| async move {
        let volumes: Vec<Value> = fake.volumes.lock().unwrap().values().cloned().collect();
        Json(json!({ "Volumes": volumes }))
    });
    let users = get(|| async { Json(json!([{"Id": "c", "Names": ["/somebody.1"]}])) });
    let version = || get(|| async { Json(json!({"Version": "20.10.0", "ApiVersion": "1.41"})) });
    let api = Router::new()
        .route("/volumes", list)
        .route("/volumes/create", axum::routing::post(create))
        .route("/volumes/{name}", get(inspect).delete(remove))
        .route("/containers/json", users);
    let app = Router::new()
        .route("/version", version())
        .nest("/v1.41", api.route("/version", version()))
        .route("/{any}/version", version())
        .with_state(fake.clone());
    let listener = tokio::net::UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let engine = Engine::connect(Some(&format!("unix://{}", socket.display()))).await.unwrap();
    (fake, engine)
}

fn pairs(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn labels(key: &str) -> BTreeMap<String, String> {
    pairs(&[("simmer.canonical", "app"), ("simmer.generation", "2"), ("key", key)])
}

async fn make(
    engine: &Engine,
    from: &[(&str, &str)],
    to: &[(&str, &str)],
) -> Result<generation::Made, GenerationError> {
    generation::make(engine, &pairs(from), &pairs(to), labels, 0, LIMIT).await
}

const FROM: [(&str, &str); 2] = [("data", "warm_data-g1"), ("db", "warm_db-g1")];
const TO: [(&str, &str); 3] = [("data", "warm_data-g2"), ("db", "warm_db-g2"), ("new", "warm_new-g2")];

async fn planted() -> (Arc<Fake>, Engine) {
    let (fake, engine) = connected().await;
    for (_, volume) in FROM {
        fake.plant(volume, "local", Value::Null);
    }
    (fake, engine)
}

#[tokio::test]
async fn a_generation_is_made_with_labels_printed_alike_and_removed_again() {
    let (fake, engine) = planted().await;
    let made = make(&engine, &FROM, &TO).await.unwrap();
    assert_eq!(made.volumes.keys().collect::<Vec<_>>(), ["data", "db"]);
    assert_eq!((made.volumes["db"].files, made.volumes["db"].bytes), (1, 10));
    assert_eq!(fs::read(fake.data("warm_data-g2").join("file")).unwrap(), b"warm_data-g1");
    assert_eq!(fs::read_dir(fake.data("warm_new-g2")).unwrap().count(), 0);
    let listed = engine.volumes_labelled(&Scope::label("simmer.generation", "2")).await.unwrap();
    assert_eq!(listed.iter().map(|v| v.name.as_str()).collect::<Vec<_>>(), TO.map(|(_, name)| name));
    assert_eq!(listed[0].labels, labels("data"));

    let print =
        async |of: &[(&str, &str)]| generation::fingerprint(&engine, &pairs(of), LIMIT).await.unwrap();
    assert_eq!(print(&FROM).await, print(&TO[..2]).await);
    assert_eq!(print(&FROM).await.totals(), (2, 22));

    let mut names = TO.map(|(_, name)| name.to_owned()).to_vec();
    names.push("never-there".into());
    generation::drop(&engine, &names, LIMIT).await.unwrap();
    assert_eq!(fake.names(), FROM.map(|(_, name)| name));
    generation::drop(&engine, &names, LIMIT).await.unwrap();
}

#[tokio::test]
async fn an_empty_target_of_a_killed_attempt_is_used_and_a_full_one_is_refused_untouched() {
    let (fake, engine) = planted().await;
    // Killed after the promise.
    engine.create_volume("warm_data-g2", &labels("data")).await.unwrap();
    make(&engine, &FROM, &TO).await.unwrap();
    // Killed in the copy, or somebody's data: it cannot be told, and nothing is removed.
    fs::write(fake.data("warm_db-g2").join("more"), "precious").unwrap();
    let error = make(&engine, &FROM, &TO).await.unwrap_err();
    assert!(
        matches!(&error, GenerationError::TargetHasData { volume } if volume == "warm_data-g2"),
        "{error:?}"
    );
    assert!(error.cause().to_string().contains("simmer reconcile"), "{}", error.cause());
    assert_eq!(fs::read(fake.data("warm_db-g2").join("more")).unwrap(), b"precious");
}

#[tokio::test]
async fn a_target_of_somebody_else_is_named_and_left_alone() {
    let (fake, engine) = planted().await;
    fake.plant("warm_db-g2", "local", Value::Null);
    let error = make(&engine, &FROM, &TO).await.unwrap_err();
    let GenerationError::Engine(EngineError::NameTaken { name, owner, .. }) = &error else {
        panic!("{error:?}")
    };
    assert_eq!((name.as_str(), owner.as_str()), ("warm_db-g2", "`old=yes`"));
    assert_eq!(fs::read(fake.data("warm_db-g2").join("file")).unwrap(), b"warm_db-g2");
}

#[tokio::test]
async fn what_is_no_plain_volume_of_this_node_is_refused_by_name_before_anything_is_made() {
    let (fake, engine) = planted().await;
    fake.plant("remote", "nfs", Value::Null);
    fake.plant("bound", "local", json!({"type": "none", "o": "bind"}));
    let says = async |volume: &str| {
        let cause = make(&engine, &[FROM[0], ("odd", volume)], &[TO[0], ("odd", "odd-g2")])
            .await
            .unwrap_err()
            .cause();
        assert!(matches!(cause, Cause::Generation { .. }));
        cause.to_string()
    };
    let remote = says("remote").await;
    assert!(remote.contains("`remote` cannot be copied: its driver is `nfs`"), "{remote}");
    let bound = says("bound").await;
    assert!(bound.contains("`bound` cannot be copied: it has the option `"), "{bound}");
    let absent = says("absent").await;
    assert!(absent.contains("`absent` is not on the engine's node"), "{absent}");
    assert_eq!(fake.names(), ["bound", "remote", "warm_data-g1", "warm_db-g1"]);
}

#[tokio::test]
async fn without_room_for_copy_and_reserve_nothing_is_made() {
    let (fake, engine) = planted().await;
    let reserve = u64::MAX / 2;
    let none =
        generation::make(&engine, &pairs(&FROM), &pairs(&TO), labels, reserve, LIMIT).await.unwrap_err();
    assert!(matches!(none, GenerationError::NoRoom(_)), "{none:?}");
    let says = none.cause().to_string();
    assert!(says.contains("have to stay free") && says.contains("simmer gc"), "{says}");
    assert_eq!(fake.names().len(), 2);
}

#[tokio::test]
async fn a_generation_is_never_made_of_itself() {
    let (fake, engine) = planted().await;
    let same = make(&engine, &FROM, &[FROM[0], ("db", "warm_db-g2")]).await.unwrap_err();
    assert!(matches!(same, GenerationError::Asked { .. }), "{same:?}");
    let lost = make(&engine, &FROM, &TO[..1]).await.unwrap_err();
    assert!(lost.to_string().contains("`db` has no target"), "{lost}");
    assert_eq!(fake.names().len(), 2);
}

#[tokio::test]
async fn a_volume_that_is_in_use_for_a_moment_is_removed_and_one_that_stays_so_names_its_user() {
    let (fake, engine) = planted().await;
    *fake.in_use.lock().unwrap() = 3;
    generation::drop(&engine, &["warm_db-g1".into()], LIMIT).await.unwrap();
    *fake.in_use.lock().unwrap() = usize::MAX;
    let kept = generation::drop(&engine, &["warm_data-g1".into()], Duration::ZERO).await.unwrap_err();
    assert!(
        matches!(&kept, GenerationError::Removal(RemoveError::InUse { by, .. }) if *by == ["`somebody.1`"])
    );
    assert!(kept.cause().to_string().contains("in use after 0 s by `somebody.1`"), "{}", kept.cause());
    assert_eq!(fake.names(), ["warm_data-g1"]);
}

#[tokio::test]
async fn a_limit_that_is_hit_ends_the_copy_and_says_which_it_was() {
    let (_fake, engine) = planted().await;
    let late =
        generation::make(&engine, &pairs(&FROM), &pairs(&TO), labels, 0, Duration::ZERO).await.unwrap_err();
    assert!(matches!(late.cause(), Cause::Timeout { .. }), "{late:?}");
}
