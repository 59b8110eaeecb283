//! What the labels name, looked up in each other: routers with their middlewares and services.

use std::collections::{BTreeMap, BTreeSet};

use super::labels::{RawRouter, Reader};
use super::middleware::{Made, list, make};
use super::{
    HttpRouter, Layer, Middleware, PLAIN_ENTRY, RouterTls, Rule, TLS_ENTRY, Table, Target, TcpRouter, TcpTls,
    To,
};

/// Deepest chain of middlewares that name middlewares.
const CHAIN_LIMIT: usize = 8;
/// Most middlewares of one router.
const STEPS_LIMIT: usize = 64;
impl Reader {
    /// Makes the table of what was read.
    pub(super) fn table(mut self) -> Table {
        let mut made = BTreeMap::new();
        for (name, settings) in std::mem::take(&mut self.middlewares) {
            let (middleware, troubles) = make(&settings);
            for trouble in troubles {
                let label = if trouble.label.starts_with("traefik.") {
                    trouble.label
                } else {
                    format!("traefik.http.middlewares.{name}.{}", trouble.label)
                };
                self.say(&settings.service, &label, &trouble.value, &trouble.why);
            }
            made.insert(name, middleware);
        }
        let mut table = Table::default();
        for (name, raw) in std::mem::take(&mut self.http) {
            table.http.extend(self.http_router(&name, &raw, &made));
        }
        for (name, raw) in std::mem::take(&mut self.tcp) {
            table.tcp.extend(self.tcp_router(&name, &raw));
        }
        self.unknown.sort();
        self.unknown.dedup();
        table.unknown = self.unknown;
        table.sort();
        table
    }

    /// Reads what both kinds of router have: rule, its text, priority.
    fn rule(&mut self, layer: Layer, name: &str, raw: &RawRouter) -> Option<(Rule, String, i64)> {
        let kind = match layer {
            Layer::Http => "http",
            Layer::Tcp => "tcp",
        };
        let label = format!("traefik.{kind}.routers.{name}");
        if self.twice.contains(&(layer, name.to_owned())) {
            let why = "several services define this router, so Traefik drops it";
            self.say(&raw.service, &label, "", why);
            return None;
        }
        let Some((at, text)) = raw.fields.get("rule") else {
            let why = "the router has no rule, and Traefik's default rule is not known here";
            self.say(&raw.service, &format!("{label}.rule"), "", why);
            return None;
        };
        let rule = match Rule::parse(text, layer) {
            Ok(rule) => rule,
            Err(error) => {
                self.say(&raw.service, at, text, &format!("the router is not served: {error}"));
                return None;
            }
        };
        // Traefik's default: the longer rule is tried first.
        let by_length = i64::try_from(text.len()).unwrap_or(i64::MAX);
        let priority = match raw.fields.get("priority") {
            None => by_length,
            Some((at, value)) => match value.trim().parse::<i64>() {
                Ok(0) => by_length,
                Ok(priority) => priority,
                Err(_) => {
                    self.say(&raw.service, at, value, "is not a number, so Traefik drops the router");
                    return None;
                }
            },
        };
        Some((rule, text.clone(), priority))
    }

    fn http_router(
        &mut self,
        name: &str,
        raw: &RawRouter,
        made: &BTreeMap<String, Made>,
    ) -> Option<HttpRouter> {
        let (rule, rule_text, priority) = self.rule(Layer::Http, name, raw)?;
        let tls = if raw.tls { RouterTls::On } else { RouterTls::Off };
        let entrypoints = self.entrypoints(raw, &[PLAIN_ENTRY, TLS_ENTRY]);
        if tls == RouterTls::Off && !entrypoints.contains(PLAIN_ENTRY) && entrypoints.contains(TLS_ENTRY) {
            let label = format!("traefik.http.routers.{name}.tls");
            let why = "the router is on `web-secure` and has no `tls` label, so HTTPS requests get 404";
            self.say(&raw.service, &label, "", why);
        }
        let mut middlewares = Vec::new();
        if let Some((label, value)) = raw.fields.get("middlewares") {
            for wanted in list(value) {
                if let Err(why) = self.resolve(&wanted, made, &mut middlewares, 0, (&raw.service, label)) {
                    self.say(&raw.service, label, value, &why);
                    return None;
                }
            }
        }
        let to = self.http_target(name, raw)?;
        let name = name.to_owned();
        Some(HttpRouter { name, rule, rule_text, priority, entrypoints, tls, middlewares, to })
    }

    fn tcp_router(&mut self, name: &str, raw: &RawRouter) -> Option<TcpRouter> {
        let (rule, rule_text, priority) = self.rule(Layer::Tcp, name, raw)?;
        let tls = match (raw.tls, raw.passthrough) {
            (false, _) => TcpTls::Plain,
            (true, false) => TcpTls::AtEdge,
            (true, true) => TcpTls::Passthrough,
        };
        if tls == TcpTls::Plain && !rule.hosts().is_empty() {
            let label = format!("traefik.tcp.routers.{name}.rule");
            let why = "only TLS carries a name; without a `tls` label only `HostSNI(`*`)` can match";
            self.say(&raw.service, &label, &rule_text, why);
            return None;
        }
        if let Some((label, value)) = raw.fields.get("middlewares") {
            self.say(&raw.service, label, value, "middlewares of TCP routers are not applied here");
        }
        // Without entry points it would be on all of them; which there are is not known to a recipe.
        let entrypoints = self.entrypoints(raw, &[PLAIN_ENTRY, TLS_ENTRY]);
        let (service, port) = self.balancer_of(Layer::Tcp, name, raw)?;
        let name = name.to_owned();
        Some(TcpRouter { name, rule, rule_text, priority, entrypoints, tls, service, port })
    }

