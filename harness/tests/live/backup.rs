//! Backups of running stacks, and what comes back.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::time::Duration;

use chrono::TimeDelta;
use compose::convert::{ConvertInput, EngineFacts, convert};
use compose::recipe::{BackupPlan, backup_plan};
use compose::specs::StackSpecs;
use compose::{Interpolation, LoadInput, Source, load};
use domain::data::HookMoment;
use domain::settle::SettleLimits;
use domain::{Cause, StackName};
use harness::backup::{
    About, BackedUp, Job, Limits, Place, Program, Repository, SnapshotId, Told, Trouble, back_up, restore,
};
use harness::engine::{Broom, Engine, ExecRequest, Keep, Scope};

const CLEAR: Duration = Duration::from_secs(300);
const EXEC: Duration = Duration::from_secs(120);

/// A database that dumps into its volume, an app that keeps files, and a secret of each.
const STACK: &str = r#"
version: "3.8"
x-box: &box
  image: 127.0.0.1:5055/simmer/testbox:1.0
  networks: [internal]
services:
  app:
    <<: *box
    volumes: ["files:/srv", "cache:/cache"]
    secrets: [token]
    deploy:
      endpoint_mode: dnsrr
      labels:
        - "backupbot.backup=true"
        - "backupbot.backup.volumes.cache=false"
  db:
    <<: *box
    environment: {ENDING: "-- PostgreSQL database dump complete"}
    volumes: ["data:/data"]
    secrets: [token, password]
    deploy:
      endpoint_mode: dnsrr
      labels:
        backupbot.backup: "true"
        backupbot.backup.volumes.data.path: "dump.sql"
        backupbot.backup.pre-hook: "(echo '-- PostgreSQL database dump'; cat /data/live; echo $$ENDING) >/data/dump.sql; echo dumped; echo to stderr >&2"
        backupbot.backup.post-hook: "rm /data/dump.sql"
        backupbot.restore.pre-hook: "echo blocked"
        backupbot.restore.post-hook: "grep row /data/dump.sql >/data/live"
networks: {internal: {}}
volumes: {files: {}, cache: {}, data: {}}
secrets:
  token: {file: token}
  password: {file: password}
"#;

const SECRET: &str = "hunter2-of-the-backup";

struct Ground {
    engine: Engine,
    stack: StackName,
    repository: Repository,
    folder: tempfile::TempDir,
}

fn specs(stack: &StackName, text: &str) -> StackSpecs {
    let none = BTreeMap::new();
    let loaded = load(&LoadInput {
        files: &[Source { name: "compose.yml".into(), text: text.into() }],
        working_dir: "/",
        env: &none,
        interpolation: Interpolation::Apply,
        read_file: &|_| Err("there is none".into()),
    })
    .unwrap();
    convert(&ConvertInput {
        model: &loaded.model,
        stack,
        engine: EngineFacts::default(),
        read_file: &|_| Ok(SECRET.as_bytes().to_vec()),
        locate: &|_| None,
    })
    .unwrap()
}

async fn on_ground<F: Future<Output = ()> + Send + 'static>(
    name: &str,
    program: Program,
    test: impl FnOnce(Ground) -> F,
) {
    let engine = Engine::connect(None).await.unwrap();
    let stack = StackName::parse(&format!("run-backup-{name}-{}", std::process::id())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::open_or_create(&Place::under(folder.path(), program)).await.unwrap();
    let ground = Ground { engine: engine.clone(), stack: stack.clone(), repository, folder };
    let applied = engine.apply(&specs(&stack, STACK), None).await.unwrap();
    let limits = SettleLimits { window: TimeDelta::seconds(60), ..SettleLimits::default() };
    let settled = engine.settle(&applied, &limits, &mut |_| {}).await.map(drop);
    let outcome = match settled {
        Ok(()) => tokio::spawn(test(ground)).await,
        Err(trouble) => {
            engine.clear(&Scope::stack(&stack), Broom::AtOnce, Keep::Nothing, CLEAR).await.unwrap();
            panic!("{trouble}")
        }
    };
    engine.clear(&Scope::stack(&stack), Broom::AtOnce, Keep::Nothing, CLEAR).await.unwrap();
    assert_eq!(engine.list(&Scope::stack(&stack)).await.unwrap(), [], "nothing may be left");
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic.into_panic());
    }
}

impl Ground {
    fn plan(&self, text: &str) -> BackupPlan {
        backup_plan(&specs(&self.stack, text), &self.stack)
    }

    async fn sh(&self, service: &str, command: &str) -> String {
        let name = format!("{}_{service}", self.stack);
        let tasks = self.engine.tasks(&self.stack).await.unwrap();
        let task = tasks.iter().rev().find(|t| t.service == name && t.is_running).unwrap();
        let cmd = ["sh", "-c", command].map(str::to_owned).to_vec();
        let request = ExecRequest { cmd, ..ExecRequest::default() };
        let output = self.engine.exec(task.container_id.as_ref().unwrap(), request, EXEC).await.unwrap();
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    }

