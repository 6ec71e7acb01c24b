//! Unigram: a word is cut into the tokens whose scores have the largest sum (Kudo, 2018).

use super::fault::Fault;
use std::collections::HashMap;

/// The longest token in bytes.
const MAX_BYTES: usize = 256;
/// How much less than the least score an unknown character has, as in SentencePiece.
const PENALTY: f64 = 10.0;

/// The vocabulary with its scores.
pub(super) struct Unigram {
    tokens: HashMap<Box<str>, (u32, f64)>,
    /// Bytes of the longest token.
    longest: usize,
    unknown: Option<u32>,
    unknown_score: f64,
    byte_fallback: bool,
}

/// The best way to reach a place of a word.
#[derive(Clone, Copy)]
struct Step {
    score: f64,
    from: usize,
    /// `None` for an unknown character.
    id: Option<u32>,
}

impl Unigram {
    /// Reads the vocabulary of a file.
    pub(super) fn new(
        vocabulary: &[(String, f64)],
        unknown: Option<usize>,
        byte_fallback: bool,
    ) -> Result<Self, Fault> {
        let wrong = |what: String| Fault::new("model vocab", what);
        if unknown.is_some_and(|id| id >= vocabulary.len()) {
            return Err(Fault::new("model unk_id", "is not in the vocabulary"));
        }
        let (mut tokens, mut least) = (HashMap::new(), f64::INFINITY);
        for (id, (token, score)) in vocabulary.iter().enumerate() {
            if token.len() > MAX_BYTES {
                let what = format!("token {id} is longer than {MAX_BYTES} bytes");
                return Err(wrong(what));
            }
            if !score.is_finite() {
                return Err(wrong(format!("the score of token {id} is not finite")));
            }
            least = least.min(*score);
            tokens.insert(token.as_str().into(), (id as u32, *score));
        }
        Ok(Self {
            longest: vocabulary
                .iter()
                .map(|(token, _)| token.len())
                .max()
                .unwrap_or(0),
            tokens,
            unknown: unknown.map(|id| id as u32),
            unknown_score: least - PENALTY,
            byte_fallback,
        })
    }

    /// The id of a token.
    pub(super) fn id(&self, token: &str) -> Option<u32> {
        self.tokens.get(token).map(|(id, _)| *id)
    }

    /// The id of characters that the vocabulary lacks.
    pub(super) fn unknown(&self) -> Option<u32> {
        self.unknown
    }

    /// Appends the tokens of a word.
    pub(super) fn cut(&self, word: &str, ids: &mut Vec<u32>) {
        let mut best: Vec<Option<Step>> = vec![None; word.len() + 1];
        for (from, c) in word.char_indices() {
            let before = best.get(from).copied().flatten();
            let before = before.map_or(0.0, |step| step.score);
            let single = from + c.len_utf8();
            let mut reach = |to: usize, id: Option<u32>, score: f64| {
                let score = before + score;
                if let Some(best) = best.get_mut(to)
                    && best.is_none_or(|step| score > step.score)
                {
                    *best = Some(Step { score, from, id });
                }
            };
            let mut has_single = false;
            for to in single..=word.len().min(from + self.longest) {
                let token = word.get(from..to).and_then(|token| self.tokens.get(token));
                if let Some((id, score)) = token {
                    has_single |= to == single;
                    reach(to, Some(*id).filter(|id| Some(*id) != self.unknown), *score);
                }
            }
            if !has_single {
                reach(single, None, self.unknown_score);
            }
        }
        let (mut parts, mut to) = (Vec::new(), word.len());
        while let Some(step) = best.get(to).copied().flatten() {
            parts.push((step.id, step.from..to));
            to = step.from;
        }
        let mut parts = parts.into_iter().rev().peekable();
        while let Some((id, mut range)) = parts.next() {
            if let Some(id) = id {
                ids.push(id);
                continue;
            }
            // Unknown characters in a row are one token.
            while let Some((_, next)) = parts.next_if(|(id, _)| id.is_none()) {
                range.end = next.end;
            }
            let bytes = word.get(range).unwrap_or_default().bytes();
            let bytes = bytes.map(|byte| self.id(&format!("<0x{byte:02X}>")));
            match bytes.collect::<Option<Vec<u32>>>() {
                Some(bytes) if self.byte_fallback => ids.extend(bytes),
                _ => ids.extend(self.unknown),
            }
        }
    }
}
