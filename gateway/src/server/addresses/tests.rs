//! What is found, and what is said of it, for every place a gateway may have.

use super::*;
use crate::config::Scheme;
use crate::upstream::{AuthCollection, Template};

const PUBLIC: &str = "https://api.example.com";

const OWN: &str = "{APP_URL}/_/#/auth/confirm-verification/{TOKEN}";

/// A gateway before the PocketBase at 127.0.0.1:8091; its pages are at one origin.
fn places(public: Option<&str>, listener: &str) -> Places {
    let origin = |address| Origin::split(address).unwrap().0;
    let listener = Origin::of_listener(Scheme::Http, listener.parse().unwrap());
    Places {
        gateway: match (public, listener) {
            (Some(public), _) => Reached::Public(origin(public)),
            (None, Some(listener)) => Reached::Listener(listener),
            (None, None) => Reached::Unknown,
        },
        pocketbase: Some(origin("http://127.0.0.1:8091")),
        pages: vec![origin("https://app.example.com")],
    }
}

fn public() -> Places {
    places(Some(PUBLIC), "0.0.0.0:8090")
}

/// One collection, of whose mails one has this text.
fn told(app_url: Option<&str>, body: &str, providers: &[&str]) -> Addresses {
    let users = AuthCollection {
        name: "users".to_owned(),
        templates: vec![(Template::Verification, body.to_owned())],
        providers: providers.iter().map(ToString::to_string).collect(),
    };
    Addresses {
        app_url: app_url.map(str::to_owned),
        collections: vec![users],
    }
}

