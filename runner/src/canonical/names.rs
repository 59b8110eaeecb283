//! Whether the names of a canonical's objects fit into the engine's limits, asked before anything is made: a canonical is
//! called after its recipe and a run after its id, so what fits cold may be too long here (CC-117).

use compose::Problem;
use compose::recipe::check_names;
use domain::StackName;
use domain::names::{Allotter, secret_name};

use crate::cli::Trouble;
use crate::exit::Exit;
use crate::run::Prepared;

/// Refuses a release of which a name would be too long, with what to shorten. Files that do not read are not judged here:
/// the promotion says what is wrong with them, and blames the recipe.
pub(super) fn have_room(allotter: &Allotter, prepared: &Prepared) -> Result<(), Trouble> {
    let Prepared { recipe, overlay, target, .. } = prepared;
    let domain = allotter.canonical(recipe);
    let stack = StackName::of_domain(&domain);
    let Ok(read) = target.read(overlay, &domain, &stack) else { return Ok(()) };
    let model = &read.loaded.model;
    let own = |key: &str| {
        let secret = key.strip_prefix("secrets.").map(|key| (key, model.secrets.get(key).map(|s| &s.name)));
        let config =
            || key.strip_prefix("configs.").map(|key| (key, model.configs.get(key).map(|c| &c.name)));
        let (key, name) = secret.or_else(config)?;
        match name.map(String::as_str).filter(|name| !name.is_empty()) {
            Some(name) => name.strip_prefix(stack.as_str())?.strip_prefix('_').map(str::to_owned),
            None => Some(key.to_owned()),
        }
    };
    let Some(first) = check_names(&read.loaded, &stack).into_iter().next() else { return Ok(()) };
    let Problem { key, says, remedy, .. } = &first;
    let no = own(key).and_then(|own| secret_name(recipe, &domain, &own).err());
    let (says, remedy) = match no {
        Some(no) => (no.to_string(), no.remedy()),
        None => (says.clone(), remedy.clone()),
    };
    Err(Trouble::new(Exit::Usage, format!("`{recipe}` cannot have a canonical here: {says}")).hint(remedy))
}
