//! A filter: refused, or printed as one that reads the same.
#![no_main]

use hapta_fuzz::filter::{Filter, MAX_BYTES};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|source: &str| {
    let Ok(filter) = Filter::parse(source) else {
        return;
    };
    let printed = filter.to_string();
    assert!(printed.len() <= MAX_BYTES, "{printed}");
    assert!(!printed.contains('\0'), "{printed:?}");
    assert_eq!(Filter::parse(&printed), Ok(filter.clone()), "{printed}");
    // Whatever it is joined to stays whole.
    let narrowing = Filter::parse("owner='me'||open=true").expect("a filter");
    if let Ok(joined) = filter.clone().and(narrowing) {
        let printed = joined.to_string();
        assert!(printed.ends_with("&&(owner='me'||open=true)"), "{printed}");
        assert_eq!(Filter::parse(&printed), Ok(joined), "{printed}");
    }
});
