//! Writes every state of a report into a folder, to be looked at:
//! `cargo run -p simmer-reports --example gallery -- FOLDER [--shots]`.
//!
//! With `--shots`, a Chromium takes a picture of each page, light and dark, on a desk and on a phone, into
//! `FOLDER/shots`; it is looked for as `CHROMIUM`, else under its usual names. No Chromium, or a page that is wider than
//! a phone's screen, ends the example with an error.

#![expect(clippy::unwrap_used, reason = "an example stops where it stands")]
#![allow(dead_code, reason = "the samples are shared with the tests, which use more of them")]

use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "../tests/it/sample.rs"]
mod sample;

fn main() {
    let mut args = std::env::args().skip(1);
    let folder = PathBuf::from(args.next().expect("the folder to write into is the first argument"));
    write_gallery(&folder);
    if args.any(|arg| arg == "--shots") {
        let folder = folder.canonicalize().unwrap();
        shots(&chromium().expect("a Chromium, to take pictures with"), &folder);
    }
}

fn write_gallery(folder: &Path) {
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
        write("junit.xml", reports::junit(std::slice::from_ref(&view)));
        write("events.jsonl", sample.text());
        for (file, text) in sample.logs.iter().filter(|(file, _)| reports::is_inside(file)) {
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

fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let usual = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    named.into_iter().chain(usual.map(PathBuf::from)).find(|program| {
        Command::new(program).arg("--version").output().is_ok_and(|told| told.status.success())
    })
}

/// Width and height of the window, by name. A phone's page is laid out at 390 px; the headless window cannot be that
/// narrow, so it is shown in a frame of that width.
const DESK: (u32, u32) = (1280, 1800);
const PHONE: (u32, u32) = (390, 1500);

fn shots(program: &Path, folder: &Path) {
    let shots = folder.join("shots");
    std::fs::create_dir_all(&shots).unwrap();
    let mut names: Vec<String> = sample::gallery().iter().map(|s| s.name.to_owned()).collect();
    names.extend(["index".to_owned(), "empty".to_owned()]);
    for name in &names {
        let page = format!("file://{}/{name}.html", folder.display());
        shot(program, &page, &shots.join(format!("{name}-light.png")), DESK, false);
        shot(program, &page, &shots.join(format!("{name}-dark.png")), DESK, true);
        let frame = folder.join("phone.html");
        let (width, height) = PHONE;
        let text = format!(
            "<!doctype html><title>-</title><body style='margin:0;background:#888'><iframe src='{name}.html' style='border:0;width:{width}px;height:{height}px'></iframe><script>onload=()=>{{const d=document.querySelector('iframe').contentDocument.documentElement;document.title=d.scrollWidth+' '+d.clientWidth}}</script>"
        );
        std::fs::write(&frame, text).unwrap();
        let url = format!("file://{}", frame.display());
        shot(program, &url, &shots.join(format!("{name}-phone.png")), (500, height), false);
        let told = chrome(program).args(["--dump-dom", &url]).output().unwrap();
        let dom = String::from_utf8_lossy(&told.stdout).into_owned();
        let title = dom.split("<title>").nth(1).and_then(|t| t.split("</title>").next()).unwrap_or_default();
        let (wide, screen) = title.split_once(' ').expect("the frame says how wide its page is");
        assert_eq!(wide, screen, "`{name}` is wider than a phone");
    }
    std::fs::remove_file(folder.join("phone.html")).unwrap();
}

fn chrome(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.args([
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--allow-file-access-from-files",
        "--disable-background-networking",
        "--no-first-run",
    ]);
    command
}

fn shot(program: &Path, url: &str, file: &Path, (width, height): (u32, u32), dark: bool) {
    let mut command = chrome(program);
    if dark {
        command.args(["--force-dark-mode", "--blink-settings=preferredColorScheme=0"]);
    } else {
        command.arg("--blink-settings=preferredColorScheme=1");
    }
    command.arg(format!("--window-size={width},{height}"));
    command.arg(format!("--screenshot={}", file.display())).arg(url);
    let told = command.output().unwrap();
    assert!(told.status.success() && file.exists(), "{}", String::from_utf8_lossy(&told.stderr));
}