/// What is found of an Application URL: none, if it is good or nothing to speak of.
#[track_caller]
fn app_url_is(places: &Places, app_url: &str, expected: Option<Problem>) {
    let found = findings(places, &told(Some(app_url), "", &[]));
    let problems: Vec<_> = found
        .into_iter()
        .filter_map(|finding| match finding {
            Finding::AppUrl { problem, .. } => Some(problem),
            Finding::Good { .. } => None,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        problems,
        expected.into_iter().collect::<Vec<_>>(),
        "{app_url}"
    );
}

#[test]
fn where_the_gateway_is_said_to_be_decides() {
    let cases = [
        (PUBLIC, None),
        ("https://API.example.com:443", None),
        // A page that is known to ask the gateway.
        ("https://app.example.com", None),
        ("https://app.example.com/sub", None),
        ("https://api.example.com/", Some(Problem::Longer)),
        ("https://api.example.com/pb", Some(Problem::Longer)),
        ("https://api.example.com?a=b", Some(Problem::Longer)),
        ("http://api.example.com", Some(Problem::Elsewhere)),
        ("https://api.example.com:8443", Some(Problem::Elsewhere)),
        (
            "https://api.example.com.example.org",
            Some(Problem::Elsewhere),
        ),
        (
            "https://api.example.com@example.org",
            Some(Problem::Elsewhere),
        ),
        // PocketBase's default, where the gateway listens in fact.
        ("http://localhost:8090", Some(Problem::Elsewhere)),
        ("http://localhost:8091", Some(Problem::PocketBase)),
        ("http://127.0.0.1:8091/", Some(Problem::PocketBase)),
        ("https://[::1]:8091", Some(Problem::PocketBase)),
        ("api.example.com", Some(Problem::NoAddress)),
        ("ftp://api.example.com", Some(Problem::NoAddress)),
        (
            "https://api.example.com\\@example.org",
            Some(Problem::NoAddress),
        ),
    ];
    for (app_url, expected) in cases {
        app_url_is(&public(), app_url, expected);
    }
}

#[test]
fn a_gateway_on_loopback_is_known_by_every_name_of_it() {
    let here = places(None, "127.0.0.1:8090");
    let cases = [
        ("http://localhost:8090", None),
        ("http://127.0.0.1:8090", None),
        ("http://[::1]:8090", None),
        ("http://localhost:8090/", Some(Problem::Longer)),
        ("http://localhost:8091", Some(Problem::PocketBase)),
        ("http://localhost:8080", Some(Problem::Elsewhere)),
        ("https://localhost:8090", Some(Problem::Elsewhere)),
        // Something else may stand before the gateway there.
        ("https://api.example.com", Some(Problem::Unclear)),
        ("http://127.0.0.2:8090", Some(Problem::Unclear)),
    ];
    for (app_url, expected) in cases {
        app_url_is(&here, app_url, expected);
    }
}

#[test]
fn what_listens_on_every_address_cannot_tell() {
    for listener in ["0.0.0.0:8090", "[::]:8090", "127.0.0.1:0"] {
        let somewhere = places(None, listener);
        app_url_is(&somewhere, "http://localhost:8090", Some(Problem::Unclear));
        app_url_is(&somewhere, PUBLIC, Some(Problem::Unclear));
        // This much can be told all the same.
        app_url_is(
            &somewhere,
            "http://localhost:8091",
            Some(Problem::PocketBase),
        );
    }
    let addressed = places(None, "10.0.0.1:8090");
    app_url_is(&addressed, "http://10.0.0.1:8090", None);
    app_url_is(&addressed, "http://localhost:8090", Some(Problem::Unclear));
}

/// What is found of the link in a mail.
#[track_caller]
fn link_is(app_url: &str, body: &str, expected: Option<(&str, Problem)>) {
    let found = findings(&public(), &told(Some(app_url), body, &[]));
    let links: Vec<_> = found
        .iter()
        .filter_map(|finding| match finding {
            Finding::Link {
                address, problem, ..
            } => Some((address.as_str(), *problem)),
            _ => None,
        })
        .collect();
    assert_eq!(links, expected.into_iter().collect::<Vec<_>>(), "{body}");
}

#[test]
fn links_that_do_not_begin_as_they_should_are_found() {
    let cases = [
        (OWN, None),
        ("no link, but {TOKEN}", None),
        ("https://api.example.com/_/#/{TOKEN}", None),
        ("https://app.example.com/verify?token={TOKEN}", None),
        (
            "https://app.example.com/_/#/{TOKEN}",
            Some(("https://app.example.com/_/#/{TOKEN}", Problem::NoSuchPage)),
        ),
        (
            "https://old.example.com/verify?token={TOKEN}",
            Some(("https://old.example.com/verify", Problem::Elsewhere)),
        ),
        (
            "http://localhost:8091/_/#/{TOKEN}",
            Some(("http://localhost:8091/_/#/{TOKEN}", Problem::PocketBase)),
        ),
        (
            "{APP_URL}.example.org/{TOKEN}",
            Some((
                "https://api.example.com.example.org/{TOKEN}",
                Problem::Elsewhere,
            )),
        ),
        (
            "{APP_URL}@example.org/{TOKEN}",
            Some(("https://example.org/{TOKEN}", Problem::Elsewhere)),
        ),
        (
            "https://example.org/?to={APP_URL}/{TOKEN}",
            Some(("https://example.org/", Problem::Elsewhere)),
        ),
        (
            "/verify/{TOKEN}",
            Some(("/verify/{TOKEN}", Problem::NoAddress)),
        ),
        // The second of two.
        (
            "{APP_URL}/{TOKEN} http://old.example.com/{TOKEN}",
            Some(("http://old.example.com/{TOKEN}", Problem::Elsewhere)),
        ),
    ];
    for (body, expected) in cases {
        link_is(PUBLIC, body, expected);
    }
}

#[test]
fn what_is_wrong_with_the_application_url_is_said_once() {
    for app_url in [
        "http://localhost:8091",
        "http://localhost:8090",
        "https://api.example.com/",
        "nonsense",
    ] {
        assert_eq!(findings(&public(), &told(Some(app_url), OWN, &[])).len(), 1);
    }
    assert_eq!(
        findings(&public(), &told(None, OWN, &[])),
        [Finding::Untold]
    );
    // Nothing is wrong with this one, but the dashboard is not there.
    let page = "https://app.example.com";
    let there = "https://app.example.com/_/#/auth/confirm-verification/{TOKEN}";
    link_is(page, OWN, Some((there, Problem::NoSuchPage)));
    link_is(page, "{APP_URL}/verify/{TOKEN}", None);
}

#[test]
fn providers_are_told_of_where_logins_by_them_are_on() {
    let found = findings(&public(), &told(Some(PUBLIC), OWN, &["google", "github"]));
    assert!(found.iter().all(Finding::is_good), "{found:?}");
    assert_eq!(found.len(), 2);
}

/// The one thing that is said of it, in full.
#[track_caller]
fn says(places: &Places, told: &Addresses, parts: &[&str]) {
    let found = findings(places, told);
    let finding = found.last().unwrap().to_string();
    for part in parts {
        assert!(finding.contains(part), "no {part} in: {finding}");
    }
}

#[test]
fn what_is_said_of_the_application_url_says_what_to_do() {
    let dashboard = "in its dashboard, Settings > Application > Application URL: set it to";
    let app_url = |url| told(Some(url), "", &[]);
    let to_public = format!("{dashboard} https://api.example.com");
    says(
        &public(),
        &app_url(PUBLIC),
        &["lead to the gateway", PUBLIC],
    );
    let past = "lead to http://localhost:8091, which is PocketBase itself, past the gateway; ";
    says(
        &public(),
        &app_url("http://localhost:8091"),
        &[past, &to_public],
    );
    let elsewhere = "lead to http://localhost:8090, which is not the gateway; ";
    says(
        &public(),
        &app_url("http://localhost:8090"),
        &[elsewhere, &to_public, "name its origin in server.origins"],
    );
    let longer = "paths that the gateway does not serve; ";
    says(
        &public(),
        &app_url("https://api.example.com/"),
        &[longer, &to_public],
    );
    let no_address = "lead to api.example.com, which is no address";
    says(
        &public(),
        &app_url("api.example.com"),
        &[no_address, &to_public],
    );
    let listener = format!("{dashboard} http://127.0.0.1:8090, or, if clients");
    says(
        &places(None, "127.0.0.1:8090"),
        &app_url("http://localhost:8091"),
        &[past, &listener, "server.public_url as well"],
    );
    let unknown = format!("{dashboard} where clients reach the gateway, and server.public_url");
    let somewhere = places(None, "0.0.0.0:8090");
    says(
        &somewhere,
        &app_url("http://localhost:8091"),
        &[past, &unknown],
    );
    says(
        &somewhere,
        &app_url(PUBLIC),
        &["can't be told", "set server.public_url to where"],
    );
    says(
        &public(),
        &told(None, "", &[]),
        &["does not tell", "Application URL"],
    );
}

#[test]
fn what_is_said_of_links_and_providers_says_what_to_do() {
    let link = |body| told(Some(PUBLIC), body, &[]);
    let of = "the link in verificationTemplate of the collection users leads to ";
    let templates = "users > Options > Mail templates: let it begin with ";
    says(
        &public(),
        &link("http://localhost:8091/{TOKEN}"),
        &[
            of,
            "http://localhost:8091/{TOKEN}, which is PocketBase",
            templates,
            "{APP_URL}",
        ],
    );
    says(
        &public(),
        &link("http://old.example.com/{TOKEN}"),
        &[of, templates, "name its origin in server.origins"],
    );
    says(
        &public(),
        &link("https://app.example.com/_/{TOKEN}"),
        &[of, "a page of PocketBase's dashboard", templates, PUBLIC],
    );
    let providers = told(Some("http://localhost:8090"), "", &["google", "oidc"]);
    let register = "collection users takes logins by OAuth2: register ";
    let cases = [
        (
            public(),
            "https://api.example.com/api/oauth2-redirect with google, oidc",
        ),
        (
            places(None, "127.0.0.1:8090"),
            "http://127.0.0.1:8090/api/oauth2-redirect with",
        ),
        (
            places(None, "0.0.0.0:8090"),
            "/api/oauth2-redirect at the address where clients",
        ),
    ];
    for (places, url) in cases {
        says(&places, &providers, &[register, url]);
    }
}

#[test]
fn places_are_those_of_the_configuration() {
    let of = |more: &str, listener: &str| {
        let text = format!(
            "[pocketbase]\nurl = \"http://10.0.0.2\"\nsuperuser = {{ email = \"a@b.c\", password = \"x\" }}\n[server]\n{more}"
        );
        let folder = std::path::Path::new("/");
        let config = Config::parse(&text, folder, &crate::config::Environment::default());
        Places::of(&config.unwrap(), listener.parse().unwrap())
    };
    let open = of("", "127.0.0.1:1");
    assert_eq!(
        open.gateway.origin().unwrap().to_string(),
        "http://127.0.0.1:1"
    );
    assert_eq!(open.pocketbase.unwrap().to_string(), "http://10.0.0.2");
    assert!(open.pages.is_empty());
    let tls = of("tls = { certificate = \"c\", key = \"k\" }", "127.0.0.1:1");
    assert_eq!(
        tls.gateway.origin().unwrap().to_string(),
        "https://127.0.0.1:1"
    );
    let said = of(
        "public_url = \"https://a\"\norigins = [\"https://b\", \"app://c\"]",
        "127.0.0.1:1",
    );
    assert!(matches!(said.gateway, Reached::Public(_)));
    assert_eq!(said.pages.len(), 1);
}
