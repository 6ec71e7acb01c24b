//! Vectors read through the public functions.
#![allow(
    clippy::disallowed_methods,
    reason = "tests create files that are no vectors"
)]

mod hostile;
#[cfg(feature = "parquet")]
mod lists;
mod written;

use std::io::Cursor;
use std::path::{Path, PathBuf};

use super::row::Row;
use super::*;
use crate::error::ImportError;
use crate::test_files::write_file;

/// All rows of a file, errors as their texts.
fn all(vectors: Result<Vectors, ImportError>) -> Vec<Result<Row, String>> {
    let rows = vectors.unwrap();
    rows.map(|row| row.map_err(|error| error.to_string()))
        .collect()
}

/// The error of a file that is refused before any row.
fn refusal(vectors: Result<Vectors, ImportError>) -> String {
    vectors.unwrap_err().to_string()
}

/// A NumPy file of version 1.0.
fn npy_file(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = (text.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], text.as_bytes(), data].concat()
}

fn floats(components: &[f32]) -> Vec<u8> {
    components.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// Rows preceded by their dimension.
fn fvecs_file(rows: &[&[f32]]) -> Vec<u8> {
    let row = |row: &&[f32]| [(row.len() as i32).to_le_bytes().to_vec(), floats(row)].concat();
    rows.iter().flat_map(row).collect()
}

fn numpy(bytes: Vec<u8>) -> Result<Vectors, ImportError> {
    npy_from(Cursor::new(bytes), "a.npy", &VectorOptions::new())
}

fn lines(text: &str, options: &VectorOptions) -> Vec<Result<Row, String>> {
    all(jsonl_from(Cursor::new(text.to_owned()), "a.jsonl", options))
}

fn row(id: &str, vector: &[f32]) -> Result<Row, String> {
    Ok((id.to_owned(), vector.to_vec()))
}

#[test]
fn the_extension_decides_the_kind() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let options = VectorOptions::new();
    let expected = [row("0", &[1.0, 2.0]), row("1", &[3.0, 4.0])];
    let rows: [&[f32]; 2] = [&[1.0, 2.0], &[3.0, 4.0]];
    let text = "{\"id\": 0, \"vector\": [1, 2]}\n{\"id\": \"1\", \"vector\": [3.0, 4e0]}\n";
    let bytes = [
        &2i32.to_le_bytes()[..],
        &[1, 2],
        &2i32.to_le_bytes(),
        &[3, 4],
    ]
    .concat();
    for (name, file) in [
        ("a.npy", npy_file("<f4", "(2, 2)", &floats(&rows.concat()))),
        ("a.NPY", npy_file("<f4", "(2, 2)", &floats(&rows.concat()))),
        ("a.fvecs", fvecs_file(&rows)),
        ("a.bvecs", bytes),
        ("a.jsonl", text.into()),
        ("a.ndjson", text.into()),
        ("a.json", text.into()),
    ] {
        let path = write_file(dir, name, &file);
        let mut vectors = open(&path, &options).unwrap();
        let up_front = !name.contains("json");
        assert_eq!(vectors.dimension(), up_front.then_some(2), "{name}");
        assert_eq!(vectors.rows_total(), up_front.then_some(2), "{name}");
        assert_eq!(vectors.bytes_total(), Some(file.len() as u64));
        let rows: Vec<_> = vectors
            .by_ref()
            .map(|row| row.map_err(|_| String::new()))
            .collect();
        assert_eq!(rows, expected, "{name}");
        assert_eq!(vectors.bytes_read(), file.len() as u64, "{name}");
        assert!(vectors.next().is_none());
    }
    let error = refusal(open(write_file(dir, "a.txt", b""), &options));
    assert!(
        error.contains("a file called .npy, .fvecs, .bvecs"),
        "{error}"
    );
    let error = open(dir.join("none.npy"), &options).unwrap_err();
    assert!(error.is_not_found());
    let error = open(dir.join("none.what"), &options).unwrap_err();
    assert!(error.is_not_found());
    std::fs::create_dir(dir.join("dir.npy")).unwrap();
    let error = refusal(open(dir.join("dir.npy"), &options));
    assert!(error.contains("a directory found"), "{error}");
    #[cfg(not(feature = "parquet"))]
    {
        let error = refusal(open(dir.join("a.parquet"), &options));
        assert!(error.contains("the feature `parquet`"), "{error}");
    }
}

#[test]
fn vectors_can_be_sent_to_another_thread() {
    fn sent<T: Send>() {}
    sent::<Vectors>();
}

