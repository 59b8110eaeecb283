//! Generations of real volumes: made beside a running container, printed alike, removed when nobody holds them.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use harness::engine::{Engine, RemoveError, Scope};
use harness::generation::{self, GenerationError};

const IMAGE: &str = "127.0.0.1:5055/simmer/testbox:1.0";
const LIMIT: Duration = Duration::from_secs(300);

fn docker(engine: &Engine, args: &[&str]) -> String {
    let output = Command::new("docker").args(["-H", engine.host()]).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// One fake recipe's volumes, and the label that they all carry.
struct Ground {
    engine: Engine,
    name: String,
}

impl Ground {
    async fn new(name: &str) -> Self {
        let engine = Engine::connect(None).await.unwrap();
        Self { engine, name: format!("warm-gen-{name}-{}", std::process::id()) }
    }

    fn labels(&self) -> BTreeMap<String, String> {
        [("simmer.test".to_owned(), self.name.clone())].into()
    }

    fn volumes(&self, generation: u32) -> BTreeMap<String, String> {
        ["data", "db"].map(|key| (key.to_owned(), format!("{}_{key}-g{generation}", self.name))).into()
    }

    /// Runs a shell with both volumes of the first generation.
    fn sh(&self, generation: u32, more: &[&str], command: &str) -> String {
        let label = format!("simmer.test={}", self.name);
        let mounts = self.volumes(generation).into_iter().map(|(key, name)| format!("{name}:/{key}"));
        let mounts: Vec<String> = mounts.flat_map(|mount| ["-v".to_owned(), mount]).collect();
        let mut args = vec!["run", "--label", &label];
        args.extend(more);
        args.extend(mounts.iter().map(String::as_str));
        args.extend([IMAGE, "sh", "-c", command]);
        docker(&self.engine, &args)
    }

    async fn make(&self, from: u32, to: u32) -> Result<generation::Made, GenerationError> {
        let (from, to) = (self.volumes(from), self.volumes(to));
        generation::make(&self.engine, &from, &to, |_| self.labels(), 0, LIMIT).await
    }

    async fn drop(&self, generation: u32, limit: Duration) -> Result<(), GenerationError> {
        let names: Vec<String> = self.volumes(generation).into_values().collect();
        generation::drop(&self.engine, &names, limit).await
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let filter = format!("label=simmer.test={}", self.name);
        let ids = docker(&self.engine, &["ps", "-aq", "--filter", &filter]);
        for id in ids.lines() {
            docker(&self.engine, &["rm", "-f", id]);
        }
        let volumes = docker(&self.engine, &["volume", "ls", "-q", "--filter", &filter]);
        for volume in volumes.lines() {
            docker(&self.engine, &["volume", "rm", volume]);
        }
    }
}

#[tokio::test]
async fn cc_114_a_generation_holds_what_the_one_before_holds_and_writing_to_it_does_not_reach_back() {
    let ground = Ground::new("copy").await;
    for name in ground.volumes(1).values() {
        ground.engine.create_volume(name, &ground.labels()).await.unwrap();
    }
    let plant = "mkdir -p /data/deep/empty; echo one >/data/deep/file; chown 7:8 /data/deep/file; \
                 chmod 4711 /data/deep/file; ln -s deep /data/link; ln /data/deep/file /data/second; \
                 mkfifo /db/pipe; head -c 3000000 /dev/urandom >/db/large";
    ground.sh(1, &["--rm"], plant);
    let made = ground.make(1, 2).await.unwrap();
    assert_eq!((made.volumes["data"].files, made.volumes["db"].files), (3, 2));
    let print =
        async |n: u32| generation::fingerprint(&ground.engine, &ground.volumes(n), LIMIT).await.unwrap();
    let first = print(1).await;
    assert_eq!(print(2).await, first);
    let seen = ground.sh(
        2,
        &["--rm"],
        "cat /data/link/file; stat -c '%u:%g %a %h' /data/second; cat /db/large | wc -c",
    );
    assert_eq!(seen, "one\n7:8 4711 2\n3000000");
    ground.sh(2, &["--rm"], "echo two >>/data/deep/file; rm /db/large");
    assert_ne!(print(2).await, first);
    assert_eq!(print(1).await, first);

    // What holds data is not written over, and what a container holds is not removed.
    let again = ground.make(1, 2).await.unwrap_err();
    assert!(matches!(again, GenerationError::TargetHasData { .. }), "{again:?}");
    let holder = ground.sh(2, &["-d"], "sleep 600");
    let kept = ground.drop(2, Duration::from_secs(1)).await.unwrap_err();
    let GenerationError::Removal(RemoveError::InUse { by, .. }) = &kept else { panic!("{kept:?}") };
    assert_eq!(by.len(), 1, "{kept:?}");
    // One that ends meanwhile is waited for.
    let engine = ground.engine.clone();
    let ending = tokio::task::spawn_blocking(move || docker(&engine, &["rm", "-f", &holder]));
    ground.drop(2, LIMIT).await.unwrap();
    ending.await.unwrap();
    ground.drop(1, LIMIT).await.unwrap();
    let scope = Scope::label("simmer.test", &ground.name);
    assert_eq!(ground.engine.volumes_labelled(&scope).await.unwrap(), []);
}

#[tokio::test]
async fn a_volume_with_options_is_refused_by_name_and_nothing_is_made() {
    let ground = Ground::new("odd").await;
    let label = format!("simmer.test={}", ground.name);
    let [data, db]: [String; 2] = ground.volumes(1).into_values().collect::<Vec<_>>().try_into().unwrap();
    docker(&ground.engine, &["volume", "create", "--label", &label, &data]);
    let tmpfs = ["volume", "create", "--label", &label, "-o", "type=tmpfs", "-o", "device=tmpfs", &db];
    docker(&ground.engine, &tmpfs);
    let error = ground.make(1, 2).await.unwrap_err();
    assert!(matches!(&error, GenerationError::NotPlain { volume, .. } if *volume == db), "{error:?}");
    let there = ground.engine.volume_names().await.unwrap();
    assert!(ground.volumes(2).values().all(|name| !there.contains(name)));
}
