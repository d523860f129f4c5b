//! The requests of `tests/fixtures/faithful`, as text.
//!
//! ```text
//! # Behind a hash, a comment.
//! GET /api/health                             a guest's; with a name before it, that person's
//! alice PATCH /api/collections/x/records/y
//!   ~ id created                              keys of the answer that may differ
//!   If-Match: "abc"                           headers
//!   ? 0.36                                    since this PocketBase; asked of no older one
//!   ! an-id 200 400 query                     an exception: PocketBase's status, ours, our code
//!   ! an-id 200 200 cache-control             or all that differs beside the status
//!   {"title": "x"}                            and a body, JSON unless a header says otherwise
//! ```
//!
//! `$word` stands for what is known only when all is running. What a URL can't hold as it
//! is, and `&&`, is escaped.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use hapta_tests::{Call, Client, root};
use http::Method;

/// What stands for `$word`.
pub(super) type Words = BTreeMap<&'static str, String>;

/// A request to be sent to both.
#[derive(Clone, Debug, Default)]
pub(super) struct Ask {
    /// Empty for a guest.
    pub(super) who: String,
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    /// Keys whose values may differ.
    pub(super) loose: Vec<String>,
    /// The oldest PocketBase that is asked.
    pub(super) since: (u32, u32),
    /// How the answers differ, if they are to.
    pub(super) exception: Option<Exception>,
}

/// How two answers differ, for a reason.
#[derive(Clone, Debug)]
pub(super) struct Exception {
    /// In `gateway/docs/faithful.md`.
    pub(super) id: String,
    pub(super) direct: u16,
    pub(super) through: u16,
    /// The gateway's code, or all that differs.
    pub(super) what: Vec<String>,
}

/// Reads a file of requests.
pub(super) fn read(name: &str) -> Vec<Ask> {
    let path = root().join(format!("tests/fixtures/faithful/{name}.txt"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    parse(&text)
}

/// All requests of all files.
pub(super) fn all() -> Vec<Ask> {
    let folder = root().join("tests/fixtures/faithful");
    let files = fs::read_dir(folder).expect("the folder of requests");
    let paths = files.map(|file| file.expect("a file").path());
    let texts = paths.filter(|path| path.extension().is_some_and(|extension| extension == "txt"));
    texts
        .flat_map(|path| parse(&fs::read_to_string(path).expect("a file of requests")))
        .collect()
}

/// Reads requests.
fn parse(text: &str) -> Vec<Ask> {
    let mut asks: Vec<Ask> = Vec::new();
    for line in text.lines() {
        let Some(more) = line.strip_prefix("  ") else {
            if !line.is_empty() && !line.starts_with('#') {
                asks.push(begin(line));
            }
            continue;
        };
        let ask = asks.last_mut().expect("a request before its parts");
        if let Some(loose) = more.strip_prefix("~ ") {
            ask.loose = loose.split(' ').map(str::to_owned).collect();
        } else if let Some(since) = more.strip_prefix("? ") {
            let version = since.split_once('.').expect("a version like 0.36");
            ask.since = (
                version.0.parse().expect("a number"),
                version.1.parse().expect("a number"),
            );
        } else if let Some(exception) = more.strip_prefix("! ") {
            ask.exception = Some(Exception::parse(exception));
        } else if let Some((name, value)) = header(more).filter(|_| ask.body.is_empty()) {
            ask.headers.push((name.to_owned(), value.to_owned()));
        } else {
            ask.body.push_str(more);
        }
    }
    asks
}

fn begin(line: &str) -> Ask {
    let (first, rest) = line.split_once(' ').expect("a method and a target");
    let (who, method, target) = if first.chars().all(|c| c.is_ascii_uppercase()) {
        ("", first, rest)
    } else {
        let (method, target) = rest.split_once(' ').expect("a method and a target");
        (first, method, target)
    };
    Ask {
        who: who.to_owned(),
        method: method.parse().expect("a method"),
        target: escape(target),
        ..Ask::default()
    }
}

fn header(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let is_name = name.chars().all(|c| c.is_ascii_alphabetic() || c == '-');
    (is_name && !name.is_empty()).then_some((name, value.trim()))
}

fn escape(target: &str) -> String {
    let mut escaped = String::new();
    for byte in target.replace("&&", "%26%26").bytes() {
        if byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            write!(escaped, "%{byte:02X}").expect("writes to a text");
        }
    }
    escaped
}

impl Exception {
    fn parse(line: &str) -> Self {
        let mut words = line.split(' ');
        let mut word = || words.next().expect("an id and two statuses");
        Self {
            id: word().to_owned(),
            direct: word().parse().expect("PocketBase's status"),
            through: word().parse().expect("the gateway's status"),
            what: words.map(str::to_owned).collect(),
        }
    }
}

impl Ask {
    /// As a line of a report.
    pub(super) fn line(&self) -> String {
        format!("{} {} {} {}", self.who, self.method, self.target, self.body)
    }

    /// The request of this client.
    pub(super) fn of(&self, client: &Client, words: &Words) -> Call {
        let client = match self.who.as_str() {
            "" => client.clone(),
            who => client.with_token(fill(&format!("${who}"), words)),
        };
        let mut call = client.call(self.method.clone(), &fill(&self.target, words));
        if !self.body.is_empty() {
            let body = fill(&self.body, words);
            let is_multipart = self
                .headers
                .iter()
                .any(|(_, value)| value.starts_with("multipart/"));
            // Its lines end in what no line of a file can hold.
            let body = if is_multipart {
                body.replace("\\r\\n", "\r\n")
            } else {
                body
            };
            call = call.body("application/json", body);
        }
        for (name, value) in &self.headers {
            call = call.header(name, &fill(value, words));
        }
        call
    }
}

fn fill(text: &str, words: &Words) -> String {
    let mut filled = text.to_owned();
    for (word, value) in words {
        filled = filled.replace(&format!("${word}"), value);
    }
    filled
}
