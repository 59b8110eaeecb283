//! `simmer overlay` over a recipe of three releases.

use std::path::Path;
use std::process::Command;

use crate::command_line::simmer;

fn git(folder: &Path, args: &[&str]) {
    let done = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=t", "-c", "user.email=t@t.invalid", "-c", "init.defaultBranch=main"])
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .unwrap();
    assert!(done.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

const COMPOSE: &str = r#"version: "3.8"
services:
  web:
    image: example/web:1
    environment: [LETTERS, SMTP_PASSWORD]
    healthcheck:
      test: "curl -f http://localhost:3000/api/healthz || exit 1"
    volumes: [content:/var/lib/web]
    secrets: [api_key]
    deploy:
      labels:
        - "traefik.http.routers.${STACK_NAME}.rule=Host(`${DOMAIN}`)"
        - "backupbot.backup=true"
  db:
    image: postgres:15
volumes: {content: {}}
secrets:
  api_key: {external: true, name: "${STACK_NAME}_api_key_${SECRET_API_KEY_VERSION}"}
"#;

/// An instance over one recipe with releases 1.0.0+1 and 2.0.0+2.
fn instance() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("simmer.toml", "base_domain = \"ci.test\"\nstate = \"state\"\n\n[limits]\nrun = \"30m\"\n");
    write("recipes/blog.toml", "source = \"git/blog\"\n");
    write("git/blog/compose.yml", COMPOSE);
    write("git/blog/.env.sample", "TYPE=blog\nLETTERS=on\nSECRET_API_KEY_VERSION=v1 # generate=false\n");
    let repository = folder.path().join("git/blog");
    git(&repository, &["init", "-q"]);
    for tag in ["1.0.0+1", "2.0.0+2"] {
        write("git/blog/README.md", tag);
        git(&repository, &["add", "-A"]);
        git(&repository, &["commit", "-q", "-m", tag]);
        git(&repository, &["tag", "-a", "-m", tag, tag]);
    }
    folder
}

fn with(overlay: &str) -> tempfile::TempDir {
    let folder = instance();
    std::fs::create_dir_all(folder.path().join("overlays/blog")).unwrap();
    std::fs::write(folder.path().join("overlays/blog/overlay.toml"), overlay).unwrap();
    folder
}

fn short(folder: &Path, text: &str) -> String {
    text.replace(&format!("{}/", folder.display()), "")
}

#[test]
fn an_overlay_is_held_against_every_release_and_all_that_is_wrong_comes_at_once() {
    let folder = with(
        r#"
bases = ["1.5.0+1"]
needs = ["sso"]
[env]
LETTERS = "off"
LETERS = "off"
[secrets]
api_kee = "x"
[backup]
verify = ["contents/x"]
[[probe]]
name = "listens"
kind = "tcp"
port = 5432
service = "database"
[[test]]
name = "later"
http = {}
applies_to = ">=3"
[[test]]
name = "long ago"
http = {}
applies_to = "<1"
[[test]]
name = "not there"
service = { name = "sidekiq", present = false }
[[test]]
name = "there"
service = { name = "sidekiq" }
[[test]]
name = "primary"
tls = { port = 443 }
[[waiver]]
rule = "R999"
reason = "x"
until = 2027-01-31
"#,
    );
    let (exit, out, err) = simmer(folder.path(), &["overlay", "check"]);
    assert_eq!(exit, 2, "{err}");
    insta::assert_snapshot!(short(folder.path(), &out), @r"
    warning: overlays/blog/overlay.toml: `primary_service`: no release has a service `app`
      hint: set `primary_service`; services: `db`, `web`
    overlays/blog/overlay.toml:2: `bases`: there is no release `1.5.0+1`
      hint: the newest releases: `1.0.0+1`, `2.0.0+2`
    overlays/blog/overlay.toml:3: `needs`: `sso` is not enrolled
      hint: enrolled recipes: `blog`
    warning: overlays/blog/overlay.toml:6: `env.LETERS`: no file of the recipe mentions it, so it changes nothing
      hint: check its spelling in `.env.sample`
    warning: overlays/blog/overlay.toml:8: `secrets.api_kee`: no release needs a secret `api_kee`
      hint: secrets: `api_key`
    overlays/blog/overlay.toml:10: `backup.verify`: no release has a volume `contents`
      hint: volumes: `content`
    overlays/blog/overlay.toml:15: `probe[0].service`: no release has a service `database`
      hint: services: `db`, `web`
    warning: overlays/blog/overlay.toml:19: `test[0].applies_to`: it matches no release yet, only what is not released
      hint: the newest release is `2.0.0+2`
    overlays/blog/overlay.toml:23: `test[1].applies_to`: it matches no release and will match none
      hint: the newest release is `2.0.0+2`
    overlays/blog/overlay.toml:29: `test[3].service.name`: no release has a service `sidekiq`
      hint: services: `db`, `web`
    overlays/blog/overlay.toml:34: `waiver[0].rule`: there is no lint rule `R999`
      hint: `simmer lint --rules` lists them
    1 overlay: 7 errors, 4 warnings
    ");
}

#[test]
fn a_file_that_does_not_read_is_said_with_lines_and_nothing_else_is_judged() {
    let folder = with("[health]\npaht = \"/\"\n[backup]\nverify = [1]\n");
    let (exit, out, _) = simmer(folder.path(), &["overlay", "check", "blog"]);
    assert_eq!(exit, 2);
    insta::assert_snapshot!(short(folder.path(), &out), @r"
    overlays/blog/overlay.toml:2: `health.paht`: there is no such key; expected one of `body`, `host`, `path`, `soak`, `status`, `window`
      hint: did you mean `path`?
    overlays/blog/overlay.toml:4: `backup.verify`: it is a number, and a list of texts is expected
      hint: write every item in quotation marks
    1 overlay: 2 errors, 0 warnings
    ");
}

#[test]
fn a_good_overlay_passes_and_one_of_no_recipe_is_told() {
    let folder = with("primary_service = \"web\"\n[health]\npath = \"/api/healthz\"\n");
    let (exit, out, err) = simmer(folder.path(), &["overlay", "check"]);
    assert_eq!((exit, out.as_str()), (0, "1 overlay: 0 errors, 0 warnings\n"), "{err}");

    std::fs::create_dir_all(folder.path().join("overlays/bolg")).unwrap();
    let (exit, out, _) = simmer(folder.path(), &["overlay", "check", "--json"]);
    assert_eq!(exit, 0);
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told["findings"][0]["severity"], "warning");
    assert!(told["findings"][0]["says"].as_str().unwrap().contains("no recipe `bolg` is enrolled"));
}

#[test]
fn cc_045_every_setting_is_explained_with_where_it_came_from_and_secrets_are_blanked_out() {
    let folder = with(
        "primary_service = \"web\"\n[env]\nLETTERS = \"hunter2hunter2\"\nSMTP_PASSWORD = \"short\"\n[secrets]\napi_key = \"hunter2hunter2\"\n[health]\npath = \"/api/healthz\"\n",
    );
    let (exit, out, err) = simmer(folder.path(), &["overlay", "explain", "blog"]);
    assert_eq!(exit, 0, "{err}");
    assert!(!out.contains("hunter2") && !out.contains("short"), "{out}");
    insta::assert_snapshot!(short(folder.path(), &out), @r#"
    primary_service = "web"                 # overlays/blog/overlay.toml:1
    health.path = "/api/healthz"            # overlays/blog/overlay.toml:8
    health.window = "10m"                   # default: a cold first boot of a large app on a shared node (CC-024)
    health.soak = "10s"                     # default: longer than the engine's own monitor window of 5 s (CC-047)
    env.LETTERS = "********"                # overlays/blog/overlay.toml:3
    env.SMTP_PASSWORD = "********"          # overlays/blog/overlay.toml:4
    secrets.api_key = "********"            # overlays/blog/overlay.toml:6
    backup.while_writing = false            # default: one more backup in each run costs time; ask for it where it counts
    verify_return = "never"                 # default: one more copy and one more start cost time; ask for it where the way back counts
    simmer.base_domain = "ci.test"          # simmer.toml:1
    simmer.limits.run = "30m"               # simmer.toml:5
    simmer.state = "state"                  # simmer.toml:2
    recipe.source = "git/blog"              # recipes/blog.toml:1
    labels.web."backupbot.backup" = "true"  # recipe 2.0.0+2: label `backupbot.backup` of `web`
    labels.web."traefik.http.routers.run-00000000a_ci_test.rule" = "Host(`run-00000000a.ci.test`)"  # recipe 2.0.0+2: label `traefik.http.routers.run-00000000a_ci_test.rule` of `web`
    "#);

    let (exit, out, _) = simmer(folder.path(), &["overlay", "explain", "blog", "--json"]);
    assert_eq!(exit, 0);
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    let of = |key: &str| {
        told["settings"]
            .as_array()
            .unwrap()
            .iter()
            .find(|s| s["key"] == key)
            .unwrap_or_else(|| panic!("{key}"))
    };
    assert_eq!(
        of("health.path")["from"],
        serde_json::json!({"kind": "file", "file": "overlays/blog/overlay.toml", "line": 8})
    );
    assert_eq!(of("health.window")["from"]["kind"], "default");
    assert_eq!(of("simmer.limits.run")["value"], "30m");
    assert!(!out.contains("hunter2"), "{out}");
}

#[test]
fn a_starter_is_drawn_from_the_recipe_reads_well_and_overwrites_nothing() {
    let folder = instance();
    let (exit, out, err) = simmer(folder.path(), &["overlay", "new", "blog"]);
    assert_eq!((exit, short(folder.path(), &out).as_str()), (0, "overlays/blog/overlay.toml\n"), "{err}");
    let file = folder.path().join("overlays/blog/overlay.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    insta::assert_snapshot!(text, @r#"
    # Drawn from release 2.0.0+2 by `simmer overlay new`. Every key is in `docs/overlay.md`.
    # Services: `db`, `web`.
    primary_service = "web"

    [health]
    # Guessed from the healthcheck.
    path = "/api/healthz"

    # These cannot be generated.
    [secrets]
    # api_key = "…"

    # Backed up by the labels of web.
    # `content` at /var/lib/web of `web`
    # [[data]]
    # name = "a record"
    # after_backup = "gone"
    # Better through the app itself, where it has an API.
    # [data.seed]
    # sql = { service = "db", client = "psql", query = "CREATE TABLE simmer (m text); INSERT INTO simmer VALUES ('${MARKER}')" }
    # [data.check]
    # sql = { service = "db", client = "psql", query = "SELECT m FROM simmer" }
    # contains = "${MARKER}"
    # [data.destroy]
    # sql = { service = "db", client = "psql", query = "DROP TABLE simmer" }

    # [[test]]
    # name = "says what it is"
    # http = { path = "/" }
    # contains = "a text of the page"
    "#);
    let (exit, out, _) = simmer(folder.path(), &["overlay", "check"]);
    assert_eq!((exit, out.as_str()), (0, "1 overlay: 0 errors, 0 warnings\n"));

    // What is commented out is meant to be used: it reads as well.
    let bare: String = text.lines().map(|l| bare(l).to_owned() + "\n").collect();
    std::fs::write(&file, &bare).unwrap();
    let (exit, out, _) = simmer(folder.path(), &["overlay", "check"]);
    assert_eq!((exit, out.as_str()), (0, "1 overlay: 0 errors, 0 warnings\n"), "{bare}");

    let (exit, _, err) = simmer(folder.path(), &["overlay", "new", "blog"]);
    assert_eq!(exit, 2);
    assert!(err.contains("is there already"), "{err}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), bare);
}

#[test]
fn a_waiver_holds_until_its_day_and_one_that_does_nothing_is_told() {
    let folder = instance();
    let lint = || {
        let (_, out, err) = simmer(folder.path(), &["lint", "blog", "--json"]);
        let report: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
        report
    };
    let rules = |report: &serde_json::Value, list: &str| -> Vec<String> {
        let list = report[list].as_array().unwrap();
        list.iter().map(|f| f["rule"].as_str().unwrap().to_owned()).collect()
    };
    let before = lint();
    // A rule that stands in the compose file, so that a waiver may name another file.
    let found = before["findings"].as_array().unwrap();
    let found = found.iter().find(|f| f["file"] == "compose.yml" && f["rule"] != "R011").unwrap();
    let rule = found["rule"].as_str().unwrap().to_owned();
    let waive = |more: &str| {
        std::fs::create_dir_all(folder.path().join("overlays/blog")).unwrap();
        let text = format!("[[waiver]]\nrule = \"{rule}\"\nreason = \"known\"\n{more}\n");
        std::fs::write(folder.path().join("overlays/blog/overlay.toml"), text).unwrap();
        lint()
    };

    let waived = waive("until = 2999-01-31");
    assert!(!rules(&waived, "findings").contains(&rule));
    assert!(rules(&waived, "waived").iter().all(|r| *r == rule));
    assert_eq!(waived["waived"][0]["reason"], "known");

    for (more, severity, says) in [
        ("until = 2001-01-31", "warning", "ended on 2001-01-31 (known)"),
        ("until = 2999-01-31\nat = \"other.yml\"", "info", "in `other.yml` covers nothing any more"),
    ] {
        let idle = waive(more);
        assert!(rules(&idle, "findings").contains(&rule), "{more}: it waives nothing");
        let told = idle["findings"].as_array().unwrap().iter().find(|f| f["rule"] == "W001").unwrap();
        assert_eq!(told["severity"], severity, "{told}");
        assert!(told["says"].as_str().unwrap().contains(says), "{told}");
    }
}

/// Takes the `# ` from a line of TOML; prose stays a comment.
fn bare(line: &str) -> &str {
    let Some(rest) = line.strip_prefix("# ") else { return line };
    let is_toml = rest.starts_with('[') || rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
    if is_toml { rest } else { line }
}
