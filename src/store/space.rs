//! Space segments: writing and opening.

use super::directory::Directory;
use super::error::StoreError;
use super::index_sections::{index_shape, write_graph, write_partitions};
use super::segment::{SegmentWriter, check_pinned, section_damage};
use crate::format::container::Kind;
use crate::format::space::{
    CODE_BOOK, CODES, CodeKind, FIRST_SLOTS, GONE, ITEM_ORDER, ITEMS, SHAPE, SLOT_NODES,
    SLOT_ORDER, Shape, SlotFinder, SpaceLayout, VECTORS,
};
use crate::format::{FormatError, NodeItems};
use crate::graph::{NodeVectors, OwnedCodes, Rows, StoredRows};
use crate::index::{Index, IndexKind, OwnedIndex};
use crate::manifest::SpaceFile;
use std::path::{Path, PathBuf};
use twinspire_core::files::{Blob, IoAction, memory_limit, names};
use twinspire_core::ids::{FileNo, ItemNo};
use twinspire_core::kernel::{Level, Metric, Storage};
use twinspire_core::wire::pack;

/// Smaller files stay in memory anywhere; the limit is not read for them.
const LEAST_PAGED: u64 = 64 << 20;
/// Components converted to half precision at a time.
const BLOCK: usize = 4096;

/// An open space segment.
#[derive(Debug)]
pub(crate) struct SpaceSegment {
    path: PathBuf,
    pinned: SpaceFile,
    blob: Blob,
    layout: SpaceLayout,
    /// Whether the file is too large to stay in memory.
    paged: bool,
}

impl SpaceSegment {
    /// Whether the file `name` needs a build that knows a newer format.
    pub(crate) fn check_supported(directory: &Directory, name: &str) -> Result<(), StoreError> {
        let path = directory.path(names::SEGMENTS, name);
        let blob = directory.files.open(&path);
        let blob = blob.map_err(StoreError::io(IoAction::Open, &path))?;
        match SpaceLayout::decode(&blob) {
            Err(error) if error.is_unsupported() => Err(StoreError::format(&path)(error)),
            _ => Ok(()),
        }
    }

    /// Opens the segment that the manifest pins.
    pub(crate) fn open(directory: &Directory, pinned: &SpaceFile) -> Result<Self, StoreError> {
        let path = directory.path(names::SEGMENTS, &names::space(pinned.file.number));
        let blob = directory
            .files
            .open(&path)
            .map_err(StoreError::io(IoAction::Open, &path))?;
        let wrong = StoreError::format(&path);
        let layout = SpaceLayout::decode(&blob).map_err(&wrong)?;
        check_pinned(directory, &pinned.file, &blob, &layout.sections).map_err(&wrong)?;
        if (layout.shape.items, layout.shape.gone) != (pinned.items, pinned.gone) {
            return Err(wrong(FormatError::bad(
                "shape",
                "has other counts than the manifest says",
            )));
        }
        layout.index(&blob).map_err(&wrong)?;
        let pinned = *pinned;
        let paged = is_paged(&blob);
        if paged {
            blob.advise_scattered(layout.vectors());
        }
        Ok(Self {
            path,
            pinned,
            blob,
            layout,
            paged,
        })
    }

    /// Path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its entry in the manifest.
    pub(crate) fn pinned(&self) -> &SpaceFile {
        &self.pinned
    }

    /// How vectors are compared.
    pub(crate) fn metric(&self) -> Metric {
        self.layout.shape.metric
    }

    /// How components are stored.
    pub(crate) fn storage(&self) -> Storage {
        self.layout.shape.storage
    }

    /// Components of a vector.
    pub(crate) fn dimension(&self) -> usize {
        self.layout.shape.dimension as usize
    }

    /// The items, by slot.
    pub(crate) fn items(&self) -> &[u32] {
        self.node_items().items()
    }

