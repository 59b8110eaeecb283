//! What overlays may say, and what is said of those that are wrong.

use super::ask::{Expect, How, HttpAsk, Ready};
use super::*;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("tests")).unwrap();
    std::fs::create_dir(folder.path().join("box")).unwrap();
    std::fs::write(folder.path().join("tests/x.sh"), "exit 0\n").unwrap();
    std::fs::write(folder.path().join("box/Dockerfile"), "FROM scratch\n").unwrap();
    std::fs::write(folder.path().join("compose.ci.yml"), "services: {}\n").unwrap();
    std::fs::write(folder.path().join("tests/notes.txt"), "").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("tests/link.sh")).unwrap();
    folder
}

fn check(text: &str) -> Result<Overlay, ConfigProblems> {
    let folder = folder();
    Overlay::check(text, Path::new("overlay.toml"), folder.path()).map(|(overlay, _)| overlay)
}

fn good(text: &str) -> Overlay {
    check(text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn says(text: &str) -> String {
    let folder = folder();
    let checked = Overlay::check(text, Path::new("overlay.toml"), folder.path());
    let told = checked.err().map_or_else(|| "good".into(), |problems| problems.to_string());
    told.replace(&folder.path().display().to_string(), "FOLDER")
}

#[test]
fn a_program_that_has_no_name_of_its_own_is_called_by_its_file() {
    let overlay =
        good("[[test]]\nrun = \"tests/x.sh\"\n[[test]]\nname = \"again\"\nrun = [\"tests/x.sh\", \"a\"]\n");
    let names: Vec<_> = overlay.tests.iter().map(|test| test.name.as_str()).collect();
    assert_eq!(names, ["tests/x.sh", "again"]);
    let twice = says("[[test]]\nrun = \"tests/x.sh\"\n[[test]]\nrun = \"tests/x.sh\"\n");
    assert!(twice.contains("there is another one named `tests/x.sh`"), "{twice}");
    let nameless = says("[[test]]\nexec = { command = \"true\" }\n");
    assert!(nameless.contains("`test[0].name`: it is missing"), "{nameless}");
}

/// Every key of the format, once.
pub(super) const EVERYTHING: &str = r#"
primary_service = "web"
bases = ["1.0.0+1"]
compose = ["compose.ci.yml"]
needs = ["sso"]

[health]
path = "/healthz"
host = "api"
status = [200, 204]
body = "ok"
window = "5m"
soak = "0s"

[env]
LETTERS = "off"

[secrets]
token = "hunter2hunter2"

[expected_na]
upgrade = "the base is a moving tag"

[weight]
memory = "512M"
cpus = 0.5

[backup]
while_writing = true
verify = ["db/backup.sql", "data"]

[[image]]
name = "local/box:1"
context = "box"
dockerfile = "Dockerfile"
args = { A = "1" }

[[probe]]
name = "listens"
kind = "tcp"
port = 5432
service = "db"

[[readiness]]
name = "serves"
http = { path = "/ready" }
contains = "yes"
times = 3
every = "1s"
window = "2m"

[[readiness]]
name = "database"
tcp = { service = "db", port = 5432 }

[[readiness]]
name = "said so"
log = { contains = "ready" }

[[data]]
name = "a record"
after_backup = "gone"
applies_to = ">=3.5.0, <4"
[data.seed]
http = { method = "PUT", path = "/r", body = "${MARKER}", user = ["u", "p"], headers = { Accept = "*/*" } }
status = 201
[data.check]
http = { path = "/r" }
contains = "${MARKER}"
json = { "/data/0" = 1, "" = [true, { a = "b" }] }
[data.destroy]
sql = { service = "db", client = "psql", user = "kinto", database = "kinto", query = "DELETE FROM objects" }

[[test]]
name = "by program"
tier = "upgrade"
run = ["tests/x.sh", "one"]
speaks = "tap"
env = { A = "b" }
deadline = "2m"
exit = 3
[[test]]
name = "by exec"
exec = { command = "echo hi" }
equals = "hi"
[[test]]
name = "inside"
http = { from = "inside", service = "db", port = 80, path = "/" }
headers = { Server = "x" }
[[test]]
name = "by image"
image = {}
contains = "nginx"
lacks = ["sidekiq", "alpha"]
[[test]]
name = "no sidekiq"
service = { name = "sidekiq", present = false }
[[test]]
name = "by tls"
tls = { port = 443 }
[[test]]
name = "by file"
file = { path = "/data/x", present = false }

[[fingerprint]]
name = "records"
http = { path = "/count" }
pointer = "/total"
may_shrink = true

[[waiver]]
rule = "R011"
reason = "the vendor has no tags"
until = 2027-01-31
at = "compose.yml"

[[signature]]
name = "migration_locked"
pattern = 'lock .* held'
fault = "platform"
says = "the migration waits for a lock"
remedy = "wait"
"#;

#[test]
fn every_key_of_the_format_is_read() {
    let overlay = good(EVERYTHING);
    assert_eq!(overlay.primary_service, "web");
    assert_eq!(overlay.health.soak, Duration::ZERO);
    assert_eq!(overlay.weight, Weight { memory: Some(512 << 20), cpus: Some(0.5) });
    assert_eq!(overlay.backup.verify[0].path, "backup.sql");
    assert_eq!(overlay.backup.verify[1].path, "");
    assert_eq!(overlay.readiness.len(), 3);
    assert_eq!(overlay.readiness[0].consecutive, 3);
    assert!(matches!(&overlay.readiness[2].how, Ready::Log { service, .. } if service == "web"));
    let datum = &overlay.data[0];
    let How::Http(HttpAsk { method, user, .. }) = &datum.seed.how else { panic!("{datum:?}") };
    assert_eq!((method.as_str(), user.as_ref().unwrap().0.as_str()), ("PUT", "u"));
    assert_eq!(datum.seed.expect.status, [201]);
    assert_eq!(datum.check.expect.json["/data/0"], serde_json::json!(1));
    assert_eq!(datum.check.expect.json[""], serde_json::json!([true, {"a": "b"}]));
    assert!(matches!(&datum.destroy.as_ref().unwrap().how, How::Sql { .. }));
    let How::Program { command, .. } = &overlay.tests[0].ask.how else { panic!() };
    assert!(command[0].ends_with("/tests/x.sh") && command[0].starts_with('/') && command[1] == "one");
    assert_eq!(overlay.tests[0].tier, Tier::Upgrade);
    assert_eq!(overlay.tests[1].tier, Tier::Custom);
    let How::Exec { service, command } = &overlay.tests[1].ask.how else { panic!() };
    assert_eq!(
        (service.as_str(), command.as_slice()),
        ("web", &["sh", "-c", "echo hi"].map(String::from)[..])
    );
    let Expect { contains, lacks, .. } = &overlay.tests[3].ask.expect;
    assert_eq!((contains.len(), lacks.len()), (1, 2));
    assert!(overlay.fingerprints[0].may_shrink);
    assert_eq!(overlay.waivers[0].until.to_string(), "2027-01-31");
    assert!(overlay.signatures[0].pattern.is_match("a lock is held"));
    assert_eq!(overlay.images[0].args["A"], "1");
}

#[test]
fn an_unknown_key_is_refused_with_the_names_that_were_expected() {
    insta::assert_snapshot!(says("[health]\npaht = \"/\"\n"), @r"
    overlay.toml:2: `health.paht`: there is no such key; expected one of `body`, `host`, `path`, `soak`, `status`, `window`
      hint: did you mean `path`?
    ");
}

#[test]
fn every_table_refuses_a_key_that_nobody_reads() {
    // After each header of a file that has every key: a misspelt one is found wherever it stands.
    let headers: Vec<usize> =
        EVERYTHING.lines().enumerate().filter(|(_, l)| l.starts_with('[')).map(|(n, _)| n).collect();
    assert!(headers.len() > 20);
    for nth in headers {
        let mut lines: Vec<&str> = EVERYTHING.lines().collect();
        // Tables of free names take any.
        if matches!(lines[nth], "[env]" | "[secrets]") {
            continue;
        }
        lines.insert(nth + 1, "zzz = \"x\"");
        let said = says(&lines.join("\n"));
        assert!(said.contains(&format!("overlay.toml:{}:", nth + 2)), "{}: {said}", lines[nth]);
    }
    // And in the tables that are written in one line.
    for (nth, (at, _)) in EVERYTHING.match_indices("= { ").enumerate() {
        let text = format!("{}= {{ zzz = \"x\", {}", &EVERYTHING[..at], &EVERYTHING[at + 4..]);
        let line = EVERYTHING[..at].lines().last().unwrap_or_default();
        if line.ends_with("headers ")
            || line.ends_with("args ")
            || line.ends_with("env ")
            || line.ends_with("json ")
        {
            continue;
        }
        // Such as `{ a = "b" }` in a JSON value.
        assert!(says(&text).contains("zzz") || line.contains("json"), "{nth}: {line}");
    }
}

#[test]
fn every_problem_of_an_overlay_comes_at_once() {
    insta::assert_snapshot!(says(r#"
compose = ["compose.nowhere.yml", "../up.yml"]
needs = ["S S O"]
[health]
path = "healthz"
window = "10"
status = [200, 1000]
[env]
PORT = 8080
[weight]
memory = "512"
[expected_na]
install = "no"
upgrade = ""
restor = "x"
[[probe]]
name = "up"
kind = "tcp"
[[probe]]
name = "up"
kind = "htp"
"#), @r#"
    overlay.toml:2: `compose`: there is no `compose.nowhere.yml` in `FOLDER`
      hint: paths are meant from the overlay's folder and stay in it
    overlay.toml:2: `compose`: `../up.yml` leads out of the overlay's folder
      hint: paths are meant from the overlay's folder and stay in it
    overlay.toml:3: `needs`: `S S O` is not a recipe name: it has to begin with a lower-case letter or a digit
      hint: name a provider as its recipe is named
    overlay.toml:5: `health.path`: `healthz` does not begin with `/`
      hint: give the path part of the address, such as "/healthz"
    overlay.toml:6: `health.window`: `10` has no unit
      hint: write a number with `s`, `m` or `h`, such as "90s" or "10m"
    overlay.toml:7: `health.status`: 1000 is not an HTTP status
      hint: statuses go from 100 to 599
    overlay.toml:9: `env.PORT`: it is a number, and a text is expected
      hint: write it in quotation marks: "8080"
    overlay.toml:11: `weight.memory`: `512` has no unit
      hint: write a number with `K`, `M` or `G`, such as "512M"
    overlay.toml:13: `expected_na.install`: lint and install apply to every recipe
      hint: waive single lint rules with `[[waiver]]` instead
    overlay.toml:14: `expected_na.upgrade`: a tier is not left out without a reason
      hint: say why it does not apply
    overlay.toml:15: `expected_na.restor`: there is no tier `restor`; expected one of lint, install, upgrade, backup, restore, custom
    overlay.toml:16: `probe[0].port`: it is missing
      hint: add `port = 8080` or another port on which the service listens
    overlay.toml:20: `probe[1].name`: there is another one named `up`
      hint: reports tell them apart by name
    overlay.toml:21: `probe[1].kind`: `htp` is none of `http`, `tcp`, `tls`, `exec`, `log`
      hint: did you mean `http`?
    "#);
}

#[test]
fn an_ask_says_one_thing_and_expects_what_it_can() {
    insta::assert_snapshot!(says(r#"
[[test]]
name = "nothing"
[[test]]
name = "two"
http = {}
tls = { port = 1 }
[[test]]
name = "asserts nothing"
sql = { service = "db", client = "psql", query = "SELECT 1" }
[[test]]
name = "no such expectation"
tls = { port = 1 }
status = 200
[[test]]
name = "no program"
run = "tests/y.sh"
[[test]]
name = "leads out"
run = "../x.sh"
[[test]]
name = "links out"
run = "tests/link.sh"
[[test]]
name = "cannot start"
run = "tests/notes.txt"
[[test]]
name = "half a program"
exec = { command = ["true"] }
speaks = "tap"
[[test]]
name = "from outside"
http = { port = 80, path = "x${FOO}" }
tier = "lint"
[[test]]
name = "sqlite"
sql = { service = "app", client = "sqlite", user = "me", query = "SELECT 1" }
equals = "1"
[[data]]
name = "unmarked"
seed = { tls = { port = 1 } }
check = { http = { path = "/" } }
after_backup = "gone"
[[readiness]]
name = "both"
tcp = { port = 1 }
http = {}
[[fingerprint]]
name = "n"
image = {}
pointer = "total"
[[waiver]]
rule = "R011"
reason = " "
[[waiver]]
rule = "R011"
reason = "x"
until = "2027-01-31"
[[signature]]
name = "Bad Name"
pattern = "("
says = "x"
[[image]]
name = "box"
context = "box"
dockerfile = "nowhere"
"#), @r#"
    overlay.toml:2: `test[0]`: it asks nothing
      hint: add one of `run`, `http`, `exec`, `sql`, `image`, `service`, `tls`, `file`
    overlay.toml:4: `test[1]`: it asks several things: `http` and `tls`
      hint: keep one of them
    overlay.toml:10: `test[2].sql`: nothing is expected of what it returns, so it could not fail
      hint: add one of `contains`, `lacks`, `equals`, `json`
    overlay.toml:14: `test[3].status`: `status` says nothing about an ask of kind `tls`
      hint: remove it
    overlay.toml:17: `test[4].run`: there is no `tests/y.sh` in `FOLDER`
      hint: paths are meant from the overlay's folder and stay in it
    overlay.toml:20: `test[5].run`: `../x.sh` leads out of the overlay's folder
      hint: paths are meant from the overlay's folder and stay in it
    overlay.toml:23: `test[6].run`: `tests/link.sh` is a link that leads out of the overlay's folder
      hint: paths are meant from the overlay's folder and stay in it
    overlay.toml:26: `test[7].run`: `tests/notes.txt` is neither executable nor a `.sh` or `.py` file
      hint: `chmod +x` it, or name what runs it: `run = ["python3", "tests/x"]`
    overlay.toml:30: `test[8].speaks`: `speaks` belongs to a program, and there is no `run`
      hint: remove it
    overlay.toml:33: `test[9].http.path`: `x${FOO}` does not begin with `/`
      hint: give the path part of the address, such as "/api/items"
    overlay.toml:33: `test[9].http.port`: the edge finds service and port itself
      hint: add `from = "inside"`, or remove it
    overlay.toml:33: `test[9].http`: nothing stands for `${FOO}`
      hint: `${MARKER}`, `${DOMAIN}` and `${STACK_NAME}` are filled in
    overlay.toml:34: `test[9].tier`: `lint` is none of `custom`, `install`, `upgrade`, `backup`, `restore`
    overlay.toml:37: `test[10].sql`: SQLite needs a file
      hint: add `database = "/path/in/the/container"`
    overlay.toml:37: `test[10].sql.user`: SQLite knows no users
      hint: remove it
    overlay.toml:41: `data[0].seed.tls`: `tls` plants or destroys nothing
      hint: use one of `run`, `http`, `exec`, `sql`
    overlay.toml:43: `data[0].after_backup`: `seed` is the same before and after the backup, so that the two cannot be told apart
      hint: use `${MARKER}` in `seed`
    overlay.toml:43: `data[0].after_backup`: `check` is the same before and after the backup, so that the two cannot be told apart
      hint: use `${MARKER}` in `check`
    overlay.toml:44: `readiness[0]`: it waits for several things
      hint: write one `[[readiness]]` for each
    overlay.toml:50: `fingerprint[0].image`: `image` gives no number
      hint: use one of `run`, `http`, `exec`, `sql`, `file`
    overlay.toml:51: `fingerprint[0].pointer`: `total` is not a JSON pointer
      hint: write it as "/total" (RFC 6901)
    overlay.toml:52: `waiver[0]`: a waiver without an end is forgotten
      hint: add `until = 2027-01-31` or another day
    overlay.toml:54: `waiver[0].reason`: it is empty
      hint: give why it is accepted
    overlay.toml:58: `waiver[1].until`: it is a text, and a day is expected
      hint: write a day without quotation marks, such as 2027-01-31
    overlay.toml:59: `signature[0].remedy`: it is missing
      hint: add `remedy = "…"`: what to try
    overlay.toml:60: `signature[0].name`: `Bad Name` is no word for counting
      hint: use small letters, digits and `_`
    overlay.toml:61: `signature[0].pattern`: it is no regular expression: unclosed group
      hint: write it in single quotation marks, and escape `.`, `(` and `[`
    overlay.toml:64: `image[0].name`: `box` has no tag
      hint: write it as "name:tag"
    overlay.toml:66: `image[0].dockerfile`: there is no `nowhere` in `FOLDER/box`
      hint: paths of Dockerfiles are meant from the context
    "#);
}

#[test]
fn what_is_no_toml_is_said_line_by_line_and_nothing_is_guessed_from_the_rest() {
    insta::assert_snapshot!(says("[health\npath = \nzzz = 1\n"), @r"
    overlay.toml:1: unclosed table, expected `]`
      hint: this is not TOML, see https://toml.io
    ");
}

#[test]
fn an_empty_overlay_has_long_windows_and_means_the_service_app() {
    let overlay = Overlay::empty();
    assert_eq!(overlay.primary_service, "app");
    assert_eq!(overlay.health.window.as_secs(), 600);
    assert_eq!(overlay.health.soak.as_secs(), 10);
    assert!(overlay.tests.is_empty() && overlay.data.is_empty() && !overlay.backup.while_writing);
}

#[test]
fn a_text_where_a_number_belongs_is_told_from_a_number_out_of_bounds() {
    insta::assert_snapshot!(says("[[probe]]\nname = \"a\"\nkind = \"tcp\"\nport = \"80\"\n[[probe]]\nname = \"b\"\nkind = \"tcp\"\nport = 70000\n"), @r"
    overlay.toml:4: `probe[0].port`: it is a text, and a whole number is expected
      hint: write it without quotation marks
    overlay.toml:8: `probe[1].port`: 70000 is not from 1 to 65535
    ");
}

/// Puts a value where its key says it stands: `test[0].http.headers."X-Y"`.
fn put(root: &mut toml::Table, key: &str, value: toml::Value) {
    let (head, rest) = match key.strip_prefix('"') {
        // Quoted as TOML quotes: read it as TOML does.
        Some(_) => {
            let end = (2..=key.len())
                .filter(|end| key.is_char_boundary(*end))
                .find(|end| toml::from_str::<toml::Table>(&format!("{} = 1", &key[..*end])).is_ok())
                .unwrap();
            let name = toml::from_str::<toml::Table>(&format!("{} = 1", &key[..end])).unwrap();
            (name.keys().next().unwrap().clone(), &key[end..])
        }
        None => {
            let end = key.find(['.', '[']).unwrap_or(key.len());
            (key[..end].to_owned(), &key[end..])
        }
    };
    if rest.is_empty() {
        root.insert(head, value);
    } else if let Some(rest) = rest.strip_prefix('.') {
        let table = root.entry(head).or_insert_with(|| toml::Table::new().into());
        put(table.as_table_mut().unwrap(), rest, value);
    } else {
        let (nth, rest) = rest[1..].split_once(']').unwrap();
        let list = root.entry(head).or_insert_with(|| toml::Value::Array(Vec::new()));
        let list = list.as_array_mut().unwrap();
        while list.len() <= nth.parse().unwrap() {
            list.push(toml::Table::new().into());
        }
        put(list[nth.parse::<usize>().unwrap()].as_table_mut().unwrap(), &rest[1..], value);
    }
}

fn settings(text: &str) -> BTreeMap<String, toml::Value> {
    let folder = folder();
    let read = Overlay::check(text, Path::new("overlay.toml"), folder.path());
    let (_, settings) = read.unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    settings.into_iter().map(|setting| (setting.key, setting.value)).collect()
}

/// What is explained, written down as an overlay of its own.
fn written(settings: &BTreeMap<String, toml::Value>) -> String {
    let mut table = toml::Table::new();
    for (key, value) in settings {
        put(&mut table, key, value.clone());
    }
    toml::to_string(&table).unwrap()
}

#[test]
fn every_setting_that_is_explained_reads_back_as_the_same_overlay() {
    let first = settings(EVERYTHING);
    assert_eq!(first["readiness[1].window"], "5m".into(), "defaults are explained as well");
    assert_eq!(first, settings(&written(&first)));
}

#[test]
fn a_setting_tells_the_line_it_stands_in_or_why_it_is_the_default() {
    let folder = folder();
    let text = "[health]\npath = \"/\"\n\n[[test]]\nname = \"a\"\nhttp = { }\n";
    let (_, settings) = Overlay::check(text, Path::new("overlay.toml"), folder.path()).unwrap();
    let from = |key: &str| settings.iter().find(|s| s.key == key).unwrap().from.clone();
    assert_eq!(from("health.path"), Origin::File { line: 2 });
    assert_eq!(from("test[0].name"), Origin::File { line: 5 });
    assert_eq!(from("test[0].http.method"), Origin::Default { why: "it has no body".into() });
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 64, ..Default::default() })]

    #[test]
    fn whatever_is_explained_reads_back(
        text in "\\PC{1,20}",
        name in "[a-zA-Z .\"'-]{1,12}",
        minutes in 1_u32..600,
        // Which of the parts are there.
        parts in 0_u32..256,
        port in 1_u16..,
    ) {
        let quoted = toml::Value::from(text.as_str()).to_string();
        let key = serde_json::Value::from(name.as_str()).to_string();
        let some = |bit: u32, part: String| if parts >> bit & 1 == 1 { part } else { String::new() };
        let overlay = [
            some(0, format!("primary_service = \"x{minutes}\"\n")),
            some(1, format!("[health]\nwindow = \"{minutes}m\"\nbody = {quoted}\n")),
            some(2, format!("[env]\n{key} = {quoted}\nB = \"\"\n")),
            some(3, format!("[[probe]]\nname = {key}\nkind = \"tls\"\nport = {port}\n")),
            some(4, format!("[[test]]\nname = \"t{port}\"\nhttp = {{ headers = {{ {key} = \"v\" }} }}\ncontains = {quoted}\n")),
            some(5, format!("[[test]]\nname = \"json\"\nexec = {{ command = [\"a\", {quoted}] }}\njson = {{ \"/a\" = [{port}, {quoted}, true, 1.5] }}\n")),
            some(6, format!("[[fingerprint]]\nname = \"n\"\nfile = {{ path = \"/n\" }}\ndeadline = \"{minutes}s\"\n")),
            some(7, format!("[[readiness]]\nname = \"r\"\ntcp = {{ port = {port} }}\ntimes = {minutes}\n")),
        ]
        .concat();
        // A name or text of blanks only is refused, and so is a key that is there twice: another test's matter.
        proptest::prop_assume!(!name.trim().is_empty() && !text.trim().is_empty() && name != "B");
        let first = settings(&overlay);
        proptest::prop_assert_eq!(&first, &settings(&written(&first)));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
        drop(Overlay::check(&text, Path::new("overlay.toml"), Path::new("/nowhere")));
    }
}
