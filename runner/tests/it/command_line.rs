//! What the program says to wrong and right words.

use std::path::Path;
use std::process::Command;

pub(crate) fn simmer(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_simmer"))
        .current_dir(folder)
        .args(args)
        .env_remove("SIMMER_INSTANCE")
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn instance() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("simmer.toml"), "base_domain = \"ci.test\"\nstate = \"state\"\n")
        .unwrap();
    std::fs::create_dir(folder.path().join("recipes")).unwrap();
    std::fs::write(folder.path().join("recipes/gitea.toml"), "source = \"https://git.invalid/gitea\"\n")
        .unwrap();
    folder
}

#[test]
fn the_help_is_a_promise() {
    let folder = tempfile::tempdir().unwrap();
    let (exit, out, _) = simmer(folder.path(), &["--help"]);
    assert_eq!(exit, 0);
    insta::assert_snapshot!(out);
    let (exit, out, _) = simmer(folder.path(), &["run", "--help"]);
    assert_eq!(exit, 0);
    insta::assert_snapshot!(out);
}

#[test]
fn unknown_words_are_usage_errors() {
    let folder = instance();
    for args in [&["fly"][..], &["run"], &["run", "gitea", "--tier", "soar"], &["run", "gitea", "--moon"]] {
        let (exit, _, err) = simmer(folder.path(), args);
        assert_eq!(exit, 2, "{args:?}: {err}");
    }
    let (_, _, err) = simmer(folder.path(), &["run", "gitea", "--tier", "soar"]);
    assert!(err.contains("expected one of lint, install, upgrade"), "{err}");
}

#[test]
fn a_recipe_that_is_not_enrolled_is_a_usage_error_that_names_those_that_are() {
    let folder = instance();
    let (exit, _, err) = simmer(folder.path(), &["run", "gitae"]);
    assert_eq!(exit, 2);
    assert!(err.contains("no recipe `gitae` is enrolled here"), "{err}");
    assert!(err.contains("enrolled are `gitea`"), "{err}");
}

#[test]
fn a_folder_that_is_no_instance_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let (exit, _, err) = simmer(folder.path(), &["run", "gitea"]);
    assert_eq!(exit, 2);
    assert!(err.contains("simmer.toml") && err.contains("--instance DIR"), "{err}");
}

#[test]
fn every_bad_config_file_says_its_flaw_where_it_is() {
    let flaws = [
        (
            "simmer.toml",
            "base_domain = \"ci.test\"\nstate = \"s\"\nbase_domian = \"x\"\n",
            "unknown field `base_domian`",
        ),
        (
            "simmer.toml",
            "base_domain = \"ci..test\"\nstate = \"s\"\n",
            "each label has to have 1 to 63 characters",
        ),
        (
            "simmer.toml",
            "base_domain = \"ci.test\"\nstate = \"s\"\n[edge]\nlisten = \"here\"\n",
            "`edge.listen`",
        ),
        (
            "simmer.toml",
            "base_domain = \"ci.test\"\nstate = \"s\"\n[edge]\nkind = \"external\"\n",
            "needs an address",
        ),
        (
            "simmer.toml",
            "base_domain = \"ci.test\"\nstate = \"s\"\n[limits]\nrun = \"1\"\n",
            "`1` has no unit",
        ),
        ("recipes/gitea.toml", "source = \"\"\n", "is not a git address"),
        ("recipes/gitea.toml", "source = \"--upload-pack=x\"\n", "is not a git address"),
        ("recipes/gitea.toml", "source = \"x\"\nallow = [\"everything\"]\n", "`everything` is not a power"),
        ("recipes/Gitea.toml", "source = \"x\"\n", "is not a recipe name"),
    ];
    for (file, text, says) in flaws {
        let folder = instance();
        std::fs::write(folder.path().join(file), text).unwrap();
        let (exit, _, err) = simmer(folder.path(), &["run", "gitea"]);
        assert_eq!(exit, 2, "{says}: {err}");
        assert!(err.contains(says) && err.contains(file), "{says}: {err}");
    }
}

#[test]
fn compose_config_prints_the_model_and_refuses_with_every_problem() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("compose.yml");
    std::fs::write(&file, "services:\n  app:\n    image: nginx:${TAG:-1.27}\n").unwrap();
    let (exit, out, err) = simmer(folder.path(), &["compose", "config", "-c", "compose.yml"]);
    assert_eq!(exit, 0, "{err}");
    assert!(out.contains("image: nginx:1.27"), "{out}");
    let (_, out, _) =
        simmer(folder.path(), &["compose", "config", "-c", "compose.yml", "--skip-interpolation"]);
    assert!(out.contains("nginx:${TAG:-1.27}"), "{out}");
    std::fs::write(folder.path().join("env"), "TAG=1.28\n").unwrap();
    let (_, out, _) = simmer(folder.path(), &["compose", "config", "-c", "compose.yml", "--env-file", "env"]);
    assert!(out.contains("nginx:1.28"), "{out}");
    std::fs::write(folder.path().join("env"), "nonsense\nA=\"a\"b\nTAG=1.28\n").unwrap();
    let (exit, out, err) =
        simmer(folder.path(), &["compose", "config", "-c", "compose.yml", "--env-file", "env"]);
    assert_eq!(exit, 0, "{err}");
    assert!(out.contains("nginx:1.28"), "what can be read counts: {out}");
    assert!(err.contains("warning: env:1") && err.contains("warning: env:2"), "the rest is named: {err}");

    std::fs::write(&file, "services:\n  app:\n    imge: nginx\n    deploy:\n      replicas: many\n").unwrap();
    let (exit, out, err) = simmer(folder.path(), &["compose", "config", "-c", "compose.yml"]);
    assert_eq!((exit, out.as_str()), (1, ""));
    assert!(err.contains("imge") && err.contains("replicas"), "both problems at once: {err}");
    assert!(err.contains("compose.yml:3"), "{err}");
    let (exit, _, err) = simmer(folder.path(), &["compose", "config", "-c", "gone.yml"]);
    assert_eq!(exit, 2, "{err}");
}

