//! How much is kept, for how long, and what is not believed.

use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::rules::Exposed;

/// A history in a folder of its own; removed at the end.
struct Place {
    history: History,
    folder: PathBuf,
}

impl Place {
    fn new(name: &str, keep: usize) -> Self {
        let folder = std::env::temp_dir().join(format!("hapta-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let state = Arc::new(State::open(&folder).unwrap());
        Self {
            history: History::new(state, keep),
            folder,
        }
    }

    /// Keeps a generation whose one rule is this text, at this time.
    fn keep(&self, rule: &str, now_ms: u64, pinned: Option<u64>) -> u64 {
        let module = Module::new(rule.as_bytes().to_vec());
        let number = self.history.number(rule).unwrap();
        let kept = Kept {
            number,
            digest: rule.to_owned(),
            made_ms: now_ms,
            followed_ms: now_ms,
            alarmed_ms: None,
            rules: vec![KeptRule {
                name: "rule".to_owned(),
                module: module.hash.clone(),
                digest: rule.to_owned(),
            }],
            settings: settings(),
        };
        self.history.keep(kept, &[module], pinned).unwrap();
        number
    }

    fn numbers(&self) -> Vec<u64> {
        let listed = self.history.list().unwrap();
        listed.kept.iter().map(|kept| kept.number).collect()
    }

    fn modules(&self) -> usize {
        fs::read_dir(self.folder.join(MODULES)).map_or(0, Iterator::count)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn settings() -> Settings {
    Settings {
        sources: vec![Source {
            name: "rule".to_owned(),
            file: "/etc/hapta/rule.wasm".into(),
            settings: r#"{"a":1}"#.to_owned(),
            limits: crate::rules::Limits {
                // Would be rounded as text.
                memory: bytesize::ByteSize::b((16 << 20) + 1),
                ..Default::default()
            },
            ..Source::default()
        }],
        exposed: [("posts".to_owned(), Exposed::Folder)].into(),
        judge_superusers: true,
        ..Settings::default()
    }
}

#[test]
fn what_is_kept_is_had_again_with_its_own_modules() {
    let place = Place::new("again", 3);
    let number = place.keep("one", 1, None);
    let kept = place.history.get(number).unwrap();
    assert_eq!(kept.settings, settings());
    let again = place.history.settings(&kept).unwrap();
    assert!(
        again.sources[0]
            .file
            .starts_with(place.folder.join(MODULES))
    );
    assert_eq!(again.dropped_in, Some(Vec::new()));
    assert_eq!(again.sources[0].limits, kept.settings.sources[0].limits);
}

#[test]
fn a_number_is_of_one_set_for_good() {
    let place = Place::new("numbers", 2);
    assert_eq!(place.keep("one", 1, None), 1);
    assert_eq!(place.keep("two", 2, None), 2);
    assert_eq!(place.keep("one", 3, None), 1, "it is what it was");
    assert_eq!(place.keep("three", 4, None), 3);
    assert_eq!(place.numbers(), [1, 3]);
    // Neither is a number given twice when the highest was forgotten.
    assert_eq!(place.keep("one", 5, None), 1);
    assert_eq!(place.keep("four", 6, None), 4);
    assert_eq!(place.numbers(), [1, 4]);
}

#[test]
fn before_is_what_files_asked_for_before() {
    let place = Place::new("before", 9);
    for (rule, now_ms) in [("good", 1), ("bad", 2), ("good", 3), ("worse", 4)] {
        place.keep(rule, now_ms, None);
    }
    let listed = place.history.list().unwrap();
    let before = |number| listed.before(number).map(|kept| kept.number);
    assert_eq!(listed.newest().map(|kept| kept.number), Some(3));
    assert_eq!(before(3), Some(1), "not the one that was taken back");
    assert_eq!(before(1), Some(2));
    assert_eq!(before(2), None);
    assert_eq!(before(7), None);
}

#[test]
fn what_was_changed_is_told_and_not_used() {
    let place = Place::new("changed", 9);
    let (one, two) = (place.keep("one", 1, None), place.keep("two", 2, None));
    // One bit of a generation.
    let file = place.folder.join(place_of(one));
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let error = place.history.get(one).unwrap_err().to_string();
    assert!(
        error.contains("1.json") && error.contains("not used"),
        "{error}"
    );
    let listed = place.history.list().unwrap();
    assert_eq!((listed.kept.len(), listed.broken.len()), (1, 1));
    // A generation's file under another's name.
    fs::copy(place.folder.join(place_of(two)), &file).unwrap();
    assert!(place.history.get(one).is_err());
    // One byte of a module.
    let kept = place.history.get(two).unwrap();
    let file = place.folder.join(module(&kept.rules[0].module));
    let opened = fs::OpenOptions::new().write(true).open(file).unwrap();
    opened.write_all_at(b"T", 0).unwrap();
    let error = place.history.settings(&kept).unwrap_err().to_string();
    assert!(error.contains("not what it was"), "{error}");
    // Kept anew it is good again.
    place.keep("two", 3, None);
    place.history.settings(&kept).unwrap();
}

fn place_of(number: u64) -> String {
    super::place(number).0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn never_more_is_kept_than_the_bound_and_what_is_pinned(
        steps in proptest::collection::vec((0..8_u8, proptest::option::of(1..9_u64)), 1..24),
        keep in 1..4_usize,
    ) {
        let place = Place::new("bound", keep);
        for (at, (rule, pinned)) in steps.into_iter().enumerate() {
            let was_pinned_kept = pinned.is_some_and(|number| place.numbers().contains(&number));
            let number = place.keep(&format!("rule {rule}"), at as u64, pinned);
            let numbers = place.numbers();
            prop_assert!(numbers.len() <= keep + 1, "{:?}", numbers);
            prop_assert!(pinned.is_some() || numbers.len() <= keep, "{:?}", numbers);
            prop_assert!(numbers.contains(&number));
            if was_pinned_kept {
                prop_assert!(pinned.is_some_and(|pinned| numbers.contains(&pinned)));
            }
            prop_assert_eq!(place.modules(), numbers.len());
        }
    }
}
