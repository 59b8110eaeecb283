//! The report: text, JSON, waivers, limits; and the table of rules.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use compose::lint::{REPORT_FORMAT, RULES};
use domain::event::Severity;

use crate::sample::{good, today};
use crate::{coop, files, ours, policy};

#[test]
fn a_good_recipe_has_nothing_to_say() {
    assert_eq!(good().lint().text(), "0 errors, 0 warnings, 0 info\n");
}

#[test]
fn every_rule_is_broken_by_a_test() {
    let tables = [coop::CASES, files::CASES, ours::CASES, policy::CASES];
    let tested: BTreeSet<&str> = tables.into_iter().flatten().map(|case| case.rule).chain(["W001"]).collect();
    let known: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(known.difference(&tested).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert_eq!(RULES.len(), known.len(), "an id is used twice");
}

#[test]
fn every_rule_says_what_why_and_what_to_do() {
    for rule in RULES {
        for text in [rule.name, rule.says, rule.why, rule.remedy] {
            assert!(
                !text.is_empty() && !text.ends_with('.') && !text.contains("  "),
                "{}: {text:?}",
                rule.id
            );
        }
    }
}

#[test]
fn rules_from_memory_are_marked() {
    let marked: Vec<&str> =
        RULES.iter().filter(|rule| rule.why.ends_with("[M]")).map(|rule| rule.id).collect();
    assert_eq!(
        marked,
        ["R001", "R002", "R003", "R004", "R005", "R006", "R007", "R009", "R010", "R012", "R015"]
    );
}

#[test]
fn the_report_is_readable_without_colour() {
    let flawed = r#"version: "3.8"
services:
  web:
    image: nginx
    depends_on: [db]
    networks: [proxy, internal]
    command: nginx -g "upstream http://app:80"
    ports: ["8080:80"]
    volumes: ["/var/run/docker.sock:/var/run/docker.sock"]
    deploy:
      labels:
        - "traefik.enable=true"
        - "traefik.http.routers.web.rule=Host(`www.example.net`)"
        - "traefik.http.services.web.loadbalancer.server.port=80"
        - "coop-cloud.${STACK_NAME}.version=0.9.0+1.2.2"
  app:
    image: example/blog:${BLOG_TAG}
    networks: [internal]
    configs: [{source: settings, target: /data/settings.ini}]
    volumes: ["data:/data"]
    healthcheck: {test: [CMD, x], interval: 10s}
    deploy: {update_config: {failure_action: rollback, monitor: 5s}}
  db:
    image: postgres:16-alpine
    networks: [internal]
    volumes: ["pg:/var/lib/postgresql/data"]
    secrets: [db_root_password]
    deploy:
      restart_policy: {condition: unless-stopped}
      labels:
        - "backupbot.backup=true"
        - "backupbot.backup.pre-hook=pg_dump -f /tmp/dump.sql"
networks:
  proxy: {external: true}
  internal:
volumes: {data: , pg: , old: }
configs:
  settings: {name: "${STACK_NAME}_settings", file: settings.ini}
secrets:
  db_root_password: {external: true, name: "${STACK_NAME}_db_root_password_${SECRET_DB_ROOT_PASSWORD_VERSION}"}
"#;
    let sample = good()
        .compose(flawed)
        .env("BLOG_TAG", "1.2.3")
        .file(".env.sample", "TYPE=blog\nDOMAIN=blog.example.org\nBLOG_TAG=1.2.3\n")
        .file("README.md", "# Blog\n")
        .waive("R002", None);
    insta::assert_snapshot!(sample.lint().text(), @r#"
    README.md       warning  R007  README.md has no block `<!-- metadata -->`
                                   fix: fill in the list between `<!-- metadata -->` and `<!-- endmetadata -->`
    compose.yml:3   info     S022  service `web` has no memory limit
                                   fix: set `deploy.resources.limits.memory`
    compose.yml:4   warning  R003  the image `nginx` of service `web` has no tag
                                   fix: name the version: `image: name:1.2.3`
    compose.yml:5   info     C002  swarm ignores `depends_on` of service `web`: all services start at once and in any order
                                   fix: remove the key if nobody uses the file with Docker Compose
    compose.yml:7   warning  S005  service `web` is on the shared network `proxy` and addresses `app` by its bare name (command): other stacks may answer
                                   fix: address it as `${STACK_NAME}_app`, or give it an alias of its own on the internal network
    compose.yml:8   error    P008  service `web` publishes port 8080
                                   fix: remove it, or let the owner of the instance allow `published-ports` in `recipes/<name>.toml`
    compose.yml:8   info     S020  service `web` publishes 8080/tcp on every node
                                   fix: let Traefik route it, or publish with `mode: host` where the client's address matters
    compose.yml:9   error    P003  service `web` mounts /var/run/docker.sock of the host at /var/run/docker.sock
                                   fix: remove it, or let the owner of the instance allow `docker-socket` in `recipes/<name>.toml`
    compose.yml:13  error    P013  the rule `Host(`www.example.net`)` of service `web` takes what is not for `blog.example.org`
                                   fix: remove it, or let the owner of the instance allow `foreign-hosts` in `recipes/<name>.toml`
    compose.yml:13  warning  S014  the stack's domain is `blog.example.org`, and its routers answer to `www.example.net`
                                   fix: write the rule as ``Host(`${DOMAIN}`)``
    compose.yml:13  warning  S028  the name `web` in routers of service `web` is the same in every stack
                                   fix: put `${STACK_NAME}` into the name: `traefik.http.routers.${STACK_NAME}.rule`
    compose.yml:14  warning  S028  the name `web` in services of service `web` is the same in every stack
                                   fix: put `${STACK_NAME}` into the name: `traefik.http.routers.${STACK_NAME}.rule`
    compose.yml:15  warning  S019  the version label is `0.9.0+1.2.2`, and the release is tagged `1.0.0+1.2.3`
                                   fix: put `coop-cloud.${STACK_NAME}.version=<tag>` into `deploy.labels` of one service, before the tag is made
    compose.yml:16  info     S022  service `app` has no memory limit
                                   fix: set `deploy.resources.limits.memory`
    compose.yml:17  warning  S008  the image of service `app` comes from what `.env.sample` sets: `BLOG_TAG` (line 3)
                                   fix: write the tag into the compose file, and take the variable out of `.env.sample`
    compose.yml:19  warning  S006  config `settings` is mounted read-only at /data/settings.ini, inside volume `data` of service `app`
                                   fix: mount it beside the volume, and copy it in at start where it is missing
    compose.yml:22  warning  S015  an update of service `app` is watched for 5 s, and its healthcheck needs 30 s to fail
                                   fix: make `update_config.monitor` longer than start_period + interval × retries
    compose.yml:23  info     S022  service `db` has no memory limit
                                   fix: set `deploy.resources.limits.memory`
    compose.yml:24  info     S007  the tag `16-alpine` of service `db`'s image has no patch number: upstream may move it
                                   fix: name the version in full, or add the digest: `name:1.2.3@sha256:…`
    compose.yml:26  warning  S002  volume `pg` of service `db` is backed up while the database writes to /var/lib/postgresql
                                   fix: dump in `backupbot.backup.pre-hook`, store only the dump with `backupbot.backup.volumes.pg.path=<file>`, load it in `backupbot.restore.post-hook`
    compose.yml:29  error    S024  `restart_policy.condition` of service `db` is `unless-stopped`, which the engine refuses
                                   fix: use one of any, on-failure, none
    compose.yml:32  warning  S003  service `db` has a backup pre-hook that makes a dump, and no restore hook
                                   fix: add `backupbot.restore.post-hook` to the same service, which loads the dump
    compose.yml:36  info     S017  volume `old` is declared, and no service mounts it
                                   fix: remove it, or correct the name where it is mounted
    compose.yml:38  warning  R012  config `settings` has no version in its name: its content can never be changed
                                   fix: name the config `${STACK_NAME}_<name>_${<NAME>_VERSION}`, and write `export <NAME>_VERSION=v1` in `abra.sh`
    compose.yml:40  warning  R015  the name of secret `db_root_password` has 16 characters
                                   fix: shorten the secret's name to 12 characters
    compose.yml:40  warning  S018  the version `SECRET_DB_ROOT_PASSWORD_VERSION` of secret `db_root_password` is not in `.env.sample`
                                   fix: add `SECRET_DB_ROOT_PASSWORD_VERSION=v1` to `.env.sample`
    waived for ever: compose.yml:3 R002: service `web` has no healthcheck (known)
    waived for ever: compose.yml:23 R002: service `db` has no healthcheck (known)
    4 errors, 15 warnings, 7 info, 2 waived
    "#);
}

#[test]
fn what_does_not_load_is_not_judged_and_says_so() {
    let report = good().compose("services: [").lint();
    assert!(report.unjudged.iter().any(|unjudged| unjudged.rule == "P001"));
    assert!(report.unjudged.iter().all(|unjudged| unjudged.rule != "R008"));
    assert_eq!(report.worst(), Some(Severity::Error));
}

#[test]
fn the_json_has_a_version_and_every_field() {
    let json = good().file(".env.sample", "").without("README.md").lint().json();
    assert_eq!(json["version"], REPORT_FORMAT);
    let finding = &json["findings"][0];
    for field in ["rule", "severity", "file", "line", "says", "remedy"] {
        assert!(!finding[field].is_null(), "{field} in {finding}");
    }
    assert!(json["waived"].is_array() && json["unjudged"].is_array());
}

#[test]
fn a_waiver_hides_a_finding_and_keeps_it_on_record() {
    let report = good().without("README.md").waive("R007", Some(today())).lint();
    assert_eq!(report.findings, []);
    insta::assert_snapshot!(report.text(), @r#"
    waived until 2026-11-21: README.md R007: there is no README.md (known)
    0 errors, 0 warnings, 0 info, 1 waived
    "#);
}

#[test]
fn w001_a_waiver_that_has_ended_hides_nothing() {
    let ended = NaiveDate::from_ymd_opt(2026, 11, 20).unwrap();
    let report = good().without("README.md").waive("R007", Some(ended)).lint();
    let rules: Vec<_> = report.findings.iter().map(|finding| finding.rule.as_str()).collect();
    assert_eq!(rules, ["W001", "R007"]);
}

#[test]
fn w001_a_waiver_that_names_no_rule_or_covers_nothing_is_told() {
    let report = good().waive("R999", None).waive("R007", None).waive("C001", None).lint();
    insta::assert_snapshot!(report.text(), @r#"
    (recipe)  warning  W001  the waiver of `R999` names no rule
                             fix: remove the waiver, or renew it with a new reason and end
    (recipe)  info     W001  the waiver of `R007` covers nothing any more
                             fix: remove the waiver, or renew it with a new reason and end
    (recipe)  warning  W001  `C001` cannot be waived: nothing can be deployed where it is broken
                             fix: remove the waiver, or renew it with a new reason and end
    0 errors, 2 warnings, 1 info
    "#);
}

#[test]
fn a_recipe_that_is_too_large_to_judge_fails() {
    let ports: String = (0..30_000).map(|port| format!("      - {}:1\n", port + 1)).collect();
    let text = format!("version: '3.8'\nservices:\n  app:\n    image: a:1.2.3\n    ports:\n{ports}");
    let report = good().compose(&text).lint();
    assert_eq!(report.worst(), Some(Severity::Error));
    let finding = report.errors().find(|finding| finding.rule == "C001").unwrap();
    assert!(finding.says.ends_with("lint reads no more than 20000"), "{}", finding.says);
    assert!(report.unjudged.iter().any(|unjudged| unjudged.rule == "P008"));
}

#[test]
fn a_recipe_that_breaks_one_rule_everywhere_is_told_fifty_times() {
    let ports: String = (0..5_000).map(|port| format!("      - {}:1\n", port + 1)).collect();
    let text = format!("version: '3.8'\nservices:\n  app:\n    image: a:1.2.3\n    ports:\n{ports}");
    let found = good().compose(&text).found("P008");
    assert_eq!(found.len(), 50);
    assert!(
        found.last().unwrap().says.ends_with("(and 4950 more like this)"),
        "{}",
        found.last().unwrap().says
    );
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(96))]

    /// Cuts the good recipe up and puts it together wrongly.
    #[test]
    fn lint_never_panics_and_never_names_a_line_that_is_not_there(
        cuts in proptest::collection::vec((0_usize..2000, 0_usize..60, "[ \\n:{}\\[\\]$a-z0-9&*!|>'\"#-]{0,6}"), 0..4),
        env in "[A-Za-z0-9_=# \\n$'\"{}]{0,80}",
    ) {
        let mut text = good().recipe.files["compose.yml"].clone();
        for (at, length, new) in cuts {
            let from = at.min(text.len());
            let to = (from + length).min(text.len());
            text.replace_range(from..to, &new);
        }
        let sample = good().compose(&text).file(".env.sample", &env);
        let report = sample.lint();
        for finding in &report.findings {
            let lines = sample.recipe.files.get(&finding.file).map_or(0, |text| text.lines().count() + 1);
            proptest::prop_assert!(usize::try_from(finding.line).unwrap() <= lines, "{finding:?}");
        }
        proptest::prop_assert!(report.text().lines().count() >= report.findings.len());
    }
}
