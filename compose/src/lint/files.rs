//! Rules about the files: they load, and what they say is heard.

use std::collections::BTreeSet;

use domain::StackName;
use domain::event::Severity;

use super::findings::{Findings, Spot};
use super::rule::Rule;
use super::vars::{self, Otherwise};
use super::view::{ROOT, Size, Use, View, each_text, load_files, walk};
use crate::convert::{ConvertInput, EngineFacts, convert};
use crate::recipe::choose_files;
use crate::yaml::{Kind, Mark, Node};
use crate::{Interpolation, Problem, Problems};

pub(super) const C001: Rule = Rule {
    id: "C001",
    name: "does not load",
    severity: Severity::Error,
    says: "Docker refuses the compose files",
    why: "nothing can be deployed",
    remedy: "correct the line; `simmer compose config` shows all problems at once",
};

pub(super) const C002: Rule = Rule {
    id: "C002",
    name: "ignored by swarm",
    severity: Severity::Info,
    says: "a key is valid and swarm does nothing with it",
    why: "it may look as if it did something, such as an order of start-up",
    remedy: "remove the key if nobody uses the file with Docker Compose",
};

pub(super) const C003: Rule = Rule {
    id: "C003",
    name: "file is missing",
    severity: Severity::Error,
    says: "a config or secret is made from a file that the recipe does not have",
    why: "the deployment ends before anything is created",
    remedy: "add the file, or correct the path: it counts from the folder of the first compose file",
};

pub(super) const S001: Rule = Rule {
    id: "S001",
    name: "fails without its variables",
    severity: Severity::Error,
    says: "a variable stands where a duration, size, number or boolean is expected",
    why: "abra also reads the files without replacing variables and refuses them there, even with a default",
    remedy: "write the value itself, or move it into an overlay file of its own",
};

pub(super) const S026: Rule = Rule {
    id: "S026",
    name: "variable in a key",
    severity: Severity::Warning,
    says: "a key has a variable in it",
    why: "only values are replaced: the label or setting is called `${…}` literally",
    remedy: "use the list form: `- \"key.${NAME}=value\"`",
};

pub(super) const S027: Rule = Rule {
    id: "S027",
    name: "nested default",
    severity: Severity::Warning,
    says: "the default of a variable has a variable in it",
    why: "a default ends at the first `}`: the rest is text, and nothing complains",
    remedy: "give the inner variable a name and a default of its own",
};

pub(super) const C004: Rule = Rule {
    id: "C004",
    name: "cannot be deployed",
    severity: Severity::Error,
    says: "the files load, and swarm services cannot be made of them",
    why: "the deployment ends, before anything is created or in the middle",
    remedy: "correct the line; `simmer compose specs` shows what would be created",
};

pub(super) const S029: Rule = Rule {
    id: "S029",
    name: "line not read",
    severity: Severity::Warning,
    says: "a line of `.env.sample` or `abra.sh` is not understood",
    why: "files of settings are read without a shell: what such a line says has no effect",
    remedy: "write it as `NAME=value`",
};

/// Keys of a service that swarm ignores, and what it does instead.
const IGNORED: &[(&str, &str)] = &[
    ("build", "images are never built, only pulled"),
    ("cgroupns_mode", ""),
    ("cgroup_parent", ""),
    ("container_name", "swarm names the containers"),
    ("depends_on", "all services start at once and in any order"),
    ("devices", ""),
    ("domainname", ""),
    ("expose", ""),
    ("external_links", ""),
    ("ipc", ""),
    ("links", "services find each other by name on their networks"),
    ("mac_address", ""),
    ("network_mode", "a service is on its `networks`, else on the stack's `default`"),
    ("pid", ""),
    ("privileged", ""),
    ("security_opt", ""),
    ("shm_size", "mount a tmpfs at /dev/shm"),
    ("userns_mode", ""),
];

/// Applies the rules.
pub(super) fn check(view: &View<'_>, out: &mut Findings) {
    let merged_bad = loads(view, out);
    without_variables(view, &merged_bad, out);
    overlays(view, out);
    for tree in &view.trees {
        keys_and_defaults(tree.file, &tree.root, out);
    }
    ignored(view, out);
    // Functions of `abra.sh` may export what they like; only what the compose files ask for has to be readable.
    let asked = |problem: &&Problem| view.trees.iter().any(|tree| mentions(&tree.root, &problem.key));
    let unread = view.sample.iter().flat_map(|sample| &sample.problems);
    for problem in unread.chain(view.abra_sh.problems.iter().filter(asked)) {
        add_problem(&S029, Severity::Warning, problem, out);
    }
    if view.model().is_some() {
        sources(view, out);
    }
}

