//! The values of a column.

use std::cell::Cell as Counter;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowDictionaryKeyType, ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type,
    Decimal64Type, Decimal128Type, Decimal256Type, DecimalType, DurationMicrosecondType,
    DurationMillisecondType, DurationNanosecondType, DurationSecondType, Float16Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalDayTimeType,
    IntervalMonthDayNanoType, IntervalYearMonthType, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, DictionaryArray, RunArray};
use arrow_schema::{DataType, Field, IntervalUnit, TimeUnit};
use serde_json::{Map, Number, Value};
use twinspire_towers::internals::MAX_RECORD_BYTES;

use super::extension::{EXTENSION, UUID};
use crate::lines::utf8;
use crate::times::seconds;

const SECONDS_OF_DAY: i64 = 86_400;

/// How many bytes a row may still take. A dictionary can repeat a large text in every row, so what a row takes is
/// bounded before it is copied.
pub(crate) struct Budget(Counter<usize>);

impl Budget {
    pub(crate) fn new() -> Self {
        Self(Counter::new(MAX_RECORD_BYTES))
    }

    fn take(&self, bytes: usize) -> Result<(), String> {
        let left = self.0.get().checked_sub(bytes);
        let left = left.ok_or_else(|| {
            format!("a record of at most {MAX_RECORD_BYTES} bytes expected, larger found")
        })?;
        self.0.set(left);
        Ok(())
    }
}

/// Gives the value of a row; null for an absent one.
pub(crate) type Cell<'a> = Box<dyn Fn(usize, &Budget) -> Result<Value, String> + 'a>;

/// The values of a column. `field` says what they mean; the array may hold them in another form.
pub(crate) fn cells<'a>(field: &Field, array: &'a ArrayRef) -> Result<Cell<'a>, String> {
    let value = values(field, array)?;
    let Some(nulls) = array.logical_nulls() else {
        return Ok(value);
    };
    Ok(Box::new(move |row, budget| match nulls.is_null(row) {
        true => Ok(Value::Null),
        false => value(row, budget),
    }))
}

