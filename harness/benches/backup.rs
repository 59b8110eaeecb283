//! Backup and restore of one tree by us and by the restic command line, as ratios in one run: `cargo bench -p
//! simmer-harness --bench backup`. `SIMMER_BENCH_MB` (512) sets how large the tree is, `SIMMER_BENCH_ROUNDS` (3) how
//! often each is measured; the medians are compared. Both sides open the repository anew each time, with its password.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::unwrap_used, reason = "a bench stops where it stands")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use harness::backup::{About, Place, Program, ReadData, Repository};

/// A ratio above which we are slower than we say.
const GOAL: f64 = 1.0;

/// Numbers that are the same in every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let words = (0..length.div_ceil(8)).flat_map(|_| self.next().to_le_bytes());
        words.take(length).collect()
    }

    /// Rows as a dump has them: they pack well.
    fn rows(&mut self, length: usize) -> Vec<u8> {
        let mut text = String::with_capacity(length + 100);
        while text.len() < length {
            let n = self.next();
            text += &format!(
                "INSERT INTO items VALUES ({}, 'user{}@example.org', {});\n",
                n % 1_000_000,
                n % 977,
                n % 13
            );
        }
        text.truncate(length);
        text.into_bytes()
    }
}

/// Half of it in large files and half in small ones, half of each noise and half rows.
fn plant(root: &Path, megabytes: usize) -> (usize, usize) {
    let mut noise = Noise(0x5eed);
    let (mut files, mut bytes) = (0, 0);
    let mut write = |path: PathBuf, content: Vec<u8>| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        files += 1;
        bytes += content.len();
        fs::write(path, content).unwrap();
    };
    let half = megabytes * 1024 * 1024 / 2;
    let large = half / 16;
    for nth in 0..16 {
        let content = if nth % 2 == 0 { noise.bytes(large) } else { noise.rows(large) };
        write(root.join(format!("large/{nth}")), content);
    }
    let mut small = 0;
    let mut nth = 0;
    while small < half {
        let length = usize::try_from(1_000 + noise.next() % 100_000).unwrap();
        let content = if nth % 2 == 0 { noise.bytes(length) } else { noise.rows(length) };
        write(root.join(format!("small/{}/{nth}", nth % 50)), content);
        small += length;
        nth += 1;
    }
    (files, bytes)
}

fn restic(place: &Place, args: &[&str]) {
    let output = Command::new("restic")
        .args(["--no-cache", "--quiet", "--repo", place.repository(), "--password-file"])
        .arg(place.password_file())
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    let (files, bytes) = plant(&tree, number("SIMMER_BENCH_MB", 512));
    println!("{files} files, {} MB, half of them noise and half rows of text", bytes / 1_000_000);
    let steps = ["first backup", "again, nothing new", "restore", "check of all data"];
    let mut ours: [Vec<Duration>; 4] = Default::default();
    let mut theirs: [Vec<Duration>; 4] = Default::default();
    let about = || About { instance: "bench".into(), ..About::default() };
    for round in 0..number("SIMMER_BENCH_ROUNDS", 3) {
        // In turn, so that a busy minute hits both.
        for side in 0..2 {
            let here = folder.path().join(format!("{round}-{side}"));
            let place = Place::under(&here.join("backups"), Program::Embedded);
            let back = here.join("back");
            let mut took = |step: usize, began: Instant| {
                let times = if side == 0 { &mut ours } else { &mut theirs };
                times[step].push(began.elapsed());
            };
            drop(Repository::open_or_create(&place).await.unwrap());
            if side == 0 {
                for step in 0..2 {
                    let began = Instant::now();
                    let repository = Repository::open(&place).await.unwrap();
                    repository.store_folder(&tree, Vec::new(), about()).await.unwrap();
                    took(step, began);
                }
                let began = Instant::now();
                let repository = Repository::open(&place).await.unwrap();
                let latest = repository.find("latest").await.unwrap();
                let put = repository.unpack(&latest.id, Path::new("/"), &back).await.unwrap();
                took(2, began);
                assert_eq!(put.bytes, bytes as u64);
                let began = Instant::now();
                let repository = Repository::open(&place).await.unwrap();
                assert!(repository.check(ReadData::Yes).await.unwrap().errors.is_empty());
                took(3, began);
            } else {
                for step in 0..2 {
                    let began = Instant::now();
                    restic(&place, &["backup", tree.to_str().unwrap()]);
                    took(step, began);
                }
                let began = Instant::now();
                restic(&place, &["restore", "latest", "--target", back.to_str().unwrap()]);
                took(2, began);
                let began = Instant::now();
                restic(&place, &["check", "--read-data"]);
                took(3, began);
            }
            fs::remove_dir_all(&here).unwrap();
        }
    }
    println!("{:<24} {:>9} {:>9} {:>7}", "", "ours", "restic", "ratio");
    for (step, name) in steps.iter().enumerate() {
        let (our, their) = (median(&mut ours[step]), median(&mut theirs[step]));
        let ratio = our / their;
        let met = if ratio <= GOAL { "met" } else { "MISSED" };
        println!("{name:<24} {our:>7.2} s {their:>7.2} s {ratio:>7.2}  goal {GOAL:.2} {met}");
    }
}