type Lines = BTreeSet<(String, usize, String)>;

fn problems(of: &Result<crate::Loaded, Problems>) -> &[Problem] {
    of.as_ref().err().map_or(&[], Problems::list)
}

fn add_problem(rule: &Rule, severity: Severity, problem: &Problem, out: &mut Findings) {
    let line = u32::try_from(problem.line).unwrap_or(0);
    let says = match problem.key.as_str() {
        "" => problem.says.clone(),
        // Some problems are sentences about the key, others sentences of their own.
        key if ["is ", "must ", "has ", "does "].iter().any(|verb| problem.says.starts_with(verb)) => {
            format!("`{key}` {}", problem.says)
        }
        key => format!("`{key}`: {}", problem.says),
    };
    // That the file is read without variables is the whole of S001, and the loader cannot know it.
    let own = problem.remedy.is_empty() || rule.id == S001.id;
    let remedy = if own { rule.remedy } else { problem.remedy.as_str() };
    out.add_as(rule, severity, Spot::new(&problem.file, line), says, remedy);
}

fn line_of(problem: &Problem) -> (String, usize, String) {
    (problem.file.clone(), problem.line, problem.key.clone())
}

/// Reports what Docker refuses, in what is deployed and in what is offered.
fn loads(view: &View<'_>, out: &mut Findings) -> Lines {
    if view.recipe.selected.is_empty() {
        selection(view, out);
    }
    for file in view.recipe.selected.iter().filter(|file| !view.recipe.files.contains_key(*file)) {
        let remedy = "correct `COMPOSE_FILE`, or add the file";
        let says = format!("`{file}` is selected, and the recipe does not have it as a readable file");
        out.add_as(&C001, C001.severity, Spot::file(file), says, remedy);
    }
    let mut seen = Lines::new();
    for problem in problems(&view.merged) {
        add_problem(&C001, Severity::Error, problem, out);
        seen.insert(line_of(problem));
    }
    seen
}

/// Reports why no compose file could be selected.
fn selection(view: &View<'_>, out: &mut Findings) {
    let line = view.set_in_sample("COMPOSE_FILE").unwrap_or(0);
    let at = (".env.sample", usize::try_from(line).unwrap_or(0));
    match choose_files(&view.recipe.env, at, &|file| view.recipe.has(file)) {
        Ok(_) => {
            let says = "no compose file is selected";
            out.add_as(&C001, C001.severity, Spot::default(), says, "add `compose.yml`");
        }
        Err(problems) => {
            for problem in &problems {
                add_problem(&C001, Severity::Error, problem, out);
            }
        }
    }
}

/// Reports what the conversion refuses and no other rule has named. To be called last.
pub(super) fn deployable(view: &View<'_>, out: &mut Findings) {
    let Ok(loaded) = &view.merged else { return };
    let Ok(stack) = StackName::parse(view.recipe.stack()) else {
        return out.not_judged(&C004, "the name of the stack is not known");
    };
    let read_file = |path: &str| match view.text_at(path) {
        Some((_, text)) => Ok(text.as_bytes().to_vec()),
        None => {
            let inside = path.strip_prefix(ROOT).map(|path| path.trim_start_matches('/'));
            let unread = inside.is_some_and(|path| view.recipe.has(path));
            if unread { Ok(Vec::new()) } else { Err("it is not a file of the recipe".to_owned()) }
        }
    };
    let input = ConvertInput {
        model: &loaded.model,
        stack: &stack,
        engine: EngineFacts::default(),
        read_file: &read_file,
        locate: &|key| loaded.locate(key),
    };
    if let Err(problems) = convert(&input) {
        for problem in problems.list() {
            let line = u32::try_from(problem.line).unwrap_or(0);
            if !out.has_error_at(&problem.file, line) {
                add_problem(&C004, Severity::Error, problem, out);
            }
        }
    }
}

/// Returns the compose files that are not selected.
fn offered<'a>(view: &View<'a>) -> Vec<&'a str> {
    if view.size == Size::TooLarge {
        return Vec::new();
    }
    let files = view.recipe.compose_files();
    files.into_iter().filter(|file| !view.recipe.selected.iter().any(|selected| selected == file)).collect()
}

/// Reports what only a reader that replaces no variables refuses.
fn without_variables(view: &View<'_>, seen: &Lines, out: &mut Findings) {
    for problem in problems(&view.raw).iter().filter(|problem| !seen.contains(&line_of(problem))) {
        add_problem(&S001, Severity::Error, problem, out);
    }
}

