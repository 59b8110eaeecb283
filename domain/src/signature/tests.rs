use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::Cause;
use crate::data::{HookMoment, Source};

fn log(service: &str, text: &str) -> ServiceLog {
    ServiceLog { service: service.into(), lines: text.lines().map(str::to_owned).collect() }
}

fn crash(service: &str) -> Cause {
    Cause::CrashLoop {
        service: service.into(),
        exits: 3,
        exit_code: Some(1),
        oom: false,
        says: "task: non-zero exit (1)".into(),
        last_lines: Vec::new(),
    }
}

fn killed(service: &str) -> Cause {
    Cause::CrashLoop {
        service: service.into(),
        exits: 3,
        exit_code: Some(137),
        oom: true,
        says: "task: non-zero exit (137)".into(),
        last_lines: Vec::new(),
    }
}

fn named(cause: Cause, logs: &[ServiceLog]) -> Cause {
    name_cause(cause, &Scene { logs, own: &[], memory: &BTreeMap::new() })
}

fn parts(cause: &Cause) -> (&str, Fault, &str, &str) {
    let Cause::Named { known, service, line, .. } = cause else { panic!("not named: {cause}") };
    (&known.name, known.fault, service, line)
}

#[test]
fn the_line_is_quoted_and_the_cause_beneath_is_kept() {
    let logs =
        [log("app", "starting\n\u{1b}[31mError: EACCES: permission denied, open '/data/x'\u{1b}[0m\nbye")];
    let cause = named(crash("app"), &logs);
    assert_eq!(
        parts(&cause),
        ("permission_denied", Fault::Recipe, "app", "Error: EACCES: permission denied, open '/data/x'")
    );
    assert_eq!(
        cause.to_string(),
        "`app`: a file or right is refused to the user that it runs as: Error: EACCES: permission denied, open \
         '/data/x' (`app` left 3 times, last with code 1: task: non-zero exit (1))"
    );
}

#[test]
fn law_6_a_full_disk_speaks_against_nobody_s_recipe() {
    let logs = [log("db", "PANIC:  could not write to file \"pg_wal/1\": No space left on device")];
    let cause = named(crash("db"), &logs);
    assert_eq!(cause.fault(), Fault::Platform);
    assert!(matches!(crate::Verdict::of(cause), crate::Verdict::Unverified { .. }));
}

#[test]
fn law_6_trouble_of_the_platform_stays_the_platform_s_whatever_the_logs_say() {
    let logs = [log("app", "open /data: permission denied")];
    for cause in [
        Cause::Engine { says: "no answer".into() },
        Cause::Node { says: "no memory".into() },
        Cause::Timeout { limit: "settle".into(), seconds: 9 },
        Cause::Ours { says: "a bug".into() },
        Cause::Interrupted,
        Cause::BaseBroken { base: "1.0.0+1".into(), says: "crash".into() },
    ] {
        assert_eq!(named(cause.clone(), &logs), cause);
    }
    for named in [Fault::Recipe, Fault::Overlay, Fault::Platform, Fault::Runner] {
        assert!(!may_blame(Fault::Platform, named) && !may_blame(Fault::Runner, named));
        assert!(!may_blame(Fault::Recipe, Fault::Runner) && !may_blame(Fault::Overlay, Fault::Runner));
    }
    assert!(!may_blame(Fault::Overlay, Fault::Recipe));
}

#[test]
fn a_kill_for_memory_is_the_fault_of_whoever_set_the_limit() {
    let judge = |limit: Option<MemoryLimit>, text: &str| {
        let memory = limit.map(|l| ("app".to_owned(), l)).into_iter().collect();
        let logs = [log("app", text)];
        let cause = name_cause(killed("app"), &Scene { logs: &logs, own: &[], memory: &memory });
        let (name, fault, ..) = parts(&cause);
        (name.to_owned(), fault)
    };
    assert_eq!(judge(Some(MemoryLimit::Recipe), ""), ("out_of_memory".into(), Fault::Recipe));
    assert_eq!(judge(None, "working"), ("out_of_memory".into(), Fault::Recipe));
    assert_eq!(judge(Some(MemoryLimit::Ours), ""), ("memory_ceiling".into(), Fault::Platform));
    assert_eq!(judge(Some(MemoryLimit::Absent), ""), ("node_out_of_memory".into(), Fault::Platform));
    let heap = "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory";
    assert_eq!(judge(Some(MemoryLimit::Recipe), heap), ("heap_exhausted".into(), Fault::Recipe));
}

