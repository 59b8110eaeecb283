//! What else a node had to do while a stage ended (CC-013): a red under load is read with other eyes.

use std::collections::BTreeMap;
use std::fmt;

/// From these percents on, somebody who looks for a flake should know. Chosen, not measured: an app that starts alone
/// on two cores stays below them.
const BUSY: [(Resource, u8); 3] = [(Resource::Cpu, 60), (Resource::Memory, 10), (Resource::Io, 40)];
const OTHER_RUNS: &str = "other_runs";

/// What processes wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    Cpu,
    Memory,
    Io,
}

impl Resource {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Memory, Self::Io];

    /// The kernel's name for it, as in `/proc/pressure/cpu`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Io => "io",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Cpu => "the CPU",
            Self::Memory => "memory",
            Self::Io => "the disk",
        }
    }

    fn fact(self) -> String {
        format!("{}_pressure", self.name())
    }
}

/// The load of a node at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Percent of the last 10 s in which some process waited for it: `some avg10` of Linux' pressure stall information.
    /// Empty where the kernel does not say, or the node is not this machine.
    pub waited: BTreeMap<Resource, u8>,
    /// Other runs of this instance that were alive.
    pub other_runs: u32,
}

impl Load {
    /// Writes it as facts of a stage's end.
    pub fn facts(&self) -> impl Iterator<Item = (String, String)> + '_ {
        let waited = self.waited.iter().map(|(of, percent)| (of.fact(), percent.to_string()));
        waited.chain([(OTHER_RUNS.to_owned(), self.other_runs.to_string())])
    }

    /// Reads it back. None where nobody looked.
    pub fn of(facts: &BTreeMap<String, String>) -> Option<Self> {
        let other_runs = facts.get(OTHER_RUNS)?.parse().ok()?;
        let waited =
            Resource::ALL.into_iter().filter_map(|of| Some((of, facts.get(&of.fact())?.parse().ok()?)));
        Some(Self { waited: waited.collect(), other_runs })
    }

    /// Returns whether a flake may have come of it.
    pub fn is_busy(&self) -> bool {
        BUSY.iter().any(|(of, limit)| self.waited.get(of).is_some_and(|percent| percent >= limit))
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.waited.is_empty() {
            let waited = self.waited.iter().map(|(of, percent)| format!("for {} in {percent} %", of.word()));
            write!(f, "processes waited {} of 10 s, ", waited.collect::<Vec<_>>().join(", "))?;
        }
        match self.other_runs {
            0 => f.write_str("no other run beside"),
            1 => f.write_str("1 other run beside"),
            n => write!(f, "{n} other runs beside"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(cpu: u8, io: u8) -> Load {
        Load { waited: [(Resource::Cpu, cpu), (Resource::Io, io)].into(), other_runs: 2 }
    }

    #[test]
    fn cc_013_what_is_written_is_read_back() {
        for told in [load(13, 0), load(100, 40), Load::default()] {
            let facts: BTreeMap<_, _> = told.facts().collect();
            assert_eq!(Load::of(&facts), Some(told));
        }
        assert_eq!(Load::of(&BTreeMap::from([("tier".into(), "install".into())])), None);
    }

    #[test]
    fn busy_is_what_may_make_a_flake() {
        assert!(load(60, 0).is_busy());
        assert!(load(0, 40).is_busy());
        assert!(!load(59, 39).is_busy());
        assert!(!Load::default().is_busy());
    }

    #[test]
    fn it_is_told_in_words() {
        insta::assert_snapshot!(load(13, 4), @"processes waited for the CPU in 13 %, for the disk in 4 % of 10 s, 2 other runs beside");
        insta::assert_snapshot!(Load::default(), @"no other run beside");
    }
}
