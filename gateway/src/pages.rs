//! The gateway's own page for what PocketBase's mails and its OAuth2 redirect lead to.
//!
//! PocketBase's mails lead to `{APP_URL}/_/#/auth/confirm-verification/TOKEN`,
//! `…/confirm-password-reset/TOKEN` and `…/confirm-email-change/TOKEN`, its
//! OAuth2 redirect to `/_/#/auth/oauth2-redirect-success` and `…-failure`: all
//! of it fragments of the dashboard's page. Where the dashboard is closed, this
//! page answers at its address: the same fragments, and nothing of a dashboard.
//!
//! The page is the same for everybody, holds nothing from outside and asks
//! nothing but `../api/collections/{collectionId}/confirm-…` and, for another
//! mail, `request-…`; those go through the gateway as any request does. What it
//! does with a fragment is in `auth.js`, since a server never sees one.
//!
//! `/_` without its slash is no page, as `../api/` and `auth.js` are relative to
//! `/_/`: it should lead there, by [`AuthPage::MOVED_TO`]. Browsers keep the fragment.

use crate::operation::Page;

/// A file of the page, for GET and HEAD; no query means anything to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthPage {
    /// What the links lead to.
    Html,
    /// What it does.
    Script,
    /// How it looks.
    Style,
}

impl AuthPage {
    /// Every file.
    pub const ALL: [Self; 3] = [Self::Html, Self::Script, Self::Style];

    /// Where `/_` leads, relative to itself.
    pub const MOVED_TO: &str = "_/";

    /// What each answer carries beside its type and length.
    ///
    /// - The page runs its own script and asks its own origin; nothing else is
    ///   loaded, sent, framed or parsed as markup.
    /// - No address of it, with what a fragment may have held, goes to anybody.
    /// - It is asked for again each time, as it comes with the gateway's release.
    /// - Whoever opened it in a window keeps that window, and may close it: the SDK
    ///   does so after a login with OAuth2. With `same-origin`, which PocketBase sends
    ///   since 0.40, the window is closed to an app of another origin; one redirect on the
    ///   way here that carries it is enough.
    pub const HEADERS: [(&str, &str); 6] = [
        (
            "content-security-policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
        ),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-cache"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "unsafe-none"),
    ];

    /// The file at this path.
    #[must_use]
    pub fn at(page: &Page) -> Option<Self> {
        let mut files = Self::ALL.into_iter();
        files.find(|file| page.is_folder == file.is_folder() && page.segments == file.segments())
    }

    /// Its path.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Html => "/_/",
            Self::Script => "/_/auth.js",
            Self::Style => "/_/auth.css",
        }
    }

    /// Its `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Script => "text/javascript; charset=utf-8",
            Self::Style => "text/css; charset=utf-8",
        }
    }

    /// What is in it.
    #[must_use]
    pub fn body(self) -> &'static [u8] {
        match self {
            Self::Html => include_bytes!("pages/auth.html"),
            Self::Script => include_bytes!("pages/auth.js"),
            Self::Style => include_bytes!("pages/auth.css"),
        }
    }

    fn is_folder(self) -> bool {
        self.path().ends_with('/')
    }

    fn segments(self) -> Vec<&'static str> {
        let path = self.path().split('/');
        path.filter(|segment| !segment.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Option<AuthPage>) {
        let page = Page {
            segments: path
                .split('/')
                .filter(|segment| !segment.is_empty())
                .map(str::to_owned)
                .collect(),
            is_folder: path.ends_with('/'),
        };
        assert_eq!(AuthPage::at(&page), expected, "{path}");
    }

    fn text(page: AuthPage) -> &'static str {
        std::str::from_utf8(page.body()).expect("UTF-8")
    }

    #[test]
    fn each_file_has_one_path() {
        for page in AuthPage::ALL {
            check(page.path(), Some(page));
        }
        for path in [
            "/",
            "/_",
            "/_/auth.js/",
            "/_/auth.html",
            "/_/index.html",
            "/_/AUTH.JS",
            "/auth.js",
            "/_/_/",
            "/_/_/auth.js",
            "/__/",
            "/api/_/",
        ] {
            check(path, None);
        }
    }

    /// What the policy would keep from working, and what would ask elsewhere.
    #[test]
    fn the_page_has_nothing_inline_and_nothing_from_elsewhere() {
        let html = text(AuthPage::Html);
        for part in [
            "<script>",
            "<style",
            " style=",
            " onclick",
            " onload",
            "javascript:",
        ] {
            assert!(!html.contains(part), "{part}");
        }
        for page in AuthPage::ALL {
            // A namespace is a name and not an address.
            let text = text(page).replace("http://www.w3.org/2000/svg", "");
            for part in ["http:", "https:", "url(", "@import", "src=\"/", "href=\"/"] {
                assert!(!text.contains(part), "{part} in {}", page.path());
            }
        }
    }

    #[test]
    fn the_script_writes_text_and_never_markup_and_logs_nothing() {
        let script = text(AuthPage::Script);
        for part in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "console.",
            "localStorage",
            "sessionStorage",
            "cookie",
        ] {
            assert!(!script.contains(part), "{part}");
        }
    }

    #[test]
    fn what_the_script_looks_for_is_in_the_page() {
        let (script, html) = (text(AuthPage::Script), text(AuthPage::Html));
        let shown = ["show(\"", "element(\""].iter().flat_map(|call| {
            let calls = script.split(call).skip(1);
            calls.filter_map(|rest| rest.split('"').next())
        });
        let shown: Vec<_> = shown.collect();
        assert!(shown.len() > 5, "{shown:?}");
        for id in shown {
            assert!(html.contains(&format!("id=\"{id}\"")), "{id}");
        }
        for label in html.split("<label for=\"").skip(1) {
            let id = label.split('"').next().unwrap_or_default();
            assert!(html.contains(&format!("id=\"{id}\"")), "{id}");
        }
    }

    #[test]
    fn the_headers_are_headers() {
        for (name, value) in AuthPage::HEADERS {
            assert!(
                http::HeaderName::from_lowercase(name.as_bytes()).is_ok(),
                "{name}"
            );
            assert!(http::HeaderValue::from_str(value).is_ok(), "{value}");
        }
    }
}
