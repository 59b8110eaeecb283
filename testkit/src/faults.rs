//! Trouble: scripted for a certain call, or drawn by a seed.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use crate::state::mix;

/// Names the one seed that [`seeds`] tries.
pub const SEED_VARIABLE: &str = "SIMMER_FAKE_SEED";

/// What goes wrong with one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The engine refuses with this status and does nothing.
    Refuse(u16),
    /// The connection breaks before anything is done.
    ResetBefore,
    /// It is done, and the connection breaks before the answer.
    ResetAfter,
    /// Nothing is done and nothing answered, for ever.
    Silence,
    /// A stream (events, logs, exec) breaks after its head. Other calls answer as ever.
    Cut,
    /// There is no room for a volume. Other calls answer as ever.
    DiskFull,
    /// It is done, and nothing answered, for ever.
    Unanswered,
}

impl Fault {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Refuse(409),
        Self::Refuse(500),
        Self::ResetBefore,
        Self::ResetAfter,
        Self::Silence,
        Self::Cut,
        Self::DiskFull,
        Self::Unanswered,
    ];
}

/// A call as the fake saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Counted from 0 since the start or since [`crate::Fake::forget_calls`].
    pub nth: usize,
    /// `POST /services/create`: without version and query.
    pub what: String,
    /// What went wrong with it.
    pub fault: Option<Fault>,
}

/// Decides about a call before anything is done about it.
pub(crate) type Judge = Box<dyn FnMut(&str) -> Option<Fault> + Send>;

/// When calls fail.
#[derive(Default)]
pub(crate) struct Faults {
    pub(crate) calls: Vec<Call>,
    pub(crate) judge: Option<Judge>,
    at: Vec<(usize, Fault)>,
    on: Vec<(String, Fault)>,
    drawn: Option<Drawn>,
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Faults").field("calls", &self.calls.len()).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Drawn {
    state: u64,
    per_mille: u64,
}

impl Faults {
    pub(crate) fn at(&mut self, nth: usize, fault: Fault) {
        self.at.push((nth, fault));
    }

    pub(crate) fn on(&mut self, what: &str, fault: Fault) {
        self.on.push((what.to_owned(), fault));
    }

    pub(crate) fn draw(&mut self, seed: u64, per_mille: u64) {
        self.drawn = Some(Drawn { state: mix(seed ^ 0x5149_4d4d_4552), per_mille });
    }

    pub(crate) fn heal(&mut self) {
        self.at.clear();
        self.on.clear();
        self.drawn = None;
        self.judge = None;
    }

    /// Writes a call down and says what goes wrong with it.
    pub(crate) fn note(&mut self, what: String) -> Option<Fault> {
        let nth = self.calls.len();
        let at = self.at.iter().position(|(n, _)| *n == nth).map(|i| self.at.remove(i).1);
        let on = || self.on.iter().position(|(w, _)| matches(w, &what)).map(|i| self.on.remove(i).1);
        let judged = self.judge.as_mut().and_then(|judge| judge(&what));
        let fault = judged.or(at).or_else(on).or_else(|| self.drawn.as_mut().and_then(Drawn::next));
        self.calls.push(Call { nth, what, fault: fault.clone() });
        fault
    }
}

/// `*` stands for one part of a path.
fn matches(pattern: &str, what: &str) -> bool {
    let (mut pattern, mut what) = (pattern.split('/'), what.split('/'));
    loop {
        match (pattern.next(), what.next()) {
            (None, None) => return true,
            (Some(p), Some(w)) if p == "*" || p == w => {}
            (_, _) => return false,
        }
    }
}

impl Drawn {
    fn next(&mut self) -> Option<Fault> {
        self.state = self.state.wrapping_add(1);
        let number = mix(self.state);
        let hit = number % 1000 < self.per_mille;
        let nth = usize::try_from((number >> 32) % Fault::ALL.len() as u64).expect("a small remainder");
        hit.then(|| Fault::ALL[nth].clone())
    }
}

/// Runs a test for each seed from 0 on, or for the one that [`SEED_VARIABLE`] names.
///
/// # Panics
/// With the command that replays it, when a seed fails. `test` is the name as nextest's `test(…)` takes it.
pub async fn seeds<F: Future<Output = ()>>(package: &str, test: &str, count: u64, run: impl Fn(u64) -> F) {
    let only = std::env::var(SEED_VARIABLE).ok().and_then(|seed| seed.parse().ok());
    let tried = only.map_or(0..count, |seed: u64| seed..seed + 1);
    for seed in tried {
        if let Err(panic) = AssertUnwindSafe(run(seed)).catch_unwind().await {
            let says = panic.downcast_ref::<String>().cloned();
            let says =
                says.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default();
            panic!(
                "seed {seed} fails: {says}\nreplay: {SEED_VARIABLE}={seed} cargo nextest run -p {package} -E 'test({test})'"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_faults() {
        let drawn = |seed| {
            let mut faults = Faults::default();
            faults.draw(seed, 200);
            (0..100).map(|n| faults.note(format!("GET /{n}"))).collect::<Vec<_>>()
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        let hits = drawn(7).iter().flatten().count();
        assert!((5..50).contains(&hits), "{hits}");
    }

    #[test]
    fn a_fault_is_scripted_by_number_or_by_name_and_comes_once() {
        let mut faults = Faults::default();
        faults.at(1, Fault::ResetBefore);
        faults.on("DELETE /volumes/*", Fault::Refuse(409));
        let told: Vec<_> =
            ["GET /a", "GET /a", "DELETE /volumes/x", "DELETE /volumes/x", "DELETE /volumes/x/y"]
                .map(|what| faults.note(what.into()))
                .into();
        assert_eq!(told, [None, Some(Fault::ResetBefore), Some(Fault::Refuse(409)), None, None]);
        assert_eq!(faults.calls[2].what, "DELETE /volumes/x");
    }

    #[tokio::test]
    async fn a_seed_that_fails_prints_the_command_that_replays_it() {
        let tried = seeds("simmer-testkit", "x", 5, |seed| async move { assert!(seed < 3, "three") });
        let panic = AssertUnwindSafe(tried).catch_unwind().await.unwrap_err();
        let says = panic.downcast_ref::<String>().unwrap();
        assert!(
            says.ends_with("SIMMER_FAKE_SEED=3 cargo nextest run -p simmer-testkit -E 'test(x)'"),
            "{says}"
        );
    }
}
