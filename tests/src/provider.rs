//! An OIDC provider, and the browser that somebody logs in to it with.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use form_urlencoded::Serializer;

use crate::node::Node;
use crate::{Client, Reply};

/// What the application is to the provider.
pub(crate) const CLIENT_ID: &str = "hapta-tests";
pub(crate) const CLIENT_SECRET: &str = "the secret of the application";

/// A provider of this test's own, ended with this value: `oidc-provider`, with every check that it has.
///
/// Whoever calls themselves `NAME` there is `NAME@provider.example`. [`WaysIn`](crate::WaysIn) makes it one
/// of PocketBase's.
#[derive(Debug)]
pub struct Provider(Node);

/// Where a browser was sent at last: to the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The whole URL.
    pub location: String,
}

/// Follows redirects and keeps cookies, as long as it stays with the provider.
struct Browser {
    provider: Client,
    cookies: BTreeMap<String, String>,
}

/// Where following redirects ends.
enum Landing {
    Page(Reply),
    Elsewhere(Redirect),
}

impl Provider {
    /// Starts one that sends browsers back to these URLs and no others.
    ///
    /// # Panics
    ///
    /// When Node or the packages of `tests/sdk` are missing.
    pub async fn start(redirects: &[&str]) -> Self {
        let variables = [
            ("CLIENT_ID", CLIENT_ID),
            ("CLIENT_SECRET", CLIENT_SECRET),
            ("REDIRECT_URIS", &redirects.join(" ")),
        ];
        Self(Node::start("provider.mjs", &variables).await)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// One of its own URLs, like `/auth`, `/token` or `/me`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// Opens a URL of it in a new browser, logs in as `login` and consents; where the browser is sent then.
    ///
    /// # Panics
    ///
    /// When the provider does not like the URL: the message shows its page.
    pub async fn authorize(&self, url: &str, login: &str) -> Redirect {
        let (mut browser, page) = self.open(url).await;
        let who = [("prompt", "login"), ("login", login), ("password", "any")];
        let page = browser.submit(&page, &who).await.page();
        let landing = browser.submit(&page, &[("prompt", "consent")]).await;
        landing.elsewhere()
    }

    /// The same of somebody who thinks better of it, and cancels.
    ///
    /// # Panics
    ///
    /// As [`Provider::authorize`].
    pub async fn cancel(&self, url: &str) -> Redirect {
        let (mut browser, page) = self.open(url).await;
        let text = page.text();
        let links = text.split("href=\"").skip(1);
        let mut links = links.filter_map(|rest| rest.split('"').next());
        let abort = links.find(|link| link.ends_with("/abort"));
        let abort = browser.path(abort.expect("a link to cancel"));
        browser.follow(abort).await.elsewhere()
    }

    /// Whether a code was exchanged for this login's token, once for each exchange.
    #[must_use]
    pub fn exchanged(&self, login: &str) -> bool {
        let exchange = self
            .0
            .take(|line| line["exchanged"] == true && line["login"] == login);
        exchange.is_some()
    }

    /// Why the first exchange that was refused was; nothing where none was.
    #[must_use]
    pub fn refused(&self) -> Option<String> {
        let refusal = self.0.take(|line| line["exchanged"] == false)?;
        Some(refusal["reason"].as_str().expect("a reason").to_owned())
    }

    async fn open(&self, url: &str) -> (Browser, Reply) {
        let mut browser = Browser {
            provider: Client::new(self.address()),
            cookies: BTreeMap::new(),
        };
        let path = browser.path(url);
        let page = browser.follow(path).await.page();
        (browser, page)
    }
}

impl Redirect {
    /// A parameter of its query, decoded.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        let (_, query) = self.location.split_once('?')?;
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        let (_, value) = pairs.find(|(key, _)| key == name)?;
        Some(value.into_owned())
    }

    /// What the application is to exchange.
    ///
    /// # Panics
    ///
    /// When there is none: nobody logged in.
    #[must_use]
    pub fn code(&self) -> String {
        let code = self.parameter("code");
        code.unwrap_or_else(|| panic!("no code in {}", self.location))
    }

    /// Path and query, for a [`Client`] of the application.
    ///
    /// # Panics
    ///
    /// When the location is no URL of HTTP.
    #[must_use]
    pub fn target(&self) -> &str {
        let rest = self.location.strip_prefix("http://").expect("a URL");
        &rest[rest.find('/').expect("a path")..]
    }
}

impl Browser {
    /// Path and query of a URL of the provider.
    fn path(&self, url: &str) -> String {
        let origin = format!("http://{}", self.provider.address());
        let path = url.strip_prefix(&origin).unwrap_or(url);
        assert!(path.starts_with('/'), "{url} is not at {origin}");
        path.to_owned()
    }

    async fn follow(&mut self, path: String) -> Landing {
        let reply = self
            .provider
            .get(&path)
            .header("Cookie", &self.cookies())
            .await;
        self.land(reply).await
    }

    /// Posts the form of a page with these fields.
    async fn submit(&mut self, page: &Reply, fields: &[(&str, &str)]) -> Landing {
        let text = page.text();
        let action = text.split("action=\"").nth(1);
        let action = action.and_then(|rest| rest.split('"').next());
        let path = self.path(action.unwrap_or_else(|| panic!("no form in {text}")));
        let body = Serializer::new(String::new()).extend_pairs(fields).finish();
        let call = self.provider.post(&path).header("Cookie", &self.cookies());
        let reply = call.body("application/x-www-form-urlencoded", body).await;
        self.land(reply).await
    }

    /// Follows redirects from here, and no farther than the provider goes.
    async fn land(&mut self, mut reply: Reply) -> Landing {
        loop {
            self.keep_cookies(&reply);
            let Some(location) = reply.header("Location") else {
                return Landing::Page(reply);
            };
            let origin = format!("http://{}/", self.provider.address());
            if !location.starts_with('/') && !location.starts_with(&origin) {
                let location = location.to_owned();
                return Landing::Elsewhere(Redirect { location });
            }
            let path = self.path(location);
            reply = self
                .provider
                .get(&path)
                .header("Cookie", &self.cookies())
                .await;
        }
    }

    fn cookies(&self) -> String {
        let pairs = self.cookies.iter();
        let pairs: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    fn keep_cookies(&mut self, reply: &Reply) {
        for cookie in reply.headers.get_all("Set-Cookie") {
            let cookie = cookie.to_str().expect("a cookie that is text");
            let pair = cookie.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').expect("a cookie with a name");
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

impl Landing {
    #[track_caller]
    fn page(self) -> Reply {
        match self {
            Self::Page(page) if page.status == 200 => page,
            Self::Page(page) => panic!("the provider answers {}: {}", page.status, page.text()),
            Self::Elsewhere(redirect) => panic!("the provider sends away: {redirect:?}"),
        }
    }

    #[track_caller]
    fn elsewhere(self) -> Redirect {
        match self {
            Self::Elsewhere(redirect) => redirect,
            Self::Page(page) => panic!("the provider answers {}: {}", page.status, page.text()),
        }
    }
}
