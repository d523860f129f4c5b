//! No secret of a request survives in a text, however it is written there.

use http::HeaderValue;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::telemetry::decisions::{Decision, Note};

const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6ImFiYyIsImV4cCI6MX0.c2lnbmF0dXJlLW9mLTMyLWJ5dGVz";

fn secrets(known: &[&str]) -> Secrets {
    let mut secrets = Secrets::default();
    for secret in known {
        secrets.add(secret);
    }
    secrets
}

#[track_caller]
fn check(known: &[&str], text: &str, expected: &str) {
    assert_eq!(secrets(known).mask(text, 200), expected, "{text}");
}

#[test]
fn what_looks_like_a_token_is_masked_whoever_sent_it() {
    check(&[], &format!("/confirm/{JWT}/x"), "/confirm/[masked]/x");
    check(&[], "cut eyJhbGciOiJIUzI1", "cut [masked]");
    check(
        &[],
        "aaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbb.cccccccccccccccc",
        "[masked]",
    );
    check(
        &[],
        "Bearer abcd, bEARER%20abcd!",
        "Bearer [masked], bEARER%20[masked]",
    );
    for harmless in [
        "api.example.com",
        "rule \"ownership\" denied it: not_owner",
        "a bearer",
        "1.2.3",
        "",
    ] {
        check(&[], harmless, harmless);
    }
}

#[test]
fn a_known_secret_is_masked_in_every_usual_spelling() {
    let secret = "pä ss\"w/rd";
    for written in [
        "pä ss\"w/rd",
        "p%C3%A4%20ss%22w%2Frd",
        "p%c3%a4%20ss%22w%2frd",
        "p%C3%A4+ss%22w%2Frd",
        "pä ss\\\"w/rd",
        "p\\u00e4 ss\\\"w/rd",
    ] {
        check(&[secret], &format!("<{written}>"), "<[masked]>");
    }
    check(&["hunter22", "ter22xyz"], "a hunter22xyz b", "a [masked] b");
    check(&["aaaa"], "aaaaaa", "[masked]");
}

#[test]
fn a_secret_that_was_cut_is_masked_as_far_as_it_is_there() {
    let secret = "correct-horse-battery";
    check(&[secret], "now correct-horse", "now [masked]");
    check(&[secret], "now corr", "now corr");
    let long = "x".repeat(MAY_BE_CUT);
    let masked = secrets(&[secret]).mask(&format!("{long}cor"), 300);
    assert_eq!(masked, format!("{long}[masked]"));
    // And what is cut here is masked before.
    assert_eq!(
        secrets(&[secret]).mask(&format!("abc {secret}"), 7),
        "abc [ma…"
    );
}

#[test]
fn what_is_too_short_is_not_looked_for_and_too_much_hides_all() {
    check(&["abc"], "abc", "abc");
    let many: Vec<String> = (0..=MOST).map(|n| format!("secret{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    check(&many, "harmless", MASK);
}

#[test]
fn the_head_tells_its_tokens_and_the_body_its_passwords() {
    let mut headers = HeaderMap::new();
    let value = HeaderValue::from_static("Bearer head-token");
    headers.insert(header::AUTHORIZATION, value);
    let mut secrets = Secrets::of_head(&headers, Some("page=1&t%6Fken=file%20token&x=other"));
    secrets.add_all(&json!({ "password": ["inner-word", 12_345_678] }));
    let text = "head-token file token inner-word 12345678 other";
    assert_eq!(
        secrets.mask(text, 200),
        "[masked] [masked] [masked] [masked] other"
    );
    assert_eq!(format!("{secrets:?}"), "[secrets]");
}

#[test]
fn a_line_is_not_lost_for_a_password_that_is_a_word_of_the_gateway() {
    let decision = Decision {
        operation: "list",
        collection: Some("users".to_owned()),
        ..Decision::default()
    };
    for password in ["users", "list", "operation", "\":0,\"", "mask", "[masked]"] {
        let mut decision = decision.clone();
        decision.cause = Some(format!("it was {password} there"));
        let secrets = secrets(&[password]);
        decision.mask(&secrets);
        assert!(decision.print(&secrets).is_ok(), "{password}");
        assert_eq!(decision.cause.as_deref(), Some("it was [masked] there"));
    }
}

#[test]
fn a_line_with_a_secret_that_no_text_has_alone_is_not_printed() {
    let noted = |key: &str, value: &str| Decision {
        notes: vec![Note {
            key: key.to_owned(),
            value: value.to_owned(),
        }],
        ..Decision::default()
    };
    let secrets = secrets(&["x\",\"value\":\"y", "seven eight"]);
    let print = |mut decision: Decision| {
        decision.mask(&secrets);
        decision.print(&secrets).is_ok()
    };
    assert!(!print(noted("x", "y")));
    assert!(print(noted("x", "z")));
    // A spelling that nobody thought of, but that anybody could read.
    assert!(!print(noted("a", "s\\u0065ven eight")));
}

/// Letters that test the escapes, and some that no word of the gateway's own has.
const LETTERS: &str = "[XYZQ7%+\"\\\\/äß€😀 \\n]{4,12}";

/// Every way to write a secret that is looked for.
fn spelled(secret: &str, how: usize) -> String {
    let forms = forms(secret);
    forms[how % forms.len()].clone()
}

proptest! {
    #[test]
    fn a_secret_put_anywhere_never_survives_in_the_line(
        secret in LETTERS,
        before in "[a-zXYZ%\\\\\" ]{0,200}",
        after in "[a-zXYZ%\\\\\" ]{0,200}",
        how in 0..16usize,
        place in 0..5usize,
    ) {
        let text = format!("{before}{}{after}", spelled(&secret, how));
        let note = |key: &str, value: &str| vec![Note { key: key.to_owned(), value: value.to_owned() }];
        let mut decision = Decision::default();
        match place {
            0 => decision.cause = Some(text),
            1 => decision.code = Some(text),
            2 => decision.path = Some(text),
            3 => decision.notes = note("key", &text),
            _ => decision.notes = note(&text, "value"),
        }
        let secrets = secrets(&[&secret]);
        decision.mask(&secrets);
        // Or it is not printed, which is as good.
        if let Ok(line) = decision.print(&secrets) {
            let line = String::from_utf8(line).unwrap();
            let own = decision.own_words();
            for form in forms(&secret) {
                prop_assert!(line.matches(&form).count() <= own.matches(&form).count(), "{form} in {line}");
            }
            let read: serde_json::Value = serde_json::from_str(&line).unwrap();
            let mut texts = Vec::new();
            collect(&read, &mut texts);
            for text in texts {
                prop_assert!(!text.contains(&secret), "{secret} in {text}");
            }
        }
    }
}

fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, texts)),
        _ => {}
    }
}
