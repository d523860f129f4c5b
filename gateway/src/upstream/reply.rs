//! The answer of PocketBase, as far as it may go on.

use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE,
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, LAST_MODIFIED,
    LOCATION, RETRY_AFTER, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Uri};
use hyper::body::Incoming;
use serde_json::Value;

use super::client::read_json;
use super::{Settings, UpstreamError};

/// The headers of a file's answer that are passed on.
const FILE_HEADERS: [HeaderName; 10] = [
    ACCEPT_RANGES,
    CACHE_CONTROL,
    CONTENT_DISPOSITION,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    CONTENT_SECURITY_POLICY,
    CONTENT_TYPE,
    LAST_MODIFIED,
    VARY,
];

/// The headers of the answer of a route that is let in that are passed on:
/// no cookies, no policies about other pages.
const CUSTOM_HEADERS: [HeaderName; 14] = [
    ACCEPT_RANGES,
    CACHE_CONTROL,
    CONTENT_DISPOSITION,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    CONTENT_SECURITY_POLICY,
    CONTENT_TYPE,
    ETAG,
    LAST_MODIFIED,
    LOCATION,
    RETRY_AFTER,
    VARY,
];

/// The headers of the answer to a page that is elsewhere that are passed on.
const MOVED_HEADERS: [HeaderName; 6] = [
    CACHE_CONTROL,
    CONTENT_LENGTH,
    CONTENT_SECURITY_POLICY,
    CONTENT_TYPE,
    LOCATION,
    VARY,
];

/// What PocketBase answered.
#[derive(Debug)]
pub enum Reply {
    /// A success with a body.
    Json {
        /// 200 to 299.
        status: StatusCode,
        /// Parsed, and not yet looked at by any rule.
        body: Value,
    },
    /// A success without one.
    Empty {
        /// 200 to 299; a delete answers 204.
        status: StatusCode,
    },
    /// A refusal, in PocketBase's error shape.
    Refused {
        /// 400 to 499.
        status: StatusCode,
        /// `{status, message, data}`, or `{mfaId}` for the first step of a login with MFA.
        body: Value,
    },
    /// A file, still on its way.
    File(FileBody),
}

/// A file on its way.
#[derive(Debug)]
pub struct FileBody {
    /// A success, 304 or 416.
    pub status: StatusCode,
    /// Only those that belong to a file.
    pub headers: HeaderMap,
    /// Whether a browser may show it in a frame of the same origin, as a page.
    pub is_page: bool,
    /// Streamed: neither [`Settings::timeout`] nor [`Settings::max_response`] bounds it.
    pub body: Incoming,
}

/// Takes an answer that must be JSON, or nothing at all.
pub(super) fn json((status, body): (StatusCode, Option<Value>)) -> Result<Reply, UpstreamError> {
    match (status.is_success(), body) {
        (true, Some(body)) => Ok(Reply::Json { status, body }),
        (true, None) => Ok(Reply::Empty { status }),
        (false, Some(body)) if status.is_client_error() => refused(status, body),
        // A redirect is never followed: it would lead to a request that nobody judged.
        (false, _) => Err(UpstreamError::Garbled(format!("status {status}"))),
    }
}

/// Takes an answer that is a file, or PocketBase's refusal of it.
pub(super) async fn file(
    response: Response<Incoming>,
    settings: &Settings,
) -> Result<Reply, UpstreamError> {
    let status = response.status();
    let is_file = status.is_success()
        || matches!(
            status,
            StatusCode::NOT_MODIFIED
                | StatusCode::PRECONDITION_FAILED
                | StatusCode::RANGE_NOT_SATISFIABLE
        );
    if is_file {
        return Ok(stream(response, &FILE_HEADERS));
    }
    if status.is_client_error() {
        let whole = read_json(response, settings.max_response);
        let read = tokio::time::timeout(settings.timeout, whole).await;
        return json(read.map_err(|_| UpstreamError::Late(settings.timeout))??);
    }
    Err(UpstreamError::Garbled(format!("a file answers {status}")))
}

