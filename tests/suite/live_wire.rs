//! PocketBase's event streams, as the gateway itself opens and reads them.

use std::sync::Arc;
use std::time::Duration;

use hapta::operation::RecordAction;
use hapta::principal::Token;
use hapta::sessions::{self, Admits, BadToken, SessionError, Sessions};
use hapta::upstream::{
    Credential, ListenError, Notice, Notices, Settings, Topics, Untested, Upstream, UpstreamError,
    Whom,
};
use hapta_tests::demo::{
    ALICE, BOB, FORWARDING_HEADER, PASSWORD, POST_OF_ALICE, SUPERUSER, record, records,
};
use hapta_tests::{Client, PATIENCE, PocketBase, RecordingProxy, eventually};
use serde_json::json;

/// A PocketBase, and the gateway's way to it.
struct Wire {
    upstream: Arc<Upstream>,
    proxy: RecordingProxy,
    pocketbase: PocketBase,
}

impl Wire {
    async fn start() -> Self {
        let pocketbase = PocketBase::start().await;
        let proxy = RecordingProxy::before(pocketbase.address()).await;
        let upstream = Upstream::new(Settings {
            url: format!("http://{}", proxy.address())
                .parse()
                .expect("a URL"),
            ca: None,
            untested: Untested::Refuse,
            credential: Credential::Password {
                email: SUPERUSER.to_owned(),
                password: PASSWORD.to_owned(),
            },
            forwarding_header: FORWARDING_HEADER.parse().expect("a header"),
            timeout: Duration::from_secs(10),
            max_response: "1MiB".parse().expect("a size"),
            schema_interval: Duration::from_mins(1),
        });
        Self {
            upstream: upstream.expect("no TLS, no trust"),
            proxy,
            pocketbase,
        }
    }

    /// A stream of these topics.
    async fn watch(&self, whom: Whom<'_>, topics: &[&str]) -> (Topics, Notices) {
        let (setter, notices) = self.upstream.listen().await.expect("a stream");
        self.set(&setter, whom, topics).await.expect("topics");
        (setter, notices)
    }

    async fn set(
        &self,
        setter: &Topics,
        whom: Whom<'_>,
        topics: &[&str],
    ) -> Result<(), ListenError> {
        let topics: Vec<Arc<str>> = topics.iter().map(|topic| (*topic).into()).collect();
        setter.replace(&self.upstream, whom, &topics).await
    }

    async fn alice(&self) -> Client {
        self.pocketbase.client().log_in("alice").await
    }

    fn asked(&self, part_of_target: &str) -> usize {
        let seen = self.proxy.seen().into_iter();
        seen.filter(|seen| seen.target.contains(part_of_target))
            .count()
    }
}

async fn rename(client: &Client, title: &str) {
    let patch = client.patch(&record("posts", POST_OF_ALICE));
    patch.json(&json!({ "title": title })).await.expect(200);
}

async fn next(notices: &mut Notices) -> Option<Notice> {
    let next = tokio::time::timeout(PATIENCE, notices.next()).await;
    next.expect("something comes").expect("of PocketBase")
}

#[track_caller]
fn refused(set: &Result<(), ListenError>) {
    assert!(matches!(set, Err(ListenError::Refused)), "{set:?}");
}

#[tokio::test]
async fn records_are_told_as_pocketbase_tells_them() {
    let wire = Wire::start().await;
    let alice = wire.alice().await;
    let token = Token::new(alice.token());
    let own = format!("posts/{POST_OF_ALICE}");
    let topics = [own.as_str()];
    let (_topics, mut notices) = wire.watch(Whom::Record(&token), &topics).await;

    rename(&alice, "changed\n\u{2028}\"").await;
    let told = next(&mut notices).await.expect("an event");
    assert_eq!(
        (told.topic.as_str(), told.action),
        (own.as_str(), RecordAction::Update)
    );
    assert_eq!(told.record["title"], "changed\n\u{2028}\"");
    assert_eq!(told.record["id"], POST_OF_ALICE);
    assert_eq!(told.record["collectionName"], "posts");

    let gone = alice.delete(&record("posts", POST_OF_ALICE)).await;
    assert_eq!(gone.status, 204);
    let told = next(&mut notices).await.expect("an event");
    assert_eq!(told.action, RecordAction::Delete);

    // Neither where it is opened nor where it is set, or the two would have two addresses.
    for seen in wire.proxy.seen() {
        assert_eq!(seen.header(FORWARDING_HEADER), None, "{}", seen.line());
        assert_eq!(seen.header("user-agent"), None, "{}", seen.line());
    }
}

#[tokio::test]
async fn topics_replace_each_other() {
    let wire = Wire::start().await;
    let alice = wire.alice().await;
    let token = Token::new(alice.token());
    let whom = Whom::Record(&token);
    let (topics, mut notices) = wire.watch(whom, &["posts/*"]).await;
    wire.set(&topics, whom, &["comments/*"]).await.expect("set");
    rename(&alice, "nobody hears").await;
    wire.set(&topics, whom, &["comments/*", "posts/*"])
        .await
        .expect("set");
    rename(&alice, "heard").await;
    let told = next(&mut notices).await.expect("an event");
    assert_eq!(told.record["title"], "heard");
}

#[tokio::test]
async fn a_stream_stays_with_the_record_whose_it_is() {
    let wire = Wire::start().await;
    let alice = Token::new(wire.alice().await.token());
    let bob = wire.pocketbase.client().log_in("bob").await;
    let bob = Token::new(bob.token());
    let (topics, _notices) = wire.watch(Whom::Guest, &["posts/*"]).await;
    let none = Token::new("none");
    let set = |whom| wire.set(&topics, whom, &["posts/*"]);
    set(Whom::Record(&alice))
        .await
        .expect("a guest's becomes hers");
    set(Whom::Record(&alice)).await.expect("and stays hers");
    refused(&set(Whom::Record(&bob)).await);
    refused(&set(Whom::Guest).await);
    refused(&set(Whom::Record(&none)).await);
}