#[test]
fn ids_are_read_from_the_lines_of_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let path = write_file(
        dir,
        "a.fvecs",
        fvecs_file(&[&[1.0], &[2.0], &[f32::NAN], &[4.0]]),
    );
    let with = |ids: &str| {
        let ids = write_file(dir, "ids.txt", ids.as_bytes());
        let rows = all(open(&path, &VectorOptions::new().ids(ids)));
        let short = |what: String| what.replace(&format!("{}/", dir.display()), "");
        rows.into_iter()
            .map(|row| row.map_err(short))
            .collect::<Vec<_>>()
    };
    let nan = || Err("a.fvecs, row 3: component 1: a finite number expected, found NaN".to_owned());
    let good = [
        row("a", &[1.0]),
        row(" b ", &[2.0]),
        nan(),
        row("é", &[4.0]),
    ];
    for ids in ["a\n b \nc\né", "\u{feff}a\r\n b \r\nc\r\né\r\n\r\n\n"] {
        assert_eq!(with(ids), good);
    }
    let short = with("a\nb\n");
    assert_eq!(short[..2], [row("a", &[1.0]), row("b", &[2.0])]);
    let what = "ids.txt, line 3: the id of row 3 of a.fvecs expected, found the end of the file";
    assert_eq!(short[2..], [Err(what.to_owned())]);
    let long = with("a\nb\nc\nd\n\ne\n");
    let what = "ids.txt, line 6: 4 ids expected, one for each row of a.fvecs, found more";
    assert_eq!(long[4..], [Err(what.to_owned())]);
    // A gap would shift all ids that follow.
    let gap = with("a\n\nc\nd\n");
    let what = "ids.txt, line 2: the id of row 2 expected, found an empty line";
    assert_eq!(
        gap,
        [
            row("a", &[1.0]),
            Err(what.to_owned()),
            nan(),
            row("d", &[4.0])
        ]
    );
    let huge = with(&format!("{}\nb\nc\nd", "x".repeat(2000)));
    assert!(
        huge[0]
            .as_ref()
            .unwrap_err()
            .contains("ids.txt, line 1: field `id`")
    );
    assert_eq!(huge[1], row("b", &[2.0]));
    let error = open(&path, &VectorOptions::new().ids(dir.join("none"))).unwrap_err();
    assert!(error.is_not_found() && error.path.ends_with("none"));
}

