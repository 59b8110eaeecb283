//! `simmer overlay new`: a starter that is drawn from the recipe itself. It only says what can be seen in its files;
//! what is a guess says so.

use std::fmt::Write as _;

use compose::model::{Model, Service};
use compose::recipe::{self, Generate};
use domain::{Domain, StackName};

use crate::instance::Overlay;
use crate::run::Tree;

/// Writes the text of a first `overlay.toml`. A recipe whose files do not read gets one that says only that.
pub fn starter(tree: &Tree, domain: &Domain, stack: &StackName) -> String {
    let mut text = format!(
        "# Drawn from release {} by `simmer overlay new`. Every key is in `docs/overlay.md`.\n",
        tree.label
    );
    let Ok(read) = tree.read(&Overlay::empty(), domain, stack) else {
        text.push_str("# The recipe's compose files do not read: `simmer lint` says why.\n");
        return text;
    };
    let model = &read.loaded.model;
    let primary = primary(model);
    let services: Vec<_> = model.services.keys().map(|s| format!("`{s}`")).collect();
    let mut add = |line: String| text.push_str(&line);
    add(format!("# Services: {}.\n", services.join(", ")));
    if primary != "app" {
        add(format!("primary_service = {}\n", quoted(primary)));
    }
    add("\n[health]\n".into());
    match model.services.get(primary).and_then(health_path) {
        Some((path, why)) => add(format!("# Guessed from {why}.\npath = {}\n", quoted(&path))),
        None => add("# Without a path any answer below 500 will do, and the tier is superficial.\n# path = \"/healthz\"\n".into()),
    }
    let raw = read.raw.as_ref().unwrap_or(&read.loaded);
    let needs = recipe::needed(&read.loaded, raw, &read.environment, &tree.sample, stack);
    let by_hand: Vec<_> = needs.iter().filter(|n| n.modifiers.generate == Generate::No).collect();
    if !by_hand.is_empty() {
        add("\n# These cannot be generated.\n[secrets]\n".into());
        for need in by_hand {
            add(format!("# {} = \"…\"\n", need.key));
        }
    }
    add(backup(model, primary));
    add(format!(
        "\n# [[test]]\n# name = \"says what it is\"\n# http = {{ path = \"/\" }}\n# contains = {}\n",
        quoted("a text of the page")
    ));
    text
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// The service that the convention means, else the one with a router, else the first.
fn primary(model: &Model) -> &str {
    let routed = |s: &Service| {
        s.deploy.labels.keys().any(|label| label.starts_with("traefik.") && label.contains(".routers."))
    };
    let found =
        model.services.get_key_value("app").or_else(|| model.services.iter().find(|(_, s)| routed(s)));
    found.or_else(|| model.services.iter().next()).map_or("app", |(name, _)| name)
}

/// A path from Traefik's own check, else from an address in the healthcheck.
fn health_path(service: &Service) -> Option<(String, &'static str)> {
    let traefik = service
        .deploy
        .labels
        .iter()
        .find(|(label, _)| label.to_lowercase().ends_with(".loadbalancer.healthcheck.path"));
    if let Some((_, path)) = traefik.filter(|(_, path)| path.starts_with('/')) {
        return Some((path.clone(), "Traefik's labels"));
    }
    let test = service.healthcheck.as_ref()?.test.join(" ");
    let (_, after) = test.split_once("http://").or_else(|| test.split_once("https://"))?;
    let host: usize = after.find('/')?;
    // A blank or a quotation mark before the slash: the address had no path.
    if after[..host].contains([' ', '"', '\'', ';', '|']) {
        return None;
    }
    let end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '|' | ')' | '$');
    let path: String = after[host..].chars().take_while(|c| !end(*c)).collect();
    Some((path, "the healthcheck"))
}

