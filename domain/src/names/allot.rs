//! Who is given which domain. No two owners are ever given the same one, nor two whose stacks would share a name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{BadName, Domain, ProviderName, RecipeName, RunId, StackName};

/// Which of a run's stacks a domain is for. All sort after `proxy`, as canonicals do (DESIGN 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Install of the target release.
    A,
    /// Upgrade from a base release, and all that works on its data.
    B,
    /// The canonical's own stack: a release on retained data. It is served at the canonical's domain and never at one
    /// of the run's.
    C,
}

impl Side {
    fn letter(self) -> char {
        match self {
            Self::A => 'a',
            Self::B => 'b',
            Self::C => 'c',
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.letter().to_ascii_uppercase())
    }
}

/// Names under the base domain that are the instance's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reserved {
    /// The dashboard and the API: `simmer.<base>`.
    Dashboard,
}

impl Reserved {
    /// All of them.
    pub const ALL: [Self; 1] = [Self::Dashboard];

    fn label(self) -> &'static str {
        match self {
            Self::Dashboard => OWN_LABEL,
        }
    }
}

/// The first label of what is the instance's own; what the doctor deploys for a moment begins with it as well.
const OWN_LABEL: &str = "simmer";

/// Who a domain was given to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// Any run: the whole form `run-<id><side>` is taken.
    Run,
    Canonical(RecipeName),
    Provider(ProviderName),
    Reserved(Reserved),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run => f.write_str("every run"),
            Self::Canonical(recipe) => write!(f, "the canonical of recipe `{recipe}`"),
            Self::Provider(provider) => write!(f, "provider `{provider}`"),
            Self::Reserved(Reserved::Dashboard) => f.write_str("the dashboard"),
        }
    }
}

/// In which way two domains get in each other's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// They are the same.
    SameDomain,
    /// Their stacks would have the same name, which is cut at 45 characters.
    SameStack,
    /// The name of one stack, with an underscore, begins that of the other: their services could share names.
    Inside,
}

/// Two owners whose names cannot be told apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.told())]
pub struct Collision {
    pub one: Owner,
    pub one_domain: Domain,
    pub other: Owner,
    pub other_domain: Domain,
    pub how: How,
}

impl Collision {
    fn told(&self) -> String {
        let Self { one, one_domain, other, other_domain, how } = self;
        match how {
            How::SameDomain => format!("{one} and {other} would both be served at `{one_domain}`"),
            How::SameStack => format!(
                "{one} at `{one_domain}` and {other} at `{other_domain}` would both have the stack `{}`",
                StackName::of_domain(one_domain)
            ),
            How::Inside => format!(
                "the stacks of {one} at `{one_domain}` and {other} at `{other_domain}` could share names of services, \
                 since one name begins the other"
            ),
        }
    }
}

/// What is wrong with one declared provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadProvider {
    /// Its name or its domain is none.
    #[error("{says}")]
    Name { key: String, says: BadName },
    /// Somebody else has that domain.
    #[error("{collision}")]
    Taken { key: String, collision: Box<Collision> },
}

impl BadProvider {
    /// Returns the provider's name as it was written.
    pub fn key(&self) -> &str {
        match self {
            Self::Name { key, .. } | Self::Taken { key, .. } => key,
        }
    }
}

/// The one maker of domains, so that no two owners can be given the same name.
///
/// A candidate has no domain of its own: it is served at its canonical's, as production would (law 9), and is told apart
/// by the generation in its volumes' names.
#[derive(Clone, Debug)]
pub struct Allotter {
    base: Domain,
    providers: BTreeMap<ProviderName, Domain>,
    /// Names of the providers' stacks.
    taken: BTreeSet<StackName>,
}

