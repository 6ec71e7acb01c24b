//! The columns that hold ids and vectors.

use ::parquet::basic::{ConvertedType, LogicalType, Type};
use ::parquet::schema::types::{ColumnDescPtr, SchemaDescriptor};

/// Maximum number of columns that an error lists.
const MAX_NAMES: usize = 30;

/// A column of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdKind {
    Text,
    Int { unsigned: bool },
    Long { unsigned: bool },
}

/// The two columns that are read, as numbers of leaves of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) id: usize,
    pub(super) id_kind: IdKind,
    pub(super) vector: usize,
    /// Whether the components are doubles; floats otherwise.
    pub(super) doubles: bool,
}

impl Columns {
    pub(super) fn find(schema: &SchemaDescriptor, id: &str, vector: &str) -> Result<Self, String> {
        let id = only_leaf(schema, id, "texts or whole numbers")?;
        let id_kind = id_kind(&schema.column(id))?;
        let vector = only_leaf(schema, vector, LIST)?;
        let doubles = doubles(&schema.column(vector))?;
        Ok(Self {
            id,
            id_kind,
            vector,
            doubles,
        })
    }
}

const LIST: &str = "lists of floats or doubles";

/// The one leaf of a column, by its name.
fn only_leaf(schema: &SchemaDescriptor, name: &str, wanted: &str) -> Result<usize, String> {
    let leaves = 0..schema.num_columns();
    let leaves: Vec<usize> = leaves
        .filter(|leaf| schema.get_column_root(*leaf).name() == name)
        .collect();
    match *leaves.as_slice() {
        [leaf] => Ok(leaf),
        [] => {
            let columns = schema.root_schema().get_fields().iter().take(MAX_NAMES);
            let columns: Vec<&str> = columns.map(|column| column.name()).collect();
            let columns = columns.join(", ");
            Err(format!(
                "a column `{name}` of {wanted} expected, found these columns: {columns}"
            ))
        }
        _ => Err(format!(
            "column `{name}`: {wanted} expected, found a group of {} columns",
            leaves.len()
        )),
    }
}

fn id_kind(leaf: &ColumnDescPtr) -> Result<IdKind, String> {
    let flat = leaf.path().parts().len() == 1 && leaf.max_rep_level() == 0;
    let unsigned = matches!(
        leaf.converted_type(),
        ConvertedType::UINT_8
            | ConvertedType::UINT_16
            | ConvertedType::UINT_32
            | ConvertedType::UINT_64
    ) || matches!(leaf.logical_type_ref(), Some(LogicalType::Integer(int)) if !int.is_signed);
    let whole = match leaf.logical_type_ref() {
        Some(logical) => matches!(logical, LogicalType::Integer(_)),
        None => {
            matches!(
                leaf.converted_type(),
                ConvertedType::NONE
                    | ConvertedType::INT_8
                    | ConvertedType::INT_16
                    | ConvertedType::INT_32
                    | ConvertedType::INT_64
            ) || unsigned
        }
    };
    let text = match leaf.logical_type_ref() {
        Some(logical) => matches!(logical, LogicalType::String | LogicalType::Enum),
        None => matches!(
            leaf.converted_type(),
            ConvertedType::NONE | ConvertedType::UTF8 | ConvertedType::ENUM
        ),
    };
    match leaf.physical_type() {
        Type::BYTE_ARRAY if flat && text => Ok(IdKind::Text),
        Type::INT32 if flat && whole => Ok(IdKind::Int { unsigned }),
        Type::INT64 if flat && whole => Ok(IdKind::Long { unsigned }),
        _ => Err(wrong_type(leaf, "texts or whole numbers")),
    }
}

/// Whether the components are doubles. A list has at most two levels above its elements, the list and the
/// repeated group; old writers have fewer.
fn doubles(leaf: &ColumnDescPtr) -> Result<bool, String> {
    let list = leaf.max_rep_level() == 1 && leaf.path().parts().len() <= 3;
    match leaf.physical_type() {
        Type::FLOAT if list => Ok(false),
        Type::DOUBLE if list => Ok(true),
        _ => Err(wrong_type(leaf, LIST)),
    }
}

/// The error for a column of another type.
fn wrong_type(leaf: &ColumnDescPtr, wanted: &str) -> String {
    let name = leaf.path().parts().first().map_or("", String::as_str);
    let kind = leaf.physical_type();
    let means = match (leaf.logical_type_ref(), leaf.converted_type()) {
        (Some(logical), _) => format!(" ({logical:?})"),
        (None, ConvertedType::NONE) => String::new(),
        (None, converted) => format!(" ({converted})"),
    };
    let lists = match leaf.max_rep_level() {
        0 => "",
        1 => "lists of ",
        _ => "lists of lists of ",
    };
    format!("column `{name}`: {wanted} expected, found {lists}{kind}{means}")
}
