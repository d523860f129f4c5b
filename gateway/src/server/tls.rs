//! TLS for clients, by rustls.

use std::path::PathBuf;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::config::Tls;

/// Certificate and key can't be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the TLS file {}: {problem}", file.display())]
pub struct TlsError {
    file: PathBuf,
    problem: String,
}

/// Reads certificate and key.
pub(super) fn acceptor(tls: &Tls) -> Result<TlsAcceptor, TlsError> {
    let failed = |file: &PathBuf, problem: &dyn std::fmt::Display| TlsError {
        file: file.clone(),
        problem: problem.to_string(),
    };
    let certificates = CertificateDer::pem_file_iter(&tls.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(&tls.certificate, &error))?;
    if certificates.is_empty() {
        return Err(failed(&tls.certificate, &"it holds no certificate"));
    }
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| failed(&tls.key, &error))?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| failed(&tls.key, &error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
