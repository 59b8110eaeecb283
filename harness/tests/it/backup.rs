//! Repositories without a swarm: ours and restic's own, both ways, and what must not happen to files.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use harness::backup::{About, Place, Program, ReadData, Repository, Retention, StoreError};

fn about(recipe: &str) -> About {
    About {
        instance: "ci".into(),
        recipe: recipe.into(),
        stack: "run-1".into(),
        run: "1".into(),
        release: "1.0.0+2.3".into(),
    }
}

/// A tree with all that a backup can get wrong.
fn plant(root: &Path) {
    fs::create_dir_all(root.join("deep/er")).unwrap();
    fs::create_dir(root.join("empty")).unwrap();
    fs::write(root.join("deep/er/text"), "hello\n").unwrap();
    fs::write(root.join("nothing"), "").unwrap();
    let large: Vec<u8> =
        (0..3_000_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    fs::write(root.join("large"), large).unwrap();
    fs::write(root.join(OsStr::from_bytes(b"caf\xe9 \\ \" \n")), "odd name").unwrap();
    fs::hard_link(root.join("deep/er/text"), root.join("same")).unwrap();
    symlink("deep/er/text", root.join("link")).unwrap();
    symlink("/nowhere/at all", root.join("dangling")).unwrap();
    fs::write(root.join("suid"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(root.join("suid"), fs::Permissions::from_mode(0o4751)).unwrap();
    fs::set_permissions(root.join("empty"), fs::Permissions::from_mode(0o1777)).unwrap();
    let options = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(root.join("nothing"), "user.simmer", b"\0kept\xff", options).unwrap();
    rustix::fs::setxattr(root.join("deep"), "user.folder", b"kept", options).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(root.join("large"), Some(1234), Some(4321)).unwrap();
        std::os::unix::fs::lchown(root.join("link"), Some(1234), Some(4321)).unwrap();
    }
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, root.join("pipe"), fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    let old = fs::FileTimes::new()
        .set_modified(std::time::UNIX_EPOCH + std::time::Duration::new(1_000_000_000, 5_000));
    fs::File::open(root.join("large")).unwrap().set_times(old).unwrap();
    fs::File::open(root.join("deep")).unwrap().set_times(old).unwrap();
}

/// All that should come back, as text.
fn describe(root: &Path) -> BTreeMap<PathBuf, String> {
    fn walk(root: &Path, path: &Path, told: &mut BTreeMap<PathBuf, String>) {
        let meta = path.symlink_metadata().unwrap();
        let mut says = format!("{:o} {}:{}", meta.mode(), meta.uid(), meta.gid());
        if meta.is_symlink() {
            says += &format!(" -> {}", fs::read_link(path).unwrap().display());
        } else {
            let mut value = [0_u8; 64];
            for name in ["user.simmer", "user.folder"] {
                if let Ok(length) = rustix::fs::getxattr(path, name, &mut value[..]) {
                    says += &format!(" {name}={:?}", &value[..length]);
                }
            }
        }
        if meta.is_file() {
            let bytes = fs::read(path).unwrap();
            let sum =
                bytes.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
            says += &format!(" {} bytes {sum:x} links {}", bytes.len(), meta.nlink());
        }
        if !meta.is_symlink() {
            says += &format!(" at {}.{}", meta.mtime(), meta.mtime_nsec());
        }
        told.insert(path.strip_prefix(root).unwrap().to_owned(), says);
        if meta.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                walk(root, &entry.unwrap().path(), told);
            }
        }
    }
    let mut told = BTreeMap::new();
    walk(root, root, &mut told);
    told
}

fn restic(place: &Place, args: &[&str]) -> Output {
    Command::new("restic")
        .args(["--no-cache", "--repo", place.repository(), "--password-file"])
        .arg(place.password_file())
        .args(args)
        .output()
        .unwrap()
}

fn good(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

struct Bench {
    folder: tempfile::TempDir,
    tree: PathBuf,
    place: Place,
}

fn bench(program: Program) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    plant(&tree);
    let place = Place::under(&folder.path().join("backups"), program);
    Bench { tree, place, folder }
}

