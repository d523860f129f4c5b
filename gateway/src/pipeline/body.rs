//! Reads a request's body: within bounds, parsed once, in the one form that
//! its operation takes.

use bytesize::ByteSize;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;

use super::RequestBody;
use crate::error::BodyError;
use crate::exchange::BodyMisfit;
use crate::exchange::json::{self, Bounds};
use crate::exchange::login::LoginError;
use crate::operation::Operation;

/// What an operation does with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    /// An empty one may come along, and so may `{}`: the SDKs send either.
    Nothing,
    /// A record's fields; none means no change.
    Record,
    Login,
    /// A superuser's: any JSON.
    Any,
}

/// Reads the body, if the operation takes one.
pub(super) async fn read(
    operation: &Operation,
    headers: &HeaderMap,
    body: RequestBody,
    bound: ByteSize,
) -> Result<Option<Value>, BodyError> {
    let takes = takes(operation);
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(BodyError::Encoding);
    }
    let limit = usize::try_from(bound.as_u64()).unwrap_or(usize::MAX);
    let bytes = match Limited::new(body, limit).collect().await {
        Ok(whole) => whole.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(BodyError::TooLarge(bound)),
        Err(_) => return Err(BodyError::Cut),
    };
    if bytes.is_empty() {
        return match takes {
            Takes::Nothing | Takes::Any => Ok(None),
            Takes::Record => Ok(Some(Value::Object(serde_json::Map::new()))),
            Takes::Login => Err(BodyMisfit::Login(LoginError::NoObject).into()),
        };
    }
    check_type(headers)?;
    let value = json::parse(&bytes, Bounds::default())?;
    match takes {
        Takes::Nothing if is_empty(&value) => Ok(None),
        Takes::Nothing => Err(BodyError::Unwanted),
        // To PocketBase, null is an empty object.
        Takes::Record if value.is_null() => Ok(Some(Value::Object(serde_json::Map::new()))),
        Takes::Record | Takes::Login | Takes::Any => Ok(Some(value)),
    }
}

fn takes(operation: &Operation) -> Takes {
    match operation {
        Operation::Create { .. } | Operation::Update { .. } => Takes::Record,
        Operation::AuthWithPassword { .. } => Takes::Login,
        Operation::Superuser(_) => Takes::Any,
        Operation::Health { .. }
        | Operation::List { .. }
        | Operation::View { .. }
        | Operation::Delete { .. }
        | Operation::AuthMethods { .. }
        | Operation::AuthRefresh { .. }
        | Operation::Download { .. }
        | Operation::Custom(_)
        | Operation::Dashboard(_)
        | Operation::Static(_) => Takes::Nothing,
    }
}

/// Exactly one header, exactly this type: PocketBase takes the first of two and
/// any type that only begins like this one.
fn check_type(headers: &HeaderMap) -> Result<(), BodyError> {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(BodyError::ContentType);
    };
    let text = value.to_str().map_err(|_| BodyError::ContentType)?;
    let mut parts = text.split(';').map(str::trim);
    let is_json = parts
        .next()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    let is_utf8 = parts.all(|parameter| parameter.eq_ignore_ascii_case("charset=utf-8"));
    if is_json && is_utf8 {
        Ok(())
    } else {
        Err(BodyError::ContentType)
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(types: &[&str], expected: bool) {
        let mut headers = HeaderMap::new();
        for value in types {
            headers.append(header::CONTENT_TYPE, HeaderValue::from_str(value).unwrap());
        }
        assert_eq!(check_type(&headers).is_ok(), expected, "{types:?}");
    }

    #[test]
    fn json_has_one_content_type() {
        check(&["application/json"], true);
        check(&["application/json; charset=utf-8"], true);
        check(&["Application/JSON;charset=UTF-8"], true);
        check(&["application/jsonfoo"], false);
        check(&["application/json; charset=utf-16"], false);
        check(&["multipart/form-data; boundary=x"], false);
        check(&["application/json", "application/json"], false);
        check(&[], false);
    }
}
