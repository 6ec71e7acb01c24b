use crate::filter::limits::{MAX_LIST, MAX_TEXT_BYTES, TOO_DEEP};
use crate::filter::{Filter, KnownFields};

#[test]
fn depth_length_and_lists_are_limited() {
    let nested = |open: &str, close: &str, levels| {
        let (open, close) = (open.repeat(levels), close.repeat(levels));
        Filter::parse(&format!("{open}a = 1{close}"))
    };
    for (open, close) in [
        ("(", ")"),
        ("not (", ")"),
        ("not ", ""),
        ("(b = 2 or (c = 1 and ", "))"),
    ] {
        assert!(nested(open, close, 40).is_ok());
        for levels in [1000, 100_000] {
            let error = nested(open, close, levels).unwrap_err();
            assert!(
                error.message.contains("at most") || error.message == TOO_DEEP,
                "{error}"
            );
        }
    }
    let long = format!("a = '{}'", "x".repeat(MAX_TEXT_BYTES));
    assert!(
        Filter::parse(&long)
            .unwrap_err()
            .message
            .contains("at most 1048576 are allowed")
    );
    let list = |count: usize| Filter::parse(&format!("a in ({})", vec!["1"; count].join(",")));
    assert!(list(MAX_LIST).is_ok());
    assert!(
        list(MAX_LIST + 1)
            .unwrap_err()
            .message
            .contains("at most 10000")
    );

    // Filters built by calls have the same limit.
    let leaf = || Filter::field("a").eq(1);
    let mut deep = leaf();
    for _ in 0..100_000 {
        deep = !(deep & leaf());
    }
    assert_eq!(
        deep.check(&KnownFields::unknown()).unwrap_err().message,
        TOO_DEEP
    );
    let mut wide = leaf();
    for _ in 0..10_000 {
        wide = leaf() & wide & leaf();
    }
    assert!(wide.check(&KnownFields::unknown()).is_ok());
}
