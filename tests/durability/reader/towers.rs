//! Towers, evaluated as storage-format.md says.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Tensors by name: shape and numbers.
type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

pub struct Towers {
    schema: Value,
    files: BTreeMap<String, Tensors>,
}

/// Which tower.
#[derive(Clone, Copy)]
pub enum Tower {
    User,
    Item,
}

impl Tower {
    fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Item => "item",
        }
    }
}

impl Towers {
    pub fn read(files: &BTreeMap<String, Vec<u8>>) -> Self {
        let schema: Value = serde_json::from_slice(&files["tower.json"]).unwrap();
        assert_eq!(schema["format"], 1);
        let weights = files
            .iter()
            .filter(|(name, _)| name.ends_with(".safetensors"));
        let weights = weights.map(|(name, bytes)| {
            let name = name.trim_end_matches(".safetensors");
            (name.to_owned(), tensors(bytes))
        });
        Self {
            files: weights.collect(),
            schema,
        }
    }

    /// Whether there is a tower.
    pub fn has(&self, tower: Tower) -> bool {
        !self.schema[tower.name()].is_null()
    }

    /// The vector of a record; none when it is refused.
    pub fn embed(&self, tower: Tower, record: &Value) -> Option<Vec<f32>> {
        let description = &self.schema[tower.name()];
        let record = record.as_object()?;
        if self.refuses(tower, record) {
            return None;
        }
        let mut x = Vec::new();
        for feature in description["features"].as_array().unwrap() {
            x.extend(self.feature(feature, record)?);
        }
        for (at, layer) in description["layers"].as_array().unwrap().iter().enumerate() {
            x = match layer["kind"].as_str().unwrap() {
                "dense" => self.dense(tower, at, layer, &x),
                "l2_normalise" => normalised(x),
                other => panic!("layer {other}"),
            };
        }
        assert_eq!(self.schema["dimension"], x.len());
        if self.schema["metric"] == "cosine" {
            assert!(x.iter().any(|x| *x != 0.0));
            x = normalised(x);
        }
        Some(x)
    }

    fn refuses(&self, tower: Tower, record: &Map<String, Value>) -> bool {
        let description = &self.schema[tower.name()];
        let features = description["features"].as_array().unwrap();
        let other = |name: &String| !features.iter().any(|feature| feature["field"] == **name);
        match (&description["other_fields"], tower) {
            (Value::String(what), _) if what == "ignore" => false,
            (Value::String(what), _) if what == "error" => record.keys().any(other),
            (Value::Null, Tower::Item) => false,
            (Value::Null, Tower::User) => record.keys().any(other),
            (Value::Object(allow), _) => {
                let allowed = allow["allow"].as_array().unwrap();
                let mut fields = record.keys().filter(|name| other(name));
                fields.any(|name| !allowed.contains(&Value::from(name.clone())))
            }
            (found, _) => panic!("other_fields {found}"),
        }
    }

    fn feature(&self, feature: &Value, record: &Map<String, Value>) -> Option<Vec<f32>> {
        let table = feature["table"].as_str();
        let width = table.map_or(1, |table| {
            self.schema["tables"][table]["dimension"].as_u64().unwrap()
        });
        let field = record.get(feature["field"].as_str().unwrap());
        let Some(value) = field.filter(|value| !value.is_null()) else {
            return (feature["missing"] == "zero").then(|| vec![0.0; width as usize]);
        };
        let id = |value: &Value| match value {
            Value::String(text) => text.clone(),
            number => number.as_i64().unwrap().to_string(),
        };
        let list = |value: &Value| value.as_array().cloned().unwrap_or(vec![value.clone()]);
        let texts: Vec<String> = match feature["kind"].as_str().unwrap() {
            "number" => {
                let [mean, deviation] =
                    ["mean", "deviation"].map(|key| feature[key].as_f64().unwrap() as f32);
                let scaled = (value.as_f64().unwrap() - f64::from(mean)) / f64::from(deviation);
                if scaled.abs() > 1000.0 {
                    return None;
                }
                return Some(vec![scaled as f32]);
            }
            "id" => vec![id(value)],
            "ids" => {
                let all = list(value);
                let limit = feature["limit"].as_u64().unwrap() as usize;
                let read: Vec<String> = all[all.len().saturating_sub(limit)..]
                    .iter()
                    .map(id)
                    .collect();
                let counts =
                    |at: usize| feature["distinct"] != true || !read[at + 1..].contains(&read[at]);
                (0..read.len())
                    .filter(|at| counts(*at))
                    .map(|at| read[at].clone())
                    .collect()
            }
            "categories" => list(value).iter().map(id).collect(),
            "text" => trigrams(value.as_str().unwrap()),
            other => panic!("feature {other}"),
        };
        self.pool(
            table.unwrap(),
            &texts,
            feature["pooling"].as_str().unwrap_or("mean"),
        )
    }

