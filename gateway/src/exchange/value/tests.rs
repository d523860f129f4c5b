//! What becomes of each value, kind by kind.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::schema::FileLimits;

const SELECT: FieldKind = FieldKind::Select { multiple: false };
const SELECTS: FieldKind = FieldKind::Select { multiple: true };

/// A list of (sent, stored).
#[track_caller]
fn becomes(kind: &FieldKind, cases: &[(Value, Value)]) {
    for (sent, stored) in cases {
        let found = normalise(kind, sent.clone());
        // As text: 1 and 1.0 are not the same spelling.
        assert_eq!(
            found.as_ref().map(Value::to_string),
            Ok(stored.to_string()),
            "{kind:?} of {sent}"
        );
    }
}

#[track_caller]
fn refused(kind: &FieldKind, cases: &[Value]) {
    for sent in cases {
        assert!(normalise(kind, sent.clone()).is_err(), "{kind:?} of {sent}");
    }
}

#[test]
fn a_text_is_a_text() {
    for kind in [
        FieldKind::Text,
        FieldKind::Email,
        FieldKind::Url,
        FieldKind::Editor,
    ] {
        becomes(
            &kind,
            &[
                (json!(null), json!("")),
                (json!("[\"x\"]"), json!("[\"x\"]")),
                (json!(" x "), json!(" x ")),
                (json!(true), json!("true")),
                (json!(1), json!("1")),
                (json!(-1.0), json!("-1")),
                (json!(-0.0), json!("-0")),
                (json!(1e21), json!("1000000000000000000000")),
                (json!(9_007_199_254_740_993_u64), json!("9007199254740992")),
            ],
        );
        refused(&kind, &[json!(1.5), json!([]), json!(["x"]), json!({})]);
    }
}

#[test]
fn a_password_is_a_text_and_no_number() {
    becomes(
        &FieldKind::Password,
        &[(json!("1e12"), json!("1e12")), (json!(null), json!(""))],
    );
    refused(
        &FieldKind::Password,
        &[json!(12_345_678), json!(true), json!([]), json!({})],
    );
}

#[test]
fn a_flag_is_true_or_false() {
    becomes(
        &FieldKind::Bool,
        &[
            (json!(true), json!(true)),
            (json!(false), json!(false)),
            (json!(null), json!(false)),
            (json!("true"), json!(true)),
            (json!("false"), json!(false)),
            (json!(""), json!(false)),
        ],
    );
    for text in ["t", "T", "f", "1", "0", "TRUE", "True", "yes", " true"] {
        refused(&FieldKind::Bool, &[json!(text)]);
    }
    refused(
        &FieldKind::Bool,
        &[json!(1), json!(0), json!([]), json!([true]), json!({})],
    );
}

#[test]
fn a_number_is_a_number() {
    becomes(
        &FieldKind::Number,
        &[
            (json!(null), json!(0)),
            (json!(""), json!(0)),
            (json!(3), json!(3)),
            (json!(3.0), json!(3)),
            (json!(-0.0), json!(0)),
            (json!(-1.5), json!(-1.5)),
            (json!(1e3), json!(1000)),
            (json!(1e21), json!(1e21)),
            (
                json!(9_007_199_254_740_993_u64),
                json!(9_007_199_254_740_992_u64),
            ),
            (json!(u64::MAX), json!(18_446_744_073_709_551_616.0)),
            (json!("3"), json!(3)),
            (json!("-1.50"), json!(-1.5)),
            (json!("0"), json!(0)),
            (json!("-0"), json!(0)),
            (json!("9007199254740993"), json!(9_007_199_254_740_992_u64)),
        ],
    );
    for text in [
        "12abc", "x", " 3 ", "03", "-03", "00", "+3", ".5", "5.", "-", "-.5", "1.2.3", "1e3",
        "0x10", "1_000", "NaN", "Infinity", "inf", "true", "٣",
    ] {
        refused(&FieldKind::Number, &[json!(text)]);
    }
    refused(
        &FieldKind::Number,
        &[
            json!("1".repeat(310)),
            json!(true),
            json!([]),
            json!([1]),
            json!({}),
        ],
    );
}

