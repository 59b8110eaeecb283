use proptest::prelude::*;

use super::*;
use crate::specs::{Mount, ServiceSpec, VolumeSpec};

/// Services as `name: label=value …; volume:/target …`, one a line. Volumes that begin with `ext` are not ours.
fn specs(text: &str) -> StackSpecs {
    let mut specs = StackSpecs { stack: StackName::parse("run-1").unwrap(), ..empty() };
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, rest) = line.split_once(':').unwrap();
        let (labels, mounts) = rest.split_once(';').unwrap_or((rest, ""));
        let mut spec = ServiceSpec::default();
        for label in labels.split_whitespace() {
            let (key, value) = label.split_once('=').unwrap();
            spec.labels.insert(format!("backupbot.{key}"), value.replace('~', " "));
        }
        for mount in mounts.split_whitespace() {
            let (source, target) = mount.split_once(':').unwrap();
            let (kind, source) = match source {
                "host" => ("bind", "/host".to_owned()),
                "" => ("volume", String::new()),
                volume => ("volume", format!("run-1_{volume}")),
            };
            if kind == "volume" && !source.is_empty() && !source.starts_with("run-1_ext") {
                let key = source.trim_start_matches("run-1_").to_owned();
                specs.volumes.insert(source.clone(), VolumeSpec { key, ..VolumeSpec::default() });
            }
            let mount = Mount { kind: kind.into(), source, target: target.into(), ..Mount::default() };
            spec.task_template.container_spec.mounts.push(mount);
        }
        specs.services.insert(name.to_owned(), spec);
    }
    specs
}

fn empty() -> StackSpecs {
    StackSpecs {
        stack: StackName::parse("run-1").unwrap(),
        services: BTreeMap::new(),
        networks: Vec::new(),
        volumes: BTreeMap::new(),
        secrets: Vec::new(),
        configs: Vec::new(),
        external: crate::specs::External::default(),
    }
}

fn tell(text: &str) -> String {
    let plan = backup_plan(&specs(text), &StackName::parse("run-1").unwrap());
    let mut lines = vec![format!("on: {}", plan.labelled.join(" "))];
    lines.extend(plan.volumes.iter().map(|volume| format!("store {volume} as {}", volume.name)));
    lines.extend(plan.left_out.iter().map(|out| format!("leave {}: {:?}", out.key, out.why)));
    lines.extend(
        plan.hooks.iter().map(|hook| format!("{} of {}: {}", hook.moment, hook.service, hook.command)),
    );
    lines.extend(plan.notes.iter().map(|note| format!("note: {note}")));
    lines.join("\n")
}

