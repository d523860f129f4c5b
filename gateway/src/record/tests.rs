//! Answers made by hand and by chance, taken apart and put together.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Hands every record to `keep`, which says what becomes of it.
fn walk(
    answer: Value,
    shape: Shape,
    mut keep: impl FnMut(Value, Place) -> Option<Value>,
) -> Released {
    let mut records = Records::take(answer, shape).unwrap();
    while let Some(taken) = records.next_record() {
        if let Some(record) = keep(taken.record, taken.place) {
            records.put_back(record);
        }
    }
    records.release()
}

fn record(id: &str) -> Value {
    json!({"id": id, "collectionId": "pbc_1", "collectionName": "posts"})
}

fn expanding(id: &str, expand: Value) -> Value {
    let mut record = record(id);
    record["expand"] = expand;
    record
}

fn list(items: impl Into<Value>) -> Value {
    json!({"items": items.into(), "page": 1, "perPage": 30, "totalItems": -1, "totalPages": -1})
}

fn id(record: &Value) -> &str {
    record["id"].as_str().unwrap()
}

/// Three levels, single and many, and a look-alike in a JSON field.
fn nested() -> Value {
    let mut inner = expanding(
        "b",
        json!({"author": record("c"), "tags": [record("d"), record("e")]}),
    );
    inner["data"] = json!({"expand": {"x": record("never")}});
    list(json!([
        expanding("a", json!({"post": inner, "none": []})),
        record("f")
    ]))
}

#[test]
fn expanded_records_come_before_those_that_carry_them() {
    let mut seen = Vec::new();
    walk(nested(), Shape::List, |record, place| {
        seen.push(format!("{}:{place:?}", id(&record)));
        Some(record)
    });
    assert_eq!(
        seen,
        [
            "c:Expanded",
            "d:Expanded",
            "e:Expanded",
            "b:Expanded",
            "a:Top",
            "f:Top"
        ]
    );
}

#[test]
fn a_record_carries_what_was_made_of_its_expanded_ones() {
    let released = walk(nested(), Shape::List, |mut record, _| {
        if id(&record) == "a" {
            assert_eq!(record["expand"]["post"]["seen"], true);
            assert_eq!(record["expand"]["post"]["expand"]["author"]["seen"], true);
        }
        record["seen"] = true.into();
        Some(record)
    });
    assert_eq!(
        released.answer.unwrap()["items"][0]["expand"]["post"]["expand"]["tags"][1]["seen"],
        true
    );
}

#[track_caller]
fn check_without(left_out: &str, dropped: usize, pointer: &str, expected: &Value) {
    let released = walk(nested(), Shape::List, |record, _| {
        (!left_out.contains(id(&record))).then_some(record)
    });
    assert_eq!(released.dropped, dropped);
    assert_eq!(released.answer.unwrap().pointer(pointer), Some(expected));
}

#[test]
fn a_record_that_is_not_put_back_is_left_out() {
    check_without("f", 1, "/items/0/id", &json!("a"));
    check_without("a", 1, "/items", &json!([record("f")]));
    check_without("af", 2, "", &list(json!([])));
    check_without("b", 0, "/items/0/expand", &json!({"none": []}));
    check_without(
        "c",
        0,
        "/items/0/expand/post/expand",
        &json!({"tags": [record("d"), record("e")]}),
    );
    check_without(
        "d",
        0,
        "/items/0/expand/post/expand/tags",
        &json!([record("e")]),
    );
    check_without(
        "de",
        0,
        "/items/0/expand/post/expand",
        &json!({"author": record("c")}),
    );
}

#[test]
fn a_record_that_nobody_asked_for_is_left_out() {
    let mut records = Records::take(nested(), Shape::List).unwrap();
    assert!(!records.is_single());
    assert!(records.next_record().is_some());
    assert_eq!(
        records.release(),
        Released {
            answer: Some(list(json!([]))),
            dropped: 2
        }
    );
}

#[test]
fn without_its_record_an_answer_is_none() {
    let auth = json!({"token": "t", "record": record("a"), "meta": {"expand": 1}});
    assert_eq!(
        walk(auth.clone(), Shape::Auth, |record, _| Some(record)).answer,
        Some(auth.clone())
    );
    let nothing = Released {
        answer: None,
        dropped: 1,
    };
    assert_eq!(walk(auth, Shape::Auth, |_, _| None), nothing);
    assert_eq!(walk(record("a"), Shape::Record, |_, _| None), nothing);
    assert_eq!(
        walk(record("a"), Shape::Record, |_, _| Some(Value::Null)),
        nothing
    );
}