#[test]
fn a_date_is_a_date() {
    becomes(
        &FieldKind::Date,
        &[
            (json!(null), json!("")),
            (json!(""), json!("")),
            (json!("2024-01-02"), json!("2024-01-02 00:00:00.000Z")),
        ],
    );
    refused(
        &FieldKind::Date,
        &[
            json!(1_700_000_000),
            json!("x"),
            json!(true),
            json!(["2024-01-02"]),
            json!({}),
        ],
    );
}

#[test]
fn one_of_a_list_is_a_text() {
    becomes(
        &SELECT,
        &[
            (json!("a"), json!("a")),
            (json!("a[0]"), json!("a[0]")),
            (json!("\u{a0}[\"a\"]"), json!("\u{a0}[\"a\"]")),
            (json!(null), json!("")),
            (json!([]), json!("")),
            (json!(["a"]), json!("a")),
        ],
    );
    refused(
        &SELECT,
        &[
            json!(["a", "b"]),
            json!(["a", "a"]),
            json!(["", "a"]),
            json!([null]),
            json!([["a"]]),
            json!([1]),
            json!(1),
            json!(true),
            json!({}),
            json!("[\"a\"]"),
            json!(" \t\r\n[\"a\"]"),
            json!(["[\"a\"]"]),
            json!("[a"),
        ],
    );
}

#[test]
fn several_of_a_list_are_texts() {
    becomes(
        &SELECTS,
        &[
            (json!(["b", "a"]), json!(["b", "a"])),
            (json!(["a", "", "b", "a"]), json!(["a", "b"])),
            (json!("a"), json!(["a"])),
            (json!(""), json!([])),
            (json!(null), json!([])),
            (json!(["[\"a\"]"]), json!(["[\"a\"]"])),
            (
                json!([1.0, "1", true, -1.5, 1e21]),
                json!(["1", "true", "-1.5", "1000000000000000000000"]),
            ),
        ],
    );
    refused(
        &SELECTS,
        &[
            json!("[\"a\"]"),
            json!("\n[\"a\"]"),
            json!(["a", null]),
            json!([["a"]]),
            json!(1),
            json!(true),
            json!({"a": "b"}),
        ],
    );
}

#[test]
fn relations_and_files_are_alike() {
    for multiple in [false, true] {
        for kind in [
            FieldKind::Relation {
                collection: "c".to_owned(),
                multiple,
            },
            FieldKind::File {
                protected: false,
                multiple,
                limits: FileLimits::default(),
            },
        ] {
            let stored = if multiple { json!(["a"]) } else { json!("a") };
            becomes(
                &kind,
                &[(json!("a"), stored.clone()), (json!(["a"]), stored)],
            );
            refused(&kind, &[json!("[\"a\"]"), json!(1), json!({})]);
        }
    }
}

