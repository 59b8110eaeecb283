//! Writes every state of a report into a folder, to be looked at:
//! `cargo run -p simmer-reports --example gallery -- FOLDER`.

#![expect(clippy::unwrap_used, reason = "an example stops where it stands")]
#![allow(dead_code, reason = "the samples are shared with the tests, which use more of them")]

use std::path::Path;

#[path = "../tests/it/sample.rs"]
mod sample;

fn main() {
    let folder = std::env::args().nth(1).expect("the folder to write into is the first argument");
    let folder = Path::new(&folder);
    let samples = sample::gallery();
    let mut views = Vec::new();
    for sample in &samples {
        let view = reports::fold(&sample.events);
        let runs = folder.join(view.run.as_ref().unwrap().as_str());
        std::fs::create_dir_all(&runs).unwrap();
        let write = |name: &str, text: String| std::fs::write(runs.join(name), text).unwrap();
        write("report.html", reports::run_page(&view, &sample.logs));
        write("outcome.json", reports::outcome_json(&view));
        write("comment.md", reports::markdown(&view));
        write("badge.svg", reports::badge(view.level(), view.state()));
        write("events.jsonl", sample.text());
        for (file, text) in sample.logs.iter().filter(|(file, _)| !file.contains("..")) {
            std::fs::create_dir_all(runs.join(file).parent().unwrap()).unwrap();
            std::fs::write(runs.join(file), text).unwrap();
        }
        // A name that is easy to find, beside the folders that the links mean.
        std::fs::write(folder.join(format!("{}.html", sample.name)), reports::run_page(&view, &sample.logs))
            .unwrap();
        views.push(view);
    }
    std::fs::write(folder.join("index.html"), reports::index_page(&views)).unwrap();
    std::fs::write(folder.join("empty.html"), reports::index_page(&[])).unwrap();
    std::fs::write(folder.join("junit.xml"), reports::junit(&views)).unwrap();
    std::fs::write(folder.join("table.txt"), reports::table(&views)).unwrap();
}
