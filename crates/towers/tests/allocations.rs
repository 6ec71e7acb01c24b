//! A tower that has met a user takes no memory for the next one. (A text with a capital sigma does: its
//! lower case is left to the standard library.)
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]
#![allow(unsafe_code, reason = "an allocator that counts is unsafe by nature")]

use serde_json::Value;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;
use twinspire_towers::Towers;

/// The system's allocator, counting what each thread asks for.
struct Counting;

thread_local! {
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to `System` as it came; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.set(ASKED.get() + 1);
        // SAFETY: the caller's promises are those that `System` asks for.
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
fn users_take_no_memory_once_such_users_were_seen() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for name in [
        "dssm", "places", "mobius", "hashes", "numbers", "times", "residual", "half", "texts",
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
        let before = ASKED.get();
        towers.embed_users_into(&users, &mut vectors).unwrap();
        assert_eq!(ASKED.get(), before, "{name}");
        assert_eq!(vectors, first);
    }
}
