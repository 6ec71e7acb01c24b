//! Extension types: what a field means beyond its type.

/// The key of a field's metadata that names its extension type.
pub(crate) const EXTENSION: &str = "ARROW:extension:name";

/// The extension type of UUIDs.
pub(crate) const UUID: &str = "arrow.uuid";
