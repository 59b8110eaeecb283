//! Byte sizes as Docker reads them: `64m`, `1.5GiB`, `100`.

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub i64);
