//! What stands in for the gateway in tests behaves as the contract says that the gateway does.
#![allow(clippy::unwrap_used, reason = "a test")]

use hapta_rule::testing::{Narrowed, TestRequest, TestRule, json_of, record, response};
use hapta_rule::{
    Denial, Document, EditError, Fault, Hook, Level, Manifest, NoSettings, Operation, Request,
    Response, Rule, SettingsError, Upload, Value, Verdict, json,
};

/// Does in each hook what the request's header `do` says.
struct Obedient;

impl Rule for Obedient {
    type Settings = NoSettings;

    fn configure(_: NoSettings) -> Result<Self, SettingsError> {
        Ok(Self)
    }

    fn manifest(&self) -> Manifest {
        Manifest::hooks([Hook::Before, Hook::Reveal, Hook::After])
            .operations([
                Operation::List,
                Operation::Subscribe,
                Operation::Create,
                Operation::Update,
            ])
            .collections(["posts"])
            .removes("posts", "secret")
    }

    fn before(&self, request: &Request) -> Verdict {
        match request.header("do").as_deref() {
            Some("deny") => return Err(Denial::forbidden("denied", "No.")),
            Some("edit") => request.body().unwrap().set("/title", "edited")?,
            Some("narrow") => {
                request.narrow("author = {:me}", [("me", request.principal_id())])?;
            }
            Some("narrow unbound") => request.narrow("author = {:me}", [("you", true)])?,
            _ => request.note("seen", "before"),
        }
        Ok(())
    }

    fn reveal(&self, request: &Request, record: &Document) -> Verdict {
        match request.header("do").as_deref() {
            Some("deny") => return Err(Denial::not_found("denied", "No.")),
            Some("edit") => request.body().unwrap().set("/title", "edited")?,
            Some("take more") => record.remove("/title")?,
            _ => record.remove("/secret")?,
        }
        Ok(())
    }

    fn after(&self, _request: &Request, response: &Response) -> Verdict {
        response.body().unwrap().set("/seen", response.status())?;
        Ok(())
    }
}

fn rule() -> TestRule<Obedient> {
    TestRule::configure(json!({})).unwrap()
}

fn told(what: &str) -> TestRequest {
    TestRequest::update("posts", "p1")
        .with_header("Do", what)
        .with_body(json!({"title": "old"}))
}

#[test]
fn before_may_edit_and_later_hooks_may_not() {
    let request = told("edit");
    rule().before(&request).unwrap();
    assert_eq!(request.body().unwrap().str("/title").unwrap(), "edited");
    let post = record("posts", json!({}));
    assert_eq!(
        rule().reveal(&request, &post).unwrap_err().code,
        "rule_fault"
    );
}

#[test]
fn a_rule_is_called_only_for_what_its_manifest_names() {
    let denied = |request: TestRequest| rule().before(&request.with_header("do", "deny")).is_err();
    assert!(denied(TestRequest::create("posts")));
    assert!(!denied(TestRequest::view("posts", "p1")), "operation");
    assert!(!denied(TestRequest::create("users")), "collection");
    let user = record("users", json!({"secret": 1}));
    rule().reveal(&TestRequest::list("posts"), &user).unwrap();
    assert!(
        user.has("/secret"),
        "a record is routed by its own collection"
    );
}

#[test]
fn a_list_is_narrowed_with_bound_values() {
    let request = TestRequest::list("posts")
        .with_header("do", "narrow")
        .by("users", json!({"id": "ada"}));
    rule().before(&request).unwrap();
    let narrowed = Narrowed {
        filter: "author = {:me}".to_owned(),
        parameters: vec![("me".to_owned(), Value::from("ada"))],
    };
    assert_eq!(request.narrowed(), [narrowed]);

    let request = TestRequest::new(Operation::Subscribe, "posts").with_header("do", "narrow");
    rule().before(&request).unwrap();
    assert_eq!(request.narrowed().len(), 1);

    let request = TestRequest::list("posts").with_header("do", "narrow unbound");
    assert_eq!(rule().before(&request).unwrap_err().code, "rule_fault");
    assert_eq!(
        rule().before(&told("narrow")).unwrap_err().code,
        "rule_fault"
    );
}

#[test]
fn notes_are_kept() {
    let request = told("nothing");
    rule().before(&request).unwrap();
    assert_eq!(request.notes(), [("seen".to_owned(), "before".to_owned())]);
}

#[test]
fn declared_fields_may_be_taken_out() {
    let post = record("posts", json!({"title": "One", "secret": 1}));
    rule().reveal(&TestRequest::list("posts"), &post).unwrap();
    assert_eq!(
        json_of(&post),
        json!({"collectionName": "posts", "title": "One"})
    );
}

#[test]
#[should_panic(expected = "`title` was touched")]
fn touching_an_undeclared_field_is_a_fault() {
    let post = record("posts", json!({"title": "One"}));
    let _fault = rule().reveal(&told("take more"), &post);
}

#[test]
#[should_panic(expected = "a record of a list was denied")]
fn dropping_undeclared_is_a_fault() {
    let request = TestRequest::list("posts").with_header("do", "deny");
    let _fault = rule().reveal(&request, &record("posts", json!({})));
}

#[test]
fn one_record_may_be_denied_without_a_word_in_the_manifest() {
    let denial = rule().reveal(&told("deny"), &record("posts", json!({})));
    assert_eq!(denial.unwrap_err().status, 404);
}

#[test]
fn an_answer_may_be_edited() {
    let answer = response(200, json!({"id": "p1"}));
    rule().after(&told("nothing"), &answer).unwrap();
    let body = answer.body().unwrap();
    assert_eq!(json_of(&body), json!({"id": "p1", "seen": 200}));
}

