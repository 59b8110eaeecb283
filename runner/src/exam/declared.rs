//! The asks that we carry out ourselves: HTTP, commands, SQL, images, services, TLS, files.

use std::time::Duration;

use domain::Cause;
use domain::cause::{ProbeStep, Vantage};
use harness::engine::ExecRequest;
use harness::probe::{self, Fetch, Probe, Reach, Schedule, Trust, fetch};

use super::door::DoorError;
use super::expect::{Reply, filled, otherwise};
use super::program::{self, Called};
use super::scene::{Marker, Scene};
use super::sql::{self, Password, Unaskable};
use super::text::{SAYS, Words, last_lines};
use crate::instance::ask::{Ask, How, HttpAsk, SqlClient};
use domain::test::TestCase;

/// Most of a file that is read, in bytes: asks judge settings and markers, not data.
const FILE_BYTES: usize = 1 << 20;
/// A client or shell that is not there, as the engine and shells tell it.
const NO_PROGRAM: [i64; 2] = [126, 127];

/// What came of an ask.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) came: Came,
    /// Output, body, reference or content; holds secrets, so that it is never shown as it is.
    pub(super) text: String,
    pub(super) last_lines: Vec<String>,
    pub(super) cases: Vec<TestCase>,
    /// Where its output is, in the run's folder.
    pub(super) file: Option<String>,
}

/// How it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Came {
    #[default]
    AsExpected,
    Otherwise {
        says: String,
    },
    Skipped {
        why: String,
    },
    /// The ask itself is wrong, so that it says nothing about the app.
    Broken {
        says: String,
    },
    /// Neither the app nor the ask is to blame.
    Trouble(Box<Cause>),
}

impl Asked {
    fn of(came: Came) -> Self {
        Self { came, ..Self::default() }
    }
}

/// Carries out an ask within its deadline, and judges what came.
pub(super) async fn carry_out(scene: &Scene, ask: &Ask, marker: &Marker, called: &Called) -> Asked {
    let words = scene.words(marker);
    if let How::Program { command, speaks, env } = &ask.how {
        return program::run(scene, program::Order { command, speaks: *speaks, env, ask, marker, called })
            .await;
    }
    let asking = tokio::time::timeout(ask.deadline, reply(scene, &ask.how, &words, ask.deadline));
    let came = tokio::select! {
        biased;
        () = scene.cancel.asked() => return Asked::of(Came::Trouble(Box::new(Cause::Interrupted))),
        came = asking => came,
    };
    match came {
        Err(_) => {
            let says =
                format!("expected an answer within {} s, and there was none", ask.deadline.as_secs_f32());
            Asked::of(Came::Otherwise { says })
        }
        Ok(Err(came)) => Asked::of(fit(scene, came)),
        Ok(Ok(reply)) => {
            let mask = |text: &str| scene.masker.mask(text);
            let came = match otherwise(&filled(&ask.expect, &words), &reply, &mask) {
                None => Came::AsExpected,
                Some(says) => fit(scene, Came::Otherwise { says }),
            };
            let last_lines = match came {
                Came::Otherwise { .. } => {
                    last_lines(&format!("{}\n{}", reply.text, reply.errors), &scene.masker)
                }
                Came::AsExpected | Came::Skipped { .. } | Came::Broken { .. } | Came::Trouble(_) => {
                    Vec::new()
                }
            };
            Asked { came, text: reply.text, last_lines, ..Asked::default() }
        }
    }
}

/// Blanks secrets out of what is said.
pub(super) fn fit(scene: &Scene, came: Came) -> Came {
    // Quoted pieces have their control characters spelt out already; a second time changes nothing.
    let fit = |says: String| scene.fit(&says, SAYS);
    match came {
        Came::AsExpected => Came::AsExpected,
        Came::Otherwise { says } => Came::Otherwise { says: fit(says) },
        Came::Skipped { why } => Came::Skipped { why: fit(why) },
        Came::Broken { says } => Came::Broken { says: fit(says) },
        Came::Trouble(cause) => Came::Trouble(cause),
    }
}

