//! Parts of a schema: lookups and optional features.

use twinspire_towers::internals::schema::{
    FeatureKind, FeatureSchema, HashFunction, LookupSchema, Missing, Unknown, Unreadable,
};

/// A lookup by hash.
pub(crate) fn hashed(buckets: u32) -> LookupSchema {
    LookupSchema::Hash {
        buckets,
        seed: 0,
        function: HashFunction::Xxh3,
        hashes: 1,
    }
}

/// A lookup by vocabulary; other strings are hashed into `buckets` further rows.
pub(crate) fn vocabulary(ids: Vec<String>, buckets: u32) -> LookupSchema {
    LookupSchema::Vocabulary {
        ids,
        unknown: Unknown::Buckets(buckets),
    }
}

/// A feature that is zero when its field is missing.
pub(crate) fn optional(kind: FeatureKind) -> FeatureSchema {
    FeatureSchema {
        missing: Missing::Zero,
        unreadable: Unreadable::Error,
        range: None,
        kind,
    }
}
