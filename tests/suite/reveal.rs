//! Fields that a rule hides and records that it drops, on every way out.

use hapta_tests::demo::{
    ALICE, COMMENT_OF_BOB, PASSWORD, POST_OF_ALICE, POST_OF_BOB, record, records,
};
use hapta_tests::{Client, Setup, Stage};
use serde_json::{Value, json};

#[tokio::test]
async fn a_hidden_field_is_in_no_answer_about_its_record() {
    let stage = Stage::with(hiding_the_note).await;
    let alice = stage.log_in("alice").await;
    let (posts, post) = (records("posts"), record("posts", POST_OF_ALICE));
    assert!(stage.direct().get(&post).await.expect(200)["secret_note"].is_string());
    let answers = [
        stage.guest().get(&posts).await.expect(200),
        stage.guest().get(&post).await.expect(200),
        alice
            .post(&posts)
            .json(&json!({ "title": "New", "secret_note": "x", "author": ALICE }))
            .await
            .expect(200),
        alice
            .patch(&post)
            .json(&json!({ "title": "Renamed" }))
            .await
            .expect(200),
        // PocketBase answers a write of nothing with the whole record.
        alice.patch(&post).await.expect(200),
        alice
            .get(&format!("{post}?fields=id,secret_note,title"))
            .await
            .expect(200),
    ];
    for answer in answers {
        assert!(answer.to_string().contains("title"), "{answer}");
        assert!(!answer.to_string().contains("secret_note"), "{answer}");
    }
}

#[tokio::test]
async fn a_hidden_field_is_hidden_in_every_expand() {
    let stage = Stage::with(hiding_the_note).await;
    let expands = [
        format!("{}?expand=post", records("comments")),
        format!("{}?expand=post", record("comments", COMMENT_OF_BOB)),
        format!(
            "{}?expand=post.comments_via_post.post",
            record("comments", COMMENT_OF_BOB)
        ),
        format!(
            "{}?expand=posts_via_author.comments_via_post.post",
            record("users", ALICE)
        ),
    ];
    for target in expands {
        let direct = stage.direct().get(&target).await.expect(200).to_string();
        assert!(
            direct.contains("secret_note") && direct.contains("Hello from alice"),
            "{target}"
        );
        let through = stage.guest().get(&target).await.expect(200).to_string();
        assert!(through.contains("Hello from alice"), "{target}");
        assert!(!through.contains("secret_note"), "{target}: {through}");
    }
}

