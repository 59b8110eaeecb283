//! Canonicals that are deployed for a person, candidates that are kept, and the way back, on a real swarm.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::ground::{Ground, Ran};
use crate::warm::{
    Given, Soak, bytes_of, carried, differences, ground, is_green_cold, promoted, releases, shown, standings,
    volumes, wait_until,
};

/// An opening that serves the app, as a person has it in a terminal.
struct Open {
    child: Child,
    told: Value,
}

impl Open {
    fn of(ground: &Ground, recipe: &str) -> Self {
        let file = ground.path().join("opened");
        let out = std::fs::File::create(&file).unwrap();
        let story = std::fs::File::create(ground.path().join("story")).unwrap();
        let mut command = ground.command(&["canonical", "open", recipe, "--for", "1h", "--json"]);
        let mut child = command.stdout(out).stderr(story).stdin(Stdio::null()).spawn().unwrap();
        let mut told = Value::Null;
        wait_until("it is open", || {
            let story = || std::fs::read_to_string(ground.path().join("story")).unwrap();
            assert!(child.try_wait().unwrap().is_none(), "{}", story());
            told = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap_or_default();
            !told.is_null()
        });
        Self { child, told }
    }

    /// Asks the app through the edge, as a browser would.
    fn ask(&self, path: &str, more: &[&str]) -> String {
        let url = self.told["url"].as_str().unwrap();
        let edge = self.told["edge"].as_str().unwrap();
        let host = url.trim_start_matches("https://").trim_end_matches('/');
        let (name, port) = host.split_once(':').unwrap();
        let to = format!("{name}:{port}:{}", edge.split_once(':').unwrap().0);
        let answer = Command::new("curl")
            .args(["--silent", "--show-error", "--fail", "--insecure", "--max-time", "20", "--resolve", &to])
            .args(["--user", "simmer:simmer"])
            .args(more)
            .arg(format!("{url}{path}"))
            .output()
            .unwrap();
        assert!(answer.status.success(), "{path}: {}", String::from_utf8_lossy(&answer.stderr));
        String::from_utf8(answer.stdout).unwrap()
    }

    fn put_calendar(&self, name: &str) {
        let body = format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//simmer//EN\r\nBEGIN:VEVENT\r\nUID:first\r\nDTSTAMP:20260105T120000Z\r\nDTSTART:20260105T120000Z\r\nSUMMARY:{name}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        );
        self.ask(
            &format!("simmer/{name}/"),
            &["--request", "PUT", "--header", "Content-Type: text/calendar", "--data-binary", &body],
        );
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Closes what a test that failed left open: what is open is not given up.
struct Shut<'a>(&'a Ground, &'a str);

impl Drop for Shut<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.simmer(&["canonical", "close", self.1]);
        }
    }
}

/// Reconciles until it closes what is past its end, and returns what it says of that.
fn closed_at_its_end(ground: &Ground) -> String {
    let mut said = String::new();
    wait_until("its end", || {
        let done = ground.simmer(&["reconcile"]);
        assert_eq!(done.exit, 0, "{}{}", done.stdout, done.stderr);
        said = done.stdout;
        said.contains("past its end")
    });
    said
}

fn refused(ran: &Ran, word: &str) {
    assert_eq!(ran.exit, 2, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains(word) && ran.stderr.contains("canonical close"), "{}", ran.stderr);
}