#[test]
fn code_137_without_the_flag_is_a_kill_by_anybody() {
    let mut cause = killed("app");
    if let Cause::CrashLoop { oom, .. } = &mut cause {
        *oom = false;
    }
    assert_eq!(named(cause.clone(), &[log("app", "working")]), cause);
}

#[test]
fn cc_039_a_warning_is_never_a_cause() {
    for quiet in [
        "level=warning msg=\"open x: read-only file system\"",
        "WARN  read-only file system",
        "[warn] read-only file system",
        "{\"level\":\"warning\",\"message\":\"read-only file system\"}",
        "{\"level\":40,\"msg\":\"read-only file system\"}",
        "2024-05-01T10:00:00Z DEBUG app: read-only file system",
        "info: read-only file system",
    ] {
        let cause = named(crash("app"), &[log("app", quiet)]);
        assert_eq!(cause.name(), "crash_loop", "{quiet}");
    }
    for loud in [
        "level=error msg=\"open x: read-only file system\"",
        "ERROR read-only file system",
        "[emerg] read-only file system",
        "{\"level\":\"fatal\",\"message\":\"read-only file system\"}",
        "{\"level\":60,\"msg\":\"read-only file system\"}",
        "no debug information: read-only file system",
    ] {
        let cause = named(crash("app"), &[log("app", loud)]);
        assert_eq!(cause.name(), "read_only_file_system", "{loud}");
    }
}

#[test]
fn only_the_end_of_the_log_counts() {
    let mut text = "open /data: permission denied\n".to_owned();
    text.push_str(&"working\n".repeat(80));
    assert_eq!(named(crash("app"), &[log("app", &text)]).name(), "crash_loop");
}

#[test]
fn what_was_overcome_is_no_cause_and_what_came_after_is() {
    let over = "dial tcp 10.0.0.2:5432: connect: connection refused\nserver listening on :80\n";
    assert_eq!(named(crash("app"), &[log("app", over)]).name(), "crash_loop");
    let after = format!("{over}open /config/app.ini: read-only file system");
    assert_eq!(named(crash("app"), &[log("app", &after)]).name(), "read_only_file_system");
}

#[test]
fn the_root_wins_over_what_follows_from_it() {
    let text = "open /config/app.ini: read-only file system\nError running migrations: cannot save\nrelation \"x\" does not exist";
    assert_eq!(named(crash("app"), &[log("app", text)]).name(), "read_only_file_system");
    let text = "connect ECONNREFUSED 10.0.0.2:5432\nMigration failed, exiting";
    assert_eq!(named(crash("app"), &[log("app", text)]).name(), "neighbour_refused");
    let text = "connect ECONNREFUSED 10.0.0.2:5432\nrunning migrations\nMigration 12 failed";
    assert_eq!(named(crash("app"), &[log("app", text)]).name(), "migration_failed");
}

#[test]
fn a_neighbour_that_is_itself_ill_is_named_in_its_place() {
    let app = log("app", "Error: connect ECONNREFUSED 10.0.0.2:5432");
    let ill = log("db", "FATAL:  database files are incompatible with server");
    let cause = named(crash("app"), &[app.clone(), ill]);
    assert_eq!((parts(&cause).0, parts(&cause).2), ("database_files_incompatible", "db"));
    // A client's error in the log of a database that is well is no root.
    let well = log("db", "ERROR:  relation \"x\" does not exist");
    assert_eq!(parts(&named(crash("app"), &[app, well.clone()])).2, "app");
    // And a neighbour explains nothing where the app says nothing of it.
    let other = log("db", "FATAL:  database files are incompatible with server");
    assert_eq!(named(crash("app"), &[log("app", "bye"), other]).name(), "crash_loop");
}

#[test]
fn the_engine_s_own_words_count_as_well() {
    let cause = Cause::NotSettled {
        window_seconds: 60,
        waiting: vec!["`app` 0/1, no suitable node (insufficient resources on 1 node)".into()],
        last_lines: Vec::new(),
    };
    let cause = named(cause, &[]);
    assert_eq!((parts(&cause).0, parts(&cause).1), ("node_full", Fault::Platform));
    let cause = Cause::Rejected {
        service: "edge".into(),
        says: "driver failed programming external connectivity: Bind for 0.0.0.0:80 failed: port is already allocated".into(),
    };
    assert_eq!(named(cause, &[]).name(), "port_taken");
}

#[test]
fn without_kept_logs_the_cause_s_own_last_lines_are_read() {
    let lines = vec!["db: ready".to_owned(), "app: open /x: read-only file system".to_owned()];
    let cause = Cause::NotSettled {
        window_seconds: 60,
        waiting: vec!["`app` 0/1".into(), "`db` 0/1".into()],
        last_lines: lines,
    };
    let cause = named(cause, &[]);
    assert_eq!((parts(&cause).0, parts(&cause).2), ("read_only_file_system", "app"));
}

