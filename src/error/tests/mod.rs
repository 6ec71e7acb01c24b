//! What messages say, and that causes are kept.

mod page;

use super::*;
use crate::format::FormatError;
use crate::store::StoreError;
use std::error::Error as _;
use std::io;
use std::path::Path;
use std::sync::Arc;

#[test]
fn damage_names_the_file_the_section_and_the_fault() {
    let damaged = StoreError::format(Path::new("shop/segments/items-7"));
    let error = Error::from(damaged(FormatError::bad("records", Damage::Checksum)));
    assert_eq!(
        error.to_string(),
        "damaged: shop/segments/items-7: records: checksum does not match"
    );
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error.source().unwrap().is::<Damage>(),
        "the fault is a cause"
    );
}

#[test]
fn an_uncertain_write_names_the_operation_and_keeps_the_cause() {
    let failed =
        StoreError::io(IoAction::Sync, Path::new("journal-3"))(io::ErrorKind::StorageFull.into());
    let error = Error::from(StoreError::uncertain(WriteOperation::Append)(failed));
    let Error::Uncertain { operation, source } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(*operation, WriteOperation::Append);
    assert!(matches!(
        **source,
        Error::Io {
            action: IoAction::Sync,
            ..
        }
    ));
    let cause = error.source().and_then(|error| error.source()).unwrap();
    assert!(cause.is::<io::Error>(), "{cause:?}");
    let later = Error::Poisoned {
        operation: *operation,
        source: Arc::clone(source),
    };
    assert!(later.to_string().contains("appending to the journal"));
}

#[test]
fn a_change_that_came_too_late_is_a_conflict() {
    let error = Error::from(TransitionError::Moved);
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.source().unwrap().is::<TransitionError>());
}
