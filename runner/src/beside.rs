//! What else the machine has to do while a run is at work (CC-013).

use std::path::{Path, PathBuf};

use domain::RunId;
use domain::load::{Load, Resource};

use crate::lease::Leases;

/// Looks at what is beside one run.
#[derive(Clone, Debug)]
pub(crate) struct Beside {
    leases: Leases,
    /// Name of the run's own lease.
    own: String,
    /// The kernel's files, one for each resource; none where the engine is another machine's.
    pressure: Option<PathBuf>,
}

impl Beside {
    /// Takes the instance's leases, the run, and where its engine listens.
    pub(crate) fn of(leases: Leases, run: &RunId, engine: &str) -> Self {
        let pressure = engine.starts_with("unix:").then(|| PathBuf::from("/proc/pressure"));
        Self { leases, own: format!("run-{run}"), pressure }
    }

    /// Looks now.
    pub(crate) fn load(&self) -> Load {
        let read = |folder: &Path, of: Resource| {
            let text = std::fs::read_to_string(folder.join(of.name())).ok()?;
            Some((of, waited(&text)?))
        };
        let waited =
            self.pressure.iter().flat_map(|folder| Resource::ALL.map(|of| read(folder, of))).flatten();
        let others =
            self.leases.held().into_iter().filter(|name| name.starts_with("run-") && *name != self.own);
        Load { waited: waited.collect(), other_runs: u32::try_from(others.count()).unwrap_or(u32::MAX) }
    }
}

/// Reads `some avg10=13.41 …` as whole percents.
fn waited(text: &str) -> Option<u8> {
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let percent = some.split_whitespace().find_map(|word| word.strip_prefix("avg10="))?;
    percent.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::Owner;

    #[test]
    fn the_kernels_own_words_are_understood() {
        let text = "some avg10=13.41 avg60=59.10 avg300=81.75 total=17067124973\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
        assert_eq!(waited(text), Some(13));
        assert_eq!(waited("full avg10=1.00 total=0\n"), None);
        assert_eq!(waited(""), None);
    }

    #[test]
    fn cc_013_runs_beside_are_those_alive_but_for_ourselves() {
        let folder = tempfile::tempdir().unwrap();
        let leases = Leases::of(folder.path());
        let own = RunId::from_random([1; 4]);
        let take = |name: &str| leases.take(name, &Owner::here("x", "gitea")).unwrap();
        let held = [take(&format!("run-{own}")), take("run-other"), take("port-80")];
        std::fs::write(folder.path().join("leases/run-dead.lock"), "").unwrap();
        let beside = Beside::of(leases, &own, "tcp://elsewhere:2375");
        assert_eq!(beside.load(), Load { waited: [].into(), other_runs: 1 });
        drop(held);
        assert_eq!(beside.load().other_runs, 0);
    }
}