    /// The items of each node.
    pub(crate) fn node_items(&self) -> NodeItems<'_> {
        self.layout.node_items(&self.blob)
    }

    /// Tombstones: items of older segments that are deleted.
    pub(crate) fn gone(&self) -> &[u32] {
        self.layout.gone(&self.blob)
    }

    /// The vectors, one row for each node.
    pub(crate) fn rows(&self) -> StoredRows<'_> {
        self.layout.rows(&self.blob)
    }

    /// What a search of the index needs of the vectors.
    pub(crate) fn node_vectors(&self) -> NodeVectors<'_> {
        NodeVectors {
            paged: self.paged.then_some(&self.blob),
            ..self.layout.node_vectors(&self.blob)
        }
    }

    /// The kind of index over the nodes.
    pub(crate) fn index_kind(&self) -> IndexKind {
        self.layout.index_kind()
    }

    /// The index over the nodes.
    pub(crate) fn index(&self) -> Result<Index<'_>, StoreError> {
        self.layout
            .index(&self.blob)
            .map_err(StoreError::reading(&self.path))
    }

    /// A finder of the slots of many items.
    pub(crate) fn finder(&self) -> SlotFinder<'_> {
        self.layout.finder(&self.blob)
    }

    /// The slot of an item, if it is in this segment.
    pub(crate) fn slot(&self, item: ItemNo) -> Option<u32> {
        self.layout.find_item(&self.blob, item)
    }

    /// The database in its header.
    pub(crate) fn database(&self) -> u64 {
        self.layout.sections.header.database
    }

    /// All damage in the file.
    pub(crate) fn check(&self) -> Vec<StoreError> {
        let damaged = section_damage(&self.layout.sections, &self.blob);
        let problems = damaged.into_iter().chain(self.layout.check(&self.blob));
        problems.map(StoreError::reading(&self.path)).collect()
    }
}

/// Whether a file takes too much of the memory for all of it to stay there.
fn is_paged(blob: &Blob) -> bool {
    let length = blob.len() as u64;
    length >= LEAST_PAGED && memory_limit().is_some_and(|limit| length > limit / 2)
}

/// Content of a space segment. `items` and `rows` are in node order; no two rows are equal.
pub(crate) struct SpaceContent<'a> {
    /// How vectors are compared.
    pub(crate) metric: Metric,
    /// How components are stored.
    pub(crate) storage: Storage,
    /// The items of the nodes, increasing within a node.
    pub(crate) items: &'a [u32],
    /// Index in `items` of each node's first one, and their number; empty if every node has one item.
    pub(crate) firsts: &'a [u32],
    /// The vector of each node, [rounded](Storage::round) as it is stored.
    pub(crate) rows: Rows<'a>,
    /// The index over the nodes.
    pub(crate) index: &'a OwnedIndex,
    /// Tombstones: items of older segments that are deleted, increasing.
    pub(crate) gone: &'a [u32],
}

