//! Every route of PocketBase 0.40, and what becomes of it here.
//!
//! Parsing is driven by this table: a request whose method and path match no
//! row is refused, and so is a row that is not served yet, by its own name.

use State::{NotYet, Served};
use Who::{Anyone, FileToken, Record, SameCollection, Superuser};

use super::OperationKind as Kind;

/// One route of PocketBase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// In upper case; `GET` stands for `HEAD` as well.
    pub method: &'static str,
    /// Segments in braces are placeholders; a last `{path...}` is any rest.
    pub pattern: &'static str,
    /// What PocketBase does there.
    pub operation: &'static str,
    /// Whom PocketBase lets in, before any rule of a collection.
    pub who: Who,
    /// What the gateway does with it.
    pub state: State,
}

/// Whom PocketBase lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Guests too.
    Anyone,
    /// A record of any auth collection.
    Record,
    /// A record of the auth collection in the path.
    SameCollection,
    /// A superuser.
    Superuser,
    /// A superuser's file token in the query.
    FileToken,
}

/// What the gateway does with a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Parsed to an operation of this kind.
    Served(Kind),
    /// Refused by name.
    NotYet,
}

/// All routes but the files of `pb_public`, which PocketBase serves for any
/// other GET. The first row that matches counts, so a literal segment stands
/// before a placeholder in the same place.
#[rustfmt::skip] // a table is read in columns
pub const ROUTES: &[Route] = &[
    // records
    row("GET", "/api/collections/{collection}/records", "list", Anyone, Served(Kind::List)),
    row("GET", "/api/collections/{collection}/records/{id}", "view", Anyone, Served(Kind::View)),
    row("POST", "/api/collections/{collection}/records", "create", Anyone, Served(Kind::Create)),
    row("PATCH", "/api/collections/{collection}/records/{id}", "update", Anyone, Served(Kind::Update)),
    row("DELETE", "/api/collections/{collection}/records/{id}", "delete", Anyone, Served(Kind::Delete)),
    row("POST", "/api/batch", "batch", Anyone, NotYet),
    // auth collections
    row("GET", "/api/collections/{collection}/auth-methods", "authMethods", Anyone, Served(Kind::AuthMethods)),
    row("POST", "/api/collections/{collection}/auth-with-password", "authWithPassword", Anyone, Served(Kind::AuthWithPassword)),
    row("POST", "/api/collections/{collection}/auth-refresh", "authRefresh", SameCollection, Served(Kind::AuthRefresh)),
    row("POST", "/api/collections/{collection}/auth-with-oauth2", "authWithOAuth2", Anyone, NotYet),
    row("POST", "/api/collections/{collection}/request-otp", "requestOTP", Anyone, NotYet),
    row("POST", "/api/collections/{collection}/auth-with-otp", "authWithOTP", Anyone, NotYet),
    row("POST", "/api/collections/{collection}/request-verification", "requestVerification", Anyone, NotYet),
    row("POST", "/api/collections/{collection}/confirm-verification", "confirmVerification", Anyone, NotYet),
    row("POST", "/api/collections/{collection}/request-password-reset", "requestPasswordReset", Anyone, NotYet),
    row("POST", "/api/collections/{collection}/confirm-password-reset", "confirmPasswordReset", Anyone, NotYet),
    row("POST", "/api/collections/{collection}/request-email-change", "requestEmailChange", SameCollection, NotYet),
    row("POST", "/api/collections/{collection}/confirm-email-change", "confirmEmailChange", Anyone, NotYet),
    row("GET", "/api/oauth2-redirect", "oauth2Redirect", Anyone, NotYet),
    row("POST", "/api/oauth2-redirect", "oauth2Redirect", Anyone, NotYet),
    // realtime
    row("GET", "/api/realtime", "realtime", Anyone, NotYet),
    row("POST", "/api/realtime", "subscribe", Anyone, NotYet),
    // files
    row("POST", "/api/files/token", "fileToken", Record, NotYet),
    row("GET", "/api/files/{collection}/{id}/{file}", "download", Anyone, Served(Kind::Download)),
    // superusers
    row("POST", "/api/collections/{collection}/impersonate/{id}", "impersonate", Superuser, NotYet),
    row("GET", "/api/collections/meta/scaffolds", "collectionScaffolds", Superuser, ADMIN),
    row("GET", "/api/collections/meta/oauth2-providers", "oauth2Providers", Superuser, ADMIN),
    row("POST", "/api/collections/meta/dry-run-view", "dryRunView", Superuser, ADMIN),
    row("PUT", "/api/collections/import", "importCollections", Superuser, ADMIN),
    row("GET", "/api/collections", "listCollections", Superuser, ADMIN),
    row("POST", "/api/collections", "createCollection", Superuser, ADMIN),
    row("GET", "/api/collections/{collection}", "viewCollection", Superuser, ADMIN),
    row("PATCH", "/api/collections/{collection}", "updateCollection", Superuser, ADMIN),
    row("DELETE", "/api/collections/{collection}", "deleteCollection", Superuser, ADMIN),
    row("DELETE", "/api/collections/{collection}/truncate", "truncateCollection", Superuser, ADMIN),
    row("GET", "/api/settings", "viewSettings", Superuser, ADMIN),
    row("PATCH", "/api/settings", "updateSettings", Superuser, ADMIN),
    row("POST", "/api/settings/test/s3", "testS3", Superuser, ADMIN),
    row("POST", "/api/settings/test/email", "testEmail", Superuser, ADMIN),
    row("POST", "/api/settings/apple/generate-client-secret", "generateAppleClientSecret", Superuser, ADMIN),
    row("GET", "/api/logs", "listLogs", Superuser, ADMIN),
    row("GET", "/api/logs/stats", "logsStats", Superuser, ADMIN),
    row("GET", "/api/logs/{log}", "viewLog", Superuser, ADMIN),
    row("DELETE", "/api/logs", "deleteLogs", Superuser, ADMIN),
    row("GET", "/api/crons", "listCrons", Superuser, ADMIN),
    row("POST", "/api/crons/{cron}", "runCron", Superuser, ADMIN),
    row("POST", "/api/sql", "sql", Superuser, ADMIN),
    row("GET", "/api/backups", "listBackups", Superuser, ADMIN),
    row("POST", "/api/backups", "createBackup", Superuser, ADMIN),
    row("DELETE", "/api/backups/{backup}", "deleteBackup", Superuser, ADMIN),
    row("POST", "/api/backups/{backup}/restore", "restoreBackup", Superuser, ADMIN),
    // A body without bound, and a token in the query: neither is JSON in, JSON out.
    row("POST", "/api/backups/upload", "uploadBackup", Superuser, NotYet),
    row("GET", "/api/backups/{backup}", "downloadBackup", FileToken, NotYet),
    // the rest
    row("GET", "/api/health", "health", Anyone, Served(Kind::Health)),
    row("GET", "/_/{path...}", "dashboard", Anyone, NotYet),
];

