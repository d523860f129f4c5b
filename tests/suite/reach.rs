//! How far filter, sort and expand reach, and what an answer may gather.
//!
//! Each test first sees PocketBase itself do it.

use hapta_tests::demo::{ALICE, BOB, POST_OF_ALICE, POSTS, record, records};
use hapta_tests::{Client, Setup, Stage};
use serde_json::{Value, json};

#[tokio::test]
async fn a_hidden_relation_is_not_expanded() {
    let stage = Stage::open().await;
    let superuser = stage.pocketbase.superuser().await;
    add_field(
        &superuser,
        "posts",
        json!({ "name": "reviewer", "type": "relation", "hidden": true, "maxSelect": 1, "collectionId": "_pb_users_auth_" }),
    )
    .await;
    let post = record("posts", POST_OF_ALICE);
    superuser
        .patch(&post)
        .json(&json!({ "reviewer": BOB }))
        .await
        .expect(200);
    let target = format!("{post}?expand=reviewer");
    let direct = stage.direct().get(&target).await.expect(200);
    assert_eq!(direct["reviewer"], Value::Null);
    assert_eq!(direct["expand"]["reviewer"]["id"], BOB);
    assert_eq!(stage.guest().get(&target).await.code(400), "unknown_path");
}

#[tokio::test]
async fn an_expand_has_one_spelling() {
    let stage = Stage::open().await;
    let comments = {
        let superuser = stage.pocketbase.superuser().await;
        let comments = superuser.get("/api/collections/comments").await.expect(200);
        comments["id"].as_str().expect("an id").to_owned()
    };
    let post = record("posts", POST_OF_ALICE);
    for (expand, refused) in [
        ("comments_via_post".to_owned(), false),
        (format!("{comments}_via_post"), false),
        ("COMMENTS_via_post".to_owned(), false),
        ("author.".to_owned(), true),
        ("a%20u%20t%20h%20o%20r".to_owned(), true),
        ("comments(post)".to_owned(), true),
    ] {
        let target = format!("{post}?expand={expand}");
        let direct = stage.direct().get(&target).await.expect(200);
        assert_ne!(direct["expand"], json!({}), "{expand}: {direct}");
        let reply = stage.guest().get(&target).await;
        if refused {
            assert_eq!(reply.code(400), "query", "{expand}");
        } else {
            assert_eq!(reply.expect(200), direct, "{expand}");
        }
    }
}

#[tokio::test]
async fn a_write_and_a_login_read_no_further_than_a_view() {
    let stage = Stage::with(|gateway| gateway.open("users").open("comments")).await;
    let alice = stage.log_in("alice").await;
    let direct = stage.direct().with_token(alice.token());
    stage.proxy.take();
    let comment = record("comments", hapta_tests::demo::COMMENT_OF_BOB);
    let write = format!("{comment}?expand=post");
    let seen = direct.patch(&write).json(&json!({})).await.expect(200);
    assert_eq!(seen["expand"]["post"]["id"], POST_OF_ALICE);
    let reply = alice.patch(&write).json(&json!({})).await;
    assert_eq!(reply.code(403), "not_exposed");
    for action in ["auth-with-password", "auth-refresh"] {
        let target = format!("/api/collections/users/{action}?expand=posts_via_author");
        let login =
            json!({ "identity": "alice@example.com", "password": hapta_tests::demo::PASSWORD });
        let ask = |client: &Client| match action {
            "auth-refresh" => client.post(&target),
            _ => client.post(&target).json(&login),
        };
        let seen = ask(&direct).await.expect(200);
        assert!(seen["record"]["expand"]["posts_via_author"].is_array());
        // Backwards the name is a guess: as if there were none.
        assert_eq!(ask(&alice).await.code(400), "unknown_path", "{action}");
    }
    assert!(
        stage
            .proxy
            .take()
            .iter()
            .all(|seen| !seen.target.contains("expand")),
        "PocketBase was asked"
    );
}