#[tokio::test]
async fn a_hidden_field_is_hidden_in_what_a_login_answers() {
    let stage = Stage::with(|gateway| {
        gateway
            .rule_with("hide_field", &json!({ "fields": ["bio", "secret_note"] }))
            .judged("users", &["hide_field"])
            .judged("posts", &["hide_field"])
    })
    .await;
    let alice = stage.log_in("alice").await;
    let login = "/api/collections/users/auth-with-password?expand=posts_via_author";
    let credentials = json!({ "identity": "alice@example.com", "password": PASSWORD });
    let answers = [
        stage
            .guest()
            .post(login)
            .json(&credentials)
            .await
            .expect(200),
        alice
            .post("/api/collections/users/auth-refresh")
            .await
            .expect(200),
    ];
    for answer in answers {
        assert_eq!(answer["record"]["name"], "alice");
        assert!(answer["token"].is_string());
        let text = answer.to_string();
        assert!(
            !text.contains("bio") && !text.contains("secret_note"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn what_is_hidden_cannot_be_asked_about() {
    let stage = Stage::with(hiding_the_note).await;
    let posts = records("posts");
    for query in [
        "filter=secret_note~'alice'",
        "filter=id!=''%26%26secret_note!=''",
        "sort=secret_note",
        "sort=-secret_note",
    ] {
        let target = format!("{posts}?{query}");
        stage.direct().get(&target).await.expect(200);
        let reply = stage.guest().get(&target).await;
        assert!([400, 403].contains(&reply.status), "{query}: {reply:?}");
    }
    // By way of a relation it is the same question.
    let target = format!("{}?filter=post.secret_note~'alice'", records("comments"));
    stage.direct().get(&target).await.expect(200);
    let reply = stage.guest().get(&target).await;
    assert!([400, 403].contains(&reply.status), "{reply:?}");
}

#[tokio::test]
async fn a_field_that_is_not_declared_cannot_be_taken_out() {
    for by in ["remove", "set"] {
        let rule = |gateway: Setup| {
            gateway
                .rule_with("hide_undeclared", &json!({ "by": by }))
                .judged("posts", &["hide_undeclared"])
        };
        let stage = Stage::with(rule).await;
        let reply = stage.guest().get(&record("posts", POST_OF_ALICE)).await;
        assert!(reply.status == 403 || reply.status >= 500, "{reply:?}");
        reply.refused(reply.status);
    }
}

#[tokio::test]
async fn a_list_stays_whole_when_records_are_dropped() {
    let stage = Stage::with(dropping_drafts).await;
    let superuser = stage.pocketbase.superuser().await;
    for number in 0..40 {
        let status = if number % 3 == 0 {
            "published"
        } else {
            "draft"
        };
        let post = json!({ "title": format!("Post {number}"), "status": status });
        superuser
            .post(&records("posts"))
            .json(&post)
            .await
            .expect(200);
    }
    let published = format!(
        "{}?filter=status='published'&sort=id&perPage=500",
        records("posts")
    );
    let expected = ids(&superuser.get(&published).await.expect(200));
    for per_page in [1, 4, 7, 100] {
        assert_eq!(
            full_list(&stage.guest(), per_page).await,
            expected,
            "by {per_page}"
        );
    }
}

#[tokio::test]
async fn a_list_under_a_rule_that_may_drop_has_no_totals() {
    let stage = Stage::with(dropping_drafts).await;
    // Here nothing is dropped; that must not show.
    for query in [
        "perPage=2&filter=status='published'",
        "perPage=2",
        "perPage=2&skipTotal=1",
    ] {
        let list = stage
            .guest()
            .get(&format!("{}?{query}", records("posts")))
            .await
            .expect(200);
        assert_eq!(
            (&list["totalItems"], &list["totalPages"]),
            (&json!(-1), &json!(-1)),
            "{query}"
        );
        assert_eq!(
            (&list["perPage"], &list["page"]),
            (&json!(2), &json!(1)),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_dropped_record_cannot_be_viewed_or_expanded() {
    let stage = Stage::with(|gateway| {
        let settings = json!({ "field": "title", "value": "Hello from alice" });
        gateway
            .rule_with("drop_records", &settings)
            .judged("posts", &["drop_records"])
            .open("comments")
    })
    .await;
    let refused = stage
        .guest()
        .get(&record("posts", POST_OF_ALICE))
        .await
        .refused(404);
    assert_eq!(refused["message"], "There is no such record.");
    let comment = stage
        .guest()
        .get(&format!(
            "{}?expand=post",
            record("comments", COMMENT_OF_BOB)
        ))
        .await
        .expect(200);
    assert!(comment["expand"].get("post").is_none(), "{comment}");
    assert!(!comment.to_string().contains("Hello from alice"));
}

#[tokio::test]
async fn a_drop_that_was_not_declared_refuses_the_list() {
    let settings = json!({ "field": "status", "value": "draft", "declare": false });
    let stage = Stage::with(|gateway| {
        gateway
            .rule_with("drop_records", &settings)
            .judged("posts", &["drop_records"])
    })
    .await;
    let reply = stage.guest().get(&records("posts")).await;
    assert!(reply.status == 403 || reply.status >= 500, "{reply:?}");
}

#[tokio::test]
async fn a_denial_after_a_write_says_that_it_was_written() {
    let stage = Stage::with(|gateway| {
        gateway
            .rule("after_denier")
            .judged("posts", &["after_denier"])
    })
    .await;
    let alice = stage.log_in("alice").await;
    let reply = alice
        .post(&records("posts"))
        .json(&json!({ "title": "Kept", "content": "unseen" }))
        .await;
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    let newest = format!("{}?sort=-created&perPage=1", records("posts"));
    let written = stage.direct().get(&newest).await.expect(200)["items"][0].clone();
    assert_eq!(written["title"], "Kept");
    assert!(
        text.contains(written["id"].as_str().expect("an id")),
        "{reply:?}"
    );
    assert!(
        !text.contains("Kept") && !text.contains("unseen"),
        "{reply:?}"
    );
}

#[tokio::test]
async fn a_login_that_is_denied_afterwards_hands_out_no_token() {
    let stage = Stage::with(|gateway| {
        gateway
            .rule("after_denier")
            .judged("users", &["after_denier"])
    })
    .await;
    let reply = stage
        .guest()
        .authenticate("users", "alice@example.com")
        .await;
    assert_eq!(
        reply.refused(403)["message"],
        "An answer with status 200 is denied."
    );
    assert!(!String::from_utf8_lossy(&reply.body).contains("token"));
}

#[tokio::test]
async fn a_delete_has_nothing_to_reveal() {
    let stage = Stage::with(hiding_the_note).await;
    let bob = stage.log_in("bob").await;
    assert_eq!(bob.delete(&record("posts", POST_OF_BOB)).await.status, 204);
}

fn hiding_the_note(gateway: Setup) -> Setup {
    let settings = json!({ "collection": "posts", "fields": ["secret_note"] });
    let gateway = gateway
        .rule_with("hide_field", &settings)
        .judged("posts", &["hide_field"]);
    // These two know nothing of the rule: a record is judged by its own collection.
    gateway.open("users").open("comments")
}

fn dropping_drafts(gateway: Setup) -> Setup {
    let settings = json!({ "field": "status", "value": "draft" });
    gateway
        .rule_with("drop_records", &settings)
        .judged("posts", &["drop_records"])
}

/// What the SDK's `getFullList` does: pages until one is not full.
async fn full_list(client: &Client, per_page: usize) -> Vec<String> {
    let mut all = Vec::new();
    for page in 1.. {
        let target = format!(
            "{}?page={page}&perPage={per_page}&skipTotal=1&sort=id",
            records("posts")
        );
        let list = client.get(&target).await.expect(200);
        assert_eq!(list["perPage"], per_page);
        let page = ids(&list);
        all.extend_from_slice(&page);
        if page.len() < per_page {
            break;
        }
    }
    all
}

fn ids(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().expect("a list");
    items
        .iter()
        .map(|item| item["id"].as_str().expect("an id").to_owned())
        .collect()
}
