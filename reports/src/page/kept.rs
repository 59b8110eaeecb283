//! What a run leaves to look at: images by release, and the texts of logs.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Logs, link};
use crate::side::ImagesOf;
use crate::text::{count, cut};
use crate::view::RunView;

/// Most lines of a log in the page, the last ones; the file beside it has them all.
const LOG_LINES: usize = 4000;
/// Longest line of a log in the page.
const LOG_WIDTH: usize = 4000;

#[derive(Serialize)]
pub(super) struct ServiceImages<'a> {
    service: &'a str,
    releases: Vec<ReleaseImage<'a>>,
}

#[derive(Serialize)]
pub(super) struct ReleaseImage<'a> {
    release: &'a str,
    image: &'a str,
    digest: Option<&'a str>,
    /// Against the release before: `same`, `changed`, or nothing to compare with.
    against: Option<&'static str>,
}

#[derive(Serialize)]
pub(super) struct LogText<'a> {
    pub id: String,
    title: String,
    pub file: &'a str,
    /// The service of a log; None for the output of a test or hook.
    #[serde(skip)]
    pub service: Option<&'a str>,
    href: Option<String>,
    note: String,
    pub open: bool,
    pub lines: Vec<LogLine>,
}

#[derive(Serialize)]
pub(super) struct LogLine {
    pub n: usize,
    /// Whether a cause points at it.
    pub hit: bool,
    text: String,
}

pub(super) fn images(run: &RunView) -> Vec<ServiceImages<'_>> {
    // Bases come first, so that each release stands after the one from which it is upgraded.
    let target = run.start.as_ref().map(|s| s.subject.at.as_str());
    let mut releases: Vec<&ImagesOf> = Vec::new();
    for images in run.sides.iter().flat_map(|s| &s.images) {
        if !releases.iter().any(|r| r.release == images.release) {
            releases.push(images);
        }
    }
    releases.sort_by_key(|r| target == Some(r.release.as_str()));
    let mut services: BTreeMap<&str, Vec<ReleaseImage<'_>>> = BTreeMap::new();
    for ImagesOf { release, images } in releases {
        for (service, reference) in images {
            let (image, digest) = split_digest(reference);
            let known = services.entry(service).or_default();
            let against = known.last().map(|before| {
                let same = match (before.digest, digest) {
                    (Some(a), Some(b)) => a == b,
                    (None, _) | (_, None) => before.image == image,
                };
                if same { "same" } else { "changed" }
            });
            known.push(ReleaseImage { release, image, digest, against });
        }
    }
    services.into_iter().map(|(service, releases)| ServiceImages { service, releases }).collect()
}

fn split_digest(reference: &str) -> (&str, Option<&str>) {
    match reference.find("sha256:") {
        Some(at) => (reference[..at].trim_end_matches(['@', ' ']), Some(&reference[at..])),
        None => (reference, None),
    }
}

pub(super) fn log_texts<'a>(run: &'a RunView, logs: &Logs) -> Vec<LogText<'a>> {
    run.kept_files()
        .into_iter()
        .zip(1..)
        .map(|(kept, n)| {
            let text = logs.get(kept.file).map(String::as_str);
            let all: Vec<&str> = text.unwrap_or_default().lines().collect();
            let from = all.len().saturating_sub(LOG_LINES);
            let told = kept.lines.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
            let mut notes = vec![count(told.unwrap_or(all.len()), "line", "lines")];
            if kept.cut {
                notes.push("cut when it was kept".to_owned());
            }
            if from > 0 {
                notes.push(format!("the last {LOG_LINES} are shown"));
            }
            if text.is_none() {
                notes.push("the text is not here".to_owned());
            }
            LogText {
                id: format!("log{n}"),
                title: kept.title,
                file: kept.file,
                service: kept.service,
                href: link(kept.file),
                note: notes.join(" · "),
                open: false,
                lines: all[from..]
                    .iter()
                    .zip(from + 1..)
                    .map(|(line, n)| LogLine { n, hit: false, text: cut(line, LOG_WIDTH) })
                    .collect(),
            }
        })
        .collect()
}
