//! The event log of a run: one writer, one file, every view fed from here.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::Utc;
use domain::event::FORMAT;
use domain::{Event, RunId, What};

use crate::mask::Masker;

/// What watches the stream of events, such as the terminal. Called in order, and has to be quick.
pub trait Sink: Send {
    /// Takes the next event.
    fn take(&mut self, event: &Event);
}

/// The log of one run. Clones write to the same file.
#[derive(Clone)]
pub struct Log {
    run: RunId,
    folder: PathBuf,
    masker: Masker,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    file: File,
    seq: u64,
    events: Vec<Event>,
    sinks: Vec<Box<dyn Sink>>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("run", &self.run).field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Log {
    /// Makes the run's folder and an empty log in it.
    pub fn create(
        run: RunId,
        folder: &Path,
        sinks: Vec<Box<dyn Sink>>,
        masker: Masker,
    ) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let file = File::options().append(true).create_new(true).open(folder.join("events.jsonl"))?;
        let inner = Inner { file, seq: 0, events: Vec::new(), sinks };
        Ok(Self { run, folder: folder.to_owned(), masker, inner: Arc::new(Mutex::new(inner)) })
    }

    /// Writes an event down, then shows it. An event that cannot be written is still shown, and the
    /// trouble is told once in the diary.
    pub fn tell(&self, what: What) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.seq += 1;
        let event = Event { v: FORMAT, seq: inner.seq, at: Utc::now(), run: self.run.clone(), what };
        let (event, line) = self.masked(event);
        // One write for one line: a kill leaves whole lines or none.
        if let Err(error) = inner.file.write_all(line.as_bytes()) {
            tracing::error!(%error, "event not written");
        }
        let Inner { sinks, .. } = &mut *inner;
        for sink in sinks {
            sink.take(&event);
        }
        inner.events.push(event);
    }

    /// Returns an event without secrets, and its line. What is shown is what was written: it is read back, so that the
    /// mask holds for every view.
    fn masked(&self, event: Event) -> (Event, String) {
        let plain = "an event is plain data";
        let mut value = serde_json::to_value(&event).expect(plain);
        self.masker.mask_json(&mut value);
        let event = serde_json::from_value(value).unwrap_or_else(|error| {
            // Better a hole in the story than a secret in it.
            tracing::error!(%error, seq = event.seq, "a masked event cannot be read");
            let says = format!("event {} is withheld: without its secrets it cannot be read", event.seq);
            Event { what: What::Warned { says }, ..event }
        });
        let line = serde_json::to_string(&event).expect(plain) + "\n";
        (event, line)
    }

    /// Returns all events so far.
    pub fn events(&self) -> Vec<Event> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).events.clone()
    }

    /// Writes a file of evidence into the run's folder, masked. The name may have folders in it.
    pub fn keep(&self, name: &str, text: &str) -> std::io::Result<()> {
        let path = self.folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, self.masker.mask(text))
    }

    /// Returns the folder of the run's evidence.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the run's id.
    pub fn run(&self) -> &RunId {
        &self.run
    }
}
