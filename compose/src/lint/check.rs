//! Applies every rule.

use super::findings::Findings;
use super::policy::Policy;
use super::recipe::RecipeText;
use super::report::{REPORT_FORMAT, Report};
use super::rule::Rule;
use super::view::View;
use super::{
    backup, change, coop, deploy, files, image, mount, names, network, ports, powers, traefik, versions,
    waive,
};

/// Applies every rule to a recipe. Pure: the same text gives the same report.
#[must_use]
pub fn lint(recipe: &RecipeText, policy: &Policy) -> Report {
    let view = View::new(recipe, policy);
    let mut out = Findings::default();
    files::check(&view, &mut out);
    coop::check_tree(&view, &mut out);
    versions::check_text(&view, &mut out);
    if view.model().is_some() {
        coop::check_model(&view, &mut out);
        versions::check_model(&view, &mut out);
        image::check(&view, &mut out);
        backup::check(&view, &mut out);
        network::check(&view, &mut out);
        mount::check(&view, &mut out);
        names::check(&view, &mut out);
        ports::check(&view, &mut out);
        change::check(&view, &mut out);
        traefik::check(&view, &mut out);
        deploy::check(&view, &mut out);
        powers::check(&view, &mut out);
        files::deployable(&view, &mut out);
    } else {
        for rule in NEEDS_MODEL {
            out.not_judged(rule, "the compose files do not load, see C001");
        }
    }
    let (findings, unjudged) = out.finish();
    let (findings, waived) = waive::split(findings, policy);
    Report { version: REPORT_FORMAT, findings, waived, unjudged }
}

/// Rules that say nothing when the compose files do not load.
const NEEDS_MODEL: &[&Rule] = &[
    &coop::R002,
    &image::R003,
    &image::R004,
    &image::R005,
    &coop::R009,
    &coop::R010,
    &image::R011,
    &versions::R012,
    &coop::R015,
    &files::C003,
    &files::C004,
    &backup::S002,
    &backup::S003,
    &backup::S004,
    &network::S005,
    &mount::S006,
    &image::S007,
    &image::S008,
    &names::S009,
    &names::S010,
    &ports::S011,
    &change::S012,
    &traefik::S013,
    &traefik::S014,
    &deploy::S015,
    &deploy::S016,
    &mount::S017,
    &versions::S018,
    &versions::S019,
    &ports::S020,
    &deploy::S022,
    &ports::S023,
    &deploy::S024,
    &deploy::S025,
    &traefik::S028,
    &backup::S030,
    &mount::S031,
    &powers::P001,
    &powers::P002,
    &powers::P003,
    &powers::P004,
    &powers::P005,
    &powers::P006,
    &powers::P007,
    &powers::P008,
    &powers::P009,
    &powers::P010,
    &powers::P011,
    &powers::P012,
    &powers::P013,
    &powers::P014,
    &powers::P015,
    &powers::P016,
    &powers::P017,
];
