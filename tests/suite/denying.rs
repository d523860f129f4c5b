//! Denying in an emergency: a collection, a user, an address, at once.

use hapta_tests::demo::{ALICE, BOB, POST_OF_ALICE, record, records};
use hapta_tests::{Ended, Program, Setup, Stage, TestGateway};
use serde_json::json;

use crate::commands::{HAPTA, refused};

#[tokio::test]
async fn what_is_denied_is_refused_when_the_command_returns() {
    let stage = Stage::open().await;
    let alice = stage.log_in("alice").await;
    let cases = [
        ("collection:posts", records("posts")),
        ("collection:POSTS", record("posts", POST_OF_ALICE)),
        ("user:users/alice0000000000", records("posts")),
        ("address:127.0.0.1", "/api/health".to_owned()),
        ("address:127.0.0.0/8", records("posts")),
    ];
    for (what, target) in cases {
        alice.get(&target).await.expect(200);
        stage.proxy.take();
        deny(&stage.gateway, &["add", what]).await;
        assert_eq!(
            alice.get(&target).await.code(403),
            "denied_by_operator",
            "{what}"
        );
        assert!(stage.proxy.seen().is_empty(), "{what}");
        deny(&stage.gateway, &["remove", what]).await;
        alice.get(&target).await.expect(200);
    }
}

#[tokio::test]
async fn others_do_not_notice() {
    let stage = Stage::open().await;
    let bob = stage.log_in("bob").await;
    deny(
        &stage.gateway,
        &[
            "add",
            &format!("user:users/{ALICE}"),
            "collection:comments",
            "address:192.0.2.0/24",
        ],
    )
    .await;
    bob.get(&records("posts")).await.expect(200);
    stage.guest().get(&records("users")).await.expect(200);
    let told = stage
        .gateway
        .metric("hapta_denied_total{by=\"user\"}")
        .await;
    assert_eq!(told, None);
}

#[tokio::test]
async fn a_denied_collection_is_reached_by_no_way() {
    let stage = Stage::open().await;
    deny(&stage.gateway, &["add", "collection:users"]).await;
    for target in [
        format!("{}?expand=author", records("posts")),
        format!("{}?filter=author.name!=''", records("posts")),
        format!("{}?sort=author.name", records("posts")),
        format!(
            "{}?expand=post.author",
            record("comments", "comment00000010")
        ),
        "/api/collections/users/auth-methods".to_owned(),
    ] {
        assert_eq!(
            stage.guest().get(&target).await.code(403),
            "denied_by_operator",
            "{target}"
        );
    }
    let login = stage
        .guest()
        .authenticate("users", "alice@example.com")
        .await;
    assert_eq!(login.code(403), "denied_by_operator");
    stage.guest().get(&records("posts")).await.expect(200);
    let counted = stage
        .gateway
        .metric("hapta_denied_total{by=\"collection\"}")
        .await;
    assert_eq!(counted, Some(6.0));
}

#[tokio::test]
async fn a_denied_collection_is_closed_to_superusers_too() {
    let stage = Stage::with(|gateway| {
        let gateway = gateway.open("posts").open("users");
        gateway.also("[superusers]\nroutes = \"on\"\njudged = false")
    })
    .await;
    let superuser = stage.superuser().await;
    deny(&stage.gateway, &["add", "collection:users"]).await;
    for target in [
        records("users"),
        format!("{}?filter=author.name!=''", records("posts")),
        format!("{}?sort=author.name", records("posts")),
        format!("{}?expand=author", records("posts")),
    ] {
        let answer = superuser.get(&target).await;
        assert_eq!(answer.code(403), "denied_by_operator", "{target}");
    }
    superuser.get(&records("posts")).await.expect(200);
}

#[tokio::test]
async fn a_denied_user_gets_no_token() {
    let stage = Stage::open().await;
    let alice = stage.log_in("alice").await;
    let handed_out = alice.post("/api/files/token").await.expect(200);
    let handed_out = handed_out["token"].as_str().expect("a token").to_owned();
    deny(&stage.gateway, &["add", &format!("user:users/{ALICE}")]).await;
    let login = stage
        .guest()
        .authenticate("users", "alice@example.com")
        .await;
    assert_eq!(login.code(403), "denied_by_operator");
    assert!(!login.text().contains("token"), "{login:?}");
    let refreshed = alice.post("/api/collections/users/auth-refresh").await;
    assert_eq!(refreshed.code(403), "denied_by_operator");
    let file = format!("/api/files/posts/{POST_OF_ALICE}/cover.png?token={handed_out}");
    for reply in [
        alice.post("/api/files/token").await,
        stage.guest().get(&file).await,
    ] {
        assert_eq!(reply.code(403), "denied_by_operator");
    }
    stage
        .guest()
        .authenticate("users", "bob@example.com")
        .await
        .expect(200);
}

