//! Lines for people, by example.

use super::*;
use crate::telemetry::{Ended, Note, RuleCost};

fn cost(rule: &str) -> RuleCost {
    RuleCost {
        rule: rule.to_owned(),
        calls: 1,
        time_ns: 42_000,
        host_calls: 3,
        memory_bytes: 0,
    }
}

fn update() -> Decision {
    Decision {
        time: "2026-01-02T03:04:05.678Z".to_owned(),
        request_id: "1-0".to_owned(),
        method: "PATCH".to_owned(),
        operation: "update",
        collection: Some("posts".to_owned()),
        record: Some("p1".to_owned()),
        principal: Some("users/ada".to_owned()),
        status: 200,
        rules: vec![cost("own-posts")],
        duration_us: 2_345,
        ..Decision::default()
    }
}

/// Without its colours, which are for terminals.
#[track_caller]
fn check(decision: Decision, changes: Changes, log: Vec<Said>, expected: &str) {
    let ended = Ended { decision, changes };
    let told = of(&News::Request(Box::new(Request { ended, log })));
    assert_eq!(anstream::adapter::strip_str(&told).to_string(), expected);
}

#[test]
fn what_was_allowed_is_one_line() {
    check(
        update(),
        Changes::default(),
        Vec::new(),
        "03:04:05.678  update posts/p1  users/ada  allow by own-posts  200  2.3 ms, rules 42 µs",
    );
}

#[test]
fn a_denial_names_its_code_and_its_rule_and_what_was_noted_is_below() {
    let decision = Decision {
        status: 403,
        verdict: Verdict::Denied,
        rule: Some("own-posts".to_owned()),
        code: Some("not_yours".to_owned()),
        cause: Some("rule \"own-posts\" denied it: not_yours".to_owned()),
        principal: None,
        rules: vec![cost("first"), cost("own-posts")],
        notes: vec![Note {
            key: "why".to_owned(),
            value: "\u{1b}[2J".to_owned(),
        }],
        ..update()
    };
    let changes = Changes {
        edited: vec!["title".to_owned()],
        narrowed: Some("author = \"ada\"".to_owned()),
        hidden: vec!["email".to_owned()],
        dropped: 2,
    };
    let said = Said {
        rule: "own-posts".to_owned(),
        request: "1-0".to_owned(),
        level: "error",
        message: "TypeError: no\n  at before".to_owned(),
    };
    let expected = "\
03:04:05.678  update posts/p1  guest  deny not_yours by own-posts, allowed by first  403  2.3 ms, rules 84 µs
    edited title
    narrowed to author = \"ada\"
    hid or changed email
    left out 2 records
    note why: \\u{1b}[2J
    own-posts error  TypeError: no
          at before";
    check(decision, changes, vec![said], expected);
}

#[test]
fn what_is_no_request_of_pocketbases_is_told_by_its_path_and_cause() {
    let decision = Decision {
        path: Some("/api/nothing".to_owned()),
        operation: "none",
        status: 404,
        verdict: Verdict::Refused,
        code: Some("route".to_owned()),
        cause: Some("there is no such route".to_owned()),
        rules: Vec::new(),
        ..update()
    };
    check(
        decision,
        Changes::default(),
        Vec::new(),
        "03:04:05.678  PATCH /api/nothing  users/ada  refused route  404  2.3 ms, rules 0 µs\n    there is no such route",
    );
}
