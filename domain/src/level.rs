//! The ladder: 0 nothing, 1 install, 2 upgrade, 3 backup and restore, 4 custom, 5 lint (6, advance,
//! is the canonical's, see [`advanced`]).

use std::collections::BTreeMap;

use crate::{Tier, Verdict};

/// Returns the highest rung passed with all lower ones passed or skipped on purpose. A rung that was
/// skipped carries no weight of its own: it never raises the level.
pub fn level(verdicts: &BTreeMap<Tier, Verdict>) -> u8 {
    let rungs: [(u8, &[Tier]); 5] = [
        (1, &[Tier::Install]),
        (2, &[Tier::Upgrade]),
        (3, &[Tier::Backup, Tier::Restore]),
        (4, &[Tier::Custom]),
        (5, &[Tier::Lint]),
    ];
    let mut reached = 0;
    for (rung, tiers) in rungs {
        // A tier without a verdict was not judged: nothing above it counts.
        if !tiers.iter().all(|t| verdicts.get(t).is_some_and(Verdict::holds)) {
            break;
        }
        if tiers.iter().any(|t| matches!(verdicts.get(t), Some(Verdict::Passed { .. }))) {
            reached = rung;
        }
    }
    reached
}

/// Returns the level of a release after its promotion: 6 where the cold run stood on 5 and the advance held; what the
/// cold run reached is not lost by a failed advance.
pub fn advanced(cold: u8, advance: Option<&Verdict>) -> u8 {
    match advance {
        Some(Verdict::Passed { .. }) if cold >= 5 => 6,
        Some(_) | None => cold.min(5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause::Cause;
    use crate::verdict::{Depth, Skip};

    fn level_of(script: &str) -> u8 {
        let verdicts = script
            .split_whitespace()
            .map(|word| {
                let (tier, verdict) = word.split_once('=').unwrap();
                let verdict = match verdict {
                    "pass" => Verdict::Passed { depth: Depth::Asserted },
                    "skip" => Verdict::Skipped { why: Skip::NoOlderRelease },
                    "unasked" => Verdict::Skipped { why: Skip::NotAsked },
                    "fail" => Verdict::of(Cause::BadRecipe { says: String::new() }),
                    _ => Verdict::of(Cause::Interrupted),
                };
                (tier.parse().unwrap(), verdict)
            })
            .collect();
        level(&verdicts)
    }

    #[test]
    fn the_level_is_the_highest_rung_with_all_lower_ones_holding() {
        assert_eq!(level_of("install=pass upgrade=pass backup=skip restore=skip custom=skip lint=pass"), 5);
        assert_eq!(level_of("install=pass upgrade=fail backup=pass restore=pass custom=pass lint=pass"), 1);
        assert_eq!(level_of("install=pass upgrade=skip backup=pass restore=pass"), 3);
        assert_eq!(level_of("install=unver upgrade=pass"), 0);
    }

    #[test]
    fn what_nobody_asked_for_carries_no_rung_above_it() {
        assert_eq!(
            level_of("install=pass upgrade=pass backup=unasked restore=unasked custom=unasked lint=pass"),
            2
        );
    }

    #[test]
    fn a_skipped_rung_never_raises_the_level() {
        assert_eq!(level_of("install=pass upgrade=skip backup=skip restore=skip custom=skip"), 1);
        assert_eq!(level_of("install=skip"), 0);
    }
}
