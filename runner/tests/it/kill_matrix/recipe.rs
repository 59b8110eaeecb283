//! The recipe of the matrix: a small one that has something of everything.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use testkit::{App, Disk, ExecAnswer, ExecCall, Fake, Life};

pub(super) const NAME: &str = "app";
/// Its releases. The third finds nothing any more where the first has been.
pub(super) const RELEASES: [&str; 3] = ["1.0.0+1", "1.1.0+2", "1.2.0+3"];

/// What the first release leaves in its volume.
const OLD: &str = "/data/old";

/// Writes instance, overlay and repository, and makes the images known.
pub(super) fn write(folder: &Path, fake: &Fake) {
    for nth in 1..=RELEASES.len() {
        fake.app(&format!("app:{nth}"), app(nth));
    }
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("simmer.toml", "base_domain = \"matrix.test\"\nstate = \"state\"\n[limits]\ndisk_free_gib = 0\n");
    write("recipes/app.toml", "source = \"repository\"\ncanonical = true\n");
    write("overlays/app/overlay.toml", OVERLAY);
    let repository = folder.join("repository");
    std::fs::create_dir(&repository).unwrap();
    git(&repository, &["init", "-q"]);
    let port = port().to_string();
    for (nth, release) in RELEASES.iter().enumerate() {
        // Backups read a secret where the container has it, by way of its process: here that is this very test.
        let secret = folder.join("simmer.toml").display().to_string();
        let compose = COMPOSE.replace("RELEASE", release).replace("PORT", &port).replace("HERE", &secret);
        write("repository/compose.yml", &compose.replace("IMAGE", &format!("app:{}", nth + 1)));
        write("repository/.env.sample", ENV);
        write("repository/abra.sh", "export CONF_VERSION=v1\n");
        write("repository/README.md", README);
        write("repository/app.conf", "quiet = true\n");
        write(&format!("repository/release/{release}"), "Better.\n");
        git(&repository, &["add", "-A"]);
        git(&repository, &["commit", "-q", "-m", release]);
        git(&repository, &["tag", "-a", release, "-m", release]);
    }
}

fn git(folder: &Path, args: &[&str]) {
    let done = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=t", "-c", "user.email=t@matrix.test", "-c", "init.defaultBranch=main"])
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// An app that writes at each start, and keeps words on its disk.
fn app(nth: usize) -> App {
    let start = move |disk: &Disk| {
        if nth == 1 {
            disk.write(OLD, "as it was in the beginning");
        }
        let starts = disk.read("/data/starts").unwrap_or_default();
        disk.write("/data/starts", [starts, format!("{nth}\n").into_bytes()].concat());
        disk.write(&format!("/data/deep/er/{nth}"), vec![b'x'; 10_000 * nth]);
        Life::steady()
    };
    App::that(start).exec(move |call, disk| {
        let is_lost = nth == 3 && disk.read(OLD).is_some() && call.cmd[0] == "has";
        if is_lost { ExecAnswer::code(1) } else { answer(call, disk) }
    })
}

/// `put WORD`, `has WORD`, `del WORD`, `count`.
fn answer(call: &ExecCall, disk: &Disk) -> ExecAnswer {
    let words: Vec<&str> = call.cmd.iter().map(String::as_str).collect();
    let place = |word: &str| disk.place(&format!("/data/words/{word}"));
    match words.as_slice() {
        ["put", word] => {
            disk.write(&format!("/data/words/{word}"), word);
            ExecAnswer::code(0)
        }
        ["has", word] if place(word).exists() => ExecAnswer::said(*word),
        ["del", word] if std::fs::remove_file(place(word)).is_ok() => ExecAnswer::code(0),
        ["count"] => {
            let words = std::fs::read_dir(disk.place("/data/words")).map_or(0, Iterator::count);
            ExecAnswer::said(words.to_string())
        }
        ["true"] => ExecAnswer::code(0),
        _ => ExecAnswer::code(1),
    }
}

/// Where something answers every request, as any app does that is well. All worlds of a test share it: it keeps nothing.
fn port() -> u16 {
    static PORT: OnceLock<u16> = OnceLock::new();
    *PORT.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let (mut head, mut part) = (Vec::new(), [0; 1024]);
                    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                        match stream.read(&mut part) {
                            Ok(0) | Err(_) => return,
                            Ok(n) => head.extend_from_slice(&part[..n]),
                        }
                    }
                    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nwell\n";
                    drop(stream.write_all(answer.as_bytes()));
                });
            }
        });
        port
    })
}

const OVERLAY: &str = r#"
[health]
path = "/"
soak = "0s"
window = "20s"

[[readiness]]
name = "it is ready"
exec = { command = ["true"] }
every = "1s"

[[data]]
name = "a word"
seed = { exec = { command = ["put", "${MARKER}"] } }
check = { exec = { command = ["has", "${MARKER}"] }, contains = "${MARKER}" }
destroy = { exec = { command = ["del", "${MARKER}"] } }
after_backup = "kept"

[[fingerprint]]
name = "words"
exec = { command = ["count"] }

[[test]]
name = "it does its job"
exec = { command = ["true"] }
"#;

const ENV: &str = "TYPE=app\n\nDOMAIN=app.example.com\nLETS_ENCRYPT_ENV=production\nENABLE_BACKUPS=true\nSECRET_PW_VERSION=v1\n";

const README: &str = "# App

An app.

<!-- metadata -->

* **Category**: Apps
* **Status**: 4, stable
* **Image**: `app`, 4, upstream
* **Healthcheck**: Yes
* **Backups**: Yes
* **Email**: No
* **Tests**: 3
* **SSO**: No

<!-- endmetadata -->
";

const COMPOSE: &str = r#"---
version: "3.8"

services:
  app:
    image: IMAGE
    volumes:
      - data:/data
      - more:/more
    networks:
      - proxy
      - internal
    secrets:
      - source: pw
        target: HERE
    configs:
      - source: conf
        target: /etc/app.conf
    healthcheck:
      test: ["CMD", "check"]
      interval: 1s
      timeout: 3s
      retries: 5
      start_period: 30s
    deploy:
      restart_policy:
        condition: any
        delay: 1s
      update_config:
        failure_action: rollback
        order: stop-first
      labels:
        - "traefik.enable=true"
        - "traefik.http.services.${STACK_NAME}.loadbalancer.server.port=PORT"
        - "traefik.http.routers.${STACK_NAME}.rule=Host(`${DOMAIN}`)"
        - "traefik.http.routers.${STACK_NAME}.entrypoints=web-secure"
        - "traefik.http.routers.${STACK_NAME}.tls.certresolver=${LETS_ENCRYPT_ENV}"
        - "coop-cloud.${STACK_NAME}.version=RELEASE"
        - "backupbot.backup=${ENABLE_BACKUPS:-true}"

networks:
  proxy:
    external: true
  internal:

volumes:
  data:
  more:

secrets:
  pw:
    external: true
    name: ${STACK_NAME}_pw_${SECRET_PW_VERSION}

configs:
  conf:
    name: ${STACK_NAME}_conf_${CONF_VERSION}
    file: app.conf
"#;
