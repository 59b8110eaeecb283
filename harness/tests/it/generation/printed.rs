//! Prints of random trees: the same for a copy, another for any change.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use domain::canonical::VolumePrint;
use harness::generation::{Stop, copy_tree, print_tree};
use proptest::collection::btree_map;
use proptest::prelude::*;

use super::{is_root, quick};

fn print(path: &Path) -> VolumePrint {
    print_tree(path, &Stop::default()).unwrap()
}

/// A thing under a random path; folders above it are made.
#[derive(Clone, Debug)]
enum Thing {
    Folder { mode: u32 },
    File { length: usize, seed: u8, mode: u32, owner: u32 },
    Link { target: String },
    Second,
}

fn things() -> impl Strategy<Value = BTreeMap<String, Thing>> {
    let path = "[a-c]{1,2}(/[a-c\n é]{1,2}){0,3}";
    let mode = prop_oneof![Just(0o644), Just(0o4711), Just(0o000), 0_u32..0o10000];
    let length = prop_oneof![0_usize..50, 4000_usize..9000, 60_000_usize..150_000];
    let thing = prop_oneof![
        1 => mode.clone().prop_map(|mode| Thing::Folder { mode }),
        4 => (length, any::<u8>(), mode, 0_u32..5)
            .prop_map(|(length, seed, mode, owner)| Thing::File { length, seed, mode, owner }),
        1 => "[a-c./]{1,9}".prop_map(|target| Thing::Link { target }),
        1 => Just(Thing::Second),
    ];
    btree_map(path, thing, 0..25)
}

/// Makes the folders above a path. Never through a link: random ones lead anywhere, and this is root.
fn folders_to(root: &Path, path: &Path) -> bool {
    let mut at = root.to_owned();
    path.parent().unwrap().iter().all(|part| {
        at.push(part);
        match fs::symlink_metadata(&at) {
            Ok(meta) => meta.is_dir(),
            Err(_) => fs::create_dir(&at).is_ok(),
        }
    })
}

/// Makes the tree; what finds its place taken is left out. Returns the plain files with their lengths.
fn plant(root: &Path, things: &BTreeMap<String, Thing>) -> Vec<(String, usize)> {
    let mut files: Vec<(String, usize)> = Vec::new();
    for (path, thing) in things {
        let at = root.join(path);
        if !folders_to(root, Path::new(path)) || fs::symlink_metadata(&at).is_ok() {
            continue;
        }
        match thing {
            Thing::Folder { mode } => {
                fs::create_dir(&at).unwrap();
                fs::set_permissions(&at, fs::Permissions::from_mode(mode | 0o700)).unwrap();
            }
            Thing::File { length, seed, mode, owner } => {
                let content: Vec<u8> = (0..*length).map(|n| (n % 251) as u8 ^ seed).collect();
                fs::write(&at, content).unwrap();
                if is_root() {
                    std::os::unix::fs::chown(&at, Some(*owner), Some(owner + 1)).unwrap();
                }
                let mode = if is_root() { *mode } else { mode | 0o600 };
                fs::set_permissions(&at, fs::Permissions::from_mode(mode)).unwrap();
                files.push((path.clone(), *length));
            }
            Thing::Link { target } => symlink(target, &at).unwrap(),
            Thing::Second => {
                if let Some((first, _)) = files.first() {
                    fs::hard_link(root.join(first), &at).unwrap();
                }
            }
        }
    }
    files
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_copy_has_the_print_of_its_source_and_any_change_has_another(
        things in things(), which in any::<prop::sample::Index>(), where_ in any::<prop::sample::Index>()
    ) {
        let folder = quick();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir(&from).unwrap();
        fs::create_dir(&to).unwrap();
        let files = plant(&from, &things);
        let before = print(&from);
        let copied = copy_tree(&from, &to, &Stop::default()).unwrap();
        prop_assert_eq!(&print(&from), &before, "copying changes nothing");
        prop_assert_eq!(&print(&to), &before);
        prop_assert_eq!(copied.files, before.files);

        if let Some((name, length)) = files.get(which.index(files.len().max(1))) {
            let at = to.join(name);
            let meta = fs::metadata(&at).unwrap();
            // Content, where it is sampled: whole up to 64 KiB, else at both ends and in the middle.
            if *length > 0 {
                let mut content = fs::read(&at).unwrap();
                let place = match where_.index(4) {
                    0 => 0,
                    1 => length - 1,
                    2 => length / 2,
                    _ if *length <= 64 << 10 => where_.index(*length),
                    _ => length - 4096,
                };
                content[place] ^= 1;
                fs::write(&at, &content).unwrap();
                fs::set_permissions(&at, meta.permissions()).unwrap();
                prop_assert_ne!(&print(&to), &before, "content at {} of {}", place, length);
                content[place] ^= 1;
                fs::write(&at, &content).unwrap();
                fs::set_permissions(&at, meta.permissions()).unwrap();
                prop_assert_eq!(&print(&to), &before);
            }
            // Mode.
            fs::set_permissions(&at, fs::Permissions::from_mode(meta.permissions().mode() ^ 0o010)).unwrap();
            prop_assert_ne!(&print(&to), &before, "mode");
            fs::set_permissions(&at, meta.permissions()).unwrap();
            // Name.
            let renamed = at.with_file_name("another name");
            fs::rename(&at, &renamed).unwrap();
            prop_assert_ne!(&print(&to), &before, "name");
            fs::rename(&renamed, &at).unwrap();
            prop_assert_eq!(&print(&to), &before);
            // Owner.
            if is_root() {
                std::os::unix::fs::chown(&at, Some(4242), None).unwrap();
                prop_assert_ne!(&print(&to), &before, "owner");
            }
            // Being there.
            fs::remove_file(&at).unwrap();
            prop_assert_ne!(&print(&to), &before, "removal");
        }
    }
}

#[test]
fn a_print_counts_what_is_no_folder_and_tells_kinds_links_and_empty_folders_apart() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut seen = vec![print(at).hash];
    let mut new = |what: &str| {
        let print = print(at);
        assert!(!seen.contains(&print.hash), "{what}");
        seen.push(print.hash.clone());
        (print.files, print.bytes)
    };
    fs::create_dir(at.join("thing")).unwrap();
    assert_eq!(new("a folder"), (0, 0));
    fs::remove_dir(at.join("thing")).unwrap();
    fs::write(at.join("thing"), "").unwrap();
    assert_eq!(new("a file"), (1, 0));
    fs::remove_file(at.join("thing")).unwrap();
    symlink("a", at.join("thing")).unwrap();
    assert_eq!(new("a link"), (1, 0));
    fs::remove_file(at.join("thing")).unwrap();
    symlink("b", at.join("thing")).unwrap();
    assert_eq!(new("a link to elsewhere"), (1, 0));
    fs::write(at.join("more"), "12345").unwrap();
    assert_eq!(new("two"), (2, 5));
}