/// Tells the kinds of closed door apart: the app is not up, the ask is wrong, the engine is in trouble.
pub(super) fn closed(error: DoorError) -> Came {
    match error {
        DoorError::NoService { .. } => Came::Broken { says: error.to_string() },
        DoorError::NotRunning { .. } | DoorError::Deadline { .. } | DoorError::NotPlain { .. } => {
            Came::Otherwise { says: error.to_string() }
        }
        DoorError::Engine(cause) => Came::Trouble(cause),
    }
}

async fn reply(scene: &Scene, how: &How, words: &Words, limit: Duration) -> Result<Reply, Came> {
    match how {
        // Carried out before we come here.
        How::Program { .. } => Err(Came::Broken { says: "a program is not carried out here".into() }),
        How::Exec { service, command } => {
            let cmd: Vec<_> = command.iter().map(|c| words.fill(c)).collect();
            exec(scene, service, cmd, Vec::new(), limit).await
        }
        How::Sql { service, client, user, database, query } => {
            let filled = |text: &Option<String>| text.as_ref().map(|t| words.fill(t));
            let (user, database) = (filled(user), filled(database));
            let asked = Sql { service, client: *client, user, database, query: words.fill(query) };
            sql(scene, asked, limit).await
        }
        How::Http(ask) => http(scene, ask, words, limit).await,
        How::Image { service } => {
            let services = scene.door.services().await.map_err(closed)?;
            let known: Vec<_> = services.iter().map(|s| format!("`{}`", s.name)).collect();
            let Some(found) = services.iter().find(|s| s.name == *service) else {
                return Err(closed(DoorError::NoService { service: service.clone(), known }));
            };
            Ok(Reply { text: found.image.clone(), called: "image", ..Reply::default() })
        }
        How::Service { name, present } => {
            let services = scene.door.services().await.map_err(closed)?;
            let names: Vec<_> = services.iter().map(|s| s.name.clone()).collect();
            let is_there = names.contains(name);
            if is_there == *present {
                return Ok(Reply { text: names.join("\n"), called: "list of services", ..Reply::default() });
            }
            let what = if *present { "a" } else { "no" };
            let says = format!("expected {what} service `{name}`, got `{}`", names.join("`, `"));
            Err(Came::Otherwise { says })
        }
        How::Tls { service, port } => tls(scene, service, *port, limit).await,
        How::File { service, path, present } => {
            let path = words.fill(path);
            let found = scene.door.file(service, &path, FILE_BYTES).await.map_err(closed)?;
            match (found, present) {
                (Some(bytes), true) => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    Ok(Reply { text, called: "file", ..Reply::default() })
                }
                (None, false) => Ok(Reply { called: "file", ..Reply::default() }),
                (Some(bytes), false) => Err(Came::Otherwise {
                    says: format!("expected no file `{path}`, and there is one of {} bytes", bytes.len()),
                }),
                (None, true) => {
                    Err(Came::Otherwise { says: format!("expected a file `{path}`, and there is none") })
                }
            }
        }
    }
}

async fn exec(
    scene: &Scene,
    service: &str,
    cmd: Vec<String>,
    env: Vec<String>,
    limit: Duration,
) -> Result<Reply, Came> {
    let request = ExecRequest { cmd, env, user: None, stdin: None };
    let done = scene.door.exec(service, request, limit).await.map_err(closed)?;
    Ok(Reply {
        exit: Some(done.code),
        text: String::from_utf8_lossy(&done.stdout).into_owned(),
        errors: String::from_utf8_lossy(&done.stderr).into_owned(),
        cut: done.cut,
        called: "output",
        ..Reply::default()
    })
}

struct Sql<'a> {
    service: &'a str,
    client: SqlClient,
    user: Option<String>,
    database: Option<String>,
    query: String,
}

