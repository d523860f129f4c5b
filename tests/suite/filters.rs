//! Filters: what the gateway prints, PocketBase reads as what was written.
//!
//! Each filter is asked of PocketBase twice, as it was made up and as the gateway
//! would send it. When the two differ, the value of `FILTERS_SEED` is told that makes up
//! the same filters again.

mod grammar;

use std::time::{SystemTime, UNIX_EPOCH};

use hapta::filter::Filter;
use hapta_tests::demo::records;
use hapta_tests::{Client, PocketBase, Stage};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use self::grammar::filters;

/// How many are made up in a run.
const FILTERS: usize = 200;

#[tokio::test]
async fn a_printed_filter_finds_what_the_written_one_finds() {
    let pocketbase = PocketBase::start().await;
    // PocketBase slows others down who find nothing again and again.
    let superuser = pocketbase.superuser().await;
    let seed = seed();
    let (mut asked, mut found) = (0, 0);
    for (collection, written) in filters(seed, FILTERS) {
        let Ok(filter) = Filter::parse(&written) else {
            continue;
        };
        let printed = filter.to_string();
        let as_written = ids(&superuser, collection, &written).await;
        let as_printed = ids(&superuser, collection, &printed).await;
        assert_eq!(
            as_written, as_printed,
            "FILTERS_SEED={seed}: {collection}\n  written {written:?}\n  printed {printed:?}"
        );
        asked += 1;
        found += usize::from(as_written.is_ok_and(|ids| !ids.is_empty()));
    }
    // Else the comparison would say little.
    assert!(
        asked > FILTERS / 2 && found > FILTERS / 8,
        "FILTERS_SEED={seed}: {found} of {asked}"
    );
}

/// What PocketBase reads otherwise than it looks, or forgives.
#[tokio::test]
async fn a_filter_that_is_read_otherwise_than_it_looks_is_refused() {
    // (the filter, how many posts PocketBase itself finds by it)
    let filters = [
        ("status='draft'\0 && title='none'", Ok(2)),
        ("status='draft' // && title='none'", Ok(2)),
        ("(status='draft') (title!='none')", Ok(2)),
        ("status='draft' (title!='none')", Ok(2)),
        ("id='' || (status='draft') (status='published')", Ok(5)),
        ("title (status='draft')", Ok(2)),
        ("1=1) || (1=1", Err(400)),
        ("status='draft' junk", Err(400)),
        ("status='draft'&&", Err(400)),
        ("status='draft')", Err(400)),
        ("status='draft' && ()", Err(400)),
    ];
    let stage = Stage::open().await;
    let superuser = stage.pocketbase.superuser().await;
    for (filter, expected) in filters {
        let found = ids(&superuser, "posts", filter).await.map(|ids| ids.len());
        assert_eq!(found, expected, "of PocketBase itself: {filter:?}");
    }
    for (filter, _) in filters {
        stage.proxy.take();
        let refused = ask(&stage.guest(), "posts", filter).await;
        assert!(
            ["filter", "query"].contains(&refused.code(400).as_str()),
            "{filter:?}"
        );
        assert!(stage.proxy.take().is_empty(), "{filter:?}");
    }
}

async fn ask(client: &Client, collection: &str, filter: &str) -> hapta_tests::Reply {
    let filter = utf8_percent_encode(filter, NON_ALPHANUMERIC);
    let target = format!("{}?perPage=500&filter={filter}", records(collection));
    client.get(&target).await
}

/// The ids that a filter finds, sorted, or PocketBase's status.
async fn ids(client: &Client, collection: &str, filter: &str) -> Result<Vec<String>, u16> {
    let reply = ask(client, collection, filter).await;
    if reply.status != 200 {
        return Err(reply.status);
    }
    let reply = reply.json();
    let items = reply["items"].as_array().expect("a list");
    let id = |item: &Value| item["id"].as_str().expect("an id").to_owned();
    let mut ids: Vec<_> = items.iter().map(id).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// Another one each time, unless the environment says which.
fn seed() -> u64 {
    let told = std::env::var("FILTERS_SEED").ok();
    told.map_or_else(
        || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            now.map_or(0, |now| now.as_secs())
        },
        |told| told.parse().expect("FILTERS_SEED is a number"),
    )
}
