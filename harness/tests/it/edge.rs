//! The embedded edge with real clients: routing, redirects, pass-through, upgrades, and hostile neighbours.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::StackName;
use domain::cause::{ProbeStep, Vantage};
use domain::route::Table;
use harness::edge::{Backend, Edge, EdgeError, Limits, Options, Route};
use harness::probe::{Ask, EDGE_HEADER, Expect, HttpAsk, Outcome, Probe, Reach, Schedule, Trust, run};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::servers::{Authority, Server, closed_port, read_head};

struct Bench {
    edge: Edge,
    _folder: TempDir,
}

fn stack(name: &str) -> StackName {
    StackName::parse(name).unwrap()
}

/// Reads labels `service label=value`, one a line, of a stack whose services are enabled.
fn table(labels: &str) -> Table {
    let mut services: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for line in labels.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (service, label) = line.split_once(' ').unwrap();
        services
            .entry(service)
            .or_insert_with(|| vec![("traefik.enable", "true")])
            .push(label.split_once('=').unwrap());
    }
    Table::read(services)
}

impl Bench {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let folder = TempDir::new().unwrap();
        let mut options = Options::loopback(folder.path().join("ca"));
        change(&mut options);
        Self { edge: Edge::start(options).await.unwrap(), _folder: folder }
    }

    /// Routes a stack by its labels; every service is at the same address.
    fn route(&self, name: &str, labels: &str, at: SocketAddr) -> Vec<String> {
        let table = table(labels);
        let routes = Route::of(&table, |_, _| Backend::address(at));
        self.edge.set_routes(&stack(name), routes, &table.unknown)
    }

    async fn tls_trusting(&self, name: &str, ca: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(self.edge.https_addr).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    async fn tls(&self, name: &str) -> TlsStream<TcpStream> {
        self.tls_trusting(name, self.edge.ca_pem.as_bytes()).await.unwrap()
    }

    /// Asks over HTTPS, with lines of the head besides `Host`.
    async fn ask(&self, request: &str, host: &str, more: &str) -> String {
        let mut stream = self.tls(host).await;
        talk(&mut stream, &format!("{request} HTTP/1.1\r\nHost: {host}\r\n{more}Connection: close\r\n\r\n"))
            .await
    }

    async fn get(&self, host: &str, path: &str) -> String {
        self.ask(&format!("GET {path}"), host, "").await
    }

    /// Asks over plain HTTP.
    async fn plain(&self, request: &str, host: &str) -> String {
        let mut stream = TcpStream::connect(self.edge.http_addr).await.unwrap();
        talk(&mut stream, &format!("{request} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await
    }

    async fn probe(&self, host: &str) -> Outcome {
        let ask = HttpAsk {
            tls: Some(Trust::Ca(self.edge.ca_pem.clone().into_bytes())),
            host: host.into(),
            port: 443,
            path: "/".into(),
            headers: vec![],
            expect: Expect::default(),
        };
        let reach = Reach::Edge(self.edge.https_addr);
        let probe = Probe { from: Vantage::Outside, ask: Ask::Http(ask), reach };
        run(&probe, &Schedule::once(Duration::from_secs(20)), |_, _| {}).await
    }
}

/// Sends text and reads everything until the other side closes.
async fn talk(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), text: &str) -> String {
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    String::from_utf8_lossy(&answer).into_owned()
}

fn says(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len())
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    let head = answer.split("\r\n\r\n").next().unwrap();
    let line = head.lines().find_map(|l| l.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name)));
    line.map_or("", |(_, value)| value)
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

/// Answers with the head that it was asked with.
async fn echo() -> Server {
    Server::start(|mut stream| async move {
        let head = read_head(&mut stream).await;
        stream.write_all(says(&head).as_bytes()).await.ok();
    })
    .await
}

const BLOG: &str = "app traefik.http.services.blog.loadbalancer.server.port=80
    app traefik.http.routers.blog.rule=Host(`blog.example`)
    app traefik.http.routers.blog.entrypoints=web-secure
    app traefik.http.routers.blog.tls=true";

