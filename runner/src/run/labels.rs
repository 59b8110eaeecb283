//! The labels by which we know what is ours (law 5).

/// The instance that made it; others leave it alone.
pub const INSTANCE: &str = "simmer.instance";
/// The run that made it. Alive while its lease is held.
pub const RUN: &str = "simmer.run";
pub const RECIPE: &str = "simmer.recipe";
/// What the object is for, such as `run-install`.
pub const ROLE: &str = "simmer.role";
/// Unix seconds by which its run has to be over.
pub const DEADLINE: &str = "simmer.deadline";
/// Present when the caller asked to keep the stack until its deadline.
pub const KEEP: &str = "simmer.keep";
/// The recipe whose canonical the object belongs to. What carries it outlives every run: `simmer gc` leaves it alone
/// whatever else it carries, and `simmer reconcile` decides about it, which knows what the registry says.
pub const CANONICAL: &str = "simmer.canonical";
/// The promotion that made a canonical's object. Not `simmer.run`: the run is over when the object is committed.
pub const PROMOTION: &str = "simmer.promotion";
/// The generation that a canonical's volume is of, such as `3`. Only volumes carry it.
pub const GENERATION: &str = "simmer.generation";
