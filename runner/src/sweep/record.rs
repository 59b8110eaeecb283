//! `sweep.jsonl`: one line for each row, written as soon as the row ends.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::Utc;
use domain::sweep::{Entry, FORMAT, Line, Row, SweepId, Task};
use reports::SweepView;

use crate::report::replace;

/// Name of the log in a sweep's folder.
pub(super) const LOG: &str = "sweep.jsonl";

/// The log of one sweep, and what it says so far.
#[derive(Debug)]
pub struct Record {
    folder: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    view: SweepView,
}

impl Record {
    /// Makes the sweep's folder, and writes down its first line.
    pub fn create(sweeps: &Path, sweep: &SweepId, started: Entry) -> std::io::Result<Self> {
        let folder = sweeps.join(sweep.as_str());
        std::fs::create_dir_all(&folder)?;
        let file = File::options().append(true).create_new(true).open(folder.join(LOG))?;
        let record = Self { folder, inner: Mutex::new(Inner { file, view: SweepView::default() }) };
        record.tell(started)?;
        Ok(record)
    }

    /// Opens the log of a sweep that did not end. A line that a kill cut off stays, on a line of its own.
    pub fn resume(sweeps: &Path, view: SweepView, harness: &str) -> std::io::Result<Self> {
        let folder = sweeps.join(view.id());
        let mut file = File::options().read(true).append(true).open(folder.join(LOG))?;
        let mut last = [b'\n'];
        if file.metadata()?.len() > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        if last != [b'\n'] {
            file.write_all(b"\n")?;
        }
        let record = Self { folder, inner: Mutex::new(Inner { file, view }) };
        record.tell(Entry::Resumed { harness: harness.to_owned() })?;
        Ok(record)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a line down, and returns once it is on the disk: a kill or a power cut leaves the whole line, or a cut one
    /// that counts for nothing.
    pub fn tell(&self, what: Entry) -> std::io::Result<()> {
        let line = Line { v: FORMAT, at: Utc::now(), what };
        let text = serde_json::to_string(&line).expect("a line is plain data") + "\n";
        let mut inner = self.inner();
        inner.file.write_all(text.as_bytes())?;
        inner.file.sync_data()?;
        inner.view.take(line);
        Ok(())
    }

    /// Returns what the sweep says so far.
    pub fn view(&self) -> SweepView {
        self.inner().view.clone()
    }

    /// Returns whether a recipe of the plan has no row, or one that says nothing because we were stopped.
    pub fn is_open(&self) -> bool {
        !todo(&self.inner().view).is_empty()
    }

    /// Returns the folder of the sweep.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes every form of the report as it is now; returns the page.
    pub fn write_reports(&self) -> std::io::Result<PathBuf> {
        let view = self.view();
        let page = self.folder.join("sweep.html");
        replace(&page, &reports::sweep_page(&view))?;
        replace(&self.folder.join("sweep.json"), &reports::sweep_json(&view))?;
        replace(&self.folder.join("sweep.md"), &reports::sweep_markdown(&view))?;
        Ok(page)
    }
}

/// Returns what is still to be run, in order.
pub(super) fn todo(view: &SweepView) -> Vec<domain::sweep::Planned> {
    let plan = view.start.as_ref().map(|start| start.plan.rows.as_slice()).unwrap_or_default();
    let is_done = |row: &Row| match &row.end {
        domain::sweep::RowEnd::Ran { ran } => !ran.was_interrupted(),
        domain::sweep::RowEnd::Skipped { .. } => true,
    };
    plan.iter()
        .filter(|row| matches!(row.task, Task::Run { .. }))
        .filter(|row| !view.ran.get(&row.recipe).is_some_and(is_done))
        .cloned()
        .collect()
}