const ADMIN: State = Served(Kind::Superuser);

impl Route {
    /// The route of a method and decoded segments.
    pub(super) fn find(method: &str, segments: &[String]) -> Option<&'static Self> {
        let method = if method == "HEAD" { "GET" } else { method };
        ROUTES
            .iter()
            .find(|route| route.method == method && route.matches(segments))
    }

    /// The segment where the pattern has this placeholder.
    pub(super) fn capture<'a>(&self, placeholder: &str, segments: &'a [String]) -> Option<&'a str> {
        let at = self.parts().position(|part| part == placeholder)?;
        segments.get(at).map(String::as_str)
    }

    fn matches(&self, segments: &[String]) -> bool {
        let mut rest = segments.iter();
        for part in self.parts() {
            if part == "{path...}" {
                return true;
            }
            match rest.next() {
                Some(segment) if part.starts_with('{') || part == segment => {}
                _ => return false,
            }
        }
        rest.next().is_none()
    }

    fn parts(&self) -> impl Iterator<Item = &'static str> {
        self.pattern.split('/').skip(1)
    }
}

const fn row(
    method: &'static str,
    pattern: &'static str,
    operation: &'static str,
    who: Who,
    state: State,
) -> Route {
    Route {
        method,
        pattern,
        operation,
        who,
        state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: &str, path: &str, expected: Option<&str>) {
        let segments: Vec<String> = path.split('/').skip(1).map(str::to_owned).collect();
        let found = Route::find(method, &segments).map(|route| route.operation);
        assert_eq!(found, expected, "{method} {path}");
    }

    #[test]
    fn the_more_literal_route_is_found_first() {
        check("GET", "/api/logs/stats", Some("logsStats"));
        check("GET", "/api/logs/abc", Some("viewLog"));
        check("POST", "/api/backups/upload", Some("uploadBackup"));
        check("GET", "/api/collections/import", Some("viewCollection"));
        check("PUT", "/api/collections/import", Some("importCollections"));
        check("GET", "/api/collections/meta/records", Some("list"));
        check("HEAD", "/api/health", Some("health"));
        check("PUT", "/api/health", None);
        check("GET", "/api/health/x", None);
        check("GET", "/_", Some("dashboard"));
        check("GET", "/_/a/b", Some("dashboard"));
    }

    #[test]
    fn no_row_hides_a_later_one() {
        for (at, route) in ROUTES.iter().enumerate() {
            let segments: Vec<String> = route.parts().map(str::to_owned).collect();
            let found = ROUTES
                .iter()
                .position(|other| other.method == route.method && other.matches(&segments));
            assert_eq!(found, Some(at), "{} {}", route.method, route.pattern);
        }
    }

    #[test]
    fn a_served_row_bears_the_name_of_its_kind() {
        for route in ROUTES {
            match route.state {
                Served(Kind::Superuser) => assert_eq!(route.who, Superuser, "{}", route.pattern),
                Served(kind) => assert_eq!(route.operation, kind.as_str()),
                NotYet => {}
            }
        }
    }
}
