//! `hapta dev`: a save changes what a live request gets, and the stream shows why.

mod ends;
mod stream;
mod workplace;

use hapta_tests::demo::{PASSWORD, POST_OF_ALICE, record, records};
use hapta_tests::{Client, Program, Setup, eventually};
use serde_json::{Value, json};

use self::workplace::{Workplace, judge};
use crate::commands::HAPTA;

#[tokio::test]
async fn a_save_changes_the_verdict_of_a_live_request() {
    let place = Workplace::made_up();
    place.save(&judge("Ok(())"));
    let process = place.start(&[]);
    process.said("save a file to rebuild").await;
    process
        .said("judge        judges comments, posts, users")
        .await;
    let client = Client::new(process.address());
    client.get(&records("posts")).await.expect(200);
    process.said("list posts  guest  allow by judge  200").await;

    // The second is saved while the first is built, and is the one that counts.
    process.save(&judge("Err(Denial::forbidden(\"first\", \"No.\"))"));
    process.said("build    judge …").await;
    process.save(&judge(
        "{ request.note(\"why\", \"closed for today\"); Err(Denial::forbidden(\"closed\", \"Come back.\")) }",
    ));
    let closed = async || {
        let reply = client.get(&records("posts")).await;
        reply.text().contains("\"closed\"").then_some(())
    };
    eventually("the last save serves", closed).await;
    process.said("built    judge serves, generation").await;
    process
        .said("list posts  guest  deny closed by judge  403")
        .await;
    process.said("    note why: closed for today").await;

    // A save that does not build leaves what was there.
    process.save(&judge("nobody_defined_this()"));
    process.said("failed   judge: not put into service").await;
    process.said("error[E0425]").await;
    client.get(&records("posts")).await.refused(403);

    // So does one that builds, and is no rule that loads.
    process
        .save(&judge("Ok(())").replace("Ok(Self)", "Err(SettingsError::at(\"x\", \"not today\"))"));
    process.said("refused  judge: not put into service").await;
    process.said("not today").await;
    client.get(&records("posts")).await.refused(403);
    assert!(process.ended_by_term().await.contains("ended: as asked"));
}

#[tokio::test]
async fn a_collection_that_is_made_meanwhile_is_served_and_judged() {
    let place = Workplace::made_up();
    let rule = judge(
        "match request.collection().as_str() { \"fresh\" => Err(Denial::forbidden(\"new\", \"No.\")), _ => Ok(()) }",
    );
    place.save(&rule);
    let process = place.start(&[]);
    process.said("save a file to rebuild").await;
    let (client, superuser) = (Client::new(process.address()), process.superuser().await);
    client.get(&records("fresh")).await.refused(404);
    let fresh = json!({ "name": "fresh", "type": "base", "listRule": "" });
    superuser
        .post("/api/collections")
        .json(&fresh)
        .await
        .expect(200);
    let judged = async || (client.get(&records("fresh")).await.status == 403).then_some(());
    eventually("the new collection is judged", judged).await;
    process.said("judges comments, fresh, posts, users").await;
    process.ended_by_term().await;
}