#[test]
fn a_hook_is_named_by_what_it_printed_and_not_by_its_service_s_log() {
    let cause = Cause::Hook {
        service: "db".into(),
        moment: HookMoment::BeforeBackup,
        exit_code: Some(127),
        says: String::new(),
        last_lines: vec!["sh: 1: pg_dump: not found".into()],
    };
    let logs = [log("db", "FATAL:  database files are incompatible with server")];
    assert_eq!(named(cause, &logs).name(), "program_missing");
}

#[test]
fn a_test_s_words_may_explain_and_never_move_the_blame() {
    let failed = |says: &str| Cause::Test {
        test: "marker".into(),
        source: Source::Overlay,
        says: says.into(),
        last_lines: Vec::new(),
    };
    let cause = named(failed("ERROR:  relation \"ci_marker\" does not exist"), &[]);
    assert_eq!(cause.name(), "relation_missing");
    assert!(!cause.to_string().starts_with("``"), "{cause}");
    assert_eq!(cause.service(), None);
    assert_eq!(named(failed("AssertionError: 'No space left on device' in body"), &[]).name(), "test");
}

#[test]
fn a_seed_stays_the_overlay_s_and_may_become_the_platform_s() {
    let seed = |says: &str| Cause::Seed { what: "user".into(), says: says.into() };
    assert_eq!(named(seed("permission denied"), &[]).name(), "seed");
    assert_eq!(named(seed("write: no space left on device"), &[]).fault(), Fault::Platform);
}

fn own(name: &str, pattern: &str) -> Result<Signature, BadSignature> {
    let known = Known {
        name: name.into(),
        fault: Fault::Recipe,
        says: "its storage secret has the wrong length".into(),
        remedy: "set migrateToSecureLegacySignature".into(),
    };
    Signature::new(known, pattern)
}

#[test]
fn an_overlay_s_own_signature_goes_before_the_generic_ones() {
    let own = [own("verdaccio_secret_length", "Invalid storage secret key length").unwrap()];
    let text = "fatal--- Invalid storage secret key length, must be 32 characters long but is 64\nopen x: permission denied";
    let scene = Scene { logs: &[log("app", text)], own: &own, memory: &BTreeMap::new() };
    let cause = name_cause(crash("app"), &scene);
    assert_eq!(parts(&cause).0, "verdaccio_secret_length");
}

#[test]
fn a_signature_that_cannot_work_is_refused() {
    assert!(matches!(own("x", "("), Err(BadSignature::Pattern(_))));
    assert!(matches!(own("x", "a*"), Err(BadSignature::MatchesAll)));
    assert!(matches!(own("out_of_disk", "a"), Err(BadSignature::NameTaken(_))));
    assert!(matches!(own("Bad Name", "a"), Err(BadSignature::Name(_))));
    assert!(matches!(own("x", r"\w{9999}\w{9999}"), Err(BadSignature::Pattern(_))));
}

#[test]
fn every_kind_has_a_row_and_words_of_its_own() {
    let names: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(names.len(), Kind::ALL.len());
    for kind in Kind::ALL {
        assert!(!kind.says().ends_with('.') && kind.remedy().ends_with('.'), "{kind:?}");
        // What no line tells: the engine's flag, or where a line points to.
        let by_fact = matches!(kind, Kind::OutOfMemory | Kind::MemoryCeiling | Kind::OutsideUnreachable);
        assert_eq!(patterns::TABLE.iter().any(|row| row.kind == kind), !by_fact, "{kind:?}");
    }
    // Counted together with causes, so no name may mean two things.
    for cause in ["crash_loop", "secret_missing", "hook", "engine", "node", "timeout", "test", "repository"] {
        assert!(!names.contains(cause));
    }
}

#[test]
fn a_long_line_is_cut_and_a_hostile_one_is_cleaned() {
    let text = format!("\u{7}permission denied {}", "x".repeat(10_000));
    let cause = named(crash("app"), &[log("app", &text)]);
    let line = parts(&cause).3;
    assert!(line.chars().count() <= 301 && line.starts_with("permission denied"), "{line}");
}

#[test]
fn whom_a_test_could_not_reach_itself_is_no_neighbour_of_the_app() {
    let refused = Cause::Test {
        test: "calls".into(),
        source: crate::data::Source::Overlay,
        says: "ConnectionRefusedError: [Errno 111] Connection refused".into(),
        last_lines: vec!["ConnectionRefusedError: [Errno 111] Connection refused".into()],
    };
    assert_eq!(named(refused, &[]).name(), "test");
}
