//! Durations as Go writes them: `1m30s`.

/// A span of time in nanoseconds; Docker allows a negative one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration {
    nanos: i64,
}

impl Duration {
    /// Nothing at all: *not set* where the model has no `Option`.
    pub const ZERO: Self = Self { nanos: 0 };

    /// Makes a span of so many nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self { nanos }
    }

    /// Returns the nanoseconds, as swarm specs want them.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.nanos
    }
}
