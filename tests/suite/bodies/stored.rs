//! What is stored of a form: by PocketBase itself, and through the gateway.

use hapta_tests::demo::{ALICE, BOB};
use serde_json::{Value, json};

use super::form::{KINDS, Kind, send};
use crate::values::lab::{Lab, names, thing};

/// What is sent under one key, what PocketBase stores by itself, and whether
/// the gateway lets it.
type Case = (&'static str, &'static [&'static str], Value, Fate);

#[derive(Clone, Copy)]
enum Fate {
    /// What PocketBase would store is stored.
    Same,
    /// PocketBase never hears of it.
    Refused,
}
use Fate::{Refused, Same};

#[tokio::test]
async fn a_form_stores_what_pocketbase_stores_of_it() {
    let cases: Vec<Case> = scalars().into_iter().chain(lists()).collect();
    let lab = Lab::start().await;
    let alice = lab.alice().await;
    let open = lab.open.client().with_token(alice.token());
    for kind in KINDS {
        for (key, texts, stored, fate) in &cases {
            let pairs: Vec<_> = texts.iter().map(|text| (*key, *text)).collect();
            let field = key
                .trim_matches(['+', '-'])
                .trim_end_matches(":autogenerate");
            lab.reset().await;
            let direct = send(alice.patch(&thing()), kind, &pairs).await.expect(200);
            assert_eq!(direct[field], *stored, "of PocketBase itself: {pairs:?}");
            lab.reset().await;
            let through = send(open.patch(&thing()), kind, &pairs).await;
            match fate {
                Same => assert_eq!(through.expect(200)[field], *stored, "{kind:?} {pairs:?}"),
                Refused => {
                    assert_eq!(through.code(400), "body_key", "{kind:?} {pairs:?}");
                    names(&through.refused(400), key);
                }
            }
        }
    }
}

/// Every kind of field with every odd value: whichever of them is sent, what is
/// stored is what PocketBase stores, or nothing changes and the refusal says why.
#[tokio::test]
async fn no_form_ever_stores_something_else() {
    let lab = Lab::start().await;
    let alice = lab.alice().await;
    let open = lab.open.client().with_token(alice.token());
    for field in FIELDS
        .iter()
        .filter(|field| lab.has_places || **field != "place")
    {
        for texts in VALUES {
            let pairs: Vec<_> = texts.iter().map(|text| (*field, *text)).collect();
            lab.reset().await;
            let before = alice.get(&thing()).await.expect(200);
            let direct = send(alice.patch(&thing()), Kind::Urlencoded, &pairs).await;
            let stored = alice.get(&thing()).await.expect(200);
            lab.reset().await;
            let through = send(open.patch(&thing()), Kind::Urlencoded, &pairs).await;
            let found = alice.get(&thing()).await.expect(200);
            if through.status == 200 {
                assert_eq!(direct.status, 200, "{pairs:?}: {through:?}");
                assert_eq!(found[*field], stored[*field], "{pairs:?}");
            } else {
                let error = through.refused(400);
                let named = error["data"].get(*field).is_some();
                if !named {
                    names(&error, field);
                }
                assert_eq!(found[*field], before[*field], "{pairs:?}");
            }
        }
    }
}

const FIELDS: [&str; 13] = [
    "text", "html", "mail", "link", "number", "flag", "date", "choice", "choices", "friend",
    "friends", "json", "place",
];

const VALUES: &[&[&str]] = &[
    &[""],
    &["true"],
    &["false"],
    &["True"],
    &["null"],
    &["0"],
    &["-0"],
    &["1"],
    &["1.0"],
    &["1.50"],
    &["-.5"],
    &["007"],
    &["1e3"],
    &["0.0000001"],
    &["9007199254740993"],
    &["123456789012345678901234567890"],
    &["2024"],
    &["2024-01-02 03:04:05"],
    &["a"],
    &[" a"],
    &["[]"],
    &["[\"a\",\"b\"]"],
    &["{\"lon\":1,\"lat\":2}"],
    &["\"true\""],
    &["a@example.com"],
    &["https://example.com/?a=1&b=%20#c"],
    &[ALICE],
    &["a", "b"],
    &["1", "a", ""],
    &["true", "1.5"],
    &["", ""],
    &["[\"a\"]", "b"],
];

fn scalars() -> Vec<Case> {
    vec![
        ("text", &["true"], json!("true"), Same),
        ("text", &["1.50"], json!("1.50"), Same),
        ("text", &["1.5"], json!("1.5"), Same),
        ("text", &["007"], json!("007"), Same),
        ("text", &["-0"], json!("-0"), Same),
        ("text", &["1e3"], json!("1e3"), Same),
        ("text", &["{\"a\":1}"], json!("{\"a\":1}"), Same),
        ("text", &[" a\r\nb "], json!(" a\r\nb "), Same),
        ("text", &[""], json!(""), Same),
        ("text", &["a", "b"], json!(""), Refused),
        (
            "html",
            &["12345678901234567890"],
            json!("12345678901234567890"),
            Same,
        ),
        ("mail", &["1@example.com"], json!("1@example.com"), Same),
        ("number", &["1.50"], json!(1.5), Same),
        ("number", &["-3"], json!(-3), Same),
        ("number", &[""], json!(0), Same),
        ("number", &["007"], json!(7), Refused),
        ("number", &["true"], json!(1), Refused),
        ("number", &["1e3"], json!(1000), Refused),
        ("number", &["x"], json!(0), Refused),
        ("number", &["1", "2"], json!(0), Refused),
        ("flag", &["true"], json!(true), Same),
        ("flag", &["false"], json!(false), Same),
        ("flag", &[""], json!(false), Same),
        ("flag", &["1"], json!(true), Refused),
        ("flag", &["on"], json!(false), Refused),
        (
            "date",
            &["2024-01-02"],
            json!("2024-01-02 00:00:00.000Z"),
            Same,
        ),
        ("date", &[""], json!(""), Same),
    ]
}

fn lists() -> Vec<Case> {
    vec![
        ("choice", &["1"], json!("1"), Same),
        ("choice", &["b"], json!("b"), Same),
        ("choice", &[""], json!(""), Same),
        ("choice", &["a", "b"], json!("b"), Refused),
        ("choice", &["[\"b\"]"], json!("b"), Refused),
        ("choices", &["b"], json!(["b"]), Same),
        ("choices", &["1"], json!(["1"]), Same),
        ("choices", &["1", "b", "1"], json!(["1", "b"]), Same),
        ("choices", &["", "b"], json!(["b"]), Same),
        ("choices", &[""], json!([]), Same),
        ("choices", &["[\"a\",\"b\"]"], json!(["a", "b"]), Refused),
        ("friend", &[BOB], json!(BOB), Same),
        ("friends", &[BOB], json!([BOB]), Same),
        ("friends", &[BOB, ALICE], json!([BOB, ALICE]), Same),
        ("json", &["true"], json!(true), Same),
        ("json", &["1.5"], json!(1.5), Same),
        ("json", &["[1, \"x\"]"], json!([1, "x"]), Same),
        ("json", &["007"], json!("007"), Same),
        ("json", &["x"], json!("x"), Same),
        ("json", &["null"], json!(null), Same),
        (
            "json",
            &["1", "true", "x", "007"],
            json!([1, true, "x", "007"]),
            Same,
        ),
        ("json", &["[1]", "null"], json!(["[1]", "null"]), Same),
        // Such a text PocketBase keeps digit by digit.
        (
            "json",
            &["9007199254740993"],
            json!(9_007_199_254_740_993_u64),
            Refused,
        ),
        ("number+", &["2"], json!(7), Same),
        ("choices+", &["b", "c"], json!(["a", "b", "c"]), Same),
        ("choices-", &["a"], json!([]), Same),
        ("+friends", &[BOB], json!([BOB, ALICE]), Same),
        ("text:autogenerate", &["y"], json!("y"), Same),
    ]
}
