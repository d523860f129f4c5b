//! Strict JSON beside serde's: the same value, or a reason that serde does not know.
#![no_main]

use std::cell::Cell;
use std::fmt;

use hapta_fuzz::exchange::json::{Bounds, JsonError, parse};
use libfuzzer_sys::fuzz_target;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let usual = serde_json::from_slice::<Value>(bytes);
    match parse(bytes, Bounds::default()) {
        Ok(value) => {
            assert_eq!(
                keys(&value),
                written_keys(bytes),
                "a key that is there twice"
            );
            let printed = value.to_string();
            let again = parse(printed.as_bytes(), Bounds::default());
            assert_eq!(again.as_ref(), Ok(&value), "{printed}");
            assert_eq!(usual.ok(), Some(value));
        }
        Err(JsonError::Syntax { .. }) => assert!(usual.is_err(), "serde reads {usual:?}"),
        Err(JsonError::Duplicate { .. }) => {
            if let Ok(usual) = usual {
                assert!(keys(&usual) < written_keys(bytes), "no key is there twice");
            }
        }
        Err(JsonError::TooMany { .. } | JsonError::TooDeep { .. }) => {}
    }
});

/// How many keys all objects within have.
fn keys(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(keys).sum(),
        Value::Object(entries) => entries.len() + entries.values().map(keys).sum::<usize>(),
        _ => 0,
    }
}

/// How many keys are written, equal ones included.
fn written_keys(bytes: &[u8]) -> usize {
    let count = Cell::new(0);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    Count(&count).deserialize(&mut reader).expect("JSON");
    count.get()
}

#[derive(Clone, Copy)]
struct Count<'a>(&'a Cell<usize>);

impl<'de> DeserializeSeed<'de> for Count<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Count<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while entries.next_key::<String>()?.is_some() {
            self.0.set(self.0.get() + 1);
            entries.next_value_seed(self)?;
        }
        Ok(())
    }
}
