//! What a rule is, and the one table of all rules.

use domain::event::Severity;

use super::{
    backup, change, coop, deploy, files, image, mount, names, network, ports, powers, traefik, versions,
    waive,
};

/// One thing that lint looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Rule {
    /// `R…` Co-op Cloud's, `C…` compose syntax, `S…` Simmer's, `P…` policy for untrusted code, `W…` waivers.
    /// Never reused.
    pub id: &'static str,
    /// Two or three words for people and for grep.
    pub name: &'static str,
    /// The highest severity that this rule reports.
    pub severity: Severity,
    /// What is wrong where it is broken.
    pub says: &'static str,
    /// Why that matters. `[M]`: Co-op Cloud's rule as remembered, not read in its source.
    pub why: &'static str,
    /// What to do, unless the finding knows better.
    pub remedy: &'static str,
}

/// Every rule, in the order in which `simmer lint --rules` prints them.
///
/// Two of Co-op Cloud's numbers are missing: R013 (the repository exists at git.coopcloud.tech) needs a network,
/// and what R016 says is not known to us.
pub const RULES: &[Rule] = &[
    coop::R001,
    coop::R002,
    image::R003,
    image::R004,
    image::R005,
    coop::R006,
    coop::R007,
    coop::R008,
    coop::R009,
    coop::R010,
    image::R011,
    versions::R012,
    coop::R014,
    coop::R015,
    files::C001,
    files::C002,
    files::C003,
    files::C004,
    files::S001,
    backup::S002,
    backup::S003,
    backup::S004,
    network::S005,
    mount::S006,
    image::S007,
    image::S008,
    names::S009,
    names::S010,
    ports::S011,
    change::S012,
    traefik::S013,
    traefik::S014,
    deploy::S015,
    deploy::S016,
    mount::S017,
    versions::S018,
    versions::S019,
    ports::S020,
    versions::S021,
    deploy::S022,
    ports::S023,
    deploy::S024,
    deploy::S025,
    files::S026,
    files::S027,
    traefik::S028,
    files::S029,
    backup::S030,
    mount::S031,
    powers::P001,
    powers::P002,
    powers::P003,
    powers::P004,
    powers::P005,
    powers::P006,
    powers::P007,
    powers::P008,
    powers::P009,
    powers::P010,
    powers::P011,
    powers::P012,
    powers::P013,
    powers::P014,
    powers::P015,
    powers::P016,
    powers::P017,
    waive::W001,
];

/// Returns the rule of this id.
#[must_use]
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}
