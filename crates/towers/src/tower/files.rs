//! The files of a towers directory: their names, and the alignment of the weights in them.

#![warn(clippy::indexing_slicing)]

use super::side::Side;
use safetensors::tensor::SafeTensors;
use std::sync::Arc;
use twinspire_core::files::Blob;
use twinspire_core::wire::Checksum;

/// A file of a towers directory: its name and its content.
pub type NamedBlob = (String, Arc<Blob>);

/// The description of both towers.
pub(crate) const DESCRIPTION: &str = "tower.json";
/// The tables that both towers read, or neither.
pub(crate) const SHARED: &str = "shared.safetensors";
/// The layers of the user tower, and the tables that it alone reads.
pub(crate) const USER: &str = "user.safetensors";
/// The layers of the item tower, and the tables that it alone reads.
pub(crate) const ITEM: &str = "item.safetensors";
/// Records with the vectors that the model gave where it was trained.
pub(crate) const SELF_TEST: &str = "selftest.json";
/// The ONNX model of the user tower.
pub(crate) const USER_ONNX: &str = "user.onnx";
/// The ONNX model of the item tower.
pub(crate) const ITEM_ONNX: &str = "item.onnx";
/// The ONNX model that both towers run.
pub(crate) const SHARED_ONNX: &str = "shared.onnx";
/// How texts become tokens, for both towers.
pub(crate) const TOKENIZER: &str = "tokenizer.json";
/// How often items occurred during the training.
pub const FREQUENCY: &str = "frequency.bin";
/// The state of the optimiser at the end of the training.
pub const OPTIMISER: &str = "optimiser.bin";
/// The report of the training. Nothing in the towers depends on it.
pub const REPORT: &str = "report.json";

/// The names of all files of a towers directory. Other files are not part of it.
pub const TOWER_FILES: [&str; 12] = [
    DESCRIPTION,
    SHARED,
    USER,
    ITEM,
    SELF_TEST,
    USER_ONNX,
    ITEM_ONNX,
    SHARED_ONNX,
    TOKENIZER,
    FREQUENCY,
    OPTIMISER,
    REPORT,
];

/// Bytes of a cache line.
const LINE: usize = 64;

/// The weights file of a tower.
pub(crate) fn weights_of(side: Side) -> &'static str {
    match side {
        Side::User => USER,
        Side::Item => ITEM,
    }
}

/// The ONNX model of a tower.
pub(crate) fn onnx_of(side: Side) -> &'static str {
    match side {
        Side::User => USER_ONNX,
        Side::Item => ITEM_ONNX,
    }
}

/// The content of a file, if it is among the parts.
pub(crate) fn find<'a>(parts: &'a [NamedBlob], name: &str) -> Option<&'a Arc<Blob>> {
    let part = parts.iter().find(|(part, _)| part == name);
    part.map(|(_, blob)| blob)
}

/// Sorts files as a directory is read, so that equal content has an equal hash.
pub(crate) fn sort(parts: &mut [NamedBlob]) {
    parts.sort_by_key(|(name, _)| TOWER_FILES.iter().position(|file| file == name));
}

/// A hash over the files of a towers directory, from their names and checksums.
pub fn content_hash<'a>(files: impl Iterator<Item = (&'a str, u64)>) -> u64 {
    let mut sum = Checksum::default();
    for (name, checksum) in files {
        sum.update(name.as_bytes());
        sum.update(&checksum.to_le_bytes());
    }
    sum.value()
}

/// Pads the header of a safetensors file with spaces, so that its data starts on a cache line when mapped. Any
/// other file is returned unchanged.
pub(crate) fn aligned(bytes: Vec<u8>) -> Vec<u8> {
    let Ok((header, _)) = SafeTensors::read_metadata(&bytes) else {
        return bytes;
    };
    let data = 8 + header;
    let spaces = data.next_multiple_of(LINE) - data;
    let longer = ((header + spaces) as u64).to_le_bytes();
    let (header, data) = bytes.split_at(data);
    let header = header.get(8..).unwrap_or_default();
    [&longer, header, &b" ".repeat(spaces), data].concat()
}
