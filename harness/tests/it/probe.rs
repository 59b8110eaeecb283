//! Every step of a probe failing in turn, against real sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use domain::cause::{ProbeStep, Vantage};
use domain::{Cause, Fault};
use harness::probe::inside::{self, Refused, Task};
use harness::probe::{
    Ask, Attempt, Connector, EDGE_HEADER, Executed, Expect, HeaderRule, HttpAsk, NO_ROUTER_NAME, Outcome,
    Probe, Reach, Schedule, Statuses, Trust, Via, run,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::servers::{Authority, Server, closed_port, read_head};

const NAME: &str = "app.ci.example";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Kind: blog\r\n\r\nhello";

fn http(tls: Option<Trust>) -> HttpAsk {
    let port = if tls.is_some() { 443 } else { 80 };
    HttpAsk {
        tls,
        host: NAME.into(),
        port,
        path: "/health".into(),
        headers: vec![],
        expect: Expect::default(),
    }
}

fn to(address: SocketAddr, ask: Ask) -> Probe {
    Probe { from: Vantage::Outside, ask, reach: Reach::Edge(address) }
}

async fn once(probe: &Probe) -> Outcome {
    run(probe, &Schedule::once(Duration::from_secs(10)), |_, _| {}).await
}

/// Returns step and text of what failed, without port numbers.
fn said(outcome: &Outcome) -> String {
    let port = outcome.last.via.as_ref().map_or("no way".to_owned(), ToString::to_string);
    let mark = if outcome.probed.ok { "ok" } else { "failed" };
    assert_eq!(outcome.probed.ok, outcome.cause.is_none());
    format!("{mark} at {}: {}", outcome.probed.step, outcome.probed.says).replace(&port, "<address>")
}

async fn answer_of(answer: &str, expect: Expect) -> String {
    let server = Server::saying(answer).await;
    said(&once(&to(server.address, Ask::Http(HttpAsk { expect, ..http(None) }))).await)
}

#[tokio::test]
async fn cc_123_a_right_answer_names_each_step_with_its_time_and_the_certificate() {
    let authority = Authority::new();
    let server = Server::tls_saying(authority.server(NAME, 2020..2090), OK).await;
    let mut tries = Vec::new();
    let probe = to(server.address, Ask::Http(http(Some(Trust::Ca(authority.pem())))));
    let schedule = Schedule::once(Duration::from_secs(10));
    let outcome =
        run(&probe, &schedule, |nth, attempt: &Attempt| tries.push((nth, attempt.result.is_ok()))).await;
    insta::assert_snapshot!(said(&outcome), @"ok at app: answered 200 (via <address>)");
    assert_eq!((outcome.probed.url.as_str(), outcome.probed.tries), ("https://app.ci.example/health", 1));
    let steps: Vec<ProbeStep> = outcome.last.steps.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, [ProbeStep::Tcp, ProbeStep::Tls, ProbeStep::Http, ProbeStep::App]);
    insta::assert_snapshot!(outcome.last.certificate.unwrap().to_string(), @"certificate `CN=app.ci.example` for app.ci.example, issued by `CN=test authority`, valid 2020-01-01 to 2090-01-01");
    assert_eq!(tries, [(1, true)]);
}

#[tokio::test]
async fn a_name_without_an_address_fails_at_dns() {
    let ask = HttpAsk { host: "nobody.simmer.invalid".into(), ..http(None) };
    let probe = Probe { from: Vantage::Outside, ask: Ask::Http(ask), reach: Reach::Dns };
    let outcome = once(&probe).await;
    assert_eq!(outcome.probed.step, ProbeStep::Dns, "{}", outcome.probed.says);
    assert_eq!(outcome.cause.unwrap().fault(), Fault::Recipe);
}

#[tokio::test]
async fn a_name_with_an_address_is_looked_up_first() {
    let server = Server::saying(OK).await;
    let ask = HttpAsk { host: "localhost".into(), port: server.address.port(), ..http(None) };
    let outcome = once(&Probe { from: Vantage::Outside, ask: Ask::Http(ask), reach: Reach::Dns }).await;
    assert!(outcome.probed.ok, "{}", outcome.probed.says);
    assert_eq!(outcome.last.steps[0].0, ProbeStep::Dns);
}

