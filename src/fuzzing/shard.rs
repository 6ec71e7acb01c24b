//! The target of the bytes that shards and routers exchange.

use super::golden::{golden, load, open};
use crate::database::Database;
use crate::recall::{Merged, ShardHits, ShardStatistics, merge};
use std::sync::OnceLock;

/// Merges the contribution of a shard alone and with itself. Recalls from the golden database with statistics.
pub fn shard(data: &[u8]) {
    static DATABASE: OnceLock<Option<Database>> = OnceLock::new();
    if let Ok(hits) = ShardHits::from_bytes(data) {
        assert!(
            hits.to_bytes()
                .is_ok_and(|bytes| ShardHits::from_bytes(&bytes).is_ok())
        );
        let alone = merge(std::slice::from_ref(&hits), None);
        if let Ok(Merged::Vectors { ids, .. }) = &alone {
            let vectors = ids.iter().map(|id| (id.clone(), vec![1.0, 0.5]));
            let _ = merge(std::slice::from_ref(&hits), Some(&vectors.collect()));
        }
        let twice = merge(&[hits.clone(), hits.clone()], None);
        assert!(
            hits.is_empty() || !matches!(twice, Ok(Merged::Hits(_))),
            "{twice:?}"
        );
    }
    let database = DATABASE.get_or_init(|| open(load(&golden()), true).ok());
    if let (Some(database), Ok(statistics)) = (database, ShardStatistics::from_bytes(data)) {
        let user = serde_json::json!({"user_id": 7});
        for name in database.ensembles().list().into_keys() {
            let recall = database.recall(&name).user(&user);
            let _ = recall.statistics(statistics.clone()).top_of_shard(5);
        }
    }
}
