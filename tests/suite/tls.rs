//! Clients over TLS, and PocketBase over TLS.

mod http2;
mod reload;
mod upstream;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use hapta_tests::demo::{POSTS, records};
use hapta_tests::{PATIENCE, PocketBase, Setup, eventually};
use rcgen::CertifiedKey;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

const NAME: &str = "gateway.test";

/// What makes a file unusable.
type Spoil<'a> = &'a dyn Fn(&Path);

/// Certificate and key, in the files `public.pem` and `private.pem` of a folder.
struct Pair {
    certificate: CertificateDer<'static>,
}

#[tokio::test]
async fn clients_are_served_by_tls() {
    let pocketbase = PocketBase::start().await;
    let (setup, pair) = with_pair(&pocketbase);
    let gateway = setup.also(FILES).start().await;
    let posts = get(gateway.address(), &pair.certificate)
        .await
        .expect("an answer");
    assert_eq!(posts["totalItems"], POSTS);
    // Operators are served without, on an address of their own.
    gateway.operator().get("/status").await.expect(200);
}

#[tokio::test]
async fn a_gateway_with_another_s_certificate_is_not_believed() {
    let pocketbase = PocketBase::start().await;
    let (setup, _pair) = with_pair(&pocketbase);
    let gateway = setup.also(FILES).start().await;
    let other = tempfile::tempdir().expect("a folder");
    let error = get(gateway.address(), &pair(other.path()).certificate)
        .await
        .expect_err("not this one");
    assert!(error.contains("certificate"), "{error}");
}

#[tokio::test]
async fn plain_http_gets_nothing_there() {
    let pocketbase = PocketBase::start().await;
    let (setup, _pair) = with_pair(&pocketbase);
    let gateway = setup
        .also(FILES)
        .also("[server]\nheader_timeout = \"300ms\"")
        .start()
        .await;
    // The second says nothing at all: a handshake has its time as well.
    for begun in [
        format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", records("posts")),
        String::new(),
    ] {
        let mut stream = TcpStream::connect(gateway.address())
            .await
            .expect("connects");
        stream.write_all(begun.as_bytes()).await.expect("sends");
        let mut answer = Vec::new();
        // A reset is as good as an end.
        let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "the connection stays");
        assert!(
            !String::from_utf8_lossy(&answer).contains("HTTP"),
            "{answer:?}"
        );
    }
    let closed = async || {
        gateway
            .metric("hapta_connections")
            .await
            .filter(|open| *open == 0.0)
    };
    eventually("no connection is counted", closed).await;
}

#[tokio::test]
async fn the_environment_turns_tls_on_where_the_original_had_its_files_and_off() {
    let pocketbase = PocketBase::start().await;
    let (setup, pair) = with_pair(&pocketbase);
    let on = setup.environment(|environment| environment.ssl_enabled = Some("true".to_owned()));
    let on = on.start().await;
    let posts = get(on.address(), &pair.certificate)
        .await
        .expect("an answer");
    assert_eq!(posts["totalItems"], POSTS);

    let (setup, _pair) = with_pair(&pocketbase);
    let off = setup
        .also(FILES)
        .environment(|environment| environment.ssl_enabled = Some("false".to_owned()));
    off.start()
        .await
        .client()
        .get(&records("posts"))
        .await
        .expect(200);
}

#[tokio::test]
async fn a_pair_that_cannot_be_used_stops_the_start_by_the_file_s_name() {
    let pocketbase = PocketBase::start().await;
    let missing = |file: &Path| fs::remove_file(file).expect("deletes");
    let garbage = |file: &Path| fs::write(file, "no PEM").expect("writes");
    let another = |file: &Path| {
        let CertifiedKey { signing_key, .. } =
            rcgen::generate_simple_self_signed([NAME.to_owned()]).expect("a pair");
        fs::write(file, signing_key.serialize_pem()).expect("writes");
    };
    let cases: [(&str, Spoil<'_>); 5] = [
        ("private.pem", &missing),
        ("private.pem", &garbage),
        ("private.pem", &another),
        ("public.pem", &missing),
        ("public.pem", &garbage),
    ];
    for (number, (name, spoil)) in cases.into_iter().enumerate() {
        let (setup, _pair) = with_pair(&pocketbase);
        let setup = setup.also(FILES);
        spoil(&setup.folder().join("certs").join(name));
        let error = setup.try_start().await.expect_err("it does not start");
        assert!(
            error.contains(&format!("certs/{name}")),
            "{number}: {error}"
        );
    }
}

/// Where the original had them, too.
const FILES: &str = "[server.tls]\ncertificate = \"certs/public.pem\"\nkey = \"certs/private.pem\"";

fn with_pair(pocketbase: &PocketBase) -> (Setup, Pair) {
    let setup = Setup::before(pocketbase.address()).open("posts");
    let folder = setup.folder().join("certs");
    fs::create_dir(&folder).expect("makes the folder");
    let pair = pair(&folder);
    (setup, pair)
}

fn pair(folder: &Path) -> Pair {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed([NAME.to_owned()]).expect("a certificate");
    fs::write(folder.join("public.pem"), cert.pem()).expect("writes the certificate");
    fs::write(folder.join("private.pem"), signing_key.serialize_pem()).expect("writes the key");
    Pair {
        certificate: cert.der().clone(),
    }
}

/// Connects, trusting this certificate and no other, and offering these protocols.
async fn connect(
    address: SocketAddr,
    certificate: &CertificateDer<'static>,
    protocols: &[&str],
) -> Result<TlsStream<TcpStream>, String> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a certificate");
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let protocols = protocols
        .iter()
        .map(|protocol| protocol.as_bytes().to_vec());
    config.alpn_protocols = protocols.collect();
    let name = ServerName::try_from(NAME).expect("a name");
    let stream = TcpStream::connect(address).await.expect("connects");
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let connected = tokio::time::timeout(PATIENCE, connecting)
        .await
        .expect("a handshake ends");
    connected.map_err(|error| error.to_string())
}

/// Asks for the posts, trusting this certificate and no other.
async fn get(address: SocketAddr, certificate: &CertificateDer<'static>) -> Result<Value, String> {
    let mut stream = connect(address, certificate, &[]).await?;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n",
        records("posts")
    );
    stream.write_all(request.as_bytes()).await.expect("sends");
    let mut answer = String::new();
    let reading = tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await;
    reading.expect("an answer").expect("reads");
    let (head, body) = answer.split_once("\r\n\r\n").expect("HTTP");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(
        head.contains("strict-transport-security: max-age="),
        "{head}"
    );
    Ok(serde_json::from_str(body).expect("JSON"))
}