    async fn back_up(
        &self,
        plan: &BackupPlan,
        told: &mut (dyn FnMut(Told) + Send),
    ) -> Result<BackedUp, Trouble> {
        back_up(&self.job(plan), told).await
    }

    fn job<'a>(&'a self, plan: &'a BackupPlan) -> Job<'a> {
        Job {
            engine: &self.engine,
            repository: &self.repository,
            plan,
            about: About { instance: "ci".into(), recipe: "sample".into(), ..About::default() },
            settle: &|| Box::pin(async { Ok(()) }),
            limits: Limits { hook: Duration::from_secs(300), ..Limits::default() },
        }
    }
}

async fn comes_back(program: Program, name: &str) {
    on_ground(name, program, |ground| async move {
        ground.sh("db", "echo 'row one' >/data/live; echo never stored >/data/other").await;
        ground
            .sh(
                "app",
                "mkdir -p /srv/deep; echo hello >/srv/deep/file; chown 7:8 /srv/deep/file; echo x >/cache/x",
            )
            .await;
        let plan = ground.plan(STACK);
        let mut told = Vec::new();
        let made = ground.back_up(&plan, &mut |what| told.push(what)).await.unwrap();
        let hooks: Vec<_> = made.hooks.iter().map(|h| (h.run.moment, h.run.exit_code, h.run.tries)).collect();
        assert_eq!(hooks, [(HookMoment::BeforeBackup, Some(0), 1), (HookMoment::AfterBackup, Some(0), 1)]);
        assert_eq!(made.hooks[0].output, "dumped\nto stderr\n");
        assert_eq!(made.snapshot.paths, ["data/dump.sql", "files"]);
        let [dump] = made.verified.as_slice() else { panic!("{:?}", made.verified) };
        assert_eq!((dump.path.as_str(), dump.is.as_str()), ("data/dump.sql", "a dump of PostgreSQL"));
        assert!(told.contains(&Told::SnapshotMade(made.snapshot.clone())), "{told:?}");

        // The secrets are in it, for their owner only, and nowhere in what we say.
        let id = SnapshotId::parse(&made.snapshot.id).unwrap();
        let entries = ground.repository.entries(&id).await.unwrap();
        let ending = |name: &str| {
            Path::new("secrets").join(ground.stack.as_str()).join(format!("{}_{name}", ground.stack))
        };
        for name in ["token", "password"] {
            let secret = entries.iter().find(|entry| entry.path.ends_with(ending(name)));
            let secret = secret.unwrap_or_else(|| panic!("{entries:?}"));
            assert_eq!((secret.mode & 0o777, secret.bytes), (0o600, SECRET.len() as u64));
        }
        let back = ground.folder.path().join("back");
        ground.repository.unpack(&id, Path::new("/"), &back).await.unwrap();
        assert!(!format!("{made:?}{told:?}").contains(SECRET));
        assert!(!entries.iter().any(|entry| entry.path.ends_with("cache/_data/x")), "{entries:?}");

        // What was there comes back, in place; what is newer stays where nothing says otherwise.
        ground.sh("db", "echo 'row two' >/data/live").await;
        ground.sh("app", "rm -r /srv/deep; echo newer >/srv/newer").await;
        let restored = restore(&ground.job(&plan), &id, &mut |_| {}).await.unwrap();
        assert_eq!(restored.hooks.len(), 2);
        assert_eq!(restored.snapshot.id, made.snapshot.id);
        assert_eq!(ground.sh("db", "cat /data/live /data/other").await, "row one\nnever stored\n");
        let seen = ground.sh("app", "cat /srv/deep/file /srv/newer; stat -c '%u:%g' /srv/deep/file").await;
        assert_eq!(seen, "hello\nnewer\n7:8\n");
    })
    .await;
}

#[tokio::test]
async fn cc_031_what_the_labels_name_is_backed_up_and_comes_back() {
    comes_back(Program::Embedded, "ours").await;
}

#[tokio::test]
async fn cc_031_the_restic_command_line_backs_up_the_same() {
    comes_back(Program::Restic, "restic").await;
}