#[test]
fn cc_125_what_is_done_to_an_open_canonical_is_gone_when_it_is_closed_and_stays_when_it_is_kept() {
    let ground = ground("samples", "radicale", Soak::Short);
    let _given = Given(&ground, "radicale");
    let _shut = Shut(&ground, "radicale");
    let early = ground.simmer(&["canonical", "open", "radicale"]);
    assert_eq!(early.exit, 2, "{}", early.stderr);
    let born = carried(&ground, "radicale", &releases(&ground, "radicale")[0]);
    let first = volumes(&ground, "-g1");
    let before = bytes_of(&first);

    let open = Open::of(&ground, "radicale");
    assert_eq!((&open.told["from"], &open.told["generation"]), (&1.into(), &2.into()));
    assert!(Path::new(open.told["secrets"].as_str().unwrap()).is_file());
    open.put_calendar("thrown-away");
    assert_eq!(differences(&ground), Vec::<String>::new(), "what is held is no difference");
    refused(&ground.simmer(&["canonical", "open", "radicale"]), "it is open until");
    refused(&ground.simmer(&["promote", "radicale"]), "it is open until");
    refused(&ground.simmer(&["canonical", "rollback", "radicale"]), "it is open until");
    refused(&ground.simmer(&["canonical", "drop", "radicale", "--delete-data"]), "it is open until");
    // The one who serves is killed: it stays open.
    drop(open);
    assert_eq!(differences(&ground), Vec::<String>::new());
    let closed = ground.simmer(&["canonical", "close", "radicale"]);
    assert_eq!(closed.exit, 0, "{}{}", closed.stdout, closed.stderr);
    assert!(closed.stdout.contains("g2 is gone"), "{}", closed.stdout);
    assert_eq!(volumes(&ground, ""), first);
    assert_eq!(shown(&ground, "radicale"), born, "the record and its generations say what they said");
    assert!(bytes_of(&first) == before, "the committed generation is not the same byte for byte");
    assert_eq!(differences(&ground), Vec::<String>::new());
    let again = ground.simmer(&["canonical", "close", "radicale"]);
    assert_eq!(again.exit, 2, "{}", again.stderr);

    let mut open = Open::of(&ground, "radicale");
    open.put_calendar("kept");
    let kept = ground.simmer(&["canonical", "close", "radicale", "--keep"]);
    assert_eq!(kept.exit, 0, "{}{}", kept.stdout, kept.stderr);
    assert!(open.child.wait().unwrap().success(), "who serves hears of it and ends");
    let (was, is) = (&born["canonical"], &shown(&ground, "radicale")["canonical"]);
    assert_eq!((&is["generation"], &is["advances"]), (&3.into(), &0.into()));
    for same in ["release", "commit", "born", "planted", "cold", "digests"] {
        assert_eq!(is[same], was[same], "{same}");
    }
    let items = |record: &Value| record["fingerprint"]["counts"]["items"].as_u64().unwrap();
    assert_eq!(items(is), items(was) + 1);
    assert!(bytes_of(&first) == before, "the generation before is the way back");
    assert_eq!(differences(&ground), Vec::<String>::new());

    let open = Open::of(&ground, "radicale");
    assert!(open.ask("simmer/kept/first.ics", &[]).contains("SUMMARY:kept"));
    drop(open);
    let closed = ground.simmer(&["canonical", "close", "radicale", "--json"]).outcome();
    assert_eq!((&closed["was"], &closed["kept"]), (&"open".into(), &"no".into()));

    // Killed before it is held: garbage that is named and removed.
    let mut killed = ground.until(&["canonical", "open", "radicale"], "  C  settle");
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(differences(&ground), ["orphan_stack", "orphan_volumes", "killed_flight"]);
    assert_eq!(ground.simmer(&["reconcile"]).exit, 0);
    assert_eq!(differences(&ground), Vec::<String>::new());

    // Its end comes while nobody is there: reconcile closes it, and says so.
    let short = ground.simmer(&["canonical", "open", "radicale", "--for", "1s", "--detach"]);
    assert_eq!(short.exit, 0, "{}{}", short.stdout, short.stderr);
    let said = closed_at_its_end(&ground);
    assert!(said.contains("done: undeploy") && said.contains("done: end the hold"), "{said}");
    assert_eq!(differences(&ground), Vec::<String>::new());
    assert_eq!(volumes(&ground, "").len(), 2, "g1 and g3");
    let checked = ground.simmer(&["db", "check"]);
    assert_eq!(checked.exit, 0, "{}{}", checked.stdout, checked.stderr);
}

