//! Whether PocketBase can be reached around the gateway: then nothing that the rules say holds.
//!
//! What can be seen from here is looked at: the other addresses of this machine, and the host by
//! which clients reach the gateway. That nothing answers there is no proof for the rest of the
//! world, and that is told too.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};

use crate::config::{Config, Origin};

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long one address may take to answer.
const ONE: Duration = Duration::from_secs(2);

/// Addresses that are tried; a machine with more has its containers' among them.
const MOST: usize = 32;

/// How much of an answer is read.
const READ: u64 = 16 << 10;

/// What was found out.
#[derive(Debug, PartialEq, Eq)]
enum Finding {
    /// It answers at an address that others may reach.
    Open(Vec<SocketAddr>),
    /// It answers at no other address of this machine.
    Closed,
    /// It is on another machine, about which nothing can be told from here.
    Elsewhere(String),
}

/// Finds out and says so in the log. It stops nothing.
pub(super) async fn report(config: &Config) {
    let Some((pocketbase, _)) = Origin::split(&config.pocketbase.upstream.url.to_string()) else {
        return;
    };
    let public = config.server.public_url.as_ref();
    let Ok(finding) = tokio::time::timeout(PATIENCE, find(&pocketbase, public)).await else {
        tracing::warn!(
            "could not find out in time whether PocketBase can be reached around the gateway"
        );
        return;
    };
    match finding {
        Finding::Open(addresses) => {
            let addresses: Vec<_> = addresses.iter().map(SocketAddr::to_string).collect();
            let addresses = addresses.join(", ");
            tracing::warn!(
                addresses,
                "PocketBase answers there as well, so it can be reached around the gateway, where no rule holds; let it listen on 127.0.0.1 alone (--http=127.0.0.1:PORT), or let a firewall keep everybody but the gateway from its port"
            );
        }
        Finding::Closed => {
            tracing::info!("PocketBase answers at no other address of this machine");
        }
        Finding::Elsewhere(host) => tracing::warn!(
            host,
            "PocketBase is not on this machine's loopback; see to it that nobody but the gateway can reach it there, or no rule holds"
        ),
    }
}

async fn find(pocketbase: &Origin, public: Option<&Origin>) -> Finding {
    let own = own_addresses();
    let host = pocketbase.host().trim_matches(['[', ']']);
    let is_here = pocketbase.is_loopback()
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback() || own.contains(&address));
    if !is_here {
        return Finding::Elsewhere(pocketbase.host().to_owned());
    }
    let mut tried: BTreeSet<IpAddr> = own;
    if let Some(public) = public.filter(|public| !public.is_loopback()) {
        let host = public.host().trim_matches(['[', ']']);
        if let Ok(addresses) = lookup_host((host, pocketbase.port())).await {
            tried.extend(addresses.map(|address| address.ip()));
        }
    }
    let asked = tried.into_iter().take(MOST).map(async |address| {
        let address = SocketAddr::new(address, pocketbase.port());
        let answers = tokio::time::timeout(ONE, is_pocketbase(address)).await;
        answers
            .is_ok_and(Option::unwrap_or_default)
            .then_some(address)
    });
    let open: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
    if open.is_empty() {
        Finding::Closed
    } else {
        Finding::Open(open)
    }
}

/// The addresses by which others may reach this machine.
fn own_addresses() -> BTreeSet<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    // One that is of its link alone has no meaning without its interface.
    let is_told = |address: &IpAddr| match address {
        IpAddr::V4(address) => !address.is_loopback() && !address.is_link_local(),
        IpAddr::V6(address) => !address.is_loopback() && !address.is_unicast_link_local(),
    };
    let addresses = interfaces.iter().map(if_addrs::Interface::ip);
    addresses.filter(is_told).collect()
}

/// Whether what answers there is a PocketBase, and not the gateway before one. None: nothing does.
async fn is_pocketbase(address: SocketAddr) -> Option<bool> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!(
        "GET /api/health HTTP/1.1\r\nHost: {address}\r\nUser-Agent: hapta\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.take(READ).read_to_end(&mut answer).await.ok()?;
    let answer = String::from_utf8_lossy(&answer).to_ascii_lowercase();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some(!has_own_id(head) && body.contains("api is healthy"))
}

/// Whether an answer has an id such as the gateway gives each request: PocketBase gives none, and
/// other proxies give others.
fn has_own_id(head: &str) -> bool {
    let mut headers = head.lines().filter_map(|line| line.split_once(": "));
    let id = headers.find(|(name, _)| *name == crate::pipeline::REQUEST_ID);
    id.is_some_and(|(_, id)| id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    const PB: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"message\":\"API is healthy.\",\"code\":200,\"data\":{}}";

    async fn answers(text: &'static str) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(text.as_bytes()).await;
            }
        });
        address
    }

    #[tokio::test]
    async fn pocketbase_is_told_from_the_gateway_and_from_others() {
        let gateway = "HTTP/1.1 200 OK\r\nX-Request-Id: 0123456789abcdef\r\n\r\n{\"message\":\"API is healthy.\"}";
        let nginx = "HTTP/1.1 200 OK\r\nX-Request-Id: 0123456789abcdef0123456789abcdef\r\n\r\n{\"message\":\"API is healthy.\"}";
        for (text, expected) in [
            (PB, Some(true)),
            (gateway, Some(false)),
            (nginx, Some(true)),
            ("HTTP/1.1 200 OK\r\n\r\nhello", Some(false)),
            ("hello", None),
        ] {
            assert_eq!(is_pocketbase(answers(text).await).await, expected, "{text}");
        }
        let gone = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = gone.local_addr().unwrap();
        drop(gone);
        assert_eq!(is_pocketbase(address).await, None);
    }

    #[tokio::test]
    async fn the_host_of_the_public_url_is_tried_and_what_is_elsewhere_is_told() {
        let origin = |text: &str| Origin::split(text).unwrap().0;
        let address = answers(PB).await;
        let pocketbase = origin(&format!("http://127.0.0.1:{}", address.port()));
        assert_eq!(find(&pocketbase, None).await, Finding::Closed);
        let listener = TcpListener::bind(("127.0.0.2", address.port()))
            .await
            .unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await;
            stream.write_all(PB.as_bytes()).await.unwrap();
        });
        let public = origin("https://127.0.0.2");
        let open = SocketAddr::from(([127, 0, 0, 2], address.port()));
        let found = find(&pocketbase, Some(&public)).await;
        assert_eq!(found, Finding::Open(vec![open]));
        let elsewhere = origin("http://203.0.113.9:8090");
        let found = find(&elsewhere, None).await;
        assert_eq!(found, Finding::Elsewhere("203.0.113.9".to_owned()));
    }
}
