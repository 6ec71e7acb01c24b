//! The columns of a file that are read, as Arrow types.

use std::sync::Arc;

use ::parquet::arrow::{
    FieldLevels, ProjectionMask, parquet_to_arrow_field_levels, parquet_to_arrow_schema,
};
use ::parquet::basic::{ConvertedType, LogicalType, Type as Physical};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::ParquetMetaData;
use ::parquet::schema::types::{SchemaDescriptor, Type, TypePtr};
use arrow_schema::{DataType, FieldRef, Fields, TimeUnit};

use crate::arrow::{EXTENSION, UUID};

/// Maximum length of a fixed-length value in bytes. Every value of a batch takes it, also the nulls.
const MAX_FIXED_BYTES: i32 = 1 << 16;

/// What is read of a file.
pub(crate) struct Plan {
    /// What the columns mean.
    pub(crate) fields: Fields,
    /// How they are decoded.
    pub(super) levels: FieldLevels,
    /// The leaves of the columns, as numbers in the file.
    pub(crate) leaves: Vec<usize>,
}

/// The names of the columns of a file.
pub(crate) fn names(metadata: &ParquetMetaData) -> Vec<&str> {
    let columns = metadata.file_metadata().schema().get_fields().iter();
    columns.map(|column| column.name()).collect()
}

impl Plan {
    /// Plans to read these columns of a file.
    pub(crate) fn new(metadata: &ParquetMetaData, columns: &[usize]) -> Result<Self, String> {
        let file = metadata.file_metadata();
        let schema = file.schema_descr();
        let leaves = 0..schema.num_columns();
        let leaves: Vec<usize> = leaves
            .filter(|leaf| columns.contains(&schema.get_column_root_idx(*leaf)))
            .collect();
        check_leaves(schema, &leaves)?;
        let roots: Vec<TypePtr> = columns
            .iter()
            .filter_map(|column| file.schema().get_fields().get(*column).cloned())
            .collect();
        let whole = parquet_to_arrow_schema(schema, file.key_value_metadata());
        let fields: Fields = match whole {
            Ok(whole) => {
                let fields = columns
                    .iter()
                    .filter_map(|column| whole.fields().get(*column));
                fields.cloned().collect()
            }
            // A column that cannot be read, or damage in the schema that Arrow stored in the file.
            Err(_) => roots.iter().map(alone).collect::<Result<_, _>>()?,
        };
        let mut leaf = leaves.iter();
        let mut next = || leaf.next().map(|leaf| schema.column(*leaf).self_type_ptr());
        let meant = fields.iter().map(|field| meant(field, &mut next));
        let fields: Fields = meant.collect();
        let hint: Fields = fields.iter().map(decoded).collect();
        let roots = roots
            .iter()
            .map(without_intervals)
            .collect::<Result<_, _>>();
        let stored = roots.and_then(|roots| {
            Type::group_type_builder("schema")
                .with_fields(roots)
                .build()
        });
        let levels = stored.and_then(|stored| {
            let stored = SchemaDescriptor::new(Arc::new(stored));
            parquet_to_arrow_field_levels(&stored, ProjectionMask::all(), Some(&hint))
        });
        Ok(Self {
            fields,
            levels: levels.map_err(|error| format!("the schema cannot be read: {error}"))?,
            leaves,
        })
    }
}

/// Checks what the leaves declare.
fn check_leaves(schema: &SchemaDescriptor, leaves: &[usize]) -> Result<(), String> {
    for leaf in leaves {
        let column = schema.column(*leaf);
        let is_fixed = column.physical_type() == Physical::FIXED_LEN_BYTE_ARRAY;
        if is_fixed && !(1..=MAX_FIXED_BYTES).contains(&column.type_length()) {
            return Err(format!(
                "column `{}`: values of 1 to {MAX_FIXED_BYTES} bytes expected, found {}; drop the column to read the \
                 others",
                column.path(),
                column.type_length()
            ));
        }
    }
    Ok(())
}

