use chrono::TimeDelta;

use super::*;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
}

/// Reads a stack from lines such as
/// `app 1 update=updating spec=ours check may-complete : running@3 failed@5/1 starting@6+healthy old-running@1`.
/// A task reads `[old-]state@since[/exit][+health][~words]`; it was created one second before `since`.
fn stack(script: &str) -> Observation {
    let services = script.lines().map(str::trim).filter(|l| !l.is_empty()).map(|line| {
        let (head, tasks) = line.split_once(" :").unwrap_or((line, ""));
        let mut words = head.split_whitespace();
        let name = words.next().unwrap().to_owned();
        let mode = match words.next().unwrap() {
            job if job.starts_with("job") => Mode::Job { completions: job[3..].parse().unwrap() },
            global if global.starts_with("global") => Mode::Global { nodes: global[6..].parse().unwrap() },
            count => Mode::Replicated { replicas: count.parse().unwrap() },
        };
        let mut service = ServiceSeen {
            name,
            mode,
            spec: SpecSeen::Ours,
            update: Update::None,
            message: String::new(),
            healthcheck: false,
            may_complete: matches!(mode, Mode::Job { .. }),
            tasks: tasks.split_whitespace().enumerate().map(task).collect(),
        };
        for word in words {
            match word {
                "check" => service.healthcheck = true,
                "may-complete" => service.may_complete = true,
                "update=updating" => service.update = Update::Updating,
                "update=completed" => service.update = Update::Completed,
                "update=paused" => service.update = Update::Paused,
                "update=rollback_started" => service.update = Update::RollbackStarted,
                "update=rollback_completed" => service.update = Update::RollbackCompleted,
                "spec=previous" => service.spec = SpecSeen::Previous,
                "spec=foreign" => service.spec = SpecSeen::Foreign,
                "spec=absent" => service.spec = SpecSeen::Absent,
                other => panic!("no word `{other}`"),
            }
        }
        service
    });
    Observation { services: services.collect() }
}

fn task((nth, word): (usize, &str)) -> TaskSeen {
    let (word, says) = word.split_once('~').unwrap_or((word, ""));
    let (word, health) = word.split_once('+').map_or((word, None), |(w, h)| (w, Some(h)));
    let (word, exit) = word.split_once('/').map_or((word, None), |(w, e)| (w, Some(e.parse().unwrap())));
    let (state, since) = word.split_once('@').unwrap();
    let (state, current) = state.strip_prefix("old-").map_or((state, true), |s| (s, false));
    let (state, wanted) = match state {
        "waiting" => (TaskState::Waiting, true),
        "starting" => (TaskState::Starting, true),
        "running" => (TaskState::Running, true),
        "complete" => (TaskState::Complete, false),
        "stopped" => (TaskState::Stopped, false),
        "failed" => (TaskState::Failed, false),
        "rejected" => (TaskState::Rejected, false),
        other => panic!("no state `{other}`"),
    };
    let since: i64 = since.parse().unwrap();
    TaskSeen {
        id: format!("t{nth}"),
        current,
        wanted,
        state,
        created: at(since - 1),
        started: at(since - 1),
        since: at(since),
        exit_code: exit,
        oom: false,
        says: says.replace('_', " "),
        container: health.map(|h| ContainerSeen {
            running: h != "gone",
            health: match h {
                "healthy" => Health::Healthy,
                "starting" => Health::Starting,
                "unhealthy" => Health::Unhealthy,
                "gone" => Health::None,
                other => panic!("no health `{other}`"),
            },
        }),
    }
}

/// Judges at the given second a stack applied at second 0.
fn told(second: i64, script: &str) -> String {
    match judge(&stack(script), at(0), at(second), &SettleLimits::default()) {
        Standing::Settled => "settled".into(),
        Standing::Waiting(awaited) => {
            awaited.iter().map(|a| format!("waiting: {} {}", a.service, a.why)).collect::<Vec<_>>().join("\n")
        }
        Standing::Failed(cause) => format!("failed: {}: {cause}", cause.name()),
    }
}

fn soaked(second: i64, script: &str) -> String {
    match judge_soak(&stack(script), at(10), at(second)) {
        Standing::Settled => "settled".into(),
        Standing::Waiting(_) => "waiting".into(),
        Standing::Failed(cause) => format!("failed: {}: {cause}", cause.name()),
    }
}

#[test]
fn a_stack_is_settled_when_every_service_runs_this_spec() {
    assert_eq!(told(3, "app 1 : running@2\n db 2 : running@1 running@2"), "settled");
    assert_eq!(told(3, "app 1 : waiting@1"), "waiting: app 0/1, waiting for the node");
    assert_eq!(told(3, "app 1 :"), "waiting: app 0/1, no task yet");
}

#[test]
fn a_healthy_container_counts_before_the_manager_has_heard_of_it() {
    assert_eq!(told(3, "app 1 check : starting@2+starting"), "waiting: app 0/1, health starting");
    assert_eq!(told(3, "app 1 check : starting@2+healthy"), "settled");
}

#[test]
fn no_replicas_wanted_is_settled_at_none() {
    assert_eq!(told(1, "cron 0 :"), "settled");
}

#[test]
fn a_one_shot_job_that_left_with_0_is_done() {
    assert_eq!(told(5, "migrate 1 may-complete : complete@3/0"), "settled");
    assert_eq!(told(5, "migrate job2 : complete@3/0"), "waiting: migrate 1/2, no task yet");
    assert_eq!(told(5, "migrate job2 : complete@3/0 complete@4/0"), "settled");
}

