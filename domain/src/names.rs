//! Names, each checked once at the door.

mod allot;
mod room;

use std::fmt;

pub use allot::{Allotter, BadProvider, Collision, How, Owner, Reserved, Side};
pub use room::{NoRoom, secret_name};

/// Longest name of a secret or config that the engine takes (engine 20.10–26.1).
pub const ENGINE_NAME_LIMIT: usize = 64;
/// Longest label of a DNS name (RFC 1035).
pub const DNS_LABEL_LIMIT: usize = 63;
/// Longest stack name that Co-op Cloud's tools use; longer ones are cut.
pub const STACK_NAME_LIMIT: usize = 45;

/// A name that was refused, with the rule that it breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a {kind}: {rule}")]
pub struct BadName {
    pub name: String,
    pub kind: &'static str,
    pub rule: &'static str,
}

macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(from)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_newtype! {
    /// The name of an enrolled recipe: the stem of `recipes/<name>.toml`.
    RecipeName
}
text_newtype! {
    /// The name of one deployed stack; the prefix of all that belongs to it.
    StackName
}
text_newtype! {
    /// The name of an always-on stack that others use: a key of `[providers]` in `simmer.toml`.
    ProviderName
}
text_newtype! {
    /// The id of one run: eight lower-case hexadecimal digits, unique in an instance.
    RunId
}
text_newtype! {
    /// A domain name under which a stack is served. Only an [`Allotter`] makes one.
    Domain
}

fn plain(name: &str, also: &[char]) -> bool {
    name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || also.contains(&c))
}

impl RecipeName {
    /// Takes lower-case letters, digits, `-` and `_`, beginning with a letter or digit; at most 40.
    pub fn parse(name: &str) -> Result<Self, BadName> {
        let bad = |rule| Err(BadName { name: name.to_owned(), kind: "recipe name", rule });
        match name.chars().next() {
            None => return bad("it is empty"),
            Some(c) if !c.is_ascii_lowercase() && !c.is_ascii_digit() => {
                return bad("it has to begin with a lower-case letter or a digit");
            }
            Some(_) => {}
        }
        if name.len() > 40 {
            return bad("it is longer than 40 characters");
        }
        if !plain(name, &['-', '_']) {
            return bad("only lower-case letters, digits, `-` and `_` are allowed");
        }
        Ok(Self(name.to_owned()))
    }
}

impl ProviderName {
    /// Takes what is taken as a recipe's name: a provider is called as the recipe that it runs.
    pub fn parse(name: &str) -> Result<Self, BadName> {
        match RecipeName::parse(name) {
            Ok(name) => Ok(Self(name.0)),
            Err(bad) => Err(BadName { kind: "provider name", ..bad }),
        }
    }
}

impl StackName {
    /// Takes what the engine takes as a service name's prefix.
    pub fn parse(name: &str) -> Result<Self, BadName> {
        let bad = |rule| Err(BadName { name: name.to_owned(), kind: "stack name", rule });
        if name.is_empty() {
            return bad("it is empty");
        }
        if name.len() > STACK_NAME_LIMIT {
            return bad("it is longer than 45 characters");
        }
        if !plain(name, &['-', '_']) || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return bad("only lower-case letters, digits, `-` and `_`, beginning with a letter or digit");
        }
        Ok(Self(name.to_owned()))
    }

    /// Returns the name of a domain's stack as Co-op Cloud derives it: dots become underscores, and
    /// what is longer than 45 characters is cut.
    pub fn of_domain(domain: &Domain) -> Self {
        let mut name = domain.0.replace('.', "_");
        name.truncate(STACK_NAME_LIMIT);
        Self(name)
    }
}

impl RunId {
    /// Takes eight lower-case hexadecimal digits.
    pub fn parse(id: &str) -> Result<Self, BadName> {
        if id.len() == 8 && id.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c)) {
            Ok(Self(id.to_owned()))
        } else {
            Err(BadName {
                name: id.to_owned(),
                kind: "run id",
                rule: "eight lower-case hexadecimal digits are expected",
            })
        }
    }

    /// Makes an id from four random bytes.
    pub fn from_random(bytes: [u8; 4]) -> Self {
        Self(bytes.iter().map(|b| format!("{b:02x}")).collect())
    }
}

impl Domain {
    /// Reads back a domain that an allotter made earlier, from a record or an event.
    pub(crate) fn parse(name: &str) -> Result<Self, BadName> {
        let bad = |rule| Err(BadName { name: name.to_owned(), kind: "domain", rule });
        if name.is_empty() || name.len() > 253 {
            return bad("it has to have 1 to 253 characters");
        }
        for label in name.split('.') {
            if label.is_empty() || label.len() > DNS_LABEL_LIMIT {
                return bad("each label has to have 1 to 63 characters");
            }
            if !plain(label, &['-']) || label.starts_with('-') || label.ends_with('-') {
                return bad("labels hold lower-case letters, digits and inner `-` only");
            }
        }
        Ok(Self(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_become_underscores_and_long_names_are_cut() {
        let allotter = Allotter::new("a-rather-long-subdomain.of-a-long-domain.example.org").unwrap();
        let run = RunId::parse("00c0ffee").unwrap();
        let stack = StackName::of_domain(&allotter.run(&run, Side::A, 0));
        assert_eq!(stack.as_str(), "run-00c0ffeea_a-rather-long-subdomain_of-a-lo");
    }

    #[test]
    fn bad_names_say_their_rule() {
        assert_eq!(
            RecipeName::parse("Gitea").unwrap_err().to_string(),
            "`Gitea` is not a recipe name: it has to begin with a lower-case letter or a digit"
        );
        assert_eq!(
            ProviderName::parse("").unwrap_err().to_string(),
            "`` is not a provider name: it is empty"
        );
        assert!(RecipeName::parse("../etc").is_err());
        assert!(Allotter::new("no..dots").is_err());
        assert!(RunId::parse("00C0FFEE").is_err());
    }
}
