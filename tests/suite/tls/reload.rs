//! A certificate that is exchanged under a running gateway.

use std::fs;

use hapta_tests::demo::records;
use hapta_tests::{PATIENCE, PocketBase, TestGateway, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::{FILES, NAME, connect, get, pair, with_pair};

/// Asks on a connection that stays open, and reads the answer.
async fn ask_on(stream: &mut TlsStream<TcpStream>) {
    let request = format!("GET {} HTTP/1.1\r\nHost: {NAME}\r\n\r\n", records("posts"));
    stream.write_all(request.as_bytes()).await.expect("sends");
    let mut answer = Vec::new();
    while !answer.ends_with(b"}]}") && !answer.ends_with(b"}]}\n") {
        let mut bytes = [0; 4096];
        let reading = tokio::time::timeout(PATIENCE, stream.read(&mut bytes)).await;
        let read = reading.expect("in time").expect("reads");
        assert!(read > 0, "closed: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&bytes[..read]);
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if length.is_some_and(|length| length.parse() == Ok(body.len())) {
                break;
            }
        }
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"));
}

async fn reloads(gateway: &TestGateway, result: &str) -> f64 {
    let name = format!("hapta_certificate_reloads_total{{result=\"{result}\"}}");
    gateway.metric(&name).await.unwrap_or_default()
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections_and_the_old_ones_go_on() {
    let pocketbase = PocketBase::start().await;
    let (setup, before) = with_pair(&pocketbase);
    let gateway = setup.also(FILES).start().await;
    let mut old = connect(gateway.address(), &before.certificate, &[])
        .await
        .expect("a handshake");
    ask_on(&mut old).await;
    let after = pair(&gateway.folder().join("certs"));
    let is_new = async || get(gateway.address(), &after.certificate).await.ok();
    eventually("new connections have it", is_new).await;
    ask_on(&mut old).await;
    let refused = get(gateway.address(), &before.certificate).await;
    assert!(refused.is_err(), "the old one is not in use any more");
    assert!(reloads(&gateway, "swapped").await >= 1.0);
}

#[tokio::test]
async fn a_pair_that_cannot_be_used_leaves_the_last_one_in_use() {
    let pocketbase = PocketBase::start().await;
    let (setup, before) = with_pair(&pocketbase);
    let gateway = setup.also(FILES).start().await;
    let certs = gateway.folder().join("certs");
    let key = fs::read(certs.join("private.pem")).expect("reads the key");
    fs::write(certs.join("private.pem"), "no PEM").expect("writes");
    let is_told = async || (reloads(&gateway, "refused").await > 0.0).then_some(());
    eventually("it is told", is_told).await;
    get(gateway.address(), &before.certificate)
        .await
        .expect("the last one");
    // It is told once, however often it is looked at.
    gateway.reconfigure("[server]", "[server]\n# touched");
    assert_eq!(
        reloads(&gateway, "refused").await.total_cmp(&1.0),
        std::cmp::Ordering::Equal
    );
    fs::write(certs.join("private.pem"), key).expect("writes");
    let is_good = async || (reloads(&gateway, "swapped").await > 0.0).then_some(());
    eventually("it is good again", is_good).await;
    get(gateway.address(), &before.certificate)
        .await
        .expect("the same");
}
