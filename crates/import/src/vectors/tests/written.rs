//! What other programs write is what is read: the files of `tests/fixtures`.

use super::*;

fn file(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/fixtures").join(name)
}

fn expected(
    id: impl Fn(usize) -> String,
    count: usize,
    dimension: usize,
) -> Vec<Result<Row, String>> {
    let vector = |row: usize| (0..dimension).map(move |at| row as f32 + at as f32 / 4.0 - 1.0);
    (0..count)
        .map(|row| Ok((id(row), vector(row).collect())))
        .collect()
}

#[test]
fn numpy_arrays_are_read() {
    for name in [
        "f2",
        "f4",
        "f8",
        "f2-big",
        "f4-big",
        "f8-big",
        "version-2",
        "version-3",
    ] {
        let vectors = open(file(&format!("{name}.npy")), &VectorOptions::new());
        assert_eq!(vectors.as_ref().unwrap().dimension(), Some(3));
        assert_eq!(
            all(vectors),
            expected(|row| row.to_string(), 5, 3),
            "{name}"
        );
    }
    assert!(all(npy(file("none.npy"), &VectorOptions::new())).is_empty());
    for (name, says) in [
        (
            "int",
            "found `<i8`; numpy.save(path, numpy.ascontiguousarray(array, numpy.float32))",
        ),
        (
            "fortran",
            "found Fortran order; numpy.save(path, numpy.ascontiguousarray(",
        ),
        (
            "flat",
            "an array of 2 dimensions expected, one row for each vector, found 1",
        ),
        ("structured", "found a structured one"),
        ("archive", "found an archive (.npz?)"),
    ] {
        let error = refusal(open(
            file(&format!("bad-{name}.npy")),
            &VectorOptions::new(),
        ));
        assert!(error.contains(says), "{name}: {error}");
    }
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_of_pyarrow_pandas_polars_and_duckdb_is_read() {
    let mut names: Vec<_> = std::fs::read_dir(file(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".parquet") && !name.starts_with("bad-"))
        .collect();
    names.sort();
    assert!(names.len() > 22, "{names:?}");
    for name in names {
        let id: fn(usize) -> String = match name.as_str() {
            "arrow-int32.parquet" | "arrow-int64.parquet" => |row| (row as i64 - 20).to_string(),
            "arrow-uint32.parquet" => |row| ((1 << 31) + row).to_string(),
            "arrow-uint64.parquet" => |row| ((1u64 << 63) + row as u64).to_string(),
            _ => |row| format!("item-{row}"),
        };
        let count = if name == "arrow-none.parquet" { 0 } else { 40 };
        let mut vectors = open(file(&name), &VectorOptions::new()).unwrap();
        assert_eq!(vectors.rows_total(), Some(count as u64), "{name}");
        let mut before = 0;
        let mut rows = Vec::new();
        while let Some(row) = vectors.next() {
            rows.push(row.map_err(|error| error.to_string()));
            assert!((before..=vectors.bytes_total().unwrap()).contains(&vectors.bytes_read()));
            before = vectors.bytes_read();
        }
        assert_eq!(rows, expected(id, count, 4), "{name}");
        assert_eq!(Some(vectors.bytes_read()), vectors.bytes_total(), "{name}");
    }
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_of_other_columns_is_refused() {
    let options = VectorOptions::new();
    for (name, says) in [
        (
            "brotli",
            "packed with Snappy, gzip, LZ4 or Zstandard, or not at all, expected, found Brotli",
        ),
        (
            "nested",
            "column `vector`: lists of numbers expected, found List(",
        ),
        (
            "text",
            "column `vector`: lists of numbers expected, found Utf8",
        ),
        (
            "id",
            "column `id`: texts or whole numbers expected, found Timestamp",
        ),
    ] {
        let error = refusal(open(file(&format!("bad-{name}.parquet")), &options));
        assert!(error.contains(says), "{name}: {error}");
    }
    let half = all(open(file("bad-half.parquet"), &options));
    assert!(half.iter().all(Result::is_ok), "{half:?}");
    let plain = file("arrow-plain.parquet");
    for (options, says) in [
        (
            options.clone().id_column("item"),
            "a column `item` of texts or whole numbers expected, found these columns: id, price, vector",
        ),
        (
            options.clone().vector_column("v"),
            "a column `v` of lists of numbers expected, found these columns: id, price, vector",
        ),
        (
            options.clone().vector_column("price"),
            "column `price`: lists of numbers expected, found Int64",
        ),
        (
            options.clone().id_column("vector"),
            "column `vector`: texts or whole numbers expected, found List(",
        ),
        (
            options.clone().ids("x"),
            "a file of ids given, but this kind of file holds its own ids",
        ),
        (
            options.clone().space("x"),
            "the name of a space given, but only the JSON lines",
        ),
    ] {
        let error = refusal(open(&plain, &options));
        assert!(error.contains(says), "{error}");
    }
    let by_price = all(open(&plain, &options.id_column("price")));
    assert_eq!(by_price, expected(|row| row.to_string(), 40, 4));
    let error = refusal(parquet(file("f4.npy"), &VectorOptions::new()));
    assert!(
        error.contains("which ends with PAR1, found other bytes"),
        "{error}"
    );
}

#[cfg(feature = "parquet")]
#[test]
fn a_bad_parquet_row_is_reported_and_the_next_is_read() {
    let rows = all(open(file("bad-rows.parquet"), &VectorOptions::new()));
    let good = expected(|row| format!("item-{row}"), 40, 4);
    for (at, says) in [
        (3, "field `vector`: a vector expected, found null"),
        (5, "field `vector`: a vector expected, found an empty list"),
        (
            7,
            "field `vector`: component 2: a number expected, found null",
        ),
        (
            8,
            "a vector of 4 components expected, as the first has, found 2",
        ),
        (9, "component 3: a finite number expected, found NaN"),
        (10, "field `id`: an id expected, found null"),
        (11, "field `id`: expected a non-empty string"),
    ] {
        let error = rows[at].as_ref().unwrap_err();
        let place = format!("bad-rows.parquet, row {}: {says}", at + 1);
        assert!(error.contains(&place), "{error}");
    }
    assert_eq!(rows.len(), 40);
    for at in (0..40).filter(|at| ![3, 5, 7, 8, 9, 10, 11].contains(at)) {
        assert_eq!(rows[at], good[at]);
    }
}
