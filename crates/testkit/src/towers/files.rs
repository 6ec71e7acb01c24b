//! Towers as files, and towers opened from them.

use crate::write_files;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;
use std::path::Path;
use twinspire::Towers;

/// The files of a towers directory: name and content.
pub type TowerFiles = Vec<(String, Vec<u8>)>;

/// A tensor: name, shape, values in row-major order.
pub type Tensor<V = Vec<f32>> = (String, Vec<usize>, V);

/// The files of towers: `tower.json` of this schema, and a safetensors file of each list of tensors, such
/// as `user.safetensors`.
pub fn tower_files<V: AsRef<[f32]>>(
    schema: &Value,
    weights: &[(&str, &[Tensor<V>])],
) -> TowerFiles {
    let mut files = vec![("tower.json".to_owned(), schema.to_string().into_bytes())];
    let weights = weights.iter();
    files.extend(weights.map(|(name, tensors)| ((*name).to_owned(), safetensors_file(tensors))));
    files
}

/// A safetensors file of 32-bit floats.
fn safetensors_file<V: AsRef<[f32]>>(tensors: &[Tensor<V>]) -> Vec<u8> {
    let bytes = |values: &[f32]| values.iter().flat_map(|x| x.to_le_bytes()).collect();
    let contents: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, _, values)| bytes(values.as_ref()))
        .collect();
    let views = tensors
        .iter()
        .zip(&contents)
        .map(|((name, shape, _), bytes)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap();
            (name.as_str(), view)
        });
    safetensors::serialize(views, None).unwrap()
}

/// Opens towers of these files, from a directory that is gone afterwards.
pub fn open(files: &[(String, Vec<u8>)]) -> Towers {
    let dir = tempfile::tempdir().unwrap();
    save(dir.path(), files)
}

/// Writes towers into a directory, made when absent, and opens them.
pub fn save(dir: &Path, files: &[(String, Vec<u8>)]) -> Towers {
    std::fs::create_dir_all(dir).unwrap();
    write_files(dir, files);
    Towers::open(dir).unwrap()
}
