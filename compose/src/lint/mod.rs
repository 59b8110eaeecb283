//! What can be known to be wrong with a recipe before anything runs.
//!
//! [`lint`] is pure: a recipe as text and a policy in, a [`Report`] out. Every rule stands in [`RULES`] with its
//! reason. Only what certainly breaks, and what the policy refuses, is an error; what real and good recipes do
//! is at most a warning.

mod backup;
mod change;
mod check;
mod coop;
mod deploy;
mod files;
mod findings;
mod image;
mod mount;
mod names;
mod network;
mod policy;
mod ports;
mod powers;
mod recipe;
mod report;
mod rule;
mod traefik;
mod vars;
mod versions;
mod view;
mod waive;

pub use check::lint;
pub use policy::{Policy, Power, Trust, UnknownPower, Waiver};
pub use recipe::{Previous, RecipeText, TagKind, TagText};
pub use report::{REPORT_FORMAT, Report, Unjudged, Waived, severity_word};
pub use rule::{RULES, Rule, rule};
