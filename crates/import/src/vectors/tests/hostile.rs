//! Damaged and random files give values or errors, never a panic; written files are read back.

use super::*;
use proptest::prelude::*;

type Reader = fn(Vec<u8>) -> Result<Vectors, ImportError>;

fn vecs(bytes: Vec<u8>) -> Result<Vectors, ImportError> {
    fvecs_from(Cursor::new(bytes), "a.fvecs", &VectorOptions::new())
}

fn json(bytes: Vec<u8>) -> Result<Vectors, ImportError> {
    jsonl_from(Cursor::new(bytes), "a.jsonl", &VectorOptions::new())
}

#[cfg(feature = "parquet")]
fn table(bytes: Vec<u8>) -> Result<Vectors, ImportError> {
    parquet_from(Cursor::new(bytes), "a.parquet", &VectorOptions::new())
}

/// Reads all rows and checks every value.
fn drain(read: Reader, bytes: Vec<u8>) -> Result<Vec<Row>, ImportError> {
    let size = bytes.len();
    let mut rows = Vec::new();
    let (mut count, mut last) = (0, None);
    for row in read(bytes)? {
        count += 1;
        assert!(count <= 8 * size, "{size} bytes are no {count} rows");
        match row {
            Ok(row) => rows.push(row),
            Err(error) => last = Some(error),
        }
    }
    for (id, vector) in &rows {
        assert!(!id.is_empty() && vector.len() == rows[0].1.len());
        assert!(vector.iter().all(|x| x.is_finite()));
    }
    last.map_or(Ok(rows), Err)
}

/// Reads every prefix of a file, and the file with every byte changed in three ways.
fn attack(read: Reader, file: &[u8]) {
    drain(read, file.to_vec()).unwrap();
    for length in 0..file.len() {
        let _ = drain(read, file[..length].to_vec());
    }
    for at in 0..file.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut file = file.to_vec();
            file[at] ^= flip;
            let _ = drain(read, file);
        }
    }
}

#[test]
fn any_change_of_a_small_file_gives_values_or_an_error() {
    attack(
        numpy,
        &npy_file("<f4", "(2, 2)", &floats(&[1.0, 2.0, 3.0, 4.0])),
    );
    attack(numpy, &npy_file(">f8", "(1, 2)", &[0x40; 16]));
    attack(vecs, &fvecs_file(&[&[1.0, 2.0], &[3.0, 4.0]]));
    attack(
        json,
        b"{\"id\": \"a\", \"vector\": [1, 2.5]}\n{\"vector\": [3, 4], \"id\": 7}\n",
    );
}

#[cfg(feature = "parquet")]
#[test]
fn any_change_of_a_small_parquet_file_gives_values_or_an_error() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for name in [
        "arrow-delta",
        "arrow-split",
        "arrow-fixed",
        "arrow-gzip-v2",
        "duckdb-v2",
        "polars-array",
    ] {
        let file = std::fs::read(root.join(format!("{name}.parquet"))).unwrap();
        attack(table, &file);
    }
}

/// What is read of rows that were written is what they were.
fn same(read: Reader, file: Vec<u8>, rows: &[Vec<f32>]) -> Result<(), TestCaseError> {
    let found = drain(read, file).unwrap();
    prop_assert_eq!(found.len(), rows.len());
    for (at, ((id, vector), row)) in found.iter().zip(rows).enumerate() {
        prop_assert_eq!(id, &at.to_string());
        let bits = |row: &[f32]| row.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(vector), bits(row));
    }
    Ok(())
}

fn any_rows() -> impl Strategy<Value = Vec<Vec<f32>>> {
    let finite = any::<f32>().prop_filter("finite", |x| x.is_finite());
    (1usize..9).prop_flat_map(move |dimension| {
        let row = prop::collection::vec(finite.clone(), dimension);
        prop::collection::vec(row, 1..9)
    })
}

proptest! {
    #[test]
    fn written_files_are_read_back(rows in any_rows()) {
        let shape = format!("({}, {})", rows.len(), rows[0].len());
        let flat = rows.concat();
        same(numpy, npy_file("<f4", &shape, &floats(&flat)), &rows)?;
        let big = flat.iter().flat_map(|x| x.to_be_bytes()).collect::<Vec<_>>();
        same(numpy, npy_file(">f4", &shape, &big), &rows)?;
        let wide = flat.iter().flat_map(|x| f64::from(*x).to_le_bytes()).collect::<Vec<_>>();
        same(numpy, npy_file("<f8", &shape, &wide), &rows)?;
        let slices: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        same(vecs, fvecs_file(&slices), &rows)?;
        let line = |(at, row): (usize, &Vec<f32>)| {
            format!("{}\n", serde_json::json!({"id": at, "vector": row}))
        };
        let text: String = rows.iter().enumerate().map(line).collect();
        same(json, text.into(), &rows)?;
        #[cfg(feature = "parquet")]
        for kind in lists::KINDS {
            same(table, lists::write(kind, &rows), &rows)?;
        }
    }

    #[test]
    fn any_bytes_end_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let headed = npy_file("<f4", "(3, 2)", &bytes);
        let text = [b"{\"id\": 1, \"vector\": [", &bytes[..]].concat();
        for (read, bytes) in [(vecs as Reader, bytes.clone()), (numpy, bytes.clone()), (numpy, headed),
                              (json, bytes), (json, text)] {
            let _ = drain(read, bytes);
        }
    }
}
