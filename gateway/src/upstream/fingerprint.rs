//! Which PocketBase this is.
//!
//! No endpoint tells PocketBase's version, but its dashboard, which is compiled
//! into it, names the release it is part of: the gateway reads it there. What
//! the gateway was not tested with is refused unless the operator allows it;
//! what has the routes from before 0.23 is refused always.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use bytesize::ByteSize;
use http::{Method, StatusCode};
use serde_json::json;

use super::UpstreamError;
use super::client::{Client, Outgoing, Written};

/// The first line of releases with today's API.
const OLDEST: Line = (0, 23);

/// The newest line that the suite was run with.
const NEWEST: Line = (0, 40);

/// The dashboard's page has 3 KB at most, its script some 0.6 to 1.2 MB.
const MAX_PAGE: ByteSize = ByteSize::kib(64);
const MAX_SCRIPT: ByteSize = ByteSize::mib(4);

/// What stands before the release in the dashboard's script, in every release since 0.22.
const MARK: &str = "PocketBase v";

/// A line of releases: major and minor.
type Line = (u32, u32);

/// A release of PocketBase, as it names itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    /// 0, so far.
    pub major: u32,
    /// What tells the lines of releases apart.
    pub minor: u32,
    /// Any is taken.
    pub patch: u32,
}

/// What is to become of a PocketBase that the gateway was not tested with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untested {
    /// The gateway does not speak to it.
    Refuse,
    /// It does, unless it is too old.
    Allow,
}

/// The PocketBase behind the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// None: it names none, and the operator allowed that.
    pub release: Option<Release>,
    /// Whether the gateway was tested with releases of its line.
    pub is_tested: bool,
}

/// A PocketBase that the gateway does not speak to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// Its API is another one. With the release, if it names one.
    #[error(
        "{} is too old: the gateway speaks to {} and newer only; update PocketBase",
        Told(*.0), line(OLDEST)
    )]
    TooOld(Option<Release>),
    /// Nobody knows what changed.
    #[error(
        "{} is newer than {}, the newest that this gateway was tested with; update the gateway, or set pocketbase.untested = \"allow\" to go ahead without a test",
        Told(Some(*.0)), line(NEWEST)
    )]
    TooNew(Release),
    /// It can't be told from a newer one.
    #[error(
        "cannot tell which PocketBase this is: its dashboard at /_/ names no release; if it is of {} to {}, set pocketbase.untested = \"allow\"",
        line(OLDEST),
        line(NEWEST)
    )]
    Unknown,
}

/// All that is known of the PocketBase at the upstream's address.
pub(super) struct Fingerprint {
    untested: Untested,
    found: ArcSwapOption<Found>,
}

/// What was found when PocketBase was last looked at.
struct Found {
    /// The script of the dashboard; its name changes with its content.
    script: Option<String>,
    verdict: Result<Version, Unsupported>,
}

/// What PocketBase gives away, before it is judged.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Signs {
    /// As the dashboard names it.
    release: Option<Release>,
    /// The login of admins, whom 0.23 made superusers.
    has_admins: bool,
    /// The batch API, which came with 0.23.
    has_batch: bool,
}

/// The words for what is refused.
struct Told(Option<Release>);

impl Fingerprint {
    pub(super) fn new(untested: Untested) -> Self {
        Self {
            untested,
            found: ArcSwapOption::empty(),
        }
    }

    /// Looks at PocketBase, closely if it is not the one that is known.
    pub(super) async fn look(&self, client: &Client) -> Result<Version, UpstreamError> {
        let script = script_of_dashboard(client).await?;
        let before = self.found.load_full();
        if let Some(before) = &before
            && before.script.is_some()
            && before.script == script
        {
            return Ok(before.verdict.clone()?);
        }
        let signs = read(client, script.as_deref()).await?;
        let verdict = judge(signs, self.untested);
        if before.is_none_or(|before| before.verdict != verdict) {
            report(&verdict);
        }
        let found = Found {
            script,
            verdict: verdict.clone(),
        };
        self.found.store(Some(Arc::new(found)));
        Ok(verdict?)
    }

    /// The verdict on what was last looked at; none yet before the first look.
    pub(super) fn verdict(&self) -> Option<Result<Version, Unsupported>> {
        self.found
            .load()
            .as_ref()
            .map(|found| found.verdict.clone())
    }

    /// Refuses as long as PocketBase is one that the gateway does not speak to.
    pub(super) fn check(&self) -> Result<(), Unsupported> {
        match self.found.load().as_deref() {
            Some(Found {
                verdict: Err(unsupported),
                ..
            }) => Err(unsupported.clone()),
            _ => Ok(()),
        }
    }
}