async fn sql(scene: &Scene, asked: Sql<'_>, limit: Duration) -> Result<Reply, Came> {
    let Sql { service, client, user, database, query } = asked;
    let services = scene.door.services().await.map_err(closed)?;
    let env = services.into_iter().find(|s| s.name == service).map(|s| s.env).unwrap_or_default();
    let call = sql::call(client, user.as_deref(), database.as_deref(), &query, &env)
        .map_err(|Unaskable(says)| Came::Broken { says })?;
    let password = match call.password {
        None => None,
        Some(Password::Value(value)) => Some(value),
        // Docker's secrets are on a file system of their own, which only a process in the container sees.
        Some(Password::File(path)) => {
            let read = exec(scene, service, vec!["cat".into(), path], Vec::new(), limit).await?;
            (read.exit == Some(0)).then(|| read.text.trim_end_matches('\n').to_owned())
        }
    };
    let env: Vec<_> = password
        .iter()
        .inspect(|password| scene.masker.add(password))
        .map(|password| format!("{}={password}", client.password_variable()))
        .collect();
    let reply = exec(scene, service, call.command, env.clone(), limit).await?;
    match call.otherwise {
        Some(command) if reply.exit.is_some_and(|code| NO_PROGRAM.contains(&code)) => {
            exec(scene, service, command, env, limit).await
        }
        Some(_) | None => Ok(reply),
    }
}

async fn http(scene: &Scene, ask: &HttpAsk, words: &Words, limit: Duration) -> Result<Reply, Came> {
    let domain = match &ask.host {
        Some(label) => format!("{}.{}", words.fill(label), scene.domain),
        None => scene.domain.to_string(),
    };
    let (reach, tls, port) = match ask.from {
        Vantage::Outside => (Reach::Edge(scene.edge), Some(scene.trust.clone()), scene.edge.port()),
        Vantage::Inside => {
            let port = ask.port.unwrap_or(80);
            let connector = scene.door.connector(&ask.service, port);
            // A certificate at the task itself is seldom made for the name by which we come.
            (Reach::Through(connector), (port == 443).then_some(Trust::Unchecked), port)
        }
    };
    let request = Fetch {
        reach,
        tls,
        host: domain,
        port,
        method: ask.method.clone(),
        path: words.fill(&ask.path),
        headers: ask.headers.iter().map(|(k, v)| (k.clone(), words.fill(v))).collect(),
        user: ask.user.as_ref().map(|(u, p)| (words.fill(u), words.fill(p))),
        body: ask.body.as_ref().map(|b| words.fill(b).into_bytes()),
    };
    match fetch(&request, limit).await {
        Ok(answer) => Ok(Reply {
            status: Some(answer.status),
            headers: answer.headers,
            text: String::from_utf8_lossy(&answer.body).into_owned(),
            cut: answer.cut,
            called: "body",
            ..Reply::default()
        }),
        // Nobody but us runs the edge: a recipe cannot make it refuse a connection (law 6).
        Err(failure) if failure.step == ProbeStep::Tcp && failure.says.starts_with("the edge at ") => {
            Err(Came::Trouble(Box::new(Cause::Node { says: failure.says })))
        }
        Err(failure) => {
            let says = format!("expected an answer, got none ({}): {}", failure.step, failure.says);
            Err(Came::Otherwise { says })
        }
    }
}

async fn tls(scene: &Scene, service: &str, port: u16, limit: Duration) -> Result<Reply, Came> {
    let ask = probe::Ask::Tls { host: scene.domain.to_string(), port, trust: Trust::Unchecked };
    let reach = Reach::Through(scene.door.connector(service, port));
    let probe = Probe { from: Vantage::Inside, ask, reach };
    let outcome = probe::run(&probe, &Schedule::once(limit), |_, _| {}).await;
    match outcome.last.result {
        Ok(_) => {
            let text = outcome.last.certificate.map(|c| c.to_string()).unwrap_or_default();
            Ok(Reply { text, called: "certificate", ..Reply::default() })
        }
        Err(failure) => {
            let says = format!(
                "expected TLS at port {port} of `{service}`, got none ({}): {}",
                failure.step, failure.says
            );
            Err(Came::Otherwise { says })
        }
    }
}
