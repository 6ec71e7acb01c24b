//! Bytes that changed on the disk.

use super::*;

#[test]
fn a_flip_of_any_byte_of_a_stored_file_is_found_by_check_or_refused_at_open() {
    let files = MemoryFiles::default();
    let db = open(&files).unwrap();
    db.items().put_many(&[item(1, 1), item(2, 2)]).unwrap();
    Step::Publish(2.0).run(&db).unwrap();
    drop(db);
    for part in ["items-", "space-", "tower.json", "user.safetensors"] {
        assert_flips_are_found(&files, part);
    }
}

fn assert_flips_are_found(files: &MemoryFiles, part: &str) {
    let is_it = |path: &PathBuf| path.to_string_lossy().contains(part);
    let path = files.paths().into_iter().find(is_it).unwrap();
    let whole = files.read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        files.put(&path, &bytes);
        let found = match open(files) {
            Err(error) => matches!(error, Error::Corrupt { .. }),
            Ok(db) => db
                .check()
                .unwrap()
                .problems
                .iter()
                .any(|problem| problem.file == path),
        };
        assert!(
            found,
            "the flip of byte {at} of {} in {part} went unnoticed",
            whole.len()
        );
    }
    files.put(&path, &whole);
}