/// The decision. Who can't be told from what is refused is refused.
fn judge(signs: Signs, untested: Untested) -> Result<Version, Unsupported> {
    let release = signs.release;
    let named = release.map(Release::line);
    if signs.has_admins || !signs.has_batch || named.is_some_and(|line| line < OLDEST) {
        return Err(Unsupported::TooOld(release));
    }
    let is_tested = named.is_some_and(|line| line <= NEWEST);
    match (release, untested) {
        (Some(release), Untested::Refuse) if !is_tested => Err(Unsupported::TooNew(release)),
        (None, Untested::Refuse) => Err(Unsupported::Unknown),
        (Some(_), Untested::Refuse) | (_, Untested::Allow) => Ok(Version { release, is_tested }),
    }
}

fn report(verdict: &Result<Version, Unsupported>) {
    match verdict {
        Ok(version) if version.is_tested => tracing::info!("this is {version}"),
        Ok(version) => tracing::warn!(
            "this is {version}, with which the gateway was not tested; pocketbase.untested allows it"
        ),
        Err(unsupported) => tracing::error!(%unsupported, "PocketBase is not spoken to"),
    }
}

async fn read(client: &Client, script: Option<&str>) -> Result<Signs, UpstreamError> {
    let release = match script {
        Some(script) => page(client, script, MAX_SCRIPT)
            .await?
            .and_then(|script| release_in(&script)),
        None => None,
    };
    // POST: where a page is served for unknown routes, it is served to GET alone.
    let admins = post(client, "/api/admins/auth-with-password").await?;
    let batch = post(client, "/api/batch").await?;
    Ok(Signs {
        release,
        has_admins: admins != StatusCode::NOT_FOUND,
        // Without a body it is refused: for that, or because batches are off.
        has_batch: [StatusCode::BAD_REQUEST, StatusCode::FORBIDDEN].contains(&batch),
    })
}

/// The path of the dashboard's script, if its page names one as all releases do.
async fn script_of_dashboard(client: &Client) -> Result<Option<String>, UpstreamError> {
    let page = page(client, "/_/", MAX_PAGE).await?;
    Ok(page.and_then(|page| script_in(&page)))
}

/// A page that anybody may read. None: there is none of that size.
async fn page(
    client: &Client,
    path: &str,
    bound: ByteSize,
) -> Result<Option<Bytes>, UpstreamError> {
    match client.bytes(Outgoing::get(path.to_owned()), bound).await {
        Ok((StatusCode::OK, page)) => Ok(Some(page)),
        Ok((status, _)) => answered(status).map(|_| None),
        Err(UpstreamError::TooLarge(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn post(client: &Client, path: &str) -> Result<StatusCode, UpstreamError> {
    let request = Outgoing {
        method: Method::POST,
        body: Written::json(&json!({})),
        ..Outgoing::get(path.to_owned())
    };
    let (status, _) = client.json(request).await?;
    answered(status)
}

/// A status that says something about the route, and not about the moment.
fn answered(status: StatusCode) -> Result<StatusCode, UpstreamError> {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Err(UpstreamError::Limited),
        status if status.is_server_error() => Err(UpstreamError::Garbled(format!(
            "finding out which PocketBase it is was answered with {status}"
        ))),
        status => Ok(status),
    }
}

fn script_in(page: &[u8]) -> Option<String> {
    let page = std::str::from_utf8(page).ok()?;
    let (_, rest) = page.split_once("src=\"./assets/index-")?;
    let (name, _) = rest.split_once(".js\"")?;
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    name.chars()
        .all(is_name)
        .then(|| format!("/_/assets/index-{name}.js"))
}

/// The one release that a script names; none where it names several.
fn release_in(script: &[u8]) -> Option<Release> {
    let script = String::from_utf8_lossy(script);
    let mut named = script
        .split(MARK)
        .skip(1)
        .filter_map(Release::at_the_start_of);
    let release = named.next()?;
    named.all(|other| other == release).then_some(release)
}

fn line((major, minor): Line) -> String {
    format!("{major}.{minor}")
}

impl Release {
    fn line(self) -> Line {
        (self.major, self.minor)
    }

    /// Reads `0.40.6` and what may follow it.
    fn at_the_start_of(text: &str) -> Option<Self> {
        let end = text
            .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
            .unwrap_or(text.len());
        let mut numbers = text.get(..end)?.split('.').map(str::parse);
        let mut number = || numbers.next()?.ok();
        let release = Self {
            major: number()?,
            minor: number()?,
            patch: number()?,
        };
        numbers.next().is_none().then_some(release)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.release {
            Some(release) => write!(f, "PocketBase {release}"),
            None => f.write_str("a PocketBase that names no release"),
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(release) => write!(f, "PocketBase {release}"),
            None => f.write_str("this PocketBase"),
        }
    }
}

#[cfg(test)]
mod tests;