#[tokio::test]
async fn requests_go_to_the_stack_whose_rule_takes_them_and_the_longer_rule_first() {
    let bench = Bench::new().await;
    let (blog, api, shop) = (
        Server::saying(says("blog")).await,
        Server::saying(says("api")).await,
        Server::saying(says("shop")).await,
    );
    let labels = format!(
        "{BLOG}
         api traefik.http.services.api.loadbalancer.server.port=80
         api traefik.http.routers.api.rule=Host(`blog.example`) && PathPrefix(`/api`)
         api traefik.http.routers.api.tls=true"
    );
    let table = table(&labels);
    let routes = Route::of(&table, |service, _| {
        Backend::address(if service == "api" { api.address } else { blog.address })
    });
    assert_eq!(bench.edge.set_routes(&stack("one"), routes, &table.unknown), Vec::<String>::new());
    assert_eq!(bench.route("two", &BLOG.replace("blog", "shop"), shop.address), Vec::<String>::new());
    assert_eq!(body(&bench.get("blog.example", "/").await), "blog");
    assert_eq!(body(&bench.get("blog.example", "/api/v1").await), "api");
    assert_eq!(body(&bench.get("shop.example", "/").await), "shop");
    // An explicit priority wins over the length.
    let first = format!("{BLOG}\n app traefik.http.routers.blog.priority=1000");
    let table = self::table(&labels.replace(BLOG, &first));
    let routes = Route::of(&table, |service, _| {
        Backend::address(if service == "api" { api.address } else { blog.address })
    });
    bench.edge.set_routes(&stack("one"), routes, &table.unknown);
    assert_eq!(body(&bench.get("blog.example", "/api/v1").await), "blog");
    // A stack that is gone is not served, the other one is.
    bench.edge.remove(&stack("one"));
    assert_eq!(bench.probe("blog.example").await.probed.step, ProbeStep::Route);
    assert_eq!(body(&bench.get("shop.example", "/").await), "shop");
}

