//! Reads asks: what is done, and what has to come of it.

use std::path::{Component, Path, PathBuf};

use domain::cause::Vantage;

use super::ask::{Ask, Expect, How, HttpAsk, Speaks, SqlClient};
use super::page::Section;

/// What every ask of an overlay stands on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ground<'a> {
    /// The overlay's folder.
    pub(super) folder: &'a Path,
    pub(super) primary: &'a str,
}

/// What an ask is for; it decides which kinds make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Plants or destroys: it has to do something.
    Act,
    /// Reads back what was planted.
    Check,
    Test,
    /// Gives a number.
    Count,
    /// Is tried again until it holds.
    Ready,
}

const KINDS: [&str; 8] = ["run", "http", "exec", "sql", "image", "service", "tls", "file"];

impl Role {
    fn takes(self, kind: &str) -> bool {
        match self {
            Self::Act => matches!(kind, "run" | "http" | "exec" | "sql"),
            Self::Count => matches!(kind, "run" | "http" | "exec" | "sql" | "file"),
            Self::Ready => matches!(kind, "http" | "exec"),
            Self::Check | Self::Test => true,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Act => "plants or destroys nothing",
            Self::Check => "reads nothing back",
            Self::Test => "tests nothing",
            Self::Count => "gives no number",
            Self::Ready => "is not waited for",
        }
    }
}

/// Reads the one ask of a table, and what is expected of it.
pub(super) fn read(at: &Section<'_>, role: Role, ground: Ground<'_>) -> Option<Ask> {
    let kinds: Vec<&str> = KINDS.into_iter().filter(|k| at.has(k)).collect();
    let taken: Vec<&str> = KINDS.into_iter().filter(|k| role.takes(k)).collect();
    let taken = taken.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
    match kinds.as_slice() {
        [] => at.wrong("", "it asks nothing", &format!("add one of {taken}")),
        [one] if !role.takes(one) => {
            at.wrong(one, format!("`{one}` {}", role.word()), &format!("use one of {taken}"));
        }
        [_] => {}
        [first, rest @ ..] => {
            let rest = rest.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
            at.wrong("", format!("it asks several things: `{first}` and {rest}"), "keep one of them");
        }
    }
    // Every kind is read, so that what is wrong in it is said now, and its keys are known.
    let how = [
        program(at, ground),
        http(at, ground),
        exec(at, ground),
        sql(at),
        image(at, ground),
        service(at),
        tls(at, ground),
        file(at, ground),
    ];
    let how = how.into_iter().flatten().next();
    let expect = expect(at, kinds.first().copied(), role);
    let slow = kinds.first() == Some(&"run");
    let deadline = if slow {
        at.duration_or("deadline", "5m", "a program may start an interpreter and ask many things")
    } else {
        at.duration_or("deadline", "1m", "one question; a busy node answers within seconds")
    };
    Some(Ask { how: how?, expect, deadline })
}

/// Every text of an ask in which `${MARKER}` and its like are filled in.
pub(super) fn texts(ask: &Ask) -> Vec<&str> {
    let mut all: Vec<&str> = match &ask.how {
        How::Program { command, speaks: _, env } => {
            command.iter().chain(env.values()).map(String::as_str).collect()
        }
        How::Exec { service: _, command } => command.iter().map(String::as_str).collect(),
        How::Sql { query, .. } => vec![query],
        How::Http(http) => {
            let HttpAsk { path, headers, body, user, from: _, host: _, service: _, port: _, method: _ } =
                http;
            let user = user.iter().flat_map(|(name, password)| [name, password]);
            let more = headers.values().chain(body).chain(user).map(String::as_str);
            std::iter::once(path.as_str()).chain(more).collect()
        }
        How::File { path, .. } => vec![path],
        How::Image { .. } | How::Service { .. } | How::Tls { .. } => Vec::new(),
    };
    let Expect { status: _, exit: _, contains, lacks, equals, headers, json } = &ask.expect;
    all.extend(contains.iter().chain(lacks).chain(equals).chain(headers.values()).map(String::as_str));
    all.extend(json.values().filter_map(serde_json::Value::as_str));
    all
}