#[test]
fn an_option_of_another_kind_is_refused() {
    let arrays = fvecs_file(&[&[1.0]]);
    let of_arrays = |options| refusal(fvecs_from(Cursor::new(arrays.clone()), "a", &options));
    let of_lines = |options| refusal(jsonl_from(Cursor::new(""), "a", &options));
    let options = VectorOptions::new;
    for (error, says) in [
        (
            of_arrays(options().id_column("x")),
            "the name of a column given, but this kind",
        ),
        (
            of_arrays(options().vector_column("x")),
            "the name of a column given, but this kind",
        ),
        (
            of_arrays(options().space("x")),
            "the name of a space given, but only the JSON lines",
        ),
        (
            of_lines(options().ids("x")),
            "a file of ids given, but this kind of file holds its own ids",
        ),
        (
            of_lines(options().space("x").id_column("y")),
            "either the name of a space",
        ),
    ] {
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn an_array_has_the_length_of_its_shape() {
    let dir = tempfile::tempdir().unwrap();
    let data = floats(&[1.0, 2.0, 3.0, 4.0]);
    for (shape, data) in [
        ("(2, 2)", &data[..15]),
        ("(1, 2)", &data),
        ("(18446744073709551615, 65536)", &data),
    ] {
        let path = write_file(dir.path(), "a.npy", npy_file("<f4", shape, data));
        let error = refusal(open(path, &VectorOptions::new()));
        assert!(
            error.contains("bytes that follow it: was the file cut short?"),
            "{error}"
        );
    }
    // Where the length is not known it is found out at the end.
    let rows = all(numpy(npy_file("<f4", "(3, 2)", &data[..12])));
    let what = "a.npy, row 2: 8 bytes expected, found the end of the file";
    assert_eq!(rows, [row("0", &[1.0, 2.0]), Err(what.to_owned())]);
    let rows = all(numpy(npy_file("<f4", "(1, 2)", &data)));
    let what = "a.npy: the end of the file expected after 1 rows, found more bytes";
    assert_eq!(rows, [row("0", &[1.0, 2.0]), Err(what.to_owned())]);
    assert!(all(numpy(npy_file("<f4", "(0, 2)", &[]))).is_empty());
    for (shape, says) in [
        ("(2, 0)", "1 to 65536 components expected, found 0"),
        ("(2, 65537)", "found 65537"),
        ("(2, 18446744073709551615)", "1 to 65536"),
    ] {
        let error = refusal(numpy(npy_file("<f4", shape, &[])));
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn a_file_that_is_no_numpy_array_is_refused_with_advice() {
    for (bytes, says) in [
        (&b""[..], "found an empty file"),
        (b"PK\x03\x04aaaaaaa", "found an archive (.npz?)"),
        (b"\x93NUMPZ\x01\x00", "found other bytes; numpy.save("),
        (b"\x93NUMPY\x01", "found other bytes"),
        (
            b"\x93NUMPY\x04\x00\x00\x00\x00\x00",
            "version 1.0, 2.0 or 3.0 of the format expected, found 4.0",
        ),
        (
            b"\x93NUMPY\x02\x00\xff\xff\xff\xff",
            "at most 65536 bytes expected, found one of 4294967295",
        ),
        (
            b"\x93NUMPY\x01\x00\x10\x00{'descr'",
            "a header of 16 bytes expected, found the end",
        ),
        (b"\x93NUMPY\x01\x00", "found the end of the file"),
    ] {
        let error = refusal(numpy(bytes.to_vec()));
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn components_of_every_width_are_read_and_must_be_finite() {
    let rows = |descr: &str, data: &[u8]| all(numpy(npy_file(descr, "(1, 2)", data)));
    let good = [row("0", &[0.5, -2.0])];
    assert_eq!(rows("<f2", &[0x00, 0x38, 0x00, 0xc0]), good);
    assert_eq!(rows(">f2", &[0x38, 0x00, 0xc0, 0x00]), good);
    let wide = |x: [f64; 2]| x.map(f64::to_le_bytes).concat();
    let narrow = |x: [f32; 2]| x.map(f32::to_le_bytes).concat();
    assert_eq!(rows("<f8", &wide([0.5, -2.0])), good);
    for (descr, data, says) in [
        (
            "<f2",
            vec![0, 0, 0, 0x7c],
            "component 2: a finite number expected, found infinity",
        ),
        (
            "<f4",
            narrow([0.0, f32::NEG_INFINITY]),
            "component 2: a finite number expected, found minus infinity",
        ),
        (
            "<f4",
            narrow([f32::NAN, 1.0]),
            "component 1: a finite number expected, found NaN",
        ),
        (
            "<f8",
            wide([f64::NAN, 1.0]),
            "component 1: a finite number expected, found NaN",
        ),
        (
            "<f8",
            wide([1.0, 1e39]),
            "component 2: a number of 32 bits expected, up to 3.4e38, found 1e39",
        ),
    ] {
        let rows = rows(descr, &data);
        assert_eq!(rows, [Err(format!("a.npy, row 1: {says}"))]);
    }
}

#[test]
fn rows_with_another_dimension_are_refused() {
    let read = |bytes: &[u8]| {
        fvecs_from(
            Cursor::new(bytes.to_vec()),
            "a.fvecs",
            &VectorOptions::new(),
        )
    };
    assert!(all(read(b"")).is_empty());
    assert_eq!(read(b"").unwrap().dimension(), None);
    let file = fvecs_file(&[&[1.0, 2.0], &[3.0]]);
    let what =
        "a.fvecs, row 2: 2 components expected, as the first row has, found a dimension of 1";
    assert_eq!(
        all(read(&file)),
        [row("0", &[1.0, 2.0]), Err(what.to_owned())]
    );
    let file = fvecs_file(&[&[1.0, 2.0], &[3.0, 4.0]]);
    for (cut, what) in [
        (1, "8 bytes"),
        (8, "8 bytes"),
        (9, "its dimension, an int32,"),
    ] {
        let what = format!("a.fvecs, row 2: {what} expected, found the end of the file");
        let rows = all(read(&file[..file.len() - cut]));
        assert_eq!(rows, [row("0", &[1.0, 2.0]), Err(what)]);
    }
    assert_eq!(
        all(read(&file[..2])),
        [Err(
            "a.fvecs, row 1: its dimension, an int32, expected, found the end of the file"
                .to_owned()
        )]
    );
    for dimension in [0, -1, i32::MAX, 65_537] {
        let error = refusal(read(&i32::to_le_bytes(dimension)));
        assert!(
            error.starts_with("a.fvecs, row 1: a dimension of 1 to 65536"),
            "{error}"
        );
    }
}

#[test]
fn lines_have_an_id_and_a_list_of_numbers() {
    let text = [
        r#"{"id": "a", "title": [{"id": 1}], "vector": [1, -2.5e-1]}"#,
        r#"{"vector": [3, 4], "id": 18446744073709551615}"#,
        r#"{"id": "b", "vector": [3, 4, 5]}"#,
        r#"{"id": "b", "vector": []}"#,
        r#"{"id": "b", "vector": [1, "2"]}"#,
        r#"{"id": "b", "vector": [1, 1e39]}"#,
        r#"{"id": "b", "vector": {"x": 1}}"#,
        r#"{"id": "b", "vector": null}"#,
        r#"{"id": "b", "embedding": [1, 2]}"#,
        r#"{"item": "b", "vector": [1, 2]}"#,
        r#"{"id": "", "vector": [1, 2]}"#,
        r#"{"id": 1.5, "vector": [1, 2]}"#,
        r#"{"id": "b", "vector": [1, 2], "vector": [1, 2]}"#,
        r#"{"id": "b", "vector": [1, NaN]}"#,
        r#"{"id": "b", "vector": [1, 2]} {}"#,
        r"[1, 2]",
        r"7",
        r"{}",
        r#"{"id": "c", "vector": [5, 6]}"#,
    ];
    let rows = lines(&text.join("\n"), &VectorOptions::new());
    assert_eq!(rows[0], row("a", &[1.0, -0.25]));
    assert_eq!(rows[1], row("18446744073709551615", &[3.0, 4.0]));
    assert_eq!(rows[18], row("c", &[5.0, 6.0]));
    let says = [
        "field `vector`: a vector of 2 components expected, as the first has, found 3",
        "field `vector`: a vector of 1 to 65536 components expected, found 0",
        "field `vector`: component 2: a number expected, found a string (\"2\")",
        "field `vector`: component 2: a number of 32 bits expected, up to 3.4e38, found 1e39",
        "field `vector`: a list of numbers expected, found an object with 1 fields",
        "field `vector`: a list of numbers expected, found null",
        "a field `vector` expected, found these fields: id, embedding",
        "a field `id` expected, found these fields: item, vector; of an export with vectors name the space",
        "field `id`: expected a non-empty string of at most 1024 bytes, found an empty string",
        "field `id`: expected a string or a whole number, found a number (1.5)",
        "one field `vector` expected, found two",
        "not JSON: expected value at column 27",
        "not JSON: trailing characters at column 31",
        "a JSON object expected, found a list of 2",
        "a JSON object expected, found a number (7)",
        "a field `id` expected, found these fields: none",
    ];
    for (at, says) in says.iter().enumerate() {
        assert_eq!(
            rows[at + 2],
            Err(format!("a.jsonl, line {}: {says}", at + 3))
        );
    }
    let many = format!("{{\"id\": 1, \"vector\": [{}1]}}", "1,".repeat(65_536));
    let error = lines(&many, &VectorOptions::new()).remove(0).unwrap_err();
    assert!(error.contains("found 65537"), "{error}");
    let options = VectorOptions::new().id_column("item").vector_column("v");
    assert_eq!(
        lines(r#"{"item": 7, "v": [1]}"#, &options),
        [row("7", &[1.0])]
    );
}

#[test]
fn the_lines_of_an_export_are_read_by_space() {
    let text = [
        r#"{"item": {"id": "a", "title": "x"}, "vectors": {"s": [1, 2], "t": [3]}}"#,
        r#"{"vectors": {"t": [4], "s": [5, 6]}, "item": {"id": "b", "vectors": {"t": 1}}}"#,
        r#"{"item": {"id": "c"}, "vectors": {"s": [1, 2], "u": 1}}"#,
        r#"{"item": 7, "vectors": {"t": [1]}}"#,
        r#"{"id": "d", "vector": [1]}"#,
    ];
    let rows = lines(&text.join("\n"), &VectorOptions::new().space("t"));
    assert_eq!(rows[..2], [row("a", &[3.0]), row("b", &[4.0])]);
    let says = [
        "a field `vectors.t` expected, found these fields: s, u",
        "a JSON object expected, found a number (7)",
        "a field `item.id` expected, found these fields: none",
    ];
    for (at, says) in says.iter().enumerate() {
        assert_eq!(
            rows[at + 2],
            Err(format!("a.jsonl, line {}: {says}", at + 3))
        );
    }
}
