//! A provider beside a canonical: somebody else's stack on the shared network, asked ten times a second.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::ground::Ground;
use crate::warm::{Given, Soak, carried, docker, ground, releases, wait_until};

const SECRETS: [&str; 3] = ["client_key", "cookie_key", "admin_pass"];

/// Asks every 100 ms, each time by name and over a connection of its own, and writes down what came.
const PROBER: &str = r"
const http = require('node:http'), fs = require('node:fs')
const told = { asked: 0, answered: 0, failed: 0, slow: [], last: '' }
const ask = (seen) => new Promise((done) => {
  const at = performance.now(), mark = (name) => () => { seen[name] = Math.round(performance.now() - at) }
  const broke = (error) => done(String(error))
  const request = http.get(process.env.PROVIDER, { agent: false, family: 4, timeout: 20000 }, (answer) => {
    let body = ''
    answer.on('data', (part) => { body += part }).on('error', broke)
    answer.on('end', mark('answered')).on('end', () => done(answer.statusCode === 200 && body.includes('issuer') ? '' : 'status ' + answer.statusCode))
  })
  request.on('socket', (socket) => socket.on('lookup', mark('found')).on('connect', mark('connected')))
  request.on('timeout', () => request.destroy(new Error('no answer in 20 s'))).on('error', broke)
})
const probe = async () => {
  const seen = { at: new Date().toISOString() }, trouble = await ask(seen)
  told.asked += 1
  if (trouble) { told.failed += 1; told.last = new Date().toISOString() + ' ' + trouble } else told.answered += 1
  if (seen.answered > 500) told.slow.push(seen)
  fs.writeFileSync('/tmp/new', JSON.stringify(told)); fs.renameSync('/tmp/new', '/tmp/told')
}
// One at a time until it is up: a name that nobody has yet may be looked up for seconds, and few are at once.
const begin = async () => {
  while (await ask({})) await new Promise((later) => setTimeout(later, 100))
  setInterval(probe, 100)
}
begin()
";

/// The sign-on provider of the samples, deployed with the Docker CLI by somebody who knows nothing of us.
struct Provider {
    stack: String,
}

impl Provider {
    fn deploy(folder: &Path) -> Self {
        let stack = format!("login-{}", std::process::id());
        let provider = Self { stack };
        let stack = &provider.stack;
        let file = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let release = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/recipes/oidc/01-1.0.0+8.8.1");
        let read = |name: &str| std::fs::read_to_string(Path::new(release).join(name)).unwrap();
        file("settings.json.tmpl", &read("settings.json.tmpl"));
        let compose = file("compose.yml", &read("compose.yml"));
        for name in SECRETS {
            let value = file("value", &"s3cret-of-somebody-else-0123456789"[..32]);
            docker(&["secret", "create", &format!("{stack}_{name}_v1"), &value]);
        }
        let prober = json!({
            "version": "3.8",
            "services": {
                // Not every kernel can do virtual addresses.
                "app": { "deploy": { "endpoint_mode": "dnsrr" } },
                "prober": {
                    "image": "127.0.0.1:5055/simmer/oidc:8.8.1",
                    "entrypoint": ["node", "-e", PROBER],
                    "environment": { "PROVIDER": format!("http://{stack}_app:8080/.well-known/openid-configuration") },
                    "networks": ["proxy"],
                    "deploy": { "endpoint_mode": "dnsrr" },
                },
            },
        });
        let prober = file("prober.yml", &prober.to_string());
        let mut deploy = Command::new("docker");
        deploy.args(["stack", "deploy", "--resolve-image", "never", "-c", &compose, "-c", &prober, stack]);
        deploy.env("STACK_NAME", stack).env("DOMAIN", "login.elsewhere.test").env("SETTINGS_VERSION", "v1");
        for name in SECRETS {
            deploy.env(format!("SECRET_{}_VERSION", name.to_uppercase()), "v1");
        }
        let deployed = deploy.env("LETS_ENCRYPT_ENV", "staging").output().unwrap();
        assert!(deployed.status.success(), "{}", String::from_utf8_lossy(&deployed.stderr));
        wait_until("the provider answers", || provider.asked().is_some_and(|told| told["answered"] != 0));
        provider
    }

    fn containers(&self, service: &str) -> String {
        let name = format!("label=com.docker.swarm.service.name={}_{service}", self.stack);
        docker(&["ps", "--quiet", "--no-trunc", "--filter", &name])
    }

    /// What the prober has seen, once it has seen anything.
    fn asked(&self) -> Option<Value> {
        let prober = self.containers("prober");
        let read = Command::new("docker").args(["exec", &prober, "cat", "/tmp/told"]).output().unwrap();
        read.status.success().then(|| serde_json::from_slice(&read.stdout).unwrap())
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        docker(&["stack", "rm", &self.stack]);
        let label = format!("label=com.docker.stack.namespace={}", self.stack);
        wait_until("the provider is gone", || {
            docker(&["ps", "--all", "--quiet", "--filter", &label]).is_empty()
        });
        for volume in docker(&["volume", "ls", "--quiet", "--filter", &label]).lines() {
            docker(&["volume", "rm", volume]);
        }
        let names = SECRETS.map(|name| format!("{}_{name}_v1", self.stack));
        docker(&[&["secret", "rm"], &names.each_ref().map(String::as_str)[..]].concat());
    }
}

/// Leaves what a killed run leaves, and has it collected.
fn collect_garbage(ground: &Ground) {
    let mut killed = ground.until(&["run", "radicale", "--tier", "install"], "  A  settle");
    killed.kill().unwrap();
    killed.wait().unwrap();
    let gc = ground.simmer(&["gc", "--json"]);
    assert_eq!(gc.exit, 0, "{}{}", gc.stdout, gc.stderr);
    let fates: Vec<_> = gc.outcome().as_array().unwrap().iter().map(|run| run["fate"].clone()).collect();
    assert!(fates.iter().any(|fate| fate == "removed"), "there was something to collect: {fates:?}");
    ground.assert_nothing_left();
}

#[test]
#[expect(clippy::print_stdout, reason = "how many probes it was is what one wants to know of it")]
fn a_provider_answers_every_100_ms_throughout_a_run_a_promotion_and_a_gc() {
    let ground = ground("samples", "radicale", Soak::AsItIs);
    let elsewhere = tempfile::tempdir().unwrap();
    let provider = Provider::deploy(elsewhere.path());
    let container = provider.containers("app");
    let began = std::time::Instant::now();
    let before = provider.asked().unwrap();

    let _given = Given(&ground, "radicale");
    carried(&ground, "radicale", &releases(&ground, "radicale")[0]);
    collect_garbage(&ground);

    let told = provider.asked().unwrap();
    let tenths = i64::try_from(began.elapsed().as_millis() / 100).unwrap();
    let asked = told["asked"].as_i64().unwrap() - before["asked"].as_i64().unwrap();
    assert_eq!(told["failed"], 0, "{told}");
    // A machine that is slow asks seldomer than it was told to; one that hardly asks has shown nothing.
    assert!(asked > 100 && asked * 4 > tenths, "{asked} probes in {tenths} tenths of a second: {told}");
    assert_eq!(provider.containers("app"), container, "nobody restarted it");
    println!("{asked} probes in {} s, none failed; slower than half a second: {}", tenths / 10, told["slow"]);
}
