//! An identity is never another's.

use futures_util::{StreamExt, stream};
use hapta_tests::demo::{ALICE, BOB, record, records};
use hapta_tests::{Client, WaysIn};
use serde_json::{Value, json};

use super::{Entrance, PASSWORD, users};

/// Turns of two people, each a login, a refresh and three readings.
const TURNS: usize = 1_000;

/// Turns under way at once.
const AT_ONCE: usize = 24;

/// Somebody, by name and id.
type Person = (&'static str, &'static str);

const PEOPLE: [Person; 2] = [("alice", ALICE), ("bob", BOB)];

#[tokio::test]
async fn a_thousand_turns_of_two_people_are_each_their_own() {
    let at = Entrance::of_a_gateway_with(&[], |gateway| {
        let gateway = gateway.rule("narrower").judged("posts", &["narrower"]);
        gateway.open("users")
    })
    .await;
    at.offer(|ways| ways).await;
    let superuser = at.pocketbase.superuser().await;
    for (_, id) in PEOPLE {
        let hidden = json!({ "emailVisibility": false });
        superuser
            .patch(&record("users", id))
            .json(&hidden)
            .await
            .expect(200);
    }
    let guest = at.guest();
    let stale = guest.clone().log_in("bob").await;
    let turns = stream::iter(0..TURNS).map(|turn| {
        // No pattern that both could fall into step with.
        let own = (turn * turn / 3 + turn / 7) % 2;
        take(&guest, &stale, PEOPLE[own], PEOPLE[1 - own])
    });
    let done = turns.buffer_unordered(AT_ONCE).count().await;
    assert_eq!(done, TURNS);
}

/// One turn: whatever is answered is the asker's own.
async fn take(guest: &Client, stale: &Client, own: Person, other: Person) {
    let (name, id) = own;
    let email = format!("{name}@example.com");
    let login = json!({ "identity": email, "password": PASSWORD });
    // What a client was before plays no part.
    let call = guest
        .post(&users("auth-with-password"))
        .token(stale.token());
    let answer = call.json(&login).await.expect(200);
    let token = own_token(&answer, id, &email);
    let call = guest.post(&users("auth-refresh")).token(&token);
    let answer = call.await.expect(200);
    let token = own_token(&answer, id, &email);

    let asker = guest.clone().with_token(&token);
    let own = asker.get(&record("users", id)).await.expect(200);
    assert_eq!(own["email"], email.as_str());
    let others = asker.get(&record("users", other.1)).await.expect(200);
    assert_eq!(others.get("email"), None, "{name} sees {others}");
    let posts = asker.get(&records("posts")).await.expect(200);
    let posts = posts["items"].as_array().expect("a list");
    assert!(
        !posts.is_empty() && posts.iter().all(|post| post["author"] == id),
        "{name}: {posts:?}"
    );
}

/// The token of a login's answer, which is this person's.
fn own_token(answer: &Value, id: &str, email: &str) -> String {
    assert_eq!(
        (&answer["record"]["id"], &answer["record"]["email"]),
        (&json!(id), &json!(email))
    );
    let token = answer["token"].as_str().expect("a token");
    let payload = token.split('.').nth(1).expect("three parts");
    assert!(decoded(payload).contains(&format!("\"id\":\"{id}\"")));
    token.to_owned()
}

fn decoded(part: &str) -> String {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part);
    String::from_utf8(bytes.expect("base64url")).expect("text")
}

#[tokio::test]
async fn what_ends_an_account_s_sessions_is_noticed_at_once() {
    // Without being forgotten, an answer about a token would hold for as long as that.
    let at = Entrance::of_a_gateway_with(&[], |gateway| {
        gateway
            .open("users")
            .open("posts")
            .also("[sessions]\nverified_for = \"10m\"")
    })
    .await;
    at.offer(|ways| ways).await;
    let (alice, bob) = (at.log_in("alice").await, at.log_in("bob").await);
    for client in [&alice, &bob] {
        client.get(&records("posts")).await.expect(200);
    }
    let change = json!({ "oldPassword": PASSWORD, "password": "another one", "passwordConfirm": "another one" });
    alice
        .patch(&record("users", ALICE))
        .json(&change)
        .await
        .expect(200);
    assert_eq!(
        alice.get(&records("posts")).await.code(401),
        "token_invalid"
    );
    // Nobody else is touched by it, and what changes nothing of the kind ends nothing.
    bob.get(&records("posts")).await.expect(200);
    let bio = json!({ "bio": "still here" });
    bob.patch(&record("users", BOB))
        .json(&bio)
        .await
        .expect(200);
    bob.get(&records("posts")).await.expect(200);
    bob.delete(&record("users", BOB)).await.expect(204);
    assert_eq!(bob.get(&records("posts")).await.code(401), "token_invalid");
}

#[tokio::test]
async fn what_a_mail_or_a_provider_proves_ends_what_was_known_before() {
    let at = Entrance::of_a_gateway_with(&[], |gateway| {
        let gateway = gateway.open("users").open("posts");
        gateway.also("[sessions]\nverified_for = \"10m\"")
    })
    .await;
    at.offer(WaysIn::one_time_passwords).await;
    let known = async |name: &str| {
        let client = at.log_in(name).await;
        client.get(&records("posts")).await.expect(200);
        client
    };
    let (alice, bob) = (known("alice").await, known("bob").await);

    let token = at
        .mailed_token("request-password-reset", "alice@example.com")
        .await;
    let new =
        json!({ "token": token, "password": "another one", "passwordConfirm": "another one" });
    let call = at.guest().post(&users("confirm-password-reset"));
    call.json(&new).await.expect(204);
    assert_eq!(
        alice.get(&records("posts")).await.code(401),
        "token_invalid"
    );

    let change = json!({ "newEmail": "bob@elsewhere.example" });
    bob.post(&users("request-email-change"))
        .json(&change)
        .await
        .expect(204);
    let mail = at.mailbox().await.mail_to("bob@elsewhere.example").await;
    let confirm = json!({ "token": mail.token(), "password": PASSWORD });
    let call = at.guest().post(&users("confirm-email-change"));
    call.json(&confirm).await.expect(204);
    assert_eq!(bob.get(&records("posts")).await.code(401), "token_invalid");
}
