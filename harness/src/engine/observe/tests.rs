use super::*;
use chrono::TimeDelta;
use domain::StackName;
use domain::settle::{SettleLimits, Standing, judge};

fn at(second: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
}

fn spec(image: &str, mark: &str) -> Value {
    json!({
        "Name": "s_app",
        "Labels": {APPLY_LABEL: mark},
        "TaskTemplate": {
            "ContainerSpec": {"Image": image, "Healthcheck": {"Test": ["CMD", "true"]}},
            "RestartPolicy": {"Condition": "any"},
            "Placement": {"Constraints": ["node.role == manager"]},
            "Runtime": "container",
        },
        "Mode": {"Replicated": {"Replicas": 1}},
    })
}

fn applied(spec: &Value, touched: Touched, before: Option<&str>) -> Applied {
    Applied {
        stack: StackName::parse("s").unwrap(),
        at: at(100),
        services: vec![AppliedService {
            name: "app".into(),
            full_name: "s_app".into(),
            id: "svc".into(),
            touched,
            mark: "new".into(),
            before: before.map(str::to_owned),
            spec: spec.clone(),
            born_after: None,
        }],
    }
}

/// A task of an image in a state, as the engine shows it.
fn task(image: &str, state: &str) -> Value {
    json!({
        "ID": "t1", "ServiceID": "svc", "NodeID": "n1", "DesiredState": "running",
        "CreatedAt": "1970-01-01T00:01:41Z",
        "Spec": {
            "ContainerSpec": {"Image": image, "Healthcheck": {"Test": ["CMD", "true"]}},
            "RestartPolicy": {"Condition": "any"},
            "Placement": {},
        },
        "Status": {"State": state, "Timestamp": "1970-01-01T00:01:42Z", "ContainerStatus": {"ContainerID": "c1", "ExitCode": 0}},
    })
}

fn container(state: &str, status: &str) -> Value {
    json!({"Id": "c1", "State": state, "Status": status, "Labels": {"com.docker.swarm.task.id": "t1"}})
}

fn seen(applied: &Applied, service: Value, tasks: Vec<Value>, containers: Vec<Value>) -> ServiceSeen {
    let answers = Answers { services: vec![service], tasks, containers, ..Answers::default() };
    read(applied, &answers).services.remove(0)
}

#[test]
fn a_task_of_the_same_template_is_current_wherever_it_was_placed() {
    let now = spec("a:2", "new");
    let ours = applied(&now, Touched::Updated, Some("old"));
    let service = json!({"ID": "svc", "Spec": now});
    let seen = seen(&ours, service, vec![task("a:2", "running"), task("a:1", "running")], vec![]);
    assert_eq!(seen.spec, SpecSeen::Ours);
    assert!(seen.tasks[0].current && !seen.tasks[1].current);
    assert!(seen.healthcheck && !seen.may_complete);
}

#[test]
fn a_task_from_before_a_change_of_ports_is_old_though_its_template_is_the_same() {
    let now = spec("a:2", "new");
    let mut ours = applied(&now, Touched::Updated, Some("old"));
    ours.services[0].born_after = Some(at(102));
    let service = json!({"ID": "svc", "Spec": now});
    assert!(!seen(&ours, service, vec![task("a:2", "running")], vec![]).tasks[0].current);
}

#[test]
fn the_spec_of_before_is_told_from_that_of_a_stranger() {
    let ours = applied(&spec("a:2", "new"), Touched::Updated, Some("old"));
    let told = |spec: Value| seen(&ours, json!({"ID": "svc", "Spec": spec}), vec![], vec![]).spec;
    assert_eq!(told(spec("a:1", "old")), SpecSeen::Previous);
    assert_eq!(told(spec("a:3", "other")), SpecSeen::Foreign);
    assert_eq!(
        told(spec("a:3", "new")),
        SpecSeen::Foreign,
        "our mark on another spec: `docker service update`"
    );
    let gone = read(&ours, &Answers::default());
    assert_eq!(gone.services[0].spec, SpecSeen::Absent);
}

#[test]
fn the_end_of_an_old_rollback_does_not_poison_a_service_that_holds_what_we_want() {
    let status = |started: &str| json!({"State": "rollback_completed", "StartedAt": started});
    let now = spec("a:1", "new");
    let told = |touched, started| {
        let service = json!({"ID": "svc", "Spec": now, "UpdateStatus": status(started)});
        seen(&applied(&now, touched, None), service, vec![], vec![]).update
    };
    assert_eq!(told(Touched::Same, "1970-01-01T00:01:39Z"), Update::None);
    assert_eq!(told(Touched::Same, "1970-01-01T00:01:41Z"), Update::RollbackCompleted);
    assert_eq!(told(Touched::Updated, "1970-01-01T00:01:41Z"), Update::RollbackCompleted);
}

#[test]
fn health_is_read_from_the_words_of_a_listing() {
    let words = |status| read_container(&container("running", status)).health;
    assert_eq!(words("Up 2 seconds (healthy)"), Health::Healthy);
    assert_eq!(words("Up 2 seconds (unhealthy)"), Health::Unhealthy);
    assert_eq!(words("Up Less than a second (health: starting)"), Health::Starting);
    assert_eq!(words("Up 2 seconds"), Health::None);
    assert!(!read_container(&container("exited", "Exited (0) 3 seconds ago")).running);
}

