//! From the line of a case to an operation, by the parser that requests go through.

use std::collections::BTreeMap;

use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::values::near;
use crate::operation::{Operation, OperationKind, ROUTES, RecordAction, RecordId, Route, Topic};
use crate::surface::Surface;

/// All but what RFC 3986 calls unreserved.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A request as a case writes it.
pub(super) struct Line<'a> {
    /// `update posts/p1`, or `PATCH /api/collections/posts/records/p1`.
    pub(super) text: &'a str,
    pub(super) query: &'a BTreeMap<String, String>,
    /// Of an event.
    pub(super) action: Option<&'a str>,
}

/// The collection that a line names, and whether its records can log in, as far as
/// the line shows; nothing is held against anything yet.
pub(super) fn collection_of(line: &str) -> Option<(&str, bool)> {
    let (first, rest) = line.trim().split_once(' ')?;
    let rest = rest.trim();
    let (name, is_auth) = if rest.starts_with('/') {
        let mut segments = rest.split(['/', '?']).skip(2);
        let place = segments.next()?;
        if place != "collections" && place != "files" {
            return None;
        }
        let name = segments.next()?;
        let next = segments.next().unwrap_or_default();
        (name, place == "collections" && next != "records")
    } else {
        let plain = [
            "list",
            "view",
            "create",
            "update",
            "delete",
            "download",
            "subscribe",
            "event",
        ];
        let name = rest.split(['/', '?']).next()?;
        (name, !plain.contains(&first))
    };
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    (!name.is_empty() && name.chars().all(is_word)).then_some((name, is_auth))
}

/// Reads a line.
pub(super) fn parse(line: &Line<'_>, surface: &Surface) -> Result<Operation, String> {
    let text = line.text.trim();
    if text.is_empty() {
        return Err("nothing is asked; write request = \"update posts/p1\"".to_owned());
    }
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    let rest = rest.trim();
    let operation = if rest.starts_with('/') {
        as_sent(first, rest, line, surface)?
    } else {
        let kind = kind(first)?;
        match kind {
            OperationKind::Subscribe => watch(rest, line, surface)?,
            OperationKind::Event => event(rest, line, surface)?,
            kind => by_label(kind, rest, line, surface)?,
        }
    };
    if line.action.is_some() && operation.kind() != OperationKind::Event {
        return Err("an action is what an event tells of; leave it out".to_owned());
    }
    if operation.collection().is_none() && operation.kind() != OperationKind::FileToken {
        return Err(format!(
            "no rule is asked about {}, which has no collection",
            operation.kind()
        ));
    }
    Ok(operation)
}

fn as_sent(
    method: &str,
    target: &str,
    line: &Line<'_>,
    surface: &Surface,
) -> Result<Operation, String> {
    let method =
        Method::from_bytes(method.as_bytes()).map_err(|_| format!("\"{method}\" is no method"))?;
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, encoded(line.query)),
    };
    if target.contains('?') && !line.query.is_empty() {
        return Err("the query stands in the line already; leave query out".to_owned());
    }
    let asked = Operation::parse(&method, path, query.as_deref(), surface);
    asked
        .map(|asked| asked.operation)
        .map_err(|error| format!("the gateway refuses it before any rule is asked: {error}"))
}

fn by_label(
    kind: OperationKind,
    rest: &str,
    line: &Line<'_>,
    surface: &Surface,
) -> Result<Operation, String> {
    let route = Route::of(kind).ok_or_else(|| format!("no rule is asked about {kind}"))?;
    let mut named = rest.split('/').filter(|part| !part.is_empty());
    let mut path = String::new();
    for part in route.pattern.split('/').skip(1) {
        path.push('/');
        if part.starts_with('{') {
            let told = named.next();
            let told = told.ok_or_else(|| format!("{kind} is written \"{}\"", written(route)))?;
            path.extend(utf8_percent_encode(told, ESCAPED));
        } else {
            path.push_str(part);
        }
    }
    if let Some(more) = named.next() {
        return Err(format!(
            "\"{more}\" is more than {kind} takes, which is written \"{}\"",
            written(route)
        ));
    }
    let target = Line { text: "", ..*line };
    as_sent(route.method, &path, &target, surface)
}

/// How a case asks for it.
fn written(route: &Route) -> String {
    let names = route.pattern.split('/').filter_map(|part| match part {
        "{collection}" => Some("COLLECTION"),
        "{id}" => Some("ID"),
        "{file}" => Some("FILE"),
        _ => None,
    });
    format!(
        "{} {}",
        route.operation,
        names.collect::<Vec<_>>().join("/")
    )
}