/// What the labels back up, as data to plant: commented out, because only a person knows what the app's data is.
fn backup(model: &Model, primary: &str) -> String {
    let mut text = String::new();
    let labelled: Vec<&str> = model
        .services
        .iter()
        .filter(|(_, s)| s.deploy.labels.get("backupbot.backup").is_some_and(|v| v == "true"))
        .map(|(name, _)| name.as_str())
        .collect();
    // Writing to a string does not fail.
    let mut add = |line: &str| text.write_str(line).unwrap_or_default();
    if labelled.is_empty() {
        add("\n# No service carries `backupbot.backup=true`: backup and restore are skipped.\n");
        return text;
    }
    add(&format!("\n# Backed up by the labels of {}.\n", labelled.join(", ")));
    for (name, service) in &model.services {
        for mount in service.volumes.iter().filter(|m| m.kind == "volume" && !m.source.is_empty()) {
            add(&format!("# `{}` at {} of `{name}`\n", mount.source, mount.target));
        }
    }
    let sql = model.services.iter().find_map(|(name, service)| Some((name, client(&service.image)?)));
    add("# [[data]]\n# name = \"a record\"\n# after_backup = \"gone\"\n");
    match sql {
        Some((service, client)) => {
            let ask = |query: &str| {
                format!("sql = {{ service = \"{service}\", client = \"{client}\", query = \"{query}\" }}")
            };
            add("# Better through the app itself, where it has an API.\n");
            add(&format!(
                "# [data.seed]\n# {}\n",
                ask("CREATE TABLE simmer (m text); INSERT INTO simmer VALUES ('${MARKER}')")
            ));
            add(&format!(
                "# [data.check]\n# {}\n# contains = \"${{MARKER}}\"\n",
                ask("SELECT m FROM simmer")
            ));
            add(&format!("# [data.destroy]\n# {}\n", ask("DROP TABLE simmer")));
        }
        None => {
            let target = model
                .services
                .get(primary)
                .and_then(|s| s.volumes.iter().find(|m| m.kind == "volume"))
                .map_or("/data", |m| m.target.as_str());
            let file = format!("{}/simmer-data", target.trim_end_matches('/'));
            add("# Better through the app itself, where it has an API.\n");
            add(&format!("# [data.seed]\n# exec = {{ command = \"echo ${{MARKER}} > {file}\" }}\n"));
            add(&format!("# [data.check]\n# file = {{ path = \"{file}\" }}\n# contains = \"${{MARKER}}\"\n"));
            add(&format!("# [data.destroy]\n# exec = {{ command = [\"rm\", \"{file}\"] }}\n"));
        }
    }
    text
}

/// The client of a well-known database image.
fn client(image: &str) -> Option<&'static str> {
    let name = image.rsplit('/').next().unwrap_or(image);
    if name.starts_with("postgres") || name.starts_with("pgautoupgrade") {
        Some("psql")
    } else if name.starts_with("mysql") || name.starts_with("mariadb") {
        Some("mysql")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use compose::model::Healthcheck;

    fn checked(test: &str) -> Option<String> {
        let test = vec!["CMD-SHELL".to_owned(), test.to_owned()];
        let healthcheck = Some(Healthcheck { test, ..Healthcheck::default() });
        health_path(&Service { healthcheck, ..Service::default() }).map(|(path, _)| path)
    }

    #[test]
    fn a_health_path_is_guessed_from_the_address_in_the_healthcheck() {
        assert_eq!(checked("curl -f http://localhost:3000/api/healthz || exit 1").unwrap(), "/api/healthz");
        assert_eq!(checked("wget -qO- \"https://127.0.0.1/-/ready\"").unwrap(), "/-/ready");
        assert_eq!(checked("curl http://localhost:3000 && test -f /x"), None);
        assert_eq!(checked("pg_isready -U app"), None);
    }

    #[test]
    fn traefiks_own_check_is_believed_first() {
        let mut service = Service::default();
        let label = "traefik.http.services.x.loadbalancer.healthcheck.path".to_owned();
        service.deploy.labels.insert(label, "/live".into());
        assert_eq!(health_path(&service).unwrap(), ("/live".into(), "Traefik's labels"));
    }
}