#[tokio::test]
async fn a_name_that_nobody_serves_is_answered_with_the_routers_and_labels_there_are() {
    let bench = Bench::new().await;
    let blog = Server::saying(says("blog")).await;
    let labels = format!("{BLOG}\n app traefik.http.routers.re.rule=HostRegexp(`.+`)");
    bench.route("one", &labels, blog.address);
    let outcome = bench.probe("blgo.example").await;
    assert_eq!(outcome.probed.step, ProbeStep::Route);
    let answer = bench.plain("GET /x", "blgo.example").await;
    assert_eq!((status(&answer), header(&answer, EDGE_HEADER)), ("404", "no-router"));
    insta::assert_snapshot!(body(&answer), @"
    no router takes `blgo.example/x` on entry point `web`
    routers:
      one: `blog` takes Host(`blog.example`) on web-secure (TLS)
    not served:
      `traefik.http.routers.re.rule=HostRegexp(`.+`)` on service `app`: the router is not served: at character 1: the matcher `HostRegexp` is not supported
    ");
    // The same under the certificate of another name.
    let mut stream = bench.tls("blog.example").await;
    let answer = talk(&mut stream, "GET / HTTP/1.1\r\nHost: x.example\r\nConnection: close\r\n\r\n").await;
    assert_eq!(header(&answer, EDGE_HEADER), "no-router");
    // A name without a route gets no certificate of its own.
    assert!(bench.tls_trusting("blgo.example", bench.edge.ca_pem.as_bytes()).await.is_err());
}

#[tokio::test]
async fn a_dead_task_is_told_from_one_that_speaks_nonsense_and_from_the_app() {
    let bench = Bench::new().await;
    bench.route("one", BLOG, closed_port().await);
    let outcome = bench.probe("blog.example").await;
    assert_eq!(outcome.probed.step, ProbeStep::Tcp, "{}", outcome.probed.says);
    assert_eq!(outcome.cause.unwrap().fault(), domain::Fault::Recipe);
    let nonsense = Server::saying("SSH-2.0\r\n\r\n").await;
    bench.route("one", BLOG, nonsense.address);
    let outcome = bench.probe("blog.example").await;
    assert_eq!(outcome.probed.step, ProbeStep::Http, "{}", outcome.probed.says);
    // An app that pretends to be the edge is still the app.
    let liar =
        Server::saying(format!("HTTP/1.1 404 No\r\n{EDGE_HEADER}: no-router\r\nContent-Length: 0\r\n\r\n"))
            .await;
    bench.route("one", BLOG, liar.address);
    assert_eq!(bench.probe("blog.example").await.probed.step, ProbeStep::App);
    // Takes the request and never answers.
    let bench = Bench::with(|o| o.limits.answer = Duration::from_millis(200)).await;
    let mute = Server::start(|mut stream| async move {
        stream.read_to_end(&mut Vec::new()).await.ok();
    })
    .await;
    bench.route("one", BLOG, mute.address);
    let outcome = bench.probe("blog.example").await;
    assert_eq!(outcome.probed.step, ProbeStep::Http);
    assert!(outcome.probed.says.contains("limit: answer"), "{}", outcome.probed.says);
}

#[tokio::test]
async fn plain_http_is_sent_to_https_or_served_where_the_labels_say_so() {
    let bench = Bench::new().await;
    let blog = Server::saying(says("blog")).await;
    let labels = format!(
        "{BLOG}
         app traefik.http.routers.open.rule=Host(`open.example`)
         app traefik.http.routers.open.entrypoints=web
         app traefik.http.routers.to.rule=Host(`to.example`)
         app traefik.http.routers.to.entrypoints=web
         app traefik.http.routers.to.middlewares=https
         app traefik.http.middlewares.https.redirectscheme.scheme=https"
    );
    bench.route("one", &labels, blog.address);
    let port = bench.edge.https_addr.port();
    let answer = bench.plain("GET /a?b=c", "blog.example").await;
    assert_eq!(status(&answer), "301");
    assert_eq!(header(&answer, "location"), format!("https://blog.example:{port}/a?b=c"));
    assert_eq!(status(&bench.plain("POST /a", "blog.example").await), "308");
    assert_eq!(body(&bench.plain("GET /", "open.example").await), "blog");
    let answer = bench.plain("GET /x", "to.example").await;
    assert_eq!(status(&answer), "302");
    assert_eq!(header(&answer, "location"), format!("https://to.example:{port}/x"));
    // It is not served on TLS, as at Traefik.
    assert_eq!(bench.probe("open.example").await.probed.step, ProbeStep::Route);
}

#[tokio::test]
async fn middlewares_change_paths_and_headers_and_redirect() {
    let bench = Bench::new().await;
    let app = echo().await;
    let labels = "app traefik.http.services.a.loadbalancer.server.port=80
        app traefik.http.routers.a.rule=Host(`a.example`)
        app traefik.http.routers.a.tls=true
        app traefik.http.routers.a.middlewares=strip,add,head
        app traefik.http.middlewares.strip.stripprefix.prefixes=/old
        app traefik.http.middlewares.add.addprefix.prefix=/app
        app traefik.http.middlewares.head.headers.customrequestheaders.X-Team=red
        app traefik.http.middlewares.head.headers.customrequestheaders.X-Drop=
        app traefik.http.middlewares.head.headers.stsSeconds=60
        app traefik.http.routers.re.rule=Host(`re.example`)
        app traefik.http.routers.re.tls=true
        app traefik.http.routers.re.middlewares=re
        app traefik.http.middlewares.re.redirectregex.regex=^https://re.example/(.*)
        app traefik.http.middlewares.re.redirectregex.replacement=https://www.re.example/${1}
        app traefik.http.middlewares.re.redirectregex.permanent=true
        app traefik.http.routers.force.rule=Host(`force.example`)
        app traefik.http.routers.force.tls=true
        app traefik.http.routers.force.middlewares=force
        app traefik.http.middlewares.force.headers.SSLForceHost=true
        app traefik.http.middlewares.force.headers.SSLHost=main.example";
    assert_eq!(bench.route("one", labels, app.address), Vec::<String>::new());
    let more = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: gopher\r\nX-Drop: me\r\nTE: trailers\r\nX-Keep: me\r\n";
    let answer = bench.ask("GET /old/page?q=1", "a.example", more).await;
    assert_eq!(header(&answer, "strict-transport-security"), "max-age=60");
    let mut lines: Vec<&str> = body(&answer).trim_end().lines().collect();
    lines.sort_unstable();
    insta::assert_snapshot!(lines.join("\n"), @"
    GET /app/page?q=1 HTTP/1.1
    host: a.example
    x-forwarded-for: 127.0.0.1
    x-forwarded-host: a.example
    x-forwarded-port: 443
    x-forwarded-prefix: /old
    x-forwarded-proto: https
    x-forwarded-server: simmer-edge
    x-keep: me
    x-real-ip: 127.0.0.1
    x-team: red
    ");
    let answer = bench.get("re.example", "/deep/er").await;
    assert_eq!((status(&answer), header(&answer, "location")), ("301", "https://www.re.example/deep/er"));
    let answer = bench.get("force.example", "/x").await;
    assert!(header(&answer, "location").starts_with("https://main.example"), "{answer}");
}

#[tokio::test]
async fn bytes_pass_through_to_the_service_that_ends_its_own_tls() {
    let bench = Bench::with(|o| o.tcp.extend([("ssh".into(), 0)])).await;
    let theirs = Authority::named("the app's own");
    let caddy = Server::tls_saying(theirs.server("pds.example", 2020..2090), says("pds")).await;
    bench.route(
        "pds",
        "app traefik.tcp.services.pds.loadbalancer.server.port=443
         app traefik.tcp.routers.pds.rule=HostSNI(`pds.example`)
         app traefik.tcp.routers.pds.entrypoints=web-secure
         app traefik.tcp.routers.pds.tls.passthrough=true",
        caddy.address,
    );
    // Beside it, on the same port, an HTTP router and a TCP router whose TLS the edge ends.
    let blog = Server::saying(says("blog")).await;
    bench.route("blog", BLOG, blog.address);
    let raw = Server::start(|mut stream| async move {
        let word = stream.read_u8().await.unwrap_or(0);
        stream.write_all(&[word, b'!']).await.ok();
    })
    .await;
    bench.route(
        "raw",
        "app traefik.tcp.services.raw.loadbalancer.server.port=443
         app traefik.tcp.routers.raw.rule=HostSNI(`raw.example`)
         app traefik.tcp.routers.raw.entrypoints=web-secure
         app traefik.tcp.routers.raw.tls=true",
        raw.address,
    );
    // And one where the server speaks first, on an entry point of its own.
    let ssh = Server::saying_first("SSH-2.0-x\r\n").await;
    bench.route(
        "ssh",
        "app traefik.tcp.services.ssh.loadbalancer.server.port=22
         app traefik.tcp.routers.ssh.rule=HostSNI(`*`)
         app traefik.tcp.routers.ssh.entrypoints=ssh",
        ssh.address,
    );
    let mut stream = bench.tls_trusting("pds.example", &theirs.pem()).await.unwrap();
    assert_eq!(body(&talk(&mut stream, "GET / HTTP/1.1\r\n\r\n").await), "pds");
    assert_eq!(body(&bench.get("blog.example", "/").await), "blog");
    let mut stream = bench.tls("raw.example").await;
    assert_eq!(talk(&mut stream, "x").await, "x!");
    let mut stream = TcpStream::connect(bench.edge.tcp["ssh"]).await.unwrap();
    let mut banner = [0; 11];
    stream.read_exact(&mut banner).await.unwrap();
    assert_eq!(&banner, b"SSH-2.0-x\r\n");
}

#[tokio::test]
async fn a_websocket_is_upgraded_and_carries_bytes_both_ways() {
    let bench = Bench::new().await;
    let app = Server::start(|mut stream| async move {
        let head = read_head(&mut stream).await.to_ascii_lowercase();
        assert!(head.contains("connection: upgrade") && head.contains("upgrade: websocket"), "{head}");
        assert!(head.contains("x-forwarded-proto: wss"), "{head}");
        let answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
        let mut word = [0; 4];
        while stream.read_exact(&mut word).await.is_ok() {
            word.reverse();
            stream.write_all(&word).await.unwrap();
        }
    })
    .await;
    bench.route("one", BLOG, app.address);
    let mut stream = bench.tls("blog.example").await;
    let request = "GET /ws HTTP/1.1\r\nHost: blog.example\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let head = read_head(&mut stream).await;
    assert_eq!((status(&head), header(&head, "upgrade")), ("101", "websocket"));
    for (word, back) in [(b"ping", b"gnip"), (b"abcd", b"dcba")] {
        stream.write_all(word).await.unwrap();
        let mut read = [0; 4];
        stream.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, back);
    }
    // The connection ends with the edge.
    drop(bench);
    assert!(stream.read_u8().await.is_err());
}

#[tokio::test]
async fn bodies_stream_in_both_directions() {
    let bench = Bench::new().await;
    // Sends the next piece only after it has heard of the one before.
    let app = Server::start(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
        for _ in 0..3 {
            let mut piece = [0; 6];
            stream.read_exact(&mut piece).await.unwrap();
            stream.write_all(&piece).await.unwrap();
        }
        stream.write_all(b"0\r\n\r\n").await.unwrap();
    })
    .await;
    bench.route("one", BLOG, app.address);
    let mut stream = bench.tls("blog.example").await;
    let head = "POST / HTTP/1.1\r\nHost: blog.example\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(status(&read_head(&mut stream).await), "200");
    for piece in [b"1\r\na\r\n", b"1\r\nb\r\n", b"1\r\nc\r\n"] {
        stream.write_all(piece).await.unwrap();
        let mut back = [0; 6];
        stream.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, piece);
    }
}

