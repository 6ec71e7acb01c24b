//! Vectors to recall and to recall with, and towers that give an item its vector.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use std::path::Path;
use twinspire::Towers;

/// Items and queries of one dimension, row after row.
pub struct Set {
    pub dimension: usize,
    base: Vec<f32>,
    query: Vec<f32>,
}

impl Set {
    /// Reads PREFIX.base.f32 and PREFIX.query.f32 (little-endian) and "dim" from PREFIX.json.
    pub fn read(prefix: &str) -> Self {
        let read = |ending: &str| {
            let name = format!("{prefix}.{ending}");
            let bytes = std::fs::read(&name);
            bytes.map_err(|error| format!("{name}: {error}")).unwrap()
        };
        let about: Value = serde_json::from_slice(&read("json")).unwrap();
        Self {
            dimension: about["dim"].as_u64().unwrap() as usize,
            base: numbers(&read("base.f32")),
            query: numbers(&read("query.f32")),
        }
    }

    /// Vectors around a few hundred interests, some of them far more common than others; a query
    /// lies between two interests, as a user does, and so off the items' distribution.
    pub fn simulate(items: usize, dimension: usize, queries: usize) -> Self {
        let mut random = Pcg64Mcg::seed_from_u64(7);
        let interests: Vec<f32> = (0..300 * dimension).map(|_| normal(&mut random)).collect();
        let draw = |random: &mut Pcg64Mcg| -> Vec<f32> {
            let skewed = random.random::<f32>().powi(3);
            let which = (skewed * 300.0) as usize % 300;
            let interest = &interests[which * dimension..][..dimension];
            interest.iter().map(|x| x + 0.7 * normal(random)).collect()
        };
        let base = (0..items).flat_map(|_| unit(draw(&mut random))).collect();
        let query = (0..queries).flat_map(|_| {
            let (one, other) = (draw(&mut random), draw(&mut random));
            unit(one.iter().zip(other).map(|(a, b)| a + 0.5 * b).collect())
        });
        let query = query.collect();
        Self {
            dimension,
            base,
            query,
        }
    }

    /// The same with no more than so many items.
    pub fn first(&self, count: usize) -> Self {
        let length = self.base.len().min(count * self.dimension);
        Self {
            dimension: self.dimension,
            base: self.base[..length].to_vec(),
            query: self.query.clone(),
        }
    }

    pub fn items(&self) -> usize {
        self.base.len() / self.dimension
    }

    pub fn queries(&self) -> usize {
        self.query.len() / self.dimension
    }

    pub fn item(&self, at: usize) -> &[f32] {
        &self.base[at * self.dimension..][..self.dimension]
    }

    pub fn query(&self, at: usize) -> &[f32] {
        &self.query[at * self.dimension..][..self.dimension]
    }

    /// The items, whose ids are the numbers of the base's rows.
    pub fn records(&self) -> Vec<Value> {
        let records = (0..self.items()).map(|item| json!({"id": item.to_string()}));
        records.collect()
    }

    /// Towers that look an item's vector up by its id: the base is their embedding table. A user
    /// is the mean of the items in `history`.
    pub fn towers(&self) -> Towers {
        let ids: Vec<String> = (0..self.items()).map(|item| item.to_string()).collect();
        let item = json!({"kind": "id", "field": "id", "table": "vectors"});
        let history = json!({"kind": "ids", "field": "history", "table": "vectors", "limit": 50});
        let tower = |feature| json!({"features": [feature], "layers": []});
        let schema = json!({
            "format": 1, "name": "vectors", "dimension": self.dimension, "metric": "inner_product",
            "tables": {"vectors": {
                "dimension": self.dimension, "lookup": {"vocabulary": {"ids": ids}},
            }},
            "user": tower(history), "item": tower(item),
        });
        let shape = vec![self.items(), self.dimension];
        let bytes: Vec<u8> = self.base.iter().flat_map(|x| x.to_le_bytes()).collect();
        let table = TensorView::new(Dtype::F32, shape, &bytes).unwrap();
        let weights = safetensors::serialize([("table.vectors", table)], None).unwrap();

        let home = tempfile::tempdir().unwrap();
        write(home.path(), "tower.json", schema.to_string().as_bytes());
        write(home.path(), "shared.safetensors", &weights);
        Towers::open(home.path()).unwrap()
    }
}

/// Tensors: name, shape, numbers.
pub type Tensors = Vec<(String, Vec<usize>, Vec<f32>)>;

/// Writes towers of which only the user tower has weights.
pub fn save_towers(dir: &Path, schema: &Value, user: &Tensors) -> Towers {
    std::fs::create_dir_all(dir).unwrap();
    write(dir, "tower.json", schema.to_string().as_bytes());
    let bytes = user.iter().map(|(name, shape, numbers)| {
        let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        (name, shape, bytes)
    });
    let bytes: Vec<_> = bytes.collect();
    let views = bytes.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap();
        (name.as_str(), view)
    });
    let file = safetensors::serialize(views, None).unwrap();
    write(dir, "user.safetensors", &file);
    Towers::open(dir).unwrap()
}

/// A number with so many digits after the point.
pub fn round(number: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (number * scale).round() / scale
}

#[allow(
    clippy::disallowed_methods,
    reason = "a scratch file, not a database's"
)]
pub fn write(home: &Path, name: &str, bytes: &[u8]) {
    std::fs::write(home.join(name), bytes).unwrap();
}

/// The most megabytes this process held so far, mapped files that were read among them; none where the
/// system does not tell.
pub fn peak_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024)
}

fn numbers(bytes: &[u8]) -> Vec<f32> {
    let numbers = bytes.chunks_exact(4);
    numbers
        .map(|four| f32::from_le_bytes(four.try_into().unwrap()))
        .collect()
}

/// A draw from the normal distribution, near enough: the sum of twelve uniform ones.
pub fn normal(random: &mut Pcg64Mcg) -> f32 {
    (0..12).map(|_| random.random::<f32>()).sum::<f32>() - 6.0
}

pub fn unit(vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.into_iter().map(|x| x / length).collect()
}
