//! JUnit for others: judged by the rules of the common schema, and read by two readers that are not ours and know
//! nothing of each other: a Rust crate on quick-xml, and Python's standard library on expat.

use std::io::Write as _;
use std::process::{Command, Stdio};

use reports::{RunView, fold, junit};
use roxmltree::{Document, Node};

use crate::sample;

fn views() -> Vec<RunView> {
    sample::gallery().iter().map(|s| fold(&s.events)).collect()
}

/// A rule of the schema for one element: attributes with their kinds (`!` is required), and children in the order in
/// which they may stand; `*` may come again.
struct Rule {
    element: &'static str,
    attributes: &'static [(&'static str, Kind, bool)],
    children: &'static [&'static str],
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Count,
    /// Seconds, as `xs:decimal`.
    Seconds,
    /// `xs:dateTime`.
    Instant,
}

const MUST: bool = true;
const MAY: bool = false;

/// What the schemas of Jenkins, Maven's Surefire and Ant have in common, as JUnit's readers use it: no properties in a
/// test case, one outcome at most, properties before cases before outputs.
const RULES: [Rule; 9] = [
    Rule {
        element: "testsuites",
        attributes: &[
            ("name", Kind::Text, MAY),
            ("tests", Kind::Count, MAY),
            ("failures", Kind::Count, MAY),
            ("errors", Kind::Count, MAY),
            ("skipped", Kind::Count, MAY),
            ("time", Kind::Seconds, MAY),
        ],
        children: &["testsuite*"],
    },
    Rule {
        element: "testsuite",
        attributes: &[
            ("name", Kind::Text, MUST),
            ("tests", Kind::Count, MUST),
            ("failures", Kind::Count, MUST),
            ("errors", Kind::Count, MUST),
            ("skipped", Kind::Count, MAY),
            ("time", Kind::Seconds, MAY),
            ("timestamp", Kind::Instant, MAY),
        ],
        children: &["properties", "testcase*", "system-out", "system-err"],
    },
    Rule { element: "properties", attributes: &[], children: &["property*"] },
    Rule {
        element: "property",
        attributes: &[("name", Kind::Text, MUST), ("value", Kind::Text, MUST)],
        children: &[],
    },
    Rule {
        element: "testcase",
        attributes: &[
            ("name", Kind::Text, MUST),
            ("classname", Kind::Text, MUST),
            ("time", Kind::Seconds, MAY),
        ],
        children: &["skipped|failure|error", "system-out", "system-err"],
    },
    Rule { element: "skipped", attributes: &[("message", Kind::Text, MUST)], children: &[] },
    Rule {
        element: "failure",
        attributes: &[("message", Kind::Text, MUST), ("type", Kind::Text, MUST)],
        children: &[],
    },
    Rule {
        element: "error",
        attributes: &[("message", Kind::Text, MUST), ("type", Kind::Text, MUST)],
        children: &[],
    },
    Rule { element: "system-out", attributes: &[], children: &[] },
];

fn judge(node: Node<'_, '_>) -> Result<(), String> {
    let name = node.tag_name().name();
    let at = |says: String| Err(format!("<{name}>: {says}"));
    let Some(rule) = RULES.iter().find(|r| r.element == name) else {
        return at("there is no such element".into());
    };
    for attribute in node.attributes() {
        let Some((_, kind, _)) = rule.attributes.iter().find(|(n, _, _)| *n == attribute.name()) else {
            return at(format!("it has no attribute `{}`", attribute.name()));
        };
        let value = attribute.value();
        let fits = match kind {
            Kind::Text => !value.is_empty(),
            Kind::Count => value.parse::<u64>().is_ok(),
            Kind::Seconds => {
                value.parse::<f64>().is_ok_and(|s| s >= 0.0) && !value.contains(['e', 'E', 'n', '+'])
            }
            Kind::Instant => chrono::DateTime::parse_from_rfc3339(value).is_ok(),
        };
        if !fits {
            return at(format!("`{}` cannot be `{value}`", attribute.name()));
        }
    }
    if let Some((missing, _, _)) =
        rule.attributes.iter().find(|(n, _, must)| *must && !node.has_attribute(*n))
    {
        return at(format!("`{missing}` is missing"));
    }
    let mut places = rule.children.iter().peekable();
    for child in node.children().filter(Node::is_element) {
        let child_name = child.tag_name().name();
        let is = |place: &str| place.trim_end_matches('*').split('|').any(|p| p == child_name);
        while places.peek().is_some_and(|place| !is(place)) {
            places.next();
        }
        match places.peek() {
            None => return at(format!("<{child_name}> has no place here")),
            Some(place) if !place.ends_with('*') => {
                places.next();
            }
            Some(_) => {}
        }
        judge(child)?;
    }
    Ok(())
}

#[test]
fn junit_keeps_the_rules_of_the_common_schema() {
    for view in views().iter().chain([&reports::read("").view()]) {
        let text = junit(std::slice::from_ref(view));
        let xml = Document::parse(&text).unwrap();
        judge(xml.root_element()).unwrap_or_else(|says| panic!("{says} in {text}"));
        for suite in xml.descendants().filter(|n| n.has_tag_name("testsuite")) {
            let names: Vec<_> = suite
                .children()
                .filter(|n| n.has_tag_name("testcase"))
                .map(|n| (n.attribute("classname"), n.attribute("name")))
                .collect();
            let unique: std::collections::BTreeSet<_> = names.iter().collect();
            assert_eq!(unique.len(), names.len(), "no two cases of a suite share their name");
        }
    }
}

