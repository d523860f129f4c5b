//! A stream that nobody reads.

use std::io::{BufRead, BufReader};

use hapta_tests::demo::records;
use hapta_tests::{Client, eventually};
use serde_json::Value;

use super::workplace::{Workplace, address_in};

/// More than wait in the stream, and in a pipe that nobody reads.
const REQUESTS: usize = 1_200;

/// Asked at once.
const AT_ONCE: usize = 24;

#[tokio::test]
async fn what_nobody_reads_holds_up_no_request_and_is_counted() {
    let (mut child, _place) = Workplace::made_up().start_unread();
    let mut output = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    // To the end of the start, and no further.
    let is_ready = |line: &str| line.contains("\"type\":\"ready\"");
    let reading = tokio::task::spawn_blocking(move || {
        let found = output
            .by_ref()
            .map(|line| line.expect("a line"))
            .find(|line| is_ready(line));
        (found, output)
    });
    let (found, output) = reading.await.expect("no panic");
    let client = Client::new(address_in(&found.expect("it gets ready")));

    let mut asked = tokio::task::JoinSet::new();
    for number in 0..REQUESTS {
        if number >= AT_ONCE {
            asked.join_next().await;
        }
        let client = client.clone();
        asked.spawn(async move { client.get(&records("posts")).await.expect(200) });
    }
    while let Some(answered) = asked.join_next().await {
        answered.expect("every request is answered");
    }

    let counted = tokio::task::spawn_blocking(move || {
        let (mut shown, mut lost) = (0, 0);
        for line in output {
            let news: Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
            match news["type"].as_str() {
                Some("request") => shown += 1,
                Some("lost") => lost += news["requests"].as_u64().expect("a number"),
                _ => {}
            }
            if shown + lost == REQUESTS as u64 {
                break;
            }
        }
        (shown, lost)
    });
    let (shown, lost) = tokio::time::timeout(hapta_tests::PATIENCE, counted)
        .await
        .expect("all is told")
        .expect("no panic");
    assert_eq!(shown + lost, REQUESTS as u64);
    assert!(lost > 0, "{shown} shown");
    hapta_tests::signal(
        i32::try_from(child.id()).expect("an id"),
        hapta_tests::Signal::TERM,
    );
    let ended = async || child.try_wait().expect("it can be asked");
    assert!(eventually("it ends", ended).await.success());
}