#[tokio::test]
async fn an_empty_update_is_no_way_to_read() {
    let stage = Stage::with(|gateway| {
        let drafts = json!({ "field": "status", "value": "published" });
        let gateway = gateway.rule_with("drop_records", &drafts);
        gateway.open("users").judged("posts", &["drop_records"])
    })
    .await;
    let superuser = stage.pocketbase.superuser().await;
    superuser
        .patch("/api/collections/posts")
        .json(&json!({ "viewRule": null }))
        .await
        .expect(200);
    let bob = stage.log_in("bob").await;
    let direct = stage.direct().with_token(bob.token());
    let post = record("posts", POST_OF_ALICE);
    direct.get(&post).await.refused(403);
    let read = direct.patch(&post).await.expect(200);
    assert_eq!(read["title"], "Hello from alice");
    // What was written, if anything, is told by its id alone.
    let reply = bob.patch(&post).await.expect(200);
    assert_eq!(reply["id"], POST_OF_ALICE);
    assert_eq!(reply.get("title"), None);
    assert_eq!(reply["@rule"]["written"], true);
}

#[tokio::test]
async fn an_expand_that_multiplies_ends_before_it_begins() {
    let there_and_back = ["comments_via_post.post"; 3].join(".");
    let target = format!("{}?expand={there_and_back}", record("posts", POST_OF_ALICE));
    let stage = Stage::open().await;
    let alice = stage.log_in("alice").await;
    comment(&stage, &alice, 12).await;
    let direct = stage.direct().get(&target).await;
    assert!(direct.body.len() > 1 << 20, "{}", direct.body.len());
    stage.proxy.take();
    let reply = stage.guest().get(&target).await;
    assert_eq!(reply.code(400), "expand_too_large");
    assert!(
        reply.text().contains("more than 2 relations to many"),
        "{reply:?}"
    );
    assert_eq!(stage.proxy.take().len(), 0);
    let shorter = format!(
        "{}?expand=comments_via_post.post.author",
        record("posts", POST_OF_ALICE)
    );
    stage.guest().get(&shorter).await.expect(200);
}

#[tokio::test]
async fn the_bounds_of_an_expand_hold_at_their_edges() {
    let stage = Stage::with(|gateway| {
        let gateway = gateway.open("users").open("posts").open("comments");
        gateway.also("[expand]\npaths = 2\ndepth = 2\nmany = 1")
    })
    .await;
    let post = record("posts", POST_OF_ALICE);
    for (expand, status) in [
        ("author,comments_via_post", 200),
        ("author,comments_via_post,author.followers", 400),
        ("comments_via_post.author", 200),
        ("comments_via_post.author.followers", 400),
        ("author.followers", 200),
        ("comments_via_post.post.author", 400),
    ] {
        let reply = stage.guest().get(&format!("{post}?expand={expand}")).await;
        assert_eq!(reply.status, status, "{expand}: {reply:?}");
        assert!(status == 200 || reply.code(400) == "expand_too_large");
    }
}

#[tokio::test]
async fn an_answer_that_grows_beyond_its_bound_says_what_to_ask_instead() {
    let stage = Stage::with(|gateway| {
        let gateway = gateway.open("users").open("posts").open("comments");
        gateway.also("[expand]\nmany = 6\n[pocketbase]\nmax_response = \"256KiB\"")
    })
    .await;
    let alice = stage.log_in("alice").await;
    comment(&stage, &alice, 12).await;
    let there_and_back = ["comments_via_post.post"; 3].join(".");
    let target = format!("{}?expand={there_and_back}", record("posts", POST_OF_ALICE));
    let reply = stage.guest().get(&target).await;
    assert_eq!(reply.code(400), "answer_too_large");
    assert!(reply.text().contains("expand less"), "{reply:?}");
}

#[tokio::test]
async fn nobody_is_found_by_an_address_that_is_not_shown() {
    let stage = Stage::open().await;
    for sort in ["email", "-email", "author.email", "-@random,email"] {
        let collection = if sort.starts_with("author") {
            "posts"
        } else {
            "users"
        };
        let target = format!("{}?sort={sort}", records(collection));
        stage.direct().get(&target).await.expect(200);
        let reply = stage.guest().get(&target).await;
        assert_eq!(reply.code(403), "hidden_field", "{sort}");
    }
    // A filter finds only those who show it, here as there.
    let target = format!("{}?filter=email~'example'", records("users"));
    let direct = stage.direct().get(&target).await.expect(200);
    assert_eq!(stage.guest().get(&target).await.expect(200), direct);
}

