//! What can go wrong with the database, told apart as far as the drivers allow.

use domain::Fault;

use super::address::Database;
use super::fold::Refused;
use super::rows::RowError;

/// Why the store could not do what was asked. Says what and where, never with a password.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the database at `{at}` does not answer: {why}")]
    Unreachable { at: String, why: String },
    #[error("the database at `{at}` does not let us in: {why}")]
    Denied { at: String, why: String },
    #[error("there is no such database as `{at}`: {why}")]
    Missing { at: String, why: String },
    #[error("the database at `{at}` cannot be opened: {why}")]
    Unopened { at: String, why: String },
    #[error("the database at `{at}` is in use by somebody who does not let go: {why}")]
    Busy { at: String, why: String },
    #[error("the database at `{at}` cannot be written: {why}")]
    ReadOnly { at: String, why: String },
    #[error("there is no room left for the database at `{at}`: {why}")]
    Full { at: String, why: String },
    #[error("the database at `{at}` is damaged or none: {why}")]
    Damaged { at: String, why: String },
    #[error("the database at `{at}` took longer than {seconds} seconds")]
    Slow { at: String, seconds: u64 },
    #[error(
        "the database at `{at}` was written by a newer Simmer: it has migration {found}, and this one knows {known}"
    )]
    Newer { at: String, found: i64, known: u32 },
    #[error("migration {number} of the database at `{at}` is not the one that this Simmer knows as `{name}`")]
    Altered { at: String, number: i64, name: String },
    #[error("{what} in the database at `{at}` cannot be read: {why}")]
    Unreadable { at: String, what: String, why: String },
    #[error("the registry does not take this")]
    Refused(#[from] Refused),
    #[error("the database at `{at}` failed: {why}")]
    Failed { at: String, why: String },
}

impl StoreError {
    /// Says whom it speaks against.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unreachable { .. }
            | Self::Denied { .. }
            | Self::Missing { .. }
            | Self::Unopened { .. }
            | Self::Busy { .. }
            | Self::ReadOnly { .. }
            | Self::Full { .. }
            | Self::Damaged { .. }
            | Self::Slow { .. }
            | Self::Newer { .. }
            | Self::Failed { .. } => Fault::Platform,
            Self::Altered { .. } | Self::Unreadable { .. } | Self::Refused(_) => Fault::Runner,
        }
    }

    /// Says what to do about it, where somebody knows.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unreachable { .. } => {
                Some("is the server running, and is `database` in `simmer.toml` its address?")
            }
            Self::Denied { .. } => {
                Some("check user and password; the password may stand in PGPASSWORD or ~/.pgpass")
            }
            Self::Missing { .. } => Some("create it once: `createdb NAME`, owned by the user of the address"),
            Self::Unopened { .. } => Some("check that the state folder is there and ours to write"),
            Self::Busy { .. } => {
                Some("look for another `simmer` or a person's client with an open transaction")
            }
            Self::ReadOnly { .. } => {
                Some("mend the permissions of the file and its folder, or name the server that takes writes")
            }
            Self::Full { .. } => Some("make room on the disk; what was written before is whole"),
            Self::Damaged { .. } => Some("move it away and bring back a copy; do not go on with this one"),
            Self::Slow { .. } => Some("look at the load of the machine and at its disk"),
            Self::Newer { .. } => Some("use the newer Simmer: a database never goes back"),
            Self::Altered { .. } => {
                Some("it was made by a Simmer that was never released: start with a new one")
            }
            Self::Unreadable { .. } => Some("`simmer db check` tells what else is wrong"),
            Self::Refused(_) => Some("compare the registry with the swarm first: `simmer reconcile`"),
            Self::Failed { .. } => None,
        }
    }

    /// Makes an error of what the driver says.
    pub(super) fn of(at: &Database, error: &sqlx::Error) -> Self {
        let why = at.hide(&chain(error));
        let at_text = at.to_string();
        let kind = match (error, at) {
            (sqlx::Error::Database(told), Database::Sqlite(_)) => sqlite(told.code().as_deref()),
            (sqlx::Error::Database(told), Database::Postgres(_)) => postgres(told.code().as_deref()),
            (sqlx::Error::Io(io), _) if io.kind() == std::io::ErrorKind::StorageFull => Kind::Full,
            (sqlx::Error::Io(_) | sqlx::Error::Tls(_), Database::Postgres(_)) => Kind::Unreachable,
            (sqlx::Error::Io(_), Database::Sqlite(_)) => Kind::Unopened,
            (sqlx::Error::PoolTimedOut, _) => Kind::Busy,
            _ => Kind::Failed,
        };
        let at = at_text;
        match kind {
            Kind::Unreachable => Self::Unreachable { at, why },
            Kind::Denied => Self::Denied { at, why },
            Kind::Missing => Self::Missing { at, why },
            Kind::Unopened => Self::Unopened { at, why },
            Kind::Busy => Self::Busy { at, why },
            Kind::ReadOnly => Self::ReadOnly { at, why },
            Kind::Full => Self::Full { at, why },
            Kind::Damaged => Self::Damaged { at, why },
            Kind::Failed => Self::Failed { at, why },
        }
    }

    pub(super) fn of_row(at: &Database, error: RowError) -> Self {
        match error {
            RowError::Sql(error) => Self::of(at, &error),
            RowError::Unreadable { what, why } => Self::Unreadable { at: at.to_string(), what, why },
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unreachable,
    Denied,
    Missing,
    Unopened,
    Busy,
    ReadOnly,
    Full,
    Damaged,
    Failed,
}

/// Result codes of SQLite (sqlite.org/rescode.html); the low byte is the primary one.
fn sqlite(code: Option<&str>) -> Kind {
    match code.and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff) {
        Some(5 | 6) => Kind::Busy,
        Some(3 | 14 | 23) => Kind::Unopened,
        Some(8) => Kind::ReadOnly,
        Some(13) => Kind::Full,
        Some(11 | 26) => Kind::Damaged,
        _ => Kind::Failed,
    }
}

