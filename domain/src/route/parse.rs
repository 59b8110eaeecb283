//! Rules, read: brackets, `!`, `&&`, `||`, and the matchers of either layer.

use super::rule::{Layer, Net, Rule, RuleError};

/// Longest rule that is read, in bytes. A hundred names fit.
const RULE_LIMIT: usize = 16 * 1024;
/// Deepest nesting of brackets and `!`.
const DEPTH_LIMIT: usize = 64;

/// Reads a rule. Never panics, whatever the text.
pub(super) fn rule(text: &str, layer: Layer) -> Result<Rule, RuleError> {
    if RULE_LIMIT < text.len() {
        return Err(RuleError { at: 0, why: format!("the rule is longer than {RULE_LIMIT} bytes") });
    }
    let chars: Vec<char> = text.chars().collect();
    let mut parser = Parser { chars: &chars, at: 0, layer };
    let rule = parser.any(0)?;
    match parser.peek() {
        None => Ok(rule),
        Some(c) => Err(parser.error(format!("`{}` is not expected here", c.escape_debug()))),
    }
}

struct Parser<'a> {
    chars: &'a [char],
    at: usize,
    layer: Layer,
}

impl Parser<'_> {
    fn error(&self, why: String) -> RuleError {
        RuleError { at: self.at, why }
    }

    /// Returns the next character that is no space, without taking it.
    fn peek(&mut self) -> Option<char> {
        while self.chars.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
        self.chars.get(self.at).copied()
    }

    fn take(&mut self, wanted: &str) -> bool {
        self.peek();
        let wanted: Vec<char> = wanted.chars().collect();
        let there = self.chars[self.at..].starts_with(&wanted);
        if there {
            self.at += wanted.len();
        }
        there
    }

    fn any(&mut self, depth: usize) -> Result<Rule, RuleError> {
        let mut rules = vec![self.all(depth)?];
        while self.take("||") {
            rules.push(self.all(depth)?);
        }
        Ok(one_or(rules, Rule::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Rule, RuleError> {
        let mut rules = vec![self.unary(depth)?];
        while self.take("&&") {
            rules.push(self.unary(depth)?);
        }
        Ok(one_or(rules, Rule::All))
    }

    fn unary(&mut self, depth: usize) -> Result<Rule, RuleError> {
        if DEPTH_LIMIT < depth {
            return Err(self.error(format!("brackets and `!` are nested more than {DEPTH_LIMIT} deep")));
        }
        match self.peek() {
            Some('!') => {
                self.at += 1;
                Ok(Rule::Not(Box::new(self.unary(depth + 1)?)))
            }
            Some('(') => {
                self.at += 1;
                let rule = self.any(depth + 1)?;
                if self.take(")") { Ok(rule) } else { Err(self.error("a `)` is missing".into())) }
            }
            Some(c) if c.is_ascii_alphabetic() => self.matcher(),
            Some(c) => {
                Err(self.error(format!("a matcher such as `Host` is expected, not `{}`", c.escape_debug())))
            }
            None => Err(self.error("the rule ends where a matcher such as `Host` is expected".into())),
        }
    }

    fn matcher(&mut self) -> Result<Rule, RuleError> {
        let start = self.at;
        while self.chars.get(self.at).is_some_and(|c| c.is_ascii_alphanumeric() || *c == '_') {
            self.at += 1;
        }
        let name: String = self.chars[start..self.at].iter().collect();
        if !self.take("(") {
            return Err(self.error(format!("a `(` is missing after `{name}`")));
        }
        let values = self.values()?;
        build(&name, values, self.layer).map_err(|why| RuleError { at: start, why })
    }

    fn values(&mut self) -> Result<Vec<String>, RuleError> {
        let mut values = Vec::new();
        if self.take(")") {
            return Ok(values);
        }
        loop {
            values.push(self.text()?);
            if self.take(")") {
                return Ok(values);
            }
            if !self.take(",") {
                return Err(self.error("a `,` or `)` is missing after a value".into()));
            }
        }
    }

    fn text(&mut self) -> Result<String, RuleError> {
        let quote = match self.peek() {
            Some(c @ ('`' | '"')) => c,
            Some('\'') => {
                return Err(self.error("values stand in backquotes or double quotes, not in `'`".into()));
            }
            _ => return Err(self.error("a value in backquotes or double quotes is expected".into())),
        };
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let Some(&c) = self.chars.get(self.at) else {
                return Err(RuleError { at: start, why: "the quotes are never closed".into() });
            };
            self.at += 1;
            match c {
                c if c == quote => return Ok(text),
                '\\' if quote == '"' => {
                    let plain = match self.chars.get(self.at) {
                        Some(c @ ('"' | '\\')) => *c,
                        Some('n') => '\n',
                        Some('r') => '\r',
                        Some('t') => '\t',
                        _ => return Err(self.error("this escape is not supported".into())),
                    };
                    self.at += 1;
                    text.push(plain);
                }
                c => text.push(c),
            }
        }
    }
}

fn one_or(mut rules: Vec<Rule>, join: fn(Vec<Rule>) -> Rule) -> Rule {
    match rules.pop() {
        Some(only) if rules.is_empty() => only,
        Some(last) => {
            rules.push(last);
            join(rules)
        }
        None => join(rules),
    }
}

/// Makes the rule of one matcher. Names are taken in any case, as Traefik does.
fn build(name: &str, values: Vec<String>, layer: Layer) -> Result<Rule, String> {
    let lower = name.to_ascii_lowercase();
    let each = |values: Vec<String>, make: fn(String) -> Result<Rule, String>| {
        if values.is_empty() {
            return Err(format!("`{name}` needs a value"));
        }
        let rules = values.into_iter().map(make).collect::<Result<Vec<_>, _>>()?;
        Ok(one_or(rules, Rule::Any))
    };
    match (layer, lower.as_str()) {
        (_, "clientip") => each(values, |v| {
            Net::parse(&v).map(Rule::ClientIp).ok_or_else(|| format!("`{v}` is not an address or a network"))
        }),
        (Layer::Http, "host" | "hostheader") => each(values, |v| host(&v).map(Rule::Host)),
        (Layer::Tcp, "hostsni") => each(values, |v| match v.as_str() {
            "*" => Ok(Rule::HostSni(v)),
            v => host(v).map(Rule::HostSni),
        }),
        (Layer::Http, "path") => each(values, |v| path(v).map(Rule::Path)),
        (Layer::Http, "pathprefix") => each(values, |v| path(v).map(Rule::PathPrefix)),
        (Layer::Http, "method") => each(values, |v| Ok(Rule::Method(v.to_ascii_uppercase()))),
        (Layer::Http, "header" | "headers") => match <[String; 2]>::try_from(values) {
            Ok([name, value]) => Ok(Rule::Header { name, value }),
            Err(_) => Err(format!("`{name}` needs a name and a value")),
        },
        (Layer::Http, "query") => query(values),
        (Layer::Http, "hostregexp" | "pathregexp" | "headerregexp" | "headersregexp" | "queryregexp")
        | (Layer::Tcp, "hostsniregexp" | "alpn") => Err(format!("the matcher `{name}` is not supported")),
        (Layer::Http, "hostsni" | "hostsniregexp" | "alpn") => {
            Err(format!("the matcher `{name}` belongs to TCP routers"))
        }
        (Layer::Tcp, _) => Err(format!("TCP routers have no matcher `{name}`")),
        (Layer::Http, _) => Err(format!("there is no matcher `{name}`")),
    }
}

fn host(name: &str) -> Result<String, String> {
    let shown = name.escape_debug();
    if name.is_empty() {
        return Err("the host name is empty".to_owned());
    }
    if name.starts_with("*.") {
        return Err(format!("`{shown}`: names with `*` are not supported"));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.chars().all(plain) || 253 < name.len() {
        return Err(format!("`{shown}` is not a host name"));
    }
    Ok(name.trim_end_matches('.').to_ascii_lowercase())
}

fn path(path: String) -> Result<String, String> {
    if !path.starts_with('/') {
        return Err(format!("the path `{}` does not begin with `/`", path.escape_debug()));
    }
    if path.contains(['{', '}']) {
        return Err(format!("the path `{}` has a variable, which is not supported", path.escape_debug()));
    }
    Ok(path)
}

/// Takes ``Query(`name`, `value`)`` of Traefik 3 and ``Query(`name=value`)`` of Traefik 2.
fn query(values: Vec<String>) -> Result<Rule, String> {
    match &values[..] {
        [pair] => {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok(Rule::Query { name: name.to_owned(), value: value.to_owned() })
        }
        [name, value] if !name.contains('=') => Ok(Rule::Query { name: name.clone(), value: value.clone() }),
        [] | [_, ..] => Err("`Query` needs a name and a value".to_owned()),
    }
}
