//! `hapta check` and `--help`: the command itself, for whoever typed it.

use std::fs;

use hapta_tests::{Ended, PocketBase, Program, Setup, rules};
use serde_json::json;

/// The command, built with these tests.
pub(crate) const HAPTA: &str = env!("CARGO_BIN_EXE_hapta-under-test");

#[tokio::test]
async fn check_says_what_is_wrong_with_the_configuration() {
    let pocketbase = PocketBase::start().await;
    let before = || Setup::before(pocketbase.address());
    // What is wrong, and the words that it takes to mend it: file, key, expectation.
    let cases: [(Setup, &[&str]); 7] = [
        (
            before().also("[server]\nlissten = \"x\""),
            &["hapta.toml", "lissten", "expected", "listen"],
        ),
        (
            before().also("[server]\nmax_body = \"much\""),
            &["hapta.toml", "max_body"],
        ),
        (
            before().also("[collections.posts]"),
            &[
                "hapta.toml",
                "collections.posts",
                "rules = ",
                "\"pocketbase\"",
            ],
        ),
        (
            before().judged("posts", &["nobody"]),
            &["hapta.toml", "posts", "nobody", "[[rule]]"],
        ),
        (
            before().open("nothing"),
            &[
                "hapta.toml",
                "collections.nothing",
                "comments, posts, users",
            ],
        ),
        (
            before()
                .open("posts")
                .also("[pocketbase]\nurl = \"ftp://x\""),
            &["hapta.toml", "pocketbase.url", "http://"],
        ),
        (
            before()
                .open("posts")
                .also("[pocketbase]\nforwarding_header = \"X-Mine\""),
            &["hapta.toml", "pocketbase.forwarding_header", "x-real-ip"],
        ),
    ];
    for (setup, words) in cases {
        refused(&Program::new(HAPTA, setup).run("check").await, words);
    }
}

#[tokio::test]
async fn check_says_what_is_wrong_with_a_rule() {
    let pocketbase = PocketBase::start().await;
    let before = || Setup::before(pocketbase.address());
    let missing = before()
        .judged("posts", &["gone"])
        .also("[[rule]]\nname = \"gone\"\nfile = \"gone.wasm\"");
    let cases: [(Setup, &[&str]); 4] = [
        (missing, &["gone.wasm", "cannot be read"]),
        // The rule's own words.
        (
            before()
                .rule_with("hide_field", &json!({ "fields": 3 }))
                .judged("posts", &["hide_field"]),
            &[
                "hide_field.wasm",
                "settings",
                "fields",
                "expected a sequence",
            ],
        ),
        (
            before()
                .rule("imports_sockets")
                .judged("posts", &["imports_sockets"]),
            &[
                "imports_sockets.wasm",
                "wasi:sockets/instance-network",
                "not granted",
                "hapta:rule/types",
            ],
        ),
        (
            before()
                .rule_with("trap", &json!({ "in": "configure" }))
                .judged("posts", &["trap"]),
            // A panic's own words.
            &["trap.wasm", "the rule failed", "this rule traps"],
        ),
    ];
    for (setup, words) in cases {
        refused(&Program::new(HAPTA, setup).run("check").await, words);
    }
}

#[tokio::test]
async fn check_says_what_is_wrong_with_the_files_it_is_given() {
    let pocketbase = PocketBase::start().await;
    let program = || Program::new(HAPTA, Setup::before(pocketbase.address()).open("posts"));
    let missing = program().argument("--config").argument("elsewhere.toml");
    refused(
        &missing.run("check").await,
        &["elsewhere.toml", "No such file"],
    );
    let broken = program();
    fs::write(broken.folder().join("hapta.toml"), "[server\n").expect("writes it");
    refused(&broken.run("check").await, &["hapta.toml", "line 1"]);
}

#[tokio::test]
async fn check_says_that_the_superuser_s_password_is_wrong_and_not_what_it_is() {
    let pocketbase = PocketBase::start().await;
    let setup = Setup::before(pocketbase.address()).open("posts");
    let wrong = "[pocketbase.superuser]\npassword = \"not-the-password\"";
    let ended = Program::new(HAPTA, setup.also(wrong)).run("check").await;
    refused(&ended, &["superuser", "400"]);
    assert!(
        !ended.output.contains("not-the-password"),
        "{}",
        ended.output
    );
}

#[tokio::test]
async fn serve_refuses_what_check_refuses() {
    let pocketbase = PocketBase::start().await;
    let setup = Setup::before(pocketbase.address()).open("nothing");
    refused(
        &Program::new(HAPTA, setup).run("serve").await,
        &["hapta.toml", "collections.nothing"],
    );
}