#[tokio::test]
async fn a_token_that_is_not_good_makes_a_guest_of_a_stream() {
    // PocketBase's way, which `Whom::Record` tells of: another day it may refuse.
    let wire = Wire::start().await;
    let (topics, _notices) = wire.watch(Whom::Record(&Token::new("none")), &[]).await;
    let alice = Token::new(wire.alice().await.token());
    wire.set(&topics, Whom::Record(&alice), &[])
        .await
        .expect("it is a guest's");
}

#[tokio::test]
async fn a_stream_ends_with_its_reader_and_with_pocketbase() {
    let mut wire = Wire::start().await;
    let (topics, notices) = wire.watch(Whom::Guest, &["posts/*"]).await;
    drop(notices);
    let gone = async || {
        let set = wire.set(&topics, Whom::Guest, &["posts/*"]).await;
        matches!(set, Err(ListenError::Gone)).then_some(())
    };
    eventually("PocketBase forgets the stream", gone).await;

    let (_topics, mut notices) = wire.watch(Whom::Guest, &["posts/*"]).await;
    wire.pocketbase.stop().await;
    let end = tokio::time::timeout(PATIENCE, notices.next()).await;
    let end = end.expect("it ends");
    assert!(
        matches!(end, Ok(None) | Err(UpstreamError::Away(_))),
        "{end:?}"
    );
    assert!(matches!(notices.next().await, Ok(None)));
    let away = wire.upstream.listen().await;
    assert!(away.is_err());
}

#[tokio::test]
async fn the_gateway_watches_as_its_superuser() {
    let wire = Wire::start().await;
    let (_topics, mut notices) = wire.watch(Whom::Gateway, &["users/*"]).await;
    hears_of_bob(&wire, &mut notices).await;
}

/// Only superusers are told his e-mail address.
async fn hears_of_bob(wire: &Wire, notices: &mut Notices) {
    let bob = wire.pocketbase.client().log_in("bob").await;
    let rename = bob.patch(&record("users", BOB));
    rename.json(&json!({ "name": "bob" })).await.expect(200);
    let told = next(notices).await.expect("an event");
    assert_eq!(told.record["id"], BOB);
    assert_eq!(told.record["email"], "bob@example.com");
}

#[tokio::test]
async fn a_superuser_token_gone_bad_is_noticed_and_replaced() {
    let wire = Wire::start().await;
    drop(wire.watch(Whom::Gateway, &["users/*"]).await);
    let logins = wire.asked("auth-with-password");
    assert_eq!(logins, 1);
    // With the password, which may be the same again, the old tokens end.
    let superuser = wire.pocketbase.superuser().await;
    let found = superuser.get(&records("_superusers")).await.expect(200);
    let id = found["items"][0]["id"].as_str().expect("an id").to_owned();
    let patch = superuser.patch(&record("_superusers", &id));
    let same = json!({ "password": PASSWORD, "passwordConfirm": PASSWORD });
    patch.json(&same).await.expect(200);

    let (_topics, mut notices) = wire.watch(Whom::Gateway, &["users/*"]).await;
    assert_eq!(wire.asked("auth-with-password"), 2);
    hears_of_bob(&wire, &mut notices).await;
}

#[tokio::test]
async fn a_token_is_asked_about_again_without_a_request() {
    let wire = Wire::start().await;
    let schema = wire.upstream.reload_schema().await.expect("a schema");
    let settings = sessions::Settings {
        verified_for: Duration::from_mins(5),
        remembered: 10,
        bad_token: BadToken::Refuse,
        rolling: None,
        file_tokens: 10,
    };
    let sessions = Sessions::new(settings, Arc::clone(&wire.upstream));
    let alice = wire.alice().await;
    let token = Token::new(alice.token());
    let again = || sessions.again(&token, Admits::NoSuperusers, &schema);
    let refreshed = || wire.asked("/users/auth-refresh");

    for _ in 0..2 {
        let principal = again().await.expect("alice");
        assert_eq!(principal.record().expect("a record").id, ALICE);
    }
    assert_eq!(refreshed(), 1, "the answer is remembered");
    let seen = wire.proxy.arrived("/users/auth-refresh").await;
    assert_eq!(seen.header(FORWARDING_HEADER), None);

    sessions.forget("users", "somebody_else00");
    again().await.expect("alice");
    assert_eq!(refreshed(), 1);
    sessions.forget("users", ALICE);
    again().await.expect("alice");
    assert_eq!(refreshed(), 2, "what was forgotten is asked for anew");

    let superuser = wire.pocketbase.superuser().await;
    let patch = superuser.patch(&record("users", ALICE));
    let other = json!({ "password": "another password", "passwordConfirm": "another password" });
    patch.json(&other).await.expect(200);
    again().await.expect("as remembered");
    sessions.forget("users", ALICE);
    let refused = again().await;
    assert!(matches!(refused, Err(SessionError::Refused)), "{refused:?}");
    let superuser = Token::new(superuser.token());
    let refused = sessions.again(&superuser, Admits::NoSuperusers, &schema);
    assert!(matches!(refused.await, Err(SessionError::Superuser)));
}

#[tokio::test]
async fn every_update_sets_what_the_schema_says() {
    let wire = Wire::start().await;
    let schema = wire.upstream.reload_schema().await.expect("a schema");
    let posts = schema.by_name("posts").expect("posts");
    assert_eq!(posts.stamp(), Some("updated"));
}
