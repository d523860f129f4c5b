//! `[pocketbase]` as it is written.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::written;

/// PocketBase. Either url or [pocketbase.run], not both.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct PocketBase {
    /// Where it is: http or https, without a path; no default. DB_URL wins. Put it on this machine
    /// or a private network, where nobody but the gateway can reach it. The start and `hapta check`
    /// look whether it can be reached around the gateway, and warn.
    pub(in crate::config) url: Option<String>,
    /// Where url begins with https: the root certificates, PEM, of which one must have signed
    /// PocketBase's; no default: those of the system.
    pub(in crate::config) ca: Option<PathBuf>,
    /// Instead of url: start this PocketBase and look after it.
    pub(in crate::config) run: Option<Run>,
    /// Who the gateway itself is to PocketBase: a superuser.
    #[serde(skip_serializing)]
    pub(in crate::config) superuser: Option<Superuser>,
    /// What to do with a PocketBase that this gateway was not tested with: one newer than 0.40, or
    /// one whose dashboard at /_/ does not name its release. "refuse": the start is refused, and so
    /// are requests when such a one takes the place of another. "allow": go ahead all the same,
    /// with a warning; a newer PocketBase may have ways that no rule watches. Older than 0.23 is
    /// refused always.
    pub(in crate::config) untested: Untested,
    /// The header that tells PocketBase the client's address. PocketBase must be told to trust
    /// exactly this one (dashboard: Settings > Application > User IP proxy headers); the start
    /// finds out and says so in the log. One of X-Real-IP, X-Forwarded-For, CF-Connecting-IP,
    /// Fly-Client-IP, True-Client-IP.
    pub(in crate::config) forwarding_header: String,
    /// How long PocketBase may take for a whole answer; for a file, until it begins.
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) timeout: Duration,
    /// The largest JSON answer that is taken, against a list or an expand that grows without end.
    /// Files are passed on as they come, whatever their size.
    #[serde(with = "written::size")]
    #[schemars(with = "written::Size")]
    pub(in crate::config) max_response: ByteSize,
    /// How often the collections and their fields are read again. A request that does not fit what
    /// is known has them read at once, at most once a second, so this is a safety net.
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) schema_interval: Duration,
}

/// `"refuse"` or `"allow"`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum Untested {
    Refuse,
    Allow,
}

/// Instead of url: start this PocketBase and look after it. It is started again when it ends, and
/// ended with the gateway. Its lines go to the gateway's log.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Run {
    /// The executable; no default.
    pub(in crate::config) binary: PathBuf,
    /// Its data folder (--dir); no default.
    pub(in crate::config) data: PathBuf,
    /// Where it listens (--http); no default. Loopback, so that nobody goes past the gateway.
    #[schemars(with = "written::Address")]
    pub(in crate::config) listen: SocketAddr,
    /// More arguments for its `serve`; none by default. Paths in them are relative to the folder in
    /// which the gateway was started, not to this file.
    #[serde(default)]
    pub(in crate::config) args: Vec<String>,
}

/// Who the gateway itself is to PocketBase: a superuser. It is used to read the collections, to
/// read a stored record when a rule asks for it, to watch the accounts of those who listen to
/// changes (and, with live.mode = "feed", the records), and at the start to check the forwarding
/// header and where PocketBase's mails lead. Clients' requests never carry it. Email and password
/// (ADMIN_EMAIL and ADMIN_PASSWORD win), or a token file; no default.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Superuser {
    /// The superuser's e-mail address; no default. ADMIN_EMAIL wins.
    pub(in crate::config) email: Option<String>,
    /// The superuser's password; no default. Better in ADMIN_PASSWORD, which wins: then this file
    /// holds no secret.
    pub(in crate::config) password: Option<String>,
    /// Instead of the two: a file that holds a superuser's token, for where that superuser has MFA.
    /// It is read again before the token expires; whoever renews it writes it there.
    pub(in crate::config) token_file: Option<PathBuf>,
}

impl Default for PocketBase {
    fn default() -> Self {
        Self {
            url: None,
            ca: None,
            run: None,
            superuser: None,
            untested: Untested::Refuse,
            forwarding_header: "X-Real-IP".to_owned(),
            timeout: Duration::from_secs(30),
            max_response: ByteSize::mib(16),
            schema_interval: Duration::from_secs(30),
        }
    }
}

impl std::fmt::Debug for Superuser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Superuser")
    }
}
