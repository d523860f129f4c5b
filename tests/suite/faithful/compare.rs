//! What is the same about two answers.

use std::collections::BTreeSet;
use std::fmt;

use hapta_tests::{Reply, pocketbase_version};
use http::HeaderName;
use serde_json::Value;

use super::corpus::Ask;

/// Headers of the transport, of which each side has its own; and those that are compared
/// otherwise.
const ASIDE: [&str; 9] = [
    "connection",
    "content-length",
    "date",
    "transfer-encoding",
    "vary",
    // The gateway's own: see `the_gateway_adds_what_is_documented`.
    "access-control-allow-methods",
    "access-control-expose-headers",
    "access-control-max-age",
    "x-request-id",
];

/// A difference between two answers.
pub(super) struct Difference {
    /// `status`, `body`, or a header's name.
    pub(super) what: String,
    pub(super) direct: String,
    pub(super) through: String,
}

/// What is wrong with two answers, in words: that they differ, or that they do not as they
/// should. Empty when nothing is.
pub(super) fn problems(ask: &Ask, direct: &Reply, through: &Reply) -> Vec<String> {
    let found = differences(ask, direct, through);
    let all = || found.iter().map(Difference::to_string).collect();
    let Some(exception) = &ask.exception else {
        return all();
    };
    let code = match is_json(through).then(|| through.json()) {
        Some(body) => body["data"]["@gateway"]["code"].as_str().map(str::to_owned),
        None => None,
    };
    let what: Vec<_> = match code {
        // It is another answer altogether.
        Some(code) => vec![code],
        None => found
            .iter()
            .map(|difference| difference.what.clone())
            .filter(|what| what != "status")
            .collect(),
    };
    let is_as_said = (direct.status, through.status) == (exception.direct, exception.through)
        && what == exception.what
        && !found.is_empty();
    if is_as_said {
        return Vec::new();
    }
    let found = format!(
        "not as said by {exception:?}: {} and {}, {what:?}",
        direct.status, through.status
    );
    std::iter::once(found).chain(all()).collect()
}

fn differences(ask: &Ask, direct: &Reply, through: &Reply) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut differ = |what: &str, direct: String, through: String| {
        if direct != through {
            found.push(Difference {
                what: what.to_owned(),
                direct,
                through,
            });
        }
    };
    differ(
        "status",
        direct.status.to_string(),
        through.status.to_string(),
    );
    let names = direct.headers.keys().chain(through.headers.keys());
    // The gateway has it whatever the PocketBase.
    let is_new =
        |name: &str| name == "cross-origin-opener-policy" && pocketbase_version() < (0, 40);
    // The gateway's own of pages: see `own-headers`.
    let is_of_pages = |name: &str| {
        name == "referrer-policy"
            && direct.header(name).is_none()
            && through.header(name) == Some("same-origin")
    };
    let names: BTreeSet<_> = names
        .map(HeaderName::as_str)
        .filter(|name| !ASIDE.contains(name) && !is_new(name) && !is_of_pages(name))
        .collect();
    for name in names {
        differ(name, header(ask, direct, name), header(ask, through, name));
    }
    for varied in ["origin", "accept-encoding"] {
        differ(
            &format!("vary:{varied}"),
            varies(direct, varied).to_string(),
            varies(through, varied).to_string(),
        );
    }
    // What is printed anew may have another length.
    if !is_json(direct) {
        differ(
            "content-length",
            header(ask, direct, "content-length"),
            header(ask, through, "content-length"),
        );
    }
    differ("body", body(ask, direct), body(ask, through));
    found
}

fn varies(reply: &Reply, with: &str) -> bool {
    let mut values = reply.headers.get_all("vary").iter();
    values.any(|value| {
        value
            .to_str()
            .is_ok_and(|value| value.to_ascii_lowercase().contains(with))
    })
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            direct,
            through,
        } = self;
        write!(
            f,
            "{what}: {direct:?} directly, {through:?} through the gateway"
        )
    }
}

fn header(ask: &Ask, reply: &Reply, name: &str) -> String {
    let values = reply.headers.get_all(name).iter();
    let values: Vec<_> = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    let mut text = values.join(" | ");
    if name == "content-type" && ask.loose.iter().any(|key| key == "boundary") {
        text = text
            .split("boundary=")
            .next()
            .unwrap_or_default()
            .to_owned();
    }
    text
}

fn is_json(reply: &Reply) -> bool {
    reply.header("content-type") == Some("application/json")
}

fn body(ask: &Ask, reply: &Reply) -> String {
    if !is_json(reply) || reply.body.is_empty() {
        let mut text = String::from_utf8_lossy(&reply.body).into_owned();
        if let Some(boundary) = reply
            .header("content-type")
            .and_then(|kind| kind.split_once("boundary="))
        {
            text = text.replace(boundary.1, "BOUNDARY");
        }
        // A text says what differs, but two that differ in bytes must not look the same.
        let mark = if std::str::from_utf8(&reply.body).is_ok() {
            String::new()
        } else {
            format!("{:x?}", reply.body)
        };
        return text + &mark;
    }
    let mut value = reply.json();
    loosen(&mut value, &ask.loose);
    // Keys have no order: a map is printed by its own.
    value.to_string()
}

fn loosen(value: &mut Value, loose: &[String]) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| loosen(item, loose)),
        Value::Object(object) => {
            for (key, value) in object {
                if loose.contains(key) && !value.is_null() {
                    *value = "…".into();
                } else {
                    loosen(value, loose);
                }
            }
        }
        _ => {}
    }
}
