//! Byte-pair encoding: the characters of a word are merged pair by pair, the first pairs of the list first (Sennrich et
//! al., 2016).

use super::fault::Fault;
use super::file::Merges;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// The most pairs.
const MAX_MERGES: usize = 1 << 21;
/// The most bytes of a prefix or suffix of characters.
const MAX_AFFIX: usize = 64;

/// The vocabulary and the pairs that become one.
pub(super) struct BytePair {
    ids: HashMap<Box<str>, u32>,
    /// The rank of each pair, and the token that it becomes.
    merges: HashMap<(u32, u32), (u32, u32)>,
    options: Options,
    unknown: Option<u32>,
}

/// What else decides the tokens of a word.
#[derive(Default)]
pub(super) struct Options {
    pub(super) unknown: Option<String>,
    pub(super) prefix: String,
    pub(super) suffix: String,
    /// Whether unknown characters in a row are one token.
    pub(super) fuse_unknown: bool,
    pub(super) byte_fallback: bool,
    /// Whether a word that is in the vocabulary is not cut.
    pub(super) ignore_merges: bool,
}

/// A token of a word that is being merged.
#[derive(Clone, Copy)]
struct Symbol {
    id: u32,
    before: Option<usize>,
    next: Option<usize>,
    /// Whether it was merged into the one before it.
    gone: bool,
}

impl BytePair {
    /// Reads the vocabulary and the merges of a file.
    pub(super) fn new(
        vocabulary: &HashMap<String, u32>,
        merges: &Merges,
        options: Options,
    ) -> Result<Self, Fault> {
        let wrong = |what: String| Fault::new("model merges", what);
        if options.prefix.len().max(options.suffix.len()) > MAX_AFFIX {
            let what = format!("has an affix of more than {MAX_AFFIX} bytes");
            return Err(Fault::new("model", what));
        }
        let unknown = options.unknown.as_ref().map(|token| {
            let found = vocabulary.get(token).copied();
            found.ok_or_else(|| {
                let what = format!("the unknown token {token:?} is not in it");
                Fault::new("model vocab", what)
            })
        });
        let pairs: Vec<(&str, &str)> = match merges {
            Merges::Pairs(pairs) => pairs.iter().map(|(a, b)| (&**a, &**b)).collect(),
            Merges::Joined(all) => {
                let pairs = all.iter().filter(|line| !line.starts_with("#version"));
                let pairs = pairs.map(|line| {
                    let pair = line.split_once(' ').filter(|(_, b)| !b.contains(' '));
                    pair.ok_or_else(|| wrong(format!("{line:?} is not a pair")))
                });
                pairs.collect::<Result<_, _>>()?
            }
        };
        if pairs.len() > MAX_MERGES {
            return Err(wrong(format!(
                "has {} pairs, more than {MAX_MERGES}",
                pairs.len()
            )));
        }
        let mut ranked = HashMap::with_capacity(pairs.len());
        for (rank, (a, b)) in pairs.into_iter().enumerate() {
            let id = |token: &str| {
                let found = vocabulary.get(token).copied();
                found.ok_or_else(|| {
                    wrong(format!(
                        "pair {rank} needs {token:?}, which is not in vocab"
                    ))
                })
            };
            let merged = [a, b.strip_prefix(&*options.prefix).unwrap_or(b)].concat();
            ranked.insert((id(a)?, id(b)?), (rank as u32, id(&merged)?));
        }
        let ids = vocabulary.iter();
        Ok(Self {
            ids: ids
                .map(|(token, id)| (token.as_str().into(), *id))
                .collect(),
            merges: ranked,
            unknown: unknown.transpose()?,
            options,
        })
    }

    /// The id of a token.
    pub(super) fn id(&self, token: &str) -> Option<u32> {
        self.ids.get(token).copied()
    }

    /// The id of characters that the vocabulary lacks.
    pub(super) fn unknown(&self) -> Option<u32> {
        self.unknown
    }

    /// Appends the tokens of a word.
    pub(super) fn cut(&self, word: &str, ids: &mut Vec<u32>) {
        if self.options.ignore_merges
            && let Some(id) = self.id(word)
        {
            ids.push(id);
            return;
        }
        let start = ids.len();
        self.characters(word, ids);
        if ids.len() - start < 2 {
            return;
        }
        let merged = self.merge(ids.get(start..).unwrap_or_default());
        ids.truncate(start);
        ids.extend(merged);
    }

    /// Appends the tokens of the characters of a word.
    fn characters(&self, word: &str, ids: &mut Vec<u32>) {
        let Options { prefix, suffix, .. } = &self.options;
        let (mut key, mut waiting) = (String::new(), None);
        for (at, c) in word.char_indices() {
            key.clear();
            if at > 0 {
                key.push_str(prefix);
            }
            key.push(c);
            if at + c.len_utf8() == word.len() {
                key.push_str(suffix);
            }
            if let Some(id) = self.id(&key) {
                ids.extend(waiting.take());
                ids.push(id);
                continue;
            }
            if self.options.byte_fallback {
                let bytes = key.bytes().map(|byte| self.id(&format!("<0x{byte:02X}>")));
                if let Some(bytes) = bytes.collect::<Option<Vec<u32>>>() {
                    ids.extend(bytes);
                    continue;
                }
            }
            if !self.options.fuse_unknown {
                ids.extend(waiting.take());
            }
            waiting = self.unknown;
        }
        ids.extend(waiting);
    }

    /// The tokens after all merges.
    fn merge(&self, ids: &[u32]) -> Vec<u32> {
        let last = ids.len().saturating_sub(1);
        let symbols = ids.iter().enumerate().map(|(at, id)| Symbol {
            id: *id,
            before: at.checked_sub(1),
            next: (at < last).then_some(at + 1),
            gone: false,
        });
        let mut symbols: Vec<Symbol> = symbols.collect();
        let pair = |symbols: &[Symbol], at: usize| {
            let left = symbols.get(at).filter(|symbol| !symbol.gone)?;
            let right = symbols.get(left.next?)?;
            self.merges.get(&(left.id, right.id)).copied()
        };
        let mut queue = BinaryHeap::new();
        for at in 0..symbols.len() {
            if let Some((rank, id)) = pair(&symbols, at) {
                queue.push(Reverse((rank, at, id)));
            }
        }
        while let Some(Reverse((_, at, id))) = queue.pop() {
            // The pair may have changed since it was queued.
            if pair(&symbols, at).is_none_or(|(_, found)| found != id) {
                continue;
            }
            let right = symbols.get(at).and_then(|symbol| symbol.next);
            let Some(right) = right else { continue };
            let behind = symbols.get(right).and_then(|symbol| symbol.next);
            if let Some(gone) = symbols.get_mut(right) {
                gone.gone = true;
            }
            if let Some(next) = behind.and_then(|next| symbols.get_mut(next)) {
                next.before = Some(at);
            }
            let mut before = None;
            if let Some(symbol) = symbols.get_mut(at) {
                (symbol.id, symbol.next) = (id, behind);
                before = symbol.before;
            }
            for at in before.into_iter().chain([at]) {
                if let Some((rank, id)) = pair(&symbols, at) {
                    queue.push(Reverse((rank, at, id)));
                }
            }
        }
        let kept = symbols.into_iter().filter(|symbol| !symbol.gone);
        kept.map(|symbol| symbol.id).collect()
    }
}
