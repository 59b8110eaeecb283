//! A flag that ends blocking work: whoever drops the future that waits for it raises the flag.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinError;

/// Says that work is not wanted any more. Looked at before each file, each read and each write.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Whether somebody raised it.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Ends the work at its next look.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Raises the flag when it goes, so that work whose future was dropped ends soon after.
struct RaisedOnDrop(Stop);

impl Drop for RaisedOnDrop {
    fn drop(&mut self) {
        self.0.raise();
    }
}

/// Runs blocking work aside. Dropping the future ends the work at its next look at the flag.
pub(crate) async fn aside<T: Send + 'static>(
    work: impl FnOnce(&Stop) -> T + Send + 'static,
) -> Result<T, JoinError> {
    let stop = Stop::default();
    let guard = RaisedOnDrop(stop.clone());
    let done = tokio::task::spawn_blocking(move || work(&stop)).await;
    drop(guard);
    done
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn work_ends_when_nobody_waits_for_it_any_more() {
        let (begun, has_begun) = mpsc::channel();
        let (ended, has_ended) = mpsc::channel();
        let work = aside(move |stop| {
            begun.send(()).unwrap();
            while !stop.is_raised() {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            ended.send(()).unwrap();
        });
        let mut work = Box::pin(work);
        assert!(futures_util::poll!(&mut work).is_pending());
        tokio::task::spawn_blocking(move || has_begun.recv().unwrap()).await.unwrap();
        drop(work);
        tokio::task::spawn_blocking(move || has_ended.recv().unwrap()).await.unwrap();
    }
}