/// Returns the path of something in the overlay's folder. It has to be there and may not lead out, by a link either.
pub(super) fn inside(folder: &Path, path: &str) -> Result<PathBuf, (String, &'static str)> {
    const HINT: &str = "paths are meant from the overlay's folder and stay in it";
    let relative = Path::new(path);
    if relative.components().any(|c| !matches!(c, Component::Normal(_) | Component::CurDir)) {
        return Err((format!("`{path}` leads out of the overlay's folder"), HINT));
    }
    let whole = folder.join(relative.components().filter(|c| *c != Component::CurDir).collect::<PathBuf>());
    let (Ok(real), Ok(root)) = (whole.canonicalize(), folder.canonicalize()) else {
        return Err((format!("there is no `{path}` in `{}`", folder.display()), HINT));
    };
    if !real.starts_with(root) {
        return Err((format!("`{path}` is a link that leads out of the overlay's folder"), HINT));
    }
    Ok(whole)
}

fn program(at: &Section<'_>, ground: Ground<'_>) -> Option<How> {
    let is_program = at.has("run");
    if !is_program {
        // Known, so that they are not said to be misspelt; refused, because nothing would read them.
        for key in ["speaks", "env"] {
            if at.has(key) {
                at.wrong(key, format!("`{key}` belongs to a program, and there is no `run`"), "remove it");
            }
        }
    }
    let mut command = at.texts("run");
    let speaks =
        [("auto", Speaks::Auto), ("exit", Speaks::Exit), ("tap", Speaks::Tap), ("junit", Speaks::Junit)];
    let speaks = if is_program {
        at.word_or_first("speaks", &speaks, "its exit status, and TAP or JUnit where it writes some")
    } else {
        at.skip("speaks");
        Speaks::Auto
    };
    let env = at.map("env");
    if !is_program {
        return None;
    }
    let Some(first) = command.first().cloned().filter(|c| !c.is_empty()) else {
        at.wrong("run", "it names no program", "give a path from the overlay's folder");
        return None;
    };
    // A bare word that is no file of the overlay is a program of the machine, such as `python3`.
    if first.contains('/') || ground.folder.join(&first).exists() {
        match inside(ground.folder, &first) {
            Ok(path) if path.is_file() && !can_start(&path) => {
                at.wrong(
                    "run",
                    format!("`{first}` is neither executable nor a `.sh` or `.py` file"),
                    "`chmod +x` it, or name what runs it: `run = [\"python3\", \"tests/x\"]`",
                );
                return None;
            }
            Ok(path) => command[0] = path.to_string_lossy().into_owned(),
            Err((says, hint)) => {
                at.wrong("run", says, hint);
                return None;
            }
        }
    }
    Some(How::Program { command, speaks, env })
}

/// Whether `exam` knows how to start a file.
fn can_start(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let is_program = path.metadata().is_ok_and(|about| about.permissions().mode() & 0o111 != 0);
    is_program || path.extension().is_some_and(|e| e == "sh" || e == "py")
}

fn exec(at: &Section<'_>, ground: Ground<'_>) -> Option<How> {
    let exec = at.table("exec");
    let there = exec.is_there();
    if !there {
        return None;
    }
    let service = exec.text_or("service", ground.primary, "the primary service");
    let command = exec.needed_command("command");
    exec.finish();
    Some(How::Exec { service, command: command? })
}

