//! Labels in, routers out. Everything that has no effect is named.

use std::collections::{BTreeMap, BTreeSet};

use super::middleware::{Settings, truth};
use super::{HostHeader, Layer, Scheme, Table, Unknown};

/// How much of a label's value is shown, in characters.
const SHOWN: usize = 200;

/// A router as its labels say, before anything is looked up.
#[derive(Default)]
pub(super) struct RawRouter {
    pub(super) service: String,
    pub(super) fields: BTreeMap<String, (String, String)>,
    pub(super) tls: bool,
    pub(super) passthrough: bool,
}

/// A load balancer as its labels say.
pub(super) struct RawBalancer {
    pub(super) service: String,
    pub(super) label: String,
    pub(super) port: Option<String>,
    pub(super) scheme: Scheme,
    pub(super) host_header: HostHeader,
}

#[derive(Default)]
pub(super) struct Reader {
    pub(super) http: BTreeMap<String, RawRouter>,
    pub(super) tcp: BTreeMap<String, RawRouter>,
    pub(super) http_balancers: BTreeMap<String, RawBalancer>,
    pub(super) tcp_balancers: BTreeMap<String, RawBalancer>,
    pub(super) middlewares: BTreeMap<String, Settings>,
    /// Names that several services claim: Traefik drops them.
    pub(super) twice: BTreeSet<(Layer, String)>,
    pub(super) unknown: Vec<Unknown>,
}

pub(super) fn read(services: impl Iterator<Item = (String, Vec<(String, String)>)>) -> Table {
    let mut reader = Reader::default();
    for (service, labels) in services {
        reader.service(&service, labels);
    }
    reader.table()
}

impl Reader {
    fn service(&mut self, service: &str, mut labels: Vec<(String, String)>) {
        labels.retain(|(label, _)| label.to_ascii_lowercase().starts_with("traefik."));
        labels.sort();
        let enable = labels.iter().find(|(label, _)| label.eq_ignore_ascii_case("traefik.enable"));
        match enable.map(|(_, value)| (value, truth(value))) {
            Some((_, Some(true))) => {}
            Some((_, Some(false))) => return,
            Some((value, None)) => {
                return self.say(service, "traefik.enable", value, "is neither `true` nor `false`");
            }
            None => {
                if let Some((label, value)) = labels.first() {
                    let why = "the service has no `traefik.enable=true`, so Traefik ignores its labels";
                    self.say(service, label, value, why);
                }
                return;
            }
        }
        for (label, value) in &labels {
            let parts: Vec<&str> = label.split('.').collect();
            let lower: Vec<String> = parts.iter().map(|p| p.to_ascii_lowercase()).collect();
            let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
            self.label(service, label, value, &parts, &lower);
        }
    }

    fn label(&mut self, service: &str, label: &str, value: &str, parts: &[&str], lower: &[&str]) {
        match lower {
            ["traefik", "enable"]
            | ["traefik", "docker" | "swarm", "network" | "lbswarm"]
            | ["traefik", "constraint-label" | "tags"] => {}
            ["traefik", "http", "routers", _, rest @ ..] if !rest.is_empty() => {
                self.router(Layer::Http, service, label, value, parts[3], rest);
            }
            ["traefik", "tcp", "routers", _, rest @ ..] if !rest.is_empty() => {
                self.router(Layer::Tcp, service, label, value, parts[3], rest);
            }
            ["traefik", "http", "services", _, "loadbalancer", rest @ ..] if !rest.is_empty() => {
                self.balancer(Layer::Http, service, label, value, parts[3], rest);
            }
            ["traefik", "tcp", "services", _, "loadbalancer", rest @ ..] if !rest.is_empty() => {
                self.balancer(Layer::Tcp, service, label, value, parts[3], rest);
            }
            ["traefik", "http", "middlewares", _, kind, rest @ ..] => {
                let mut path: Vec<String> = rest.iter().map(|r| (*r).to_owned()).collect();
                // The name of a header keeps its case.
                if let ([_, name], ["customrequestheaders" | "customresponseheaders", _]) =
                    (&parts[5..], rest)
                {
                    (*name).clone_into(&mut path[1]);
                }
                let settings = self.middlewares.entry(parts[3].to_owned()).or_default();
                service.clone_into(&mut settings.service);
                settings.labels.push(((*kind).to_owned(), path, label.to_owned(), value.to_owned()));
            }
            ["traefik", "udp", ..] => self.say(service, label, value, "UDP is not routed here"),
            ["traefik", "frontend" | "backend" | "port" | "protocol" | "weight", ..] => {
                self.say(service, label, value, "is a label of Traefik 1, which Traefik 2 and 3 ignore");
            }
            _ => self.say(service, label, value, "is not a label that we know, and has no effect here"),
        }
    }