#[tokio::test]
async fn answers_without_a_body_and_several_requests_on_one_connection_keep_their_framing() {
    let bench = Bench::new().await;
    let app = Server::start(|mut stream| async move {
        let head = read_head(&mut stream).await;
        let answer = match head.split(' ').next() {
            Some("HEAD") => "HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n",
            Some("DELETE") => "HTTP/1.1 204 No Content\r\n\r\n",
            _ => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        };
        stream.write_all(answer.as_bytes()).await.ok();
    })
    .await;
    bench.route("one", BLOG, app.address);
    bench.route("two", &BLOG.replace("blog", "shop"), app.address);
    let mut stream = bench.tls("blog.example").await;
    for (method, host) in [("HEAD", "blog"), ("DELETE", "blog"), ("GET", "shop"), ("GET", "blog")] {
        let request = format!("{method} / HTTP/1.1\r\nHost: {host}.example\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let head = read_head(&mut stream).await;
        match method {
            "HEAD" => assert_eq!(header(&head, "content-length"), "9000"),
            "DELETE" => assert_eq!(status(&head), "204"),
            _ => {
                let mut ok = [0; 2];
                stream.read_exact(&mut ok).await.unwrap();
                assert_eq!(&ok, b"ok");
            }
        }
    }
    assert_eq!(app.accepted(), 4);
}

#[tokio::test]
async fn slow_and_silent_clients_are_put_out_and_others_are_served() {
    let bench = Bench::with(|o| o.limits.greeting = Duration::from_millis(1500)).await;
    let blog = Server::saying(says("blog")).await;
    bench.route("one", BLOG, blog.address);
    // Says nothing; says half a greeting; greets and sends half a head.
    let mut silent = TcpStream::connect(bench.edge.https_addr).await.unwrap();
    let mut half = TcpStream::connect(bench.edge.https_addr).await.unwrap();
    half.write_all(&[0x16, 3, 1, 0, 200, 1]).await.unwrap();
    let mut slow = bench.tls("blog.example").await;
    slow.write_all(b"GET / HTTP/1.1\r\nHost: bl").await.unwrap();
    let mut plain = TcpStream::connect(bench.edge.http_addr).await.unwrap();
    plain.write_all(b"GET / HT").await.unwrap();
    assert_eq!(body(&bench.get("blog.example", "/").await), "blog");
    let mut end = Vec::new();
    silent.read_to_end(&mut end).await.ok();
    half.read_to_end(&mut end).await.ok();
    slow.read_to_end(&mut end).await.ok();
    plain.read_to_end(&mut end).await.ok();
    assert!(!String::from_utf8_lossy(&end).contains("blog"));
}

#[tokio::test]
async fn connections_that_nothing_moves_on_end_by_themselves() {
    let bench = Bench::with(|o| {
        o.limits.idle = Duration::from_millis(200);
        o.tcp.insert("raw".into(), 0);
    })
    .await;
    let mute = Server::start(|mut stream| async move {
        stream.read_to_end(&mut Vec::new()).await.ok();
    })
    .await;
    bench.route(
        "one",
        "app traefik.tcp.services.raw.loadbalancer.server.port=1
         app traefik.tcp.routers.raw.rule=HostSNI(`*`)
         app traefik.tcp.routers.raw.entrypoints=raw",
        mute.address,
    );
    let mut stream = TcpStream::connect(bench.edge.tcp["raw"]).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    stream.read_to_end(&mut Vec::new()).await.ok();
}

#[tokio::test]
async fn more_connections_than_the_limit_wait_for_their_turn() {
    let bench = Bench::with(|o| o.limits.connections = 1).await;
    let blog = Server::saying(says("blog")).await;
    bench.route("one", BLOG, blog.address);
    let held = bench.tls("blog.example").await;
    let next = bench.get("blog.example", "/");
    tokio::pin!(next);
    let early = tokio::time::timeout(Duration::from_millis(100), &mut next).await;
    assert!(early.is_err(), "served beside the one that holds the place");
    drop(held);
    assert_eq!(body(&next.await), "blog");
}

#[tokio::test]
async fn heads_that_are_too_large_and_texts_that_are_no_http_are_refused() {
    let bench = Bench::with(|o| {
        o.limits = Limits { head_bytes: 16 * 1024, head_lines: 20, ..Limits::default() };
    })
    .await;
    let app = echo().await;
    bench.route("one", BLOG, app.address);
    let large = format!("X-Large: {}\r\n", "a".repeat(40_000));
    assert_eq!(status(&bench.ask("GET /", "blog.example", &large).await), "431");
    let many: String = (0..50).map(|n| format!("X-{n}: 1\r\n")).collect();
    assert_eq!(status(&bench.ask("GET /", "blog.example", &many).await), "431");
    let mut stream = TcpStream::connect(bench.edge.https_addr).await.unwrap();
    let answer = talk(&mut stream, "GET / HTTP/1.1\r\nHost: blog.example\r\n\r\n").await;
    assert_eq!((status(&answer), body(&answer)), ("400", "this port speaks TLS only\n"));
    let mut stream = bench.tls("blog.example").await;
    assert_eq!(status(&talk(&mut stream, "GET / HTTP/1.0\r\n\r\n").await), "400");
}

#[tokio::test]
async fn a_service_that_speaks_tls_itself_is_met_with_tls() {
    let bench = Bench::new().await;
    let theirs = Authority::named("self-signed, as usual");
    let app = Server::tls_saying(theirs.server("whatever", 2020..2021), says("inner")).await;
    let labels = format!("{BLOG}\n app traefik.http.services.blog.loadbalancer.server.scheme=https");
    bench.route("one", &labels, app.address);
    assert_eq!(body(&bench.get("blog.example", "/").await), "inner");
}

#[tokio::test]
async fn what_cannot_be_served_is_said_when_it_is_routed() {
    let bench = Bench::new().await;
    let problems = bench.route(
        "one",
        "app traefik.http.services.a.loadbalancer.server.port=80
         app traefik.http.routers.a.rule=Host(`a.example`)
         app traefik.http.routers.a.entrypoints=websecure
         app traefik.http.routers.a.tls=true
         app traefik.http.routers.b.rule=Host(`b.example`)
         app traefik.http.routers.b.middlewares=re
         app traefik.http.middlewares.re.redirectregex.regex=(
         app traefik.http.middlewares.re.redirectregex.replacement=x
         app traefik.tcp.services.t.loadbalancer.server.port=80
         app traefik.tcp.routers.t.rule=HostSNI(`*`)
         app traefik.tcp.routers.t.entrypoints=web",
        closed_port().await,
    );
    insta::assert_snapshot!(problems.join("\n"), @"
    router `a`: this edge has no entry point `websecure`
    router `b` is not served: the expression of its `redirectregex` cannot be read
    router `t`: plain TCP is not served on HTTP's entry points
    ");
}

#[tokio::test]
async fn the_authority_is_kept_and_replaced_only_when_it_cannot_be_used() {
    let folder = TempDir::new().unwrap();
    let start = || Edge::start(Options::loopback(folder.path()));
    let first = start().await.unwrap().ca_pem.clone();
    assert_eq!(start().await.unwrap().ca_pem, first);
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(folder.path().join("ca-key.pem")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    std::fs::write(folder.path().join("ca-key.pem"), "half a ke").unwrap();
    let second = start().await.unwrap().ca_pem.clone();
    assert_ne!(second, first);
    // Many at once agree on one.
    std::fs::remove_file(folder.path().join("ca.pem")).unwrap();
    let (a, b, c) = tokio::join!(start(), start(), start());
    let all = [a, b, c].map(|edge| edge.unwrap().ca_pem.clone());
    assert!(all.iter().all(|pem| *pem == all[0] && *pem != second));
}

#[tokio::test]
async fn an_edge_that_would_be_open_to_others_or_has_no_port_is_refused() {
    let folder = TempDir::new().unwrap();
    let mut options = Options::loopback(folder.path());
    options.bind = [0, 0, 0, 0].into();
    let error = Edge::start(options.clone()).await.unwrap_err();
    insta::assert_snapshot!(error.to_string(), @"the edge may be met from elsewhere at 0.0.0.0, and nobody allowed that");
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    options.bind = [127, 0, 0, 1].into();
    options.https_port = taken.local_addr().unwrap().port();
    let error = Edge::start(options).await.unwrap_err();
    assert!(matches!(error, EdgeError::Listen { ref entry, .. } if entry == "web-secure"), "{error}");
}