fn sql(at: &Section<'_>) -> Option<How> {
    let sql = at.table("sql");
    if !sql.is_there() {
        return None;
    }
    let service = sql.needed_text("service", "the service in whose container the client runs");
    let clients = [("psql", SqlClient::Psql), ("mysql", SqlClient::Mysql), ("sqlite", SqlClient::Sqlite)];
    if !sql.has("client") {
        sql.wrong(
            "",
            "it does not say which client speaks to the database",
            "add `client = \"psql\"`, `\"mysql\"` or `\"sqlite\"`",
        );
    }
    let client = sql.word("client", &clients);
    let user = sql.text("user");
    let database = sql.text("database");
    let query = sql.needed_text("query", "what is asked of the database");
    if client == Some(SqlClient::Sqlite) {
        if database.is_none() {
            sql.wrong("", "SQLite needs a file", "add `database = \"/path/in/the/container\"`");
        }
        if user.is_some() {
            sql.wrong("user", "SQLite knows no users", "remove it");
        }
    }
    sql.finish();
    Some(How::Sql { service: service?, client: client?, user, database, query: query? })
}

fn http(at: &Section<'_>, ground: Ground<'_>) -> Option<How> {
    let http = at.table("http");
    if !http.is_there() {
        return None;
    }
    let from = http.word_or_first(
        "from",
        &[("outside", Vantage::Outside), ("inside", Vantage::Inside)],
        "through the edge, as a user would",
    );
    let body = http.text("body");
    let method = match &body {
        Some(_) => http.text_or("method", "POST", "it has a body"),
        None => http.text_or("method", "GET", "it has no body"),
    };
    if method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase()) {
        http.wrong(
            "method",
            format!("`{method}` is not an HTTP method"),
            "write it in capitals, such as \"PUT\"",
        );
    }
    let path = http.text_or("path", "/", "the app's own page");
    if !path.starts_with('/') {
        http.wrong(
            "path",
            format!("`{path}` does not begin with `/`"),
            "give the path part of the address, such as \"/api/items\"",
        );
    }
    let headers = http.map("headers");
    let user = match http.texts("user").as_slice() {
        [] => None,
        [name, password] => Some((name.clone(), password.clone())),
        _ => {
            http.wrong("user", "it is not a name and a password", "write `user = [\"name\", \"password\"]`");
            None
        }
    };
    let host = http.text("host");
    let service = match from {
        Vantage::Inside => http.text_or("service", ground.primary, "the primary service"),
        Vantage::Outside => http.text("service").unwrap_or_else(|| ground.primary.to_owned()),
    };
    let port = http.port("port");
    match from {
        Vantage::Outside => {
            for key in ["service", "port"].into_iter().filter(|k| http.has(k)) {
                http.wrong(
                    key,
                    "the edge finds service and port itself",
                    "add `from = \"inside\"`, or remove it",
                );
            }
        }
        Vantage::Inside if host.is_some() => {
            http.wrong("host", "a task has no names in front of the domain", "remove `from` or `host`");
        }
        Vantage::Inside => {}
    }
    let filled = std::iter::once(&path).chain(headers.values()).chain(&body);
    for unknown in filled.flat_map(|text| unknown_placeholders(text)) {
        http.wrong(
            "",
            format!("nothing stands for `{unknown}`"),
            "`${MARKER}`, `${DOMAIN}` and `${STACK_NAME}` are filled in",
        );
    }
    http.finish();
    Some(How::Http(HttpAsk { from, host, service, port, method, path, headers, body, user }))
}

/// Nothing but our own placeholders is filled in where no shell comes after us.
fn unknown_placeholders(text: &str) -> Vec<String> {
    text.match_indices("${")
        .filter_map(|(at, _)| {
            let end = text[at..].find('}')?;
            Some(text[at..=at + end].to_owned())
        })
        .filter(|found| !matches!(found.as_str(), "${MARKER}" | "${DOMAIN}" | "${STACK_NAME}"))
        .collect()
}

fn image(at: &Section<'_>, ground: Ground<'_>) -> Option<How> {
    let image = at.table("image");
    if !image.is_there() {
        return None;
    }
    let service = image.text_or("service", ground.primary, "the primary service");
    image.finish();
    Some(How::Image { service })
}

