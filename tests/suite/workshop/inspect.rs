//! `hapta inspect`: files that are rules, and files that are not.

use std::fs;

use hapta_tests::rules;
use serde_json::json;

use super::{Workshop, text};

#[tokio::test]
async fn a_rule_is_told_with_the_grants_that_it_needs() {
    let workshop = Workshop::open();
    let quota = rules::path("upload_quota");
    let said = workshop.hapta(&["inspect", text(&quota)]).await.well();
    said.has(&[
        "a rule",
        "hapta:rule/types@0.1.0",
        "hapta:rule/counters@0.1.0",
        "has to be granted",
        "grants = [\"hapta:rule/counters\"]",
        "create, update",
        "before",
        "once, then frozen",
        "these are accepted",
    ]);
    let told = workshop
        .hapta(&["inspect", text(&quota), "--json"])
        .await
        .well()
        .json();
    assert_eq!(told["is_rule"], true, "{told}");
    assert_eq!(told["grants"], json!(["hapta:rule/counters"]));
    assert_eq!(
        told["manifest"]["hooks"],
        json!({ "before": true, "reveal": false, "after": false })
    );
    assert_eq!(told["frozen"], true);
    let size = fs::metadata(&quota).expect("it is there").len();
    assert_eq!(told["bytes"], size);
}

#[tokio::test]
async fn what_it_removes_depends_on_its_settings() {
    let workshop = Workshop::open();
    let file = rules::path("ownership");
    let plain = workshop
        .hapta(&["inspect", text(&file), "--json"])
        .await
        .well()
        .json();
    assert_eq!(plain["manifest"]["removes"], json!([]), "{plain}");
    let settings = [
        "inspect",
        text(&file),
        "--settings",
        "{\"hide\": [\"email\"]}",
    ];
    workshop
        .hapta(&settings)
        .await
        .well()
        .has(&["*.email", "reveal"]);
    // The rule's own words about settings that it does not take; a rule it is all the same.
    let refused = ["inspect", text(&file), "--settings", "{\"hidden\": []}"];
    let said = workshop.hapta(&refused).await.well();
    said.has(&["wants settings", "hidden", "unknown", "--settings"]);
    let not_json = workshop
        .hapta(&["inspect", text(&file), "--settings", "hide"])
        .await;
    not_json.refused(&["--settings is no JSON"]);
    let list = workshop
        .hapta(&["inspect", text(&file), "--settings", "[]"])
        .await;
    list.refused(&["--settings is no object"]);
}

#[tokio::test]
async fn an_interpreter_s_rule_is_told_to_be_configured_each_time() {
    let workshop = Workshop::open();
    let said = workshop
        .hapta(&["inspect", text(&rules::path("quickjs"))])
        .await
        .well();
    said.has(&["in each instance", "update"]);
    let wasi = rules::path("quickjs_wasi");
    let told = workshop
        .hapta(&["inspect", text(&wasi), "--json"])
        .await
        .well()
        .json();
    let grants = told["grants"].as_array().expect("a list");
    assert!(
        grants.contains(&json!("wasi:clocks")) && grants.contains(&json!("wasi:io")),
        "{told}"
    );
}

#[tokio::test]
async fn what_is_no_rule_says_why() {
    let workshop = Workshop::open();
    let other = workshop.at("other.wasm");
    fs::write(&other, "not WebAssembly").expect("writes it");
    let empty = workshop.at("empty.wasm");
    fs::write(&empty, b"\0asm\x0d\0\x01\0").expect("writes it");
    let sockets = rules::path("imports_sockets");
    let traps = rules::path("trap");
    let cases: [(&[&str], &[&str]); 5] = [
        (&["inspect", "gone.wasm"], &["no rule", "cannot be read"]),
        (&["inspect", text(&other)], &["no rule", "is not a rule"]),
        (&["inspect", text(&empty)], &["no rule", "is not a rule"]),
        (
            &["inspect", text(&sockets)],
            &[
                "no rule",
                "wasi:sockets/instance-network",
                "can't be granted",
            ],
        ),
        (
            &[
                "inspect",
                text(&traps),
                "--settings",
                "{\"in\": \"configure\"}",
            ],
            &["no rule", "failed while it was configured"],
        ),
    ];
    for (arguments, words) in cases {
        workshop.hapta(arguments).await.refused(words);
        let arguments = [arguments, &["--json"]].concat();
        let said = workshop.hapta(&arguments).await;
        assert_eq!(
            (said.status, said.json()["is_rule"].as_bool()),
            (Some(1), Some(false))
        );
    }
}

#[tokio::test]
async fn a_folder_is_built_first() {
    let workshop = Workshop::open();
    let folder = workshop.begin("own-posts", "ts").await;
    let said = workshop.hapta(&["inspect", text(&folder)]).await.well();
    said.has(&[
        "own-posts.wasm",
        "update, delete",
        "not_the_author, author_stays",
    ]);
    assert!(folder.join("build/own-posts.wasm").is_file());
}
