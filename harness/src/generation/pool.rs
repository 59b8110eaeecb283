//! A few threads that share work which makes more work.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Work that waits. What is `near` needs a folder that is open already and goes first, so that only few folders are
/// ever open; what is `far` is only a path.
struct Waiting<J, E> {
    near: Vec<J>,
    far: Vec<J>,
    busy: usize,
    trouble: Option<E>,
}

/// Threads end when nothing waits and nobody works, or at the first trouble. What waits is never more than the tree's
/// own folders and names.
pub(super) struct Pool<J, E> {
    waiting: Mutex<Waiting<J, E>>,
    changed: Condvar,
}

/// When a job is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Near,
    Far,
}

impl<J: Send, E: Send> Pool<J, E> {
    pub(super) fn new(far: Vec<J>) -> Self {
        let waiting = Waiting { near: Vec::new(), far, busy: 0, trouble: None };
        Self { waiting: Mutex::new(waiting), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<J, E>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds work; the newest is taken first.
    pub(super) fn add(&self, when: When, jobs: impl IntoIterator<Item = J>) {
        let mut waiting = self.lock();
        match when {
            When::Near => waiting.near.extend(jobs),
            When::Far => waiting.far.extend(jobs),
        }
        drop(waiting);
        self.changed.notify_all();
    }

    /// Works until all is done; each thread with a state of its own.
    pub(super) fn run<S>(
        self,
        threads: usize,
        state: impl Fn() -> S + Sync,
        work: impl Fn(&Self, &mut S, J) -> Result<(), E> + Sync,
    ) -> Result<(), E> {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let mut state = state();
                    while let Some((job, working)) = self.take() {
                        if let Err(trouble) = work(&self, &mut state, job) {
                            self.lock().trouble.get_or_insert(trouble);
                        }
                        drop(working);
                    }
                });
            }
        });
        match self.waiting.into_inner().unwrap_or_else(PoisonError::into_inner).trouble {
            Some(trouble) => Err(trouble),
            None => Ok(()),
        }
    }

    fn take(&self) -> Option<(J, Working<'_, J, E>)> {
        let mut waiting = self.lock();
        loop {
            if waiting.trouble.is_some() {
                return None;
            }
            if let Some(job) = waiting.near.pop().or_else(|| waiting.far.pop()) {
                waiting.busy += 1;
                return Some((job, Working(self)));
            }
            if waiting.busy == 0 {
                return None;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A job being worked on. Ends also when its thread panics, so that the others do not wait for it.
struct Working<'p, J: Send, E: Send>(&'p Pool<J, E>);

impl<J: Send, E: Send> Drop for Working<'_, J, E> {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.busy -= 1;
        drop(waiting);
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn work_that_makes_work_is_all_done() {
        let done = AtomicU64::new(0);
        let pool = Pool::<u64, ()>::new(vec![12]);
        let worked = pool.run(
            4,
            || (),
            |pool, (), depth| {
                done.fetch_add(1, Ordering::Relaxed);
                let when = if depth % 2 == 0 { When::Near } else { When::Far };
                pool.add(when, (0..2).take(if depth == 0 { 0 } else { 2 }).map(|_| depth - 1));
                Ok(())
            },
        );
        assert_eq!((worked, done.into_inner()), (Ok(()), (1 << 13) - 1));
    }

    #[test]
    fn the_first_trouble_ends_it() {
        let pool = Pool::new(vec![1, 2, 3]);
        assert_eq!(
            pool.run(
                2,
                || (),
                |pool, (), job| {
                    pool.add(When::Far, [job + 3]);
                    if job > 100 { Err(job) } else { Ok(()) }
                }
            )
            .map_err(|job| job > 100),
            Err(true)
        );
    }
}
