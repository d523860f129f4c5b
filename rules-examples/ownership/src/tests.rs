//! What the rule lets pass and what it doesn't.

use hapta_rule::testing::{Json, TestRequest, TestRule, json_of, record};
use hapta_rule::{Fault, Hook, Manifest, Operation, Upload, json};

use crate::Ownership;

/// The rule as in the README.
fn rule() -> TestRule<Ownership> {
    TestRule::configure(json!({})).unwrap()
}

fn ada(request: TestRequest) -> TestRequest {
    request.by("users", json!({"id": "ada"}))
}

/// The fields that the denial names.
#[track_caller]
fn denied(rule: &TestRule<Ownership>, request: &TestRequest) -> Vec<String> {
    let denial = rule.before(request).unwrap_err();
    assert_eq!(
        (denial.status, denial.code.as_str()),
        (403, "ownership_required")
    );
    denial.fields.into_iter().map(|one| one.field).collect()
}

fn post(request: TestRequest, author: &str) -> TestRequest {
    request.with_stored(json!({"id": "p1", "author": author}))
}

#[test]
fn a_post_is_changed_and_deleted_by_its_author_only() {
    let update = || TestRequest::update("posts", "p1").with_body(json!({"title": "New"}));
    let delete = || TestRequest::delete("posts", "p1");
    assert!(rule().before(&ada(post(update(), "ada"))).is_ok());
    assert!(rule().before(&ada(post(delete(), "ada"))).is_ok());
    for request in [
        ada(post(update(), "bob")),
        ada(post(delete(), "bob")),
        post(update(), "ada"),
        post(delete(), ""),
        ada(update()),
        ada(TestRequest::update("posts", "ada")),
        // The same id, but of another kind of login.
        post(update(), "ada").by("clients", json!({"id": "ada"})),
        post(update(), "ada").by_superuser(),
    ] {
        assert!(denied(&rule(), &request).is_empty());
    }
}

#[test]
fn a_post_can_not_be_passed_off_as_somebody_elses() {
    let rule = TestRule::<Ownership>::configure(json!({"creators_are_owners": true})).unwrap();
    for body in [
        json!({"author": "bob"}),
        json!({"author": ["ada"]}),
        json!({"author+": "ada"}),
        json!({"author": "ada", "author+": "bob"}),
        json!({"author": "ada", "+author": "bob"}),
        json!({"author": "ada", "author-": "ada"}),
        json!({"author": "ada", "author:autogenerate": "bob"}),
    ] {
        let update = TestRequest::update("posts", "p1").with_body(body.clone());
        assert_eq!(
            denied(&rule, &ada(post(update, "ada"))),
            ["author"],
            "{body}"
        );
        let create = TestRequest::create("posts").with_body(body.clone());
        assert_eq!(denied(&rule, &ada(create)), ["author"], "{body}");
    }
    // A form that sends all that it got.
    let body = json!({"title": "New", "author": "ada", "coauthor": "bob"});
    let update = TestRequest::update("posts", "p1").with_body(body);
    assert!(rule.before(&ada(post(update, "ada"))).is_ok());
}

#[test]
fn the_owner_field_may_be_another() {
    let rule = TestRule::<Ownership>::configure(json!({"owner_field": "user"})).unwrap();
    let request = |user: &str| {
        let stored = json!({"author": "ada", "user": user});
        ada(TestRequest::delete("posts", "p1").with_stored(stored))
    };
    assert!(rule.before(&request("ada")).is_ok());
    assert!(denied(&rule, &request("bob")).is_empty());
}

#[test]
fn of_ones_own_record_the_protected_fields_stay() {
    #[track_caller]
    fn check(body: Json, expected: &[&str]) {
        let request = ada(TestRequest::update("users", "ada").with_body(body));
        if expected.is_empty() {
            assert_eq!(rule().before(&request), Ok(()));
        } else {
            assert_eq!(denied(&rule(), &request), expected);
        }
    }
    check(json!({"bio": "Hello", "avatar": ""}), &[]);
    check(json!({"bio": "Hello", "postr_plus": true}), &["postr_plus"]);
    check(json!({"validVerified": null}), &["validVerified"]);
    check(
        json!({"postr_subscriber_since": ""}),
        &["postr_subscriber_since"],
    );
    for key in ["followers", "followers+", "+followers", "followers-"] {
        check(json!({key: "bob"}), &["followers"]);
    }
}

#[test]
fn a_file_changes_its_field_too() {
    let upload = Upload {
        field: "followers".to_owned(),
        name: "a.png".to_owned(),
        size: 1,
        media_type: "image/png".to_owned(),
    };
    let request = ada(TestRequest::update("users", "ada").with_upload(upload));
    assert_eq!(denied(&rule(), &request), ["followers"]);
}

