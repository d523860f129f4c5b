//! Whoever is limited tries to be taken for somebody else, or for something else.

use hapta_tests::demo::{POST_OF_ALICE, record, records};
use hapta_tests::{Reply, eventually};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{each_hour, reached, stage, told_to_wait};

/// The id of `posts`.
const POSTS: &str = "pbc_1125843985";

#[tokio::test]
async fn no_other_spelling_of_a_collection_gets_more() {
    let own = format!("[limits.collections.posts]\n{}", each_hour("view", 2));
    let stage = stage(&(each_hour("list", 2) + &own)).await;
    stage.guest().get(&records("posts")).await.expect(200);
    stage
        .guest()
        .get(&record("posts", POST_OF_ALICE))
        .await
        .expect(200);
    stage.proxy.take();
    let names = [
        "posts", "POSTS", "Posts", POSTS, "%70osts", "comments", "users",
    ];
    for name in names {
        let refused = stage.guest().get(&records(name)).await;
        assert_eq!(told_to_wait(&refused), "limited", "{name}");
    }
    for name in names
        .iter()
        .filter(|name| !["comments", "users"].contains(name))
    {
        let refused = stage.guest().get(&record(name, POST_OF_ALICE)).await;
        assert_eq!(told_to_wait(&refused), "limited", "{name}");
    }
    assert!(stage.proxy.take().is_empty());
}

#[tokio::test]
async fn no_noise_in_a_request_gets_more() {
    let stage = stage(&each_hour("list", 2)).await;
    stage.guest().get(&records("posts")).await.expect(200);
    stage.proxy.take();
    let noise = [
        "?page=2",
        "?perPage=1&skipTotal=1",
        "?filter=title!='a'",
        "?sort=-created",
        "?fields=id",
        "?expand=author",
    ];
    for query in noise {
        let refused = stage
            .guest()
            .get(&format!("{}{query}", records("posts")))
            .await;
        assert_eq!(told_to_wait(&refused), "limited", "{query}");
    }
    let headers = [
        ("X-Forwarded-For", "192.0.2.1"),
        ("X-Real-IP", "192.0.2.1"),
        ("Forwarded", "for=192.0.2.1"),
        ("CF-Connecting-IP", "192.0.2.1"),
        ("User-Agent", "another"),
        ("Accept-Language", "xx"),
    ];
    for (name, value) in headers {
        let refused = stage
            .guest()
            .get(&records("posts"))
            .header(name, value)
            .await;
        assert_eq!(told_to_wait(&refused), "limited", "{name}");
    }
    let head = stage
        .guest()
        .call(http::Method::HEAD, &records("posts"))
        .await;
    assert_eq!(head.status, 429);
    assert!(stage.proxy.take().is_empty());
}

#[tokio::test]
async fn a_new_token_or_another_address_gets_nobody_more() {
    let stage = stage(&each_hour("list", 4)).await;
    let alice = stage.log_in("alice").await;
    alice.get(&records("posts")).await.expect(200);
    let rolled = alice
        .post("/api/collections/users/auth-refresh")
        .await
        .expect(200);
    let rolled = alice.with_token(rolled["token"].as_str().expect("a token"));
    rolled.get(&records("posts")).await.expect(200);
    let again = stage.log_in("alice").await;
    for client in [alice, rolled, again] {
        for place in [[127, 0, 0, 1], [127, 0, 0, 2]] {
            let refused = client.from(place).get(&records("posts")).await;
            assert_eq!(told_to_wait(&refused), "limited");
        }
    }
}

#[tokio::test]
async fn to_send_a_body_slowly_gets_nobody_more() {
    let stage = stage(&each_hour("create", 4)).await;
    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(stage.gateway.address())
            .await
            .expect("connects");
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{{",
            records("posts")
        );
        stream.write_all(head.as_bytes()).await.expect("sends");
        slow.push(stream);
    }
    let admitted = "hapta_limits_decisions_total{limit=\"create\",outcome=\"admitted\"}";
    let counted = async || (stage.gateway.metric(admitted).await == Some(2.0)).then_some(());
    eventually("both are counted while they come", counted).await;
    let post = json!({ "title": "another" });
    let refused = stage.guest().post(&records("posts")).json(&post).await;
    assert_eq!(told_to_wait(&refused), "limited");
    assert_eq!(reached(&stage, "posts"), 0);
}

#[tokio::test]
async fn many_keys_do_not_get_anybody_more() {
    let limits = format!("keys = 3\n{}", each_hour("list", 2));
    let stage = stage(&limits).await;
    let guest = |number| stage.guest().from([127, 0, 1, number]);
    guest(1).get(&records("posts")).await.expect(200);
    // Each of them has a key for its address, and wants one for its lists.
    let replies: Vec<Reply> = {
        let mut replies = Vec::new();
        for number in 2..40 {
            replies.push(guest(number).get(&records("posts")).await);
        }
        replies
    };
    let through = replies.iter().filter(|reply| reply.status == 200).count();
    assert!(through <= 2, "{through} got through a full memory");
    let refused = guest(1).get(&records("posts")).await;
    assert_eq!(
        told_to_wait(&refused),
        "limited",
        "the first is not forgotten"
    );
    let keys = stage.gateway.metric("hapta_limits_keys").await;
    assert_eq!(keys, Some(3.0));
    let crowded = stage.gateway.metric("hapta_limits_crowded_total").await;
    assert!(crowded > Some(30.0), "{crowded:?}");
}
