//! The target of towers.

use twinspire_towers::Towers;

/// A towers directory: its files in turn, each after its length (u32), then a record.
pub fn towers(data: &[u8]) {
    let mut rest = data;
    let mut parts = Vec::new();
    for name in twinspire_towers::internals::TOWER_FILES {
        let Some((length, after)) = rest.split_first_chunk() else {
            return;
        };
        let (part, after) = after.split_at(after.len().min(u32::from_le_bytes(*length) as usize));
        parts.push((name.to_owned(), part.to_vec()));
        rest = after;
    }
    parts.retain(|(_, bytes)| !bytes.is_empty());
    if let Ok(towers) = Towers::from_bytes(parts) {
        let record = serde_json::from_slice(rest).unwrap_or_default();
        for vector in [towers.embed_user(&record), towers.embed_item(&record)] {
            let finite = |vector: &Vec<f32>| vector.iter().all(|x| x.is_finite());
            assert!(vector.as_ref().map_or(true, finite), "{vector:?}");
        }
    }
}
