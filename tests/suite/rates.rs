//! How often somebody may ask: what counts as one, what is told, and what PocketBase
//! never hears of.

/// Ways to be taken for somebody else, or for something else, that lead nowhere.
mod evasion;
/// Who is kept out, and for what.
mod keeping_out;
/// Logins, mails and tokens.
mod logins;

use std::time::Duration;

use hapta_tests::demo::{POST_OF_ALICE, POST_OF_BOB, record, records};
use hapta_tests::live::{self, Listener};
use hapta_tests::{Client, PocketBase, Reply, Setup, Stage, albums, eventually};
use serde_json::{Value, json};

/// The demo's collections, with limits.
async fn stage(limits: &str) -> Stage {
    Stage::with(|gateway| limited(gateway, limits)).await
}

fn limited(gateway: Setup, limits: &str) -> Setup {
    let gateway = gateway.open("users").open("posts").open("comments");
    gateway.also(&on(limits))
}

fn on(limits: &str) -> String {
    format!("[limits]\nmode = \"on\"\n{limits}")
}

/// Of these, half is there at once, and nothing comes again while a test runs.
fn each_hour(name: &str, limit: u32) -> String {
    format!("{name} = {{ limit = {limit}, every = \"1h\" }}\n")
}

/// The code of a refusal that says when to come again.
#[track_caller]
fn told_to_wait(reply: &Reply) -> String {
    let wait = reply.header("retry-after").expect("a time to wait");
    assert!(wait.parse::<u64>().expect("seconds") >= 1, "{wait}");
    reply.code(429)
}

/// How many requests with this in their target have come to PocketBase.
fn reached(stage: &Stage, part_of_target: &str) -> usize {
    let seen = stage.proxy.seen();
    let such = seen
        .iter()
        .filter(|seen| seen.target.contains(part_of_target));
    such.count()
}

#[tokio::test]
async fn what_is_too_much_is_refused_and_pocketbase_never_hears_of_it() {
    let stage = stage(&each_hour("list", 6)).await;
    let alice = stage.log_in("alice").await;
    for _ in 0..3 {
        alice.get(&records("posts")).await.expect(200);
    }
    stage.proxy.take();
    for _ in 0..5 {
        let refused = alice.get(&records("posts")).await;
        assert_eq!(told_to_wait(&refused), "limited");
    }
    assert_eq!(reached(&stage, "posts"), 0);
    // Neither other people nor other operations are meant.
    alice.get(&record("posts", POST_OF_ALICE)).await.expect(200);
    let bob = stage.log_in("bob").await;
    bob.get(&records("posts")).await.expect(200);
    stage.guest().get(&records("posts")).await.expect(200);
    for (outcome, count) in [("admitted", 5.0), ("limited", 5.0)] {
        let metric =
            format!("hapta_limits_decisions_total{{limit=\"list\",outcome=\"{outcome}\"}}");
        assert_eq!(stage.gateway.metric(&metric).await, Some(count));
    }
}

#[tokio::test]
async fn every_answer_tells_how_its_limits_stand() {
    let stage = stage(&(each_hour("list", 6) + &each_hour("view", 2))).await;
    let list = stage.guest().get(&records("posts")).await;
    list.expect(200);
    let told = |reply: &Reply| {
        ["ratelimit-policy", "ratelimit"].map(|name| reply.header(name).map(str::to_owned))
    };
    let some = |text: &str| Some(text.to_owned());
    let expected = [some("\"list\";q=6;w=3600"), some("\"list\";r=2;t=900")];
    assert_eq!(told(&list), expected);
    // Whatever is answered.
    let missing = stage.guest().get(&record("posts", "no_such_post000")).await;
    missing.refused(404);
    let expected = [some("\"view\";q=2;w=3600"), some("\"view\";r=0;t=1800")];
    assert_eq!(told(&missing), expected);
    let refused = stage.guest().get(&record("posts", POST_OF_BOB)).await;
    let wait = refused.header("retry-after").expect("a time").to_owned();
    let expected = [
        some("\"view\";q=2;w=3600"),
        Some(format!("\"view\";r=0;t={wait}")),
    ];
    assert_eq!(told(&refused), expected);
    assert_eq!(told_to_wait(&refused), "limited");
    let login = stage.guest().authenticate("users", "bob@example.com").await;
    let [policies, _] = told(&login);
    let policies = policies.expect("limits");
    assert_eq!(
        policies,
        "\"authenticate\";q=20;w=60, \"account\";q=10;w=60"
    );
    // What is not limited tells nothing.
    assert_eq!(told(&stage.guest().get("/api/health").await), [None, None]);
}

