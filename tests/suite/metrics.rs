//! What the calls of rules come to, as operators scrape it.

use hapta_tests::demo::{POST_OF_ALICE, record, records};
use hapta_tests::{Stage, eventually, rules};
use serde_json::json;

#[tokio::test]
async fn the_calls_of_a_rule_are_counted_by_generation() {
    let stage = Stage::with(|gateway| {
        gateway
            .rule("noter")
            .rule_with("trap", &json!({ "when_header": "x-misbehave" }))
            .judged("posts", &["noter", "trap"])
    })
    .await;
    let guest = stage.guest();
    let list = guest.get(&records("posts")).await.expect(200);
    let shown = list["items"].as_array().expect("items").len();
    let one = record("posts", POST_OF_ALICE);
    guest
        .get(&one)
        .header("x-misbehave", "1")
        .await
        .refused(500);

    let of = async |name: &str, rule: &str, more: &str| {
        let labels = format!("rule=\"{rule}\",generation=\"1\",shadow=\"false\"{more}");
        stage
            .gateway
            .metric(&format!("hapta_{name}{{{labels}}}"))
            .await
    };
    // `before` twice, a `reveal` for each record, and one `after`.
    #[expect(clippy::cast_precision_loss, reason = "a few")]
    let calls = Some((shown + 3) as f64);
    assert_eq!(
        of("rule_calls_total", "noter", ",verdict=\"allowed\"").await,
        calls
    );
    assert_eq!(of("rule_host_calls_total", "noter", "").await, calls);
    assert_eq!(
        of("rule_calls_total", "trap", ",verdict=\"faulted\"").await,
        Some(1.0)
    );
    assert_eq!(
        of("rule_faults_total", "trap", ",kind=\"rule_trap\"").await,
        Some(1.0)
    );
    let peak = of("rule_memory_peak_bytes", "noter", "")
        .await
        .expect("a size");
    assert!((65_536.0..1_048_576.0).contains(&peak), "{peak}");
    // Two calls of `before`, and one reply.
    assert_eq!(of("rule_call_seconds_count", "noter", "").await, Some(3.0));
    let sum = of("rule_call_seconds_sum", "noter", "")
        .await
        .expect("a time");
    assert!(sum > 0.0 && sum < 10.0, "{sum}");

    // Another generation counts anew, and what the one before came to can be scraped once more.
    stage
        .gateway
        .replace_rule("noter", &rules::bytes("allow_all"));
    let next = "hapta_rule_calls_total{rule=\"noter\",generation=\"2\",shadow=\"false\",verdict=\"allowed\"}";
    let swapped = async || {
        guest.get(&one).await.expect(200);
        let counted = stage.gateway.metric(next).await;
        counted.filter(|count| *count >= 1.0)
    };
    eventually("the next generation counts", swapped).await;
    assert!(of("rule_calls_total", "noter", ",verdict=\"allowed\"").await >= calls);
}
