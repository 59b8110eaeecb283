//! Lint findings that foresaw a failure: a proof from files needs no run (CC-082).

use domain::event::Finding;
use domain::{Cause, Tier};

/// Returns the findings that speak of what then broke, the gravest first.
pub fn foreseen<'a>(findings: &'a [Finding], tier: Tier, cause: &Cause) -> Vec<&'a Finding> {
    let rules = rules(cause, tier);
    let mut found: Vec<_> = findings.iter().filter(|f| rules.contains(&f.rule.as_str())).collect();
    found.sort_by_key(|f| (std::cmp::Reverse(f.severity), rules.iter().position(|r| *r == f.rule)));
    found
}

/// Returns the rules that are about a cause. A full match, so that a new cause is thought of.
fn rules(cause: &Cause, tier: Tier) -> &'static [&'static str] {
    const BACKUP: &[&str] = &["S002", "S003", "S004", "S030"];
    const NAMES: &[&str] = &["S005", "S009", "S017"];
    const ROUTES: &[&str] = &["R010", "S014", "S013", "S028"];
    match cause {
        Cause::NotRestored { .. }
        | Cause::AfterBackup { .. }
        | Cause::BackupEmpty { .. }
        | Cause::BackupBroken { .. }
        | Cause::Hook { .. } => BACKUP,
        Cause::DataLost { .. } if matches!(tier, Tier::Backup | Tier::Restore) => BACKUP,
        Cause::DataLost { .. } => &["S017", "S025"],
        Cause::Named { known, beneath, .. } => match known.name.as_str() {
            "read_only_file_system" => &["S006"],
            "name_not_resolved" | "neighbour_refused" => NAMES,
            "out_of_memory" | "memory_ceiling" | "node_out_of_memory" => &["S022"],
            "data_locked" => &["S025"],
            "port_taken" => &["S020", "S011"],
            "setting_missing" => &["S021", "S008", "R008"],
            "secret_file_missing" => &["S018", "S017", "C003"],
            "relation_missing" | "data_corrupt" if matches!(tier, Tier::Backup | Tier::Restore) => BACKUP,
            _ => rules(beneath, tier),
        },
        Cause::CrashLoop { oom: true, .. } => &["S022"],
        Cause::CrashLoop { .. } | Cause::LostAfterSettled { .. } | Cause::NotSettled { .. } => {
            &["S006", "S012", "S016", "S021"]
        }
        Cause::Unhealthy { .. } => &["R002", "S015"],
        Cause::RolledBack { .. } | Cause::MixedStack { .. } | Cause::UpdatePaused { .. } => {
            &["S025", "S015", "S012", "S006"]
        }
        Cause::Probe { .. } => ROUTES,
        Cause::WrongVersion { .. } | Cause::UpgradeChangesNothing { .. } => {
            &["S019", "R006", "R004", "S007", "S008", "R003"]
        }
        Cause::ImageMissing { .. } | Cause::ImagePull { .. } => &["R011", "R003", "R004", "S007", "S008"],
        Cause::Rejected { .. } => &["S024", "S010", "S023", "C003", "S001"],
        Cause::SecretMissing { .. } => &["S018"],
        // They are the finding, or lie where no rule looks.
        Cause::Lint { .. }
        | Cause::BadRecipe { .. }
        | Cause::ForeignChange { .. }
        | Cause::BaseBroken { .. }
        | Cause::NoReturn { .. }
        | Cause::Repository { .. }
        | Cause::Generation { .. }
        | Cause::Registry { .. }
        | Cause::Seed { .. }
        | Cause::Test { .. }
        | Cause::TestBroken { .. }
        | Cause::Timeout { .. }
        | Cause::Engine { .. }
        | Cause::Node { .. }
        | Cause::Ours { .. }
        | Cause::Interrupted
        | Cause::After { .. } => &[],
    }
}
