//! Ctrl-C and SIGTERM: the first asks everything to end and clear up, the second ends at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Tells those who wait that somebody asked to stop. Clones hear the same.
#[derive(Clone, Debug)]
pub struct Cancel {
    asked: watch::Receiver<bool>,
}

impl Cancel {
    /// Returns once somebody asked to stop; never, if nobody does.
    pub async fn asked(&self) {
        let mut asked = self.asked.clone();
        if asked.wait_for(|asked| *asked).await.is_err() {
            // The asker is gone without having asked: nobody can any more.
            std::future::pending::<()>().await;
        }
    }

    /// Returns whether somebody asked to stop.
    pub fn is_asked(&self) -> bool {
        *self.asked.borrow()
    }
}

/// Makes one that is asked by hand: by sending `true`.
pub fn by_hand() -> (watch::Sender<bool>, Cancel) {
    let (ask, asked) = watch::channel(false);
    (ask, Cancel { asked })
}

/// Listens for Ctrl-C and SIGTERM. `second` is called at the second of them, and should end the process.
pub fn listen(second: impl FnOnce() + Send + 'static) -> std::io::Result<Cancel> {
    let (ask, asked) = watch::channel(false);
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        let mut second = Some(second);
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if ask.send_replace(true)
                && let Some(second) = second.take()
            {
                second();
            }
        }
    });
    Ok(Cancel { asked })
}