#[test]
fn an_event_stands_and_falls_with_its_record() {
    let event = json!({"action": "update", "record": expanding("a", json!({"x": record("b")}))});
    let kept = walk(event.clone(), Shape::Event, |record, _| Some(record));
    assert_eq!(kept.answer, Some(event.clone()));
    let bare = walk(event.clone(), Shape::Event, |record, place| {
        (place == Place::Top).then_some(record)
    });
    let expected = json!({"action": "update", "record": expanding("a", json!({}))});
    assert_eq!(bare.answer, Some(expected));
    assert_eq!(walk(event, Shape::Event, |_, _| None).answer, None);
}

#[track_caller]
fn check(answer: Value, shape: Shape, place: &str) {
    let error = Records::take(answer, shape).unwrap_err();
    assert_eq!(error.place, place, "{error}");
}

#[test]
fn an_answer_of_another_shape_says_where() {
    check(json!("<html>"), Shape::List, "");
    check(
        json!({"items": [], "page": 1, "perPage": 30, "totalItems": 0}),
        Shape::List,
        "/totalPages",
    );
    check(json!({"code": 200}), Shape::List, "/code");
    check(list(json!({})), Shape::List, "/items");
    check(
        list(json!([record("a"), {"id": "b", "collectionId": "c"}])),
        Shape::List,
        "/items/1/collectionName",
    );
    check(json!({"id": 1}), Shape::Record, "/id");
    check(expanding("a", json!([])), Shape::Record, "/expand");
    check(
        expanding("a", json!({"x": [[]]})),
        Shape::Record,
        "/expand/x/0/id",
    );
    check(
        expanding("a", json!({"x": expanding("b", json!({"y": null}))})),
        Shape::Record,
        "/expand/x/expand/y/id",
    );
    check(json!({"record": record("a")}), Shape::Auth, "/token");
    check(json!({"token": "t"}), Shape::Auth, "/record");
    check(
        json!({"token": "t", "record": record("a"), "records": []}),
        Shape::Auth,
        "/records",
    );
    let event = |action: Value| json!({"action": action, "record": record("a")});
    check(event(json!("upsert")), Shape::Event, "/action");
    check(event(json!(1)), Shape::Event, "/action");
    check(json!({"action": "create"}), Shape::Event, "/record");
    check(
        json!({"action": "create", "record": {}}),
        Shape::Event,
        "/record/id",
    );
    check(
        json!({"record": record("a"), "token": "t"}),
        Shape::Event,
        "/token",
    );
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = "[a-z]{1,3}".prop_map(|id| record(&id));
    leaf.prop_recursive(4, 24, 4, |inner| {
        let one = inner.clone();
        let many = prop::collection::vec(inner, 0..4).prop_map(Value::Array);
        let expand = prop::collection::btree_map("[a-z]{1,3}", prop_oneof![one, many], 0..4);
        ("[a-z]{1,3}", expand).prop_map(|(id, expand)| expanding(&id, json!(expand)))
    })
}

proptest! {
    #[test]
    fn putting_everything_back_changes_nothing(items in prop::collection::vec(tree(), 0..4)) {
        let answer = list(Value::Array(items));
        let released = walk(answer.clone(), Shape::List, |record, _| Some(record));
        prop_assert_eq!(released, Released { answer: Some(answer), dropped: 0 });
    }

    #[test]
    fn exactly_what_was_put_back_leaves(root in tree(), mask: u64) {
        let mut position = 0;
        let released = walk(root, Shape::Record, |mut record, _| {
            position += 1;
            record["id"] = format!("record {position} ").into();
            (mask >> (position % 64) & 1 == 1).then_some(record)
        });
        let left = released.answer.map(|answer| answer.to_string()).unwrap_or_default();
        for position in 1..=position {
            if mask >> (position % 64) & 1 == 0 {
                let id = format!("record {position} ");
                prop_assert!(!left.contains(&id));
            }
        }
    }
}
