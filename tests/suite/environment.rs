//! The environment variables of the original.

use hapta_tests::{ADMIN_KEY, PocketBase, Program, Setup, Signal, demo};

use crate::commands::{HAPTA, refused};

#[tokio::test]
async fn the_environment_of_the_original_is_honoured() {
    let pocketbase = PocketBase::start().await;
    let url = format!("http://{}", pocketbase.address());
    // In the file there is neither a place nor a superuser that is any good.
    let program = || {
        let nowhere = Setup::before("127.0.0.1:9".parse().expect("an address")).open("posts");
        let setup = nowhere
            .also("[pocketbase.superuser]\nemail = \"nobody@example.com\"\npassword = \"wrong\"");
        let program = Program::new(HAPTA, setup).variable("DB_URL", &url);
        program.variable("ADMIN_EMAIL", demo::SUPERUSER)
    };
    let right = || program().variable("ADMIN_PASSWORD", demo::PASSWORD);
    refused(&program().run("check").await, &["superuser"]);
    let ended = right().run("check").await;
    assert_eq!(ended.status, Some(0), "{}", ended.output);
    // What is empty is not set.
    let ended = right()
        .variable("JWT_SECRET", "")
        .variable("SSL_ENABLED", "")
        .run("check")
        .await;
    assert_eq!(ended.status, Some(0), "{}", ended.output);
    let wrong = [
        ("JWT_SECRET", "short", ["JWT_SECRET", "16"]),
        ("HAPTA_ADMIN_KEY", "short", ["HAPTA_ADMIN_KEY", "16"]),
        ("SSL_ENABLED", "perhaps", ["SSL_ENABLED", "true or false"]),
        ("SSL_ENABLED", "true", ["certs/p", ".pem"]),
        ("DB_URL", "nonsense", ["DB_URL", "http://"]),
    ];
    for (variable, value, words) in wrong {
        refused(
            &right().variable(variable, value).run("check").await,
            &words,
        );
    }
}

#[tokio::test]
async fn the_admin_key_of_the_environment_opens_the_admin_listener() {
    let pocketbase = PocketBase::start().await;
    let process = Program::new(HAPTA, Setup::before(pocketbase.address()).open("posts"))
        .serve()
        .await;
    process.operator().get("/status").await.expect(200);
    process
        .operator()
        .get("/status")
        .token(&ADMIN_KEY[1..])
        .await
        .refused(401);
    process.signal(Signal::TERM);
    assert_eq!(process.ended().await.status, Some(0));
}