/// SQLSTATE (PostgreSQL, appendix A).
fn postgres(code: Option<&str>) -> Kind {
    match code {
        Some("53100") => Kind::Full,
        Some("25006" | "42501") => Kind::ReadOnly,
        Some("3D000") => Kind::Missing,
        Some("55P03" | "57014" | "40001" | "40P01") => Kind::Busy,
        Some(code) if code.starts_with("28") => Kind::Denied,
        Some("XX001" | "XX002") => Kind::Damaged,
        // Starting, stopping, too many clients, a connection that broke.
        Some(code) if code.starts_with("57P") || code.starts_with("53") || code.starts_with("08") => {
            Kind::Unreachable
        }
        _ => Kind::Failed,
    }
}

/// An error and everything under it, on one line. The driver's own errors repeat their cause; once is enough.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        let more = error.to_string();
        if !text.contains(&more) {
            text += &format!(": {more}");
        }
        below = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drivers_codes_are_told_apart() {
        assert_eq!(
            ["5", "517", "8", "776", "13", "14", "11", "26", "1"].map(|c| sqlite(Some(c))),
            [
                Kind::Busy,
                Kind::Busy,
                Kind::ReadOnly,
                Kind::ReadOnly,
                Kind::Full,
                Kind::Unopened,
                Kind::Damaged,
                Kind::Damaged,
                Kind::Failed
            ]
        );
        assert_eq!(
            ["53100", "53300", "25006", "28P01", "3D000", "55P03", "57P03", "XX001", "42601"]
                .map(|c| postgres(Some(c))),
            [
                Kind::Full,
                Kind::Unreachable,
                Kind::ReadOnly,
                Kind::Denied,
                Kind::Missing,
                Kind::Busy,
                Kind::Unreachable,
                Kind::Damaged,
                Kind::Failed
            ]
        );
    }
}