#[test]
fn cc_031_the_label_enables_the_stack_on_any_number_of_services() {
    let story = tell(
        "app: backup=true; files:/srv cache:/cache
         db: backup=true backup.volumes.cache=false backup.volumes.data.path=a.sql,./dumps/ backup.pre-hook=dump restore.post-hook=load; data:/d
         web: ; media:/m",
    );
    insta::assert_snapshot!(story, @r#"
    on: app db
    store data/a.sql, data/dumps as run-1_data
    store files as run-1_files
    store media as run-1_media
    leave cache: Excluded { service: "db" }
    backup pre of db: dump
    restore post of db: load
    note: volume `media` of `web` is stored because the label enables the stack; a bot that goes by service leaves it out
    "#);
}

#[test]
fn anything_but_true_is_off() {
    for value in ["false", "True", "1", "yes", ""] {
        let plan = backup_plan(
            &specs(&format!("app: backup={value}; files:/srv")),
            &StackName::parse("run-1").unwrap(),
        );
        assert!(!plan.is_on() && plan.volumes.is_empty() && plan.left_out.is_empty(), "{value}: {plan:?}");
    }
}

#[test]
fn a_label_that_stands_where_nothing_is_kept_reaches_nothing() {
    let story = tell(
        "app: backup=true;
         db: ; data:/d",
    );
    insta::assert_snapshot!(story, @r"
    on: app
    leave data: OutOfReach
    note: service `app` is labelled for backup and keeps no volume
    ");
}

#[test]
fn the_old_form_of_a_path_is_ignored_and_said() {
    let story = tell("app: backup=true backup.path=/srv/a; files:/srv");
    insta::assert_snapshot!(story, @r"
    on: app
    store files as run-1_files
    note: `backupbot.backup.path` of service `app` is ignored, and whole volumes are stored
    ");
}

#[test]
fn what_no_backup_holds_is_said() {
    let story = tell(
        "app: backup=true backup.volumes.none.path=x backup.volumes.files=perhaps backup.pre-hook=~; files:/srv ext:/e host:/h :/a",
    );
    insta::assert_snapshot!(story, @r"
    on: app
    store files as run-1_files
    leave run-1_ext: External
    note: `backupbot.backup.volumes.files` of service `app` is `perhaps`, which is neither `true` nor `false`
    note: a backup label of service `app` names `none`, which is no volume here
    note: `/h` of service `app` is a folder of the host, which no backup holds
    note: `/a` of service `app` is a volume without a name, which no backup holds
    note: `backupbot.backup.pre-hook` of service `app` is empty
    ");
}

#[test]
fn a_path_never_leads_out_of_its_volume() {
    let story = tell("app: backup=true backup.volumes.files.path=../x,a/../../b,/abs/./c,abs; files:/srv");
    insta::assert_snapshot!(story, @r"
    on: app
    store files/abs as run-1_files
    note: path `../x` of volume `files`, in a label of `app`, leads out of it
    note: path `a/../../b` of volume `files`, in a label of `app`, leads out of it
    ");
    let story = tell("app: backup=true backup.volumes.files.path=a,.; files:/srv");
    assert!(story.contains("store files as"), "the root holds the rest: {story}");
}

proptest! {
    /// Whatever the labels hold: paths stay inside, a volume is stored or left out and never both, and only what the
    /// stack mounts is stored.
    #[test]
    fn whatever_the_labels_hold_the_plan_stays_inside_the_stack(
        enabled in prop::collection::vec(prop::sample::select(vec!["true", "false", "TRUE", ""]), 3),
        labels in prop::collection::vec((0usize..3, "(volumes\\.)?[abx]?(\\.path)?(pre-hook|post-hook)?", "[ab./, ~]{0,12}|false|true"), 0..8),
        mounts in prop::collection::vec((0usize..3, prop::sample::select(vec!["a", "b", "ext", "host", ""])), 0..6),
    ) {
        let mut stack = specs("s0: ;\n s1: ;\n s2: ;");
        for (nth, value) in enabled.iter().enumerate() {
            let spec = stack.services.get_mut(&format!("s{nth}")).unwrap();
            spec.labels.insert(ENABLE.into(), (*value).into());
        }
        for (nth, key, value) in &labels {
            let spec = stack.services.get_mut(&format!("s{nth}")).unwrap();
            spec.labels.insert(format!("backupbot.backup.{key}"), value.clone());
        }
        for (nth, source) in &mounts {
            let made = specs(&format!("s{nth}: ; {source}:/t"));
            let service = format!("s{nth}");
            let found = made.services[&service].task_template.container_spec.mounts.clone();
            stack.services.get_mut(&service).unwrap().task_template.container_spec.mounts.extend(found);
            stack.volumes.extend(made.volumes);
        }
        let plan = backup_plan(&stack, &stack.stack);
        prop_assert_eq!(plan.is_on(), enabled.contains(&"true"));
        for volume in &plan.volumes {
            prop_assert!(plan.is_on());
            prop_assert!(stack.volumes.contains_key(&volume.name) && !volume.mounts.is_empty());
            prop_assert!(plan.left_out.iter().all(|out| out.key != volume.key));
            for path in &volume.paths {
                prop_assert!(!path.is_empty() && !path.starts_with('/') && !path.split('/').any(|p| matches!(p, "" | "." | "..")));
            }
            let below = |a: &String, b: &String| a.starts_with(&format!("{b}/"));
            prop_assert!(volume.paths.iter().all(|a| volume.paths.iter().all(|b| !below(a, b))), "{:?}", volume.paths);
        }
        prop_assert!(plan.hooks.iter().all(|hook| !hook.command.trim().is_empty()));
        for note in &plan.notes {
            prop_assert!(!note.to_string().is_empty());
        }
    }
}