#[tokio::test]
async fn restic_lists_checks_and_restores_what_we_store() {
    let bench = bench(Program::Embedded);
    let repository = Repository::open_or_create(&bench.place).await.unwrap();
    let saved = repository.store_folder(&bench.tree, Vec::new(), about("gitea")).await.unwrap();
    assert_eq!(saved.files, 6);

    let listed: serde_json::Value =
        serde_json::from_str(&good(&restic(&bench.place, &["snapshots", "--json"]))).unwrap();
    assert_eq!(listed[0]["id"], saved.id.as_str());
    assert_eq!(listed[0]["hostname"], "ci");
    let tags = serde_json::json!(["recipe=gitea", "release=1.0.0+2.3", "run=1", "stack=run-1"]);
    assert_eq!(listed[0]["tags"], tags);
    good(&restic(&bench.place, &["check", "--read-data"]));
    let back = bench.folder.path().join("back");
    good(&restic(&bench.place, &["restore", saved.id.as_str(), "--target", back.to_str().unwrap()]));
    let came = back.join(bench.tree.canonicalize().unwrap().strip_prefix("/").unwrap());
    assert_eq!(describe(&came), describe(&bench.tree));
}

#[tokio::test]
async fn we_list_check_and_restore_what_restic_stores() {
    let bench = bench(Program::Embedded);
    fs::create_dir_all(bench.place.password_file().parent().unwrap()).unwrap();
    fs::write(bench.place.password_file(), "of their own choice\n").unwrap();
    good(&restic(&bench.place, &["init"]));
    let tree = bench.tree.canonicalize().unwrap();
    good(&restic(&bench.place, &["backup", "--host", "ci", "--tag", "recipe=gitea", tree.to_str().unwrap()]));

    let repository = Repository::open(&bench.place).await.unwrap();
    let listed = repository.snapshots().await.unwrap();
    assert_eq!((listed.len(), listed[0].about.recipe.as_str()), (1, "gitea"));
    assert!(repository.check(ReadData::Yes).await.unwrap().errors.is_empty());
    let back = bench.folder.path().join("back");
    let put = repository.unpack(&listed[0].id, &tree, &back).await.unwrap();
    assert_eq!(put.skipped, Vec::<String>::new());
    assert_eq!(describe(&back), describe(&bench.tree));

    // And ours go beside theirs.
    repository.store_folder(&bench.tree, Vec::new(), about("kinto")).await.unwrap();
    good(&restic(&bench.place, &["check", "--read-data"]));
    assert_eq!(repository.snapshots().await.unwrap().len(), 2);
}

#[tokio::test]
async fn both_programs_give_back_what_they_were_given() {
    for program in [Program::Embedded, Program::Restic] {
        let bench = bench(program);
        let repository = Repository::open_or_create(&bench.place).await.unwrap();
        let saved = repository.store_folder(&bench.tree, Vec::new(), about("gitea")).await.unwrap();
        let tree = bench.tree.canonicalize().unwrap();
        let entries = repository.entries(&saved.id).await.unwrap();
        assert!(entries.iter().any(|entry| entry.path == tree.join("deep/er/text") && entry.bytes == 6));
        assert!(entries.iter().any(|entry| entry.path == tree.join("suid") && entry.mode == 0o4751));
        let back = bench.folder.path().join("back");
        let put = repository.unpack(&saved.id, &tree, &back).await.unwrap();
        assert_eq!(put.files, 6, "{program:?}");
        assert_eq!(describe(&back), describe(&bench.tree), "{program:?}");
        // Once more, over what is there: nothing but what is in the snapshot changes, and nothing goes.
        fs::write(back.join("newer"), "stays").unwrap();
        fs::write(back.join("large"), "shorter").unwrap();
        fs::remove_file(back.join("link")).unwrap();
        repository.unpack(&saved.id, &tree, &back).await.unwrap();
        assert_eq!(fs::read(back.join("newer")).unwrap(), b"stays");
        fs::remove_file(back.join("newer")).unwrap();
        let was = |tree| {
            describe(tree).into_iter().filter(|(path, _)| !path.as_os_str().is_empty()).collect::<Vec<_>>()
        };
        assert_eq!(was(&back), was(&bench.tree), "{program:?}");
    }
}

#[tokio::test]
async fn only_what_was_named_is_stored() {
    for program in [Program::Embedded, Program::Restic] {
        let bench = bench(program);
        let repository = Repository::open_or_create(&bench.place).await.unwrap();
        let only = vec!["deep/er".into(), "suid".into(), "not/there".into()];
        let saved = repository.store_folder(&bench.tree, only, about("gitea")).await.unwrap();
        let tree = bench.tree.canonicalize().unwrap();
        let entries = repository.entries(&saved.id).await.unwrap();
        let below: Vec<_> = entries.iter().filter_map(|e| e.path.strip_prefix(&tree).ok()).collect();
        let names: Vec<_> = below.iter().map(|path| path.to_str().unwrap()).collect();
        assert_eq!(names, ["", "deep", "deep/er", "deep/er/text", "suid"], "{program:?}");
    }
}

