//! `[server]`: where clients connect, and within which bounds.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

use crate::exchange::encoding::Encoding;

/// `[server]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Server {
    pub(in crate::config) listen: SocketAddr,
    pub(in crate::config) public_url: Option<String>,
    pub(in crate::config) origins: Vec<String>,
    pub(in crate::config) worker_threads: usize,
    pub(in crate::config) max_body: ByteSize,
    pub(in crate::config) max_requests: usize,
    pub(in crate::config) max_connections: usize,
    pub(in crate::config) connections_per_address: usize,
    pub(in crate::config) trusted_proxies: Vec<String>,
    pub(in crate::config) client_address_header: String,
    #[serde(with = "humantime_serde")]
    pub(in crate::config) header_timeout: Duration,
    #[serde(with = "humantime_serde")]
    pub(in crate::config) idle_timeout: Duration,
    #[serde(with = "humantime_serde")]
    pub(in crate::config) body_timeout: Duration,
    #[serde(with = "humantime_serde")]
    pub(in crate::config) request_timeout: Duration,
    #[serde(with = "humantime_serde")]
    pub(in crate::config) shutdown_timeout: Duration,
    pub(in crate::config) compression: Vec<Encoding>,
    pub(in crate::config) compress_from: ByteSize,
    #[serde(with = "humantime_serde")]
    pub(in crate::config) hsts: Duration,
    pub(in crate::config) tls: Option<Tls>,
}

/// `[server.tls]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Tls {
    pub(in crate::config) certificate: PathBuf,
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
