//! The handle that a test holds.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::app::App;
use crate::clock::Pace;
use crate::faults::{Call, Fault};
use crate::server::{Shared, serve};
use crate::state::State;

/// How a fake is made.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    pub pace: Pace,
    /// Such as `1.41`.
    pub api: &'static str,
    /// Such as `20.10.24`.
    pub version: &'static str,
    /// The first is a manager and the one whose containers can be seen; the others are workers.
    pub nodes: usize,
    /// Whether lists with nothing in them are `null`, as some engines write them.
    pub null_lists: bool,
}

impl Default for Setup {
    /// One node of engine 20.10, fifty times as fast as a real one.
    fn default() -> Self {
        Self { pace: Pace::Times(50), api: "1.41", version: "20.10.24", nodes: 1, null_lists: false }
    }
}

/// A swarm that is not there. It lives in a thread of its own until it is dropped, whatever the test's own threads do.
pub struct Fake {
    shared: Arc<Shared>,
    folder: tempfile::TempDir,
    tcp: String,
    thread: Option<std::thread::JoinHandle<()>>,
    stop: tokio::sync::watch::Sender<bool>,
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fake({})", self.host())
    }
}

impl Fake {
    /// Starts one as [`Setup::default`] has it.
    ///
    /// # Panics
    /// When this machine gives no socket, folder or thread: a test cannot go on without.
    pub fn start() -> Self {
        Self::with(Setup::default())
    }

    /// Starts one in which one call in fifty fails, in a way that only the seed decides.
    pub fn seeded(seed: u64) -> Self {
        let fake = Self::start();
        fake.draw_faults(seed, 20);
        fake
    }

    /// Starts one.
    ///
    /// # Panics
    /// As [`Fake::start`].
    pub fn with(setup: Setup) -> Self {
        let folder = tempfile::Builder::new().prefix("fake").tempdir().expect("a test needs a folder");
        let mut state = State::new(folder.path().to_owned(), setup.api, setup.version, setup.nodes);
        state.null_lists = setup.null_lists;
        Self::of(folder, state, setup.pace)
    }

    /// Starts another one in which everything is that rests in this one: networks, volumes with their files, secrets,
    /// configs and images.
    ///
    /// # Panics
    /// When something runs, or the files cannot be copied.
    pub fn fork(&self, pace: Pace) -> Self {
        let folder = tempfile::Builder::new().prefix("fake").tempdir().expect("a test needs a folder");
        let state = self.shared.with(|state| state.at_rest(folder.path()));
        Self::of(folder, state, pace)
    }

