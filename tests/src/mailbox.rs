//! Where PocketBase's mails arrive: a real mail server on loopback, which delivers nothing.

use std::net::SocketAddr;

use crate::eventually;
use crate::node::Node;

/// A mail server of this test's own, ended with this value. [`WaysIn`](crate::WaysIn) tells PocketBase of it.
#[derive(Debug)]
pub struct Mailbox(Node);

/// A mail as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Whom the sender named as its receiver.
    pub to: String,
    /// The subject, decoded.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The page.
    pub html: String,
}

impl Mailbox {
    /// Starts one on a free port.
    ///
    /// # Panics
    ///
    /// When Node or the packages of `tests/sdk` are missing.
    pub async fn start() -> Self {
        Self(Node::start("mailbox.mjs", &[]).await)
    }

    /// Where it takes mails.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// The first mail to this address that nobody took yet; waits for it.
    ///
    /// # Panics
    ///
    /// When none comes within [`PATIENCE`](crate::PATIENCE).
    pub async fn mail_to(&self, address: &str) -> Mail {
        let what = format!("a mail to {address}");
        let mail = eventually(&what, async || self.0.take(|mail| mail["to"] == address)).await;
        let part = |name: &str| mail[name].as_str().expect("a text").to_owned();
        Mail {
            to: part("to"),
            subject: part("subject"),
            text: part("text"),
            html: part("html"),
        }
    }

    /// Whether a mail to this address lies here untaken. Mails are on their way for a while: ask once a later
    /// one has come.
    #[must_use]
    pub fn has_mail_to(&self, address: &str) -> bool {
        self.0.has(|mail| mail["to"] == address)
    }

    /// Where a program in another language takes mails: `GET` with `?to=ADDRESS` answers the first that it did
    /// not get yet, and waits for it. Who takes there and who takes here do not take from each other.
    #[must_use]
    pub fn url(&self) -> &str {
        self.0.hello()["mails"].as_str().expect("a URL")
    }
}

impl Mail {
    /// Where its one link leads.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn link(&self) -> &str {
        let mut links = self.html.split("href=\"").skip(1);
        let link = links.find_map(|rest| rest.split('"').next());
        link.unwrap_or_else(|| panic!("no link in {self:?}"))
    }

    /// The token that its link ends with.
    ///
    /// # Panics
    ///
    /// As [`Mail::link`].
    #[must_use]
    pub fn token(&self) -> &str {
        self.link().rsplit('/').next().expect("a last part")
    }

    /// The one-time password in it.
    ///
    /// # Panics
    ///
    /// When no word of it is eight digits.
    #[must_use]
    pub fn one_time_password(&self) -> &str {
        let mut words = self.text.split_whitespace();
        let digits =
            |word: &&str| word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_digit());
        words
            .find(digits)
            .unwrap_or_else(|| panic!("no one-time password in {self:?}"))
    }
}