#[tokio::test]
async fn an_edge_that_is_not_there_is_never_the_recipes_fault() {
    let address = closed_port().await;
    let outcome = once(&to(address, Ask::Http(http(None)))).await;
    assert_eq!(outcome.probed.step, ProbeStep::Tcp);
    assert_eq!(outcome.cause.as_ref().map(Cause::fault), Some(Fault::Platform));
    assert!(outcome.probed.says.contains("refused: nothing listens there"), "{}", outcome.probed.says);
    // What a connector knows of its own is said.
    let gone = Connector::new("app:80", || async {
        Err(std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "no task of `app` runs"))
    });
    let probe = Probe { from: Vantage::Inside, ask: Ask::Http(http(None)), reach: Reach::Through(gone) };
    assert_eq!(once(&probe).await.probed.says, "app:80: no task of `app` runs");
    // The same at the task itself is.
    let reach = Reach::Through(Connector::address(address));
    let outcome = once(&Probe { from: Vantage::Inside, ask: Ask::Http(http(None)), reach }).await;
    assert!(matches!(outcome.cause, Some(Cause::Probe { step: ProbeStep::Tcp, from: Vantage::Inside, .. })));
}

#[tokio::test]
async fn cc_123_a_certificate_that_is_wrong_is_described_apart_from_the_app() {
    let (ours, theirs) = (Authority::new(), Authority::named("a stranger"));
    let ask = |trust: &Authority| Ask::Http(http(Some(Trust::Ca(trust.pem()))));
    let mut all = Vec::new();
    for (config, trust) in [
        (ours.server(NAME, 2020..2021), &ours),
        (ours.server(NAME, 2080..2090), &ours),
        (ours.server("other.example", 2020..2090), &ours),
        (ours.server(NAME, 2020..2090), &theirs),
        (theirs.server("0123.traefik.default", 2020..2090), &ours),
    ] {
        let server = Server::tls_saying(config, OK).await;
        all.push(said(&once(&to(server.address, ask(trust))).await));
    }
    insta::assert_snapshot!(all.join("\n"), @"
    failed at TLS: it has expired: certificate `CN=app.ci.example` for app.ci.example, issued by `CN=test authority`, valid 2020-01-01 to 2021-01-01 (via <address>)
    failed at TLS: it is not valid yet: certificate `CN=app.ci.example` for app.ci.example, issued by `CN=test authority`, valid 2080-01-01 to 2090-01-01 (via <address>)
    failed at TLS: it is for another name: certificate `CN=other.example` for other.example, issued by `CN=test authority`, valid 2020-01-01 to 2090-01-01 (via <address>)
    failed at TLS: nobody whom we trust issued it: certificate `CN=app.ci.example` for app.ci.example, issued by `CN=test authority`, valid 2020-01-01 to 2090-01-01 (via <address>)
    failed at TLS: nobody whom we trust issued it; Traefik shows this one where no router takes the name, or before the name's own is made: certificate `CN=0123.traefik.default` for 0123.traefik.default, issued by `CN=a stranger`, valid 2020-01-01 to 2090-01-01 (via <address>)
    ");
    // Unchecked, it is still looked at.
    let server = Server::tls_saying(ours.server("other.example", 2020..2021), OK).await;
    let outcome = once(&to(server.address, Ask::Http(http(Some(Trust::Unchecked))))).await;
    assert!(outcome.probed.ok && outcome.last.certificate.is_some());
}

#[tokio::test]
async fn a_port_that_takes_connections_is_told_from_an_app_that_speaks_tls() {
    let tls = |address, reach: fn(Connector) -> Reach| Probe {
        from: Vantage::Inside,
        ask: Ask::Tls { host: NAME.into(), port: 64738, trust: Trust::Unchecked },
        reach: reach(Connector::address(address)),
    };
    let authority = Authority::new();
    let speaks = Server::tls_saying(authority.server("anything", 2020..2090), "").await;
    let cuts = Server::start(|stream| async move { drop(stream) }).await;
    let plain = Server::saying("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let mut all = vec![said(&once(&tls(speaks.address, Reach::Through)).await)];
    // Inside of the task nobody stands between: whoever cuts there is the app.
    let task = Task { pid: None, bridge: Some(cuts.address.ip()) };
    let at_task = Reach::Through(task.connector("app", cuts.address.port()));
    all.push(said(&once(&Probe { reach: at_task, ..tls(cuts.address, Reach::Through) }).await));
    all.push(said(
        &once(&to(cuts.address, Ask::Tls { host: NAME.into(), port: 1, trust: Trust::Unchecked })).await,
    ));
    // A server that answers text to a greeting.
    let banner = Server::start(|mut stream| async move {
        stream.write_all(b"220 mail.example ESMTP\r\n").await.ok();
        stream.read_u8().await.ok();
    })
    .await;
    all.push(said(&once(&tls(banner.address, Reach::Through)).await));
    insta::assert_snapshot!(all.join("\n"), @"
    ok at TLS: answered the TLS greeting (via <address>)
    failed at TLS: the app took the connection and cut it before its TLS greeting: so does a server that has banned us (Mumble: 10 connections in 120 s) (via <address>)
    failed at TLS: the connection was taken and cut before the TLS greeting: the app behind the port is not up, or it has banned us (Mumble: 10 connections in 120 s) (via <address>)
    failed at TLS: what answers does not speak TLS (via <address>)
    ");
    // TCP alone proves nothing more than that somebody took it.
    let probe = Probe { ask: Ask::Tcp { host: NAME.into(), port: 1 }, ..tls(plain.address, Reach::Through) };
    insta::assert_snapshot!(said(&once(&probe).await), @"ok at TCP: took the connection (via <address>)");
}

#[tokio::test]
async fn the_app_sees_the_name_as_its_users_write_it() {
    let server = Server::start(|mut stream| async move {
        let head = read_head(&mut stream).await;
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}", head.len());
        stream.write_all(answer.as_bytes()).await.ok();
    })
    .await;
    let ask = |text: &str| {
        let expect = Expect { body: vec![text.into()], ..Expect::default() };
        Ask::Http(HttpAsk { port: 8443, expect, ..http(None) })
    };
    // The port of an edge is ours; at the task it is the task's.
    let outcome = once(&to(server.address, ask("host: app.ci.example\r\n"))).await;
    assert!(outcome.probed.ok, "{}", outcome.probed.says);
    let reach = Reach::Through(Connector::address(server.address));
    let probe = Probe { from: Vantage::Inside, ask: ask("host: app.ci.example:8443\r\n"), reach };
    assert!(once(&probe).await.probed.ok);
}

#[tokio::test]
async fn what_is_not_http_or_ends_too_early_fails_at_http() {
    let mut all = Vec::new();
    for answer in [
        "",
        "HTTP/1.1 200 OK\r\nContent-",
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi",
    ] {
        all.push(answer_of(answer, Expect::default()).await);
    }
    insta::assert_snapshot!(all.join("\n"), @"
    failed at HTTP: the connection was closed before the answer was complete (via <address>)
    failed at HTTP: the connection was closed before the answer was complete (via <address>)
    failed at HTTP: the answer is not HTTP (invalid HTTP version parsed) (via <address>)
    failed at HTTP: the body broke off: closed by the other side (via <address>)
    ");
}

#[tokio::test]
async fn a_wrong_answer_fails_at_the_app_and_says_what_was_wrong() {
    let header = |name: &str, contains: Option<&str>| Expect {
        headers: vec![HeaderRule { name: name.into(), contains: contains.map(Into::into) }],
        ..Expect::default()
    };
    let body = |text: &str| Expect { body: vec![text.into()], ..Expect::default() };
    let moved = "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n";
    let traefik = "HTTP/1.1 404 Not Found\r\nContent-Length: 19\r\n\r\n404 page not found\n";
    let evil = "HTTP/1.1 500 No\r\nContent-Length: 14\r\n\r\n\u{1b}[2Jpanic\r\nat x";
    let mut all = Vec::new();
    for (answer, expect) in [
        (moved, Expect::default()),
        (moved, Expect { statuses: Statuses::parse("200,302").unwrap(), ..Expect::default() }),
        (traefik, Expect::default()),
        (evil, Expect::default()),
        (OK, header("x-kind", Some("blog"))),
        (OK, header("x-kind", Some("shop"))),
        (OK, header("x-none", None)),
        (OK, body("ell")),
        (OK, body("bye")),
    ] {
        all.push(answer_of(answer, expect).await);
    }
    insta::assert_snapshot!(all.join("\n"), @"
    failed at app: answered 302, expected 200–299 (to `/login`) (via <address>)
    ok at app: answered 302 (via <address>)
    failed at app: answered 404, expected 200–299; Traefik says this where no router takes the name and path (via <address>)
    failed at app: answered 500, expected 200–299: �[2Jpanic at (via <address>)
    ok at app: answered 200 (via <address>)
    failed at app: answered 200 without header `x-kind` with `shop` (via <address>)
    failed at app: answered 200 without header `x-none` (via <address>)
    ok at app: answered 200 (via <address>)
    failed at app: answered 200, and its body does not hold `bye`: hello (via <address>)
    ");
}

#[tokio::test]
async fn what_the_edge_itself_says_is_the_route_or_the_way_and_never_the_app() {
    let mut all = Vec::new();
    for mark in ["no-router", "backend", "busy"] {
        let answer = format!("HTTP/1.1 502 X\r\n{EDGE_HEADER}: {mark}\r\nContent-Length: 3\r\n\r\nwhy");
        all.push(answer_of(&answer, Expect::default()).await);
    }
    insta::assert_snapshot!(all.join("\n"), @"
    failed at route: why (via <address>)
    failed at TCP: why (via <address>)
    failed at HTTP: why (via <address>)
    ");
    // For a name that nobody serves the edge has no certificate, but it can say so under its own.
    let authority = Authority::new();
    let answer =
        format!("HTTP/1.1 404 X\r\n{EDGE_HEADER}: no-router\r\nContent-Length: 10\r\n\r\nno routers");
    let server = Server::tls_saying(authority.server(NO_ROUTER_NAME, 2020..2090), answer).await;
    let outcome = once(&to(server.address, Ask::Http(http(Some(Trust::Ca(authority.pem())))))).await;
    insta::assert_snapshot!(said(&outcome), @"failed at route: no routers (via <address>)");
    // A green answer under that name proves nothing.
    let server = Server::tls_saying(authority.server(NO_ROUTER_NAME, 2020..2090), OK).await;
    let outcome = once(&to(server.address, Ask::Http(http(Some(Trust::Ca(authority.pem())))))).await;
    assert_eq!((outcome.probed.ok, outcome.probed.step), (false, ProbeStep::Route));
    // Vouched for by somebody else it is only a wrong certificate.
    let outcome = once(&to(server.address, Ask::Http(http(Some(Trust::Ca(Authority::new().pem())))))).await;
    assert_eq!((outcome.probed.ok, outcome.probed.step), (false, ProbeStep::Tls));
}

#[tokio::test]
async fn answers_that_never_end_are_cut_in_size_and_time() {
    // A body without an end whose beginning is right.
    let endless = Server::start(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nready ").await.ok();
        while stream.write_all(&[b'x'; 65536]).await.is_ok() {}
    })
    .await;
    let ask = HttpAsk { expect: Expect { body: vec!["ready".into()], ..Expect::default() }, ..http(None) };
    assert!(once(&to(endless.address, Ask::Http(ask))).await.probed.ok);
    // A head without an end.
    let head = Server::start(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\n").await.ok();
        while stream.write_all(b"X-More: and more and more and more\r\n").await.is_ok() {}
    })
    .await;
    let outcome = once(&to(head.address, Ask::Http(http(None)))).await;
    assert_eq!(outcome.probed.step, ProbeStep::Http, "{}", outcome.probed.says);
    // A head that comes byte by byte for ever.
    let slow = Server::start(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\nX-").await.ok();
        while stream.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let probe = to(slow.address, Ask::Http(http(None)));
    let outcome = run(&probe, &Schedule::once(Duration::from_millis(300)), |_, _| {}).await;
    assert_eq!(outcome.probed.step, ProbeStep::Http, "{}", outcome.probed.says);
    assert!(outcome.probed.millis < 5_000);
    // A server that says nothing at all to a TLS greeting.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ask = Ask::Http(http(Some(Trust::Unchecked)));
    let probe = to(listener.local_addr().unwrap(), ask);
    let outcome = run(&probe, &Schedule::once(Duration::from_millis(300)), |_, _| {}).await;
    assert_eq!(outcome.probed.step, ProbeStep::Tls, "{}", outcome.probed.says);
}

#[tokio::test]
async fn commands_and_log_lines_are_asked_too() {
    let exec = |exit_code, output: &'static str, says: Option<&str>| Ask::Exec {
        command: vec!["pg_isready".into(), "-h".into(), "127.0.0.1".into()],
        run: Arc::new(move |_| Box::pin(async move { Ok(Executed { exit_code, output: output.into() }) })),
        says: says.map(Into::into),
    };
    let log = |contains: &str| Ask::LogLine {
        contains: contains.into(),
        lines: Arc::new(|| Box::pin(async { Ok(vec!["starting".into(), "ready to serve".into()]) })),
    };
    let broken: Ask = Ask::Exec {
        command: vec!["true".into()],
        run: Arc::new(|_| Box::pin(async { Err("the container is being replaced (409)".into()) })),
        says: None,
    };
    let mut all = Vec::new();
    for ask in [
        exec(0, "accepting", Some("accept")),
        exec(0, "no", Some("yes")),
        exec(2, "down\n", None),
        broken,
        log("ready"),
        log("panic"),
    ] {
        let outcome = once(&to(SocketAddr::from(([127, 0, 0, 1], 1)), ask)).await;
        all.push(format!("{} {}", outcome.probed.url, said(&outcome)));
    }
    insta::assert_snapshot!(all.join("\n"), @"
    exec: pg_isready -h 127.0.0.1 ok at app: the command ended with 0
    exec: pg_isready -h 127.0.0.1 failed at app: the command did not say `yes`: no
    exec: pg_isready -h 127.0.0.1 failed at app: the command ended with 2: down
    exec: true failed at app: the command could not be run: the container is being replaced (409)
    log: ready ok at app: the log says `ready to serve`
    log: panic failed at app: no line of the log holds `panic`; its last is `ready to serve`
    ");
}

#[tokio::test(start_paused = true)]
async fn cc_042_a_probe_knocks_seldom_and_says_how_often_and_how_long() {
    let knocks = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&knocks);
    let ask = Ask::Exec {
        command: vec!["false".into()],
        run: Arc::new(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            Box::pin(async { Ok(Executed { exit_code: 1, output: String::new() }) })
        }),
        says: None,
    };
    let probe = to(SocketAddr::from(([127, 0, 0, 1], 1)), ask);
    let window = Duration::from_secs(60);
    let outcome = run(&probe, &Schedule::within(window), |_, _| {}).await;
    assert_eq!(knocks.load(Ordering::SeqCst), 9);
    assert!(outcome.probed.millis <= 60_000);
    assert!(matches!(outcome.cause, Some(Cause::Probe { tries: 9, window_seconds: 60, .. })));
    let outcome = run(&probe, &Schedule { max_tries: 3, ..Schedule::within(window) }, |_, _| {}).await;
    assert_eq!((outcome.probed.tries, outcome.probed.millis), (3, 2500));
}

#[tokio::test]
async fn a_probe_holds_one_connection_at_a_time_and_stops_at_the_first_right_answer() {
    let count = Arc::new(AtomicU32::new(0));
    let server = Server::start(move |mut stream| {
        let nth = count.fetch_add(1, Ordering::SeqCst);
        async move {
            read_head(&mut stream).await;
            let answer = if nth < 4 { "HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n" } else { OK };
            stream.write_all(answer.as_bytes()).await.ok();
            // Until the probe has hung up, this one counts as open.
            stream.read_to_end(&mut Vec::new()).await.ok();
        }
    })
    .await;
    let probe = to(server.address, Ask::Http(http(None)));
    let schedule =
        Schedule { first_pause: Duration::from_millis(20), ..Schedule::within(Duration::from_secs(60)) };
    let outcome = run(&probe, &schedule, |_, _| {}).await;
    assert!(outcome.probed.ok);
    assert_eq!((outcome.probed.tries, server.accepted(), server.most_at_once()), (5, 5, 1));
}

#[tokio::test]
async fn cc_124_a_task_is_met_inside_its_namespace_or_over_the_bridge() {
    let server = Server::saying(OK).await;
    let port = server.address.port();
    let task = Task { pid: Some(std::process::id()), bridge: Some(server.address.ip()) };
    let link = task.connect(port).await.unwrap();
    assert!(matches!(link.via, Via::Namespace(_) | Via::Bridge { .. }));
    // No process: the bridge, and the reason.
    let task = Task { pid: None, ..task };
    let link = task.connect(port).await.unwrap();
    assert_eq!(
        link.via.to_string(),
        format!("127.0.0.1:{port} on the bridge (the engine gives no process id)")
    );
    // Neither: an error that says both.
    let error = Task::default().connect(port).await.unwrap_err();
    insta::assert_snapshot!(error.to_string(), @"the engine gives no process id, and the task has no address on the bridge");
}

#[tokio::test]
async fn a_namespace_of_its_own_is_entered_and_left() {
    // A process in an empty network namespace: its loopback is down, so that nothing of ours is there.
    let mut child = tokio::process::Command::new("unshare")
        .args(["--net", "sh", "-c", "echo in; read end"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // One byte of its word: it is there. Where it may not be made, the end comes instead.
    child.stdout.as_mut().unwrap().read_u8().await.ok();
    let server = Server::saying(OK).await;
    let outcome = inside::connect(child.id().unwrap_or(0), server.address.port()).await;
    match outcome {
        // Inside, our own server cannot be reached.
        Err(Refused::Connecting(_)) => {}
        // Without the right to make or enter one.
        Err(Refused::Entering(_)) => {}
        Ok(link) => panic!("reached {} from another namespace", link.via),
    }
    // This thread never left its own.
    assert!(Connector::address(server.address).connect().await.is_ok());
}