#[tokio::test]
async fn check_passes_the_demo() {
    // As it lies there, but for the places: tests run side by side.
    let setup = Setup::with_a_child().await.rule("ownership");
    let judged = ["users", "posts", "comments"];
    let setup = judged
        .into_iter()
        .fold(setup, |setup, name| setup.judged(name, &["ownership"]));
    let demo = fs::read_to_string(hapta_tests::root().join("tests/fixtures/demo/hapta.toml"))
        .expect("reads it");
    for name in judged {
        assert!(
            demo.contains(&format!("[collections.{name}]\nrules = [\"ownership\"]")),
            "{demo}"
        );
    }
    let ended = Program::new(HAPTA, setup).run("check").await;
    assert_eq!(ended.status, Some(0), "{}", ended.output);
    assert!(
        ended.output.contains("ownership") && ended.output.contains("would serve"),
        "{}",
        ended.output
    );
}

#[tokio::test]
async fn check_leaves_everything_as_it_was() {
    let pocketbase = PocketBase::start().await;
    let setup = Setup::before(pocketbase.address())
        .rule("allow_all")
        .judged("posts", &["allow_all"]);
    let file = setup.folder().join("allow_all.wasm");
    let program = Program::new(HAPTA, setup);
    let folder = program.folder().to_owned();
    let names = || fs::read_dir(&folder).map(Iterator::count).ok();
    let (before, process) = (names(), program.start("check"));
    process.said("would serve").await;
    assert_eq!(names(), before);
    assert_eq!(
        fs::read(file).expect("reads the rule"),
        rules::bytes("allow_all")
    );
    assert_eq!(process.ended().await.status, Some(0));
}

#[tokio::test]
async fn help_teaches() {
    let every: &[&str] = &[
        "--config",
        "hapta.toml",
        "--listen",
        "--log",
        "Examples:",
        "hapta ",
    ];
    let variables = [
        "DB_URL",
        "ADMIN_EMAIL",
        "ADMIN_PASSWORD",
        "HAPTA_ADMIN_KEY",
        "SSL_ENABLED",
        "JWT_SECRET",
        "RUST_LOG",
    ];
    let general = ["serve", "check", "status", "deny", "PocketBase", "rules"];
    teaches(&["--help"], &[&general]).await;
    let serves: [&[&str]; 3] = [every, &variables, &["SIGHUP", "SIGTERM"]];
    teaches(&["serve", "--help"], &serves).await;
    let checks: [&[&str]; 3] = [every, &variables, &["status 0", "1 if"]];
    teaches(&["check", "--help"], &checks).await;
    let version = help(&["--version"]).await;
    assert!(version.output.contains(env!("CARGO_PKG_VERSION")));
    let nonsense = help(&["nonsense"]).await;
    assert!(
        nonsense.status == Some(2) && nonsense.output.contains("--help"),
        "{}",
        nonsense.output
    );
}

#[tokio::test]
async fn help_of_what_operators_do_teaches_too() {
    let place: &[&str] = &["--config", "hapta.toml", "--state"];
    let status: [&[&str]; 2] = [place, &["--json", "status 0", "1 if", "2 if", "Examples:"]];
    teaches(&["status", "--help"], &status).await;
    let every = [
        "history",
        "diff",
        "rollback",
        "pin --off",
        "remove",
        "Examples:",
        "own user",
    ];
    teaches(&["rules", "--help"], &[&every]).await;
    teaches(
        &["rules", "rollback", "--help"],
        &[place, &["pin --off", "broken"]],
    )
    .await;
    teaches(
        &["rules", "pin", "--help"],
        &[place, &["--off", "across restarts"]],
    )
    .await;
    teaches(
        &["rules", "remove", "--help"],
        &[place, &["vanishes", "removed"]],
    )
    .await;
    let denies = [
        "add",
        "list",
        "remove",
        "denied_by_operator",
        "user:users/",
        "Examples:",
    ];
    teaches(&["deny", "--help"], &[&denies]).await;
    teaches(
        &["deny", "add", "--help"],
        &[place, &["address:NETWORK/BITS"]],
    )
    .await;
}

/// It ends well, and has all of these words.
async fn teaches(arguments: &[&str], words: &[&[&str]]) {
    let ended = help(arguments).await;
    assert_eq!(ended.status, Some(0), "{}", ended.output);
    for word in words.concat() {
        assert!(
            ended.output.contains(word),
            "{arguments:?} has no {word}:\n{}",
            ended.output
        );
    }
}

async fn help(arguments: &[&str]) -> Ended {
    let nothing = Setup::before("127.0.0.1:9".parse().expect("an address"));
    let program = arguments[1..]
        .iter()
        .fold(Program::new(HAPTA, nothing), |program, next| {
            program.argument(*next)
        });
    program.run(arguments[0]).await
}

/// It ends with 1, and says all of this.
#[track_caller]
pub(crate) fn refused(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.status, Some(1), "{}", ended.output);
    for word in words {
        assert!(
            ended.output.contains(word),
            "no {word} in:\n{}",
            ended.output
        );
    }
    assert!(!ended.output.contains("panicked"), "{}", ended.output);
}