#[tokio::test]
async fn what_was_closed_meanwhile_is_closed_for_what_is_under_way() {
    let stage = Stage::open().await;
    let target = record("posts", POST_OF_ALICE);
    let held = stage.proxy.hold(&target);
    let under_way = tokio::spawn(stage.guest().get(&target).into_future());
    stage.proxy.arrived(&target).await;
    deny(&stage.gateway, &["add", "collection:posts"]).await;
    drop(held);
    let answer = under_way.await.expect("no panic");
    assert_eq!(answer.code(403), "denied_by_operator");
}

#[tokio::test]
async fn a_write_under_way_is_done_and_answered() {
    let stage = Stage::open().await;
    let alice = stage.log_in("alice").await;
    let target = record("posts", POST_OF_ALICE);
    let held = stage.proxy.hold(&target);
    let writing = alice.patch(&target).json(&json!({ "title": "written" }));
    let under_way = tokio::spawn(writing.into_future());
    stage.proxy.arrived(&target).await;
    deny(&stage.gateway, &["add", &format!("user:users/{ALICE}")]).await;
    drop(held);
    let answer = under_way.await.expect("no panic").expect(200);
    assert_eq!(answer["title"], "written");
    let next = alice.get(&target).await;
    assert_eq!(next.code(403), "denied_by_operator");
}

#[tokio::test]
async fn commands_at_once_lose_nothing() {
    let stage = Stage::open().await;
    let users: Vec<String> = (0..8).map(|at| format!("user:users/nobody{at}")).collect();
    let adding = users.iter().map(|user| async {
        deny(&stage.gateway, &["add", user]).await;
    });
    futures_util::future::join_all(adding).await;
    let listed = deny(&stage.gateway, &["list"]).await;
    let listed: Vec<&str> = listed.output.lines().collect();
    assert_eq!(listed, users);
}

#[tokio::test]
async fn what_can_not_be_denied_is_said() {
    let stage = Stage::open().await;
    let wrong = run(&stage.gateway, &["add", "users"]).await;
    assert!(
        wrong.status == Some(2) && wrong.output.contains("user:COLLECTION/ID"),
        "{}",
        wrong.output
    );
    let absent = run(&stage.gateway, &["remove", &format!("user:users/{BOB}")]).await;
    refused(&absent, &["is not denied"]);
    let nowhere = Program::new(
        HAPTA,
        Setup::before("127.0.0.1:9".parse().expect("an address")),
    );
    let nowhere = nowhere
        .argument("add")
        .argument("collection:posts")
        .run("deny")
        .await;
    refused(&nowhere, &["no state of a gateway", "hapta_state"]);
}

#[tokio::test]
async fn a_configuration_that_can_not_be_read_does_not_stop_a_deny() {
    let stage = Stage::open().await;
    stage
        .gateway
        .reconfigure("[rules]", "[rules]\nnonsense = 1");
    deny(&stage.gateway, &["add", "collection:posts"]).await;
    assert_eq!(
        stage.guest().get(&records("posts")).await.code(403),
        "denied_by_operator"
    );
    stage.gateway.reconfigure("[rules]", "[rules");
    let broken = run(&stage.gateway, &["remove", "collection:posts"]).await;
    refused(&broken, &["--state", "line "]);
    let folder = stage.gateway.folder().join("hapta_state");
    let nothing = Setup::before("127.0.0.1:9".parse().expect("an address"));
    let opened = Program::new(HAPTA, nothing)
        .argument("remove")
        .argument("collection:posts");
    let opened = opened
        .argument("--state")
        .argument(folder)
        .run("deny")
        .await;
    assert_eq!(opened.status, Some(0), "{}", opened.output);
    stage.guest().get(&records("posts")).await.expect(200);
}

/// Runs `hapta deny`, which must succeed and say that it is in effect.
pub(crate) async fn deny(gateway: &TestGateway, arguments: &[&str]) -> Ended {
    let ended = run(gateway, arguments).await;
    assert_eq!(ended.status, Some(0), "{}", ended.output);
    assert!(
        arguments[0] == "list" || ended.output.contains("in effect"),
        "{}",
        ended.output
    );
    ended
}

async fn run(gateway: &TestGateway, arguments: &[&str]) -> Ended {
    let nothing = Setup::before("127.0.0.1:9".parse().expect("an address"));
    let program = arguments
        .iter()
        .fold(Program::new(HAPTA, nothing), |program, next| {
            program.argument(*next)
        });
    let config = gateway.folder().join("hapta.toml");
    program
        .argument("--config")
        .argument(config)
        .run("deny")
        .await
}