    fn entrypoints(&self, raw: &RawRouter, all: &[&str]) -> BTreeSet<String> {
        match raw.fields.get("entrypoints") {
            Some((_, value)) if !list(value).is_empty() => list(value).into_iter().collect(),
            _ => all.iter().map(|e| (*e).to_owned()).collect(),
        }
    }

    /// Appends a middleware and what it chains to. An error drops the router, as at Traefik.
    fn resolve(
        &mut self,
        wanted: &str,
        made: &BTreeMap<String, Made>,
        into: &mut Vec<Middleware>,
        depth: usize,
        at: (&str, &str),
    ) -> Result<(), String> {
        let (name, provider) = wanted.split_once('@').unwrap_or((wanted, "docker"));
        if !matches!(provider, "docker" | "swarm") {
            self.say(
                at.0,
                at.1,
                wanted,
                "the middleware is defined outside of the recipe and not applied here",
            );
            into.push(Middleware::NotApplied { kind: wanted.to_owned() });
            return Ok(());
        }
        match made.get(name) {
            None => Err(format!("there is no middleware `{name}`, so Traefik drops the router")),
            // The number too: a chain that names a chain ten times, and so on, would fill the memory.
            Some(_) if CHAIN_LIMIT < depth || STEPS_LIMIT < into.len() => {
                Err("its chains of middlewares are too long or never end".to_owned())
            }
            Some(Made::Steps(steps)) => {
                into.extend(steps.iter().cloned());
                Ok(())
            }
            Some(Made::Chain(names)) => {
                names.iter().try_for_each(|name| self.resolve(name, made, into, depth + 1, at))
            }
        }
    }

    fn http_target(&mut self, name: &str, raw: &RawRouter) -> Option<To> {
        if raw.fields.get("service").is_some_and(|(_, value)| value == "noop@internal") {
            return Some(To::Noop);
        }
        let (service, port) = self.balancer_of(Layer::Http, name, raw)?;
        let chosen = self.chosen(Layer::Http, raw).ok()?;
        let balancer = self.http_balancers.get(&chosen)?;
        let (scheme, host_header) = (balancer.scheme, balancer.host_header);
        Some(To::Service(Target { service, port, scheme, host_header }))
    }

    /// Names the load balancer of a router: the one it asks for, or the only one of its service.
    fn chosen(&self, layer: Layer, raw: &RawRouter) -> Result<String, String> {
        let balancers = match layer {
            Layer::Http => &self.http_balancers,
            Layer::Tcp => &self.tcp_balancers,
        };
        if let Some((_, wanted)) = raw.fields.get("service") {
            let (name, provider) = wanted.split_once('@').unwrap_or((wanted, "docker"));
            return if matches!(provider, "docker" | "swarm") && balancers.contains_key(name) {
                Ok(name.to_owned())
            } else {
                Err(format!("there is no service `{wanted}` in the labels of this stack"))
            };
        }
        let own: Vec<&String> =
            balancers.iter().filter(|(_, b)| b.service == raw.service).map(|(name, _)| name).collect();
        match own[..] {
            [only] => Ok(only.clone()),
            [] => Err("nothing says the port: the label `loadbalancer.server.port` is missing".to_owned()),
            [..] => Err("its service has several ports, and the router does not choose one".to_owned()),
        }
    }

    fn balancer_of(&mut self, layer: Layer, name: &str, raw: &RawRouter) -> Option<(String, u16)> {
        let kind = match layer {
            Layer::Http => "http",
            Layer::Tcp => "tcp",
        };
        let label = format!("traefik.{kind}.routers.{name}.service");
        let chosen = match self.chosen(layer, raw) {
            Ok(chosen) => chosen,
            Err(why) => {
                let value = raw.fields.get("service").map_or(String::new(), |(_, v)| v.clone());
                self.say(&raw.service, &label, &value, &format!("the router is not served: {why}"));
                return None;
            }
        };
        let balancers = match layer {
            Layer::Http => &self.http_balancers,
            Layer::Tcp => &self.tcp_balancers,
        };
        let balancer = balancers.get(&chosen)?;
        let (service, at) = (balancer.service.clone(), balancer.label.clone());
        let text = balancer.port.clone();
        match text.as_deref().map(|t| t.trim().parse::<u16>()) {
            Some(Ok(port)) if 0 < port => Some((service, port)),
            Some(Ok(_) | Err(_)) => {
                let text = text.unwrap_or_default();
                self.say(&service, &at, &text, "is not a port, so the router is not served");
                None
            }
            None => {
                self.say(
                    &service,
                    &at,
                    "",
                    "the service has no `loadbalancer.server.port`, so nothing is served",
                );
                None
            }
        }
    }
}