    fn of(folder: tempfile::TempDir, state: State, pace: Pace) -> Self {
        let shared = Arc::new(Shared::new(state));
        let (stop, mut stopped) = tokio::sync::watch::channel(false);
        let (tell, told) = std::sync::mpsc::channel();
        let (served, socket) = (shared.clone(), folder.path().join("docker.sock"));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a test needs a runtime");
            runtime.block_on(async move {
                let unix =
                    tokio::net::UnixListener::bind(&socket).expect("a folder of our own takes a socket");
                let tcp =
                    tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
                let address = tcp.local_addr().expect("a listener has an address");
                tell.send(format!("tcp://{address}")).expect("the test waits for it");
                tokio::select! {
                    () = serve(served, unix, tcp, pace) => {}
                    _ = stopped.changed() => {}
                }
            });
        });
        let tcp = told.recv().expect("the thread says where it listens");
        Self { shared, folder, tcp, thread: Some(thread), stop }
    }

    /// Returns its address in the form of `DOCKER_HOST`.
    pub fn host(&self) -> String {
        format!("unix://{}", self.folder.path().join("docker.sock").display())
    }

    /// Returns its other address.
    pub fn tcp_host(&self) -> &str {
        &self.tcp
    }

    /// Makes an image known: on the node, unless the app is [`App::remote`].
    pub fn app(&self, image: &str, app: App) -> &Self {
        self.shared.with(|state| {
            if app.is_local {
                state.images.insert(image.to_owned());
            }
            state.apps.insert(image.to_owned(), app);
        });
        self
    }

    /// Makes an overlay network that belongs to nobody, such as `proxy`.
    pub fn network(&self, name: &str) -> &Self {
        let body = json!({"Name": name, "Driver": "overlay", "Attachable": true});
        self.shared.with(|state| drop(state.create_network(&body)));
        self
    }

    /// Lets this much virtual time pass.
    pub fn advance(&self, time: Duration) {
        self.shared.with(|state| {
            let limit = state.clock.now.saturating_add(time);
            state.run_until(limit);
        });
    }

    /// Lets virtual time pass until nothing is going to happen any more, at most this much. Says whether it came to that.
    pub fn advance_until_idle(&self, at_most: Duration) -> bool {
        self.shared.with(|state| state.run_until_idle(at_most))
    }

    /// The next call of this kind fails: `POST /services/create`, `DELETE /volumes/*`.
    pub fn fail_on(&self, call: &str, fault: Fault) -> &Self {
        self.shared.faults().on(call, fault);
        self
    }

    /// The call with this number fails, see [`Fake::calls`].
    pub fn fail_at(&self, nth: usize, fault: Fault) -> &Self {
        self.shared.faults().at(nth, fault);
        self
    }

    /// From now on so many calls in a thousand fail, in a way that only the seed and the order of calls decide.
    pub fn draw_faults(&self, seed: u64, per_mille: u64) -> &Self {
        self.shared.faults().draw(seed, per_mille);
        self
    }

    /// From now on this decides about each call, such as `POST /services/create`, before anything is done about it. It may
    /// do what it likes meanwhile, such as kill who asks.
    pub fn judge_calls(&self, judge: impl FnMut(&str) -> Option<Fault> + Send + 'static) -> &Self {
        self.shared.faults().judge = Some(Box::new(judge));
        self
    }

    /// No call fails any more. What was swallowed stays so.
    pub fn heal(&self) -> &Self {
        self.shared.faults().heal();
        self.shared.with(|state| state.disk_full = false);
        self
    }

    /// No volume can be made, also not by a mount.
    pub fn fill_disk(&self) -> &Self {
        self.shared.with(|state| state.disk_full = true);
        self
    }

    /// Breaks every stream that is open: events, logs.
    pub fn cut_streams(&self) {
        self.shared.cuts.send_modify(|count| *count += 1);
    }

    /// Returns how many calls were swallowed, to be waited on.
    pub fn swallowed(&self) -> tokio::sync::watch::Receiver<usize> {
        self.shared.silent.subscribe()
    }

    /// Returns all calls so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.faults().calls.clone()
    }

    /// Counts calls from 0 again.
    pub fn forget_calls(&self) {
        self.shared.faults().calls.clear();
    }

    /// Returns where a volume's files are.
    pub fn volume(&self, name: &str) -> PathBuf {
        self.shared.with(|state| state.volume_folder(name))
    }

    /// Makes a volume, with a file in it where there is content.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn put_volume(&self, name: &str, labels: Value, file: Option<(&str, &str)>) -> &Self {
        let made = self.shared.with(|state| state.create_volume(&json!({"Name": name, "Labels": labels})));
        assert!(made.is_ok(), "volume `{name}` cannot be made");
        if let Some((path, content)) = file {
            std::fs::write(self.volume(name).join(path), content).expect("a volume's folder can be written");
        }
        self
    }

    /// Takes a volume away, with all that is in it, as a stranger would.
    ///
    /// # Panics
    /// When it is not there, or in use.
    pub fn lose_volume(&self, name: &str) -> &Self {
        assert!(self.shared.with(|state| state.remove_volume(name)).is_ok(), "`{name}` is not lost");
        self
    }

    /// Makes a secret.
    ///
    /// # Panics
    /// When it is there.
    pub fn put_secret(&self, name: &str, labels: Value) -> &Self {
        let body = json!({"Name": name, "Labels": labels, "Data": ""});
        let made = self.shared.with(|state| state.create_data(crate::data::Data::Secret, body));
        assert!(made.is_ok(), "secret `{name}` is there");
        self
    }

    /// Changes a service's spec as a stranger with `docker service update` would.
    ///
    /// # Panics
    /// When there is no such service.
    pub fn change_service(&self, name: &str, change: impl FnOnce(&mut Value)) {
        self.shared.with(|state| {
            let held = state.services.iter().find(|s| s.name() == name).expect("the test names a service");
            let (id, version, mut spec) = (held.id.clone(), held.index, held.spec.clone());
            change(&mut spec);
            assert!(
                state.update_service(&id, version, spec).is_ok(),
                "`{name}` was changed to what it cannot be"
            );
        });
    }

    /// Ends the processes of a service with this code.
    pub fn end_processes(&self, service: &str, code: i64) {
        self.shared.with(|state| {
            let of = |c: &&crate::containers::Container| {
                c.is_running() && state.tasks.iter().any(|t| t.id == c.task && t.service_name == service)
            };
            let ids: Vec<_> = state.containers.iter().filter(of).map(|c| c.id.clone()).collect();
            for id in ids {
                state.end_container(&id, None, code);
            }
        });
    }

    /// Names all objects, but the engine's own, as `volume a`, sorted: what is left where nothing should be.
    pub fn objects(&self) -> Vec<String> {
        self.with_labels(|_| true)
    }

    /// Names the objects that lack a label. Containers count, with the labels of their spec.
    pub fn without_label(&self, key: &str) -> Vec<String> {
        self.with_labels(|labels| !labels[key].is_string())
    }

    fn with_labels(&self, keep: impl Fn(&Value) -> bool) -> Vec<String> {
        const OWN: [&str; 5] = ["bridge", "host", "none", "docker_gwbridge", "ingress"];
        let all = self.shared.with(|state| state.inventory());
        let mut named: Vec<String> = all
            .into_iter()
            .filter(|(kind, name, labels)| {
                !(*kind == "network" && OWN.contains(&name.as_str())) && keep(labels)
            })
            .map(|(kind, name, _)| format!("{kind} {name}"))
            .collect();
        named.sort();
        named
    }

    /// Returns where each service's update stands, as the API says it; empty where there is none.
    pub fn update_state(&self, service: &str) -> String {
        self.shared.with(|state| {
            let held = state.services.iter().find(|s| s.name() == service);
            held.and_then(|s| s.status.as_ref()).map(|s| crate::state::text(&s["State"])).unwrap_or_default()
        })
    }

    /// Returns all events so far as `container start`, in order.
    pub fn events(&self) -> Vec<String> {
        let word = |e: &Value, key: &str| crate::state::text(&e[key]);
        self.shared.with(|state| {
            state.events.iter().map(|(_, e)| format!("{} {}", word(e, "Type"), word(e, "Action"))).collect()
        })
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic in it has been printed.
            drop(thread.join());
        }
    }
}