    fn router(&mut self, layer: Layer, service: &str, label: &str, value: &str, name: &str, rest: &[&str]) {
        let routers = match layer {
            Layer::Http => &mut self.http,
            Layer::Tcp => &mut self.tcp,
        };
        let router = routers.entry(name.to_owned()).or_default();
        if !router.service.is_empty() && router.service != service {
            self.twice.insert((layer, name.to_owned()));
        }
        service.clone_into(&mut router.service);
        match (layer, rest) {
            (_, ["rule" | "entrypoints" | "priority" | "service" | "middlewares"]) => {
                router.fields.insert(rest[0].to_owned(), (label.to_owned(), value.to_owned()));
            }
            (_, ["tls"]) => router.tls = truth(value) != Some(false),
            (_, ["tls", "certresolver"] | ["tls", "domains", ..] | ["tls", "domains[0]", ..]) => {
                router.tls = true;
            }
            (_, ["tls", domains, ..]) if domains.starts_with("domains[") => router.tls = true,
            (Layer::Tcp, ["tls", "passthrough"]) => {
                router.tls = true;
                router.passthrough = truth(value) == Some(true);
            }
            (_, ["tls", ..]) => {
                router.tls = true;
                self.say(service, label, value, "this TLS setting has no effect here");
            }
            (_, ["rulesyntax"] | ["observability", ..]) => {}
            _ => self.say(service, label, value, "this setting of a router has no effect here"),
        }
    }

    fn balancer(&mut self, layer: Layer, service: &str, label: &str, value: &str, name: &str, rest: &[&str]) {
        let balancers = match layer {
            Layer::Http => &mut self.http_balancers,
            Layer::Tcp => &mut self.tcp_balancers,
        };
        let balancer = balancers.entry(name.to_owned()).or_insert_with(|| RawBalancer {
            service: service.to_owned(),
            label: label.to_owned(),
            port: None,
            scheme: Scheme::Http,
            host_header: HostHeader::AsAsked,
        });
        if balancer.service != service {
            let why =
                format!("the name is taken by service `{}` already; the first one is used", balancer.service);
            return self.say(service, label, value, &why);
        }
        match (layer, rest) {
            (_, ["server", "port"]) => {
                label.clone_into(&mut balancer.label);
                balancer.port = Some(value.to_owned());
            }
            (Layer::Http, ["server", "scheme"]) => match value {
                "" | "http" => {}
                "https" => balancer.scheme = Scheme::Https,
                _ => self.say(service, label, value, "only `http` and `https` are spoken to services here"),
            },
            (Layer::Http, ["passhostheader"]) => {
                if truth(value) == Some(false) {
                    balancer.host_header = HostHeader::Own;
                }
            }
            // With one task behind it there is nothing to balance.
            (_, ["sticky", ..] | ["responseforwarding", ..] | ["terminationdelay"]) => {}
            _ => self.say(service, label, value, "this setting of a service has no effect here"),
        }
    }

