//! The target of whole databases.

use super::golden::{HALVES, SPACE, golden, open};
use super::requests::ask;
use super::reseal;
use crate::database::Database;

/// The golden database with one file overwritten and its checksums corrected. The first byte chooses the
/// file, the next four the offset, and the rest is written there.
pub fn database(data: &[u8]) {
    let Some((file, rest)) = data.split_first() else {
        return;
    };
    let Some((at, patch)) = rest.split_first_chunk() else {
        return;
    };
    let (mut files, at) = (golden(), u32::from_le_bytes(*at) as usize);
    let count = files.len();
    let Some((path, bytes)) = files.iter_mut().nth(usize::from(*file) % count) else {
        return;
    };
    let at = at % (bytes.len() + 1);
    let until = bytes.len().min(at + patch.len());
    bytes.splice(at..until, patch.iter().copied());
    let path = path.clone();
    for read_only in [true, false] {
        let Some(directory) = reseal::database(&files, &path) else {
            return;
        };
        if let Ok(database) = open(directory, read_only) {
            use_all(&database);
            // A merge rebuilds graphs, which is slow.
            if at.is_multiple_of(16) {
                let _ = database.merge();
                let _ = database.collect();
                let _ = database.check();
            }
        }
    }
}

/// Makes calls of every kind; each may fail.
fn use_all(database: &Database) {
    let _ = database.check();
    let _ = database.stats();
    for id in ["B001", "B005", "B200", "no such item"] {
        let _ = database.items().get(id);
        let _ = database.recall(SPACE).similar(id).records().top(3);
        let _ = database.recall(HALVES).similar(id).top(3);
    }
    let user = serde_json::json!({"user_id": 7, "history": ["B001"]});
    ask(database, &user);
    let item = serde_json::json!({"id": "B001", "title": "another", "tags": ["red"], "price": 2});
    let _ = database.items().put(&item);
    let _ = database.items().delete("B002");
    let _ = database.rollback(SPACE).to(2).run();
    let _ = database.seal();
    ask(database, &user);
}
