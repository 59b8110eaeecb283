//! What else the node had to do when a tier was judged (CC-013).

use domain::Tier;
use domain::load::Load;

use crate::view::RunView;

impl RunView {
    /// Returns the load at the stage by which a tier was judged: the first that broke, else its last. None: nobody looked.
    pub fn load(&self, tier: Tier) -> Option<Load> {
        let stages =
            || self.sides.iter().flat_map(|side| &side.stages).filter(|stage| stage.tier == Some(tier));
        let ended = || stages().filter_map(|stage| stage.ended.as_ref());
        let judged = ended().find(|end| !end.ok).or_else(|| ended().next_back())?;
        Load::of(&judged.facts)
    }
}
