//! What a copy keeps, what it refuses, and that it never leads out of its tree.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use harness::generation::{Copied, How, Stop, TreeError, copy_tree, room_for};
use rustix::fs::{AtFlags, FileType, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags};

use super::{is_root, opened, quick};

struct Ground {
    folder: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        Self::within(tempfile::tempdir().unwrap())
    }

    fn within(folder: tempfile::TempDir) -> Self {
        fs::create_dir(folder.path().join("from")).unwrap();
        fs::create_dir(folder.path().join("to")).unwrap();
        Self { folder }
    }

    fn from(&self, name: &str) -> PathBuf {
        self.folder.path().join("from").join(name)
    }

    fn to(&self, name: &str) -> PathBuf {
        self.folder.path().join("to").join(name)
    }

    fn try_copy(&self) -> Result<Copied, TreeError> {
        copy_tree(&self.from(""), &self.to(""), &Stop::default())
    }

    fn copy(&self) -> Copied {
        self.try_copy().unwrap()
    }
}

fn own(path: &Path, uid: u32, gid: u32) {
    if is_root() {
        let at = opened(path.parent().unwrap());
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        rustix::fs::chownat(at, path.file_name().unwrap(), uid, gid, AtFlags::SYMLINK_NOFOLLOW).unwrap();
    }
}

