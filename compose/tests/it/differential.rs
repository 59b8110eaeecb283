//! Random short forms and templates, ours against the CLI's. What we accept goes into one file for one process;
//! what we refuse needs a process each, so there are fewer of those.

use std::fmt::Write as _;

use compose::Interpolation;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::oracle::Case;

/// Refusals that are compared, one process each.
const REFUSALS: usize = 40;

fn texts(pattern: &'static str, count: usize) -> Vec<String> {
    let seed: u8 = std::env::var("SIMMER_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    (0..count).map(|_| pattern.new_tree(&mut runner).unwrap().current()).collect()
}

/// Compares the texts as values of one key, each in a service of its own.
fn compare(pattern: &'static str, count: usize, service: impl Fn(&str) -> String) {
    let folder = tempfile::tempdir().unwrap();
    let mut together = "services:\n".to_owned();
    let mut refusals = 0;
    for (index, text) in texts(pattern, count).iter().enumerate() {
        // JSON is YAML, and quotes everything.
        let quoted = serde_json::to_string(text).unwrap();
        let service = service(&quoted);
        let mut alone = Case::of_text(folder.path(), &format!("services: {{s: {{{service}}}}}\n"));
        alone.env.insert("A".to_owned(), "1".to_owned());
        alone.env.insert("E".to_owned(), String::new());
        if alone.ours(Interpolation::Apply).is_ok() {
            writeln!(together, "  s{index}: {{{service}}}").unwrap();
        } else if refusals < REFUSALS {
            refusals += 1;
            assert_eq!(alone.difference(Interpolation::Apply), None, "{text:?}");
        }
    }
    let mut all = Case::of_text(folder.path(), &together);
    all.env.insert("A".to_owned(), "1".to_owned());
    all.env.insert("E".to_owned(), String::new());
    assert_eq!(all.difference(Interpolation::Apply), None);
}

#[test]
fn random_templates_are_filled_in_like_docker_does() {
    let pattern = r"(\$|\$\$|\{|\}|\$A|\$\{|\$\{A|\$\{E|\$\{U|:-|-|:\?|\?|:|[AEUx1 ]){1,12}";
    compare(pattern, 1500, |text| format!("hostname: {text}"));
}

#[test]
fn random_ports_are_read_like_docker_does() {
    let pattern = r"((1\.2\.3\.4|::1|\[::1\]|0|):)?([0-9]{1,3}(-[0-9]{1,3})?:)?[0-9]{1,3}(-[0-9]{1,3})?(/(tcp|UDP|sctp|x|))?|[0-9:/a-]{0,8}";
    compare(pattern, 400, |text| format!("ports: [{text}]"));
}

#[test]
fn random_mounts_are_read_like_docker_does() {
    let pattern = r"([a-c]{1,3}|\./a|/a|~/a|~|C|\\\\a\\b\\c|/|\.|\.\./b)(:(/b|/|c|D:\\x|/b/\.\./c))?(:(ro|rw|nocopy|z|rshared|,|ro,z))?|[a:./\\~]{0,6}";
    compare(pattern, 800, |text| format!("volumes: [{text}]"));
}

#[test]
fn random_commands_are_split_like_docker_does() {
    compare(r#"([ab#\\'" ]|\\n){0,12}"#, 800, |text| format!("command: {text}"));
}

#[test]
fn random_durations_are_read_like_docker_does() {
    compare(r"[-+]?([0-9]{0,3}(\.[0-9]{0,4})?(ns|us|ms|s|m|h|d|)){1,3}", 500, |text| {
        format!("stop_grace_period: {text}")
    });
}

#[test]
fn random_sizes_are_read_like_docker_does() {
    compare(r"[0-9]{0,4}(\.[0-9]{0,3})? ?([kmgtpKMGTPbBx]?(i?b|B)?)?", 500, |text| {
        format!("deploy: {{resources: {{limits: {{memory: {text}}}}}}}")
    });
}

#[test]
fn random_plain_scalars_mean_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let pattern = r"[-+]?(0x|0o|0b|0)?[0-9_a-f]{1,5}(\.[0-9]{0,3})?(e[-+]?[0-9]{1,2})?|(20[0-9]{2}-[0-1]?[0-9]-[0-3]?[0-9])([ Tt][0-9]{1,2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,3})?(Z|[-+][0-9]{2}:[0-9]{2})?)?";
    let mut text = "services:\n  s:\n    environment:\n".to_owned();
    for (index, scalar) in texts(pattern, 800).iter().enumerate() {
        writeln!(text, "      V{index}: {scalar}").unwrap();
    }
    assert_eq!(Case::of_text(folder.path(), &text).difference(Interpolation::Apply), None);
}
