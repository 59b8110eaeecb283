//! Rules of routers: matchers joined by `&&`, `||`, `!` and brackets.

use std::fmt;
use std::net::IpAddr;

use super::parse;

/// What kind of router a rule belongs to; each has its own matchers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    Http,
    Tcp,
}

/// A rule that was understood. Printing gives a rule that reads as the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A host name, in lower case.
    Host(String),
    /// The name in a TLS greeting, in lower case; `*` is any, and none.
    HostSni(String),
    Path(String),
    /// Begins with; `/api` takes `/apiary` too, as at Traefik.
    PathPrefix(String),
    Method(String),
    Header {
        name: String,
        value: String,
    },
    Query {
        name: String,
        value: String,
    },
    ClientIp(Net),
    Not(Box<Self>),
    /// At least two.
    All(Vec<Self>),
    /// At least two.
    Any(Vec<Self>),
}

/// An address with the number of its bits that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    address: IpAddr,
    bits: u8,
}

/// A rule that Traefik, or we, cannot follow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {}: {why}", at + 1)]
pub struct RuleError {
    /// Counted in characters, from 0.
    pub at: usize,
    pub why: String,
}

/// What a rule is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The host without port; for TCP the name in the TLS greeting, empty where there is none.
    pub host: &'a str,
    pub path: &'a str,
    /// What follows the `?`.
    pub query: &'a str,
    pub method: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub client: IpAddr,
}

impl Rule {
    /// Reads a rule. Never panics, whatever the text.
    ///
    /// ```
    /// use domain::route::{Layer, Rule};
    /// let rule = Rule::parse("Host(`a.example`, `b.example`) && !PathPrefix(\"/admin\")", Layer::Http).unwrap();
    /// assert_eq!(rule.to_string(), "(Host(`a.example`) || Host(`b.example`)) && !PathPrefix(`/admin`)");
    /// assert_eq!(rule.hosts(), ["a.example", "b.example"]);
    /// let error = Rule::parse("HostRegexp(`.+`)", Layer::Http).unwrap_err();
    /// assert_eq!(error.to_string(), "at character 1: the matcher `HostRegexp` is not supported");
    /// ```
    pub fn parse(text: &str, layer: Layer) -> Result<Self, RuleError> {
        parse::rule(text, layer)
    }

    /// Returns the names that the rule asks for, in order; those after a `!` are left out.
    pub fn hosts(&self) -> Vec<&str> {
        match self {
            Self::Host(name) => vec![name],
            Self::HostSni(name) if name != "*" => vec![name],
            Self::All(rules) | Self::Any(rules) => rules.iter().flat_map(Self::hosts).collect(),
            Self::HostSni(_)
            | Self::Path(_)
            | Self::PathPrefix(_)
            | Self::Method(_)
            | Self::Header { .. }
            | Self::Query { .. }
            | Self::ClientIp(_)
            | Self::Not(_) => Vec::new(),
        }
    }

    /// Returns whether the rule takes what is asked.
    pub fn matches(&self, asked: &Asked<'_>) -> bool {
        let name = |wanted: &str| asked.host.trim_end_matches('.').eq_ignore_ascii_case(wanted);
        match self {
            Self::Host(wanted) => name(wanted),
            Self::HostSni(wanted) => wanted == "*" || name(wanted),
            Self::Path(wanted) => asked.path == wanted,
            Self::PathPrefix(wanted) => asked.path.starts_with(wanted.as_str()),
            Self::Method(wanted) => asked.method.eq_ignore_ascii_case(wanted),
            Self::Header { name, value } => {
                asked.headers.iter().any(|(n, v)| n.eq_ignore_ascii_case(name) && v == value)
            }
            Self::Query { name, value } => asked.query.split('&').any(|pair| {
                let (n, v) = pair.split_once('=').unwrap_or((pair, ""));
                decode(n) == *name && decode(v) == *value
            }),
            Self::ClientIp(net) => net.holds(asked.client),
            Self::Not(rule) => !rule.matches(asked),
            Self::All(rules) => rules.iter().all(|r| r.matches(asked)),
            Self::Any(rules) => rules.iter().any(|r| r.matches(asked)),
        }
    }
}