#[tokio::test]
async fn what_is_locked_is_no_oracle() {
    let stage = Stage::open().await;
    let superuser = stage.pocketbase.superuser().await;
    let posts = superuser.get("/api/collections/posts").await.expect(200);
    let diary = json!({
        "name": "diary", "type": "base", "listRule": null,
        "fields": [
            { "name": "text", "type": "text" },
            { "name": "post", "type": "relation", "maxSelect": 1, "collectionId": posts["id"] },
        ],
    });
    superuser
        .post("/api/collections")
        .json(&diary)
        .await
        .expect(200);
    let target = format!("{}?filter=diary_via_post.text~'x'", records("posts"));
    // Whether there is one is not told either.
    let told = async |collection: &str| {
        let target = target.replace("diary", collection);
        let reply = stage.guest().get(&target).await;
        assert_eq!(reply.code(400), "unknown_path");
        reply.text().replace(collection, "")
    };
    assert_eq!(told("diary").await, told("nothing").await);
    let comments = format!("{}?expand=comments_via_post", records("posts"));
    let closed = Stage::with(|gateway| gateway.open("posts")).await;
    let reply = closed.guest().get(&comments).await;
    let nothing = comments.replace("comments", "nothing");
    let absent = closed.guest().get(&nothing).await;
    assert_eq!(
        reply.text().replace("comments", ""),
        absent.text().replace("nothing", "")
    );
    for hidden in [
        "moderation='seen'",
        "author.tokenKey~'a'",
        "author.password!=''",
    ] {
        let target = format!("{}?filter={hidden}", records("posts"));
        assert_eq!(
            stage.guest().get(&target).await.code(400),
            "unknown_path",
            "{hidden}"
        );
    }
    for reserved in ["@request.auth.id=''", "@collection.users.role='admin'"] {
        let target = format!("{}?filter={reserved}", records("posts"));
        stage.direct().get(&target).await.refused(403);
        stage.guest().get(&target).await.refused(403);
    }
}

#[tokio::test]
async fn a_superuser_whom_rules_let_by_asks_about_everything() {
    let asked = [
        "filter=moderation='seen'",
        "sort=moderation",
        "filter=author.email~'bob'",
        "sort=author.email",
        "filter=@collection.users.role='moderator'",
        "filter=secret_note!=''",
    ];
    for judged in [false, true] {
        let stage = Stage::with(|gateway| {
            let hides = json!({ "fields": ["secret_note"] });
            let gateway = gateway.rule_with("hide_field", &hides).open("users");
            let settings = format!("[superusers]\nroutes = \"on\"\njudged = {judged}");
            gateway.judged("posts", &["hide_field"]).also(&settings)
        })
        .await;
        let superuser = stage.superuser().await;
        let direct = stage.direct().with_token(superuser.token());
        for query in asked {
            let target = format!("{}?{query}", records("posts"));
            let expected = direct.get(&target).await.expect(200);
            let reply = superuser.get(&target).await;
            if judged {
                assert!(
                    query.contains("email~") || [400, 403].contains(&reply.status),
                    "{query}"
                );
            } else {
                assert_eq!(reply.expect(200), expected, "{query}");
            }
            let guest = stage.guest().get(&target).await;
            assert!(
                query.contains("email~") || [400, 403].contains(&guest.status),
                "{query}"
            );
        }
    }
}