#[test]
fn a_job_that_is_done_while_its_update_is_watched_is_done_though_the_engine_paused() {
    assert_eq!(told(5, "migrate 1 may-complete update=paused : complete@3/0"), "settled");
    assert!(
        told(5, "migrate 1 may-complete update=paused : failed@3/1").starts_with("failed: update_paused")
    );
    assert!(told(5, "app 1 update=paused : complete@3/0").starts_with("failed: update_paused"));
}

#[test]
fn a_service_that_should_go_on_but_leaves_with_0_is_no_job() {
    insta::assert_snapshot!(
        told(13, "app 1 : complete@1/0 complete@6/0 complete@11/0"),
        @"failed: crash_loop: `app` left 3 times, last with code 0"
    );
}

#[test]
fn global_services_want_one_task_a_node() {
    assert_eq!(told(3, "agent global1 : running@2"), "settled");
    assert_eq!(told(3, "agent global3 : running@2"), "waiting: agent 1/3");
}

#[test]
fn a_stack_is_not_settled_while_the_old_version_still_runs() {
    assert_eq!(
        told(3, "app 1 update=updating : running@2 old-running@0"),
        "waiting: app 1/1, 1 of the old version still there"
    );
    assert_eq!(told(3, "app 1 update=completed : running@2 old-stopped@1"), "settled");
}

#[test]
fn cc_046_a_rollback_is_a_failure_though_the_tasks_look_well() {
    insta::assert_snapshot!(
        told(9, "app 1 update=rollback_completed spec=previous : running@8 old-failed@4/1"),
        @"failed: rolled_back: swarm rolled `app` back to its old spec: it left with code 1"
    );
    // Swarm restores the old spec before it marks the rollback complete.
    assert!(told(9, "app 1 update=updating spec=previous : running@8").starts_with("failed: rolled_back"));
}

#[test]
fn cc_048_one_service_rolled_back_while_another_stayed_new_is_a_mixed_stack() {
    insta::assert_snapshot!(
        told(9, "app 1 update=completed : running@8\n db 1 update=rollback_completed spec=previous : running@8"),
        @"failed: mixed_stack: the stack is mixed: `db` rolled back while `app` stayed new: the engine does not say why"
    );
}

#[test]
fn cc_048_a_stack_is_mixed_though_the_other_update_is_still_watched_by_the_engine() {
    let worker = "worker 1 check update=rollback_started spec=previous : running@8+healthy";
    let other = |app: &str| told(9, &format!("app 1 check update=updating : {app}\n {worker}"));
    assert!(other("running@4+healthy").starts_with("failed: mixed_stack"));
    // Not up yet: it may stay, or go back as well.
    assert_eq!(other("starting@8+starting"), "waiting: app 0/1, health starting");
}

#[test]
fn the_window_that_ends_first_names_what_it_waited_for() {
    insta::assert_snapshot!(
        told(600, "app 1 check : starting@2+starting\n db 1 : running@1"),
        @"failed: not_settled: not settled within 600 s: `app` 0/1, health starting"
    );
}

#[test]
fn an_update_that_paused_says_why_its_task_left() {
    insta::assert_snapshot!(
        told(5, "app 1 update=paused : failed@4/3~task:_non-zero_exit_(3) old-running@1"),
        @"failed: update_paused: the update of `app` paused: task: non-zero exit (3)"
    );
}

#[test]
fn an_update_that_paused_and_a_foreign_hand_are_told_apart() {
    assert!(told(5, "app 1 update=paused : running@2").starts_with("failed: update_paused"));
    assert!(told(5, "app 1 spec=foreign : running@2").starts_with("failed: foreign_change"));
    assert!(told(5, "app 1 spec=absent :").starts_with("failed: foreign_change"));
}

#[test]
fn cc_047_what_turns_unhealthy_after_the_monitor_window_is_lost() {
    assert_eq!(soaked(15, "app 1 update=completed check : running@9+healthy"), "settled");
    insta::assert_snapshot!(
        soaked(18, "app 1 update=completed check : running@9+unhealthy"),
        @"failed: lost_after_settled: `app` was settled and was lost 8 s later: its healthcheck fails"
    );
    insta::assert_snapshot!(
        soaked(18, "app 1 : complete@17/0 waiting@18"),
        @"failed: lost_after_settled: `app` was settled and was lost 8 s later: it left with code 0"
    );
    insta::assert_snapshot!(
        soaked(19, "app 1 check : failed@18/137~dockerexec:_unhealthy_container running@19+healthy"),
        @"failed: lost_after_settled: `app` was settled and was lost 9 s later: dockerexec: unhealthy container"
    );
}

#[test]
fn the_soak_waits_for_what_the_engine_makes_of_an_end() {
    assert_eq!(soaked(15, "app 1 : running@9+gone"), "waiting", "the manager has not heard of it");
    assert_eq!(
        soaked(15, "app 1 update=updating : failed@14/1 waiting@15"),
        "waiting",
        "it may be rolled back"
    );
    assert_eq!(soaked(15, "app 1 update=updating check : running@9+unhealthy"), "waiting");
    insta::assert_snapshot!(
        soaked(16, "app 1 update=rollback_started : failed@14/1 waiting@15"),
        @"failed: rolled_back: swarm rolled `app` back to its old spec: it left with code 1"
    );
}

#[test]
fn a_crash_from_before_the_stack_was_settled_is_forgiven_in_the_soak() {
    assert_eq!(soaked(15, "app 1 : failed@4/1 running@9"), "settled");
}

mod crash;
mod node;
