//! Events in, files out.