/// A column by itself. An error names it.
fn alone(root: &TypePtr) -> Result<FieldRef, String> {
    let schema = Type::group_type_builder("schema")
        .with_fields(vec![Arc::clone(root)])
        .build();
    let field = schema.and_then(|schema| {
        let schema = SchemaDescriptor::new(Arc::new(schema));
        parquet_to_arrow_schema(&schema, None)
    });
    let name = root.name();
    let field = field.map_err(|error| {
        format!("column `{name}`: values of a type that cannot be read ({error}); drop it to read the others")
    })?;
    let field = field.fields().first().cloned();
    field.ok_or_else(|| format!("column `{name}`: a column without values"))
}

/// What a field means, by its stored types, which `next` gives leaf by leaf: UUIDs are marked, and INT96 is read in
/// microseconds, as its nanoseconds do not fit into 64 bits.
fn meant(field: &FieldRef, next: &mut impl FnMut() -> Option<TypePtr>) -> FieldRef {
    let changed = match field.data_type() {
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| meant(field, next)).collect())
        }
        DataType::Map(entries, sorted) => DataType::Map(meant(entries, next), *sorted),
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::FixedSizeList(element, _)
        | DataType::ListView(element)
        | DataType::LargeListView(element) => DataType::List(meant(element, next)),
        DataType::Dictionary(_, value) => {
            let value = field.as_ref().clone().with_data_type((**value).clone());
            return meant(&Arc::new(value), next);
        }
        DataType::RunEndEncoded(_, value) => {
            let value = field
                .as_ref()
                .clone()
                .with_data_type(value.data_type().clone());
            return meant(&Arc::new(value), next);
        }
        other => {
            let stored = next();
            let stored = stored.as_deref();
            let physical = stored.map(Type::get_physical_type);
            let logical = stored.and_then(|stored| stored.get_basic_info().logical_type_ref());
            match (physical, logical) {
                (Some(Physical::INT96), _) => DataType::Timestamp(TimeUnit::Microsecond, None),
                (_, Some(LogicalType::Uuid)) => {
                    let mut metadata = field.metadata().clone();
                    metadata.insert(EXTENSION.to_owned(), UUID.to_owned());
                    return Arc::new(field.as_ref().clone().with_metadata(metadata));
                }
                _ => other.clone(),
            }
        }
    };
    Arc::new(field.as_ref().clone().with_data_type(changed))
}

/// The type in which a field is decoded. Texts are views into the pages that hold them, so that no value is copied
/// however often a dictionary repeats it; the length of a list is never taken from the file's word.
fn decoded(field: &FieldRef) -> FieldRef {
    let changed = match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(decoded).collect()),
        DataType::Map(entries, sorted) => DataType::Map(decoded(entries), *sorted),
        DataType::List(element) => DataType::List(decoded(element)),
        _ => return Arc::clone(field),
    };
    Arc::new(field.as_ref().clone().with_data_type(changed))
}

/// A column whose intervals are plain bytes: the crate would drop their months.
fn without_intervals(root: &TypePtr) -> Result<TypePtr, ParquetError> {
    let info = root.get_basic_info();
    if root.is_group() {
        let fields = root.get_fields().iter().map(without_intervals);
        let fields = fields.collect::<Result<Vec<_>, _>>()?;
        let same = fields.iter().zip(root.get_fields());
        if same.into_iter().all(|(new, old)| Arc::ptr_eq(new, old)) {
            return Ok(Arc::clone(root));
        }
        let group = Type::group_type_builder(root.name())
            .with_repetition(info.repetition())
            .with_converted_type(info.converted_type())
            .with_logical_type(info.logical_type_ref().cloned())
            .with_fields(fields)
            .build()?;
        return Ok(Arc::new(group));
    }
    if info.converted_type() != ConvertedType::INTERVAL {
        return Ok(Arc::clone(root));
    }
    let bytes = Type::primitive_type_builder(root.name(), Physical::FIXED_LEN_BYTE_ARRAY)
        .with_repetition(info.repetition())
        .with_length(12)
        .build()?;
    Ok(Arc::new(bytes))
}