/// Verdaccio 6.10 cannot take the secret that 5.10 left: the candidate fails, and stays to be looked at.
#[test]
fn cc_125_a_failed_candidate_is_kept_until_its_end_and_the_way_back_is_shown_where_it_is_asked_for() {
    let ground = ground("samples", "verdaccio", Soak::Short);
    let _given = Given(&ground, "verdaccio");
    let _shut = Shut(&ground, "verdaccio");
    let (old, new) = ("1.0.0+5.10.0", "2.1.0+6.10.4");
    let born = carried(&ground, "verdaccio", old);
    let first = volumes(&ground, "-g1");
    let before = bytes_of(&first);
    is_green_cold(&ground, "verdaccio", new);
    let promote = |length: &str| {
        let red = ground.simmer(&["promote", "verdaccio", "--ref", new, "--keep-failed", length]);
        assert_eq!(red.exit, 1, "{}{}", red.stdout, red.stderr);
        assert!(red.stderr.contains("the failed candidate stays deployed until"), "{}", red.stderr);
        red.stderr
    };
    promote("1h");
    assert_eq!(differences(&ground), Vec::<String>::new());
    assert_eq!(shown(&ground, "verdaccio")["canonical"], born["canonical"]);
    assert_eq!(volumes(&ground, "-g2").len(), 1);
    let kept = ground.simmer(&["canonical", "close", "verdaccio", "--keep"]);
    refused(&kept, "a candidate that failed is not kept");
    // The next promotion closes it first, and says so.
    let said = promote("1s");
    assert!(said.contains("is closed by this promotion: 2.1.0+6.10.4 failed on g2"), "{said}");
    assert_eq!(volumes(&ground, "-g2"), Vec::<String>::new());
    let said = closed_at_its_end(&ground);
    assert!(said.contains("2.1.0+6.10.4 failed on g3"), "{said}");
    assert_eq!(volumes(&ground, ""), first);

    let overlay = "overlays/verdaccio/overlay.toml";
    let text = std::fs::read_to_string(ground.path().join(overlay)).unwrap();
    ground.write(overlay, &format!("verify_return = \"on_failure\"\n{text}"));
    let red = ground.simmer(&["promote", "verdaccio", "--ref", new]);
    assert_eq!(red.exit, 1, "{}{}", red.stdout, red.stderr);
    assert!(red.stderr.contains("the way back holds: 1.0.0+5.10.0 starts on a copy of g1"), "{}", red.stderr);
    // A release that does not answer as it did is no way back, and that is told beside what failed first.
    let nobody = "[[probe]]\nname = \"nobody\"\nkind = \"exec\"\ncommand = [\"false\"]\nwindow = \"1s\"\n";
    let text = format!("{text}\n{nobody}");
    ground.write(overlay, &format!("verify_return = \"on_failure\"\n{text}"));
    let red = ground.simmer(&["promote", "verdaccio", "--ref", new]);
    assert_eq!(red.exit, 1, "{}{}", red.stdout, red.stderr);
    assert!(red.stderr.contains("NO WAY BACK to 1.0.0+5.10.0 on g1"), "{}", red.stderr);
    assert!(red.stdout.contains("2.1.0+6.10.4 failed: `app` left"), "the first cause stands: {}", red.stdout);

    assert_eq!(volumes(&ground, ""), first);
    assert!(bytes_of(&first) == before, "the committed generation is not the same byte for byte");
    assert_eq!(differences(&ground), Vec::<String>::new());
    assert_eq!(shown(&ground, "verdaccio")["canonical"], born["canonical"]);
}

#[test]
fn an_advance_is_committed_only_when_the_way_back_was_shown_where_the_overlay_says_always() {
    let ground = ground("samples", "radicale", Soak::Short);
    let _given = Given(&ground, "radicale");
    let overlay = "overlays/radicale/overlay.toml";
    let text = std::fs::read_to_string(ground.path().join(overlay)).unwrap();
    ground.write(overlay, &format!("verify_return = \"always\"\n{text}"));
    let releases = releases(&ground, "radicale");
    carried(&ground, "radicale", &releases[0]);
    is_green_cold(&ground, "radicale", &releases[1]);
    let promoted = promoted(&ground, "radicale", &releases[1]);
    let said = format!("the way back holds: {} starts on a copy of g1", releases[0]);
    assert!(promoted.stderr.contains(&said), "{}", promoted.stderr);
    assert_eq!((volumes(&ground, "").len(), volumes(&ground, "-g3").len()), (2, 0), "the copy is gone");
    assert_eq!(standings(&shown(&ground, "radicale")), ["g1 committed", "g2 committed"]);
    assert_eq!(differences(&ground), Vec::<String>::new());
}
