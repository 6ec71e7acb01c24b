//! A small simulated shop: items, people with tastes, and the log of what they looked at.
//!
//! Everything is drawn from a seed; the same seed makes the same world. It has what makes real logs hard:
//! popularity by Zipf's law, tastes that mix and drift, sessions in which one item leads to the next, items
//! that enter the shop while the log runs, and user attributes that predict little.

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};
use twinspire::Event;

/// How many items the shop has.
pub const ITEMS: usize = 2_000;
/// How many people visit it.
pub const USERS: usize = 1_500;

/// The log starts on 2025-01-01 and runs for this many days.
const DAYS: i64 = 180;
const START: i64 = 1_735_689_600;
const DAY: i64 = 86_400;

/// The shop, its visitors and their log.
pub struct World {
    /// Items: `id`, `title`, `category`, `brand`, `tags`, `price`, `year`.
    pub items: Vec<Value>,
    /// Users: `user_id`, `age`, `city`.
    pub users: Vec<Value>,
    /// What they looked at (weight 1) and bought (weight 3), in the order of time.
    pub events: Vec<Event>,
}

const CATEGORIES: [(&str, [&str; 4], f64); 12] = [
    ("shoes", ["shoes", "boots", "sneakers", "sandals"], 90.0),
    ("jackets", ["jacket", "parka", "coat", "anorak"], 140.0),
    ("bags", ["backpack", "bag", "duffel", "tote"], 70.0),
    (
        "lamps",
        ["desk lamp", "floor lamp", "lantern", "night light"],
        45.0,
    ),
    (
        "chairs",
        ["armchair", "stool", "rocking chair", "bench"],
        160.0,
    ),
    (
        "kitchen",
        ["kettle", "saucepan", "knife set", "teapot"],
        50.0,
    ),
    (
        "toys",
        ["puzzle", "building blocks", "plush bear", "train set"],
        25.0,
    ),
    (
        "books",
        ["cookbook", "travel guide", "novel", "picture book"],
        18.0,
    ),
    (
        "garden",
        ["watering can", "trowel", "planter", "hammock"],
        35.0,
    ),
    (
        "bikes",
        ["city bike", "helmet", "bike light", "panniers"],
        120.0,
    ),
    (
        "camping",
        ["tent", "sleeping bag", "camp stove", "headlamp"],
        85.0,
    ),
    (
        "audio",
        ["headphones", "speaker", "turntable", "radio"],
        110.0,
    ),
];

const STYLES: [(&str, [&str; 3]); 8] = [
    ("trail", ["rugged", "all-weather", "mountain"]),
    ("minimal", ["plain", "slim", "scandinavian"]),
    ("vintage", ["retro", "classic", "fifties"]),
    ("sporty", ["light", "fast", "breathable"]),
    ("eco", ["recycled", "organic", "linen"]),
    ("luxury", ["hand-made", "leather", "brass"]),
    ("playful", ["colourful", "striped", "dotted"]),
    ("compact", ["folding", "pocket", "travel"]),
];

const COLOURS: [&str; 9] = [
    "black", "white", "red", "navy", "olive", "sand", "teal", "grey", "mustard",
];

const BRAND_STARTS: [&str; 10] = [
    "Nord", "Alta", "Kumo", "Bell", "Fjord", "Ossa", "Tamar", "Ridge", "Linde", "Corvo",
];
const BRAND_ENDS: [&str; 4] = ["vik", "mere", "works", "ella"];

/// Cities, and how much their weather draws people outdoors.
const CITIES: [(&str, f64); 8] = [
    ("Oslo", 2.2),
    ("Seattle", 1.8),
    ("Zurich", 1.6),
    ("Sapporo", 1.5),
    ("Lisbon", 0.9),
    ("Austin", 0.8),
    ("Paris", 0.6),
    ("Milan", 0.5),
];

/// Categories and styles that the outdoors draws people to, by index.
const OUTDOOR_CATEGORIES: [usize; 5] = [0, 1, 2, 9, 10];
const OUTDOOR_STYLES: [usize; 2] = [0, 3];

struct Brand {
    name: String,
    categories: Vec<usize>,
    style: usize,
    /// How dear its things are, times the price usual in the category.
    level: f64,
}

struct Item {
    category: usize,
    style: usize,
    brand: usize,
    colour: usize,
    /// Its price over what is usual in its category.
    level: f64,
    /// How much attention it draws, whoever looks.
    draw: f64,
    /// The moment it entered the shop.
    since: i64,
}