    /// Names a label that has no effect, or another one.
    pub(super) fn say(&mut self, service: &str, label: &str, value: &str, why: &str) {
        let lower = label.to_ascii_lowercase();
        // Names with hashes of passwords, and headers that may carry tokens (law 11).
        let hidden = ["auth", "password", "secret", "token", "headers."].iter().any(|w| lower.contains(w));
        let value = if hidden { "…".to_owned() } else { value.chars().take(SHOWN).collect() };
        self.unknown.push(Unknown {
            service: service.to_owned(),
            label: label.to_owned(),
            value,
            why: why.to_owned(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::{Asked, RouterTls, To};
    use proptest::prelude::*;

    fn parse(script: &str) -> Table {
        // Lines `service label=value`.
        let mut services: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
        for line in script.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let (service, label) = line.split_once(' ').unwrap();
            services.entry(service).or_default().push(label.split_once('=').unwrap());
        }
        Table::read(services)
    }

    fn show(table: &Table) -> String {
        let mut lines = Vec::new();
        for r in &table.http {
            let to = match &r.to {
                To::Service(t) => format!("{}:{} {:?} {:?}", t.service, t.port, t.scheme, t.host_header),
                To::Noop => "noop".to_owned(),
            };
            let entries: Vec<_> = r.entrypoints.iter().map(String::as_str).collect();
            lines.push(format!(
                "http {} {} {} {:?} [{}] -> {to}",
                r.priority,
                r.name,
                r.rule,
                r.tls,
                entries.join(" ")
            ));
            lines.extend(r.middlewares.iter().map(|m| format!("  {m:?}")));
        }
        for r in &table.tcp {
            lines.push(format!(
                "tcp {} {} {} {:?} -> {}:{}",
                r.priority, r.name, r.rule, r.tls, r.service, r.port
            ));
        }
        lines.extend(table.unknown.iter().map(ToString::to_string));
        lines.join("\n")
    }

    #[test]
    fn the_labels_of_an_ordinary_recipe_make_one_router() {
        let table = parse(
            "app traefik.enable=true
             app traefik.http.services.run-1a_ci.loadbalancer.server.port=3000
             app traefik.http.routers.run-1a_ci.rule=Host(`run-1a.ci.example`, `www.example.org`)
             app traefik.http.routers.run-1a_ci.entrypoints=web-secure
             app traefik.http.routers.run-1a_ci.tls.certresolver=
             app traefik.http.routers.run-1a_ci.middlewares=run-1a_ci-redirect
             app traefik.http.middlewares.run-1a_ci-redirect.headers.SSLForceHost=true
             app traefik.http.middlewares.run-1a_ci-redirect.headers.SSLHost=run-1a.ci.example
             app traefik.http.middlewares.run-1a_ci-redirect.headers.customRequestHeaders.X-Forwarded-Proto=https
             app traefik.docker.network=proxy
             app coop-cloud.run-1a_ci.version=1.0.0+1
             db backupbot.backup=true",
        );
        insta::assert_snapshot!(show(&table), @r#"
        http 44 run-1a_ci Host(`run-1a.ci.example`) || Host(`www.example.org`) On [web-secure] -> app:3000 Http AsAsked
          ForceHost { host: "run-1a.ci.example" }
          Headers { request: {"X-Forwarded-Proto": "https"}, response: {} }
        "#);
        assert_eq!(table.hosts().into_iter().collect::<Vec<_>>(), ["run-1a.ci.example", "www.example.org"]);
    }

    #[test]
    fn priority_is_the_rules_length_unless_it_is_given() {
        let table = parse(
            "app traefik.enable=true
             app traefik.http.services.a.loadbalancer.server.port=80
             app traefik.http.routers.short.rule=Host(`a.example`)
             app traefik.http.routers.long.rule=Host(`a.example`) && PathPrefix(`/api`)
             app traefik.http.routers.last.rule=Host(`a.example`) && PathPrefix(`/api`) && Method(`GET`)
             app traefik.http.routers.last.priority=1
             app traefik.http.routers.zero.rule=Host(`zero.a.example`)
             app traefik.http.routers.zero.priority=0",
        );
        let names: Vec<_> = table.http.iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["long", "zero", "short", "last"]);
        let asked = Asked {
            host: "a.example",
            path: "/api/x",
            query: "",
            method: "GET",
            headers: &[],
            client: std::net::IpAddr::from([127, 0, 0, 1]),
        };
        let first = table.http.iter().find(|r| r.takes("web", RouterTls::Off, &asked)).unwrap();
        assert_eq!(first.name, "long");
        assert!(!first.takes("web-secure", RouterTls::On, &asked));
    }

    #[test]
    fn tcp_routers_are_plain_ended_at_the_edge_or_passed_through() {
        let table = parse(
            "app traefik.enable=true
             app traefik.tcp.services.caddy.loadbalancer.server.port=443
             app traefik.tcp.routers.caddy.rule=HostSNI(`pds.example`)
             app traefik.tcp.routers.caddy.entrypoints=web-secure
             app traefik.tcp.routers.caddy.tls.passthrough=true
             app traefik.tcp.routers.end.rule=HostSNI(`end.example`)
             app traefik.tcp.routers.end.tls=true
             app traefik.tcp.routers.plain.rule=HostSNI(`*`)
             app traefik.tcp.routers.plain.entrypoints=gitea-ssh
             app traefik.tcp.routers.never.rule=HostSNI(`never.example`)",
        );
        insta::assert_snapshot!(show(&table), @"
        tcp 22 caddy HostSNI(`pds.example`) Passthrough -> app:443
        tcp 22 end HostSNI(`end.example`) AtEdge -> app:443
        tcp 12 plain HostSNI(`*`) Plain -> app:443
        `traefik.tcp.routers.never.rule=HostSNI(`never.example`)` on service `app`: only TLS carries a name; without a `tls` label only `HostSNI(`*`)` can match
        ");
    }

    #[test]
    fn what_has_no_effect_here_is_named_and_never_silent() {
        let table = parse(
            "app traefik.enable=true
             app traefik.http.services.a.loadbalancer.server.port=80
             app traefik.http.services.a.loadbalancer.healthcheck.path=/x
             app traefik.http.routers.re.rule=HostRegexp(`.+\\.a\\.example`)
             app traefik.http.routers.typo.rule=Hots(`a.example`)
             app traefik.http.routers.secure.rule=Host(`s.example`)
             app traefik.http.routers.secure.entrypoints=web-secure
             app traefik.http.routers.other.rule=Host(`o.example`)
             app traefik.http.routers.other.service=api@internal
             app traefik.http.routers.file.rule=Host(`f.example`)
             app traefik.http.routers.file.middlewares=auth@file
             app traefik.http.routers.basic.rule=Host(`b.example`)
             app traefik.http.routers.basic.middlewares=basic,loop@docker
             app traefik.http.middlewares.basic.basicauth.users=me:$apr1$secret
             app traefik.http.middlewares.loop.chain.middlewares=loop
             app traefik.http.routers.norule.entrypoints=web
             app traefik.http.routers.nan.rule=Host(`n.example`)
             app traefik.http.routers.nan.priority=high
             app traefik.udp.routers.x.entrypoints=dns
             app traefik.frontend.rule=Host:a
             web traefik.enable=true
             web traefik.http.routers.portless.rule=Host(`p.example`)
             app traefik.http.routers.dup.rule=Host(`p.example`)
             web traefik.http.routers.dup.rule=Host(`p.example`)
             off traefik.http.routers.off.rule=Host(`off.example`)
             no traefik.enable=false
             no traefik.http.routers.no.rule=nonsense
             maybe traefik.enable=maybe",
        );
        insta::assert_snapshot!(show(&table), @r#"
        http 17 file Host(`f.example`) Off [web web-secure] -> app:80 Http AsAsked
          NotApplied { kind: "auth@file" }
        http 17 secure Host(`s.example`) Off [web-secure] -> app:80 Http AsAsked
        `traefik.frontend.rule=Host:a` on service `app`: is a label of Traefik 1, which Traefik 2 and 3 ignore
        `traefik.http.middlewares.basic.basicauth.users=…` on service `app`: this middleware is not applied here; requests pass as if it were not there
        `traefik.http.routers.basic.middlewares=basic,loop@docker` on service `app`: its chains of middlewares are too long or never end
        `traefik.http.routers.file.middlewares=auth@file` on service `app`: the middleware is defined outside of the recipe and not applied here
        `traefik.http.routers.nan.priority=high` on service `app`: is not a number, so Traefik drops the router
        `traefik.http.routers.norule.rule=` on service `app`: the router has no rule, and Traefik's default rule is not known here
        `traefik.http.routers.other.service=api@internal` on service `app`: the router is not served: there is no service `api@internal` in the labels of this stack
        `traefik.http.routers.re.rule=HostRegexp(`.+\.a\.example`)` on service `app`: the router is not served: at character 1: the matcher `HostRegexp` is not supported
        `traefik.http.routers.secure.tls=` on service `app`: the router is on `web-secure` and has no `tls` label, so HTTPS requests get 404
        `traefik.http.routers.typo.rule=Hots(`a.example`)` on service `app`: the router is not served: at character 1: there is no matcher `Hots`
        `traefik.http.services.a.loadbalancer.healthcheck.path=/x` on service `app`: this setting of a service has no effect here
        `traefik.udp.routers.x.entrypoints=dns` on service `app`: UDP is not routed here
        `traefik.enable=maybe` on service `maybe`: is neither `true` nor `false`
        `traefik.http.routers.off.rule=Host(`off.example`)` on service `off`: the service has no `traefik.enable=true`, so Traefik ignores its labels
        `traefik.http.routers.dup=` on service `web`: several services define this router, so Traefik drops it
        `traefik.http.routers.portless.service=` on service `web`: the router is not served: nothing says the port: the label `loadbalancer.server.port` is missing
        "#);
        assert!(!show(&table).contains("apr1"));
    }

    #[test]
    fn middlewares_are_read_with_their_settings_and_chains_resolved() {
        let table = parse(
            "app traefik.enable=true
             app traefik.http.services.a.loadbalancer.server.port=8443
             app traefik.http.services.a.loadbalancer.server.scheme=https
             app traefik.http.services.a.loadbalancer.passhostheader=false
             app traefik.http.routers.a.rule=Host(`a.example`)
             app traefik.http.routers.a.tls=true
             app traefik.http.routers.a.middlewares=all@swarm
             app traefik.http.middlewares.all.chain.middlewares=scheme, regex,strip,add,head
             app traefik.http.middlewares.scheme.redirectscheme.scheme=https
             app traefik.http.middlewares.scheme.redirectScheme.permanent=true
             app traefik.http.middlewares.regex.redirectregex.regex=^https://(.*)/old
             app traefik.http.middlewares.regex.redirectregex.replacement=https://${1}/new
             app traefik.http.middlewares.strip.stripprefix.prefixes=/a,/b
             app traefik.http.middlewares.add.addprefix.prefix=/app
             app traefik.http.middlewares.head.headers.stsSeconds=63072000
             app traefik.http.middlewares.head.headers.stsIncludeSubdomains=true
             app traefik.http.middlewares.head.headers.accessControlMaxAge=5
             app traefik.http.routers.to.rule=Host(`to.example`)
             app traefik.http.routers.to.service=noop@internal",
        );
        insta::assert_snapshot!(show(&table), @r#"
        http 18 to Host(`to.example`) Off [web web-secure] -> noop
        http 17 a Host(`a.example`) On [web web-secure] -> app:8443 Https Own
          RedirectScheme { scheme: "https", port: None, permanent: Yes }
          RedirectRegex { regex: "^https://(.*)/old", replacement: "https://${1}/new", permanent: No }
          StripPrefix { prefixes: ["/a", "/b"] }
          AddPrefix { prefix: "/app" }
          Headers { request: {}, response: {"strict-transport-security": "max-age=63072000; includeSubdomains"} }
        `traefik.http.middlewares.head.headers.accessControlMaxAge=…` on service `app`: this header setting has no effect here
        "#);
    }

    proptest! {
        #[test]
        fn no_labels_make_the_reader_panic(
            labels in proptest::collection::vec(("traefik(\\.(http|tcp|enable|routers|services|middlewares|a|rule|tls|chain|loadbalancer|server|port)){0,6}", "\\PC{0,12}"), 0..12)
        ) {
            let labels = labels.into_iter().chain([("traefik.enable".to_owned(), "true".to_owned())]);
            let table = Table::read([("app", labels)]);
            prop_assert!(table.http.len() <= 12);
        }
    }
}