/// Returns a part of a query with `+` and `%xx` resolved.
fn decode(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|h| std::str::from_utf8(h).ok());
        match (first, hex.and_then(|h| u8::from_str_radix(h, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = tail;
            }
            (byte, _) => {
                bytes.push(*byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Net {
    /// Reads `192.0.2.0/24`, or an address alone.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { address, bits })
    }

    fn holds(&self, client: IpAddr) -> bool {
        let wide = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => u128::from(ip.to_bits()) << 96,
            IpAddr::V6(ip) => ip.to_bits(),
        };
        let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
        self.address.is_ipv4() == client.is_ipv4() && (wide(self.address) ^ wide(client)) & mask == 0
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) => write!(f, "Host({})", Quoted(name)),
            Self::HostSni(name) => write!(f, "HostSNI({})", Quoted(name)),
            Self::Path(path) => write!(f, "Path({})", Quoted(path)),
            Self::PathPrefix(path) => write!(f, "PathPrefix({})", Quoted(path)),
            Self::Method(method) => write!(f, "Method({})", Quoted(method)),
            Self::Header { name, value } => write!(f, "Header({}, {})", Quoted(name), Quoted(value)),
            Self::Query { name, value } => write!(f, "Query({}, {})", Quoted(name), Quoted(value)),
            Self::ClientIp(net) => write!(f, "ClientIP(`{net}`)"),
            Self::Not(rule) => {
                f.write_str("!")?;
                bracketed(f, rule, matches!(**rule, Self::All(_) | Self::Any(_)))
            }
            Self::All(rules) => joined(f, rules, " && ", |r| matches!(r, Self::All(_) | Self::Any(_))),
            Self::Any(rules) => joined(f, rules, " || ", |r| matches!(r, Self::Any(_))),
        }
    }
}

fn joined(
    f: &mut fmt::Formatter<'_>,
    rules: &[Rule],
    with: &str,
    needs_brackets: fn(&Rule) -> bool,
) -> fmt::Result {
    for (nth, rule) in rules.iter().enumerate() {
        if 0 < nth {
            f.write_str(with)?;
        }
        bracketed(f, rule, needs_brackets(rule))?;
    }
    Ok(())
}

fn bracketed(f: &mut fmt::Formatter<'_>, rule: &Rule, brackets: bool) -> fmt::Result {
    if brackets { write!(f, "({rule})") } else { write!(f, "{rule}") }
}