/// Takes an answer that is a page or what belongs to it. Of a folder without its
/// last slash or by its `index.html`, and of a file with a slash, PocketBase
/// answers where it is.
pub(super) async fn page(
    response: Response<Incoming>,
    asked: &str,
    settings: &Settings,
) -> Result<Reply, UpstreamError> {
    let is_moved = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY | StatusCode::TEMPORARY_REDIRECT
    );
    let place = |path: &str| {
        let path = path.strip_suffix('/').unwrap_or(path);
        path.strip_suffix("/index.html").unwrap_or(path).to_owned()
    };
    let is_same = response
        .headers()
        .get(LOCATION)
        .and_then(|location| location.to_str().ok())
        .is_some_and(|location| place(location) == place(asked));
    let mut reply = if is_moved && is_same {
        stream(response, &MOVED_HEADERS)
    } else {
        file(response, settings).await?
    };
    if let Reply::File(page) = &mut reply {
        let is_file_of_json = asked.rsplit('.').next() == Some("json");
        if is_json(&page.headers) && !is_file_of_json {
            let problem = "a page that is JSON; a route of hooks has to be named in compat.routes";
            return Err(UpstreamError::Garbled(problem.to_owned()));
        }
        // A page may load what is its own, as PocketBase serves it.
        page.is_page = true;
    }
    Ok(reply)
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.starts_with(b"application/json"))
}

/// Takes the answer of a route that is let in as it is: no shape is known of
/// it, so it goes on as it comes, but for headers that are nobody's business.
pub(super) fn custom(response: Response<Incoming>, upstream: &Uri) -> Reply {
    let mut reply = stream(response, &CUSTOM_HEADERS);
    if let Reply::File(answer) = &mut reply {
        keep_location(&mut answer.headers, upstream);
        answer.is_page = true;
    }
    reply
}

/// Where PocketBase is, is nobody's business either: what leads there becomes a
/// path, if it is one.
fn keep_location(headers: &mut HeaderMap, upstream: &Uri) {
    let base = upstream.to_string();
    let base = base.trim_end_matches('/');
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let Some(rest) = location.and_then(|location| location.strip_prefix(base)) else {
        return;
    };
    let path = match rest {
        "" => Some("/"),
        path => Some(path).filter(|path| {
            path.starts_with('/') && !path.starts_with("//") && !path.starts_with("/\\")
        }),
    };
    match path.and_then(|path| HeaderValue::from_str(path).ok()) {
        Some(path) => headers.insert(LOCATION, path),
        None => headers.remove(LOCATION),
    };
}

fn stream(response: Response<Incoming>, passed_on: &[HeaderName]) -> Reply {
    let (parts, body) = response.into_parts();
    let mut headers = HeaderMap::new();
    for name in passed_on {
        for value in parts.headers.get_all(name) {
            headers.append(name, value.clone());
        }
    }
    Reply::File(FileBody {
        status: parts.status,
        headers,
        body,
        is_page: false,
    })
}

/// A refusal must look like PocketBase's: what does not is not passed on.
fn refused(status: StatusCode, body: Value) -> Result<Reply, UpstreamError> {
    let fits = body.as_object().is_some_and(|body| {
        body.get("message").is_some_and(Value::is_string)
            && body.get("data").is_none_or(Value::is_object)
            && body
                .keys()
                .all(|key| matches!(key.as_str(), "status" | "message" | "data"))
    });
    // The first step of a login with MFA is a 401 of its own shape.
    let is_mfa = status == StatusCode::UNAUTHORIZED
        && body
            .as_object()
            .is_some_and(|body| body.len() == 1 && body.get("mfaId").is_some_and(Value::is_string));
    if fits || is_mfa {
        Ok(Reply::Refused { status, body })
    } else {
        Err(UpstreamError::Garbled(format!(
            "status {status} with a body that is no error of PocketBase"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(location: &str, expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_str(location).unwrap());
        keep_location(&mut headers, &Uri::from_static("http://127.0.0.1:8091"));
        let kept = headers.get(LOCATION).map(|value| value.to_str().unwrap());
        assert_eq!(kept, expected, "{location}");
    }

    #[test]
    fn where_pocketbase_is_is_told_nobody() {
        check("/api/app/who", Some("/api/app/who"));
        check("https://example.com/a", Some("https://example.com/a"));
        check("http://127.0.0.1:8091/api/app", Some("/api/app"));
        check("http://127.0.0.1:8091", Some("/"));
        check("http://127.0.0.1:8091//evil.example", None);
        check("http://127.0.0.1:8091/\\evil.example", None);
        check("http://127.0.0.1:8091@evil.example/", None);
        check("http://127.0.0.1:80910/x", None);
    }
}