#[test]
fn anothers_record_is_not_ones_own() {
    let bio = json!({"bio": "Hello"});
    let update = TestRequest::update("users", "bob").with_body(bio.clone());
    assert!(denied(&rule(), &ada(update)).is_empty());
    assert!(denied(&rule(), &ada(TestRequest::delete("users", "bob"))).is_empty());
    assert!(denied(&rule(), &TestRequest::update("users", "bob").with_body(bio)).is_empty());
    assert!(
        rule()
            .before(&ada(TestRequest::delete("users", "ada")))
            .is_ok()
    );
}

#[test]
fn others_may_change_the_listed_fields_where_that_is_set() {
    let rule = TestRule::<Ownership>::configure(json!({"others_may_update": true})).unwrap();
    let request = |body| TestRequest::update("users", "bob").with_body(body);
    assert!(
        rule.before(&ada(request(json!({"following+": "ada"}))))
            .is_ok()
    );
    assert_eq!(
        denied(&rule, &ada(request(json!({"followers+": "ada"})))),
        ["followers"]
    );
    assert!(
        denied(&rule, &request(json!({"bio": "x"}))).is_empty(),
        "a guest"
    );
    let own = ada(TestRequest::update("users", "ada").with_body(json!({"postr_plus": true})));
    assert_eq!(denied(&rule, &own), ["postr_plus"], "of one's own");
    assert!(denied(&rule, &ada(TestRequest::delete("users", "bob"))).is_empty());
}

#[test]
fn creators_must_be_owners_where_that_is_set() {
    let create = |body| ada(TestRequest::create("posts").with_body(body));
    assert!(rule().before(&create(json!({"author": "bob"}))).is_ok());
    let rule = TestRule::<Ownership>::configure(json!({"creators_are_owners": true})).unwrap();
    assert!(rule.before(&create(json!({"author": "ada"}))).is_ok());
    assert_eq!(denied(&rule, &create(json!({"author": "bob"}))), ["author"]);
    assert_eq!(denied(&rule, &create(json!({}))), ["author"]);
    let sign_up = |body| TestRequest::create("users").with_body(body);
    assert!(rule.before(&sign_up(json!({"username": "bob"}))).is_ok());
    assert_eq!(
        denied(&rule, &sign_up(json!({"postr_plus": true}))),
        ["postr_plus"]
    );
}

#[test]
fn a_stored_record_out_of_reach_denies() {
    let request = TestRequest::delete("posts", "p1").with_stored_fault(Fault::Upstream);
    assert_eq!(rule().before(&ada(request)).unwrap_err().status, 424);
}

#[test]
fn what_is_hidden_is_seen_by_its_owner_only() {
    let settings = json!({"hide": ["postr_subscriber_since"]});
    let rule = TestRule::<Ownership>::configure(settings).unwrap();
    let hidden = |request: &TestRequest, record| {
        rule.reveal(request, &record).unwrap();
        json_of(&record).get("postr_subscriber_since").is_none()
    };
    let user = |id| record("users", json!({"id": id, "postr_subscriber_since": 1}));
    let post = |author| {
        record(
            "posts",
            json!({"author": author, "postr_subscriber_since": 1}),
        )
    };
    let request = ada(TestRequest::list("users"));
    assert!(!hidden(&request, user("ada")));
    assert!(hidden(&request, user("bob")));
    assert!(!hidden(&request, post("ada")));
    assert!(hidden(&request, post("bob")));
    let guest = TestRequest::list("users");
    assert!(hidden(&guest, user("ada")));
    assert!(hidden(
        &guest,
        record("posts", json!({"postr_subscriber_since": 1}))
    ));
}

#[test]
fn the_manifest_names_what_the_settings_ask_for() {
    let operations = [Operation::Update, Operation::Delete];
    let plain = Manifest::hooks([Hook::Before])
        .operations(operations)
        .denials(["ownership_required"]);
    assert_eq!(*rule().manifest(), plain);
    let rule = TestRule::<Ownership>::configure(json!({"hide": ["email"]})).unwrap();
    let hiding = Manifest::hooks([Hook::Before, Hook::Reveal])
        .operations(operations)
        .denials(["ownership_required"])
        .removes_anywhere("email");
    assert_eq!(*rule.manifest(), hiding);
}

#[test]
fn wrong_settings_are_named() {
    #[track_caller]
    fn check(settings: Json, expected: &str) {
        let error = TestRule::<Ownership>::configure(settings).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    }
    check(json!({"owner": "author"}), "setting `owner`: unknown field");
    check(
        json!({"owner_field": 1}),
        "setting `owner_field`: invalid type",
    );
    check(
        json!({"owner_field": ""}),
        "setting `owner_field`: \"\" is no name",
    );
    check(
        json!({"hide": ["a/b"]}),
        "setting `hide`: \"a/b\" is no name",
    );
    check(json!({"hide": ["id"]}), "setting `hide`: id must stay");
}
