//! Whether PocketBase can be reached around the gateway.

use hapta_tests::{PocketBase, Program, RecordingProxy, Setup};

use crate::commands::HAPTA;

async fn check(setup: Setup) -> String {
    let ended = Program::new(HAPTA, setup).run("check").await;
    assert_eq!(ended.status, Some(0), "{}", ended.output);
    ended.output
}

#[tokio::test]
async fn check_says_where_pocketbase_answers_beside_the_gateway() {
    let pocketbase = PocketBase::start().await;
    let port = pocketbase.address().port();
    let before = || {
        let setup = Setup::before(pocketbase.address()).open("posts");
        setup.also("[server]\npublic_url = \"https://127.0.0.2\"")
    };
    let said = check(before()).await;
    assert!(said.contains("answers at no other address"), "{said}");

    // Somebody opens it to others, at the host by which they know the gateway.
    let open = RecordingProxy::at(([127, 0, 0, 2], port).into(), pocketbase.address()).await;
    let said = check(before()).await;
    assert!(said.contains(&format!("127.0.0.2:{port}")), "{said}");
    assert!(said.contains("around the gateway"), "{said}");
    let seen = open.seen();
    assert!(
        seen.iter().all(|seen| seen.target == "/api/health"),
        "{seen:?}"
    );

    let process = Program::new(HAPTA, before()).serve().await;
    process.said("around the gateway").await;
}

/// It answers like PocketBase there, and is none.
#[tokio::test]
async fn the_gateway_is_not_taken_for_pocketbase() {
    let pocketbase = PocketBase::start().await;
    let port = pocketbase.address().port();
    let settings = format!("[server]\nlisten = \"127.0.0.2:{port}\"");
    let before = || Setup::before(pocketbase.address()).open("posts");
    let serving = before().also(&settings).start().await;
    let setup = before().also("[server]\npublic_url = \"http://127.0.0.2\"");
    let said = check(setup).await;
    assert!(said.contains("answers at no other address"), "{said}");
    assert_eq!(serving.address().port(), port);
    let asked = "hapta_exchanges_total{operation=\"health\",status=\"200\"}";
    assert_eq!(serving.metric(asked).await, Some(1.0));
}
