//! What the targets share: a file in memory.

use std::collections::BTreeMap;

use compose::{Interpolation, LoadInput, Loaded, Problems, Source, load};

/// Loads one compose file, with an env file beside it.
pub fn compose_file(text: &str, env_file: &str, interpolation: Interpolation) -> Result<Loaded, Problems> {
    let env = BTreeMap::from([("A".to_owned(), "1".to_owned()), ("HOME".to_owned(), "/home/me".to_owned())]);
    load(&LoadInput {
        files: &[Source { name: "compose.yml".to_owned(), text: text.to_owned() }],
        working_dir: "/srv",
        env: &env,
        interpolation,
        read_file: &|_| Ok(env_file.to_owned()),
    })
}

/// Loads a service with one key, whose value is the text.
pub fn service(key: &str, text: &str) {
    let text = serde_json::to_string(text).expect("a text is always JSON");
    let value = if matches!(key, "ports" | "volumes") { format!("[{text}]") } else { text };
    drop(compose_file(&format!("services: {{s: {{{key}: {value}}}}}\n"), "", Interpolation::Apply));
}