#[test]
fn a_text_of_json_is_json() {
    let mut cases = vec![
        (json!(null), json!(null)),
        (json!([1.0, {"a": 1e2}]), json!([1, {"a": 100}])),
        (
            json!({"a": [9_007_199_254_740_993_u64]}),
            json!({"a": [9_007_199_254_740_992_u64]}),
        ),
        (json!(["[1]", "true"]), json!(["[1]", "true"])),
    ];
    let read = [
        ("true", json!(true)),
        ("null", json!(null)),
        ("-1.0", json!(-1)),
        ("9007199254740992", json!(9_007_199_254_740_992_u64)),
        ("[1, 2] \n", json!([1, 2])),
        ("{\"a\": \"[1]\"}", json!({"a": "[1]"})),
        ("\"x\"", json!("x")),
        ("\"\\u0061\"", json!("a")),
        ("\"\"", json!("")),
    ];
    cases.extend(read.map(|(text, value)| (json!(text), value)));
    // Texts that PocketBase leaves alone.
    for text in [
        "", "x", "a b", "tru", " true", "true ", "01", "+1", ".5", "1.", "NaN", " [1]", "\t{}",
        "[1", "{a}", "[1] x", "-", "\"x", "\"",
    ] {
        cases.push((json!(text), json!(text)));
    }
    becomes(&FieldKind::Json, &cases);
    refused(
        &FieldKind::Json,
        &[
            json!("{\"a\":1,\"a\":2}"),
            json!("1e999"),
            json!("9007199254740993"),
            json!("{\"a\": [18446744073709551615]}"),
            json!("[1e999]"),
            json!("\"\\ud800\""),
            json!("\"[1]\""),
            json!("\"true\""),
            json!("\"\\\"x\\\"\""),
            json!("[".repeat(100) + &"]".repeat(100)),
            json!("[".repeat(100_000) + &"]".repeat(100_000)),
        ],
    );
}

#[test]
fn a_place_has_two_numbers() {
    becomes(
        &FieldKind::GeoPoint,
        &[
            (json!(null), json!({"lon": 0, "lat": 0})),
            (
                json!({"lat": 2.5, "lon": 1.0}),
                json!({"lon": 1, "lat": 2.5}),
            ),
        ],
    );
    refused(
        &FieldKind::GeoPoint,
        &[
            json!({}),
            json!({"lon": 1}),
            json!({"lon": 1, "lat": null}),
            json!({"lon": "1", "lat": 2}),
            json!({"LON": 1, "lat": 2}),
            json!({"lon": 1, "lat": 2, "Lon": 3}),
            json!("{\"lon\":1,\"lat\":2}"),
            json!(""),
            json!([1, 2]),
            json!(1),
        ],
    );
}

#[test]
fn an_unknown_kind_is_left_alone() {
    let value = json!({"a": [1.0, "true"]});
    becomes(
        &FieldKind::Other,
        &[
            (value.clone(), value),
            (json!("x"), json!("x")),
            (json!(1), json!(1)),
        ],
    );
    // A form's value, of which PocketBase would have made more than a text.
    refused(&FieldKind::Other, &[json!("1"), json!("true")]);
}

fn kinds() -> Vec<FieldKind> {
    let mut kinds = vec![
        FieldKind::Text,
        FieldKind::Email,
        FieldKind::Url,
        FieldKind::Editor,
        FieldKind::Password,
        FieldKind::Date,
        FieldKind::Number,
        FieldKind::Bool,
        FieldKind::Json,
        FieldKind::GeoPoint,
        FieldKind::Autodate { on_update: true },
        FieldKind::Other,
    ];
    for multiple in [false, true] {
        kinds.push(FieldKind::Select { multiple });
        kinds.push(FieldKind::Relation {
            collection: "c".to_owned(),
            multiple,
        });
        kinds.push(FieldKind::File {
            protected: true,
            multiple,
            limits: FileLimits::default(),
        });
    }
    kinds
}

fn values() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number,
        "[\\[\\]{}\":,0-9.e\\\\ tru-]{0,10}|[a-z]{0,2}".prop_map(Value::from),
        // JSON within a text, and within a text within a text.
        any::<f64>().prop_map(|number| json!(number).to_string().into()),
        "[a-z0-9\"\\[\\]]{0,4}".prop_map(|text| json!(text).to_string().into()),
        "[a-z0-9\"\\[\\]]{0,4}".prop_map(|text| json!([text]).to_string().into()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map("lon|lat|[a-b]", inner, 0..3)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_stored_is_stored_again(value in values()) {
        for kind in kinds() {
            if let Ok(stored) = normalise(&kind, value.clone()) {
                let again = normalise(&kind, stored.clone());
                prop_assert_eq!(again.map(|value| value.to_string()), Ok(stored.to_string()), "{:?}", kind);
            }
        }
    }
}
