//! The jq lines of `docs/reports.md`, run as they stand there. The reader is jaq, a jq in Rust, so that no machine has to
//! have one.

use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Ctx, Vars, data, unwrap_valr};
use jaq_json::{Val, read};
use reports::{fold, outcome_json};

use crate::sample;

const DOC: &str = include_str!("../../../docs/reports.md");

/// A documented line: what is before the pipe, jq's options, and the program.
fn lines() -> Vec<(String, String, String)> {
    DOC.lines()
        .filter(|line| line.starts_with("simmer "))
        .map(|line| {
            let (command, rest) = line.split_once(" | jq ").unwrap();
            let (options, program) = rest.split_once(" '").unwrap();
            (command.to_owned(), options.to_owned(), program.strip_suffix('\'').unwrap().to_owned())
        })
        .collect()
}

fn run(program: &str, options: &str, input: &str) -> String {
    let input = read::parse_single(input.as_bytes()).unwrap();
    let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let funs = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let loader = Loader::new(defs);
    let arena = Arena::default();
    let modules =
        loader.load(&arena, File { code: program, path: () }).unwrap_or_else(|e| panic!("{program}: {e:?}"));
    let filter = jaq_core::Compiler::default()
        .with_funs(funs)
        .compile(modules)
        .unwrap_or_else(|e| panic!("{program}: {e:?}"));
    let ctx = Ctx::<data::JustLut<Val>>::new(&filter.lut, Vars::new([]));
    let values = filter.id.run((ctx, input)).map(unwrap_valr);
    let text = |value: Val| {
        let json = value.to_string();
        match serde_json::from_str::<serde_json::Value>(&json) {
            Ok(serde_json::Value::String(text)) if options.contains('r') => text,
            _ => json,
        }
    };
    values.map(|value| text(value.unwrap()) + "\n").collect()
}

#[test]
fn every_documented_line_for_jq_says_what_it_is_for() {
    let outcomes: Vec<String> = [sample::named_cause(), sample::five_tiers(), sample::superficial()]
        .iter()
        .map(|s| outcome_json(&fold(&s.events)))
        .collect();
    let all = format!("[{}]", outcomes.join(","));
    let mut said = String::new();
    for (command, options, program) in lines() {
        let inputs =
            if command.starts_with("simmer runs ") { std::slice::from_ref(&all) } else { &outcomes[..2] };
        for input in inputs {
            said += &run(&program, &options, input);
        }
        said += "--\n";
    }
    assert!(lines().len() >= 5);
    insta::assert_snapshot!(said, @r#"
    install: recipe: overlay test `api` failed: 1 of 2 cases failed
    upgrade: recipe: `app`: it writes to a config that is mounted read-only: 2026-11-21T03:04:52Z [F] failed to save "/etc/gitea/app.ini": open /etc/gitea/app.ini: read-only file system (`app` left 3 times, last with code 1: last at 03:05:11)
    --
    false
    true
    --
    install overlay api: 1 of 2 cases failed (tests/A0-install-api.log)
    --
    {"seconds":4.262,"percent":11.0}
    {"seconds":7.986,"percent":13.4}
    --
    {"seed":{"repositories":2,"users":1},"upgrade":{"repositories":2,"users":2},"restore":{"repositories":2,"users":2}}
    --
    gitea 3.6.0+1.22.1-rootless: passed, level 5
    radicale 1.2.0+3.2.3: superficial, level 1
    --
    "#);
}
