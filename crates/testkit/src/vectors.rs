//! Generated sets of vectors, and towers that give each item its vector.

use crate::random::{normal, unit};
use crate::towers::{open, tower_files};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};
use twinspire::Towers;

/// Vectors scattered around 40 centres; `spread` is the side of the cube that the centres lie in.
pub fn clustered(count: usize, dimension: usize, spread: f32, seed: u64) -> Vec<Vec<f32>> {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut draw = |side: f32| -> Vec<f32> {
        let each = (0..dimension).map(|_| side * (random.random::<f32>() - 0.5));
        each.collect()
    };
    let centres: Vec<_> = (0..40).map(|_| draw(spread)).collect();
    let scattered = |at: usize| {
        let offset = draw(2.0);
        let both = centres[at * at % 40].iter().zip(offset);
        both.map(|(centre, offset)| centre + offset).collect()
    };
    (0..count).map(scattered).collect()
}

/// Items and queries of one dimension, row after row.
#[derive(Debug)]
pub struct VectorSet {
    /// Components of every vector.
    pub dimension: usize,
    items: Vec<f32>,
    queries: Vec<f32>,
}

impl VectorSet {
    /// Reads PREFIX.base.f32 and PREFIX.query.f32 (little-endian), and "dim" from PREFIX.json.
    pub fn read(prefix: &str) -> Self {
        let read = |ending: &str| {
            let name = format!("{prefix}.{ending}");
            let bytes = std::fs::read(&name);
            bytes.map_err(|error| format!("{name}: {error}")).unwrap()
        };
        let description: Value = serde_json::from_slice(&read("json")).unwrap();
        Self {
            dimension: description["dim"].as_u64().unwrap() as usize,
            items: floats(&read("base.f32")),
            queries: floats(&read("query.f32")),
        }
    }

    /// Items around 300 interests, some far more common than others. A query mixes two interests, as a
    /// user does, and so lies off the distribution of the items.
    pub fn simulate(items: usize, dimension: usize, queries: usize) -> Self {
        let mut random = Pcg64Mcg::seed_from_u64(7);
        let interests: Vec<f32> = (0..300 * dimension).map(|_| normal(&mut random)).collect();
        let draw = |random: &mut Pcg64Mcg| -> Vec<f32> {
            let skewed = random.random::<f32>().powi(3);
            let which = (skewed * 300.0) as usize % 300;
            let interest = &interests[which * dimension..][..dimension];
            interest.iter().map(|x| x + 0.7 * normal(random)).collect()
        };
        let items = (0..items).flat_map(|_| unit(draw(&mut random))).collect();
        let queries = (0..queries).flat_map(|_| {
            let (one, other) = (draw(&mut random), draw(&mut random));
            unit(one.iter().zip(other).map(|(a, b)| a + 0.5 * b).collect())
        });
        let queries = queries.collect();
        Self {
            dimension,
            items,
            queries,
        }
    }

    /// The first `count` items, or all where there are fewer, with the same queries.
    #[must_use]
    pub fn first(&self, count: usize) -> Self {
        let length = self.items.len().min(count * self.dimension);
        Self {
            dimension: self.dimension,
            items: self.items[..length].to_vec(),
            queries: self.queries.clone(),
        }
    }

    /// Number of items.
    pub fn items(&self) -> usize {
        self.items.len() / self.dimension
    }

    /// Number of queries.
    pub fn queries(&self) -> usize {
        self.queries.len() / self.dimension
    }

    /// The vector of an item.
    pub fn item(&self, at: usize) -> &[f32] {
        &self.items[at * self.dimension..][..self.dimension]
    }

    /// The vector of a query.
    pub fn query(&self, at: usize) -> &[f32] {
        &self.queries[at * self.dimension..][..self.dimension]
    }

    /// The items as records; their ids are their row numbers.
    pub fn records(&self) -> Vec<Value> {
        let records = (0..self.items()).map(|item| json!({"id": item.to_string()}));
        records.collect()
    }

    /// Towers whose embedding table holds the items: an item's vector is looked up by its id, and a user
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
        let table = [("table.vectors".to_owned(), shape, &self.items)];
        open(&tower_files(&schema, &[("shared.safetensors", &table)]))
    }
}

/// Little-endian 32-bit floats.
fn floats(bytes: &[u8]) -> Vec<f32> {
    let floats = bytes.chunks_exact(4);
    floats
        .map(|four| f32::from_le_bytes(four.try_into().unwrap()))
        .collect()
}
