//! What to try, and who should: one sentence for each cause.

use domain::Cause;
use domain::cause::{Fault, ProbeStep, Vantage};

/// Returns what to try next. A full match, so that a new cause needs a remedy to compile.
pub fn advice(cause: &Cause) -> &str {
    match cause {
        Cause::Lint { .. } => {
            "Mend the line that the finding names, then run `simmer lint` on the work tree: it needs no swarm."
        }
        Cause::BadRecipe { .. } => {
            "Mend the file at the place that is named. `simmer compose config` shows the files as Docker would merge them."
        }
        Cause::SecretMissing { .. } => {
            "Give the value in the overlay: this secret cannot be generated. If it can, drop `generate=false` from its line in `.env.sample`."
        }
        Cause::ImageMissing { .. } => {
            "Check the image's name and tag: the registry answered and knows no such image. Perhaps the tag was never pushed, or was withdrawn."
        }
        Cause::ImagePull { .. } => {
            "Look at the registry and the way to it (reach, login, rate limit), then run again. It says nothing against the recipe."
        }
        Cause::Rejected { .. } => {
            "Read the engine's words: they name what it refused, such as a mount, a port, a constraint or a limit. Change that key in the compose file."
        }
        Cause::CrashLoop { oom: true, .. } => {
            "The process was killed for its memory. Raise the limit under `deploy.resources.limits`, or lower what the app takes."
        }
        Cause::CrashLoop { .. } => {
            "Read the last lines of its log: the process says why it leaves. Usual reasons are a variable or secret that is not set, a file that cannot be written, a database that is not there yet."
        }
        Cause::Unhealthy { .. } => {
            "Run the healthcheck's command by hand in the container. Either the app is ill, or the check is: a wrong path or port, a tool that the image lacks, a `start_period` that is too short."
        }
        Cause::LostAfterSettled { .. } => {
            "It came up and then went down. Look at what the app does in its first minutes: migrations, scheduled work, memory that grows."
        }
        Cause::RolledBack { .. } => {
            "The new spec did not come up, so swarm put the old one back; the deploy command calls that a success. Read the last lines of the new task, and look at `update_config` (monitor, order) and the healthcheck."
        }
        Cause::MixedStack { .. } => {
            "A part of the stack is new and a part is old, which nobody has tested together. Find out why the services that were rolled back did not start; often they need the new ones to be ready first."
        }
        Cause::UpdatePaused { .. } => {
            "The update waits for a person. Set `failure_action: rollback` in `update_config`, and read why the first new task failed."
        }
        Cause::ForeignChange { .. } => {
            "Find out who else changes this stack (a person, another tool, a second Simmer), then run again."
        }
        Cause::NotSettled { .. } => {
            "See which services were still waited for. If the app needs longer than the window, raise `window` under `[health]` in the overlay; if it waits for something, that is missing."
        }
        Cause::Probe { step: ProbeStep::Route, .. } => {
            "The edge has no router for this name. Compare the `traefik.http.routers` labels and the `DOMAIN` variable, and check that the service is on the proxy network."
        }
        Cause::Probe { step: ProbeStep::Dns, .. } => {
            "The name does not resolve. Check the wildcard record of the base domain, and that the name in the rule is the one that was asked."
        }
        Cause::Probe { step: ProbeStep::Tcp, from: Vantage::Inside, .. } => {
            "Nothing listens at that port of the task. Check the port in the labels, and that the app binds to 0.0.0.0 and not to localhost."
        }
        Cause::Probe { step: ProbeStep::Tcp, from: Vantage::Outside, .. } => {
            "The edge does not take connections at that port. Check that the edge runs, and the entry point or published port that the recipe asks for."
        }
        Cause::Probe { step: ProbeStep::Tls, .. } => {
            "The app may be well: the certificate is not. Check the certificate resolver and the router's `tls` labels; with passthrough, the app has to hold a certificate for this very name."
        }
        Cause::Probe { step: ProbeStep::Http, from: Vantage::Inside, .. } => {
            "The task took the connection and gave no usable answer. Check the port in the labels and the protocol, and read the app's log."
        }
        Cause::Probe { step: ProbeStep::Http, from: Vantage::Outside, .. } => {
            "The edge got no usable answer from the app. Compare with the probe from inside: if that one passed, look at the port label and the networks, else at the app."
        }
        Cause::Probe { step: ProbeStep::App, .. } => {
            "The app answers, but not as it should. Check the health path in the overlay and what the app says there, and read its log."
        }
        Cause::DataLost { .. } => {
            "Compare the volumes of both releases: a renamed volume, another mount path or a new user id makes old data invisible. If the format has changed, the recipe needs a migration and a release note."
        }
        Cause::UpgradeChangesNothing { .. } => {
            "Bump the image as well as the version label: both releases run the very same image, so this upgrade proves nothing."
        }
        Cause::WrongVersion { .. } => {
            "What runs is not what was asked for. Check that the version label moved with the tag, and that no other tool deploys to this stack."
        }
        Cause::BaseBroken { .. } => {
            "The older release does not come up on its own, so nothing is said about this one. Name a base that works with `--base`, or mend the old release."
        }
        Cause::NoReturn { .. } => {
            "The canonical's own release does not come up on a copy of its own data: nothing advances before there is a way back. Look at it with `simmer canonical open`."
        }
        Cause::Hook { .. } => {
            "Run the hook's command by hand in the running container of that service and read what it says: it sees the container's own environment and programs, nothing else."
        }
        Cause::BackupEmpty { .. } => {
            "The label asks for a backup and there is nothing to store: put it on a service that mounts a kept volume, and check the `backupbot.backup.volumes.` labels."
        }
        Cause::BackupBroken { .. } => {
            "What the labels name is missing or cut off in the backup. Check the path against what the hook writes, and let the hook fail when its dump does."
        }
        Cause::NotRestored { .. } => {
            "Files came back, data did not. For a database, dump it in the backup's pre-hook, store the dump only, and load it in the restore's post-hook; files under a running database change nothing."
        }
        Cause::AfterBackup { .. } => {
            "Decide what a restore does with newer data, and say so in the overlay: `after_backup` is \"gone\" or \"kept\"."
        }
        Cause::Repository { .. } => {
            "Look at the backup repository with `simmer backups check`: disk, rights and password. It says nothing against the recipe."
        }
        Cause::Generation { .. } => {
            "Look at the node: disk, rights, and who else uses the volumes that are named. The committed generation was not touched; it says nothing against the recipe."
        }
        Cause::Registry { .. } => {
            "Look at the store with `simmer db check`: disk, rights, reach. What was not committed is garbage, and `simmer reconcile` removes it."
        }
        Cause::Seed { .. } => {
            "The overlay's data could not be planted. Check the seed in the overlay against this release: nothing is said about the recipe until it can be."
        }
        Cause::Test { .. } => {
            "Read what the test says and its kept output. If the app changed on purpose, give the test the releases that it is about with `applies_to`."
        }
        Cause::TestBroken { .. } => {
            "The test itself is broken: not started, or its output is not in the form that it declares. Mend it in the overlay."
        }
        Cause::Named { known, .. } => &known.remedy,
        Cause::Timeout { .. } => {
            "A limit of ours was hit. If the work is honest and slow, raise the limit that is named; if it hangs, the stage without an end shows where."
        }
        Cause::Engine { .. } => {
            "Look at the engine: `simmer doctor`, then its log. It says nothing against the recipe; run again when the engine is well."
        }
        Cause::Node { says } if says.contains("vxlan interface: file exists") => {
            "An interface of a network that is gone is left on the node, and restarting the engine does not remove it: `simmer doctor` names it, `ip link delete NAME` removes it. It says nothing against the recipe."
        }
        Cause::Node { .. } => {
            "Give the node what it lacks (`simmer doctor` shows disk, memory and networks), then run again. It says nothing against the recipe."
        }
        Cause::Ours { .. } => "This is our mistake. Please report it, with this run's folder attached.",
        Cause::Interrupted => "Run again: it was stopped from outside before it could be judged.",
        Cause::After { .. } => "Mend the tier that is named first: this one stands on it.",
    }
}

/// Returns whose turn it is, as a short sentence.
pub fn whose(cause: &Cause) -> &'static str {
    match (cause, cause.fault()) {
        (Cause::BaseBroken { .. }, _) => "An older release is at fault; this one could not be judged.",
        (Cause::NoReturn { .. }, _) => {
            "The release that the canonical stands on is at fault, on its own data."
        }
        (Cause::After { .. }, _) => "It could not be judged, because an earlier tier did not pass.",
        (_, Fault::Recipe) => "The recipe is at fault.",
        (_, Fault::Overlay) => "Our overlay for the recipe is at fault.",
        (_, Fault::Platform) => "The platform is at fault; this says nothing against the recipe.",
        (_, Fault::Runner) => "Simmer is at fault; this says nothing against the recipe.",
    }
}