struct Taste {
    categories: Vec<f64>,
    styles: Vec<f64>,
    colour: usize,
    level: f64,
}

/// Makes the world of a seed: about 2,000 items, 1,500 users and 80,000 events, in about a second.
pub fn generate(seed: u64) -> World {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let brands = brands(&mut rng);
    let shelf: Vec<Item> = stock(&brands, &mut rng);
    let items = shelf
        .iter()
        .enumerate()
        .map(|(no, item)| record(no, item, &brands, &mut rng))
        .collect();

    let mut by_category = vec![Vec::new(); CATEGORIES.len()];
    for (no, item) in shelf.iter().enumerate() {
        by_category[item.category].push(no);
    }

    let mut users = Vec::with_capacity(USERS);
    let mut events = Vec::new();
    for no in 0..USERS {
        let user_id = format!("u{:04}", no + 1);
        let age = 18 + (50.0 * rng.random::<f64>().powf(1.4)) as u32;
        let (city, outdoors) = CITIES[rng.random_range(0..CITIES.len())];
        users.push(json!({"user_id": user_id, "age": age, "city": city}));
        let taste = Taste::of(age, outdoors, &mut rng);
        visit(&user_id, taste, &shelf, &by_category, &mut rng, &mut events);
    }
    events.sort_by(|a, b| (a.at, &a.user, &a.item).cmp(&(b.at, &b.user, &b.item)));
    World {
        items,
        users,
        events,
    }
}

fn brands(rng: &mut Pcg64Mcg) -> Vec<Brand> {
    let mut brands = Vec::new();
    for start in BRAND_STARTS {
        for end in BRAND_ENDS {
            let first = brands.len() % CATEGORIES.len();
            let mut categories = vec![first];
            categories.extend((0..2).map(|_| rng.random_range(0..CATEGORIES.len())));
            brands.push(Brand {
                name: format!("{start}{end}"),
                categories,
                style: rng.random_range(0..STYLES.len()),
                level: (normal(rng) * 0.4).exp(),
            });
        }
    }
    brands
}

fn stock(brands: &[Brand], rng: &mut Pcg64Mcg) -> Vec<Item> {
    let mut items: Vec<Item> = (0..ITEMS)
        .map(|_| {
            let brand = rng.random_range(0..brands.len());
            let maker = &brands[brand];
            let style = if rng.random_bool(0.6) {
                maker.style
            } else {
                rng.random_range(0..STYLES.len())
            };
            Item {
                category: *maker.categories.choose(rng).unwrap_or(&0),
                style,
                brand,
                colour: rng.random_range(0..COLOURS.len()),
                level: maker.level * (normal(rng) * 0.25).exp(),
                draw: 0.0,
                since: if rng.random_bool(0.15) {
                    START + rng.random_range(0..DAYS * 8 / 10) * DAY
                } else {
                    i64::MIN
                },
            }
        })
        .collect();
    // Zipf: the n-th most noticed item draws attention in proportion to 1/n^0.9. The items come in
    // no order, so their numbers can be the ranks, shuffled by a stride that meets each once.
    for (no, item) in items.iter_mut().enumerate() {
        let rank = (no * 1_237 + 311) % ITEMS + 1;
        item.draw = (rank as f64).powf(-0.9);
    }
    items
}

fn record(no: usize, item: &Item, brands: &[Brand], rng: &mut Pcg64Mcg) -> Value {
    let (category, nouns, usual) = CATEGORIES[item.category];
    let (style, words) = STYLES[item.style];
    let brand = &brands[item.brand].name;
    let noun = nouns[rng.random_range(0..nouns.len())];
    let word = words[rng.random_range(0..words.len())];
    let colour = COLOURS[item.colour];
    let title = match rng.random_range(0..3) {
        0 => format!("{brand} {word} {noun} in {colour}"),
        1 => format!("{word} {colour} {noun} by {brand}"),
        _ => format!("{brand} {colour} {noun}, {word}"),
    };
    let year = if item.since == i64::MIN {
        2024 - (8.0 * rng.random::<f64>().powi(2)) as i64
    } else {
        2025
    };
    json!({
        "id": format!("B{:04}", no + 1),
        "title": title,
        "category": category,
        "brand": brand,
        "tags": [style, colour],
        "price": (usual * item.level * 100.0).round() / 100.0,
        "year": year,
    })
}

