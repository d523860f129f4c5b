//! TLS for clients, by rustls: from 1.2 on, with HTTP/2 for those who can, and a certificate that
//! is exchanged under connections that go on.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::version::{TLS12, TLS13};

use crate::config::Tls;

/// Certificate and key can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot use the TLS file {}: {problem}", file.display())]
pub struct TlsError {
    file: PathBuf,
    problem: String,
}

/// HTTP/2, by its name in ALPN.
pub(super) const HTTP_2: &[u8] = b"h2";

/// What clients may speak, dearest to us first.
const PROTOCOLS: [&[u8]; 2] = [HTTP_2, b"http/1.1"];

/// The certificate in use, and where it is from.
#[derive(Debug)]
pub(super) struct Certificate {
    files: Tls,
    in_use: ArcSwap<CertifiedKey>,
    /// What was read last, good or not: the same again is no news.
    last: Mutex<Result<Vec<CertificateDer<'static>>, TlsError>>,
}

impl Certificate {
    /// Reads certificate and key.
    pub(super) fn read(files: &Tls) -> Result<Arc<Self>, TlsError> {
        let pair = read(files)?;
        Ok(Arc::new(Self {
            files: files.clone(),
            last: Mutex::new(Ok(pair.cert.clone())),
            in_use: ArcSwap::from_pointee(pair),
        }))
    }

    /// What takes connections with it, whichever it is by then.
    pub(super) fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, TlsError> {
        let failed = |error: tokio_rustls::rustls::Error| self.files.failed(&error);
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(failed)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Reads the files again. None: nothing is new about them. What can't be used leaves in use
    /// what was.
    pub(super) fn read_again(&self) -> Option<Result<(), TlsError>> {
        let read = read(&self.files);
        let news = match &read {
            Ok(pair) => Ok(pair.cert.clone()),
            Err(error) => Err(error.clone()),
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if *last == news {
            return None;
        }
        *last = news;
        Some(read.map(|pair| self.in_use.store(Arc::new(pair))))
    }

    /// The files that are to be followed.
    pub(super) fn files(&self) -> [PathBuf; 2] {
        [self.files.certificate.clone(), self.files.key.clone()]
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.in_use.load_full())
    }
}

impl Tls {
    fn failed(&self, problem: &dyn std::fmt::Display) -> TlsError {
        TlsError {
            file: self.key.clone(),
            problem: problem.to_string(),
        }
    }
}

fn provider() -> CryptoProvider {
    ring::default_provider()
}

fn read(files: &Tls) -> Result<CertifiedKey, TlsError> {
    let failed = |problem: &dyn std::fmt::Display| TlsError {
        file: files.certificate.clone(),
        problem: problem.to_string(),
    };
    let certificates = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(&error))?;
    if certificates.is_empty() {
        return Err(failed(&"it holds no certificate"));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| files.failed(&error))?;
    CertifiedKey::from_der(certificates, key, &provider()).map_err(|error| files.failed(&error))
}
