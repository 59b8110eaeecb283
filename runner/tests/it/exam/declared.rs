//! The asks that we carry out ourselves.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::Cause;
use domain::cause::Vantage;
use domain::test::TestOutcome;
use runner::instance::ask::{Ask, Expect, How, HttpAsk, SqlClient};
use serde_json::json;

use super::stage::{SECRET, Stage, exec, told};

fn ask(how: How, expect: Expect) -> Ask {
    Ask { how, expect, deadline: Duration::from_secs(60) }
}

fn http(from: Vantage, method: &str, path: &str) -> HttpAsk {
    HttpAsk {
        from,
        host: None,
        service: "app".into(),
        port: Some(80),
        method: method.into(),
        path: path.into(),
        headers: BTreeMap::new(),
        body: None,
        user: None,
    }
}

#[tokio::test]
async fn cc_033_a_request_goes_through_the_edge_or_to_the_task_with_all_that_it_carries() {
    let stage = Stage::new().await;
    for from in [Vantage::Outside, Vantage::Inside] {
        let mut request = http(from, "PUT", "/u/${MARKER}?d=${DOMAIN}");
        request.body = Some("${MARKER} ${UNKNOWN}".into());
        request.user = Some(("ann".into(), "pw".into()));
        let expect = Expect {
            json: [
                ("/method".into(), json!("PUT")),
                ("/path".into(), json!("/u/simmer0000aaaaupgrade?d=run-0000aaaaa.ci.test")),
                ("/user".into(), json!("Basic YW5uOnB3")),
                ("/body".into(), json!("${MARKER} ${UNKNOWN}")),
            ]
            .into(),
            headers: [("content-type".into(), "json".into())].into(),
            ..Expect::default()
        };
        // The expectation is filled in as the request is.
        let done = stage.test(ask(How::Http(request), expect)).await;
        assert_eq!(told(&done), "passed", "{from}");
        assert_eq!((done.tested.kind.as_str(), done.cause), ("http", None));
    }
}