#[tokio::test]
async fn the_stream_tells_of_edits_logs_and_faults_and_of_no_secret() {
    let place = Workplace::made_up();
    let rule = judge(
        "{
            request.log(Level::Debug, \"asked\");
            if request.record_id().as_deref() == Some(\"post00000000100\") { panic!(\"a mistake\") }
            if let (Operation::Create, Some(body)) = (request.operation(), request.body()) {
                body.set(\"/title\", \"another\")?;
            }
            if request.operation() == Operation::List {
                request.narrow(\"title != {:not}\", [(\"not\", \"x\")])?;
            }
            Ok(())
        }",
    );
    place.save(&rule);
    let process = place.start(&["--json"]);
    process.told(|news| news["type"] == "ready").await;
    let guest = Client::new(process.address());
    let alice = guest.log_in("alice").await;
    let post = json!({ "title": "one", "author": hapta_tests::demo::ALICE });
    alice.post(&records("posts")).json(&post).await.expect(200);
    let of = |operation: &'static str| {
        move |news: &Value| news["type"] == "request" && news["operation"] == operation
    };
    let created = process.told(of("create")).await;
    assert_eq!(created["edited"], json!(["title"]));
    assert_eq!(created["principal"], "users/alice0000000000");
    assert_eq!(created["rules"][0]["rule"], "judge");
    assert_eq!(created["log"][0]["message"], "asked");
    assert_eq!(created["log"][0]["level"], "debug");

    alice.get(&records("posts")).await.expect(200);
    let listed = process.told(of("list")).await;
    assert_eq!(listed["narrowed"], "title!='x'");

    guest
        .get(&record("posts", POST_OF_ALICE))
        .await
        .refused(500);
    let faulted = process.told(of("view")).await;
    assert_eq!(
        (&faulted["verdict"], &faulted["code"]),
        (&json!("faulted"), &json!("rule_trap"))
    );
    let cause = faulted["cause"].as_str().expect("a cause");
    assert!(
        cause.contains("judge") && cause.contains("a mistake"),
        "{cause}"
    );

    let token = alice.token().to_owned();
    let kept = process.kept();
    let output = process.ended_by_term().await;
    for secret in [&*token, PASSWORD, &kept] {
        assert!(!output.contains(secret), "{secret} is in\n{output}");
    }
}

#[tokio::test]
async fn a_configuration_of_ones_own_is_used_as_it_is() {
    let setup = Setup::with_a_child()
        .await
        .judged("posts", &["judge"])
        .open("users");
    let place =
        Workplace::configured(setup.also(
            "[[rule]]\nname = \"judge\"\nfile = \"judge.wasm\"\ngrants = [\"hapta:rule/log\"]",
        ));
    place.save(&judge("Ok(())"));
    let case = "[[case]]\nname = \"it is closed\"\nrequest = \"list posts\"\nexpect = \"deny\"\ncode = \"closed\"\n";
    place.add("tests.toml", case);
    let process = place.start(&[]);
    process.said("save a file to rebuild").await;
    process.said("judge        judges posts").await;
    process.said("users: PocketBase's own rules alone").await;
    let client = Client::new(process.address());
    client.get(&records("posts")).await.expect(200);
    process.save(&judge("Err(Denial::forbidden(\"closed\", \"No.\"))"));
    process.said("built    judge serves, generation 2").await;
    process.said("tested   judge: all cases passed").await;
    client.get(&records("posts")).await.refused(403);
    assert!(!process.folder().join(".hapta/dev").exists());
    process.ended_by_term().await;
}

#[tokio::test]
async fn what_is_missing_is_named_with_what_to_do() {
    let empty = || {
        let program = Program::new(HAPTA, Setup::before(hapta_tests::free_address()));
        std::fs::remove_file(program.folder().join("hapta.toml")).expect("removes it");
        program
    };
    let ended = empty().run("dev").await;
    assert_eq!(ended.status, Some(1));
    assert!(ended.output.contains("hapta new"), "{}", ended.output);

    let program = empty();
    workplace::begin(program.folder());
    let ended = program.argument("rules/judge").run("dev").await;
    assert_eq!(ended.status, Some(1));
    for words in ["--pocketbase", "github.com/pocketbase/pocketbase/releases"] {
        assert!(ended.output.contains(words), "{}", ended.output);
    }

    let program = empty().argument("--listen").argument("0.0.0.0:8090");
    workplace::begin(program.folder());
    let binary = hapta_tests::pocketbase_binary();
    let ended = program
        .argument("--pocketbase")
        .argument(binary)
        .run("dev")
        .await;
    assert!(
        ended.output.contains("this machine alone"),
        "{}",
        ended.output
    );
}
