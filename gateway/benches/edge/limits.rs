//! What limits cost: a request's checks, and what is remembered of a million who asked.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use hapta::limits::{Asked, Class, Limits, Mode, Rate, Settings};
use hapta::principal::{Principal, Token, Vouched};
use serde_json::json;
use tokio::time::Instant;

/// What a million keys take.
pub(crate) struct Memory {
    /// Bytes for each, while they are remembered.
    pub(crate) of_key: f64,
    /// MiB more than before there were any, once all are given up.
    pub(crate) after: f64,
    /// The same after a second million, to see that nothing adds up.
    pub(crate) after_again: f64,
}

/// Has so many addresses ask once, and waits until nobody is remembered; twice.
pub(crate) async fn memory(keys: u32) -> anyhow::Result<Memory> {
    let all = usize::try_from(keys)?;
    let limits = Limits::new(&settings(2, all));
    let before = resident()?;
    ask_once(&limits, 0..keys)?;
    ensure!(limits.counts().keys == all, "all are remembered");
    let of_key = (resident()? - before) / f64::from(keys);
    give_up(&limits).await?;
    let after = resident()? - before;
    ask_once(&limits, keys..keys.saturating_mul(2))?;
    give_up(&limits).await?;
    let after_again = resident()? - before;
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    Ok(Memory {
        of_key,
        after: mib(after),
        after_again: mib(after_again),
    })
}

/// Nanoseconds that the checks of one request take: its address, who asks, a place among
/// those under way, its class. A thousand principals take turns.
pub(crate) fn check(times: u32) -> anyhow::Result<f64> {
    let limits = Limits::new(&settings(1_000_000, 200_000));
    let people: Vec<_> = (0..1_000).map(person).collect();
    let asked = Asked::Operation(Class::List, Some("posts"));
    let begun = Instant::now();
    for (principal, number) in people.iter().cycle().zip(0..times) {
        let address = address(number % 1_000);
        let at = limits.at(address);
        limits.check(at)?;
        black_box(limits.admit(at, Asked::Anything)?);
        let who = limits.who(principal, address);
        limits.check(who)?;
        let running = limits.enter(who)?;
        black_box(limits.admit(who, asked)?);
        drop(running);
    }
    Ok(begun.elapsed().as_secs_f64() * 1e9 / f64::from(times))
}

fn ask_once(limits: &Limits, addresses: std::ops::Range<u32>) -> anyhow::Result<()> {
    for number in addresses {
        let asked = Asked::Operation(Class::List, None);
        limits.admit(limits.at(address(number)), asked)?;
    }
    Ok(())
}

/// As the gateway does from time to time, once nobody's use shows any more.
async fn give_up(limits: &Limits) -> anyhow::Result<()> {
    tokio::time::sleep(Duration::from_secs(2)).await;
    limits.sweep();
    ensure!(limits.counts().keys == 0, "nobody is remembered");
    // The heap gives back to the system what is free for a moment, when it is next used.
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        black_box(vec![1_u8; 1 << 20]);
    }
    Ok(())
}

fn settings(limit: u32, keys: usize) -> Settings {
    let rate = Rate {
        limit: NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN),
        every: Duration::from_secs(1),
        max_uses: 0,
        ban_for: Duration::from_mins(1),
    };
    Settings {
        mode: Mode::On,
        classes: Class::ALL.map(|class| (class, rate)).into(),
        collections: BTreeMap::new(),
        account: rate,
        address: rate,
        bad_token: rate,
        running: 64,
        keys,
    }
}

fn person(number: u32) -> Principal {
    Principal::Record(Arc::new(Vouched {
        id: format!("person{number:09}"),
        collection: "users".to_owned(),
        superuser: false,
        record: Arc::new(json!({ "collectionId": "_pb_users_auth_" })),
        token: Token::new(""),
        session: None,
    }))
}

fn address(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(number).into()
}

/// Bytes of this process in memory.
fn resident() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let mut lines = status.lines();
    let kib = lines.find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = kib.and_then(|rest| rest.split_whitespace().next());
    let kib: u32 = kib.context("no VmRSS in the status")?.parse()?;
    Ok(f64::from(kib) * 1_024.0)
}
