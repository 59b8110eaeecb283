//! What a person sees.

use compose::Interpolation;

use crate::oracle::Case;

#[test]
fn all_problems_are_pictured_with_their_lines_and_hints() {
    let folder = tempfile::tempdir().unwrap();
    let text = "\
version: \"3.8\"
services:
  app:
    imge: nginx
    ports: [\"80:80\", {target: web}]
    healthcheck: {interval: 30}
    mem_limit: 1g
  db:
    image: ${DB:?name a database}
";
    let problems = Case::of_text(folder.path(), text).ours(Interpolation::Apply).unwrap_err();
    insta::assert_snapshot!(problems, @r#"
    error: `services.app.imge` is not a known key
      --> compose.yml:4:5
      |
    4 |     imge: nginx
      |     ^
      hint: did you mean `image`?

    error: `services.app.ports[1].target` must be a whole number, but is a text
      --> compose.yml:5:31
      |
    5 |     ports: ["80:80", {target: web}]
      |                               ^
      hint: write a whole number

    error: `services.app.healthcheck.interval` must be a duration, but is a whole number
      --> compose.yml:6:29
      |
    6 |     healthcheck: {interval: 30}
      |                             ^
      hint: write a number with a unit, such as `30s`, `1m30s` or `2h`

    error: `services.app.mem_limit` is forbidden in a stack
      --> compose.yml:7:5
      |
    7 |     mem_limit: 1g
      |     ^
      hint: set limits in `deploy.resources`

    error: `services.db.image` required variable `DB` is missing a value: name a database
      --> compose.yml:9:12
      |
    9 |     image: ${DB:?name a database}
      |            ^
      hint: set `DB` in the environment

    5 problems in the compose files
    "#);
}

#[test]
fn what_swarm_ignores_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        "services:\n  app:\n    image: x\n    privileged: true\n    container_name: y\n    restart: always\n";
    let loaded = Case::of_text(folder.path(), text).ours(Interpolation::Apply).unwrap();
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(warnings.join("\n"), @"
    compose.yml:4:5: `services.app.privileged` is ignored by swarm (remove it)
    compose.yml:5:5: `services.app.container_name` has no effect: swarm names containers itself (remove it)
    compose.yml:6:5: `services.app.restart` is ignored by swarm (use `deploy.restart_policy`; without one, `restart` is read as its condition)
    ");
}