fn service(at: &Section<'_>) -> Option<How> {
    let service = at.table("service");
    if !service.is_there() {
        return None;
    }
    let name = service.needed_text("name", "the service's name in the compose file");
    let present = service.flag_or("present", true, "a service is asked for because it should be there");
    service.finish();
    Some(How::Service { name: name?, present })
}

fn tls(at: &Section<'_>, ground: Ground<'_>) -> Option<How> {
    let tls = at.table("tls");
    if !tls.is_there() {
        return None;
    }
    let service = tls.text_or("service", ground.primary, "the primary service");
    let port = tls.needed_port("port");
    tls.finish();
    Some(How::Tls { service, port: port? })
}

fn file(at: &Section<'_>, ground: Ground<'_>) -> Option<How> {
    let file = at.table("file");
    if !file.is_there() {
        return None;
    }
    let service = file.text_or("service", ground.primary, "the primary service");
    let path = file.needed_text("path", "the file as the service sees it");
    if let Some(path) = path.as_ref().filter(|p| !p.starts_with('/')) {
        file.wrong("path", format!("`{path}` does not begin with `/`"), "give the path in the container");
    }
    let present = file.flag_or("present", true, "a file is asked for because it should be there");
    file.finish();
    Some(How::File { service, path: path?, present })
}

/// Which expectations say something about a kind.
fn expectations(kind: &str) -> &'static [&'static str] {
    match kind {
        "http" => &["status", "contains", "lacks", "equals", "headers", "json"],
        "run" | "exec" | "sql" => &["exit", "contains", "lacks", "equals", "json"],
        "image" => &["contains", "lacks", "equals"],
        "file" => &["contains", "lacks", "equals", "json"],
        _ => &[],
    }
}

const EXPECTATIONS: [&str; 7] = ["status", "exit", "contains", "lacks", "equals", "headers", "json"];

fn expect(at: &Section<'_>, kind: Option<&str>, role: Role) -> Expect {
    let expect = Expect {
        status: at.statuses("status"),
        exit: at.number("exit", 0..=255),
        contains: at.texts("contains"),
        lacks: at.texts("lacks"),
        equals: at.text("equals"),
        headers: at.map("headers"),
        json: at.values("json"),
    };
    let Some(kind) = kind else { return expect };
    let useful = expectations(kind);
    for key in EXPECTATIONS.into_iter().filter(|k| at.has(k) && !useful.contains(k)) {
        let remedy = match useful {
            [] => "remove it".to_owned(),
            useful => {
                format!("use {}", useful.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", "))
            }
        };
        at.wrong(key, format!("`{key}` says nothing about an ask of kind `{kind}`"), &remedy);
    }
    for pointer in expect.json.keys().filter(|p| !p.is_empty() && !p.starts_with('/')) {
        at.wrong(
            "json",
            format!("`{pointer}` is not a JSON pointer"),
            "write it as \"/list/0/name\" (RFC 6901)",
        );
    }
    let Expect { status: _, exit: _, contains, lacks, equals, headers: _, json } = &expect;
    let looks = !contains.is_empty() || !lacks.is_empty() || equals.is_some() || !json.is_empty();
    if contains.iter().chain(lacks).any(String::is_empty) {
        at.wrong("contains", "an empty text is in everything", "give the text that has to be there");
    }
    // A client that found no row has done its work too: nothing would be asserted (law 1).
    if !looks && matches!(role, Role::Check | Role::Test) && matches!(kind, "sql" | "image") {
        at.wrong(
            kind,
            "nothing is expected of what it returns, so it could not fail",
            &format!(
                "add one of {}",
                useful
                    .iter()
                    .filter(|k| **k != "exit")
                    .map(|k| format!("`{k}`"))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        );
    }
    expect
}

/// Values of `${…}` that an ask uses; for the check that a datum is marked.
pub(super) fn is_marked(ask: &Ask) -> bool {
    matches!(ask.how, How::Program { .. }) || texts(ask).iter().any(|text| text.contains("${MARKER}"))
}