/// The values of a column, of rows that are not null.
fn values<'a>(field: &Field, array: &'a ArrayRef) -> Result<Cell<'a>, String> {
    let unreadable = || {
        Err(format!(
            "values of the type {} cannot be read",
            array.data_type()
        ))
    };
    Ok(match array.data_type() {
        DataType::Null => Box::new(|_, _| Ok(Value::Null)),
        DataType::Boolean => {
            let array = array.as_boolean();
            Box::new(|row, _| Ok(array.value(row).into()))
        }
        DataType::Int8 => numbers::<Int8Type>(array, Value::from),
        DataType::Int16 => numbers::<Int16Type>(array, Value::from),
        DataType::Int32 => numbers::<Int32Type>(array, Value::from),
        DataType::Int64 => numbers::<Int64Type>(array, Value::from),
        DataType::UInt8 => numbers::<UInt8Type>(array, Value::from),
        DataType::UInt16 => numbers::<UInt16Type>(array, Value::from),
        DataType::UInt32 => numbers::<UInt32Type>(array, Value::from),
        DataType::UInt64 => numbers::<UInt64Type>(array, Value::from),
        DataType::Float16 => numbers::<Float16Type>(array, |number| short(number.to_f32())),
        DataType::Float32 => numbers::<Float32Type>(array, short),
        DataType::Float64 => numbers::<Float64Type>(array, float),
        DataType::Decimal32(..) => decimals::<Decimal32Type>(array),
        DataType::Decimal64(..) => decimals::<Decimal64Type>(array),
        DataType::Decimal128(..) => decimals::<Decimal128Type>(array),
        DataType::Decimal256(..) => decimals::<Decimal256Type>(array),
        DataType::Date32 => {
            numbers::<Date32Type>(array, |days| Value::from(i64::from(days) * SECONDS_OF_DAY))
        }
        DataType::Date64 => numbers::<Date64Type>(array, |time| seconds(time, 1_000)),
        DataType::Timestamp(unit, _) => timestamps(*unit, array),
        DataType::Time32(TimeUnit::Second) => numbers::<Time32SecondType>(array, Value::from),
        DataType::Time32(TimeUnit::Millisecond) => {
            numbers::<Time32MillisecondType>(array, |time| seconds(time.into(), 1_000))
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            numbers::<Time64MicrosecondType>(array, |time| seconds(time, 1_000_000))
        }
        DataType::Time64(TimeUnit::Nanosecond) => {
            numbers::<Time64NanosecondType>(array, |time| seconds(time, 1_000_000_000))
        }
        DataType::Duration(unit) => durations(*unit, array),
        DataType::Interval(IntervalUnit::YearMonth) => {
            numbers::<IntervalYearMonthType>(array, |months| interval(months.into(), 0, 0))
        }
        DataType::Interval(IntervalUnit::DayTime) => numbers::<IntervalDayTimeType>(array, |of| {
            interval(0, of.days.into(), i64::from(of.milliseconds) * 1_000_000)
        }),
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            numbers::<IntervalMonthDayNanoType>(array, |of| {
                interval(of.months.into(), of.days.into(), of.nanoseconds)
            })
        }
        DataType::Utf8 => {
            let array = array.as_string::<i32>();
            Box::new(|row, budget| text(array.value(row), budget))
        }
        DataType::LargeUtf8 => {
            let array = array.as_string::<i64>();
            Box::new(|row, budget| text(array.value(row), budget))
        }
        DataType::Utf8View => {
            // As bytes: not every reader checks that they are UTF-8.
            let array = array.as_string_view().clone().to_binary_view();
            Box::new(move |row, budget| text(utf8(array.value(row))?, budget))
        }
        DataType::Binary => {
            let array = array.as_binary::<i32>();
            Box::new(|row, budget| text(utf8(array.value(row))?, budget))
        }
        DataType::LargeBinary => {
            let array = array.as_binary::<i64>();
            Box::new(|row, budget| text(utf8(array.value(row))?, budget))
        }
        DataType::BinaryView => {
            let array = array.as_binary_view();
            Box::new(|row, budget| text(utf8(array.value(row))?, budget))
        }
        DataType::FixedSizeBinary(size) => {
            let array = array.as_fixed_size_binary();
            let is_uuid = field
                .metadata()
                .get(EXTENSION)
                .is_some_and(|name| name == UUID);
            match (field.data_type(), size) {
                (DataType::Interval(_), 12) => {
                    Box::new(|row, _| Ok(stored_interval(array.value(row))))
                }
                (_, 16) if is_uuid => Box::new(|row, _| Ok(uuid(array.value(row)))),
                _ => Box::new(|row, budget| text(utf8(array.value(row))?, budget)),
            }
        }
        DataType::Dictionary(key, _) => match &**key {
            DataType::Int8 => dictionary::<Int8Type>(field, array)?,
            DataType::Int16 => dictionary::<Int16Type>(field, array)?,
            DataType::Int32 => dictionary::<Int32Type>(field, array)?,
            DataType::Int64 => dictionary::<Int64Type>(field, array)?,
            DataType::UInt8 => dictionary::<UInt8Type>(field, array)?,
            DataType::UInt16 => dictionary::<UInt16Type>(field, array)?,
            DataType::UInt32 => dictionary::<UInt32Type>(field, array)?,
            DataType::UInt64 => dictionary::<UInt64Type>(field, array)?,
            _ => return unreadable(),
        },
        DataType::RunEndEncoded(ends, _) => match ends.data_type() {
            DataType::Int16 => runs::<Int16Type>(field, array)?,
            DataType::Int32 => runs::<Int32Type>(field, array)?,
            DataType::Int64 => runs::<Int64Type>(field, array)?,
            _ => return unreadable(),
        },
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let offsets = list.value_offsets();
            lists(field, list.values(), |row| range(offsets, row))?
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            let offsets = list.value_offsets();
            lists(field, list.values(), |row| range(offsets, row))?
        }
        DataType::FixedSizeList(..) => {
            let list = array.as_fixed_size_list();
            let length = list.value_length().max(0) as usize;
            lists(field, list.values(), move |row| (row * length, length))?
        }
        DataType::ListView(_) => {
            let list = array.as_list_view::<i32>();
            let (offsets, sizes) = (list.value_offsets(), list.value_sizes());
            lists(field, list.values(), |row| view(offsets, sizes, row))?
        }
        DataType::LargeListView(_) => {
            let list = array.as_list_view::<i64>();
            let (offsets, sizes) = (list.value_offsets(), list.value_sizes());
            lists(field, list.values(), |row| view(offsets, sizes, row))?
        }
        DataType::Struct(fields) => {
            let meant = match field.data_type() {
                DataType::Struct(meant) => meant,
                _ => fields,
            };
            let mut columns = Vec::new();
            for (field, column) in meant.iter().zip(array.as_struct().columns()) {
                let cells = cells(field, column);
                let cells = cells.map_err(|what| format!("field `{}`: {what}", field.name()))?;
                columns.push((field.name().clone(), cells));
            }
            Box::new(move |row, budget| object(&columns, row, budget).map(Value::Object))
        }
        DataType::Map(entries, _) => {
            let meant = match field.data_type() {
                DataType::Map(meant, _) => meant,
                _ => entries,
            };
            let (DataType::Struct(fields), map) = (meant.data_type(), array.as_map()) else {
                return unreadable();
            };
            let [key, value] = &**fields else {
                return unreadable();
            };
            let (keys, values) = (cells(key, map.keys())?, cells(value, map.values())?);
            let offsets = map.value_offsets();
            Box::new(move |row, budget| {
                let mut object = Map::new();
                let (start, length) = range(offsets, row);
                for at in start..start + length {
                    let key = match keys(at, budget)? {
                        Value::String(key) => key,
                        key @ (Value::Number(_) | Value::Bool(_)) => key.to_string(),
                        _ => {
                            return Err("a map from texts, numbers or booleans expected".to_owned());
                        }
                    };
                    let value = values(at, budget)?;
                    if !value.is_null() {
                        object.insert(key, value);
                    }
                }
                Ok(Value::Object(object))
            })
        }
        DataType::Union(members, _) => {
            let union = array.as_union();
            let mut cells_of = Vec::new();
            for (id, member) in members.iter() {
                cells_of.push((id, cells(member, union.child(id))?));
            }
            Box::new(move |row, budget| {
                let id = union.type_id(row);
                match cells_of.iter().find(|(member, _)| *member == id) {
                    Some((_, cells)) => cells(union.value_offset(row), budget),
                    None => Ok(Value::Null),
                }
            })
        }
        _ => return unreadable(),
    })
}

