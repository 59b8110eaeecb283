//! The model against the Docker CLI, which is the oracle: `docker stack config` of 28.2 must be on the path.
//! It needs no daemon. The differential tests are repeatable; set `SIMMER_SEED` to try other inputs.

#![expect(clippy::unwrap_used, reason = "a test stops where it stands")]

mod bounds;
mod corpus;
mod differential;
mod errors;
mod locate;
mod oracle;
