//! The copy of a tree by us and by `cp -a --reflink=auto`, as ratios in one run: `cargo bench -p simmer-harness --bench
//! copy`. `SIMMER_BENCH_MB` (1024) sets how large the tree is, `SIMMER_BENCH_ROUNDS` (5) how often each is measured,
//! `SIMMER_BENCH_FOLDER` where; the medians are compared. The tree is in the page cache on both sides, and before each
//! copy everything is on the disk. Both are measured twice over: until the copy is made, and until it is on the disk.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::unwrap_used, reason = "a bench stops where it stands")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use harness::generation::{Stop, copy_tree, print_tree, room_for};

/// A ratio above which we are slower than we say.
const GOAL: f64 = 1.05;

/// Half of it in 8 large files and half in small ones from 1 to 64 KB in folders of 100; some are read-only, some have
/// two names.
fn plant(root: &Path, megabytes: usize) -> (usize, usize) {
    let mut seed = 0x5eed_u64;
    let mut noise = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let block: Vec<u8> = (0..8192).flat_map(|_| noise().to_le_bytes()).collect();
    let half = megabytes * 1024 * 1024 / 2;
    let (mut files, mut bytes) = (0, 0);
    fs::create_dir_all(root.join("large")).unwrap();
    for nth in 0..8 {
        let content = block.repeat(half / 8 / block.len());
        fs::write(root.join(format!("large/{nth}")), &content).unwrap();
        (files, bytes) = (files + 1, bytes + content.len());
    }
    let mut small = 0;
    while small < half {
        let folder = root.join(format!("small/{}/{}", files / 5000, files / 100));
        fs::create_dir_all(&folder).unwrap();
        let length = usize::try_from(1000 + noise() % 63_000).unwrap();
        let path = folder.join(format!("file-{files}"));
        fs::write(&path, &block[..length]).unwrap();
        if files % 10 == 0 {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).unwrap();
        }
        if files % 50 == 0 {
            fs::hard_link(&path, folder.join(format!("again-{files}"))).unwrap();
        }
        (files, small) = (files + 1, small + length);
    }
    (files, bytes + small)
}

fn run(program: &str, args: &[&str]) {
    let status = Command::new(program).args(args).status().unwrap();
    assert!(status.success(), "{program} {args:?}");
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn main() {
    let place = std::env::var("SIMMER_BENCH_FOLDER").map_or_else(|_| std::env::temp_dir(), Into::into);
    let folder = tempfile::tempdir_in(place).unwrap();
    let tree = folder.path().join("tree");
    let (files, bytes) = plant(&tree, number("SIMMER_BENCH_MB", 1024));
    let stop = Stop::default();
    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    let mut made: [Vec<f64>; 2] = Default::default();
    let mut kept: [Vec<f64>; 2] = Default::default();
    let mut how = None;
    let print = print_tree(&tree, &stop).unwrap();
    for round in 0..number("SIMMER_BENCH_ROUNDS", 5) {
        // In turn, so that a busy minute hits both.
        for side in [round % 2, 1 - round % 2] {
            run("sync", &["-f", folder.path().to_str().unwrap()]);
            let began = Instant::now();
            if side == 0 {
                fs::create_dir(&ours).unwrap();
                let copied = copy_tree(&tree, &ours, &stop).unwrap();
                let whole = began.elapsed().as_secs_f64();
                made[0].push(whole - copied.sync_millis as f64 / 1000.0);
                kept[0].push(whole);
                how = Some(copied.how);
                assert_eq!(print_tree(&ours, &stop).unwrap(), print);
                fs::remove_dir_all(&ours).unwrap();
            } else {
                run("cp", &["-a", "--reflink=auto", tree.to_str().unwrap(), theirs.to_str().unwrap()]);
                made[1].push(began.elapsed().as_secs_f64());
                run("sync", &["-f", theirs.to_str().unwrap()]);
                kept[1].push(began.elapsed().as_secs_f64());
                fs::remove_dir_all(&theirs).unwrap();
            }
        }
    }
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("{files} files, {} MB, {how:?}; load {}", bytes / 1_000_000, load.trim());
    println!("{:<16} {:>9} {:>9} {:>7}", "", "ours", "cp -a", "ratio");
    for (name, [our, their]) in [("copy made", &mut made), ("copy on disk", &mut kept)] {
        let (our, their) = (median(our), median(their));
        let ratio = our / their;
        let met = if ratio <= GOAL { "met" } else { "MISSED" };
        println!("{name:<16} {our:>7.2} s {their:>7.2} s {ratio:>7.2}  goal {GOAL:.2} {met}");
    }
    for (name, mut times) in [
        ("room", timed(|| assert!(room_for(&[&tree], folder.path(), 0).is_ok()))),
        ("print", timed(|| assert_eq!(print_tree(&tree, &stop).unwrap(), print))),
    ] {
        println!("{name:<16} {:>7.2} s", median(&mut times));
    }
}

fn timed(work: impl Fn()) -> Vec<f64> {
    let time = |_| {
        let began = Instant::now();
        work();
        began.elapsed().as_secs_f64()
    };
    (0..5).map(time).collect()
}
