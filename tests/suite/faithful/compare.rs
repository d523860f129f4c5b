//! What is the same about two answers.

use hapta_tests::Reply;
use serde_json::Value;

use super::corpus::Ask;

/// The headers that mean something to a client, but for those of the transport and of CORS.
const HEADERS: [&str; 19] = [
    "accept-ranges",
    "access-control-allow-credentials",
    "access-control-allow-origin",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-range",
    "content-security-policy",
    "content-type",
    "cross-origin-opener-policy",
    "etag",
    "last-modified",
    "location",
    "retry-after",
    "set-cookie",
    "x-content-type-options",
    "x-frame-options",
    "x-xss-protection",
];

/// How two answers differ, in words; nothing when they are the same.
pub(super) fn differences(ask: &Ask, direct: &Reply, through: &Reply) -> Vec<String> {
    let mut found = Vec::new();
    let mut differ = |what: &str, direct: String, through: String| {
        if direct != through {
            found.push(format!(
                "{what}: {direct} directly, {through} through the gateway"
            ));
        }
    };
    differ(
        "status",
        direct.status.to_string(),
        through.status.to_string(),
    );
    for name in HEADERS {
        differ(name, header(ask, direct, name), header(ask, through, name));
    }
    for varied in ["origin", "accept-encoding"] {
        let varies = |reply: &Reply| {
            reply.headers.get_all("vary").iter().any(|value| {
                value
                    .to_str()
                    .is_ok_and(|value| value.to_ascii_lowercase().contains(varied))
            })
        };
        differ(
            "vary",
            varies(direct).to_string(),
            varies(through).to_string(),
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