impl Taste {
    fn of(age: u32, outdoors: f64, rng: &mut Pcg64Mcg) -> Self {
        // Most of a taste is two categories and one or two styles; a little is everything else.
        let mut categories = vec![0.02; CATEGORIES.len()];
        let mut styles = vec![0.05; STYLES.len()];
        let inclined = |weights: &mut Vec<f64>, drawn: &[usize], rng: &mut Pcg64Mcg, share: f64| {
            let odds: Vec<f64> = (0..weights.len())
                .map(|no| {
                    let outside = if drawn.contains(&no) { outdoors } else { 1.0 };
                    // Each age has its own favourites: a wave over the index.
                    let wave = (no as f64 * 1.7 + f64::from(age) / 12.0).sin();
                    outside * (0.8 * wave).exp()
                })
                .collect();
            let chosen = pick(&odds, rng);
            weights[chosen] += share;
        };
        inclined(&mut categories, &OUTDOOR_CATEGORIES, rng, 0.6);
        inclined(&mut categories, &OUTDOOR_CATEGORIES, rng, 0.3);
        inclined(&mut styles, &OUTDOOR_STYLES, rng, 1.0);
        inclined(&mut styles, &OUTDOOR_STYLES, rng, 0.5);
        Self {
            categories,
            styles,
            colour: rng.random_range(0..COLOURS.len()),
            level: (normal(rng) * 0.3 + (f64::from(age) - 35.0) / 80.0).exp(),
        }
    }

    /// How much this person would like that item, next to others of its category.
    fn liking(&self, item: &Item) -> f64 {
        let price = (item.level / self.level).ln();
        let colour = if item.colour == self.colour { 1.8 } else { 1.0 };
        self.styles[item.style] * colour * (-1.5 * price * price).exp()
    }

    /// Interests fade and others come: a tenth of the weight moves on.
    fn drift(&mut self, rng: &mut Pcg64Mcg) {
        for weight in &mut self.categories {
            *weight *= 0.9;
        }
        let next = rng.random_range(0..self.categories.len());
        self.categories[next] += 0.1;
        if rng.random_bool(0.2) {
            let next = rng.random_range(0..self.styles.len());
            self.styles[next] += 0.25;
        }
    }
}

/// All visits of one person.
fn visit(
    user: &str,
    mut taste: Taste,
    shelf: &[Item],
    by_category: &[Vec<usize>],
    rng: &mut Pcg64Mcg,
    events: &mut Vec<Event>,
) {
    // Some people come often, most now and then.
    let mut left = ((normal(rng) * 0.7 + 3.75).exp() as usize).clamp(8, 400);
    let mut seen = vec![false; shelf.len()];
    let sessions = left.div_ceil(6);
    let mut days: Vec<i64> = (0..sessions).map(|_| rng.random_range(0..DAYS)).collect();
    days.sort_unstable();
    for day in days {
        taste.drift(rng);
        let mut at = START + day * DAY + rng.random_range(7 * 3_600..22 * 3_600);
        let category = pick(&taste.categories, rng);
        let mut last: Option<&Item> = None;
        for _ in 0..rng.random_range(3..=9).min(left) {
            let candidates = &by_category[category];
            let odds: Vec<f64> = candidates
                .iter()
                .map(|&no| {
                    let item = &shelf[no];
                    if item.since > at {
                        return 0.0;
                    }
                    // One thing leads to the next: of the same brand, of the same style.
                    let near = last.map_or(1.0, |last| {
                        let brand = if last.brand == item.brand { 2.5 } else { 1.0 };
                        brand * if last.style == item.style { 1.6 } else { 1.0 }
                    });
                    let again = if seen[no] { 0.02 } else { 1.0 };
                    item.draw * taste.liking(item) * near * again
                })
                .collect();
            let Some(&no) = candidates.get(pick(&odds, rng)) else {
                break;
            };
            let item = &shelf[no];
            seen[no] = true;
            events.push(Event {
                user: user.to_owned(),
                item: format!("B{:04}", no + 1),
                at,
                weight: if rng.random_bool(0.08) { 3.0 } else { 1.0 },
            });
            last = Some(item);
            left -= 1;
            at += rng.random_range(20..240);
        }
        if left == 0 {
            break;
        }
    }
}

/// An index drawn in proportion to its weight.
fn pick(weights: &[f64], rng: &mut Pcg64Mcg) -> usize {
    let mut left = rng.random::<f64>() * weights.iter().sum::<f64>();
    for (no, weight) in weights.iter().enumerate() {
        left -= weight;
        if left < 0.0 {
            return no;
        }
    }
    weights.len().saturating_sub(1)
}

/// A draw from the standard normal distribution, near enough: twelve uniform ones, centred.
fn normal(rng: &mut Pcg64Mcg) -> f64 {
    (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
}