#[tokio::test]
async fn who_waits_as_told_gets_through() {
    let stage = stage("list = { limit = 2, every = \"1s\" }").await;
    for _ in 0..3 {
        stage.guest().get(&records("posts")).await.expect(200);
        let refused = stage.guest().get(&records("posts")).await;
        assert_eq!(told_to_wait(&refused), "limited");
        let wait = refused.header("retry-after").expect("a time");
        let wait = wait.parse().expect("seconds");
        tokio::time::sleep(Duration::from_secs(wait)).await;
    }
}

#[tokio::test]
async fn a_page_that_asks_a_lot_does_not_meet_what_holds_where_nothing_is_written() {
    let stage = stage("").await;
    let alice = stage.guest().log_in("alice").await;
    for _ in 0..60 {
        alice.get(&records("posts")).await.expect(200);
        alice.get(&record("posts", POST_OF_ALICE)).await.expect(200);
    }
    let listener = Listener::open(&alice).await;
    let mut topics = Vec::new();
    for number in 0..30 {
        topics.push(live::topic(
            "posts/*",
            &json!({ "filter": format!("title != '{number}'") }),
        ));
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        listener.subscribe(&topics).await;
    }
    alice
        .post("/api/collections/users/auth-refresh")
        .await
        .expect(200);
}

#[tokio::test]
async fn the_parts_of_a_batch_count_one_by_one() {
    let limits = each_hour("create", 6) + &each_hour("update", 2);
    let stage = albums::stage(|gateway| albums::open(gateway).also(&on(&limits))).await;
    let part = |id: &str| json!({ "method": "POST", "url": records("albums"), "body": { "id": id, "title": "a" } });
    let batch = |parts: &[Value]| {
        let body = json!({ "requests": parts });
        stage.guest().post("/api/batch").json(&body)
    };
    let two = [part("album0000000001"), part("album0000000002")];
    let done = batch(&two).await;
    done.expect(200);
    assert_eq!(done.header("ratelimit"), Some("\"create\";r=1;t=1800"));
    stage.proxy.take();
    // Nothing of it is done, and it is told as what it is, and not as a part's fault.
    let refused = batch(&[part("album0000000003"), part("album0000000004")]).await;
    assert_eq!(told_to_wait(&refused), "limited");
    assert_eq!(reached(&stage, "batch"), 0);
    let one = json!({ "title": "by itself" });
    let alone = stage.guest().post(&records("albums")).json(&one).await;
    assert_eq!(told_to_wait(&alone), "limited");
    // An update of a record that is there counts as such, whatever it is called.
    let other = stage.guest().from([127, 0, 0, 2]);
    let put =
        json!({ "method": "PUT", "url": records("albums"), "body": { "id": "album0000000001" } });
    let puts = |client: &Client| {
        client
            .post("/api/batch")
            .json(&json!({ "requests": [put] }))
    };
    puts(&other).await.expect(200);
    let refused = puts(&other).await;
    assert_eq!(told_to_wait(&refused), "limited");
    let policies = refused.header("ratelimit-policy").expect("limits");
    assert!(policies.contains("\"update\""), "{policies}");
}

#[tokio::test]
async fn the_topics_of_a_subscription_count_one_by_one() {
    let pocketbase = PocketBase::start().await;
    let setup = limited(
        Setup::before(pocketbase.address()),
        &each_hour("subscribe", 6),
    );
    let gateway = setup.start().await;
    let alice = gateway
        .client()
        .with_token(pocketbase.client().log_in("alice").await.token());
    let listener = Listener::open(&alice).await;
    listener.subscribe(&["posts/*", "comments/*"]).await;
    let refused = listener.ask(&alice, &["posts/*", "comments/*"]).await;
    assert_eq!(told_to_wait(&refused), "limited");
    assert_eq!(
        refused.json()["data"]["subscriptions"]["topic"],
        "comments/*"
    );
    // To listen to nothing any more needs none.
    listener.subscribe(&[]).await;
}

#[tokio::test]
async fn a_collection_may_have_limits_of_its_own() {
    let own = format!("[limits.collections.posts]\n{}", each_hour("list", 2));
    let stage = stage(&(each_hour("list", 4) + &own)).await;
    let posts = stage.guest().get(&records("posts")).await;
    assert_eq!(posts.header("ratelimit"), Some("\"posts:list\";r=0;t=1800"));
    assert_eq!(
        told_to_wait(&stage.guest().get(&records("posts")).await),
        "limited"
    );
    for _ in 0..2 {
        stage.guest().get(&records("comments")).await.expect(200);
    }
    assert_eq!(
        told_to_wait(&stage.guest().get(&records("users")).await),
        "limited"
    );
    let pocketbase = PocketBase::start().await;
    let nobody = format!("[limits.collections.nobody]\n{}", each_hour("list", 2));
    let setup = limited(Setup::before(pocketbase.address()), &nobody);
    let error = setup.try_start().await.expect_err("it counts nobody");
    assert!(error.contains("limits.collections.nobody"), "{error}");
}