#[tokio::test]
async fn a_link_in_the_volume_never_leads_a_restore_out_of_it() {
    for program in [Program::Embedded, Program::Restic] {
        let bench = bench(program);
        let repository = Repository::open_or_create(&bench.place).await.unwrap();
        let saved = repository.store_folder(&bench.tree, Vec::new(), about("gitea")).await.unwrap();
        let outside = bench.folder.path().join("outside");
        fs::create_dir_all(outside.join("er")).unwrap();
        fs::write(outside.join("victim"), "untouched").unwrap();
        let before = describe(&outside);
        let volume = bench.folder.path().join("volume");
        fs::create_dir(&volume).unwrap();
        // A folder, a file and a hard link, each leading out.
        symlink(&outside, volume.join("deep")).unwrap();
        symlink(outside.join("victim"), volume.join("large")).unwrap();
        fs::hard_link(outside.join("victim"), volume.join("suid")).unwrap();
        let linked = describe(&outside);
        repository.unpack(&saved.id, &bench.tree.canonicalize().unwrap(), &volume).await.unwrap();
        assert_eq!(describe(&volume), describe(&bench.tree), "{program:?}");
        assert_eq!(describe(&outside), before, "{program:?}: {linked:?}");
    }
}

#[tokio::test]
async fn a_folder_with_something_in_it_does_not_go_for_a_file_of_its_name() {
    let bench = bench(Program::Embedded);
    let repository = Repository::open_or_create(&bench.place).await.unwrap();
    let saved = repository.store_folder(&bench.tree, Vec::new(), about("gitea")).await.unwrap();
    let volume = bench.folder.path().join("volume");
    fs::create_dir_all(volume.join("large/kept")).unwrap();
    let tree = bench.tree.canonicalize().unwrap();
    let trouble = repository.unpack(&saved.id, &tree, &volume).await.unwrap_err();
    assert!(matches!(&trouble, StoreError::Landing { path, .. } if path == "large"), "{trouble}");
    assert!(volume.join("large/kept").is_dir());
}

#[tokio::test]
async fn the_password_is_its_owner_s_alone_and_another_opens_nothing() {
    let bench = bench(Program::Embedded);
    let repository = Repository::open_or_create(&bench.place).await.unwrap();
    let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
    assert_eq!(mode(&bench.place.password_file()), 0o600);
    assert_eq!(mode(Path::new(bench.place.repository())), 0o700);
    assert_eq!(fs::read_to_string(bench.place.password_file()).unwrap().trim().len(), 48);
    let told = format!("{repository:?} {:?}", bench.place);
    assert!(!told.contains(fs::read_to_string(bench.place.password_file()).unwrap().trim()));
    for program in [Program::Embedded, Program::Restic] {
        let place = Place::under(bench.place.password_file().parent().unwrap(), program);
        fs::write(place.password_file(), "guessed").unwrap();
        let refused = Repository::open(&place).await.unwrap_err();
        assert!(matches!(refused, StoreError::Locked { .. }), "{program:?}: {refused}");
        let nowhere = place.at(bench.folder.path().join("nowhere").display().to_string());
        let refused = Repository::open(&nowhere).await.unwrap_err();
        assert!(matches!(refused, StoreError::Missing { .. }), "{program:?}: {refused}");
    }
}