/// A text in backquotes, or in double quotes where it holds a backquote.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.contains('`') {
            return write!(f, "`{}`", self.0);
        }
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ASKED: Asked<'static> = Asked {
        host: "Blog.Example.org",
        path: "/api/v1",
        query: "a=1&b=x+y%21",
        method: "GET",
        headers: &[("x-kind", "bot")],
        client: IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7)),
    };

    fn takes(rule: &str) -> bool {
        Rule::parse(rule, Layer::Http).unwrap().matches(&ASKED)
    }

    #[test]
    fn matchers_match_as_traefiks_do() {
        for yes in [
            "Host(`blog.example.org`)",
            "host(\"BLOG.example.org\")",
            "Host(`a.example`, `blog.example.org`)",
            "Host(`a.example`) || Host(`blog.example.org`) && PathPrefix(`/ap`)",
            "PathPrefix(`/api`) && !Method(`POST`)",
            "Path(`/api/v1`)",
            "Headers(`X-Kind`, `bot`) && Query(`a=1`) && Query(`b`, `x y!`)",
            "ClientIP(`192.0.2.0/24`) && !ClientIP(`192.0.3.0/24`, `::/0`)",
            "!(Host(`a.example`) && Path(`/`))",
        ] {
            assert!(takes(yes), "{yes}");
        }
        for no in ["Path(`/api`)", "Host(`example.org`)", "Method(`POST`, `PUT`)", "Header(`x-kind`, `b`)"] {
            assert!(!takes(no), "{no}");
        }
    }

    #[test]
    fn and_binds_stronger_than_or() {
        assert!(takes("Method(`GET`) || Method(`PUT`) && Path(`/nowhere`)"));
        assert!(!takes("(Method(`GET`) || Method(`PUT`)) && Path(`/nowhere`)"));
    }

    #[test]
    fn a_rule_that_cannot_be_followed_says_where_and_why() {
        let say = |rule: &str, layer| Rule::parse(rule, layer).unwrap_err().to_string();
        let http = [
            "",
            "Host",
            "Host(",
            "Host()",
            "Host(``)",
            "Host(`a`",
            "Host('a')",
            "Host(`a`) Path(`/`)",
            "Host(`a`) && ",
            "Host(`a`,`b` `c`)",
            "Host(`{{x}}`)",
            "Host(`*.a.org`)",
            "HostRegexp(`.+`)",
            "Hots(`a`)",
            "HostSNI(`*`)",
            "Path(`a`)",
            "PathPrefix(`/{id}`)",
            "ClientIP(`x`)",
            "Header(`a`)",
            "(Host(`a`)",
            "Host(`a`) | Host(`b`)",
            "Query()",
        ]
        .map(|rule| format!("{rule:24} {}", say(rule, Layer::Http)));
        insta::assert_snapshot!(http.join("\n"), @"
                                 at character 1: the rule ends where a matcher such as `Host` is expected
        Host                     at character 5: a `(` is missing after `Host`
        Host(                    at character 6: a value in backquotes or double quotes is expected
        Host()                   at character 1: `Host` needs a value
        Host(``)                 at character 1: the host name is empty
        Host(`a`                 at character 9: a `,` or `)` is missing after a value
        Host('a')                at character 6: values stand in backquotes or double quotes, not in `'`
        Host(`a`) Path(`/`)      at character 11: `P` is not expected here
        Host(`a`) &&             at character 14: the rule ends where a matcher such as `Host` is expected
        Host(`a`,`b` `c`)        at character 14: a `,` or `)` is missing after a value
        Host(`{{x}}`)            at character 1: `{{x}}` is not a host name
        Host(`*.a.org`)          at character 1: `*.a.org`: names with `*` are not supported
        HostRegexp(`.+`)         at character 1: the matcher `HostRegexp` is not supported
        Hots(`a`)                at character 1: there is no matcher `Hots`
        HostSNI(`*`)             at character 1: the matcher `HostSNI` belongs to TCP routers
        Path(`a`)                at character 1: the path `a` does not begin with `/`
        PathPrefix(`/{id}`)      at character 1: the path `/{id}` has a variable, which is not supported
        ClientIP(`x`)            at character 1: `x` is not an address or a network
        Header(`a`)              at character 1: `Header` needs a name and a value
        (Host(`a`)               at character 11: a `)` is missing
        Host(`a`) | Host(`b`)    at character 11: `|` is not expected here
        Query()                  at character 1: `Query` needs a name and a value
        ");
        insta::assert_snapshot!(say("Host(`a`)", Layer::Tcp), @"at character 1: TCP routers have no matcher `Host`");
        insta::assert_snapshot!(say("HostSNI(`*`) && ALPN(`h2`)", Layer::Tcp), @"at character 17: the matcher `ALPN` is not supported");
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let deep = format!("{}Path(`/`)", "!".repeat(10_000));
        assert!(Rule::parse(&deep, Layer::Http).unwrap_err().why.contains("64 deep"));
        let deep = format!("{}Path(`/`)", "(".repeat(10_000));
        assert!(Rule::parse(&deep, Layer::Http).unwrap_err().why.contains("64 deep"));
        let long = format!("Path(`/{}`)", "a".repeat(20_000));
        assert!(Rule::parse(&long, Layer::Http).unwrap_err().why.contains("16384"));
    }

    fn rule() -> impl Strategy<Value = Rule> {
        let text = "[a-z`\"\\\\ ]{1,6}";
        let leaf = prop_oneof![
            "[a-z]{1,5}\\.[a-z]{1,3}".prop_map(Rule::Host),
            text.prop_map(|t| Rule::Path(format!("/{t}"))),
            text.prop_map(|t| Rule::PathPrefix(format!("/{t}"))),
            "[A-Z]{1,6}".prop_map(Rule::Method),
            (text, text).prop_map(|(name, value)| Rule::Header { name, value }),
            ("[a-z`]{1,4}", text).prop_map(|(name, value)| Rule::Query { name, value }),
            (any::<u32>(), 0_u8..=32)
                .prop_map(|(ip, bits)| Rule::ClientIp(Net { address: IpAddr::from(ip.to_be_bytes()), bits })),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                inner.clone().prop_map(|r| Rule::Not(Box::new(r))),
                proptest::collection::vec(inner.clone(), 2..4).prop_map(Rule::All),
                proptest::collection::vec(inner, 2..4).prop_map(Rule::Any),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_rule_prints_as_itself(rule in rule()) {
            prop_assert_eq!(Rule::parse(&rule.to_string(), Layer::Http).unwrap(), rule);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,60}") {
            for layer in [Layer::Http, Layer::Tcp] {
                let read = Rule::parse(&text, layer);
                prop_assert!(read.as_ref().is_ok_and(|r| !r.to_string().is_empty()) || read.is_err());
            }
        }

        #[test]
        fn what_looks_like_a_rule_reads_or_says_why(text in "[(Host`a\"),!&|Path/ ]{0,60}") {
            if let Ok(rule) = Rule::parse(&text, Layer::Http) {
                prop_assert_eq!(Rule::parse(&rule.to_string(), Layer::Http).unwrap(), rule);
            }
        }
    }
}