#[tokio::test]
async fn what_is_otherwise_is_told_with_what_came() {
    let stage = Stage::new().await;
    stage.stack.files.lock().unwrap().insert("/etc/a".into(), "x\u{1b}y".into());
    let file = |present| How::File { service: "app".into(), path: "/etc/a".into(), present };
    let contains = |text: &str| Expect { contains: vec![text.into()], ..Expect::default() };
    let image = || How::Image { service: "app".into() };
    let service = |name: &str, present| How::Service { name: name.into(), present };
    let asks = [
        ask(How::Http(http(Vantage::Outside, "GET", "/no")), Expect::default()),
        ask(
            How::Http(HttpAsk { host: Some("api".into()), ..http(Vantage::Outside, "GET", "/") }),
            Expect::default(),
        ),
        ask(image(), contains("app:1.2")),
        ask(image(), contains("app:1.3")),
        ask(service("sidekiq", false), Expect::default()),
        ask(service("db", false), Expect::default()),
        ask(service("sidekiq", true), Expect::default()),
        ask(file(true), contains("z")),
        ask(file(false), Expect::default()),
        ask(How::Tls { service: "app".into(), port: 443 }, Expect::default()),
        exec(&["cat", "/none"]),
        Ask { expect: Expect { exit: Some(1), ..Expect::default() }, ..exec(&["cat", "/none"]) },
        ask(How::Exec { service: "web".into(), command: vec!["true".into()] }, Expect::default()),
        Ask { deadline: Duration::from_millis(50), ..exec(&["hang"]) },
    ];
    let mut lines = Vec::new();
    for ask in asks {
        lines.push(told(&stage.test(ask).await));
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    failed: expected status 200–299, got 404: `{"method":"GET","path":"/no","user":"","body":""}`
    failed: expected an answer, got none (route): no router takes `api.run-0000aaaaa.ci.test/` on entry point `web-secure` routers: run-0000aaaaa: `app` takes Host(`run-0000aaaaa.ci.test`) on web-secure (TLS) not served: none
    passed
    failed: expected `app:1.3` in the image, got `registry.test/app:1.2@sha256:abc`
    passed
    failed: expected no service `db`, got `app`, `db`
    failed: expected a service `sidekiq`, got `app`, `db`
    failed: expected `z` in the file, got `x\u{1b}y`
    failed: expected no file `/etc/a`, and there is one of 3 bytes
    failed: expected TLS at port 443 of `app`, got none (TLS): the connection was taken and cut before the TLS greeting: the app behind the port is not up, or it has banned us (Mumble: 10 connections in 120 s)
    failed: expected exit code 0, got 1: `cat: /none: no such file`
    passed
    broken: the stack has no service `web`; it has `app`, `db`
    failed: expected an answer within 0.05 s, and there was none
    "#);
}

#[tokio::test]
async fn law_6_an_engine_that_is_away_speaks_against_no_recipe_and_no_overlay() {
    let stage = Stage::new().await;
    *stage.stack.is_lost.lock().unwrap() = true;
    let done = stage.test(exec(&["true"])).await;
    assert_eq!(done.cause.unwrap(), Cause::Engine { says: "the engine is away".into() });
    assert!(matches!(done.tested.outcome, TestOutcome::Broken { .. }));

    let lost = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut stage = Stage::new().await;
    stage.scene.edge = lost;
    let done = stage.test(ask(How::Http(http(Vantage::Outside, "GET", "/")), Expect::default())).await;
    assert!(matches!(done.cause, Some(Cause::Node { .. })), "{:?}", done.cause);
}

#[tokio::test]
async fn sql_is_asked_by_the_client_that_is_there_and_its_password_is_no_argument() {
    let stage = Stage::new().await;
    let sql = |client, database: Option<&str>| How::Sql {
        service: "db".into(),
        client,
        user: None,
        database: database.map(str::to_owned),
        query: "SELECT count(*) FROM t WHERE m = '${MARKER}'".into(),
    };
    let one = || Expect { equals: Some("1".into()), ..Expect::default() };
    assert_eq!(told(&stage.test(ask(sql(SqlClient::Psql, None), one())).await), "passed");
    assert_eq!(told(&stage.test(ask(sql(SqlClient::Mysql, None), one())).await), "passed");
    assert_eq!(
        told(&stage.test(ask(sql(SqlClient::Sqlite, None), one())).await),
        "broken: sqlite needs `database`: the path of its file in the container"
    );
    let ran = stage.stack.ran.lock().unwrap();
    let programs: Vec<_> = ran.iter().map(|(cmd, _)| cmd[0].as_str()).collect();
    assert_eq!(programs, ["psql", "mysql", "mariadb"]);
    assert_eq!(ran[0].0.last().unwrap(), "SELECT count(*) FROM t WHERE m = 'simmer0000aaaaupgrade'");
    assert_eq!(ran[0].1, [format!("PGPASSWORD={SECRET}")]);
    assert!(ran.iter().all(|(cmd, _)| cmd.iter().all(|word| !word.contains(SECRET))));
}

#[tokio::test]
async fn law_11_a_secret_in_an_answer_is_blanked_out() {
    let stage = Stage::new().await;
    stage.stack.files.lock().unwrap().insert("/s".into(), format!("{}{SECRET}", "x".repeat(290)));
    let expect = Expect { contains: vec!["nothing".into()], ..Expect::default() };
    let done = stage.test(Ask { expect, ..exec(&["cat", "/s"]) }).await;
    let all = format!("{done:?}");
    assert!(all.contains("********") && !all.contains("s3cret"), "{all}");
}

#[tokio::test]
async fn who_asks_to_stop_waits_for_no_answer() {
    let stage = Stage::new().await;
    stage.cancel.send(true).unwrap();
    let done = stage.test(exec(&["hang"])).await;
    assert_eq!(done.cause.unwrap(), Cause::Interrupted);
}