#[test]
fn compose_files_are_named_as_docker_lets_them_be_named() {
    let folder = tempfile::tempdir().unwrap();
    for (file, key) in [("a.yml", "x-a"), ("b.yml", "x-b"), ("c,d.yml", "x-c"), ("e\"f.yml", "x-e")] {
        std::fs::write(folder.path().join(file), format!("services: {{s-{key}: {{image: x}}}}\n")).unwrap();
    }
    let services = |args: &[&str]| {
        let (exit, out, err) = simmer(folder.path(), &[&["compose", "config"], args].concat());
        assert_eq!(exit, 0, "{args:?}: {err}");
        out.lines().filter_map(|line| line.strip_prefix("  s-x-")?.strip_suffix(':')).collect::<String>()
    };
    assert_eq!(services(&["-c", "a.yml,b.yml"]), "ab");
    assert_eq!(services(&["-c", "a.yml,\"c,d.yml\"", "-c", "b.yml"]), "abc");
    assert_eq!(services(&["-c", "\"e\"\"f.yml\""]), "e");
    for wrong in ["", "a.yml,", "c,d.yml", "e\"f.yml", "\"a.yml", "\"a\".yml"] {
        let (exit, _, err) = simmer(folder.path(), &["compose", "config", "-c", wrong]);
        assert_eq!(exit, 2, "{wrong}: {err}");
    }
}

#[test]
fn a_compose_file_comes_through_the_standard_input_when_it_is_named_so() {
    use std::io::Write as _;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.yml"), "services: {a: {image: x}}\n").unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_simmer"))
        .args(["compose", "config", "-c", "a.yml", "-c", "-"])
        .current_dir(folder.path())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"services: {b: {image: y}}\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.contains("  a:") && out.contains("  b:"), "{out}");
}

#[test]
fn paths_are_printed_by_the_name_that_the_caller_knows_the_folder_by() {
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real"), folder.path().join("link"));
    std::fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    std::fs::write(real.join("c.yml"), "services: {a: {image: x, volumes: ['./d:/d']}}\n").unwrap();
    let source = |pwd: &Path| {
        let output = Command::new(env!("CARGO_BIN_EXE_simmer"))
            .args(["compose", "config", "-c", "c.yml"])
            .current_dir(&link)
            .env("PWD", pwd)
            .output()
            .unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        let line = out.lines().find_map(|line| line.split_once("source: ")).unwrap().1;
        line.to_owned()
    };
    assert_eq!(source(&link), link.join("d").to_str().unwrap());
    // A name that is not this folder's, or no whole one, is passed over.
    let resolved = real.canonicalize().unwrap().join("d");
    assert_eq!(source(Path::new("/")), resolved.to_str().unwrap());
    assert_eq!(source(Path::new("link")), resolved.to_str().unwrap());
}

#[test]
fn a_compose_file_in_utf_16_is_read_as_docker_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let text = "services:\n  app:\n    image: nginx:1.27\n";
    let bytes: Vec<u8> = [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    std::fs::write(folder.path().join("c.yml"), bytes).unwrap();
    let (exit, out, err) = simmer(folder.path(), &["compose", "config", "-c", "c.yml"]);
    assert_eq!(exit, 0, "{err}");
    assert!(out.contains("image: nginx:1.27"), "{out}");
}

#[test]
fn compose_specs_prints_what_would_be_created() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.yml"), "services:\n  app:\n    image: nginx:1.27\n").unwrap();
    let (exit, out, err) = simmer(folder.path(), &["compose", "specs", "-c", "c.yml", "--stack", "web"]);
    assert_eq!(exit, 0, "{err}");
    let specs: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(specs["services"]["app"]["Name"], "web_app");
}

#[test]
fn every_lint_rule_is_listed_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (exit, out, _) = simmer(folder.path(), &["lint", "--rules"]);
    assert_eq!(exit, 0);
    for rule in ["R001", "R014", "C001", "S005", "S011", "P001"] {
        assert!(out.contains(rule), "{rule}:\n{out}");
    }
}

#[test]
fn a_folder_with_a_recipe_is_linted_without_an_instance() {
    let folder = tempfile::tempdir().unwrap();
    let (exit, _, err) = simmer(folder.path(), &["lint", "."]);
    assert_eq!(exit, 2);
    assert!(err.contains("there is no recipe in"), "{err}");
    std::fs::write(
        folder.path().join("compose.yml"),
        "version: \"3.8\"\nservices:\n  web:\n    image: nginx\n",
    )
    .unwrap();
    let (exit, out, err) = simmer(folder.path(), &["lint", "."]);
    assert_eq!(exit, 1, "{out}{err}");
    assert!(out.contains("R009"), "no service `app`:\n{out}");
}
