//! Ends that nobody planned.

use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use crate::ground::Ground;

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn ctrl_c_clears_up_and_says_that_nothing_was_judged() {
    let ground = Ground::with("samples", "radicale", "");
    let mut child = ground.until(&["run", "radicale"], "deploy base");
    send(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let story = std::fs::read_to_string(ground.path().join("story")).unwrap();
    assert!(story.contains("interrupted") && story.contains("nothing left"), "{story}");
    ground.assert_nothing_left();
}

#[test]
fn cc_150_what_a_killed_run_left_is_found_by_label_and_removed() {
    let ground = Ground::with("samples", "radicale", "");
    let mut child = ground.until(&["run", "radicale"], "settle base");
    let alive = ground.simmer(&["gc"]);
    assert!(alive.stdout.contains("in use, its run is alive"), "{}", alive.stdout);
    send(&child, Signal::KILL);
    child.wait().unwrap();
    let gc = ground.simmer(&["gc"]);
    assert_eq!(gc.exit, 0, "{}{}", gc.stdout, gc.stderr);
    assert!(gc.stdout.contains("removed") && gc.stdout.contains("volume `run-"), "{}", gc.stdout);
    ground.assert_nothing_left();
    // The log of the killed run still tells what it can.
    let runs = ground.simmer(&["runs"]);
    assert!(runs.stdout.contains("did not end"), "{}", runs.stdout);
}

#[test]
fn a_kept_stack_stays_until_it_is_asked_to_go() {
    let ground = Ground::with("samples", "radicale", "");
    let ran = ground.simmer(&["run", "radicale", "--tier", "install", "--keep"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    let gc = ground.simmer(&["gc"]);
    assert!(gc.stdout.contains("kept on purpose"), "{}", gc.stdout);
    let gc = ground.simmer(&["gc", "--kept"]);
    assert!(gc.stdout.contains("removed"), "{}", gc.stdout);
    ground.assert_nothing_left();
}

#[test]
fn a_second_run_that_needs_the_same_port_is_told_who_has_it() {
    let ground = Ground::with("samples", "mumble", "");
    let mut first = ground.until(&["run", "mumble", "--tier", "install"], "deploy");
    let second = ground.simmer(&["run", "mumble", "--tier", "install"]);
    assert_eq!(second.exit, 3, "{}", second.stderr);
    assert!(second.stderr.contains("`port-64738` is held by run"), "{}", second.stderr);
    assert!(second.stderr.contains("of `mumble`"), "{}", second.stderr);
    assert!(first.wait().unwrap().success());
    ground.assert_nothing_left();
}

#[test]
fn a_second_run_of_the_same_recipe_goes_on_beside_the_first() {
    let ground = Ground::with("samples", "radicale", "");
    let mut first = ground.until(&["run", "radicale", "--tier", "install"], "deploy");
    let second = ground.simmer(&["run", "radicale", "--tier", "install"]);
    assert_eq!(second.exit, 0, "{}", second.stderr);
    assert!(first.wait().unwrap().success());
    ground.assert_nothing_left();
}
