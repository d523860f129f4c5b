//! `[compat]`, `[strict]`, `[pages]` and `[expand]` → what is served beside
//! PocketBase's records, and how far an expand may go.

use http::HeaderName;

use super::{ConfigError, few, invalid, raw, within};
use crate::operation::{ExpandBounds, Route};
use crate::surface::{
    Batch, Compat, CustomRoute, Logins, Mode, PathPattern, Surface, is_ours, is_plain,
};

pub(super) fn resolve(
    compat: &raw::Compat,
    strict: &raw::Strict,
    pages: &raw::Pages,
) -> Result<Surface, ConfigError> {
    for (key, names) in [
        ("compat.routes", &compat.routes),
        ("compat.query", &compat.query),
        ("compat.body", &compat.body),
        ("compat.answer", &compat.answer),
        ("pages.files", &pages.files),
    ] {
        few(key, names)?;
    }
    Ok(Surface {
        compat: Compat {
            routes: each("compat.routes", &compat.routes, route)?,
            query: each("compat.query", &compat.query, query)?,
            headers: headers("compat.headers", &compat.headers)?,
            body: each("compat.body", &compat.body, key)?,
            answer: each("compat.answer", &compat.answer, key)?,
            sketched: std::collections::BTreeSet::new(),
        },
        mode: match strict.mode {
            raw::Mode::Enforce => Mode::Enforce,
            raw::Mode::Observe => Mode::Observe,
        },
        dashboard: pages.dashboard == raw::Switch::On,
        auth_pages: pages.auth == raw::Switch::On,
        sessions: false,
        logins: Logins::default(),
        batch: Batch::default(),
        files: each("pages.files", &pages.files, file)?,
    })
}

/// Headers that the gateway neither writes itself nor keeps.
pub(super) fn headers(key: &str, names: &[String]) -> Result<Vec<HeaderName>, ConfigError> {
    few(key, names)?;
    each(key, names, header)
}

pub(super) fn expand(raw: &raw::Expand) -> Result<ExpandBounds, ConfigError> {
    for (key, value, range) in [
        ("expand.paths", raw.paths, 0..=100),
        ("expand.depth", raw.depth, 0..=6),
        ("expand.many", raw.many, 0..=6),
    ] {
        within(key, value, &range)?;
    }
    Ok(ExpandBounds {
        paths: raw.paths,
        depth: raw.depth,
        many: raw.many,
    })
}

/// Resolves each entry of a list; the failure names the entry.
fn each<T, All: FromIterator<T>>(
    key: &str,
    names: &[String],
    resolve: impl Fn(&str) -> Result<T, String>,
) -> Result<All, ConfigError> {
    let resolved = names.iter().map(|name| {
        resolve(name).map_err(|problem| invalid(key, format!("\"{name}\": {problem}")))
    });
    resolved.collect()
}

/// A route that takes in none of PocketBase's own.
fn route(text: &str) -> Result<CustomRoute, String> {
    let custom = CustomRoute::parse(text).map_err(|error| error.to_string())?;
    match Route::taken_in_by(&custom) {
        None => Ok(custom),
        Some(row) => Err(format!(
            "it takes in PocketBase's own route {} {}, which is served by what it is or not at all",
            row.method, row.pattern
        )),
    }
}

fn file(text: &str) -> Result<PathPattern, String> {
    let is_below = |folder: &str| {
        let rest = text.strip_prefix(folder);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if is_below("/api") || is_below("/_") {
        return Err("nothing below /api or /_/ is a file of the public folder".to_owned());
    }
    PathPattern::parse(text).map_err(|error| error.to_string())
}

fn query(text: &str) -> Result<String, String> {
    if is_plain(text) {
        Ok(text.to_owned())
    } else {
        Err("a parameter is named by letters, digits, _, - and $".to_owned())
    }
}

fn header(text: &str) -> Result<HeaderName, String> {
    let name = HeaderName::try_from(text).map_err(|error| error.to_string())?;
    if is_ours(&name) {
        return Err("this header is the gateway's own to write, or to keep".to_owned());
    }
    Ok(name)
}

fn key(text: &str) -> Result<String, String> {
    match text.split_once('.') {
        Some((collection, key)) if is_plain(collection) && is_plain(key) => Ok(text.to_owned()),
        _ => Err("expected a collection and a key, like \"posts.captcha\"".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[track_caller]
    fn check(text: &str, refused_for: Option<&str>) {
        let problem = route(text).err();
        assert_eq!(problem.is_some(), refused_for.is_some(), "{text}");
        if let (Some(problem), Some(part)) = (problem, refused_for) {
            assert!(problem.contains(part), "{text}: {problem}");
        }
    }

    #[test]
    fn a_custom_route_is_none_of_pocketbases_own() {
        check("GET /api/hello/{name}", None);
        check("* /api/app/{path...}", None);
        check("GET /hello", None);
        check("GET /api/collections/{collection}/stats", None);
        check("GET /api/{path...}", Some("GET /api/collections"));
        check("* /api/{path...}", Some("own route"));
        check("GET /{path...}", Some("own route"));
        check("POST /api/{name}", Some("POST /api/batch"));
        check("GET /_/{path...}", Some("GET /_/{path...}"));
        check("GET /_/x", Some("GET /_/{path...}"));
        check(
            "GET /api/collections/users/records",
            Some("GET /api/collections/{collection}/records"),
        );
        check("POST /api/health", None);
        check("FETCH /x", Some("the method must be"));
        check("/x", Some("expected a method and a path"));
    }

    #[test]
    fn a_header_that_says_who_asks_is_not_passed_on() {
        for name in [
            "Authorization",
            "cookie",
            "X-Forwarded-For",
            "X-Real-IP",
            "CF-Connecting-IP",
            "Host",
            "a b",
        ] {
            assert!(header(name).is_err(), "{name}");
        }
        assert_eq!(
            header("X-Tenant").map(|name| name.to_string()),
            Ok("x-tenant".to_owned())
        );
    }

    #[test]
    fn a_file_is_in_the_public_folder() {
        for text in ["/api", "/api/x", "/_", "/_/{path...}", "x"] {
            assert!(file(text).is_err(), "{text}");
        }
        for text in ["/", "/{path...}", "/apis/x", "/_x"] {
            assert!(file(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_key_has_a_collection() {
        for text in [
            "captcha",
            "posts.",
            ".captcha",
            "posts.title+",
            "posts.@jsonPayload",
            "a.b.c",
        ] {
            assert!(key(text).is_err(), "{text}");
        }
        assert!(key("posts.captcha").is_ok());
        let names: BTreeSet<String> = each("x", &["a.b".to_owned()], key).unwrap();
        assert_eq!(names.len(), 1);
    }
}
