//! Plain values, without places.

/// A value as Go's YAML reader would hand it over.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    /// Only what does not fit an `i64`.
    Uint(u64),
    Float(f64),
    Text(String),
    /// An unquoted date or time, in RFC 3339 with as many digits as needed.
    Time(String),
    List(Vec<Self>),
    /// In the order of the file; keys are unique.
    Map(Vec<(String, Self)>),
}
