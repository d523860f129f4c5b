//! Every route of PocketBase 0.40, and what becomes of it here.
//!
//! Parsing is driven by this table: a request whose method and path match no
//! row is refused unless the configuration names its route, and so is a row that
//! is not served yet, by its own name. So are the parameters that a query may
//! have, what a body may be, what an answer must look like, the page
//! `docs/routes.md`, and the test that goes through the rows.

use State::{NotYet, Served};
use Who::{Anyone, FileToken, Record, SameCollection, Superuser};

use http::Method;

use super::{BodyKey, KeyKind, OperationKind as Kind};
use crate::surface::{CustomRoute, PathPattern};

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
    /// The parameters that its query may have.
    pub query: Query,
    /// What its body may be.
    pub body: Takes,
    /// What a success answers.
    pub answer: Answer,
    /// What the gateway does with it.
    pub state: State,
    /// The scenario that shows it, as `file::name` in `tests/suite`.
    pub test: &'static str,
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

/// The parameters of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Query {
    /// These, in this spelling.
    Keys(&'static [&'static str]),
    /// Any, each once: a superuser's.
    Any,
    /// Any, and they are dropped: a page's own script reads them.
    Dropped,
}

/// What a body may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// None. An empty one may come along, and so may `{}`: the SDKs send either.
    Nothing,
    /// The fields of a record of the collection in the path; none is no change.
    Record,
    /// An object of these keys, in this spelling.
    Keys(&'static [BodyKey]),
    /// An object of which these keys are read, and all others dropped.
    Among(&'static [BodyKey]),
    /// Any JSON: a superuser's.
    Json,
    /// A file.
    File,
}

/// What a success answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `{items, page, perPage, totalItems, totalPages}`.
    List,
    /// The record itself.
    Record,
    /// `{token, record, meta?}`.
    Auth,
    /// An object of some of these keys, and no others.
    Object(&'static [&'static str]),
    /// No body.
    Nothing,
    /// The answers of the parts, in their order.
    Batch,
    /// Any JSON, or none: a superuser's.
    Json,
    /// A file, or a page with what belongs to it.
    File,
    /// Events, without end.
    Events,
    /// To the dashboard's page for it.
    Redirect,
}

/// What the gateway does with a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Parsed to an operation of this kind.
    Served(Kind),
    /// Refused by name.
    NotYet,
}

/// The Python SDK sends a `$cancelKey` of its own with the first item of a list;
/// it means nothing to PocketBase, whose rules can't name it.
const LIST: Query = Query::Keys(&[
    "page",
    "perPage",
    "sort",
    "filter",
    "skipTotal",
    "expand",
    "fields",
    CANCEL_KEY,
]);
pub(super) const CANCEL_KEY: &str = "$cancelKey";
const RECORD: Query = Query::Keys(&["expand", "fields"]);
const FIELDS: Query = Query::Keys(&["fields"]);
const NONE: Query = Query::Keys(&[]);
/// The JavaScript SDK marks its own refreshes of a superuser's login with
/// `autoRefresh`; it means nothing to PocketBase.
const REFRESH: Query = Query::Keys(&["expand", "fields", "autoRefresh"]);
const LOGIN: Query = Query::Keys(&["expand", "fields", "autoRefresh", "mfaId"]);
const DOWNLOAD: Query = Query::Keys(&["thumb", "download", "token"]);
const IDENTITY: BodyKey = BodyKey::text("identity");
const MFA: BodyKey = BodyKey::long("mfaId").secret();
const PASSWORD: Takes = Takes::Keys(&[
    IDENTITY,
    BodyKey::password("password"),
    BodyKey::text("identityField"),
    MFA,
]);
/// PocketBase reads `redirectUrl` where `redirectURL` is missing, as older SDKs send it.
const OAUTH2: Takes = Takes::Keys(&[
    BodyKey::text("provider"),
    BodyKey::long("code").secret(),
    BodyKey::long("codeVerifier").secret(),
    BodyKey::long("redirectURL"),
    BodyKey::long("redirectUrl"),
    BodyKey::of("createData", KeyKind::Record),
    MFA,
]);
const OTP: Takes = Takes::Keys(&[
    BodyKey::long("otpId").secret(),
    BodyKey::password("password"),
    MFA,
]);
const TOKEN: BodyKey = BodyKey::long("token").secret();
const NEW_PASSWORD: Takes = Takes::Keys(&[
    TOKEN,
    BodyKey::password("password"),
    BodyKey::password("passwordConfirm"),
]);
/// As a form, from the provider's own page.
const RETURN: Takes = Takes::Among(&[
    BodyKey::long("state").secret(),
    BodyKey::long("code").secret(),
    BodyKey::long("error"),
]);
const SUBSCRIBE: Takes = Takes::Keys(&[
    BodyKey::text("clientId").secret(),
    BodyKey::of("subscriptions", KeyKind::Texts),
]);
const METHODS: Answer = Answer::Object(&[
    "password",
    "oauth2",
    "mfa",
    "otp",
    "authProviders",
    "usernamePassword",
    "emailPassword",
]);
const HEALTH: Answer = Answer::Object(&["code", "message", "data"]);
const EMAIL: Takes = Takes::Keys(&[BodyKey::text("email")]);
const SUPERUSERS: State = Served(Kind::Superuser);
/// Of the rows below that are refused.
const REFUSED: &str = "routes::a_route_that_is_not_served_is_refused_by_its_name";
const ALL_OR_NOTHING: &str = "routes::superuser_routes_are_served_all_or_none";

