//! Once a tower has embedded a user, it allocates nothing for the next similar one. (A text with a capital sigma is an
//! exception: the standard library lower-cases it.)
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]
#![allow(unsafe_code, reason = "implementing an allocator requires unsafe")]

use serde_json::Value;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;
use twinspire_towers::Towers;

/// The system allocator, counting the allocations of each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is forwarded to `System` unchanged; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller guarantees what `System` requires.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn embedding_users_allocates_nothing_after_the_first_batch() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for name in [
        "dssm",
        "places",
        "mobius",
        "hashes",
        "numbers",
        "times",
        "residual",
        "half",
        "texts",
        "sequences",
    ] {
        let path = root.join(name);
        let towers = Towers::open(&path).unwrap();
        let test = std::fs::read_to_string(path.join("selftest.json")).unwrap();
        let test: Value = serde_json::from_str(&test).unwrap();
        let cases = test["user"].as_array().unwrap();
        let users: Vec<Value> = cases.iter().map(|case| case["record"].clone()).collect();
        let mut vectors = Vec::new();
        towers.embed_users_into(&users, &mut vectors).unwrap();
        let first = vectors.clone();
        vectors.clear();
        let before = ALLOCATIONS.get();
        towers.embed_users_into(&users, &mut vectors).unwrap();
        assert_eq!(ALLOCATIONS.get(), before, "{name}");
        assert_eq!(vectors, first);
    }
}
