//! Pointers, edits and secrets; and all edits against a model of what they mean.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn body() -> Document {
    Document::editable(json!({"a": {"b": [1, 2]}, "x/y": 1, "password": "secret"}))
        .masking(Arc::from(vec!["password".to_owned()]))
}

#[track_caller]
#[expect(
    clippy::needless_pass_by_value,
    reason = "a table of cases is read without `&`"
)]
fn check_set(pointer: &str, to: Value, expected: Result<Value, EditError>) {
    let mut document = body();
    let result = document.set(pointer, to).map(|()| document.into_parts().0);
    assert_eq!(result, expected);
}

#[test]
fn a_value_is_set_where_its_parent_is() {
    let whole = |a: Value, more: &[(&str, Value)]| {
        let mut value = json!({"a": a, "x/y": 1, "password": "secret"});
        for (key, to) in more {
            value[*key] = to.clone();
        }
        Ok(value)
    };
    check_set("/a/b/0", json!("n"), whole(json!({"b": ["n", 2]}), &[]));
    check_set("/a/b/2", json!(3), whole(json!({"b": [1, 2, 3]}), &[]));
    check_set("/a/b/-", json!(3), whole(json!({"b": [1, 2, 3]}), &[]));
    check_set(
        "/new",
        json!(true),
        whole(json!({"b": [1, 2]}), &[("new", json!(true))]),
    );
    check_set(
        "/x~1y",
        json!(2),
        whole(json!({"b": [1, 2]}), &[("x/y", json!(2))]),
    );
    check_set("/a/b/3", json!(3), Err(EditError::NoSuchPlace));
    check_set("/a/b/01", json!(3), Err(EditError::NoSuchPlace));
    check_set("/no/such", json!(3), Err(EditError::NoSuchPlace));
    check_set("a", json!(3), Err(EditError::BadPointer));
    check_set("/a~2", json!(3), Err(EditError::BadPointer));
    check_set("/password", json!("mine"), Err(EditError::Masked));
    check_set("", json!({}), Err(EditError::Masked));
}

#[test]
fn a_pointer_finds_what_serde_finds() {
    let value = json!({"a": {"b": [1, {"": 2}]}, "x/y": {"~": 3}, "": 4, "~1": 5, "0": 6});
    for pointer in [
        "", "/", "/a", "a", "/a/", "/a/b", "/a/b/0", "/a/b/00", "/a/b/+1", "/a/b/1/", "/a/b/2",
        "/a/b/-", "/a/b/0/0", "/x~1y/~0", "/x/y", "/~01", "/~1", "/~2", "/0", "/a//b", "/no/such",
    ] {
        assert_eq!(find(&value, pointer), value.pointer(pointer), "{pointer}");
    }
}

#[test]
fn a_secret_is_seen_nowhere() {
    let document = body();
    assert_eq!(document.get("/password"), Some(Seen::Masked));
    assert!(!document.text().contains("secret"));
    let Some(Seen::Printed(text)) = document.get("") else {
        panic!("the whole is printed")
    };
    assert!(!text.contains("secret") && text.contains(MASK));
    assert_eq!(document.keys("").len(), 3);
}

#[test]
fn removing_what_is_not_there_is_no_error_and_no_touch() {
    let mut document = body();
    assert_eq!(document.remove("/nothing/here"), Ok(()));
    assert_eq!(document.remove("/a/b/0"), Ok(()));
    assert_eq!(document.remove("/password"), Err(EditError::Masked));
    let (value, touched) = document.into_parts();
    assert_eq!(value["a"]["b"], json!([2]));
    assert_eq!(touched, ["a"]);
}

#[test]
fn a_read_only_document_takes_no_edit() {
    let mut document = Document::read_only(Arc::new(json!({"a": 1})));
    assert_eq!(document.set("/a", json!(2)), Err(EditError::ReadOnly));
    assert_eq!(document.remove("/a"), Err(EditError::ReadOnly));
    assert_eq!(document.length(""), Some(1));
}

#[test]
fn replacing_the_whole_touches_what_differs() {
    let mut document = Document::editable(json!({"a": 1, "b": 2, "c": 3}));
    assert_eq!(document.set("", json!({"a": 1, "b": 5, "d": 4})), Ok(()));
    let (_, mut touched) = document.into_parts();
    touched.sort();
    assert_eq!(touched, ["b", "c", "d"]);
}

/// Keys that meet, and that pointers spell in their own way.
const KEYS: [&str; 8] = ["a", "b", "", "x/y", "~", "0", "1", "password"];