#[test]
fn the_rules_refuse_what_the_schema_refuses() {
    let refused = |xml: &str| judge(Document::parse(xml).unwrap().root_element()).unwrap_err();
    let suite =
        |inner: &str| format!("<testsuite name='a' tests='1' failures='0' errors='0'>{inner}</testsuite>");
    assert_eq!(refused("<testsuite name='a' tests='1' failures='0'/>"), "<testsuite>: `errors` is missing");
    assert_eq!(
        refused(&suite("<testcase name='b' classname='c' time='1e3'/>")),
        "<testcase>: `time` cannot be `1e3`"
    );
    assert_eq!(
        refused(&suite("<testcase name='b' classname='c'><properties/></testcase>")),
        "<testcase>: <properties> has no place here"
    );
    assert_eq!(
        refused(&suite("<system-out/><testcase name='b' classname='c'/>")),
        "<testsuite>: <testcase> has no place here"
    );
    let two = "<testcase name='b' classname='c'><failure message='m' type='t'/><error message='m' type='t'/></testcase>";
    assert_eq!(refused(&suite(two)), "<testcase>: <error> has no place here");
}

/// What a reader made of a document: a line for each case, `suite | case | outcome | message`.
fn read_by_crate(text: &str) -> Vec<String> {
    let read = junit_parser::from_reader(text.as_bytes()).unwrap();
    let mut lines = Vec::new();
    for suite in &read.suites {
        for case in &suite.cases {
            let (outcome, message) = match &case.status {
                junit_parser::TestStatus::Success => ("passed", ""),
                junit_parser::TestStatus::Failure(f) => ("failure", f.message.as_str()),
                junit_parser::TestStatus::Error(e) => ("error", e.message.as_str()),
                junit_parser::TestStatus::Skipped(s) => ("skipped", s.message.as_str()),
            };
            lines.push(format!("{} | {} | {outcome} | {message}", suite.name, case.original_name));
        }
        lines.push(format!(
            "{} | {} tests, {} failures, {} errors, {} skipped",
            suite.name, suite.tests, suite.failures, suite.errors, suite.skipped
        ));
    }
    lines
}

fn read_by_python(text: &str) -> Vec<String> {
    let script = include_str!("junit_reader.py");
    let mut python = Command::new("python3")
        .args(["-I", "-c", script])
        .env("PYTHONIOENCODING", "utf-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is needed for the second reader: `cargo xtask up` installs it");
    python.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let told = python.wait_with_output().unwrap();
    assert!(told.status.success());
    String::from_utf8(told.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// CC-051, CC-053: both readers see the same cases, outcomes, reasons and counts, whatever strangers wrote into them.
#[test]
fn two_independent_readers_agree_on_what_junit_says() {
    let text = junit(&views());
    let (by_crate, by_python) = (read_by_crate(&text), read_by_python(&text));
    assert!(by_crate.len() > 150);
    assert_eq!(by_crate, by_python);
    for outcome in ["passed", "failure", "error", "skipped"] {
        assert!(by_crate.iter().any(|line| line.contains(&format!("| {outcome} |"))), "{outcome}");
    }
}

#[test]
fn junit_names_each_test_by_tier_and_source() {
    let lines = read_by_crate(&junit(&[fold(&sample::five_tiers().events)]));
    let cases: Vec<&str> = lines
        .iter()
        .filter_map(|l| l.split_once(" | "))
        .map(|(_, rest)| rest.trim_end_matches(" | "))
        .collect();
    insta::assert_snapshot!(cases.join("\n"), @r"
    lint | passed
    1 tests, 0 failures, 0 errors, 0 skipped
    install | passed
    install__generic__answers outside | passed
    install__overlay__official image | passed
    install__overlay__sign up and push | passed
    install__overlay__sign up and push::test_login | passed
    install__overlay__sign up and push::test_repo_is_made | passed
    install__overlay__sign up and push::test_push_over_https | passed
    install__recipe__oidc | skipped | applies to >=4.0.0, this is 3.6.0+1.22.1-rootless
    install__generic__probe inside /api/healthz | passed
    install__generic__probe outside /api/healthz | passed
    10 tests, 0 failures, 0 errors, 1 skipped
    upgrade | passed
    upgrade__overlay__repositories survive | passed
    upgrade__generic__data witness in check data | passed
    upgrade__overlay__data two repositories in check data | passed
    upgrade__generic__probe base inside /api/healthz | passed
    upgrade__generic__probe base outside /api/healthz | passed
    upgrade__generic__probe inside /api/healthz | passed
    upgrade__generic__probe outside /api/healthz | passed
    8 tests, 0 failures, 0 errors, 0 skipped
    backup | passed
    backup__generic__the dump is whole | passed
    backup__recipe__hook db backup pre | passed
    3 tests, 0 failures, 0 errors, 0 skipped
    restore | passed
    restore__generic__data witness in read back | passed
    restore__overlay__data two repositories in read back | passed
    3 tests, 0 failures, 0 errors, 0 skipped
    custom | passed
    custom__overlay__git over ssh and https | passed
    custom__overlay__git over ssh and https::clone | passed
    custom__overlay__git over ssh and https::push | passed
    custom__overlay__git over ssh and https::mirror | skipped | not on a quick run
    5 tests, 0 failures, 0 errors, 1 skipped
    cleared | passed
    1 tests, 0 failures, 0 errors, 0 skipped
    ");
}

#[test]
fn a_superficial_pass_is_visible_in_junit() {
    let text = junit(&[fold(&sample::superficial().events)]);
    assert!(text.contains("<property name=\"verdict\" value=\"passed (superficial)\"/>"));
    assert!(text.contains("passed (superficial): nothing was asked of the app itself"));
}
