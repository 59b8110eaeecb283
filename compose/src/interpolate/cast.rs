//! Where a filled-in text becomes a number or a boolean: only at these paths, and only if something was replaced.

use crate::yaml::Kind;

#[derive(Clone, Copy)]
enum Cast {
    Int,
    Bool,
    Float,
}

/// Paths below `services.*`, in the CLI's spelling.
const SERVICE: &[(&str, Cast)] = &[
    ("configs.[].mode", Cast::Int),
    ("secrets.[].mode", Cast::Int),
    ("healthcheck.retries", Cast::Int),
    ("healthcheck.disable", Cast::Bool),
    ("deploy.replicas", Cast::Int),
    ("deploy.update_config.parallelism", Cast::Int),
    ("deploy.update_config.max_failure_ratio", Cast::Float),
    ("deploy.rollback_config.parallelism", Cast::Int),
    ("deploy.rollback_config.max_failure_ratio", Cast::Float),
    ("deploy.restart_policy.max_attempts", Cast::Int),
    ("deploy.placement.max_replicas_per_node", Cast::Int),
    ("ports.[].target", Cast::Int),
    ("ports.[].published", Cast::Int),
    ("ulimits.*", Cast::Int),
    ("ulimits.*.hard", Cast::Int),
    ("ulimits.*.soft", Cast::Int),
    ("privileged", Cast::Bool),
    ("read_only", Cast::Bool),
    ("stdin_open", Cast::Bool),
    ("tty", Cast::Bool),
    ("volumes.[].read_only", Cast::Bool),
    ("volumes.[].volume.nocopy", Cast::Bool),
];

/// Whole paths of the other sections.
const OTHER: &[(&str, Cast)] = &[
    ("networks.*.external", Cast::Bool),
    ("networks.*.internal", Cast::Bool),
    ("networks.*.attachable", Cast::Bool),
    ("volumes.*.external", Cast::Bool),
    ("secrets.*.external", Cast::Bool),
    ("configs.*.external", Cast::Bool),
];

/// Gives the text the type that its path asks for. The error is what is wrong, and what to do.
pub(super) fn cast(steps: &[String], text: String) -> Result<Kind, (String, String)> {
    // The CLI compares paths as texts, so that a dot in a name moves everything behind it by one step.
    let path = steps.join(".");
    let steps: Vec<&str> = path.split('.').collect();
    let found = match steps.as_slice() {
        ["services", _, below @ ..] => SERVICE.iter().find(|(pattern, _)| matches(below, pattern)),
        whole => OTHER.iter().find(|(pattern, _)| matches(whole, pattern)),
    };
    let wrong = |kind: &str, remedy: &str| {
        (format!("`{text}` came out of the variables, where {kind} is wanted"), remedy.to_owned())
    };
    match found {
        None => Ok(Kind::Text(text)),
        Some((_, Cast::Int)) => integer(&text)
            .map(Kind::Int)
            .ok_or_else(|| wrong("a whole number", "set the variable to decimal digits")),
        Some((_, Cast::Float)) => crate::number::parse_float(&text)
            .map(Kind::Float)
            .ok_or_else(|| wrong("a number", "set the variable to a decimal number")),
        Some((_, Cast::Bool)) => match text.to_lowercase().as_str() {
            "y" | "yes" | "true" | "on" => Ok(Kind::Bool(true)),
            "n" | "no" | "false" | "off" => Ok(Kind::Bool(false)),
            _ => Err(wrong("a boolean", "set the variable to `true` or `false`")),
        },
    }
}

fn matches(steps: &[&str], pattern: &str) -> bool {
    let mut wanted = pattern.split('.');
    steps.iter().all(|step| wanted.next().is_some_and(|wanted| wanted == "*" || wanted == *step))
        && wanted.next().is_none()
}

fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}