#[tokio::test]
async fn other_limits_hold_at_once_and_those_that_stay_go_on() {
    let stage = stage(&(each_hour("list", 2) + &each_hour("view", 4))).await;
    let view = || stage.guest().get(&record("posts", POST_OF_ALICE));
    let list = || stage.guest().get(&records("posts"));
    list().await.expect(200);
    assert_eq!(told_to_wait(&list().await), "limited");
    view().await.expect(200);
    stage.gateway.reconfigure("limit = 2", "limit = 20");
    let taken = async || {
        let reply = list().await;
        (reply.status == 200).then_some(reply)
    };
    let reply = eventually("other limits hold", taken).await;
    assert_eq!(
        reply.header("ratelimit-policy"),
        Some("\"list\";q=20;w=3600")
    );
    let reply = view().await;
    assert_eq!(reply.header("ratelimit"), Some("\"view\";r=0;t=2400"));
    stage.gateway.reconfigure("mode = \"on\"", "mode = \"off\"");
    let off = async || (view().await.status == 200).then_some(());
    eventually("limits are off", off).await;
    assert_eq!(view().await.header("ratelimit"), None);
}

#[tokio::test]
async fn nobody_has_more_under_way_than_his_share() {
    let stage = stage("running = 2").await;
    let (alice, bob) = (stage.log_in("alice").await, stage.log_in("bob").await);
    let held = stage.proxy.hold(POST_OF_ALICE);
    let target = record("posts", POST_OF_ALICE);
    let calls = [alice.get(&target), alice.get(&target)];
    let waiting = calls.map(|call| tokio::spawn(call.into_future()));
    let both = async || {
        let seen = stage.proxy.seen();
        let such = seen
            .iter()
            .filter(|seen| seen.target.contains(POST_OF_ALICE));
        (such.count() == 2).then_some(())
    };
    eventually("both are under way", both).await;
    let refused = alice.get(&records("posts")).await;
    assert_eq!(told_to_wait(&refused), "running");
    bob.get(&records("posts")).await.expect(200);
    stage.guest().get(&records("posts")).await.expect(200);
    drop(held);
    for call in waiting {
        call.await.expect("no panic").expect(200);
    }
    alice.get(&records("posts")).await.expect(200);
    let metric = "hapta_limits_refused_total{reason=\"running\"}";
    assert_eq!(stage.gateway.metric(metric).await, Some(1.0));
}

#[tokio::test]
async fn a_write_whose_client_is_gone_is_still_under_way() {
    let stage = stage("running = 1").await;
    let alice = stage.log_in("alice").await;
    let held = stage.proxy.hold(POST_OF_ALICE);
    let patch = alice.patch(&record("posts", POST_OF_ALICE));
    let patch = tokio::spawn(patch.json(&json!({ "title": "new" })).into_future());
    stage.proxy.arrived(POST_OF_ALICE).await;
    patch.abort();
    let gone = "hapta_exchanges_total{operation=\"update\",status=\"499\"}";
    let is_gone = async || (stage.gateway.metric(gone).await == Some(1.0)).then_some(());
    eventually("the client is gone", is_gone).await;
    let refused = alice.get(&records("posts")).await;
    assert_eq!(told_to_wait(&refused), "running");
    drop(held);
    let done = async || (alice.get(&records("posts")).await.status == 200).then_some(());
    eventually("the write has ended", done).await;
}

#[tokio::test]
async fn superusers_count_like_everybody() {
    let limits = each_hour("superuser", 2);
    let stage = Stage::with(|gateway| {
        let gateway = gateway.open("posts").also(&on(&limits));
        gateway.also("[superusers]\nroutes = \"on\"\njudged = false")
    })
    .await;
    let superuser = stage.superuser().await;
    superuser.get("/api/settings").await.expect(200);
    assert_eq!(
        told_to_wait(&superuser.get("/api/settings").await),
        "limited"
    );
}

#[tokio::test]
async fn what_is_remembered_is_given_up_again() {
    let limits = "list = { limit = 2, every = \"1s\" }\naddress = { limit = 1000, every = \"1s\" }";
    let stage = stage(limits).await;
    stage.guest().get(&records("posts")).await.expect(200);
    let keys = async || stage.gateway.metric("hapta_limits_keys").await;
    // That of everything from an address may be worth nothing any more.
    let held = keys().await.expect("a metric");
    assert!((1.0..=2.0).contains(&held), "{held}");
    let none = async || (keys().await == Some(0.0)).then_some(());
    eventually("nobody is remembered", none).await;
}