#[tokio::test]
async fn every_collection_may_be_exposed_at_once_but_those_of_pocketbase() {
    let stage = Stage::with(|gateway| gateway.open("*")).await;
    let guest = stage.guest();
    assert_eq!(
        guest.get(&records("posts")).await.expect(200)["totalItems"],
        POSTS
    );
    guest.get(&record("users", ALICE)).await.expect(200);
    for own in ["_superusers", "_externalAuths", "_otps", "pbc_3142635823"] {
        assert_eq!(
            guest.get(&records(own)).await.code(404),
            "not_exposed",
            "{own}"
        );
    }
    // One that is new too.
    let superuser = stage.pocketbase.superuser().await;
    let notes = json!({ "name": "notes", "type": "base", "listRule": "", "fields": [{ "name": "text", "type": "text" }] });
    superuser
        .post("/api/collections")
        .json(&notes)
        .await
        .expect(200);
    let asked = async || {
        let reply = guest.get(&records("notes")).await;
        (reply.status == 200).then_some(())
    };
    hapta_tests::eventually("the new collection", asked).await;
}

#[tokio::test]
async fn all_collections_at_once_can_be_judged_by_rules() {
    let stage = Stage::with(|gateway: Setup| {
        gateway
            .rule("deny_all")
            .judged("*", &["deny_all"])
            .open("comments")
    })
    .await;
    stage.guest().get(&records("posts")).await.refused(403);
    stage.guest().get(&records("users")).await.refused(403);
    stage.guest().get(&records("comments")).await.expect(200);
}

#[tokio::test]
async fn a_file_is_no_more_open_than_its_record() {
    let stage = Stage::with(|gateway| {
        let gateway = gateway.rule("stored_reader").open("users");
        gateway.judged("posts", &["stored_reader"])
    })
    .await;
    let superuser = stage.pocketbase.superuser().await;
    let closed = json!({ "viewRule": "author = @request.auth.id", "listRule": null });
    superuser
        .patch("/api/collections/posts")
        .json(&closed)
        .await
        .expect(200);
    let post = superuser
        .get(&record("posts", POST_OF_ALICE))
        .await
        .expect(200);
    let Some(cover) = post["cover"].as_str().filter(|cover| !cover.is_empty()) else {
        // The seed has no files for PocketBase 0.23.
        return;
    };
    let file = format!("/api/files/posts/{POST_OF_ALICE}/{cover}");
    stage
        .direct()
        .get(&record("posts", POST_OF_ALICE))
        .await
        .refused(404);
    assert_eq!(stage.direct().get(&file).await.status, 200);
    let (alice, bob) = (stage.log_in("alice").await, stage.log_in("bob").await);
    assert_eq!(alice.get(&file).await.status, 200);
    for stranger in [stage.guest(), bob] {
        assert_eq!(stranger.get(&file).await.status, 403);
    }
}

#[tokio::test]
async fn nobody_is_not_somebody_else() {
    let owns = json!({ "owner_field": "author" });
    let stage = Stage::with(|gateway| {
        let gateway = gateway.rule_with("stored_reader", &owns);
        gateway.open("users").judged("comments", &["stored_reader"])
    })
    .await;
    let superuser = stage.pocketbase.superuser().await;
    // Meant for moderators; true of everybody who is not logged in.
    let meant = json!({ "deleteRule": "@request.auth.role != 'user'" });
    superuser
        .patch("/api/collections/comments")
        .json(&meant)
        .await
        .expect(200);
    let list = superuser.get(&records("comments")).await.expect(200);
    let id = |n: usize| list["items"][n]["id"].as_str().expect("an id").to_owned();
    let (one, other) = (record("comments", &id(0)), record("comments", &id(1)));
    assert_eq!(stage.direct().delete(&one).await.status, 204);
    stage.guest().delete(&other).await.refused(403);
    superuser.get(&other).await.expect(200);
}

/// More comments on alice's post.
async fn comment(stage: &Stage, alice: &Client, count: usize) {
    let direct = stage.direct().with_token(alice.token());
    for n in 0..count {
        let body = json!({ "post": POST_OF_ALICE, "author": ALICE, "text": format!("number {n}") });
        direct
            .post(&records("comments"))
            .json(&body)
            .await
            .expect(200);
    }
}

async fn add_field(superuser: &Client, collection: &str, field: Value) {
    let target = format!("/api/collections/{collection}");
    let found = superuser.get(&target).await.expect(200);
    let mut fields = found["fields"].as_array().expect("fields").clone();
    fields.push(field);
    let change = json!({ "fields": fields });
    superuser.patch(&target).json(&change).await.expect(200);
}
