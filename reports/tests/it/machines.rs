//! The files for machines, read back by readers that are not ours.

use reports::{OUTCOME_SCHEMA, RunView, fold, junit, outcome_json};
use serde_json::{Value, json};

use crate::sample;

fn views() -> Vec<RunView> {
    sample::gallery().iter().map(|s| fold(&s.events)).collect()
}

#[test]
fn junit_is_well_formed_and_its_counts_are_true() {
    let text = junit(&views());
    let xml = roxmltree::Document::parse(&text).unwrap();
    let suites: Vec<_> = xml.descendants().filter(|n| n.has_tag_name("testsuite")).collect();
    // A suite for each tier, and one for the run.
    assert_eq!(suites.len(), views().iter().map(|v| v.tiers.len() + 1).sum::<usize>());
    for suite in suites {
        let counted = |tag: &str| suite.descendants().filter(|n| n.has_tag_name(tag)).count().to_string();
        assert_eq!(suite.attribute("tests").unwrap(), counted("testcase"));
        assert_eq!(suite.attribute("failures").unwrap(), counted("failure"));
        assert_eq!(suite.attribute("errors").unwrap(), counted("error"));
        assert_eq!(suite.attribute("skipped").unwrap(), counted("skipped"));
    }
}

#[test]
fn junit_says_of_each_tier_and_probe_what_became_of_it() {
    let text = junit(&[fold(&sample::mixed_stack().events), fold(&sample::platform_fault().events)]);
    let xml = roxmltree::Document::parse(&text).unwrap();
    let mut said = String::new();
    for suite in xml.descendants().filter(|n| n.has_tag_name("testsuite")) {
        said += &format!("{}\n", suite.attribute("name").unwrap());
        for case in suite.children().filter(|n| n.has_tag_name("testcase")) {
            let status = case.children().find(|n| n.is_element() && !n.has_tag_name("system-out"));
            let status = status.map_or("passed".to_owned(), |s| {
                let of = |name| s.attribute(name).unwrap_or("-");
                format!("{} {} {}", s.tag_name().name(), of("type"), of("message"))
            });
            said += &format!("  {}: {status}\n", case.attribute("name").unwrap());
        }
    }
    insta::assert_snapshot!(said, @r"
    hedgedoc 2.5.0+1.12.0 lint
      lint: passed
    hedgedoc 2.5.0+1.12.0 install
      install: passed
      install__generic__probe inside /api/healthz: passed
      install__generic__probe outside /api/healthz: passed
    hedgedoc 2.5.0+1.12.0 upgrade
      upgrade from 2.4.0+1.11.0: failure mixed_stack the stack is mixed: `app` rolled back while `db`, `worker` stayed new: update paused due to failure or early termination of task 4kd0x
      upgrade from 2.3.1+1.10.4: passed
      upgrade__generic__probe base inside /api/healthz side B: passed
      upgrade__generic__probe base outside /api/healthz side B: passed
      upgrade__generic__probe base inside /api/healthz side B1: passed
      upgrade__generic__probe base outside /api/healthz side B1: passed
      upgrade__generic__probe inside /api/healthz side B1: passed
      upgrade__generic__probe outside /api/healthz side B1: passed
    hedgedoc 2.5.0+1.12.0 backup
      backup: skipped - there is no test of it
    hedgedoc 2.5.0+1.12.0 restore
      restore: skipped - there is no test of it
    hedgedoc 2.5.0+1.12.0 custom
      custom: skipped - there is no test of it
    hedgedoc 2.5.0+1.12.0 run
      cleared: error left_behind network run-5b1c_internal, volume run-5b1c_data
    matrix-synapse 7.1.0+v1.116.0 lint
      lint: passed
    matrix-synapse 7.1.0+v1.116.0 install
      install: error image_pull `app`: image `matrixdotorg/synapse:v1.116.0` could not be fetched (timed out after 30 s)
    matrix-synapse 7.1.0+v1.116.0 upgrade
      upgrade: error after tier install, on which it stands, did not pass
    matrix-synapse 7.1.0+v1.116.0 backup
      backup: skipped - there is no test of it
    matrix-synapse 7.1.0+v1.116.0 restore
      restore: skipped - there is no test of it
    matrix-synapse 7.1.0+v1.116.0 custom
      custom: skipped - there is no test of it
    matrix-synapse 7.1.0+v1.116.0 run
      cleared: passed
    ");
}

#[test]
fn junit_of_a_failure_holds_the_last_lines_and_the_remedy() {
    let text = junit(&[fold(&sample::crash_loop().events)]);
    let xml = roxmltree::Document::parse(&text).unwrap();
    let failure = xml.descendants().find(|n| n.has_tag_name("failure")).unwrap();
    assert_eq!(failure.attribute("type"), Some("crash_loop"));
    let text = failure.text().unwrap();
    assert!(text.contains("pq: could not create unique index"));
    assert!(text.contains("The recipe is at fault."));
}

#[test]
fn an_outcome_keeps_the_promise_of_its_schema() {
    let schema: Value = serde_json::from_str(OUTCOME_SCHEMA).unwrap();
    let mut all = views();
    all.push(reports::read("").view());
    for view in all {
        let outcome: Value = serde_json::from_str(&outcome_json(&view)).unwrap();
        if let Err(says) = conforms(&schema, &schema, &outcome, "$") {
            panic!("{says}");
        }
    }
    for cause in sample::all_causes() {
        let sample = sample::Script::new("cause", "gitea", "1.0.0+1", &[])
            .judge(domain::Tier::Install, None, domain::Verdict::of(cause))
            .done(&[]);
        let outcome = serde_json::from_str(&outcome_json(&fold(&sample.events))).unwrap();
        conforms(&schema, &schema, &outcome, "$").unwrap();
    }
}

#[test]
fn the_schema_refuses_what_it_does_not_promise() {
    let schema: Value = serde_json::from_str(OUTCOME_SCHEMA).unwrap();
    let good: Value = serde_json::from_str(&outcome_json(&fold(&sample::crash_loop().events))).unwrap();
    let spoilt = |path: &str, with: Value| {
        let mut bad = good.clone();
        *bad.pointer_mut(path).unwrap() = with;
        conforms(&schema, &schema, &bad, "$").unwrap_err()
    };
    assert_eq!(spoilt("/format", json!(2)), "$.format: 2 is not 1");
    assert_eq!(spoilt("/level", json!("high")), "$.level: \"high\" is not [\"integer\",\"null\"]");
    assert!(spoilt("/tiers/0/verdict", json!("great")).starts_with("$.tiers[0].verdict: "));
    assert!(spoilt("/tiers/0", json!({"tier": "lint"})).ends_with("`verdict` is missing"));
    let mut more = good.clone();
    more["surprise"] = json!(1);
    assert_eq!(conforms(&schema, &schema, &more, "$").unwrap_err(), "$: `surprise` is not promised");
}

/// A reader of the part of JSON Schema that our schema uses. A keyword that it does not know is an error, so
/// that no rule is silently passed over.
fn conforms(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$schema" | "title" | "description" | "$defs" => {}
            "$ref" => {
                let target = rule.as_str().unwrap().trim_start_matches('#');
                conforms(root, root.pointer(target).unwrap(), value, at)?;
            }
            "const" if value != rule => return Err(format!("{at}: {value} is not {rule}")),
            "const" => {}
            "enum" if !rule.as_array().unwrap().contains(value) => {
                return Err(format!("{at}: {value} is none of {rule}"));
            }
            "enum" => {}
            "type" => {
                let fits = |name: &Value| match name.as_str().unwrap() {
                    "string" => value.is_string(),
                    "integer" => value.is_u64() || value.is_i64(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    other => panic!("the schema names type {other}"),
                };
                let fits = rule.as_array().map_or_else(|| fits(rule), |any| any.iter().any(fits));
                if !fits {
                    return Err(format!("{at}: {value} is not {rule}"));
                }
            }
            "minimum" if value.as_i64().is_some_and(|n| n < rule.as_i64().unwrap()) => {
                return Err(format!("{at}: {value} is too low"));
            }
            "maximum" if value.as_i64().is_some_and(|n| n > rule.as_i64().unwrap()) => {
                return Err(format!("{at}: {value} is too high"));
            }
            "minimum" | "maximum" => {}
            "items" => {
                for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                    conforms(root, rule, item, &format!("{at}[{n}]"))?;
                }
            }
            "required" => {
                for name in rule.as_array().into_iter().flatten().filter(|_| value.is_object()) {
                    if value.get(name.as_str().unwrap()).is_none() {
                        return Err(format!("{at}: `{}` is missing", name.as_str().unwrap()));
                    }
                }
            }
            "properties" => {
                for (name, rule) in rule.as_object().unwrap() {
                    if let Some(inner) = value.get(name) {
                        conforms(root, rule, inner, &format!("{at}.{name}"))?;
                    }
                }
            }
            "additionalProperties" => {
                let named = schema.get("properties").and_then(Value::as_object);
                for (name, inner) in value.as_object().into_iter().flatten() {
                    if named.is_some_and(|named| named.contains_key(name)) {
                        continue;
                    }
                    if *rule == Value::Bool(false) {
                        return Err(format!("{at}: `{name}` is not promised"));
                    }
                    conforms(root, rule, inner, &format!("{at}.{name}"))?;
                }
            }
            other => panic!("the schema uses `{other}`, which this reader does not know"),
        }
    }
    Ok(())
}

