//! The fuzz target of heads: hostile bytes in, a head or an error out, never a panic.

use crate::checksum::Checksum;
use crate::head::{Head, is_database_file};

/// Decodes bytes as a head. A checksum would stop most mutations at once, so it is corrected first, as a hostile author
/// would.
pub fn head(data: &[u8]) {
    for bytes in [data.to_vec(), reseal(data)] {
        let Ok(head) = Head::decode(&bytes) else {
            continue;
        };
        assert!(head.files.iter().all(|file| is_database_file(&file.path)));
        let encoded = head.encode().unwrap_or_default();
        assert!(Head::decode(&encoded).is_ok_and(|again| again == head));
    }
}

/// The bytes with a first line that fits the rest.
fn reseal(data: &[u8]) -> Vec<u8> {
    let rest = data.iter().position(|byte| *byte == b'\n');
    let rest = rest.map_or(data, |end| data.get(end + 1..).unwrap_or_default());
    let checksum = Checksum::of(rest);
    let first = format!("{{\"format\": 1, \"checksum\": \"{checksum}\",\n");
    [first.as_bytes(), rest].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::tests::example;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn mutations_of_a_head_are_read_or_refused(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..8),
        ) {
            let mut bytes = example().encode().unwrap();
            for (at, byte, kind) in changes {
                let at = at.index(bytes.len());
                match kind {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    _ => bytes.truncate(at.max(1)),
                }
            }
            head(&bytes);
        }
    }
}
