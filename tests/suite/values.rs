//! One value, many spellings: what PocketBase stores of them, and what a rule sees.
//!
//! As in `spellings`, each case first sees PocketBase itself do it.

pub(crate) mod lab;

use hapta_tests::demo::{ALICE, BOB, POST_OF_ALICE, record, records};
use serde_json::json;

use self::lab::Fate::{Refused, Told};
use self::lab::{Lab, names, thing};

#[tokio::test]
async fn a_flag_a_rule_sees_is_the_flag_that_is_stored() {
    let lab = Lab::start().await;
    let mut cases = vec![
        ("flag", json!(true), json!(true), Told),
        ("flag", json!("true"), json!(true), Told),
        ("flag", json!("false"), json!(false), Told),
        ("flag", json!(null), json!(false), Told),
    ];
    for value in [json!("t"), json!("1"), json!("TRUE"), json!(1), json!(2)] {
        cases.push(("flag", value, json!(true), Refused));
    }
    for value in [json!("yes"), json!("f"), json!(0), json!([true]), json!({})] {
        cases.push(("flag", value, json!(false), Refused));
    }
    lab.check(cases).await;
}

#[tokio::test]
async fn a_number_a_rule_sees_is_the_number_that_is_stored() {
    let lab = Lab::start().await;
    let beyond = 9_007_199_254_740_993_u64;
    let mut cases = vec![
        ("number", json!(1.5), json!(1.5), Told),
        ("number", json!(3.0), json!(3), Told),
        ("number", json!("3"), json!(3), Told),
        ("number", json!("-1.50"), json!(-1.5), Told),
        ("number", json!(""), json!(0), Told),
        ("number", json!(null), json!(0), Told),
        ("number", json!(beyond), json!(beyond - 1), Told),
        ("number", json!("1e3"), json!(1000), Refused),
        ("number", json!("+3"), json!(3), Refused),
        ("number", json!("1_000"), json!(1000), Refused),
        ("number", json!(true), json!(1), Refused),
    ];
    for value in [json!("12abc"), json!(" 3 "), json!("0x10"), json!([3])] {
        cases.push(("number", value, json!(0), Refused));
    }
    lab.check(cases).await;
}

#[tokio::test]
async fn a_text_a_rule_sees_is_the_text_that_is_stored() {
    let lab = Lab::start().await;
    let mut cases = vec![("text", json!(1.5), json!("1.5"), Refused)];
    for key in ["text", "html"] {
        cases.extend([
            (key, json!(" [\"x\"] "), json!(" [\"x\"] "), Told),
            (key, json!(null), json!(""), Told),
            (key, json!(1), json!("1"), Told),
            (key, json!(1e3), json!("1000"), Told),
            (key, json!(true), json!("true"), Told),
            (key, json!(["x"]), json!(""), Refused),
            (key, json!({ "a": "x" }), json!(""), Refused),
        ]);
    }
    lab.check(cases).await;
}

#[tokio::test]
async fn a_date_a_rule_sees_is_the_date_that_is_stored() {
    let lab = Lab::start().await;
    let day = json!("2024-01-02 00:00:00.000Z");
    let time = json!("2024-01-02 03:04:05.678Z");
    let mut cases = vec![
        ("date", json!(null), json!(""), Told),
        ("date", json!(""), json!(""), Told),
        ("date", json!("2024-01-02"), day.clone(), Told),
        ("date", time.clone(), time.clone(), Told),
        (
            "date",
            json!("2024-01-02T03:04:05.678Z"),
            time.clone(),
            Told,
        ),
        (
            "date",
            json!("2024-01-02 03:04:05.678999"),
            time.clone(),
            Told,
        ),
        (
            "date",
            json!("2024-01-02T05:04:05.678+02:00"),
            time.clone(),
            Told,
        ),
        (
            "date",
            json!("2024-01-01T23:59:00.0-00:01"),
            day.clone(),
            Told,
        ),
        ("date", json!("0001-01-01T00:00:00Z"), json!(""), Told),
        ("date", json!("2024-01-02T03:04:05,678Z"), time, Refused),
        ("date", json!("02 Jan 2024"), day, Refused),
        (
            "date",
            json!("3:04PM"),
            json!("0000-01-01 15:04:00.000Z"),
            Refused,
        ),
    ];
    for value in [
        json!("x"),
        json!("2024-01-02T03:04"),
        json!("2024-02-30"),
        json!(1_700_000_000),
    ] {
        cases.push(("date", value, json!(""), Refused));
    }
    lab.check(cases).await;
}

