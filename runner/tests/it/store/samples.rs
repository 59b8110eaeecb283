//! Plain values for the cases.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::canonical::{Fingerprint, Planted, VolumePrint};
use domain::event::Context;
use domain::verdict::Depth;
use domain::{Canonical, Generation, RecipeName, RunId, Tier, Verdict};
use runner::store::RunRecord;

pub(super) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

pub(super) fn recipe(name: &str) -> RecipeName {
    RecipeName::parse(name).unwrap()
}

pub(super) fn run(number: u32) -> RunId {
    RunId::parse(&format!("{number:08x}")).unwrap()
}

/// A moment with nanoseconds, so that a column that loses them is found out.
pub(super) fn minute(number: i64) -> DateTime<Utc> {
    "2026-11-21T12:00:00.123456789Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::minutes(number)
}

pub(super) fn volumes(generation: u32) -> BTreeMap<String, String> {
    ["data", "db"]
        .map(|name| (format!("warm_{name}"), Generation(generation).volume(&format!("warm_{name}"))))
        .into()
}

/// The record of a promotion; its run has the generation's number.
pub(super) fn record(name: &str, generation: u32, release: &str) -> Canonical {
    let print = VolumePrint { files: 3, bytes: 1000 + u64::from(generation), hash: "ab".repeat(32) };
    Canonical {
        recipe: recipe(name),
        release: release.to_owned(),
        commit: COMMIT.to_owned(),
        digests: [("app".to_owned(), "sha256:1234".to_owned())].into(),
        generation: Generation(generation),
        volumes: volumes(generation),
        run: run(generation),
        cold: run(0x1000 + generation),
        born: minute(1),
        at: minute(i64::from(generation)),
        advances: generation - 1,
        planted: vec![Planted {
            release: release.to_owned(),
            run: run(generation),
            at: minute(i64::from(generation)),
            witnesses: [("warm_data".to_owned(), "it's \"quoted\" \u{1f372} \\n".to_owned())].into(),
            data: BTreeMap::new(),
        }],
        fingerprint: Fingerprint {
            volumes: [("warm_data".to_owned(), print)].into(),
            counts: [("users".to_owned(), -1)].into(),
        },
    }
}

/// A green cold run.
pub(super) fn cold(id: u32, name: &str, release: &str, ended: i64) -> RunRecord {
    RunRecord {
        id: run(id),
        recipe: recipe(name),
        release: release.to_owned(),
        commit: COMMIT.to_owned(),
        context: Context::Sweep,
        started: minute(0),
        ended: minute(ended),
        level: 5,
        verdicts: [(Tier::Install, Verdict::Passed { depth: Depth::Asserted })].into(),
        digests: [("app".to_owned(), "sha256:1234".to_owned())].into(),
        harness: "0.1.0".to_owned(),
        is_green: true,
    }
}