/// Writes a space segment. File and name are durable then.
pub(crate) fn write_space(
    directory: &Directory,
    number: FileNo,
    database: u64,
    content: &SpaceContent<'_>,
) -> Result<SpaceFile, StoreError> {
    let SpaceContent {
        metric,
        storage,
        items,
        firsts,
        rows,
        index,
        gone,
    } = *content;
    let path = directory.path(names::SEGMENTS, &names::space(number));
    let wrong = StoreError::format(&path);
    let mut segment =
        SegmentWriter::create(directory, path.clone(), Kind::Space, number, database)?;
    let shape = Shape {
        index: index_shape(index),
        dimension: rows.dimension() as u32,
        metric,
        storage,
        nodes: rows.count(),
        items: items.len() as u32,
        gone: gone.len() as u32,
    };
    let packed = pack(&shape).map_err(|error| wrong(FormatError::bad("shape", error)))?;
    segment.section(SHAPE, &packed)?;
    segment.section(ITEMS, bytemuck::cast_slice(items))?;
    segment.start_section(VECTORS)?;
    match storage {
        Storage::Full => segment.append(bytemuck::cast_slice(rows.data()))?,
        Storage::Half => {
            let (level, mut halves) = (Level::best(), [0; BLOCK]);
            for block in rows.data().chunks(BLOCK) {
                level.encode_f16(block, &mut halves);
                let halves = halves.get(..block.len()).unwrap_or_default();
                segment.append(bytemuck::cast_slice(halves))?;
            }
        }
    }
    let mut order: Vec<u32> = (0..items.len() as u32).collect();
    order.sort_unstable_by_key(|slot| items.get(*slot as usize).copied());
    segment.section(SLOT_ORDER, bytemuck::cast_slice(&order))?;
    let sorted = order.iter().filter_map(|slot| items.get(*slot as usize));
    let sorted: Vec<u32> = sorted.copied().collect();
    segment.section(ITEM_ORDER, bytemuck::cast_slice(&sorted))?;
    write_graph(&mut segment, index)?;
    segment.section(GONE, bytemuck::cast_slice(gone))?;
    let (book, codes) = match OwnedCodes::quantise(rows, metric) {
        Some(codes) => (CodeKind::Bytes(codes.book), codes.data),
        None => (CodeKind::None, Vec::new()),
    };
    let book = pack(&book).map_err(|error| wrong(FormatError::bad("code book", error)))?;
    segment.section(CODE_BOOK, &book)?;
    segment.section(CODES, bytemuck::cast_slice(&codes))?;
    segment.section(FIRST_SLOTS, bytemuck::cast_slice(firsts))?;
    let mut nodes: Vec<u32> = Vec::new();
    for (node, pair) in (0u32..).zip(firsts.windows(2)) {
        if let [_, end] = pair {
            nodes.resize(*end as usize, node);
        }
    }
    segment.section(SLOT_NODES, bytemuck::cast_slice(&nodes))?;
    write_partitions(&mut segment, index)?;
    Ok(SpaceFile {
        file: segment.finish()?,
        items: shape.items,
        gone: shape.gone,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{GraphBuilder, build};
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use twinspire_core::files::{FileSystem, MemoryFiles};
    use twinspire_core::kernel::Row;

    const ROOT: &str = "shop.twin";

    /// Writes items 0, 1, … and opens the segment; the directory is in memory.
    fn written(storage: Storage, vectors: &[f32]) -> (MemoryFiles, Directory, SpaceSegment) {
        let files = MemoryFiles::default();
        let root = PathBuf::from(ROOT);
        for made in [root.clone(), root.join(names::SEGMENTS)] {
            files.create_dir(&made).unwrap();
        }
        let directory = Directory {
            files: Arc::new(files.clone()),
            root,
        };
        let (rows, never) = (Rows::new(vectors, 2), AtomicBool::new(false));
        let builder = GraphBuilder::default();
        let (graph, order) = build(rows, Metric::L2, builder, 1, &|_, _| (), &never).unwrap();
        let sorted = order.iter().flat_map(|row| rows.row(*row).unwrap());
        let sorted: Vec<f32> = sorted.copied().collect();
        let content = SpaceContent {
            metric: Metric::L2,
            storage,
            items: &order,
            firsts: &[],
            rows: Rows::new(&sorted, 2),
            index: &OwnedIndex::Graph(graph),
            gone: &[],
        };
        let pinned = write_space(&directory, FileNo(1), 7, &content).unwrap();
        let segment = SpaceSegment::open(&directory, &pinned).unwrap();
        (files, directory, segment)
    }

    #[test]
    fn half_precision_vectors_round_trip_and_a_non_finite_one_is_found() {
        let component = |at: usize| [at / 2 % 97, at / 194][at % 2] as f32 / 8.0;
        let vectors: Vec<f32> = (0..6_000).map(component).collect();
        let (_, _, full) = written(Storage::Full, &vectors);
        let (files, directory, segment) = written(Storage::Half, &vectors);
        assert_eq!(segment.storage(), Storage::Half);
        let saved = full.pinned().file.length - segment.pinned().file.length;
        assert!(saved.abs_diff(2 * 6_000) <= 64, "{saved} bytes saved");
        for (node, item) in (0u32..).zip(segment.items()) {
            let row = segment.rows().row(node).map(Row::to_vec).unwrap();
            assert_eq!(row, vectors[2 * *item as usize..][..2]);
        }
        assert_eq!(segment.check().len(), 0);

        let vectors = segment.layout.sections.range(VECTORS, "vectors").unwrap();
        let mut bytes = files.read(segment.path()).unwrap();
        bytes[vectors.start + 2..][..2].copy_from_slice(&0x7c00u16.to_le_bytes());
        files.put(segment.path(), &bytes);
        let problems = SpaceSegment::open(&directory, segment.pinned())
            .unwrap()
            .check();
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(
            texts
                .iter()
                .any(|text| text.contains("not a finite number")),
            "{texts:?}"
        );
    }
}
