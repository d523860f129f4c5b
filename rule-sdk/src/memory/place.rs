//! Places in a JSON value, as RFC 6901 points to them.

use serde_json::Value;

use crate::EditError;

/// The steps of a pointer; none where it is not one.
pub(super) fn steps(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    pointer
        .strip_prefix('/')?
        .split('/')
        .map(unescape)
        .collect()
}

fn unescape(step: &str) -> Option<String> {
    let mut parts = step.split('~');
    let mut plain = parts.next()?.to_owned();
    for part in parts {
        if let Some(rest) = part.strip_prefix('0') {
            plain.push('~');
            plain.push_str(rest);
        } else {
            plain.push('/');
            plain.push_str(part.strip_prefix('1')?);
        }
    }
    Some(plain)
}

/// The index that a step is: digits without zeros in front.
fn index(step: &str) -> Option<usize> {
    let digits = step.bytes().all(|one| one.is_ascii_digit());
    let plain = step == "0" || !step.starts_with('0');
    (digits && plain).then(|| step.parse().ok()).flatten()
}

/// What is at a place.
pub(super) fn find<'v>(value: &'v Value, steps: &[String]) -> Option<&'v Value> {
    steps.iter().try_fold(value, |value, step| match value {
        Value::Object(object) => object.get(step),
        Value::Array(array) => array.get(index(step)?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

fn find_mut<'v>(value: &'v mut Value, steps: &[String]) -> Option<&'v mut Value> {
    steps.iter().try_fold(value, |value, step| match value {
        Value::Object(object) => object.get_mut(step),
        Value::Array(array) => array.get_mut(index(step)?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

/// Puts a value at a place.
pub(super) fn set(value: &mut Value, steps: &[String], to: Value) -> Result<(), EditError> {
    let Some((last, parents)) = steps.split_last() else {
        *value = to;
        return Ok(());
    };
    match find_mut(value, parents).ok_or(EditError::NoSuchPlace)? {
        Value::Object(object) => {
            object.insert(last.clone(), to);
        }
        Value::Array(array) if last == "-" => array.push(to),
        Value::Array(array) => {
            let at = index(last).ok_or(EditError::NoSuchPlace)?;
            if at == array.len() {
                array.push(to);
            } else {
                *array.get_mut(at).ok_or(EditError::NoSuchPlace)? = to;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            return Err(EditError::NoSuchPlace);
        }
    }
    Ok(())
}

/// Takes the value at a place out, if there is one.
pub(super) fn remove(value: &mut Value, steps: &[String]) -> Result<(), EditError> {
    let (last, parents) = steps.split_last().ok_or(EditError::NoSuchPlace)?;
    match find_mut(value, parents) {
        Some(Value::Object(object)) => {
            object.remove(last);
        }
        Some(Value::Array(array)) => {
            if let Some(at) = index(last).filter(|at| *at < array.len()) {
                array.remove(at);
            }
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::needless_pass_by_value,
        reason = "a table reads better without borrows"
    )]

    use serde_json::{Value, json};

    use super::{find, remove, set, steps};
    use crate::EditError;

    fn sample() -> Value {
        json!({"a": {"b": [1, 2]}, "x/y": 1, "m~n": 2, "": 3, "01": 4})
    }

    #[test]
    fn pointers_are_read_as_the_rfc_says() {
        #[track_caller]
        fn check(pointer: &str, expected: Option<Value>) {
            let sample = sample();
            let found = steps(pointer).and_then(|steps| find(&sample, &steps).cloned());
            assert_eq!(found, expected, "{pointer}");
        }
        check("", Some(sample()));
        check("/a/b/1", Some(json!(2)));
        check("/x~1y", Some(json!(1)));
        check("/m~0n", Some(json!(2)));
        check("/", Some(json!(3)));
        check("/01", Some(json!(4)));
        check("/a/b/01", None);
        check("/a/b/+1", None);
        check("/a/b/-", None);
        check("/a/b/2", None);
        check("/a/b/0/c", None);
        check("a", None);
        check("/m~n", None);
        check("/m~", None);
    }

    #[test]
    fn edits_need_a_container_to_be_made_in() {
        #[track_caller]
        fn check(pointer: &str, expected: Result<Value, EditError>) {
            let mut value = json!({"list": [1, 2], "text": "x"});
            let edited = set(&mut value, &steps(pointer).unwrap(), json!(9));
            assert_eq!(edited.map(|()| value), expected, "{pointer}");
        }
        check("", Ok(json!(9)));
        check("/new", Ok(json!({"list": [1, 2], "text": "x", "new": 9})));
        check("/list/0", Ok(json!({"list": [9, 2], "text": "x"})));
        check("/list/2", Ok(json!({"list": [1, 2, 9], "text": "x"})));
        check("/list/-", Ok(json!({"list": [1, 2, 9], "text": "x"})));
        check("/list/3", Err(EditError::NoSuchPlace));
        check("/list/x", Err(EditError::NoSuchPlace));
        check("/text/0", Err(EditError::NoSuchPlace));
        check("/no/where", Err(EditError::NoSuchPlace));
    }

    #[test]
    fn removing_what_is_not_there_is_no_error() {
        #[track_caller]
        fn check(pointer: &str, expected: Value) {
            let mut value = json!({"list": [1, 2], "text": "x"});
            remove(&mut value, &steps(pointer).unwrap()).unwrap();
            assert_eq!(value, expected, "{pointer}");
        }
        check("/text", json!({"list": [1, 2]}));
        check("/list/0", json!({"list": [2], "text": "x"}));
        for pointer in ["/no", "/no/where", "/list/2", "/list/-", "/text/0"] {
            check(pointer, json!({"list": [1, 2], "text": "x"}));
        }
        let whole = remove(&mut json!({}), &[]);
        assert_eq!(whole, Err(EditError::NoSuchPlace));
    }
}
