//! Whatever a rule does, it does to its own request alone.
//!
//! [`sandbox`](crate::sandbox) has the rules that a compiler lets one write; those
//! here are written by hand, and break the rules of the sandbox itself.

/// Loads that take from innocent rules what is theirs.
pub(crate) mod pressure;

use futures_util::future::join_all;
use hapta_tests::demo::{POST_OF_ALICE, record, records};
use hapta_tests::{Client, PocketBase, Setup, Stage, rules};
use serde_json::{Value, json};
use toml::Table;

/// What a hostile rule does in its `before`, and the fault that it is.
struct Case {
    name: &'static str,
    does: &'static str,
    fault: &'static str,
}

/// The module around what the cases do: the contract by hand, in its canonical ABI.
pub(crate) const MODULE: &str = include_str!("containment/hostile.wat");

/// In the cases, `$request` is the request's handle, `$own` one of the principal that the rule owns,
/// 256 is room for results, and 1024 the start of a page that holds 64 KiB of `x`.
const CASES: [Case; 27] = [
    Case {
        name: "a handle that was never given out",
        does: "(call $get (i32.const 77) (i32.const 0) (i32.const 0) (i32.const 256))",
        fault: "rule_trap",
    },
    Case {
        name: "the number of the place of another document",
        does: "(call $drop-document (local.get $own)) (call $get (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 256))",
        fault: "rule_trap",
    },
    Case {
        name: "the largest handle",
        does: "(call $get (i32.const -1) (i32.const 0) (i32.const 0) (i32.const 256))",
        fault: "rule_trap",
    },
    Case {
        name: "the request taken for a document",
        does: "(call $get (local.get $request) (i32.const 0) (i32.const 0) (i32.const 256))",
        fault: "rule_trap",
    },
    Case {
        name: "a document taken for the request",
        does: "(call $principal (local.get $own) (i32.const 256))",
        fault: "rule_trap",
    },
    Case {
        name: "a handle after it was dropped",
        does: "(call $drop-document (local.get $own)) (call $get (local.get $own) (i32.const 0) (i32.const 0) (i32.const 256))",
        fault: "rule_trap",
    },
    Case {
        name: "a handle dropped twice",
        does: "(call $drop-document (local.get $own)) (call $drop-document (local.get $own))",
        fault: "rule_trap",
    },
    Case {
        name: "the request kept beyond the call",
        does: "(return (i32.const 16))",
        fault: "rule_trap",
    },
    Case {
        name: "the request dropped while it is asked",
        does: "(call $drop-request (local.get $request)) (call $principal (local.get $request) (i32.const 256))",
        fault: "rule_trap",
    },
    Case {
        name: "a text beyond the end of its memory",
        does: "(call $get (local.get $own) (i32.const 0x7fffffff) (i32.const 16) (i32.const 256))",
        fault: "rule_trap",
    },
    Case {
        name: "a text of a gigabyte",
        does: "(call $get (local.get $own) (i32.const 0) (i32.const 0x40000000) (i32.const 256))",
        fault: "rule_trap",
    },
    Case {
        name: "a text around the end of all numbers",
        does: "(call $get (local.get $own) (i32.const -16) (i32.const 32) (i32.const 256))",
        fault: "rule_trap",
    },
    Case {
        name: "a text that is no UTF-8",
        does: "(i32.store (i32.const 256) (i32.const 0xfffefdfc)) (call $get (local.get $own) (i32.const 256) (i32.const 4) (i32.const 512))",
        fault: "rule_trap",
    },
    Case {
        name: "an answer that is to be put beyond its memory",
        does: "(call $get (local.get $own) (i32.const 0) (i32.const 0) (i32.const 0x7ffffff0))",
        fault: "rule_trap",
    },
    Case {
        name: "a value of a kind that there is not",
        does: "(call $set (local.get $own) (i32.const 0) (i32.const 0) (i32.const 99) (i64.const 0) (i32.const 0) (i32.const 256))",
        fault: "rule_trap",
    },
    Case {
        name: "a list with more items than there are numbers",
        does: "(call $narrow (local.get $request) (i32.const 0) (i32.const 0) (i32.const 256) (i32.const -1) (i32.const 512))",
        fault: "rule_trap",
    },
    Case {
        name: "a list whose size is too large to be counted",
        does: "(call $narrow (local.get $request) (i32.const 0) (i32.const 0) (i32.const 256) (i32.const 0x20000001) (i32.const 512))",
        fault: "rule_trap",
    },
    Case {
        name: "one text told a thousand times over, to the gateway",
        does: "(call $narrow (local.get $request) (i32.const 0) (i32.const 0) (call $parameters (i32.const 1000)) (i32.const 1000) (i32.const 512))",
        fault: "rule_trap",
    },
    Case {
        name: "one text told a thousand times over, as a denial",
        does: "(call $drop-document (local.get $own)) (call $drop-request (local.get $request)) (return (call $deny-with (i32.const 1000)))",
        fault: "rule_trap",
    },
    Case {
        name: "a verdict that is neither yes nor no",
        does: "(call $drop-document (local.get $own)) (call $drop-request (local.get $request)) (i32.store (i32.const 256) (i32.const 7)) (return (i32.const 256))",
        fault: "rule_trap",
    },
    Case {
        name: "a verdict beyond its memory",
        does: "(call $drop-document (local.get $own)) (call $drop-request (local.get $request)) (return (i32.const -16))",
        fault: "rule_trap",
    },
    Case {
        name: "a verdict at an odd place",
        does: "(call $drop-document (local.get $own)) (call $drop-request (local.get $request)) (return (i32.const 257))",
        fault: "rule_trap",
    },
    Case {
        name: "no room for what the gateway answers",
        does: "(global.set $realloc (i32.const 1)) (call $text (local.get $own) (i32.const 256))",
        fault: "rule_trap",
    },
    Case {
        name: "a trap while the gateway answers",
        does: "(global.set $realloc (i32.const 2)) (call $text (local.get $own) (i32.const 256))",
        fault: "rule_trap",
    },
    Case {
        name: "a loop while the gateway answers",
        does: "(global.set $realloc (i32.const 3)) (call $text (local.get $own) (i32.const 256))",
        fault: "rule_cpu",
    },
    Case {
        name: "a question while the gateway answers",
        does: "(global.set $realloc (i32.const 4)) (call $text (local.get $own) (i32.const 256))",
        fault: "rule_trap",
    },
    Case {
        name: "a call of nothing",
        does: "(call_indirect (i32.const 0))",
        fault: "rule_trap",
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_rule_does_to_its_sandbox_refuses_its_own_request_alone() {
    let stage = Stage::with(|gateway| {
        let bytes = rules::assembled(&hostile());
        gateway
            .rule_of_bytes("hostile", &bytes, Table::new())
            .judged("posts", &["hostile"])
            .open("users")
    })
    .await;
    let alice = stage.log_in("alice").await;
    well(&alice).await;
    for (number, case) in CASES.iter().enumerate() {
        eprintln!("{}", case.name);
        stage.proxy.take();
        let call = alice.get(&record("posts", POST_OF_ALICE));
        let reply = call.header("x-case", &letter(number)).await;
        assert_eq!(reply.code(reply.status), case.fault, "{reply:?}");
        assert!(reply.status >= 500, "{reply:?}");
        let asked = stage.proxy.take();
        let asked = asked.iter().filter(|seen| seen.target.contains("/posts/"));
        assert_eq!(asked.count(), 0, "PocketBase was asked");
        well(&alice).await;
    }
}

#[tokio::test]
async fn a_denial_as_long_as_its_memory_is_cut() {
    let stage = Stage::with(|gateway| {
        let does = "(call $drop-document (local.get $own)) (call $drop-request (local.get $request)) (return (call $deny-at-length))";
        let bytes = rules::assembled(&MODULE.replace(";; CASES", does));
        gateway
            .rule_of_bytes("hostile", &bytes, Table::new())
            .judged("posts", &["hostile"])
            .open("users")
    })
    .await;
    let alice = stage.log_in("alice").await;
    let reply = alice.get(&record("posts", POST_OF_ALICE)).await;
    let refused = reply.refused(403);
    assert_eq!(refused["message"], Value::from("x".repeat(2_000)));
    assert!(reply.body.len() < 8_000, "{}", reply.body.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_rules_wait_for_pocketbase_others_go_on() {
    let stage = Stage::with(|gateway| {
        let entry = json!({ "deadline": "2s" });
        let entry = Table::try_from(entry).expect("an entry that TOML can say");
        gateway
            .rule_entry("stored_reader", "stored_reader", entry)
            .rule("allow_all")
            .judged("posts", &["stored_reader"])
            .judged("comments", &["allow_all"])
            .open("users")
    })
    .await;
    let alice = stage.log_in("alice").await;
    alice.get(&record("posts", POST_OF_ALICE)).await.expect(200);
    let held = stage.proxy.hold(POST_OF_ALICE);
    let waiting = (0..8).map(|_| {
        let call = alice.get(&record("posts", POST_OF_ALICE));
        tokio::spawn(call.into_future())
    });
    let waiting: Vec<_> = waiting.collect();
    stage.proxy.arrived(POST_OF_ALICE).await;
    for _ in 0..20 {
        alice.get(&records("comments")).await.expect(200);
    }
    for reply in join_all(waiting).await {
        let reply = reply.expect("no panic");
        assert_eq!(reply.code(reply.status), "rule_deadline", "{reply:?}");
    }
    drop(held);
    alice.get(&record("posts", POST_OF_ALICE)).await.expect(200);
}

/// A snapshot can't hold a table that grew, so such a rule is not loaded, or is if it is not frozen.
#[tokio::test]
async fn a_table_has_a_bound() {
    let pocketbase = PocketBase::start().await;
    let does = "(loop $more (drop (table.grow (ref.null func) (i32.const 1000))) (br $more))";
    let bytes = rules::assembled(&MODULE.replace(";; CASES", does));
    let setup = Setup::before(pocketbase.address())
        .rule_of_bytes("hostile", &bytes, Table::new())
        .judged("posts", &["hostile"])
        .open("users");
    match setup.try_start().await {
        Err(error) => assert!(error.contains("table.grow"), "{error}"),
        Ok(gateway) => {
            let token = pocketbase.client().log_in("alice").await.token().to_owned();
            let alice = gateway.client().with_token(token);
            let reply = alice.get(&record("posts", POST_OF_ALICE)).await;
            assert_eq!(reply.code(reply.status), "rule_memory", "{reply:?}");
        }
    }
}

/// A component with more parts than an instance may have is no rule.
#[tokio::test]
async fn a_component_of_more_parts_than_there_is_room_for_is_not_loaded() {
    let pocketbase = PocketBase::start().await;
    let memories = "(memory 1)".repeat(20);
    let tables = "(table 1 funcref)".repeat(100);
    let table = "(table 30000 funcref)".to_owned();
    let memory = "(memory 5000)".to_owned();
    for more in [memories, tables, table, memory] {
        let bytes = rules::assembled(&MODULE.replace(";; MORE", &more));
        let setup = Setup::before(pocketbase.address())
            .rule_of_bytes("hostile", &bytes, Table::new())
            .judged("posts", &["hostile"]);
        let error = setup.try_start().await.expect_err("it does not start");
        assert!(error.contains("hostile"), "{error}");
    }
}

/// All cases in one module: the header `x-case` says which it is to be.
fn hostile() -> String {
    let cases = CASES.iter().enumerate().map(|(number, case)| {
        let letter = u32::from(letter(number).as_bytes()[0]);
        let does = case.does;
        format!("(if (i32.eq (local.get $case) (i32.const {letter})) (then {does}))\n")
    });
    MODULE.replace(";; CASES", &cases.collect::<String>())
}

fn letter(number: usize) -> String {
    let letter = u8::try_from(number).expect("few cases") + b'A';
    char::from(letter).to_string()
}

/// Who asks for nothing bad is served.
async fn well(client: &Client) {
    client
        .get(&record("posts", POST_OF_ALICE))
        .await
        .expect(200);
}
