//! `[server]`: where clients connect, and within which bounds.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::written;
use crate::exchange::encoding::Encoding;

/// Where clients connect.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Server {
    /// Address and port. Loopback by default; "0.0.0.0:443" or "[::]:443" to serve others.
    /// PocketBase's own default is the same port: move one of the two. The command line's --listen
    /// wins.
    #[schemars(with = "written::Address")]
    pub(in crate::config) listen: SocketAddr,
    /// Where clients reach the gateway, as in "https://api.example.com": http or https, without a
    /// path; no default. The start and `hapta check` hold it against the addresses that PocketBase
    /// gives to people, those in its mails and in logins by OAuth2, and say what to set. Without it
    /// they are held against listen, which tells enough only where clients connect to exactly that:
    /// set it where a proxy stands before the gateway, or where it listens on every address.
    pub(in crate::config) public_url: Option<String>,
    /// Origins of web pages whose scripts may ask, like "https://app.example.com". ["*"]: any. []:
    /// only pages of the same origin: that of public_url, or without one whatever host was asked.
    /// Other pages are answered with 403 and the code "origin" before anything is done for them.
    /// Name yours in production.
    pub(in crate::config) origins: Vec<String>,
    /// Threads that serve requests and run rules. 0: one for each core.
    pub(in crate::config) worker_threads: usize,
    /// The largest body of a request. Bodies are held in memory whole.
    #[serde(with = "written::size")]
    #[schemars(with = "written::Size")]
    pub(in crate::config) max_body: ByteSize,
    /// Requests under way at once; one more is answered with 503 and the code "busy". Raise it
    /// where slow clients or a slow PocketBase are normal: each costs memory.
    pub(in crate::config) max_requests: usize,
    /// Connections at once; more wait in the system's own queue. This and the one above are at most
    /// a million. Each is a file descriptor: the start warns where there may be fewer.
    pub(in crate::config) max_connections: usize,
    /// Connections from one address at once; one more is closed. Of IPv6, the first 64 bits are one
    /// address. Trusted proxies may have as many as they need. Raise it where many people share an
    /// address, as behind the gateway of an office.
    pub(in crate::config) connections_per_address: usize,
    /// Proxies before the gateway, as addresses and networks, like ["10.0.0.0/8", "192.0.2.7"]. Of
    /// these, and of nobody else, it is believed for whom they ask; without any, the client is who
    /// connects. Rules see no header by which proxies tell of clients, and PocketBase sees one,
    /// which the gateway writes.
    pub(in crate::config) trusted_proxies: Vec<String>,
    /// The header by which trusted proxies tell the client's address: X-Forwarded-For or Forwarded,
    /// to which each of them adds, or X-Real-IP, CF-Connecting-IP, True-Client-IP, Fly-Client-IP
    /// and the like, of one address. What can't be read there is answered with 400 and the code
    /// "forwarded".
    pub(in crate::config) client_address_header: String,
    /// How long the head of a request (and a TLS handshake) may take to arrive.
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) header_timeout: Duration,
    /// How long a connection may rest between two requests. Where a proxy stands before the gateway
    /// this should be longer than the proxy's own, or it now and then asks on a connection that is
    /// just being closed.
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) idle_timeout: Duration,
    /// How long the body of a request may take to arrive. Meanwhile it holds no place among
    /// max_requests. After that 408 and the code "body_late".
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) body_timeout: Duration,
    /// How long a whole exchange may take: the body's arrival, the rules, PocketBase's answer.
    /// After that 503 and the code "late". Not counted: sending a file to the client.
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) request_timeout: Duration,
    /// How long requests under way may go on after SIGTERM or Ctrl-C. Meanwhile /readyz says
    /// "draining", with status 503.
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) shutdown_timeout: Duration,
    /// How answers may be compressed: JSON and text, where the client takes it, in this order where
    /// it takes several as gladly. Never compressed: answers with tokens, whose length would tell
    /// of them, files of records, event streams. []: nothing is, for where a proxy does it.
    #[schemars(with = "Vec<written::Encoding>")]
    pub(in crate::config) compression: Vec<Encoding>,
    /// What is shorter is sent as it is.
    #[serde(with = "written::size")]
    #[schemars(with = "written::Size")]
    pub(in crate::config) compress_from: ByteSize,
    /// How long browsers are to remember that they may come by TLS alone
    /// (Strict-Transport-Security). It is told where there is a [server.tls], or a public_url that
    /// begins with https. "0s": never. Lower it before you take TLS away again.
    #[serde(with = "written::duration")]
    #[schemars(with = "written::Duration")]
    pub(in crate::config) hsts: Duration,
    /// TLS for clients; without it they are served in clear text.
    pub(in crate::config) tls: Option<Tls>,
}

/// TLS (1.2 and 1.3) for clients, by certificate and key in PEM files; no default. Clients that can
/// speak HTTP/2 then. Without this section clients are served in clear text, for where something
/// else before the gateway does TLS. SSL_ENABLED=true turns it on even without this section, with
/// the files shown here; SSL_ENABLED=false turns it off. The files are followed: a new pair is
/// taken for new connections as soon as it is there, and one that can't be used is told in the log.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Tls {
    /// The certificate, with its chain; PEM. No default.
    pub(in crate::config) certificate: PathBuf,
    /// Its private key, PEM. No default.
    pub(in crate::config) key: PathBuf,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8090)),
            public_url: None,
            origins: vec!["*".to_owned()],
            worker_threads: 0,
            max_body: ByteSize::mib(2),
            max_requests: 1_024,
            max_connections: 10_000,
            connections_per_address: 256,
            trusted_proxies: Vec::new(),
            client_address_header: "X-Forwarded-For".to_owned(),
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(20),
            request_timeout: Duration::from_mins(1),
            shutdown_timeout: Duration::from_secs(10),
            compression: Encoding::ALL.to_vec(),
            compress_from: ByteSize::kib(1),
            hsts: Duration::from_hours(365 * 24),
            tls: None,
        }
    }
}