impl State {
    /// Kind, name and labels of everything.
    fn inventory(&self) -> Vec<(&'static str, String, Value)> {
        use crate::state::text;
        let mut all = Vec::new();
        for (kind, list, name, labels) in [
            ("network", &self.networks, "/Name", "/Labels"),
            ("volume", &self.volumes, "/Name", "/Labels"),
            ("secret", &self.secrets, "/Spec/Name", "/Spec/Labels"),
            ("config", &self.configs, "/Spec/Name", "/Spec/Labels"),
        ] {
            let part = |o: &Value, at: &str| o.pointer(at).cloned().unwrap_or_default();
            all.extend(list.iter().map(|o| (kind, text(&part(o, name)), part(o, labels))));
        }
        all.extend(self.services.iter().map(|s| ("service", s.name(), s.spec["Labels"].clone())));
        all.extend(self.containers.iter().map(|c| ("container", c.name.clone(), c.spec["Labels"].clone())));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Life;

    /// Starts what ends at once, each time that it is started again.
    fn ends_at_once(fake: &Fake) {
        fake.app("app", App::new(Life::ends(Duration::from_millis(1), 1)));
        let container = json!({
            "Image": "app", "Mounts": [{"Type": "volume", "Source": "data", "Target": "/data"}],
        });
        let spec = json!({
            "Name": "app",
            "TaskTemplate": {"ContainerSpec": container, "RestartPolicy": {"Condition": "any", "Delay": 1}},
        });
        assert!(fake.shared.with(|state| state.create_service(spec)).is_ok(), "the service is made");
    }

    #[test]
    fn a_clock_that_cannot_keep_up_goes_slower_and_keeps_nobody_waiting() {
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            // More is due each moment than any machine does in it.
            let fake = Fake::with(Setup { pace: Pace::Times(1_000_000_000), ..Setup::default() });
            ends_at_once(&fake);
            while fake.events().iter().filter(|event| *event == "container die").count() < 100 {
                std::thread::sleep(Duration::from_millis(20));
            }
            drop(fake);
            tell.send(()).expect("the test waits");
        });
        assert_eq!(told.recv_timeout(Duration::from_secs(60)), Ok(()), "nobody is answered any more");
    }

    #[test]
    fn what_is_refused_its_volume_again_and_again_leaves_no_folders() {
        let fake = Fake::with(Setup { pace: Pace::Driven, ..Setup::default() });
        fake.fill_disk();
        ends_at_once(&fake);
        fake.advance(Duration::from_secs(10));
        let tried = fake.shared.with(|state| state.tasks.iter().filter(|task| task.is_over()).count());
        assert!(tried > 1, "{tried}");
        let folders = std::fs::read_dir(fake.folder.path().join("containers"));
        assert_eq!(folders.map_or(0, Iterator::count), 0);
        fake.heal().advance(Duration::from_secs(10));
        assert!(fake.events().contains(&"container start".to_owned()), "it starts where there is room");
    }
}