#[tokio::test]
async fn cc_029_a_backup_that_is_no_good_says_why_and_its_later_hooks_run_all_the_same() {
    on_ground("broken", Program::Embedded, |ground| async move {
        ground.sh("db", "echo 'row one' >/data/live").await;
        ground.sh("app", "echo hello >/srv/file").await;
        let cause = async |from: &str, to: &str| {
            assert!(STACK.contains(from), "{from}");
            let plan = ground.plan(&STACK.replace(from, to));
            let trouble = ground.back_up(&plan, &mut |_| {}).await.unwrap_err();
            (trouble.cause.clone(), trouble)
        };
        // A dump that was cut off, by an environment that lacks its end.
        let (broken, trouble) = cause("echo $$ENDING", "true").await;
        assert_eq!(
            broken.to_string(),
            "the backup of `data/dump.sql` is no good: the line `-- PostgreSQL database dump complete` at its end is \
             missing (a dump of PostgreSQL)"
        );
        assert_eq!(trouble.hooks.len(), 2);
        assert!(trouble.snapshot.is_some());
        // A hook that fails: no snapshot, and the hook after it runs.
        let (failed, trouble) = cause("echo dumped;", "echo cannot reach the server >&2; exit 3;").await;
        let Cause::Hook { service, moment, exit_code, says, .. } = failed else { panic!("{failed}") };
        assert_eq!((service.as_str(), moment, exit_code), ("db", HookMoment::BeforeBackup, Some(3)));
        assert_eq!(says, "cannot reach the server");
        assert_eq!(trouble.hooks.len(), 2);
        assert!(trouble.snapshot.is_none());
        // What a label names is not there.
        let (missing, _) = cause("volumes.data.path: \"dump.sql\"", "volumes.data.path: \"nowhere.sql\"").await;
        assert!(matches!(&missing, Cause::BackupBroken { path, .. } if path == "data/nowhere.sql"), "{missing}");
        // The label is off everywhere, and there where nothing is kept.
        let off = STACK.replace("backup=true", "backup=false").replace("backupbot.backup: \"true\"", "backupbot.backup: \"off\"");
        assert!(!ground.plan(&off).is_on());
        let nothing = off.replace("networks: {internal: {}}\n", "  idle:\n    <<: *box\n    deploy: {labels: {backupbot.backup: \"true\"}}\nnetworks: {internal: {}}\n");
        let plan = ground.plan(&nothing);
        assert!(plan.is_on(), "{plan:?}");
        let trouble = ground.back_up(&plan, &mut |_| {}).await.unwrap_err();
        assert!(matches!(trouble.cause, Cause::BackupEmpty { .. }), "{trouble}");
    })
    .await;
}

#[tokio::test]
async fn a_hook_that_meets_a_container_being_replaced_is_tried_again_and_that_is_recorded() {
    on_ground("replaced", Program::Embedded, |ground| async move {
        ground.sh("db", "echo 'row one' >/data/live").await;
        ground.sh("app", "echo hello >/srv/file").await;
        // The first time it waits for its own end.
        let waits = "if [ ! -e /data/met ]; then touch /data/met; sleep 60; fi; echo dumped;";
        let plan = ground.plan(&STACK.replace("echo dumped;", waits));
        let mut met = 0;
        let replace = async {
            while !ground.sh("db", "ls /data").await.contains("met") {}
            let service = format!("{}_db", ground.stack);
            let update = ["-H", ground.engine.host(), "service", "update", "--detach", "--force", &service];
            let updated = tokio::process::Command::new("docker").args(update).output().await.unwrap();
            assert!(updated.status.success(), "{updated:?}");
        };
        let mut told = |what| met += u32::from(matches!(what, Told::HookMet { .. }));
        let (made, ()) = tokio::join!(ground.back_up(&plan, &mut told), replace);
        let made = made.unwrap();
        assert_eq!(
            (made.hooks[0].run.exit_code, made.hooks[0].run.tries > 1),
            (Some(0), true),
            "{:?}",
            made.hooks
        );
        assert!(met > 0);
    })
    .await;
}

/// A volume of a hostile app, while it is being stored and put back.
#[tokio::test]
async fn a_link_in_a_volume_stores_and_overwrites_nothing_of_the_host() {
    on_ground("hostile", Program::Embedded, |ground| async move {
        let outside = ground.folder.path().join("victim");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("file"), "of the host").unwrap();
        ground.sh("db", "echo 'row one' >/data/live").await;
        ground.sh("app", "mkdir /srv/folder; echo hello >/srv/folder/file").await;
        let plan = ground.plan(STACK);
        let made = ground.back_up(&plan, &mut |_| {}).await.unwrap();
        let id = SnapshotId::parse(&made.snapshot.id).unwrap();
        let link = format!("rm -r /srv/folder; ln -s {} /srv/folder", outside.display());
        ground.sh("app", &link).await;
        restore(&ground.job(&plan), &id, &mut |_| {}).await.unwrap();
        assert_eq!(std::fs::read(outside.join("file")).unwrap(), b"of the host");
        assert_eq!(ground.sh("app", "cat /srv/folder/file").await, "hello\n");
        // And what a link names is not what is stored.
        ground.sh("app", &link).await;
        let made = ground.back_up(&plan, &mut |_| {}).await.unwrap();
        let id = SnapshotId::parse(&made.snapshot.id).unwrap();
        let entries = ground.repository.entries(&id).await.unwrap();
        assert!(!entries.iter().any(|entry| entry.path.ends_with("folder/file")), "{entries:?}");
    })
    .await;
}