#[tokio::test]
async fn one_choice_a_rule_sees_is_the_one_that_is_stored() {
    let lab = Lab::start().await;
    let mut cases = Vec::new();
    for (key, a, b) in [("choice", "a", "b"), ("friend", ALICE, BOB)] {
        let quoted = json!([b]).to_string();
        cases.extend([
            (key, json!(b), json!(b), Told),
            (key, json!([b]), json!(b), Told),
            (key, json!([]), json!(""), Told),
            (key, json!(null), json!(""), Told),
            (key, json!([a, b]), json!(b), Refused),
            (key, json!(["", b]), json!(b), Refused),
            (key, json!([null, b]), json!(b), Refused),
            (key, json!({ "a": b }), json!(""), Refused),
            (key, json!(quoted), json!(b), Refused),
            (key, json!(format!(" \t\r\n{quoted}")), json!(b), Refused),
            (key, json!([quoted]), json!(b), Refused),
        ]);
    }
    lab.check(cases).await;
}

#[tokio::test]
async fn several_choices_a_rule_sees_are_those_that_are_stored() {
    let lab = Lab::start().await;
    let mut cases = vec![
        ("choices", json!(1), json!(["1"]), Refused),
        ("choices", json!([1.0, "b"]), json!(["1", "b"]), Told),
    ];
    for (key, a, b) in [("choices", "a", "b"), ("friends", ALICE, BOB)] {
        let quoted = json!([a, b]).to_string();
        cases.extend([
            (key, json!([b, a]), json!([b, a]), Told),
            (key, json!([a, "", b, a]), json!([a, b]), Told),
            (key, json!(b), json!([b]), Told),
            (key, json!(""), json!([]), Told),
            (key, json!(null), json!([]), Told),
            (key, json!([null, a]), json!([a]), Refused),
            (key, json!({ "a": b }), json!([]), Refused),
            (key, json!(format!("\n{quoted}")), json!([a, b]), Refused),
            (key, json!(quoted), json!([a, b]), Refused),
        ]);
    }
    lab.check(cases).await;
}

#[tokio::test]
async fn the_json_a_rule_sees_is_the_json_that_is_stored() {
    let lab = Lab::start().await;
    let beyond = 9_007_199_254_740_993_u64;
    let mut cases = vec![
        ("json", json!(null), json!(null), Told),
        (
            "json",
            json!({ "a": [1.0, beyond] }),
            json!({ "a": [1, beyond - 1] }),
            Told,
        ),
        ("json", json!(["true"]), json!(["true"]), Told),
        ("json", json!("true"), json!(true), Told),
        ("json", json!("-1.0"), json!(-1), Told),
        ("json", json!("[1, 2] "), json!([1, 2]), Told),
        (
            "json",
            json!("{\"role\": \"admin\"}"),
            json!({ "role": "admin" }),
            Told,
        ),
        ("json", json!("\"x\""), json!("x"), Told),
        // Sent on as what it is, it would be read once more.
        ("json", json!("\"true\""), json!("true"), Refused),
        ("json", json!("\"[1]\""), json!("[1]"), Refused),
    ];
    for text in [
        "", "x", " true", "true ", "tru", " [1]", "01", "[1] x", "{a}",
    ] {
        cases.push(("json", json!(text), json!(text), Told));
    }
    lab.check(cases).await;
    // PocketBase before 0.40 stores the last of two keys.
    let doubled = json!({ "json": "{\"a\":1,\"a\":2}" });
    let alice = lab.open.client().with_token(lab.alice().await.token());
    alice.patch(&thing()).json(&doubled).await.refused(400);
}

#[tokio::test]
async fn a_place_a_rule_sees_is_the_place_that_is_stored() {
    let lab = Lab::start().await;
    let (zero, there) = (
        json!({ "lon": 0, "lat": 0 }),
        json!({ "lon": 1.5, "lat": 2 }),
    );
    let mut cases = vec![
        ("place", there.clone(), there.clone(), Told),
        (
            "place",
            json!({ "lat": 2.0, "lon": 1.5 }),
            there.clone(),
            Told,
        ),
        ("place", json!(null), zero.clone(), Told),
        ("place", json!(there.to_string()), there.clone(), Refused),
        (
            "place",
            json!({ "lon": 1.5, "lat": 2, "x": 1 }),
            there,
            Refused,
        ),
    ];
    for value in [
        json!("x"),
        json!([1, 2]),
        json!({ "lon": "1", "lat": "2" }),
        json!({}),
    ] {
        cases.push(("place", value, zero.clone(), Refused));
    }
    // Older ones have no such fields.
    if lab.has_places {
        lab.check(cases).await;
    }
}