#[test]
fn a_process_stopped_for_its_health_that_leaves_with_0_has_failed() {
    let now = spec("a:1", "new");
    let end = read_end(&json!({"State": {
        "OOMKilled": false, "StartedAt": "1970-01-01T00:01:41.5Z",
        "Health": {"Status": "unhealthy", "FailingStreak": 3, "Log": [{"Output": "no"}, {"Output": "connection refused\n"}]},
    }}));
    let answers = Answers {
        services: vec![json!({"ID": "svc", "Spec": now})],
        tasks: vec![task("a:1", "complete")],
        ends: [("c1".to_owned(), end)].into(),
        ..Answers::default()
    };
    let seen = read(&applied(&now, Touched::Created, None), &answers);
    let task = &seen.services[0].tasks[0];
    assert_eq!((task.state, task.exit_code), (TaskState::Failed, Some(0)));
    assert_eq!(task.says, "unhealthy container: connection refused");
    assert_eq!(task.started, at(101) + TimeDelta::milliseconds(500));
}

#[test]
fn a_crash_is_not_taken_for_failing_health_though_the_engine_calls_it_unhealthy() {
    let end = |streak, retries| {
        read_end(&json!({
            "State": {"Health": {"Status": "unhealthy", "FailingStreak": streak, "Log": []}},
            "Config": {"Healthcheck": {"Retries": retries}},
        }))
        .unhealthy
    };
    assert_eq!(end(0, 2), None);
    assert_eq!(end(1, 2), None);
    assert_eq!(end(2, 2), Some(String::new()));
    assert_eq!(end(2, 0), None, "the engine's default is 3");
}

#[test]
fn an_end_tells_of_memory_and_a_container_that_never_started_has_no_start() {
    let end = read_end(&json!({"State": {"OOMKilled": true, "StartedAt": "0001-01-01T00:00:00Z"}}));
    assert_eq!(end, End { oom: true, started: None, unhealthy: None });
}

#[test]
fn modes_are_read_with_the_engines_defaults() {
    let read = |mode: Value| read_mode(&mode, &Value::Null, &[]);
    assert_eq!(read(json!({"Replicated": {}})), Mode::Replicated { replicas: 1 });
    assert_eq!(read(json!({"Replicated": {"Replicas": 0}})), Mode::Replicated { replicas: 0 });
    assert_eq!(read(json!({"Global": {}})), Mode::Global { nodes: 0 });
    assert_eq!(read(json!({"ReplicatedJob": {"MaxConcurrent": 3}})), Mode::Job { completions: 3 });
    assert_eq!(
        read(json!({"ReplicatedJob": {"TotalCompletions": 2, "MaxConcurrent": 1}})),
        Mode::Job { completions: 2 }
    );
    assert_eq!(read(json!({"GlobalJob": {}})), Mode::Job { completions: 0 });
}

#[test]
fn a_task_of_an_earlier_round_of_a_job_is_old() {
    let mut now = spec("a:1", "new");
    now["Mode"] = json!({"ReplicatedJob": {"TotalCompletions": 1}});
    let service = json!({"ID": "svc", "Spec": now, "JobStatus": {"JobIteration": {"Index": 7}}});
    let mut old = task("a:1", "complete");
    old["JobIteration"] = json!({"Index": 3});
    let mut new = task("a:1", "complete");
    new["JobIteration"] = json!({"Index": 7});
    let seen = seen(&applied(&now, Touched::Updated, None), service, vec![old, new], vec![]);
    assert_eq!(seen.tasks.iter().map(|t| t.current).collect::<Vec<_>>(), [false, true]);
    assert!(seen.may_complete);
}

#[test]
fn a_rejected_task_has_no_exit_code_and_says_why() {
    let now = spec("a:1", "new");
    let mut rejected = task("a:1", "rejected");
    rejected["Status"] = json!({
        "State": "rejected", "Timestamp": "1970-01-01T00:01:42Z", "Err": "No such image: a:1", "Message": "preparing",
        "ContainerStatus": {"ContainerID": "", "PID": 0, "ExitCode": 0},
    });
    let answers = Answers {
        services: vec![json!({"ID": "svc", "Spec": now})],
        tasks: vec![rejected],
        ..Answers::default()
    };
    let seen = read(&applied(&now, Touched::Created, None), &answers);
    assert_eq!(seen.services[0].tasks[0].exit_code, None);
    let Standing::Failed(cause) = judge(&seen, at(100), at(103), &SettleLimits::default()) else { panic!() };
    assert_eq!(cause.to_string(), "`app`: there is no image `a:1` (no such image on the node)");
}

#[test]
fn a_task_that_waits_says_what_for() {
    let now = spec("a:1", "new");
    let mut pending = task("a:1", "pending");
    pending["Status"]["Message"] = json!("pending task scheduling");
    let service = json!({"ID": "svc", "Spec": now});
    let ours = applied(&now, Touched::Created, None);
    assert_eq!(
        seen(&ours, service.clone(), vec![pending.clone()], vec![]).tasks[0].says,
        "pending task scheduling"
    );
    pending["Status"]["Err"] = json!("no suitable node");
    assert_eq!(seen(&ours, service, vec![pending], vec![]).tasks[0].says, "no suitable node");
}
