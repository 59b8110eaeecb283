//! Fakes and builders for tests; never shipped.
