//! The README's rule, and the test that it shows for it.

use hapta_rule::testing::{TestRequest, TestRule};
use hapta_rule::{Denial, Hook, Manifest, NoSettings, Request, Rule, SettingsError, Verdict, json};

struct OwnPosts;

impl Rule for OwnPosts {
    type Settings = NoSettings;

    fn configure(_: NoSettings) -> Result<Self, SettingsError> {
        Ok(Self)
    }

    fn manifest(&self) -> Manifest {
        Manifest::hooks([Hook::Before]).collections(["posts"])
    }

    fn before(&self, request: &Request) -> Verdict {
        if !request.operation().is_write() || request.record_id().is_none() {
            return Ok(());
        }
        let author = request.stored()?.and_then(|post| post.str("/author"));
        // Ids are told apart within one collection only.
        let who = request
            .principal()
            .filter(|it| it.str("/collectionName").as_deref() == Some("users"));
        let me = who.and_then(|it| it.str("/id"));
        if me.is_none() || author != me {
            return Err(Denial::forbidden(
                "not_yours",
                "It is somebody else's post.",
            ));
        }
        Ok(())
    }
}

hapta_rule::export!(OwnPosts);

#[test]
fn a_post_is_changed_by_its_author_only() {
    let rule = TestRule::<OwnPosts>::configure(json!({})).unwrap();
    let request = TestRequest::update("posts", "p1")
        .with_stored(json!({"id": "p1", "author": "ada"}))
        .with_body(json!({"title": "New"}));

    assert_eq!(rule.before(&request).unwrap_err().code, "not_yours");
    let request = request.by("users", json!({"id": "ada"}));
    assert!(rule.before(&request).is_ok());
}

#[test]
fn the_readme_shows_what_is_tested_here() {
    let (_, shown) = include_str!("readme.rs")
        .split_once("struct OwnPosts;")
        .unwrap();
    let (rule, rest) = shown.split_once("#[test]").unwrap();
    let (test, _) = rest.split_once("\n}\n").unwrap();
    let readme = include_str!("../README.md");
    assert!(readme.contains(rule.trim_end()), "not this rule");
    assert!(readme.contains(test), "not this test");
}