#[test]
fn modifiers_and_files_count_as_changes() {
    let upload = Upload {
        field: "photos+".to_owned(),
        name: "a.png".to_owned(),
        size: 10,
        media_type: "image/png".to_owned(),
    };
    let request = TestRequest::update("posts", "p1")
        .with_body(json!({"+votes": 1, "votes-": 1, "title": "x"}))
        .with_upload(upload);
    let mut changes = request.changes();
    changes.sort();
    assert_eq!(changes, ["photos", "title", "votes"]);
    assert!(TestRequest::delete("posts", "p1").changes().is_empty());
}

#[test]
fn what_a_rule_is_told_is_what_was_built() {
    let request = TestRequest::view("posts", "p1")
        .by("users", json!({"id": "ada", "tokenKey": "secret"}))
        .by_superuser()
        .from_ip("192.0.2.1")
        .with_header("Authorization", "secret")
        .with_query("expand", "author")
        .at(5)
        .in_batch(2)
        .with_stored(json!({"id": "p1"}));
    let principal = request.principal().unwrap();
    assert_eq!(principal.str("/tokenKey").unwrap(), "[masked]");
    assert_eq!(principal.set("/id", "bob"), Err(EditError::ReadOnly));
    assert!(request.is_superuser());
    assert_eq!(request.client_ip(), "192.0.2.1");
    assert_eq!(request.header("authorization"), None);
    assert_eq!(request.query("expand").unwrap(), "author");
    assert_eq!((request.time(), request.batch_index()), (5, Some(2)));
    let stored = request.stored().unwrap().unwrap();
    assert_eq!(stored.remove("/id"), Err(EditError::ReadOnly));
}

#[test]
fn stored_records_can_be_missing_or_out_of_reach() {
    let none = TestRequest::update("posts", "p1")
        .stored()
        .map(|one| one.is_some());
    assert_eq!(none, Ok(false));
    let fault = TestRequest::list("posts").stored().map(|one| one.is_some());
    assert_eq!(fault, Err(Fault::NotHere));
    let request = TestRequest::update("posts", "p1").with_stored_fault(Fault::Upstream);
    assert_eq!(
        request.stored().map(|one| one.is_some()),
        Err(Fault::Upstream)
    );
}

#[test]
fn values_are_read_as_types_of_ones_own() {
    let post = record(
        "posts",
        json!({"tags": ["a", "b"], "votes": 3, "done": true}),
    );
    assert_eq!(post.to::<Vec<String>>("/tags").unwrap(), ["a", "b"]);
    assert_eq!(post.to::<u8>("/votes").unwrap(), 3);
    assert_eq!(post.to::<Option<u8>>("/nothing").unwrap(), None);
    let error = Denial::from(post.to::<u8>("/tags").unwrap_err());
    assert_eq!(
        (error.status, error.code.as_str()),
        (400, "unexpected_shape")
    );
    assert_eq!(
        (post.number("/votes"), post.bool("/done")),
        (Some(3.0), Some(true))
    );
    assert_eq!((post.str("/votes"), post.length("/tags")), (None, Some(2)));
}

#[test]
fn unknown_settings_are_refused() {
    let error = TestRule::<Obedient>::configure(json!({"owner": 1})).unwrap_err();
    assert_eq!(error.to_string(), "setting `owner`: unknown");
}

#[test]
fn other_records_are_those_that_the_test_has() {
    let request = TestRequest::list("posts")
        .by("users", json!({"id": "ada"}))
        .with_record("teams", json!({"id": "t1", "name": "One"}))
        .finding("memberships", "user = {:me}", [json!({"role": "editor"})]);
    let teams = request.records();
    assert_eq!(
        json_of(&teams.get("teams", "t1").unwrap().unwrap())["name"],
        "One"
    );
    assert!(teams.get("teams", "t2").unwrap().is_none());
    let mine = || [("me", request.principal_id())];
    let found = request
        .records()
        .first("memberships", "user = {:me}", mine());
    assert_eq!(found.unwrap().unwrap().str("/role").unwrap(), "editor");
    let count = request
        .records()
        .count("memberships", "user = {:me}", mine());
    assert_eq!(count, Ok(1));
    // What is found cannot be edited, and nothing is found by chance.
    let found = teams.get("teams", "t1").unwrap().unwrap();
    assert_eq!(found.set("/name", "Two"), Err(EditError::ReadOnly));
    let unsaid = request
        .records()
        .first("memberships", "user != {:me}", mine());
    assert!(matches!(unsaid, Err(Fault::NotGranted(_))));
    let unbound = request
        .records()
        .count("memberships", "user = {:me}", [("you", true)]);
    assert_eq!(unbound, Err(Fault::BadFilter("me has no value".to_owned())));
}

#[test]
fn what_is_pocketbases_own_is_not_read_as_the_gateway() {
    let request = TestRequest::list("posts").with_record("_superusers", json!({"id": "s1"}));
    let read = request.records_as_gateway().get("_superusers", "s1");
    assert!(matches!(read, Err(Fault::NotGranted(_))));
    assert_eq!(Denial::from(read.unwrap_err()).code, "rule_fault");
}

#[test]
fn counters_add_up_and_lines_are_kept() {
    let request = TestRequest::create("posts").with_counter("posts:ada", 9);
    let day = std::time::Duration::from_secs(86_400);
    assert_eq!(request.add("posts:ada", 1, day), Ok(10));
    assert_eq!(request.counter("posts:ada"), Some(10));
    assert_eq!(request.counter("posts:bob"), None);
    let never = request.add("posts:ada", 1, std::time::Duration::from_millis(10));
    assert!(matches!(never, Err(Fault::NotGranted(_))));
    request.log(Level::Warn, "ten a day");
    assert_eq!(request.lines(), [(Level::Warn, "ten a day".to_owned())]);
}