#[test]
fn an_outcome_says_what_a_script_would_ask() {
    let outcome: Value = serde_json::from_str(&outcome_json(&fold(&sample::crash_loop().events))).unwrap();
    let picked = json!({
        "format": outcome["format"],
        "state": outcome["state"],
        "level": outcome["level"],
        "upgrade": outcome["tiers"][2],
        "left": outcome["left"],
    });
    insta::assert_snapshot!(serde_json::to_string_pretty(&picked).unwrap(), @r#"
    {
      "format": 1,
      "state": "failed",
      "level": 1,
      "upgrade": {
        "tier": "upgrade",
        "verdict": "failed",
        "cause": {
          "name": "crash_loop",
          "fault": "recipe",
          "says": "`app` left 3 times, last with code 1: last at 03:05:11",
          "advice": "Read the last lines of its log: the process says why it leaves. Usual reasons are a variable or secret that is not set, a file that cannot be written, a database that is not there yet.",
          "service": "app",
          "last_lines": [
            "2026-11-21T03:04:52Z routers/common/db.go:23:InitDBEngine() [I] ORM engine initialization attempt #1/10...",
            "2026-11-21T03:04:52Z models/migrations/migrations.go:641:Migrate() [I] Migration[291]: Add Index to issue_user.issue_id",
            "2026-11-21T03:04:52Z models/migrations/migrations.go:645:Migrate() [E] migration[291]: Add Index to issue_user.issue_id failed: pq: could not create unique index \"IDX_issue_user_issue_id\"",
            "2026-11-21T03:04:52Z routers/init.go:61:mustInitCtx() [F] code.gitea.io/gitea/routers.InitWebInstalled(ctx) failed: migrate: pq: could not create unique index"
          ]
        },
        "tests": {
          "passed": 0,
          "failed": 0,
          "skipped": 0,
          "broken": 0
        },
        "app_millis": 23000,
        "our_millis": 5652,
        "bases": [
          {
            "base": "3.5.3+1.21.11-rootless",
            "verdict": "failed",
            "cause": {
              "name": "crash_loop",
              "fault": "recipe",
              "says": "`app` left 3 times, last with code 1: last at 03:05:11",
              "advice": "Read the last lines of its log: the process says why it leaves. Usual reasons are a variable or secret that is not set, a file that cannot be written, a database that is not there yet.",
              "service": "app",
              "last_lines": [
                "2026-11-21T03:04:52Z routers/common/db.go:23:InitDBEngine() [I] ORM engine initialization attempt #1/10...",
                "2026-11-21T03:04:52Z models/migrations/migrations.go:641:Migrate() [I] Migration[291]: Add Index to issue_user.issue_id",
                "2026-11-21T03:04:52Z models/migrations/migrations.go:645:Migrate() [E] migration[291]: Add Index to issue_user.issue_id failed: pq: could not create unique index \"IDX_issue_user_issue_id\"",
                "2026-11-21T03:04:52Z routers/init.go:61:mustInitCtx() [F] code.gitea.io/gitea/routers.InitWebInstalled(ctx) failed: migrate: pq: could not create unique index"
              ]
            }
          }
        ]
      },
      "left": []
    }
    "#);
}

#[test]
fn everything_is_the_same_when_rendered_again() {
    for sample in sample::gallery() {
        let render = || {
            let view = reports::read(&sample.text()).view();
            [
                junit(std::slice::from_ref(&view)),
                outcome_json(&view),
                reports::markdown(&view),
                reports::run_page(&view, &sample.logs),
                reports::index_page(std::slice::from_ref(&view)),
                reports::table(std::slice::from_ref(&view)),
                reports::badge(view.level(), view.state()),
            ]
        };
        assert_eq!(render(), render(), "{}", sample.name);
    }
}
