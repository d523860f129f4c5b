//! An urlencoded body: the pairs that the usual reader finds, and that are found again.
#![no_main]

use hapta_fuzz::exchange::form::{object, urlencoded::pairs};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let Ok(read) = pairs(body) else {
        return;
    };
    let usual: Vec<_> = form_urlencoded::parse(body).into_owned().collect();
    assert_eq!(read, usual);
    let mut again = form_urlencoded::Serializer::new(String::new());
    let again = again.extend_pairs(&read).finish();
    assert_eq!(pairs(again.as_bytes()).as_ref(), Ok(&read), "{again}");
    for (name, text) in &read {
        assert!(
            !name.is_empty() && !name.contains(char::is_control),
            "{name:?}"
        );
        assert!(!text.contains('\0'), "{text:?}");
    }
    let names = read
        .iter()
        .map(|(name, _)| name.clone())
        .collect::<std::collections::BTreeSet<_>>();
    let has_payload = names.contains("@jsonPayload");
    if let Ok(object) = object(read)
        && !has_payload
    {
        let keys: std::collections::BTreeSet<_> = object.keys().cloned().collect();
        assert_eq!(keys, names);
    }
});