    /// The rows of some strings, pooled; none when one of them is refused.
    fn pool(&self, table: &str, texts: &[String], pooling: &str) -> Option<Vec<f32>> {
        let lookup = &self.schema["tables"][table]["lookup"];
        let mut rows = Vec::new();
        for text in texts {
            let hash = |seed: &Value, buckets: &Value| {
                let hash = xxh3_64_with_seed(text.as_bytes(), seed.as_u64().unwrap_or(0));
                (hash % buckets.as_u64().unwrap()) as usize
            };
            if let Value::Object(of) = &lookup["hash"] {
                rows.push(hash(of.get("seed").unwrap_or(&Value::Null), &of["buckets"]));
                continue;
            }
            let ids = lookup["vocabulary"]["ids"].as_array().unwrap();
            match (
                ids.iter().position(|id| id == text),
                &lookup["vocabulary"]["unknown"],
            ) {
                (Some(row), _) => rows.push(row),
                (None, Value::String(skip)) if skip == "skip" => {}
                (None, Value::Object(of)) => {
                    rows.push(ids.len() + hash(&Value::Null, &of["buckets"]));
                }
                (None, _) => return None,
            }
        }
        let name = format!("table.{table}");
        let found = self.files.values().find_map(|tensors| tensors.get(&name));
        let (shape, numbers) = found.unwrap();
        let mut sum = vec![0.0; shape[1]];
        for row in &rows {
            for (sum, x) in sum.iter_mut().zip(&numbers[row * shape[1]..]) {
                *sum += x;
            }
        }
        let count = rows.len().max(1) as f32;
        let by = match pooling {
            "mean" => count,
            "sqrtn" => count.sqrt(),
            "sum" => 1.0,
            other => panic!("pooling {other}"),
        };
        Some(sum.into_iter().map(|x| x / by).collect())
    }

    fn dense(&self, tower: Tower, at: usize, layer: &Value, x: &[f32]) -> Vec<f32> {
        let tensors = &self.files[tower.name()];
        let (shape, weight) = &tensors[&format!("layer.{at}.weight")];
        let (_, bias) = &tensors[&format!("layer.{at}.bias")];
        assert_eq!(
            (&layer["units"], shape[1]),
            (&Value::from(shape[0]), x.len())
        );
        let rows = weight.chunks(x.len()).zip(bias);
        let sums =
            rows.map(|(row, bias)| row.iter().zip(x).map(|(w, x)| w * x).sum::<f32>() + bias);
        let activation = match layer["activation"].as_str().unwrap_or("linear") {
            "linear" => |x: f32| x,
            "relu" => |x: f32| x.max(0.0),
            "tanh" => f32::tanh,
            other => panic!("activation {other}"),
        };
        sums.map(activation).collect()
    }
}

fn normalised(x: Vec<f32>) -> Vec<f32> {
    let length = x.iter().map(|x| x * x).sum::<f32>().sqrt();
    let scale = if length > 0.0 { length } else { 1.0 };
    x.into_iter().map(|x| x / scale).collect()
}

fn trigrams(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let words = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    let of_word = words.flat_map(|word| {
        let marked: Vec<char> = format!("#{word}#").chars().collect();
        let runs: Vec<String> = marked.windows(3).map(|run| run.iter().collect()).collect();
        runs
    });
    of_word.collect()
}

/// Reads a safetensors file.
fn tensors(bytes: &[u8]) -> Tensors {
    let (length, rest) = bytes.split_at(8);
    let length = u64::from_le_bytes(length.try_into().unwrap()) as usize;
    let header: Map<String, Value> = serde_json::from_slice(&rest[..length]).unwrap();
    let data = &rest[length..];
    let numbers = |value: &Value| -> Vec<usize> {
        let list = value.as_array().unwrap().iter();
        list.map(|number| number.as_u64().unwrap() as usize)
            .collect()
    };
    let tensors = header.iter().map(|(name, about)| {
        assert_eq!(about["dtype"], "F32");
        let offsets = numbers(&about["data_offsets"]);
        let bytes = data[offsets[0]..offsets[1]].chunks(4);
        let values = bytes
            .map(|part| f32::from_le_bytes(part.try_into().unwrap()))
            .collect();
        (name.clone(), (numbers(&about["shape"]), values))
    });
    tensors.collect()
}