/// Reports overlays that could never be selected. What fails only because a variable is not set here does not count:
/// whoever selects the overlay sets it.
fn overlays(view: &View<'_>, out: &mut Findings) {
    for file in offered(view) {
        let alone = |interpolation| {
            load_files(&view.recipe.files, &[file.to_owned()], &view.recipe.env, interpolation)
        };
        let replaced: Lines = problems(&alone(Interpolation::Apply)).iter().map(line_of).collect();
        for problem in problems(&alone(Interpolation::Skip)) {
            let rule = if replaced.contains(&line_of(problem)) { &C001 } else { &S001 };
            add_problem(rule, Severity::Warning, problem, out);
        }
    }
}

fn keys_and_defaults(file: &str, root: &Node, out: &mut Findings) {
    match &root.kind {
        Kind::Map(entries) => {
            for entry in entries {
                if !vars::vars(&entry.key).is_empty() {
                    let says =
                        format!("the key `{}` stays as it is written: only values are replaced", entry.key);
                    out.add(&S026, Spot::new(file, entry.at.line), says);
                }
                keys_and_defaults(file, &entry.value, out);
            }
        }
        Kind::List(items) => items.iter().for_each(|item| keys_and_defaults(file, item, out)),
        Kind::Text(text) => nested(file, root.at, text, out),
        Kind::Null | Kind::Bool(_) | Kind::Int(_) | Kind::Uint(_) | Kind::Float(_) | Kind::Time(_) => {}
    }
}

/// Whether a variable of this name stands anywhere below.
fn mentions(root: &Node, name: &str) -> bool {
    let mut found = false;
    each_text(root, &mut |_, text| found |= vars::vars(text).iter().any(|var| var.name == name));
    found
}

fn nested(file: &str, at: Mark, text: &str, out: &mut Findings) {
    for var in vars::vars(text) {
        if let Otherwise::Default(default) = var.otherwise
            && default.contains("${")
        {
            let says =
                format!("the default of `{}` ends at the first `}}`: it is the text `{default}`", var.name);
            out.add(&S027, Spot::new(file, at.line), says);
        }
    }
}

fn ignored(view: &View<'_>, out: &mut Findings) {
    for tree in view.trees.iter().filter(|tree| tree.use_ == Use::Selected) {
        let Some((_, services)) = walk(&tree.root, &["services"]) else { continue };
        for service in services.entries() {
            let name = &service.key;
            let mut tell = |key: &str, line: u32, instead: &str| {
                let says = match instead {
                    "" => format!("swarm ignores `{key}` of service `{name}`"),
                    instead => format!("swarm ignores `{key}` of service `{name}`: {instead}"),
                };
                out.add(&C002, Spot::new(tree.file, line), says);
            };
            for (key, instead) in IGNORED {
                if let Some(entry) = service.value.entry(key) {
                    tell(key, entry.at.line, instead);
                }
            }
            if let Some(entry) = service.value.entry("restart")
                && walk(&service.value, &["deploy", "restart_policy"]).is_some()
            {
                tell("restart", entry.at.line, "`deploy.restart_policy` decides");
            }
            for network in service.value.get("networks").map_or(&[][..], Node::entries) {
                for key in ["ipv4_address", "ipv6_address"] {
                    if let Some(entry) = network.value.entry(key) {
                        tell(key, entry.at.line, "addresses of tasks cannot be chosen");
                    }
                }
            }
        }
    }
}

/// Reports configs and secrets whose file is not in the tree.
fn sources(view: &View<'_>, out: &mut Findings) {
    let Some(model) = view.model() else { return };
    for (kind, objects) in [("configs", &model.configs), ("secrets", &model.secrets)] {
        for (name, object) in
            objects.iter().filter(|(_, object)| !object.external && object.driver.is_empty())
        {
            let inside = object.file.strip_prefix(ROOT).map(|path| path.trim_start_matches('/'));
            let one = kind.trim_end_matches('s');
            match inside {
                Some("") => out.add_as(
                    &C003,
                    C003.severity,
                    view.spot(&[kind, name]),
                    format!("{one} `{name}` has neither `file` nor `external: true`"),
                    "say where its content comes from",
                ),
                Some(path) if view.recipe.has(path) => {}
                // Outside the recipe: P014 names it, whoever wrote it.
                None => {}
                Some(path) => {
                    let says =
                        format!("{one} `{name}` is made from `{path}`, which the recipe does not have");
                    out.add(&C003, view.spot(&[kind, name, "file"]), says);
                }
            }
        }
    }
}