/// The fields of a row that are not null.
pub(super) fn object(
    columns: &[(String, Cell<'_>)],
    row: usize,
    budget: &Budget,
) -> Result<Map<String, Value>, String> {
    let mut object = Map::new();
    for (name, cells) in columns {
        let value = cells(row, budget).map_err(|what| format!("field `{name}`: {what}"))?;
        if !value.is_null() {
            object.insert(name.clone(), value);
        }
    }
    Ok(object)
}

fn numbers<'a, T: ArrowPrimitiveType>(
    array: &'a ArrayRef,
    value: impl Fn(T::Native) -> Value + 'a,
) -> Cell<'a> {
    let array = array.as_primitive::<T>();
    Box::new(move |row, _| Ok(value(array.value(row))))
}

fn decimals<T: DecimalType + ArrowPrimitiveType>(array: &ArrayRef) -> Cell<'_> {
    let array = array.as_primitive::<T>();
    let whole = array.scale() <= 0;
    Box::new(move |row, _| {
        let digits = array.value_as_string(row);
        Ok(match whole {
            true => {
                let signed = digits.parse::<i64>().map(Value::from);
                let value = signed.or_else(|_| digits.parse::<u64>().map(Value::from));
                value.unwrap_or(Value::String(digits))
            }
            false => digits.parse().map_or(Value::Null, float),
        })
    })
}

fn timestamps(unit: TimeUnit, array: &ArrayRef) -> Cell<'_> {
    match unit {
        TimeUnit::Second => numbers::<TimestampSecondType>(array, Value::from),
        TimeUnit::Millisecond => {
            numbers::<TimestampMillisecondType>(array, |time| seconds(time, 1_000))
        }
        TimeUnit::Microsecond => {
            numbers::<TimestampMicrosecondType>(array, |time| seconds(time, 1_000_000))
        }
        TimeUnit::Nanosecond => {
            numbers::<TimestampNanosecondType>(array, |time| seconds(time, 1_000_000_000))
        }
    }
}

fn durations(unit: TimeUnit, array: &ArrayRef) -> Cell<'_> {
    match unit {
        TimeUnit::Second => numbers::<DurationSecondType>(array, Value::from),
        TimeUnit::Millisecond => {
            numbers::<DurationMillisecondType>(array, |time| seconds(time, 1_000))
        }
        TimeUnit::Microsecond => {
            numbers::<DurationMicrosecondType>(array, |time| seconds(time, 1_000_000))
        }
        TimeUnit::Nanosecond => {
            numbers::<DurationNanosecondType>(array, |time| seconds(time, 1_000_000_000))
        }
    }
}