#[tokio::test]
async fn what_a_modifier_does_is_what_a_rule_sees() {
    let lab = Lab::start().await;
    // (key, sent, the field after it, what the rule sees)
    let cases = [
        ("number+", json!("2"), json!(7), Some(json!(2))),
        ("number-", json!(1.0), json!(4), Some(json!(1))),
        ("number+", json!(true), json!(6), None),
        ("number+", json!("1e1"), json!(15), None),
        ("+number", json!(2), json!(5), None),
        ("choice+", json!(["b"]), json!("b"), Some(json!("b"))),
        ("choice+", json!("[\"b\"]"), json!("b"), None),
        ("choice+", json!(["c", "b"]), json!("b"), None),
        (
            "choices+",
            json!("b"),
            json!(["a", "b"]),
            Some(json!(["b"])),
        ),
        (
            "+choices",
            json!(["b", "b"]),
            json!(["b", "a"]),
            Some(json!(["b"])),
        ),
        ("choices-", json!("a"), json!([]), Some(json!(["a"]))),
        ("choices+", json!("[\"b\"]"), json!(["a", "b"]), None),
        (
            "friends+",
            json!(BOB),
            json!([ALICE, BOB]),
            Some(json!([BOB])),
        ),
        ("friends-", json!([ALICE]), json!([]), Some(json!([ALICE]))),
        (
            "text:autogenerate",
            json!(true),
            json!("true"),
            Some(json!("true")),
        ),
        ("text:autogenerate", json!(["x"]), json!(""), None),
        ("text+", json!("y"), json!("x"), None),
        ("flag+", json!(true), json!(false), None),
    ];
    let (alice, open) = (lab.alice().await, lab.open.client());
    let open = open.with_token(alice.token());
    for (key, sent, stored, seen) in cases {
        let field = key
            .trim_matches(['+', '-'])
            .trim_end_matches(":autogenerate");
        lab.reset().await;
        let body = json!({ key: sent });
        let itself = alice.patch(&thing()).json(&body).await.expect(200);
        assert_eq!(itself[field], stored, "of PocketBase itself: {body}");
        lab.reset().await;
        let Some(seen) = seen else {
            lab.is_refused(key, &body).await;
            continue;
        };
        assert_eq!(lab.seen(&body).await[key], seen, "{body}");
        let through = open.patch(&thing()).json(&body).await.expect(200);
        assert_eq!(through[field], stored, "{body}");
    }
}

#[tokio::test]
async fn a_file_is_kept_by_its_name_and_by_nothing_else() {
    let lab = Lab::start().await;
    let alice = lab.alice().await;
    let open = lab.open.client().with_token(alice.token());
    let post = record("posts", POST_OF_ALICE);
    let cover = alice.get(&post).await.expect(200)["cover"].clone();
    let quoted = json!([cover]).to_string();
    for (sent, kept) in [
        (json!(cover), true),
        (json!([cover]), true),
        (json!(quoted), false),
    ] {
        let body = json!({ "cover": sent });
        assert_eq!(
            alice.patch(&post).json(&body).await.expect(200)["cover"],
            cover
        );
        let through = open.patch(&post).json(&body).await;
        if kept {
            assert_eq!(through.expect(200)["cover"], cover);
        } else {
            names(&through.refused(400), "cover");
        }
    }
    let gone = open.patch(&post).json(&json!({ "cover": null })).await;
    assert_eq!(gone.expect(200)["cover"], "");
}

#[tokio::test]
async fn a_password_is_not_made_of_a_number() {
    let lab = Lab::start().await;
    let sign_up = |name: &str| json!({ "email": format!("{name}@example.com"), "password": 1e12, "passwordConfirm": 1e12 });
    let users = records("users");
    let direct = lab.pocketbase.client();
    direct.post(&users).json(&sign_up("dave")).await.expect(200);
    let through = lab.open.client().post(&users).json(&sign_up("erin")).await;
    names(&through.refused(400), "password");
}

/// What the SDKs' applications do: read a record, change a field, send it back whole.
#[tokio::test]
async fn a_record_as_it_was_read_can_be_sent_back() {
    let lab = Lab::start().await;
    let alice = lab.open.client().with_token(lab.alice().await.token());
    for (target, expand) in [
        (record("posts", POST_OF_ALICE), "author,comments_via_post"),
        (record("users", ALICE), "followers"),
        (thing(), "friend,friends"),
    ] {
        let read = alice.get(&format!("{target}?expand={expand}")).await;
        let read = read.expect(200);
        let mut written = alice.patch(&target).json(&read).await.expect(200);
        if read.get("updated").is_some() {
            written["updated"] = read["updated"].clone();
        }
        let mut expected = read;
        expected.as_object_mut().expect("a record").remove("expand");
        assert_eq!(written, expected, "{target}");
    }
}