/// What becomes of a value when the contract's words are followed, one token after the other.
fn model(root: &Value, tokens: &[String], change: Option<&Value>) -> Result<Value, EditError> {
    let Some((token, rest)) = tokens.split_first() else {
        return Err(EditError::NoSuchPlace);
    };
    let number = || {
        let plain = token.parse::<usize>().ok();
        plain.filter(|number| number.to_string() == *token)
    };
    let mut changed = root.clone();
    match (&mut changed, rest.is_empty(), change) {
        (Value::Object(map), true, Some(to)) => {
            map.insert(token.clone(), to.clone());
        }
        (Value::Object(map), true, None) => {
            map.remove(token);
        }
        (Value::Object(map), false, _) => {
            let within = map.get(token).ok_or(EditError::NoSuchPlace)?;
            let within = model(within, rest, change)?;
            map.insert(token.clone(), within);
        }
        (Value::Array(items), true, Some(to)) => {
            let end = items.len();
            let at = if token == "-" { Some(end) } else { number() };
            match at.filter(|at| *at <= end).ok_or(EditError::NoSuchPlace)? {
                at if at == end => items.push(to.clone()),
                at => items[at] = to.clone(),
            }
        }
        (Value::Array(items), true, None) => {
            let at = number().ok_or(EditError::NoSuchPlace)?;
            if at < items.len() {
                items.remove(at);
            }
        }
        (Value::Array(items), false, _) => {
            let at = number().filter(|at| *at < items.len());
            let at = at.ok_or(EditError::NoSuchPlace)?;
            items[at] = model(&items[at], rest, change)?;
        }
        _ => return Err(EditError::NoSuchPlace),
    }
    Ok(changed)
}

/// The same for a whole document with a secret in it; the document is as it was where it fails.
fn modelled(root: &Value, tokens: &[String], change: Option<&Value>) -> Result<Value, EditError> {
    match (tokens.first().map(String::as_str), change) {
        (Some("password"), _) => Err(EditError::Masked),
        (None, Some(_)) if root.get("password").is_some() => Err(EditError::Masked),
        (None, Some(to)) if to.is_object() => Ok(to.clone()),
        (None, _) => Err(EditError::NoSuchPlace),
        // Taking out what isn't there is no error, but a place in a list has to be a number.
        (Some(_), None) => match model(root, tokens, None) {
            Err(EditError::NoSuchPlace) if !is_in_list(root, tokens) => Ok(root.clone()),
            other => other,
        },
        (Some(_), Some(_)) => model(root, tokens, change),
    }
}

/// Whether all but the last token lead to a list.
fn is_in_list(root: &Value, tokens: &[String]) -> bool {
    let (_, parent) = tokens.split_last().expect("there are tokens");
    root.pointer(&spelled(parent)).is_some_and(Value::is_array)
}

fn spelled(tokens: &[String]) -> String {
    let token = |token: &String| format!("/{}", token.replace('~', "~0").replace('/', "~1"));
    tokens.iter().map(token).collect()
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |within| {
        let key = prop::sample::select(KEYS.map(str::to_owned).to_vec());
        prop_oneof![
            prop::collection::vec(within.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key, within, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_tokens() -> impl Strategy<Value = Vec<String>> {
    let mut tokens = KEYS.to_vec();
    tokens.extend(["2", "-", "01", "+1"]);
    let token = prop::sample::select(tokens).prop_map(str::to_owned);
    prop::collection::vec(token, 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases * 8, ..ProptestConfig::default() })]

    #[test]
    fn edits_mean_what_the_contract_says(
        root in any_value().prop_filter("an object", Value::is_object),
        edits in prop::collection::vec((any_tokens(), prop::option::of(any_value())), 1..6),
    ) {
        let secrets = Arc::from(vec!["password".to_owned()]);
        let mut document = Document::editable(root.clone()).masking(secrets);
        let mut expected = root.clone();
        for (tokens, change) in &edits {
            let pointer = spelled(tokens);
            let result = match change {
                Some(to) => document.set(&pointer, to.clone()),
                None => document.remove(&pointer),
            };
            match modelled(&expected, tokens, change.as_ref()) {
                Ok(changed) => {
                    prop_assert_eq!(result, Ok(()), "{}", pointer);
                    expected = changed;
                }
                Err(error) => prop_assert_eq!(result, Err(error), "{}", pointer),
            }
            prop_assert_eq!(document.value(), &expected, "{}", pointer);
        }
        // What differs was touched: else a rule could change what its manifest does not name.
        let (left, touched) = document.into_parts();
        let keys = root.as_object().into_iter().chain(left.as_object()).flat_map(|map| map.keys());
        for key in keys {
            let differs = root.get(key) != left.get(key);
            prop_assert!(!differs || touched.contains(key), "{} was not touched", key);
        }
    }

    #[test]
    fn no_pointer_finds_a_secret(root in any_value(), pointer in "(/|~|~0|~1|password|a|0|-|[a-z]){0,6}") {
        let mut root = root;
        let Value::Object(map) = &mut root else { return Ok(()) };
        map.insert("password".to_owned(), json!({ "within": "hunter2" }));
        let secrets = Arc::from(vec!["password".to_owned()]);
        let mut document = Document::editable(root.clone()).masking(secrets);
        let seen = format!("{:?}", document.get(&pointer));
        prop_assert!(!seen.contains("hunter2"), "{}", seen);
        prop_assert!(!document.keys(&pointer).iter().any(|key| key == "within"));
        prop_assert!(!document.text().contains("hunter2"));
        let _ = document.remove(&pointer);
        let _ = document.set(&pointer, json!({}));
        prop_assert_eq!(document.value().get("password"), root.get("password"));
    }
}