fn dictionary<'a, K: ArrowDictionaryKeyType>(
    field: &Field,
    array: &'a ArrayRef,
) -> Result<Cell<'a>, String> {
    let dictionary: &DictionaryArray<K> = array.as_dictionary();
    let field = match field.data_type() {
        DataType::Dictionary(_, value) => &field.clone().with_data_type((**value).clone()),
        _ => field,
    };
    let values = cells(field, dictionary.values())?;
    Ok(Box::new(move |row, budget| match dictionary.key(row) {
        Some(key) => values(key, budget),
        None => Ok(Value::Null),
    }))
}

fn runs<'a, R: arrow_array::types::RunEndIndexType>(
    field: &Field,
    array: &'a ArrayRef,
) -> Result<Cell<'a>, String> {
    let runs: &RunArray<R> = array.as_run();
    let field = match field.data_type() {
        DataType::RunEndEncoded(_, values) => values,
        _ => field,
    };
    let values = cells(field, runs.values())?;
    Ok(Box::new(move |row, budget| {
        values(runs.get_physical_index(row), budget)
    }))
}

fn lists<'a>(
    field: &Field,
    elements: &'a ArrayRef,
    place: impl Fn(usize) -> (usize, usize) + 'a,
) -> Result<Cell<'a>, String> {
    let unknown;
    let element = match field.data_type() {
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::FixedSizeList(element, _)
        | DataType::ListView(element)
        | DataType::LargeListView(element) => element,
        _ => {
            unknown = Field::new("element", elements.data_type().clone(), true);
            &unknown
        }
    };
    let cells = cells(element, elements)?;
    Ok(Box::new(move |row, budget| {
        let (start, length) = place(row);
        // A digit and a comma each, at least.
        budget.take(length.saturating_mul(2))?;
        let elements = (start..start + length).map(|at| cells(at, budget));
        Ok(Value::Array(elements.collect::<Result<_, _>>()?))
    }))
}

/// Start and length of a row.
fn range<O: Copy + TryInto<usize>>(offsets: &[O], row: usize) -> (usize, usize) {
    let at = |index: usize| {
        let offset = offsets.get(index).copied();
        offset
            .and_then(|offset| offset.try_into().ok())
            .unwrap_or_default()
    };
    let (start, end) = (at(row), at(row + 1));
    (start, end.saturating_sub(start))
}

fn view<O: Copy + TryInto<usize>>(offsets: &[O], sizes: &[O], row: usize) -> (usize, usize) {
    let at = |all: &[O]| {
        let number = all.get(row).copied();
        number
            .and_then(|number| number.try_into().ok())
            .unwrap_or_default()
    };
    (at(offsets), at(sizes))
}

fn text(text: &str, budget: &Budget) -> Result<Value, String> {
    budget.take(text.len())?;
    Ok(Value::String(text.to_owned()))
}

/// NaN is null, as pandas writes missing numbers so; JSON has no infinities.
fn float(number: f64) -> Value {
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

/// A 32-bit float by its own digits: 0.1, not 0.10000000149.
fn short(number: f32) -> Value {
    number.to_string().parse().map_or(Value::Null, float)
}

fn uuid(bytes: &[u8]) -> Value {
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text.into()
}

/// An interval as Parquet stores it: months, days and milliseconds, 32 bits each.
fn stored_interval(bytes: &[u8]) -> Value {
    let (parts, _) = bytes.as_chunks::<4>();
    let part = |at: usize| parts.get(at).copied().map_or(0, u32::from_le_bytes);
    let milliseconds = i64::from(part(2));
    interval(part(0).into(), part(1).into(), milliseconds * 1_000_000)
}

/// `P1M2DT3.5S`, as in ISO 8601. Months and days have no fixed length in seconds.
fn interval(months: i64, days: i64, nanoseconds: i64) -> Value {
    let mut text = "P".to_owned();
    if months != 0 {
        text.push_str(&format!("{months}M"));
    }
    if days != 0 {
        text.push_str(&format!("{days}D"));
    }
    if nanoseconds != 0 || text == "P" {
        let (whole, fraction) = (
            nanoseconds / 1_000_000_000,
            (nanoseconds % 1_000_000_000).abs(),
        );
        let sign = if nanoseconds < 0 && whole == 0 {
            "-"
        } else {
            ""
        };
        text.push_str(&format!("T{sign}{whole}"));
        if fraction != 0 {
            let digits = format!("{fraction:09}");
            text.push_str(&format!(".{}", digits.trim_end_matches('0')));
        }
        text.push('S');
    }
    text.into()
}
