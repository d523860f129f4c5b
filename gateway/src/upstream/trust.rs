//! TLS to PocketBase: whom to believe that he is it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// It can't be told whom to believe.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file of `pocketbase.ca`.
    #[error("cannot use pocketbase.ca {}: {problem}", file.display())]
    File {
        /// As configured.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Where no file is named, those of the system count, and there are none.
    #[error(
        "this system has no root certificates; name the one that signed PocketBase's with pocketbase.ca"
    )]
    NoRoots,
    /// The library refuses.
    #[error("cannot speak TLS to PocketBase: {0}")]
    Tls(#[from] rustls::Error),
}

/// What connects to PocketBase: in clear text to `http`, and to `https` if its certificate leads to
/// one of those that are believed: those of the file, or without one of the system.
pub(super) fn connector(
    tcp: HttpConnector,
    is_https: Https<'_>,
) -> Result<HttpsConnector<HttpConnector>, TrustError> {
    let roots = match is_https {
        // It has nobody to believe, and nobody asks it to.
        Https::No => RootCertStore::empty(),
        Https::By(Some(file)) => of_file(file)?,
        Https::By(None) => of_system()?,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let builder = HttpsConnectorBuilder::new().with_tls_config(config);
    Ok(match is_https {
        Https::No => builder.https_or_http().enable_http1().wrap_connector(tcp),
        Https::By(_) => builder.https_only().enable_http1().wrap_connector(tcp),
    })
}

/// Whether PocketBase is spoken to by TLS, and by which root certificates.
#[derive(Clone, Copy, Debug)]
pub(super) enum Https<'a> {
    No,
    By(Option<&'a Path>),
}

fn of_file(file: &Path) -> Result<RootCertStore, TrustError> {
    let failed = |problem: &dyn std::fmt::Display| TrustError::File {
        file: file.to_owned(),
        problem: problem.to_string(),
    };
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(&error))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).map_err(|error| failed(&error))?;
    }
    if roots.is_empty() {
        return Err(failed(&"it holds no certificate"));
    }
    Ok(roots)
}

fn of_system() -> Result<RootCertStore, TrustError> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "some of the system's root certificates can't be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(TrustError::NoRoots);
    }
    Ok(roots)
}
