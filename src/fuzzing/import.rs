//! The targets of imports.
#![cfg(feature = "import")]

use super::golden::SPACE;

/// A file to import; the first byte chooses JSON lines, CSV or Parquet, and items, users or events.
pub fn import(data: &[u8]) {
    use crate::import::{ReadOptions, csv, jsonl};
    use std::io::Cursor;
    let Some((kind, bytes)) = data.split_first() else {
        return;
    };
    let input = Cursor::new(bytes.to_vec());
    let options = ReadOptions::new().lists(["tags"]).text(["title"]);
    match kind % 7 {
        0 => drop(jsonl::items_from(input, "a", &options).collect::<Vec<_>>()),
        1 => drop(jsonl::users_from(input, "a", &options).collect::<Vec<_>>()),
        2 => drop(jsonl::events_from(input, "a", &options).collect::<Vec<_>>()),
        3 => drop(csv::items_from(input, "a", &options).map(Iterator::collect::<Vec<_>>)),
        4 => drop(csv::users_from(input, "a", &options).map(Iterator::collect::<Vec<_>>)),
        #[cfg(feature = "parquet")]
        6 => {
            use crate::import::parquet;
            let rows = parquet::items_from(input, "a", &options);
            drop(rows.map(|rows| rows.take(10_000).collect::<Vec<_>>()));
        }
        _ => drop(csv::events_from(input, "a", &options).map(Iterator::collect::<Vec<_>>)),
    }
}

/// A file of vectors; the first byte chooses `.npy`, `.fvecs`, JSON lines, an export, or Parquet.
pub fn vectors(data: &[u8]) {
    use crate::import::vectors::{self, VectorOptions};
    use std::io::Cursor;
    let Some((kind, bytes)) = data.split_first() else {
        return;
    };
    let (input, options) = (Cursor::new(bytes.to_vec()), VectorOptions::new());
    let opened = match kind % 5 {
        0 => vectors::npy_from(input, "a", &options),
        1 => vectors::fvecs_from(input, "a", &options),
        2 => vectors::jsonl_from(input, "a", &options),
        3 => vectors::jsonl_from(input, "a", &options.space(SPACE)),
        #[cfg(feature = "parquet")]
        _ => vectors::parquet_from(input, "a", &options),
        #[cfg(not(feature = "parquet"))]
        _ => return,
    };
    let mut dimension = None;
    for (_, vector) in opened.into_iter().flatten().flatten() {
        let first = *dimension.get_or_insert(vector.len());
        assert_eq!(first, vector.len());
        assert!(vector.iter().all(|x| x.is_finite()), "{vector:?}");
    }
}