fn date(path: &Path, seconds: i64, nanos: i64) {
    let time = |seconds, nanos: i64| Timespec { tv_sec: seconds, tv_nsec: nanos as _ };
    let times =
        Timestamps { last_access: time(seconds - 7, nanos + 1), last_modification: time(seconds, nanos) };
    rustix::fs::utimensat(rustix::fs::CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

/// Kind and permissions, owner, times, device: all that `stat` tells and a copy can keep. A change of attributes on the
/// way sets the time of access of nothing.
fn told(path: &Path) -> (u32, u32, u32, (i64, i64), (i64, i64), u64) {
    let meta = fs::symlink_metadata(path).unwrap();
    let accessed = (meta.atime(), meta.atime_nsec());
    (meta.mode(), meta.uid(), meta.gid(), (meta.mtime(), meta.mtime_nsec()), accessed, meta.rdev())
}

#[test]
fn owners_odd_modes_and_times_to_the_nanosecond_are_kept_folders_too() {
    let ground = Ground::new();
    fs::create_dir_all(ground.from("deep/empty")).unwrap();
    let mut nth = 0;
    for (name, mode) in [
        ("plain", 0o644),
        ("setuid", 0o4755),
        ("setgid", 0o2711),
        ("both", 0o6550),
        ("none", 0o000),
        ("sticky", 0o1777),
        ("deep/file", 0o640),
    ] {
        let path = ground.from(name);
        fs::write(&path, name).unwrap();
        own(&path, 1000 + nth, 2000 + nth);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        date(&path, 1_000_000_000 + i64::from(nth), 123_456_700 + i64::from(nth));
        nth += 1;
    }
    symlink("/nowhere/at all", ground.from("deep/link")).unwrap();
    own(&ground.from("deep/link"), 77, 78);
    date(&ground.from("deep/link"), 900, 5);
    for (name, mode) in [("deep/empty", 0o2770), ("deep", 0o1755), ("", 0o3751)] {
        own(&ground.from(name), 4000 + nth, 5000);
        fs::set_permissions(ground.from(name), fs::Permissions::from_mode(mode)).unwrap();
        date(&ground.from(name), 800_000_000 + i64::from(nth), 999_999_900);
    }
    let names = [
        "plain",
        "setuid",
        "setgid",
        "both",
        "none",
        "sticky",
        "deep/file",
        "deep/link",
        "deep/empty",
        "deep",
        "",
    ];
    let before: Vec<_> = names.map(|name| told(&ground.from(name))).into();
    let copied = ground.copy();
    assert_eq!((copied.files, copied.bytes), (8, 5 + 6 + 6 + 4 + 4 + 6 + 9));
    for (name, before) in names.into_iter().zip(before) {
        assert_eq!(told(&ground.to(name)), before, "{name}");
    }
    assert_eq!(fs::read(ground.to("deep/file")).unwrap(), b"deep/file");
    assert_eq!(fs::read_link(ground.to("deep/link")).unwrap(), Path::new("/nowhere/at all"));
}

#[test]
fn names_of_one_file_are_names_of_one_file_again_wherever_they_are() {
    let ground = Ground::new();
    fs::create_dir_all(ground.from("a/b")).unwrap();
    fs::write(ground.from("one"), vec![7; 5 << 20]).unwrap();
    for name in ["a/two", "a/b/three"] {
        fs::hard_link(ground.from("one"), ground.from(name)).unwrap();
    }
    fs::write(ground.from("alone"), "x").unwrap();
    // One of its names is outside of the tree.
    fs::hard_link(ground.from("alone"), ground.folder.path().join("outside")).unwrap();
    date(&ground.from("a"), 1234, 5);
    let copied = ground.copy();
    assert_eq!((copied.files, copied.bytes), (4, (5 << 20) + 1));
    let inode = |name: &str| {
        let meta = fs::metadata(ground.to(name)).unwrap();
        (meta.ino(), meta.nlink())
    };
    assert_eq!((inode("a/two"), inode("a/b/three")), (inode("one"), inode("one")));
    assert_eq!((inode("one").1, inode("alone").1), (3, 1));
    assert_ne!(inode("one").0, fs::metadata(ground.from("one")).unwrap().ino());
    assert_eq!(
        fs::metadata(ground.to("a")).unwrap().mtime(),
        1234,
        "a second name does not touch the folder's time"
    );
}

#[test]
fn holes_stay_holes() {
    let ground = Ground::new();
    let file = fs::File::create(ground.from("holes")).unwrap();
    file.set_len(100 << 20).unwrap();
    file.write_all_at(b"begin", 0).unwrap();
    file.write_all_at(b"middle", 50 << 20).unwrap();
    fs::File::create(ground.from("nothing")).unwrap().set_len(1 << 20).unwrap();
    let end = fs::File::create(ground.from("end")).unwrap();
    end.write_all_at(b"end", (3 << 20) + 5).unwrap();
    ground.copy();
    for name in ["holes", "nothing", "end"] {
        let (from, to) = (fs::metadata(ground.from(name)).unwrap(), fs::metadata(ground.to(name)).unwrap());
        assert_eq!(from.len(), to.len(), "{name}");
        assert!(to.blocks() * 512 <= from.blocks() * 512 + 8192, "{name}: {} blocks", to.blocks());
        assert_eq!(fs::read(ground.from(name)).unwrap(), fs::read(ground.to(name)).unwrap(), "{name}");
    }
    // What a copy of it needs is what it has, not what it seems to have.
    let room = room_for(&[&ground.from("")], &ground.to(""), 0).unwrap();
    assert!(room.needs_bytes < 1 << 20, "{room:?}");
}

#[test]
fn sockets_pipes_and_devices_are_made_anew() {
    let ground = Ground::new();
    let at = opened(&ground.from(""));
    let make = |name: &str, kind, device| {
        rustix::fs::mknodat(&at, name, kind, Mode::RUSR, device).unwrap();
        own(&ground.from(name), 31, 32);
        fs::set_permissions(ground.from(name), fs::Permissions::from_mode(0o4622)).unwrap();
        date(&ground.from(name), 77, 88);
        told(&ground.from(name))
    };
    let mut made = BTreeMap::from([("pipe", make("pipe", FileType::Fifo, 0))]);
    if is_root() {
        let null = rustix::fs::makedev(1, 3);
        made.insert("null", make("null", FileType::CharacterDevice, null));
        made.insert("disk", make("disk", FileType::BlockDevice, rustix::fs::makedev(250, 9)));
    }
    let listening = std::os::unix::net::UnixListener::bind(ground.from("socket")).unwrap();
    drop(listening);
    made.insert("socket", told(&ground.from("socket")));
    let copied = ground.copy();
    assert_eq!(copied.files, made.len() as u64);
    for (name, before) in made {
        assert_eq!(told(&ground.to(name)), before, "{name}");
    }
}

#[test]
fn attributes_and_access_lists_are_kept() {
    let ground = Ground::new();
    fs::write(ground.from("file"), "x").unwrap();
    fs::create_dir(ground.from("folder")).unwrap();
    // user::rw-, user:1000:r--, group::---, mask::r--, other::---, as the kernel has it.
    let mut list = vec![2, 0, 0, 0];
    for (tag, rights, id) in
        [(1_u16, 6_u16, u32::MAX), (2, 4, 1000), (4, 0, u32::MAX), (0x10, 4, u32::MAX), (0x20, 0, u32::MAX)]
    {
        list.extend(tag.to_le_bytes());
        list.extend(rights.to_le_bytes());
        list.extend(id.to_le_bytes());
    }
    let mut wanted = vec![
        ("file", "user.comment", b"a\0b".to_vec()),
        ("file", "user.empty", vec![]),
        ("folder", "user.long", vec![9; 2000]),
        ("file", "system.posix_acl_access", list.clone()),
        ("folder", "system.posix_acl_access", list.clone()),
        ("folder", "system.posix_acl_default", list),
    ];
    if is_root() {
        // cap_net_bind_service+ep: lost at any change of owner or content after it.
        let bind = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        wanted.push(("file", "security.capability", bind.to_vec()));
        wanted.push(("file", "trusted.ours", b"t".to_vec()));
    }
    own(&ground.from("file"), 12, 13);
    for (path, name, value) in &wanted {
        rustix::fs::lsetxattr(ground.from(path), *name, value, XattrFlags::empty()).unwrap();
    }
    // Below a folder with a default list, files get one when they are made.
    fs::write(ground.from("folder/with"), "").unwrap();
    fs::write(ground.from("folder/without"), "").unwrap();
    rustix::fs::lremovexattr(ground.from("folder/without"), "system.posix_acl_access").unwrap();
    fs::set_permissions(ground.from("folder/without"), fs::Permissions::from_mode(0o644)).unwrap();
    // The target's own list must not reach what is made in it.
    let default = wanted[5].2.clone();
    rustix::fs::lsetxattr(ground.to(""), "system.posix_acl_default", &default, XattrFlags::empty()).unwrap();
    ground.copy();
    let read = |path: PathBuf, name: &str| {
        let mut value = vec![0; 4096];
        rustix::fs::lgetxattr(path, name, &mut value[..]).map(|length| value[..length].to_vec())
    };
    for (path, name, value) in &wanted {
        assert_eq!(read(ground.to(path), name).as_ref(), Ok(value), "{path} {name}");
    }
    let list = "system.posix_acl_access";
    assert_eq!(read(ground.to("folder/with"), list), read(ground.from("folder/with"), list));
    assert!(read(ground.to("folder/without"), list).is_err());
    assert!(read(ground.to(""), "system.posix_acl_default").is_err());
    for name in ["file", "folder", "folder/with", "folder/without"] {
        assert_eq!(told(&ground.to(name)).0, told(&ground.from(name)).0, "{name}");
    }
}

#[test]
fn names_of_any_bytes_are_copied_and_nothing_is_found_through_a_link() {
    let ground = Ground::new();
    let outside = ground.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "of the host").unwrap();
    symlink(&outside, ground.from("link")).unwrap();
    symlink("..", ground.from("up")).unwrap();
    symlink("link", ground.from("chain")).unwrap();
    let names: [&[u8]; 5] = [b"with\nnewline", b"\xff\xfe not utf-8", b"-rf", b" ", &[b'x'; 255]];
    for name in names {
        fs::write(ground.folder.path().join("from").join(OsStr::from_bytes(name)), name).unwrap();
    }
    let copied = ground.copy();
    assert_eq!(copied.files, 8);
    for name in names {
        let there = ground.folder.path().join("to").join(OsStr::from_bytes(name));
        assert_eq!(fs::read(there).unwrap(), name);
    }
    assert_eq!(fs::read_link(ground.to("link")).unwrap(), outside);
    assert_eq!(fs::read_link(ground.to("up")).unwrap(), Path::new(".."));
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
}

#[test]
fn a_path_longer_than_the_kernel_takes_is_copied_to_its_end() {
    let ground = Ground::new();
    let name = "d".repeat(200);
    let mut at = opened(&ground.from(""));
    for _ in 0..40 {
        rustix::fs::mkdirat(&at, name.as_str(), Mode::RWXU).unwrap();
        at = rustix::fs::openat(&at, name.as_str(), rustix::fs::OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    for nth in 0..300 {
        let flags = rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY;
        drop(rustix::fs::openat(&at, format!("{nth}"), flags, Mode::RUSR).unwrap());
    }
    assert_eq!(ground.copy().files, 300);
    let stop = Stop::default();
    let print = |path: &Path| harness::generation::print_tree(path, &stop).unwrap();
    assert_eq!(print(&ground.from("")), print(&ground.to("")));
}

#[test]
fn a_folder_that_becomes_a_link_while_it_is_copied_leads_nowhere() {
    let ground = Ground::within(quick());
    let outside = ground.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    for nth in 0..200 {
        fs::write(outside.join(format!("secret-{nth}")), "of the host").unwrap();
    }
    fs::create_dir(ground.from("folder")).unwrap();
    fs::write(ground.from("folder/file"), "hello").unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // A folder and a link change places all the time.
            symlink(&outside, ground.from("link")).unwrap();
            let at = opened(&ground.from(""));
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let flags = rustix::fs::RenameFlags::EXCHANGE;
                rustix::fs::renameat_with(&at, "folder", &at, "link", flags).unwrap();
            }
        });
        for nth in 0..60 {
            let to = ground.folder.path().join(format!("to-{nth}"));
            fs::create_dir(&to).unwrap();
            let copied = copy_tree(&ground.from(""), &to, &Stop::default());
            let files = copied.map_or(0, |copied| copied.files);
            assert!(files <= 3, "{files}");
            let mut folders = vec![to];
            while let Some(folder) = folders.pop() {
                for entry in fs::read_dir(folder).unwrap() {
                    let entry = entry.unwrap();
                    assert!(!entry.file_name().to_string_lossy().contains("secret"));
                    if entry.file_type().unwrap().is_dir() {
                        folders.push(entry.path());
                    }
                }
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn many_names_in_one_folder_and_many_folders_are_all_there() {
    let ground = Ground::within(quick());
    for nth in 0..1000 {
        fs::write(ground.from(&format!("flat-{nth}")), format!("{nth}")).unwrap();
    }
    for nth in 0..300 {
        fs::create_dir_all(ground.from(&format!("f{}/{nth}", nth % 7))).unwrap();
        fs::write(ground.from(&format!("f{}/{nth}/x", nth % 7)), vec![1; nth * 100]).unwrap();
    }
    fs::write(ground.from("large"), (0..=255).collect::<Vec<u8>>().repeat(80 << 10)).unwrap();
    date(&ground.from("f3"), 55, 5);
    date(&ground.from(""), 66, 6);
    let copied = ground.copy();
    assert_eq!(copied.files, 1301);
    assert!(matches!(copied.how, How::Copied | How::Reflinked), "{copied:?}");
    assert_eq!(fs::read(ground.from("large")).unwrap(), fs::read(ground.to("large")).unwrap());
    assert_eq!(
        (fs::metadata(ground.to("f3")).unwrap().mtime(), fs::metadata(ground.to("")).unwrap().mtime()),
        (55, 66)
    );
}

#[test]
fn a_target_that_holds_something_or_is_inside_of_the_source_is_refused() {
    let ground = Ground::new();
    fs::write(ground.to("old"), "data").unwrap();
    fs::write(ground.from("new"), "data").unwrap();
    assert!(matches!(ground.try_copy(), Err(TreeError::NotEmpty)));
    assert!(!ground.to("new").exists());
    fs::create_dir(ground.from("inside")).unwrap();
    let inside = copy_tree(&ground.from(""), &ground.from("inside"), &Stop::default());
    assert!(matches!(&inside, Err(TreeError::Inside { path }) if path == "inside"), "{inside:?}");
    let missing = copy_tree(&ground.from("nothing"), &ground.to(""), &Stop::default()).unwrap_err();
    assert!(missing.to_string().contains("from/nothing` could not be opened"), "{missing}");
}

#[test]
fn a_copy_that_nobody_wants_any_more_ends_before_it_begins_a_file() {
    let ground = Ground::new();
    fs::write(ground.from("file"), "data").unwrap();
    let stop = Stop::default();
    stop.raise();
    let stopped = copy_tree(&ground.from(""), &ground.to(""), &stop);
    assert!(matches!(stopped, Err(TreeError::Stopped)));
    assert!(!ground.to("file").exists());
}

#[test]
fn a_raised_flag_ends_the_copy_of_one_large_file_too() {
    let ground = Ground::new();
    // All of it is written zeros, more than is copied in a moment.
    let file = fs::File::create(ground.from("large")).unwrap();
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, 1 << 30).unwrap();
    for nth in 0..512 {
        file.write_all_at(&[1], nth << 21).unwrap();
    }
    let stop = Stop::default();
    std::thread::scope(|scope| {
        let copy = scope.spawn(|| copy_tree(&ground.from(""), &ground.to(""), &stop));
        while !ground.to("large").exists() && !copy.is_finished() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        stop.raise();
        let stopped = copy.join().unwrap();
        assert!(matches!(stopped, Err(TreeError::Stopped)), "{stopped:?}");
    });
}

#[test]
fn a_full_disk_is_foreseen_before_anything_is_made() {
    let ground = Ground::new();
    fs::write(ground.from("large"), vec![1; 3 << 20]).unwrap();
    let free = room_for(&[&ground.from("")], &ground.to(""), 0).unwrap();
    assert!(free.needs_bytes >= 3 << 20 || free.needs_bytes == 0);
    let none = room_for(&[&ground.from("")], &ground.to(""), u64::MAX / 2).unwrap_err().to_string();
    assert!(none.starts_with("the copy needs ") && none.contains("have to stay free"), "{none}");
    assert_eq!(fs::read_dir(ground.to("")).unwrap().count(), 0, "asking leaves nothing behind");
}
