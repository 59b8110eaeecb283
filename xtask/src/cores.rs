//! How busy the machine's cores were: tells a stage that waits from one that computes, and a machine that is ours alone
//! from one whose host has other guests.

use std::fs;

/// Time that all cores together have spent since the machine started, in the kernel's ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cores {
    /// How many cores there are.
    count: u32,
    all: u64,
    idle: u64,
    stolen: u64,
}

impl Cores {
    /// Looks. `None` where the kernel does not tell.
    pub(crate) fn now() -> Option<Self> {
        Self::read(&fs::read_to_string("/proc/stat").ok()?)
    }

    /// Reads what `proc(5)` says of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal; guests are in user.
    fn read(stat: &str) -> Option<Self> {
        let ticks: Vec<u64> = stat
            .lines()
            .find_map(|line| line.strip_prefix("cpu "))?
            .split_whitespace()
            .take(8)
            .map(|field| field.parse().ok())
            .collect::<Option<_>>()?;
        let [user, nice, system, idle, iowait, irq, softirq, steal] = ticks.try_into().ok()?;
        let is_core = |line: &&str| line.starts_with("cpu") && !line.starts_with("cpu ");
        Some(Self {
            count: stat.lines().filter(is_core).count().try_into().ok()?,
            all: user + nice + system + idle + iowait + irq + softirq + steal,
            idle: idle + iowait,
            stolen: steal,
        })
    }

    /// Says how busy they were from then to now, as in `1.2 of 2 cores`.
    pub(crate) fn since(self, then: Self) -> Option<String> {
        let all = self.all.checked_sub(then.all).filter(|all| 0 < *all)?;
        let cores = |ticks: u64| {
            // Tenths of a core, rounded.
            let tenths = (ticks * 10 * u64::from(self.count) + all / 2) / all;
            format!("{}.{}", tenths / 10, tenths % 10)
        };
        let (idle, stolen) = (self.idle.checked_sub(then.idle)?, self.stolen.checked_sub(then.stolen)?);
        let busy = cores(all.checked_sub(idle + stolen)?);
        let of = format!("{busy} of {} cores", self.count);
        Some(if cores(stolen) == "0.0" { of } else { format!("{of}, {} stolen by the host", cores(stolen)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(stat: &str) -> Cores {
        Cores::read(stat).unwrap()
    }

    const THEN: &str = "cpu  100 0 50 850 0 0 0 0 7 7\ncpu0 1\ncpu1 1\nintr 3\n";

    #[test]
    fn busy_is_all_but_idle_and_stolen_over_all_cores() {
        let now = at("cpu  160 0 70 970 0 0 0 0 9 9\ncpu0 1\ncpu1 1\n");
        assert_eq!(now.since(at(THEN)).unwrap(), "0.8 of 2 cores");
    }

    #[test]
    fn what_the_host_took_is_told_apart() {
        let now = at("cpu  150 0 50 900 0 0 0 100 0 0\ncpu0 1\ncpu1 1\n");
        assert_eq!(now.since(at(THEN)).unwrap(), "0.5 of 2 cores, 1.0 stolen by the host");
    }

    #[test]
    fn nothing_is_said_of_no_time_and_of_another_kernels_file() {
        assert_eq!(at(THEN).since(at(THEN)), None);
        assert_eq!(Cores::read("cpu  1 2 3\n"), None);
        assert_eq!(Cores::read(""), None);
    }
}
