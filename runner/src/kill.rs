//! Where a test ends this process: before or after a step, or between the statements of what it writes.
//!
//! A kill that comes from outside comes at some moment; one that comes from here comes at a named one, each time. Only
//! builds with debug assertions have it: in a release these functions are empty.

/// Names the place at which this process ends itself, as [`place`] writes it, or `#17` for the seventeenth that it comes
/// by.
pub const KILL_AT: &str = "SIMMER_TEST_KILL_AT";
/// Names the file to which each place is added, one on a line, before anything is done there.
pub const PLACES: &str = "SIMMER_TEST_PLACES";

/// A moment of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// It is written down, and nothing of it is done.
    Before,
    /// Between the statements of a transaction of its own.
    Writing,
    /// It is done, and nobody knows.
    After,
}

impl Moment {
    /// Returns the word in a place's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::Writing => "writing",
            Self::After => "after",
        }
    }
}

/// Returns the name of a place: `promotion/copy/before`.
pub fn place(work: &str, step: &str, moment: Moment) -> String {
    format!("{work}/{step}/{}", moment.name())
}

pub(crate) use armed::{act_begins, act_ended, begins, ended, wrote};

#[cfg(not(debug_assertions))]
mod armed {
    use domain::RunId;

    use crate::store;

    pub(crate) fn begins(_: &store::JournalEntry) {}
    pub(crate) fn ended(_: &RunId) {}
    pub(crate) fn wrote(_: store::Moment) {}
    pub(crate) fn act_begins(_: store::Work, _: &str) {}
    pub(crate) fn act_ended(_: store::Work, _: &str) {}
}

#[cfg(debug_assertions)]
mod armed {
    use std::io::Write as _;
    use std::sync::{Mutex, PoisonError};

    use domain::RunId;

    use super::{KILL_AT, Moment, PLACES, place};
    use crate::store;

    /// What stands for the step where none is taken: a change of the registry by itself.
    const NO_STEP: &str = "-";

    /// How many places were come by, and the step that is being taken.
    static NOW: Mutex<(u64, Option<Step>)> = Mutex::new((0, None));

    #[derive(Clone)]
    struct Step {
        run: RunId,
        work: store::Work,
        name: String,
    }

    /// A step is written down, and about to be taken.
    pub(crate) fn begins(entry: &store::JournalEntry) {
        let step = Step { run: entry.run.clone(), work: entry.kind, name: entry.step.clone() };
        let (work, name) = (step.work, step.name.clone());
        NOW.lock().unwrap_or_else(PoisonError::into_inner).1 = Some(step);
        pass(&place(work.name(), &name, Moment::Before));
    }

    /// The run's last step was taken: another one follows, or none.
    pub(crate) fn ended(run: &RunId) {
        let step = NOW.lock().unwrap_or_else(PoisonError::into_inner).1.take_if(|step| step.run == *run);
        if let Some(Step { work, name, .. }) = step {
            pass(&place(work.name(), &name, Moment::After));
        }
    }

    /// The registry is being written.
    pub(crate) fn wrote(moment: store::Moment) {
        // Where the lock was just taken, and where all is over, a kill is one before or after it.
        if matches!(moment, store::Moment::EventWritten | store::Moment::RowWritten) {
            let step = NOW.lock().unwrap_or_else(PoisonError::into_inner).1.clone();
            let (work, name) = step
                .map_or((NO_STEP.to_owned(), NO_STEP.to_owned()), |step| (step.work.to_string(), step.name));
            pass(&place(&work, &name, Moment::Writing));
        }
    }

    /// An act of a stack is written to the run's log, and about to begin.
    pub(crate) fn act_begins(work: store::Work, act: &str) {
        pass(&place(work.name(), &act_name(act), Moment::Before));
    }

    /// An act is over.
    pub(crate) fn act_ended(work: store::Work, act: &str) {
        pass(&place(work.name(), &act_name(act), Moment::After));
    }

    fn act_name(act: &str) -> String {
        format!("act {act}")
    }

    fn pass(place: &str) {
        let kill_at = std::env::var(KILL_AT).unwrap_or_default();
        let nth = {
            let mut now = NOW.lock().unwrap_or_else(PoisonError::into_inner);
            now.0 += 1;
            if let Some(file) = std::env::var_os(PLACES) {
                let line = format!("{place}\n");
                let written = std::fs::File::options().create(true).append(true).open(file);
                let written = written.and_then(|mut file| file.write_all(line.as_bytes()));
                written.expect("a test that asks for places gives a file for them");
            }
            now.0
        };
        if kill_at == place || kill_at == format!("#{nth}") {
            end();
        }
    }

    fn end() -> ! {
        let us = rustix::process::getpid();
        rustix::process::kill_process(us, rustix::process::Signal::KILL).expect("one may kill oneself");
        loop {
            std::thread::park();
        }
    }
}
