//! PocketBase behind TLS.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use hapta_tests::demo::{POST_OF_ALICE, POSTS, record, records};
use hapta_tests::{PocketBase, Setup};
use rcgen::CertifiedKey;
use rustls_pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// Something before PocketBase that does TLS, and its certificate.
struct Terminator {
    address: SocketAddr,
    certificate: String,
    serving: JoinHandle<()>,
}

impl Terminator {
    async fn before(pocketbase: SocketAddr, name: &str) -> Self {
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("a pair");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut behind = TcpStream::connect(pocketbase).await.ok()?;
                    let mut stream = acceptor.accept(stream).await.ok()?;
                    tokio::io::copy_bidirectional(&mut stream, &mut behind)
                        .await
                        .ok()
                });
            }
        });
        Self {
            address,
            certificate: cert.pem(),
            serving,
        }
    }

    fn setup(&self, pocketbase: &PocketBase, ca: &str) -> Setup {
        let setup = Setup::before(pocketbase.address()).open("posts");
        fs::write(setup.folder().join("ca.pem"), ca).expect("writes it");
        let url = format!("https://{}", self.address);
        setup.also(&format!("[pocketbase]\nurl = \"{url}\"\nca = \"ca.pem\""))
    }
}

impl Drop for Terminator {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[tokio::test]
async fn requests_and_events_come_by_tls() {
    let pocketbase = PocketBase::start().await;
    let tls = Terminator::before(pocketbase.address(), "127.0.0.1").await;
    let gateway = tls.setup(&pocketbase, &tls.certificate).start().await;
    let guest = gateway.client();
    let list = guest.get(&records("posts")).await.expect(200);
    assert_eq!(list["totalItems"], POSTS);
    let mut stream = guest.get("/api/realtime").stream().await;
    let greeting = stream.event().await.expect("a greeting");
    let body = json!({ "clientId": greeting.id, "subscriptions": ["posts/*"] });
    assert_eq!(guest.post("/api/realtime").json(&body).await.status, 204);
    let admin = pocketbase.superuser().await;
    let post = record("posts", POST_OF_ALICE);
    admin
        .patch(&post)
        .json(&json!({ "title": "told" }))
        .await
        .expect(200);
    let event = stream.event().await.expect("an event");
    assert!(event.data.contains("\"told\""), "{event:?}");
}

#[tokio::test]
async fn who_is_not_believed_is_told_nothing() {
    let pocketbase = PocketBase::start().await;
    let another = Terminator::before(pocketbase.address(), "127.0.0.1").await;
    let misnamed = Terminator::before(pocketbase.address(), "pocketbase.example").await;
    for (at, ca) in [
        (&another, &misnamed.certificate),
        (&misnamed, &misnamed.certificate),
    ] {
        let setup = at
            .setup(&pocketbase, ca)
            .also("[state]\nfolder = \"state\"");
        let upstream = hapta::upstream::Upstream::new(settings(&setup, at));
        let error = upstream.expect("roots").health().await.expect_err("nobody");
        assert!(error.to_string().contains("certificate"), "{error}");
    }
}

#[tokio::test]
async fn roots_that_are_none_stop_the_start_by_the_file_s_name() {
    let pocketbase = PocketBase::start().await;
    let tls = Terminator::before(pocketbase.address(), "127.0.0.1").await;
    let error = tls.setup(&pocketbase, "no PEM").try_start().await;
    let error = error.expect_err("it does not start");
    assert!(
        error.contains("pocketbase.ca") && error.contains("ca.pem"),
        "{error}"
    );
}

fn settings(setup: &Setup, at: &Terminator) -> hapta::upstream::Settings {
    hapta::upstream::Settings {
        url: format!("https://{}", at.address).parse().expect("a URL"),
        ca: Some(setup.folder().join("ca.pem")),
        untested: hapta::upstream::Untested::Refuse,
        credential: hapta::upstream::Credential::TokenFile("none".into()),
        forwarding_header: "x-real-ip".parse().expect("a header"),
        timeout: std::time::Duration::from_secs(5),
        max_response: "1MiB".parse().expect("a size"),
        schema_interval: std::time::Duration::from_mins(1),
    }
}
