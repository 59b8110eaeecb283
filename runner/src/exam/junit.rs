//! JUnit XML as test programs write it: the one place in the runner that reads XML. Pure, and bounded in time and
//! size whatever is read.

use domain::test::{TestCase, TestOutcome};
use roxmltree::{Document, Node, ParsingOptions};

/// Largest file that is read, in bytes.
pub const FILE_BYTES: usize = 8 << 20;
/// Most nodes of a document; each case has a few.
const NODES: u32 = 500_000;
/// Most cases that are kept.
const CASES: usize = 10_000;
/// Most bytes of a name or of what is said about a failure.
const TEXT: usize = 2000;

/// Returns whether a file looks like a JUnit report, from its beginning.
pub fn is_junit(text: &str) -> bool {
    let head = &text.as_bytes()[..text.len().min(4096)];
    head.windows(10).any(|w| w == b"<testsuite")
}

/// Reads the cases of a report: `testsuites`, `testsuite` in any depth, `testcase` with `failure`, `error`,
/// `skipped`. The error is for people.
pub fn read(text: &str) -> Result<Vec<TestCase>, String> {
    if FILE_BYTES < text.len() {
        return Err(format!("it has more than {FILE_BYTES} bytes"));
    }
    // No document type definition: its entities could grow without bounds.
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| error.to_string())?;
    let root = document.root_element();
    let name = root.tag_name().name();
    if name != "testsuites" && name != "testsuite" {
        return Err(format!("its outermost element is `{}`, not `testsuites`", cut(name)));
    }
    let mut cases = Vec::new();
    let mut errors = 0_usize;
    for node in root.descendants().filter(Node::is_element) {
        match node.tag_name().name() {
            "testcase" => {
                if CASES <= cases.len() {
                    return Err(format!("it tells of more than {CASES} cases"));
                }
                cases.push(case(node));
            }
            // Trouble outside of any case, as some tools write it.
            "error" if node.parent().is_some_and(|p| p.tag_name().name() == "testsuite") => {
                errors += 1;
                if CASES <= cases.len() {
                    return Err(format!("it tells of more than {CASES} cases"));
                }
                let name = format!("error {errors} outside of the cases");
                cases.push(TestCase { name, outcome: TestOutcome::Broken { says: says(node) }, millis: 0 });
            }
            _ => {}
        }
    }
    Ok(cases)
}

fn case(node: Node<'_, '_>) -> TestCase {
    let name = node.attribute("name").unwrap_or("without a name");
    let name = match node.attribute("classname").filter(|c| !c.is_empty() && *c != name) {
        Some(class) => format!("{}::{}", cut(class), cut(name)),
        None => cut(name).to_owned(),
    };
    let child = |tag: &str| node.children().find(|c| c.is_element() && c.tag_name().name() == tag);
    let outcome = if let Some(failure) = child("failure") {
        TestOutcome::Failed { says: says(failure) }
    } else if let Some(error) = child("error") {
        TestOutcome::Broken { says: says(error) }
    } else if let Some(skipped) = child("skipped") {
        let why = says(skipped);
        TestOutcome::Skipped { why: if why.is_empty() { "no reason given".to_owned() } else { why } }
    } else {
        TestOutcome::Passed
    };
    let seconds: f64 = node.attribute("time").and_then(|t| t.trim().parse().ok()).unwrap_or(0.0);
    // Written by strangers: neither negative nor longer than a day.
    let millis = if seconds.is_finite() { (seconds.clamp(0.0, 86_400.0) * 1000.0).round() } else { 0.0 };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped above")]
    TestCase { name, outcome, millis: millis as u64 }
}

/// Returns the message of an element, or else its text.
fn says(node: Node<'_, '_>) -> String {
    let message = node.attribute("message").map(str::trim).filter(|m| !m.is_empty());
    let text = || node.text().map(str::trim).filter(|t| !t.is_empty());
    cut(message.or_else(text).unwrap_or_default()).to_owned()
}

/// Returns the beginning of a text.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(text: &str) -> String {
        match read(text) {
            Ok(cases) => {
                let line = |c: &TestCase| format!("{} ({} ms): {:?}", c.name, c.millis, c.outcome);
                cases.iter().map(line).collect::<Vec<_>>().join("\n")
            }
            Err(says) => format!("refused: {says}"),
        }
    }

    #[test]
    fn cc_033_cases_of_every_kind_are_read_from_suites_in_any_depth() {
        let text = r#"<?xml version="1.0"?><testsuites><testsuite name="a"><testsuite name="b">
            <testcase classname="t" name="ok" time="0.0125"/>
            <testcase classname="t" name="bad" time="-3"><failure message="1 != 2">trace</failure></testcase>
            <testcase name="worse" time="NaN"><error>no database</error></testcase>
            <testcase classname="c" name="c"><skipped/></testcase>
            <testcase><skipped message="not today"/><system-out>x</system-out></testcase>
            </testsuite><error message="could not load"/></testsuite></testsuites>"#;
        insta::assert_snapshot!(told(text), @r#"
        t::ok (13 ms): Passed
        t::bad (0 ms): Failed { says: "1 != 2" }
        worse (0 ms): Broken { says: "no database" }
        c (0 ms): Skipped { why: "no reason given" }
        without a name (0 ms): Skipped { why: "not today" }
        error 1 outside of the cases (0 ms): Broken { says: "could not load" }
        "#);
    }

    #[test]
    fn what_is_no_report_is_refused() {
        let bomb = "<!DOCTYPE a [<!ENTITY x \"xxxx\"><!ENTITY y \"&x;&x;\">]><testsuite name='&y;'/>";
        let all = ["", "<html/>", "<testsuite>", bomb].map(told);
        insta::assert_snapshot!(all.join("\n"), @"
        refused: the document does not have a root node
        refused: its outermost element is `html`, not `testsuites`
        refused: the root node was opened but never closed
        refused: XML with DTD detected
        ");
        assert!(told(&" ".repeat(FILE_BYTES + 1)).starts_with("refused: it has more than"));
    }

    #[test]
    fn a_report_of_any_depth_ends_in_time() {
        let deep = format!("{}{}", "<testsuite>".repeat(300_000), "</testsuite>".repeat(300_000));
        // Whether it is read or refused, it comes back.
        let _read_or_refused = read(&deep);
        let wide = format!("<testsuite>{}</testsuite>", "<testcase name='a'/>".repeat(20_000));
        assert_eq!(told(&wide), "refused: it tells of more than 10000 cases");
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_without_a_panic(
            text in "(<testsuites?>|</testsuite>|<testcase |name=\"|\"|/>|<failure>|</|<!|&|time='9e999'|\\PC){0,60}"
        ) {
            let _read_or_refused = read(&text);
            is_junit(&text);
        }
    }
}
