//! Names of stacks, secrets and configs, and their limits.

use domain::StackName;
use domain::names::{BadName, ENGINE_NAME_LIMIT, STACK_NAME_LIMIT};

use super::environment::Environment;
use crate::{Loaded, Problem};

/// Longest name of a service that the engine takes.
const SERVICE_NAME_LIMIT: usize = 63;

/// Returns a stack's name: `STACK_NAME` where the app env sets it, else the domain with its dots replaced by
/// underscores, cut at 45 characters.
///
/// # Errors
/// If the engine would not take the name.
///
/// ```
/// use compose::recipe::stack_name;
/// let stack = stack_name("blog.example.com", &Default::default()).unwrap();
/// assert_eq!(stack.as_str(), "blog_example_com");
/// ```
pub fn stack_name(domain: &str, app_env: &Environment) -> Result<StackName, BadName> {
    if let Some(name) = app_env.get("STACK_NAME").filter(|name| !name.is_empty()) {
        return StackName::parse(name);
    }
    let name: String = domain.replace('.', "_").chars().take(STACK_NAME_LIMIT).collect();
    StackName::parse(&name)
}

/// Checks the names of all services, secrets and configs against the engine's limits, and says by how much
/// each is too long.
#[must_use]
pub fn check_names(loaded: &Loaded, stack: &StackName) -> Vec<Problem> {
    let model = &loaded.model;
    let mut problems = Vec::new();
    let mut check = |section: &str, key: &str, own: &str, limit: usize| {
        let kind = section.trim_end_matches('s');
        let name = if own.is_empty() { format!("{stack}_{key}") } else { own.to_owned() };
        let length = name.chars().count();
        if length <= limit {
            return;
        }
        let key = format!("{section}.{key}");
        let place = loaded.locate(&format!("{key}.name")).or_else(|| loaded.locate(&key));
        let (file, line, column) = place.map_or((String::new(), 0, 0), |p| (p.file, p.line, p.column));
        problems.push(Problem {
            file,
            line,
            column,
            key,
            says: format!(
                "{kind} `{name}` has {length} characters, {} more than the engine takes",
                length - limit
            ),
            remedy: format!(
                "shorten the {kind}'s own part of the name; the stack `{stack}` needs {}",
                stack.as_str().len()
            ),
        });
    };
    for key in model.services.keys() {
        check("services", key, "", SERVICE_NAME_LIMIT);
    }
    for (key, secret) in &model.secrets {
        check("secrets", key, &secret.name, ENGINE_NAME_LIMIT);
    }
    for (key, config) in &model.configs {
        check("configs", key, &config.name, ENGINE_NAME_LIMIT);
    }
    problems
}

/// Returns the variable whose value versions a name such as `${STACK_NAME}_db_password_${SECRET_DB_VERSION}`,
/// with its default: the last one that is not the stack's own.
#[must_use]
pub fn version_variable(name: &str) -> Option<(&str, Option<&str>)> {
    let mut last = None;
    let mut rest = name;
    while let Some((_, after)) = rest.split_once('$') {
        rest = after.strip_prefix('{').unwrap_or(after);
        // `$$` is a dollar and no variable.
        if let Some(then) = rest.strip_prefix('$') {
            rest = then;
            continue;
        }
        let Some((variable, then)) = super::variable_name(rest) else { continue };
        rest = then;
        let default = then.strip_prefix(":-").or_else(|| then.strip_prefix('-'));
        let default = default.and_then(|default| default.split_once('}')).map(|(default, _)| default);
        if variable != "STACK_NAME" && variable != "DOMAIN" {
            last = Some((variable, default));
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_apps_own_stack_name_wins_and_long_domains_are_cut() {
        let own = Environment::from([("STACK_NAME".to_owned(), "mine".to_owned())]);
        assert_eq!(stack_name("a.b", &own).unwrap().as_str(), "mine");
        let long = stack_name(&"abcdefgh.".repeat(10), &Environment::new()).unwrap();
        assert_eq!(long.as_str().len(), 45);
        assert!(stack_name("Ä.example.com", &Environment::new()).is_err());
    }

    #[test]
    fn the_version_is_the_last_variable_of_a_name() {
        assert_eq!(
            version_variable("${STACK_NAME}_db_${SECRET_DB_VERSION}"),
            Some(("SECRET_DB_VERSION", None))
        );
        assert_eq!(
            version_variable("${STACK_NAME}_ovh_${SECRET_OVH_CONSUMER_KEY:-v1}"),
            Some(("SECRET_OVH_CONSUMER_KEY", Some("v1")))
        );
        assert_eq!(version_variable("${STACK_NAME}_app_$V"), Some(("V", None)));
        assert_eq!(version_variable("${STACK_NAME}_plain_v1"), None);
        assert_eq!(version_variable("$$x${"), None);
    }
}
