//! Where the newest record of an item is.

use crate::store::ItemsSegment;
use twinspire_core::ids::ItemNo;

/// The newest version of an item: its segment and row.
pub(super) type Version<'a> = (ItemNo, &'a ItemsSegment, usize);