macro_rules! routes {
    ($($method:literal $pattern:literal $operation:literal $who:expr, $query:expr, $body:expr, $answer:expr, $state:expr, $test:expr;)*) => {
        &[$(Route {
            method: $method,
            pattern: $pattern,
            operation: $operation,
            who: $who,
            query: $query,
            body: $body,
            answer: $answer,
            state: $state,
            test: $test,
        }),*]
    };
}

/// All routes. The first row that matches counts, so a literal segment stands
/// before a placeholder in the same place.
#[rustfmt::skip] // a table is read in columns
pub const ROUTES: &[Route] = routes! {
    // records
    "GET" "/api/collections/{collection}/records" "list" Anyone, LIST, Takes::Nothing, Answer::List, Served(Kind::List), "records::a_read_through_the_gateway_is_a_read_of_pocketbase";
    "GET" "/api/collections/{collection}/records/{id}" "view" Anyone, RECORD, Takes::Nothing, Answer::Record, Served(Kind::View), "records::a_read_through_the_gateway_is_a_read_of_pocketbase";
    "POST" "/api/collections/{collection}/records" "create" Anyone, RECORD, Takes::Record, Answer::Record, Served(Kind::Create), "records::what_is_created_through_the_gateway_is_in_pocketbase";
    "PATCH" "/api/collections/{collection}/records/{id}" "update" Anyone, RECORD, Takes::Record, Answer::Record, Served(Kind::Update), "records::an_update_changes_what_it_names_and_nothing_else";
    "DELETE" "/api/collections/{collection}/records/{id}" "delete" Anyone, NONE, Takes::Nothing, Answer::Nothing, Served(Kind::Delete), "records::what_is_deleted_through_the_gateway_is_gone";
    "POST" "/api/batch" "batch" Anyone, FIELDS, Takes::Keys(&[BodyKey::of("requests", KeyKind::Parts)]), Answer::Batch, Served(Kind::Batch), "batch::writes_are_done_and_answered_in_their_order";
    // auth collections
    "GET" "/api/collections/{collection}/auth-methods" "authMethods" Anyone, FIELDS, Takes::Nothing, METHODS, Served(Kind::AuthMethods), "routes::what_has_a_fixed_shape_is_answered_in_it";
    "POST" "/api/collections/{collection}/auth-with-password" "authWithPassword" Anyone, LOGIN, PASSWORD, Answer::Auth, Served(Kind::AuthWithPassword), "records::a_login_through_the_gateway_is_a_login_of_pocketbase";
    "POST" "/api/collections/{collection}/auth-refresh" "authRefresh" SameCollection, REFRESH, Takes::Nothing, Answer::Auth, Served(Kind::AuthRefresh), "principals::a_refresh_wants_a_token";
    "POST" "/api/collections/{collection}/auth-with-oauth2" "authWithOAuth2" Anyone, LOGIN, OAUTH2, Answer::Auth, Served(Kind::AuthWithOAuth2), "ways_in/oauth2::whom_the_provider_vouches_for_is_in_and_the_same_again";
    "POST" "/api/collections/{collection}/request-otp" "requestOTP" Anyone, FIELDS, EMAIL, Answer::Object(&["otpId"]), Served(Kind::RequestOtp), "ways_in/one_time::a_mailed_password_lets_in_once";
    "POST" "/api/collections/{collection}/auth-with-otp" "authWithOTP" Anyone, LOGIN, OTP, Answer::Auth, Served(Kind::AuthWithOtp), "ways_in/one_time::a_mailed_password_lets_in_once";
    "POST" "/api/collections/{collection}/request-verification" "requestVerification" Anyone, NONE, EMAIL, Answer::Nothing, Served(Kind::RequestVerification), "ways_in/mails::an_address_is_verified_by_what_was_mailed_there";
    "POST" "/api/collections/{collection}/confirm-verification" "confirmVerification" Anyone, NONE, Takes::Keys(&[TOKEN]), Answer::Nothing, Served(Kind::ConfirmVerification), "ways_in/mails::an_address_is_verified_by_what_was_mailed_there";
    "POST" "/api/collections/{collection}/request-password-reset" "requestPasswordReset" Anyone, NONE, EMAIL, Answer::Nothing, Served(Kind::RequestPasswordReset), "ways_in/mails::a_new_password_ends_the_old_one_and_every_login";
    "POST" "/api/collections/{collection}/confirm-password-reset" "confirmPasswordReset" Anyone, NONE, NEW_PASSWORD, Answer::Nothing, Served(Kind::ConfirmPasswordReset), "ways_in/mails::a_new_password_ends_the_old_one_and_every_login";
    "POST" "/api/collections/{collection}/request-email-change" "requestEmailChange" SameCollection, NONE, Takes::Keys(&[BodyKey::text("newEmail")]), Answer::Nothing, Served(Kind::RequestEmailChange), "ways_in/mails::another_address_takes_its_mail_and_the_password";
    "POST" "/api/collections/{collection}/confirm-email-change" "confirmEmailChange" Anyone, NONE, Takes::Keys(&[TOKEN, BodyKey::password("password")]), Answer::Nothing, Served(Kind::ConfirmEmailChange), "ways_in/mails::another_address_takes_its_mail_and_the_password";
    "GET" "/api/oauth2-redirect" "oauth2Redirect" Anyone, Query::Any, Takes::Nothing, Answer::Redirect, Served(Kind::OAuth2Redirect), "ways_in/streams::a_login_comes_back_to_the_stream_that_asked";
    "POST" "/api/oauth2-redirect" "oauth2Redirect" Anyone, NONE, RETURN, Answer::Redirect, Served(Kind::OAuth2Redirect), "ways_in/streams::a_login_comes_back_to_the_stream_that_asked";
    // realtime
    "GET" "/api/realtime" "realtime" Anyone, NONE, Takes::Nothing, Answer::Events, Served(Kind::Realtime), "ways_in/streams::a_login_comes_back_to_the_stream_that_asked";
    "POST" "/api/realtime" "subscribe" Anyone, NONE, SUBSCRIBE, Answer::Nothing, Served(Kind::Subscribe), "ways_in/streams::a_login_comes_back_to_the_stream_that_asked";
    // files
    "POST" "/api/files/token" "fileToken" Record, FIELDS, Takes::Nothing, Answer::Object(&["token"]), Served(Kind::FileToken), "downloads::whom_a_protected_file_is_for_gets_it_by_a_file_token";
    "GET" "/api/files/{collection}/{id}/{file}" "download" Anyone, DOWNLOAD, Takes::Nothing, Answer::File, Served(Kind::Download), "downloads/answers::a_file_is_answered_as_by_pocketbase_whatever_is_asked_of_it";
    // superusers
    "POST" "/api/collections/{collection}/impersonate/{id}" "impersonate" Superuser, RECORD, Takes::Keys(&[BodyKey::of("duration", KeyKind::Count)]), Answer::Auth, Served(Kind::Impersonate), "ways_in/passwords::superusers_alone_log_in_as_somebody_else";
    "GET" "/api/collections/meta/scaffolds" "collectionScaffolds" Superuser, Query::Any, Takes::Nothing, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    "GET" "/api/collections/meta/oauth2-providers" "oauth2Providers" Superuser, Query::Any, Takes::Nothing, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    "POST" "/api/collections/meta/dry-run-view" "dryRunView" Superuser, Query::Any, Takes::Json, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    "PUT" "/api/collections/import" "importCollections" Superuser, Query::Any, Takes::Json, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    "GET" "/api/collections" "listCollections" Superuser, Query::Any, Takes::Nothing, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    "POST" "/api/collections" "createCollection" Superuser, Query::Any, Takes::Json, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    "GET" "/api/collections/{collection}" "viewCollection" Superuser, Query::Any, Takes::Nothing, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    "PATCH" "/api/collections/{collection}" "updateCollection" Superuser, Query::Any, Takes::Json, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    "DELETE" "/api/collections/{collection}" "deleteCollection" Superuser, Query::Any, Takes::Nothing, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    "DELETE" "/api/collections/{collection}/truncate" "truncateCollection" Superuser, Query::Any, Takes::Nothing, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    "GET" "/api/settings" "viewSettings" Superuser, Query::Any, Takes::Nothing, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    "PATCH" "/api/settings" "updateSettings" Superuser, Query::Any, Takes::Json, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    "POST" "/api/settings/test/s3" "testS3" Superuser, Query::Any, Takes::Json, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    "POST" "/api/settings/test/email" "testEmail" Superuser, Query::Any, Takes::Json, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    "POST" "/api/settings/apple/generate-client-secret" "generateAppleClientSecret" Superuser, Query::Any, Takes::Json, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    "GET" "/api/logs" "listLogs" Superuser, Query::Any, Takes::Nothing, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    "GET" "/api/logs/stats" "logsStats" Superuser, Query::Any, Takes::Nothing, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    "GET" "/api/logs/{log}" "viewLog" Superuser, Query::Any, Takes::Nothing, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    "DELETE" "/api/logs" "deleteLogs" Superuser, Query::Any, Takes::Nothing, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    "GET" "/api/crons" "listCrons" Superuser, Query::Any, Takes::Nothing, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    "POST" "/api/crons/{cron}" "runCron" Superuser, Query::Any, Takes::Json, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    "POST" "/api/sql" "sql" Superuser, Query::Any, Takes::Json, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    "GET" "/api/backups" "listBackups" Superuser, Query::Any, Takes::Nothing, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    "POST" "/api/backups" "createBackup" Superuser, Query::Any, Takes::Json, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    "DELETE" "/api/backups/{backup}" "deleteBackup" Superuser, Query::Any, Takes::Nothing, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    "POST" "/api/backups/{backup}/restore" "restoreBackup" Superuser, Query::Any, Takes::Json, Answer::Json, SUPERUSERS, ALL_OR_NOTHING;
    // A body without bound, and a token in the query: neither is JSON in, JSON out.
    "POST" "/api/backups/upload" "uploadBackup" Superuser, NONE, Takes::File, Answer::Nothing, NotYet, REFUSED;
    "GET" "/api/backups/{backup}" "downloadBackup" FileToken, Query::Keys(&["token"]), Takes::Nothing, Answer::File, NotYet, REFUSED;
    // the rest
    "GET" "/api/health" "health" Anyone, FIELDS, Takes::Nothing, HEALTH, Served(Kind::Health), "routes::what_has_a_fixed_shape_is_answered_in_it";
    "GET" "/_/{path...}" "dashboard" Anyone, Query::Dropped, Takes::Nothing, Answer::File, Served(Kind::Dashboard), "pages::the_dashboard_is_served_where_it_is_switched_on";
    // The public folder; what hooks or an application add comes before it.
    "GET" "/{path...}" "static" Anyone, Query::Dropped, Takes::Nothing, Answer::File, Served(Kind::Static), "pages::files_are_served_where_their_paths_are_named";
};

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

    /// The row of a kind, the first where a kind has several; none for what is
    /// in no row of this table.
    #[must_use]
    pub fn of(kind: Kind) -> Option<&'static Self> {
        ROUTES
            .iter()
            .find(|route| matches!(route.state, Served(served) if served == kind))
    }

    /// The keys of bodies of fixed shape whose values are secrets, each once.
    #[must_use]
    pub fn secrets() -> Vec<&'static str> {
        let keys = ROUTES.iter().flat_map(|row| match row.body {
            Takes::Keys(keys) | Takes::Among(keys) => keys,
            Takes::Nothing | Takes::Record | Takes::Json | Takes::File => &[],
        });
        let secrets = keys.filter(|key| key.is_secret).map(|key| key.name);
        let mut secrets: Vec<&str> = secrets.collect();
        secrets.sort_unstable();
        secrets.dedup();
        secrets
    }

    /// A row of PocketBase's own that a custom route would take in: those have
    /// a parser of their own, which must not be passed by.
    #[must_use]
    pub fn taken_in_by(custom: &CustomRoute) -> Option<&'static Self> {
        ROUTES.iter().find(|row| {
            let is_own = row.state != Served(Kind::Static);
            let method = Method::from_bytes(row.method.as_bytes());
            match (method, PathPattern::parse(row.pattern)) {
                (Ok(method), Ok(pattern)) => is_own && custom.overlaps(&method, &pattern),
                _ => is_own,
            }
        })
    }

    fn parts(&self) -> impl Iterator<Item = &'static str> {
        self.pattern.split('/').skip(1)
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
        check("GET", "/api/health/x", Some("static"));
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
