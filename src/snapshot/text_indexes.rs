//! The lexical indexes of a snapshot: one of each items segment, and one of each block of fresh items.

use super::fresh_items::FreshBlock;
use super::state::Snapshot;
use super::version_log::Shared;
use crate::error::Error;
use crate::lexical::{Analysis, LexicalIndex, OwnedIndex};
use crate::store::{ItemsSegment, SegmentIndex};
use std::sync::Arc;
use twinspire_core::ids::ItemNo;

/// The lexical indexes of a snapshot by one analysis. Together they have every item.
pub(crate) struct TextIndexes<'a> {
    snapshot: &'a Snapshot,
    /// Of items segments, oldest first.
    sealed: Vec<(&'a ItemsSegment, SegmentIndex<'a>)>,
    /// Of blocks of fresh items, in order of revision.
    fresh: Vec<(&'a Shared<FreshBlock>, Arc<OwnedIndex>)>,
}

impl<'a> TextIndexes<'a> {
    /// The indexes of a snapshot. Those that no file has are built in memory, when they are asked for first.
    pub(crate) fn of(snapshot: &'a Snapshot, analysis: &Analysis) -> Result<Self, Error> {
        let sealed = snapshot.sealed.items.iter();
        let sealed = sealed.map(|segment| Ok((&**segment, segment.lexical(analysis)?)));
        let fresh = snapshot.fresh.blocks().iter();
        Ok(Self {
            sealed: sealed.collect::<Result<_, Error>>()?,
            fresh: fresh
                .map(|block| (block, block.block().lexical(analysis)))
                .collect(),
            snapshot,
        })
    }

    /// The indexes, to read: those of segments first.
    pub(crate) fn views(&self) -> Vec<LexicalIndex<'_>> {
        let sealed = self.sealed.iter().map(|(_, index)| index.view());
        sealed
            .chain(self.fresh.iter().map(|(_, index)| index.view()))
            .collect()
    }

    /// The item of a row of one of the [views](Self::views), if the row is its newest version.
    pub(crate) fn item(&self, view: usize, row: u32) -> Option<ItemNo> {
        let Some((segment, _)) = self.sealed.get(view) else {
            let (block, _) = self.fresh.get(view - self.sealed.len())?;
            let item = block.block().items().get(row as usize)?;
            return block.is_live(row as usize).then_some(item.version.item);
        };
        let item = ItemNo(*segment.numbers().get(row as usize)?);
        let newer = self.sealed.get(view + 1..).unwrap_or_default();
        let is_newest = self.snapshot.fresh.get(item).is_none()
            && newer.iter().all(|(newer, _)| newer.row_of(item).is_none());
        is_newest.then_some(item)
    }

    /// The view and the row of the newest version of an item.
    pub(crate) fn find(&self, item: ItemNo) -> Option<(usize, u32)> {
        if let Some(fresh) = self.snapshot.fresh.get(item) {
            let revision = fresh.version.revision.0;
            let last = |block: &Shared<FreshBlock>| block.revisions().last().copied();
            let at = self
                .fresh
                .partition_point(|(block, _)| last(block) < Some(revision));
            let (block, _) = self.fresh.get(at)?;
            let row = block.revisions().binary_search(&revision).ok()?;
            return Some((self.sealed.len() + at, row as u32));
        }
        let mut newest_first = self.sealed.iter().enumerate().rev();
        newest_first.find_map(|(view, (segment, _))| Some((view, segment.row_of(item)?)))
    }
}