#[tokio::test]
async fn the_newest_of_each_recipe_stay_and_the_repository_is_whole_after() {
    for program in [Program::Embedded, Program::Restic] {
        let bench = bench(program);
        let repository = Repository::open_or_create(&bench.place).await.unwrap();
        let mut ids = Vec::new();
        for nth in 0..3_u8 {
            let large: Vec<u8> =
                (0..500_000_u32).flat_map(|n| (n ^ (u32::from(nth) << 24)).to_le_bytes()).collect();
            fs::write(bench.tree.join("large"), large).unwrap();
            ids.push(repository.store_folder(&bench.tree, Vec::new(), about("gitea")).await.unwrap().id);
        }
        let other = repository.store_folder(&bench.tree, Vec::new(), about("kinto")).await.unwrap().id;
        let retention = Retention { instance: "ci".into(), keep_last: 1 };
        let gone = repository.forget(&retention).await.unwrap().unwrap();
        assert_eq!(gone.snapshots.len(), 2, "{program:?}");
        assert!(gone.freed > 0, "{program:?}");
        let mut left: Vec<_> =
            repository.snapshots().await.unwrap().into_iter().map(|kept| kept.id).collect();
        left.sort();
        let mut wanted = vec![ids[2].clone(), other];
        wanted.sort();
        assert_eq!(left, wanted);
        assert!(repository.check(ReadData::Yes).await.unwrap().errors.is_empty());
        good(&restic(&bench.place, &["check", "--read-data"]));
        assert_eq!(repository.forget(&retention).await.unwrap().unwrap().snapshots, []);
    }
}

#[tokio::test]
async fn data_that_was_changed_on_the_disk_is_found_by_a_check() {
    for program in [Program::Embedded, Program::Restic] {
        let bench = bench(program);
        let repository = Repository::open_or_create(&bench.place).await.unwrap();
        repository.store_folder(&bench.tree, Vec::new(), about("gitea")).await.unwrap();
        let mut packs: Vec<PathBuf> = describe(&Path::new(bench.place.repository()).join("data"))
            .into_keys()
            .map(|path| Path::new(bench.place.repository()).join("data").join(path))
            .filter(|path| path.is_file())
            .collect();
        packs.sort_by_key(|pack| pack.metadata().unwrap().len());
        let pack = packs.pop().unwrap();
        let mut bytes = fs::read(&pack).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::set_permissions(&pack, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&pack, bytes).unwrap();
        assert!(repository.check(ReadData::No).await.unwrap().errors.is_empty(), "{program:?}");
        assert!(!repository.check(ReadData::Yes).await.unwrap().errors.is_empty(), "{program:?}");
    }
}

/// Started again by the test below, to be killed.
const VICTIM: &str = "SIMMER_TEST_BACKUP_VICTIM";

#[tokio::test]
async fn a_process_killed_in_the_middle_of_a_snapshot_leaves_a_whole_repository() {
    if let Some(folder) = std::env::var_os(VICTIM) {
        let folder = PathBuf::from(folder);
        let place = Place::under(&folder.join("backups"), Program::Embedded);
        let repository = Repository::open(&place).await.unwrap();
        loop {
            repository.store_folder(&folder.join("tree"), Vec::new(), about("victim")).await.unwrap();
            let fresh: Vec<u8> = (0..2_000_000_u32).flat_map(|n| rand(n).to_le_bytes()).collect();
            fs::write(folder.join("tree/fresh"), fresh).unwrap();
        }
    }
    let bench = bench(Program::Embedded);
    let repository = Repository::open_or_create(&bench.place).await.unwrap();
    let first = repository.store_folder(&bench.tree, Vec::new(), about("gitea")).await.unwrap();
    let packs = || describe(&Path::new(bench.place.repository()).join("data")).len();
    for _ in 0..2 {
        let before = packs();
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "backup::a_process_killed_in_the_middle_of_a_snapshot_leaves_a_whole_repository",
            ])
            .env(VICTIM, bench.folder.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // It is writing now: a pack is there that was not.
        while packs() == before {
            assert!(victim.try_wait().unwrap().is_none(), "it ended by itself");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        victim.kill().unwrap();
        victim.wait().unwrap();
    }
    assert!(repository.check(ReadData::Yes).await.unwrap().errors.is_empty());
    good(&restic(&bench.place, &["check", "--read-data"]));
    let back = bench.folder.path().join("back");
    repository.unpack(&first.id, &bench.tree.canonicalize().unwrap(), &back).await.unwrap();
    repository.store_folder(&bench.tree, Vec::new(), about("gitea")).await.unwrap();
    let retention = Retention { instance: "ci".into(), keep_last: 1 };
    repository.forget(&retention).await.unwrap().expect("the dead hold no lock");
    let left = describe(Path::new(bench.place.repository()));
    assert!(left.keys().all(|path| !path.to_string_lossy().contains("-tmp-")), "{left:?}");
    good(&restic(&bench.place, &["check", "--read-data"]));
}

fn rand(n: u32) -> u32 {
    let n = n.wrapping_mul(747_796_405).wrapping_add(std::process::id());
    (n ^ (n >> 15)).wrapping_mul(2_246_822_519)
}