impl Allotter {
    /// Takes the instance's base domain, such as `ci.example.org`.
    pub fn new(base: &str) -> Result<Self, BadName> {
        let base = Domain::parse(base)?;
        if base.0.len() > 200 {
            return Err(BadName {
                name: base.0,
                kind: "base domain",
                rule: "it leaves no room for a label in front; at most 200 characters",
            });
        }
        Ok(Self { base, providers: BTreeMap::new(), taken: BTreeSet::new() })
    }

    /// Takes the declared providers: name and domain, or an empty text for `live-<name>.<base>`. All problems come at
    /// once: bad names, domains of runs and of the instance itself, and two providers with one name.
    pub fn with_providers(mut self, declared: &BTreeMap<String, String>) -> Result<Self, Vec<BadProvider>> {
        let mut problems = Vec::new();
        for (key, domain) in declared {
            match self.provider_domain(key, domain) {
                Ok((name, domain)) => {
                    let taken = self.owner_in_the_way(&Owner::Provider(name.clone()), &domain);
                    problems.extend(
                        taken.map(|c| BadProvider::Taken { key: key.clone(), collision: Box::new(c) }),
                    );
                    self.providers.insert(name, domain);
                }
                Err(says) => problems.push(BadProvider::Name { key: key.clone(), says }),
            }
        }
        self.taken = self.providers.values().map(StackName::of_domain).collect();
        if problems.is_empty() { Ok(self) } else { Err(problems) }
    }

    fn provider_domain(&self, key: &str, domain: &str) -> Result<(ProviderName, Domain), BadName> {
        let name = ProviderName::parse(key)?;
        let domain = match domain {
            "" => self.under_base("live-", key),
            declared => Domain::parse(declared)?,
        };
        Ok((name, domain))
    }

    /// Finds who has a provider's domain already: the instance itself, a run, or a provider before it.
    fn owner_in_the_way(&self, one: &Owner, domain: &Domain) -> Option<Collision> {
        let collision = |other: Owner, other_domain: &Domain, how: How| Collision {
            one: one.clone(),
            one_domain: domain.clone(),
            other,
            other_domain: other_domain.clone(),
            how,
        };
        let first = domain.0.split('.').next().unwrap_or_default();
        // Wherever it is: a long base domain is cut off in a stack's name, and then only the first label tells.
        if is_run_label(first) {
            return Some(collision(Owner::Run, domain, How::SameDomain));
        }
        if first == OWN_LABEL || first.starts_with("simmer-") {
            let own = self.reserved(Reserved::Dashboard);
            let how = how(domain, &own).unwrap_or(How::SameStack);
            return Some(collision(Owner::Reserved(Reserved::Dashboard), &own, how));
        }
        self.providers.iter().find_map(|(name, theirs)| {
            how(domain, theirs).map(|how| collision(Owner::Provider(name.clone()), theirs, how))
        })
    }

    /// Returns the domain of one side of a run; `nth` tells several bases apart (0 for the first).
    pub fn run(&self, run: &RunId, side: Side, nth: usize) -> Domain {
        let nth = if nth == 0 { String::new() } else { nth.to_string() };
        Domain(format!("run-{run}{}{nth}.{}", side.letter(), self.base))
    }

    /// Returns the domain of a recipe's canonical and of its candidates (CC-117): `warm-<recipe>.<base>`, or
    /// `warm-canon-<recipe>.<base>` where a declared provider is in the way of that name (CC-118). `_` is no character
    /// of DNS and becomes `-`; two recipes that this makes the same are refused by [`Allotter::collisions`].
    pub fn canonical(&self, recipe: &RecipeName) -> Domain {
        let plain = self.under_base("warm-", recipe.as_str());
        let stack = StackName::of_domain(&plain);
        if self.taken.iter().any(|taken| how_stacks(&stack, taken).is_some()) {
            self.under_base("warm-canon-", recipe.as_str())
        } else {
            plain
        }
    }

    /// Returns the domain of a declared provider.
    pub fn provider(&self, provider: &ProviderName) -> Option<&Domain> {
        self.providers.get(provider)
    }

