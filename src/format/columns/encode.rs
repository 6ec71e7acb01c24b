//! Writing the arrays of a column.

use super::array::{ALIGNMENT, NO_ENTRY};
use super::column_builder::ColumnBuilder;
use super::key::Dictionary;
use super::mark::MARKS;
use super::shape::Shape;

/// Passes the arrays of a column to `put`, front to back; returns the counts that give their lengths.
pub(super) fn column<E>(
    path: String,
    builder: ColumnBuilder,
    rows: u32,
    put: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<Shape, E> {
    let ColumnBuilder {
        terms,
        mut entries,
        places,
        present,
        lists,
    } = builder;
    let mut sorted: Vec<u32> = (0..terms.len() as u32).collect();
    sorted.sort_unstable_by_key(|term| terms.get(*term));
    let mut dictionary = Dictionary::default();
    let mut ordinals = vec![NO_ENTRY; sorted.len()];
    for (ordinal, term) in (0u32..).zip(&sorted) {
        dictionary.push(terms.get(*term));
        if let Some(place) = ordinals.get_mut(*term as usize) {
            *place = ordinal;
        }
    }
    drop((terms, sorted));
    let mut starts = vec![0u32; ordinals.len() + 1];
    for (_, term) in &mut entries {
        *term = ordinals.get(*term as usize).copied().unwrap_or(NO_ENTRY);
        if let Some(count) = starts.get_mut(*term as usize + 1) {
            *count += 1;
        }
    }
    let mut sum = 0;
    for start in &mut starts {
        sum += *start;
        *start = sum;
    }
    let offsets = starts.len().saturating_sub(MARKS as usize);
    let (offsets, marks) = starts.split_at(offsets);
    let postings = offsets.last().copied().unwrap_or_default();
    let ends: [u32; MARKS as usize] = marks.try_into().unwrap_or([postings; MARKS as usize]);
    let [long, placed, empty, all] = ends;
    let shape = Shape {
        path,
        booleans: dictionary.booleans,
        numbers: dictionary.numbers.len() as u32,
        rests: !dictionary.rests.is_empty(),
        texts: dictionary.text_offsets.len().saturating_sub(1) as u32,
        text_bytes: dictionary.texts.len() as u32,
        postings,
        long: long - postings,
        places: placed - long,
        empty: empty - placed,
        number_lists: all - empty,
        present,
        lists,
    };

    array(&dictionary.numbers, put)?;
    array(&dictionary.rests, put)?;
    array(&Vec::from_iter(places.iter().map(|at| at.lat)), put)?;
    array(&Vec::from_iter(places.iter().map(|at| at.lon)), put)?;
    array(&dictionary.text_offsets, put)?;
    array(&dictionary.texts, put)?;
    drop(dictionary);
    array(if shape.is_unique() { &[] } else { offsets }, put)?;
    array(&by_ordinal(&entries, starts), put)?;
    by_row(&shape, rows, &entries, put)?;
    let mut by_latitude: Vec<u32> = (0..places.len() as u32).collect();
    let latitude = |place: &u32| places.get(*place as usize).map_or(0.0, |at| at.lat);
    // Stable: places of one latitude stay in order of rows.
    by_latitude.sort_by(|a, b| latitude(a).total_cmp(&latitude(b)));
    array(&by_latitude, put)?;
    Ok(shape)
}

/// The rows of all entries, in order of ordinals, then of rows. `next` has the start of each ordinal.
fn by_ordinal(entries: &[(u32, u32)], mut next: Vec<u32>) -> Vec<u32> {
    let mut postings = vec![0; entries.len()];
    for (row, ordinal) in entries {
        if let Some(next) = next.get_mut(*ordinal as usize) {
            if let Some(posting) = postings.get_mut(*next as usize) {
                *posting = *row;
            }
            *next += 1;
        }
    }
    postings
}

/// Passes on slot rows, entry offsets and entries: the ordinals of all entries, by slot.
fn by_row<E>(
    shape: &Shape,
    rows: u32,
    entries: &[(u32, u32)],
    put: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let (dense, slots) = (shape.is_dense(rows), shape.slots(rows) as usize);
    let of_rows = || entries.chunk_by(|(a, _), (b, _)| a == b);
    let row_of = |entries: &[(u32, u32)]| entries.first().map_or(NO_ENTRY, |(row, _)| *row);
    if dense {
        array::<u32, _>(&[], put)?;
    } else {
        array(&Vec::from_iter(of_rows().map(row_of)), put)?;
    }
    let ordinals = entries.iter().map(|(_, ordinal)| *ordinal);
    if shape.is_many() {
        let (mut offsets, mut end) = (Vec::with_capacity(slots + 1), 0);
        for entries in of_rows() {
            // Skipped rows have no entries: their range is empty, at the start of the next row's.
            let slot = if dense {
                row_of(entries) as usize
            } else {
                offsets.len()
            };
            offsets.resize(slot + 1, end);
            end += entries.len() as u32;
        }
        offsets.resize(slots + 1, end);
        array(&offsets, put)?;
        array(&Vec::from_iter(ordinals), put)
    } else if dense {
        let mut slots = vec![NO_ENTRY; slots];
        for (row, ordinal) in entries {
            if let Some(slot) = slots.get_mut(*row as usize) {
                *slot = *ordinal;
            }
        }
        array::<u32, _>(&[], put)?;
        array(&slots, put)
    } else {
        array::<u32, _>(&[], put)?;
        array(&Vec::from_iter(ordinals), put)
    }
}

/// Passes on an array and its padding.
fn array<T: bytemuck::NoUninit, E>(
    elements: &[T],
    put: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let bytes: &[u8] = bytemuck::cast_slice(elements);
    put(bytes)?;
    let gap = bytes.len().next_multiple_of(ALIGNMENT) - bytes.len();
    put([0; ALIGNMENT].get(..gap).unwrap_or_default())
}
