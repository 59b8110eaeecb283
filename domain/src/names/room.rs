//! Room for names within the engine's limits.

use super::{DNS_LABEL_LIMIT, Domain, ENGINE_NAME_LIMIT, RecipeName, STACK_NAME_LIMIT, StackName};

/// A name that does not fit behind its stack's, with what to shorten.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` of recipe `{recipe}` has {} characters, {excess} more than the engine takes", name.len())]
pub struct NoRoom {
    pub recipe: RecipeName,
    /// The whole name, as it would be in the swarm.
    pub name: String,
    /// Characters that are too many.
    pub excess: usize,
    domain: Domain,
}

/// Returns the name of a secret or config in a recipe's stack, from its own part such as `db_password_v1`; or by how much
/// it is too long there, and what to shorten. What secrets a recipe has is known once its files are read, so this is
/// asked before a promotion and not when the instance is opened.
pub fn secret_name(recipe: &RecipeName, domain: &Domain, own: &str) -> Result<String, NoRoom> {
    let name = format!("{}_{own}", StackName::of_domain(domain));
    match name.len().checked_sub(ENGINE_NAME_LIMIT) {
        None | Some(0) => Ok(name),
        Some(excess) => Err(NoRoom { recipe: recipe.clone(), name, excess, domain: domain.clone() }),
    }
}

impl NoRoom {
    /// Returns what to shorten, and by how much.
    pub fn remedy(&self) -> String {
        let Self { excess, domain, .. } = self;
        let whole = domain.as_str().len();
        // A stack's name that is cut gets shorter only once the domain is shorter than the cut.
        let by = whole.saturating_sub(STACK_NAME_LIMIT) + excess;
        let label = domain.as_str().split('.').next().map_or(0, str::len);
        debug_assert!(label <= DNS_LABEL_LIMIT, "a domain is checked when it is made");
        let base = domain.as_str().get(label + 1..).unwrap_or_default();
        format!(
            "shorten the secret's own part by {excess}, or the base domain `{base}` or the recipe's name by {by}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::Allotter;
    use super::*;

    fn said(base: &str, own: &str) -> String {
        let recipe = RecipeName::parse("gitea").unwrap();
        let domain = Allotter::new(base).unwrap().canonical(&recipe);
        match secret_name(&recipe, &domain, own) {
            Ok(name) => name,
            Err(no) => format!("{no}; {}", no.remedy()),
        }
    }

    #[test]
    fn a_secret_that_fits_is_named_and_one_that_does_not_says_what_to_shorten() {
        insta::assert_snapshot!(said("ci.example.org", "db_password_v1"), @"warm-gitea_ci_example_org_db_password_v1");
        insta::assert_snapshot!(
            said("ci.example.org", "a_rather_long_name_of_one_secret_behind_it_v1"),
            @"`warm-gitea_ci_example_org_a_rather_long_name_of_one_secret_behind_it_v1` of recipe `gitea` has 71 characters, 7 more than the engine takes; shorten the secret's own part by 7, or the base domain `ci.example.org` or the recipe's name by 7"
        );
        insta::assert_snapshot!(
            said("a-rather-long-subdomain.of-a-long-domain.example.org", "oauth_client_secret_v1"),
            @"`warm-gitea_a-rather-long-subdomain_of-a-long-_oauth_client_secret_v1` of recipe `gitea` has 68 characters, 4 more than the engine takes; shorten the secret's own part by 4, or the base domain `a-rather-long-subdomain.of-a-long-domain.example.org` or the recipe's name by 22"
        );
    }

    #[test]
    fn sixty_four_characters_are_taken_and_sixty_five_are_not() {
        let stack = "warm-gitea_ci_example_org_".len();
        assert_eq!(said("ci.example.org", &"s".repeat(64 - stack)).len(), 64);
        assert!(said("ci.example.org", &"s".repeat(65 - stack)).contains("1 more than the engine takes"));
    }
}
