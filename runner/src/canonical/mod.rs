//! Canonicals: a release that was green cold is carried onto data that aged through every release before it (DESIGN 7).
//!
//! `promote` finds out whether a release may be carried, and tells its story; `carry` takes the steps, each as `step` has
//! it, up to `commit`; `returned` shows that there is a way back. `open` deploys a copy for a person, and `close` ends
//! that; `kept` is about what stays deployed until a time.

mod carry;
mod close;
mod commit;
mod forget;
mod kept;
mod names;
mod open;
mod promote;
mod remember;
mod retire;
mod returned;
mod secrets;
mod step;

pub use close::{Closed, Closing, close};
pub use forget::forget;
pub use kept::refuse_while_open;
pub(crate) use kept::{let_go, standing};
pub use open::{Opened, Opening, open};
pub(crate) use promote::lease_name;
pub use promote::{Promoted, Promotion, PromotionEnd, Way, promote};
pub use remember::{is_green, record_of};
pub(crate) use retire::{committed, retire};
pub(crate) use secrets::{are_kept as secrets_are_kept, forget as forget_secrets};

use std::time::Duration;

/// Longest time for copying a generation: some hundred gigabytes on a slow disk.
pub(crate) const COPY_LIMIT: Duration = Duration::from_secs(2 * 3600);
/// Longest time for reading a generation for its fingerprint.
pub(crate) const PRINT_LIMIT: Duration = Duration::from_secs(1800);
/// Longest time for removing the volumes of a generation.
pub(crate) const DROP_LIMIT: Duration = Duration::from_secs(120);