fn watch(place: &str, line: &Line<'_>, surface: &Surface) -> Result<Operation, String> {
    let mut topic = place.to_owned();
    if !line.query.is_empty() {
        let options = json!({ "query": line.query }).to_string();
        topic.push_str("?options=");
        topic.extend(utf8_percent_encode(&options, ESCAPED));
    }
    match Topic::parse(&topic, surface) {
        Ok(Topic::Records { operation, .. }) => Ok(operation),
        Ok(_) => Err(format!("no rule is asked about the topic \"{place}\"")),
        Err(error) => Err(format!(
            "the gateway refuses it before any rule is asked: {error}"
        )),
    }
}

fn event(place: &str, line: &Line<'_>, surface: &Surface) -> Result<Operation, String> {
    let watch = watch(place, line, surface)?;
    let Operation::Watch { id: Some(id), .. } = &watch else {
        return Err("an event is of one record: \"event posts/p1\"".to_owned());
    };
    let id: RecordId = id.clone();
    let word = line.action.unwrap_or("update");
    let action = RecordAction::parse(word).ok_or_else(|| {
        format!("\"{word}\" is no action; expected \"create\", \"update\" or \"delete\"")
    })?;
    Ok(Operation::event(&watch, id, action))
}

fn kind(word: &str) -> Result<OperationKind, String> {
    if word.chars().all(|letter| letter.is_ascii_uppercase()) {
        return Err(format!(
            "after {word} a path is expected, like /api/collections/posts/records"
        ));
    }
    let known = serde_json::from_value::<OperationKind>(word.into());
    known.map_err(|_| {
        let words = ROUTES.iter().map(|route| route.operation).chain(["event"]);
        let meant = near(word, words);
        let meant = meant.map_or_else(String::new, |meant| format!("; did you mean \"{meant}\"?"));
        format!(
            "\"{word}\" is no operation{meant} Expected one like \"list posts\", \"update posts/p1\" or \"authWithPassword users\", or a method and a path"
        )
    })
}

fn encoded(query: &BTreeMap<String, String>) -> Option<String> {
    let pairs = query.iter().map(|(key, value)| {
        let encode = |text| utf8_percent_encode(text, ESCAPED);
        format!("{}={}", encode(key), encode(value))
    });
    let pairs: Vec<String> = pairs.collect();
    (!pairs.is_empty()).then(|| pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let line = Line {
            text,
            query: &BTreeMap::from([("expand".to_owned(), "author".to_owned())]),
            action: None,
        };
        let parsed = parse(&line, &Surface::default());
        let shown = parsed.map(|operation| {
            let name = collection_of(text).map(|(name, _)| name);
            format!(
                "{} {}",
                operation.kind(),
                operation.upstream_path_and_query(name.unwrap_or(""))
            )
        });
        match expected {
            Ok(expected) => assert_eq!(shown.as_deref(), Ok(expected), "{text}"),
            Err(word) => assert!(
                shown.clone().unwrap_err().contains(word),
                "{text}: {shown:?}"
            ),
        }
    }

    #[test]
    fn a_label_is_a_request_as_clients_send_it() {
        check(
            "view posts/p1",
            Ok("view /api/collections/posts/records/p1?expand=author"),
        );
        check(
            "list posts",
            Ok("list /api/collections/posts/records?page=1&perPage=30&expand=author"),
        );
        check(
            "authRefresh users",
            Ok("authRefresh /api/collections/users/auth-refresh?expand=author"),
        );
        check(
            "subscribe posts/*",
            Ok("subscribe /api/realtime?expand=author"),
        );
        check("event posts/p1", Ok("event /api/realtime?expand=author"));
        check(
            "PATCH /api/collections/posts/records/p1",
            Ok("update /api/collections/posts/records/p1?expand=author"),
        );
    }

    #[test]
    fn what_is_no_request_says_what_was_expected() {
        check("", Err("request = "));
        check("updat posts/p1", Err("did you mean \"update\"?"));
        check("update posts", Err("\"update COLLECTION/ID\""));
        check("create posts/p1", Err("more than create takes"));
        check("PATCH posts/p1", Err("after PATCH a path"));
        check("delete posts/p1", Err("before any rule"));
        check(
            "GET /api/collections/posts/records?x=1",
            Err("leave query out"),
        );
        check("event posts/*", Err("of one record"));
        check("health", Err("before any rule"));
        check("subscribe @oauth2", Err("before any rule"));
    }
}