    /// Returns the declared providers with their domains.
    pub fn providers(&self) -> &BTreeMap<ProviderName, Domain> {
        &self.providers
    }

    /// Returns a domain of the instance's own.
    pub fn reserved(&self, what: Reserved) -> Domain {
        Domain(format!("{}.{}", what.label(), self.base))
    }

    /// Returns the base domain.
    pub fn base(&self) -> &Domain {
        &self.base
    }

    /// Makes a domain right under the base from a name of recipes' characters. Its label has at most 51 characters.
    fn under_base(&self, prefix: &str, name: &str) -> Domain {
        let label = name.replace('_', "-");
        // A label of DNS does not end with `-`.
        Domain(format!("{prefix}{}.{}", label.trim_end_matches('-'), self.base))
    }

    /// Finds all pairs among the canonicals of these recipes, the providers and what is reserved that would be served
    /// at one domain or share the name of a stack (CC-118, CC-185). An instance with any is refused when it is opened.
    pub fn collisions<'a>(&self, recipes: impl IntoIterator<Item = &'a RecipeName>) -> Vec<Collision> {
        let canonicals = recipes.into_iter().map(|r| (Owner::Canonical(r.clone()), self.canonical(r)));
        let providers = self.providers.iter().map(|(p, d)| (Owner::Provider(p.clone()), d.clone()));
        let reserved = Reserved::ALL.iter().map(|r| (Owner::Reserved(*r), self.reserved(*r)));
        // Sorted by stack, all names that begin with another and an underscore stand side by side.
        let mut stacks: BTreeMap<String, Vec<(Owner, Domain)>> = BTreeMap::new();
        for (owner, domain) in canonicals.chain(providers).chain(reserved) {
            stacks.entry(StackName::of_domain(&domain).to_string()).or_default().push((owner, domain));
        }
        let mut found = Vec::new();
        let mut push = |a: &(Owner, Domain), b: &(Owner, Domain)| {
            if let Some(how) = how(&a.1, &b.1) {
                found.push(Collision {
                    one: a.0.clone(),
                    one_domain: a.1.clone(),
                    other: b.0.clone(),
                    other_domain: b.1.clone(),
                    how,
                });
            }
        };
        for (stack, owners) in &stacks {
            for (nth, one) in owners.iter().enumerate() {
                owners[nth + 1..].iter().for_each(|other| push(one, other));
            }
            let prefix = format!("{stack}_");
            let inside = stacks.range(prefix.clone()..).take_while(|(name, _)| name.starts_with(&prefix));
            for (_, others) in inside {
                owners.iter().for_each(|one| others.iter().for_each(|other| push(one, other)));
            }
        }
        found
    }
}

/// Says in which way two domains get in each other's way, if they do.
fn how(one: &Domain, other: &Domain) -> Option<How> {
    if one == other {
        return Some(How::SameDomain);
    }
    how_stacks(&StackName::of_domain(one), &StackName::of_domain(other))
}

fn how_stacks(one: &StackName, other: &StackName) -> Option<How> {
    let begins = |a: &StackName, b: &StackName| {
        b.as_str().strip_prefix(a.as_str()).is_some_and(|rest| rest.starts_with('_'))
    };
    if one == other {
        Some(How::SameStack)
    } else if begins(one, other) || begins(other, one) {
        Some(How::Inside)
    } else {
        None
    }
}

/// Returns whether a label has the form of a run's: `run-`, eight hexadecimal digits, a side, a number.
fn is_run_label(label: &str) -> bool {
    let Some(rest) = label.strip_prefix("run-") else { return false };
    let Some((id, side)) = rest.split_at_checked(8) else { return false };
    let mut side = side.chars();
    RunId::parse(id).is_ok()
        && side.next().is_some_and(|c| c.is_ascii_lowercase())
        && side.all(|c| c.is_ascii_digit())
}

#[cfg(test)]
#[path = "allot_tests.rs"]
mod tests;
