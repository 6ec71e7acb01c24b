//! How the order of a history is read.

use crate::error::TrainError;
use crate::range::check_range;
use serde::{Deserialize, Serialize};
use twinspire_towers::internals::schema::{
    Activation, AttentionSchema, GruSchema, Positions, SequenceEncoder,
};

/// How the order of a history is read: a setting of [`LogParams`](crate::LogParams). The means of
/// [`history`](crate::LogParams::history) are inputs beside it; with an empty `history` it stands alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HistoryEncoder {
    /// Not at all: means alone.
    #[default]
    Mean,
    /// By causal self-attention (SASRec, Kang and McAuley, ICDM 2018).
    Attention(Attention),
    /// By a gated recurrent unit (GRU4Rec, Hidasi et al., ICLR 2016).
    Gru(Gru),
}

/// Sizes of causal self-attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Attention {
    /// Number of most recent items that are read.
    pub length: usize,
    /// Attention heads; they divide the width of the items' embeddings.
    pub heads: usize,
    /// Number of blocks.
    pub blocks: usize,
    /// Hidden units of the feed-forward part.
    pub units: usize,
}

/// Sizes of a gated recurrent unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gru {
    /// Number of most recent items that are read.
    pub length: usize,
    /// Components of the hidden state.
    pub units: usize,
    /// Number of layers.
    pub layers: usize,
}

impl Default for Attention {
    fn default() -> Self {
        Self {
            length: 50,
            heads: 1,
            blocks: 1,
            units: 64,
        }
    }
}

impl Default for Gru {
    fn default() -> Self {
        Self {
            length: 50,
            units: 64,
            layers: 1,
        }
    }
}

impl HistoryEncoder {
    /// Number of most recent items that are read; 0 without an encoder.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Mean => 0,
            Self::Attention(of) => of.length,
            Self::Gru(of) => of.length,
        }
    }

    /// The encoder as towers describe it, if there is one.
    pub(crate) fn schema(&self) -> Option<SequenceEncoder> {
        match *self {
            Self::Mean => None,
            Self::Attention(of) => Some(SequenceEncoder::Attention(AttentionSchema {
                heads: of.heads as u32,
                blocks: of.blocks as u32,
                units: of.units as u32,
                activation: Activation::Relu,
                positions: Positions::Oldest,
                scale: 1.0,
                epsilon: 1e-5,
            })),
            Self::Gru(of) => Some(SequenceEncoder::Gru(GruSchema {
                units: of.units as u32,
                layers: of.layers as u32,
            })),
        }
    }

    /// Rejects sizes outside of their ranges.
    pub(crate) fn check(&self) -> Result<(), TrainError> {
        let (sizes, length): ([(&'static str, usize, usize); 3], usize) = match *self {
            Self::Mean => return Ok(()),
            Self::Attention(of) => (
                [
                    ("history_encoder heads", of.heads, 1024),
                    ("history_encoder blocks", of.blocks, 16),
                    ("history_encoder units", of.units, 1 << 16),
                ],
                of.length,
            ),
            Self::Gru(of) => (
                [
                    ("history_encoder layers", of.layers, 16),
                    ("history_encoder units", of.units, 1 << 16),
                    ("history_encoder units", of.units, 1 << 16),
                ],
                of.length,
            ),
        };
        check_range("history_encoder length", length, 1..=1024)?;
        for (name, found, most) in sizes {
            check_range(name, found, 1..=most)?;
        }
        Ok(())
    }
}
