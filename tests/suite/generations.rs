//! Generations: the last ones are kept, and operators go back to them.

/// The folder that they lie in: who may have it, and what is not believed.
mod folder;
/// Rules that fail at night: the alarm, and going back by itself.
mod night;
/// A start whose files can't be served.
mod start;

use std::fs;
use std::path::Path;

use hapta::state::{Report, State};
use hapta_tests::demo::{POST_OF_ALICE, record, records};
use hapta_tests::{Ended, Program, Setup, Stage, TestGateway, eventually, rules};
use serde_json::{Value, json};
use toml::Table;

use crate::commands::HAPTA;

#[tokio::test]
async fn what_was_in_force_is_kept_and_told() {
    let stage = Stage::with(allowing).await;
    answers(&stage.gateway, 200).await;
    change(&stage, "deny_all", 403).await;
    change(&stage, "allow_all", 200).await;
    change(&stage, "noter", 200).await;
    in_force(&stage.gateway, 3).await;
    // What commands read is written a moment after it is in force.
    let told = async || {
        let listed = hapta(&stage.gateway, &["rules", "history"]).await;
        let last = listed.output.lines().last().unwrap_or_default();
        last.contains("<- in force").then_some(listed)
    };
    let listed = eventually("commands are told", told).await;
    assert_eq!(listed.status, Some(0), "{}", listed.output);
    let lines: Vec<&str> = listed.output.lines().skip(1).collect();
    assert_eq!(lines.len(), 3, "the first came twice: {}", listed.output);
    assert!(
        lines[2].contains("<- in force") && !lines[1].contains("<-"),
        "{}",
        listed.output
    );
    assert!(
        lines.iter().all(|line| line.contains("verdict")),
        "{}",
        listed.output
    );

    let differs = hapta(&stage.gateway, &["rules", "diff", "2"]).await;
    assert!(
        differs.output.contains("--- generation 2")
            && differs.output.contains("+++ generation 3")
            && differs.output.contains("~ rule verdict: module "),
        "{}",
        differs.output
    );
    let same = hapta(&stage.gateway, &["rules", "diff", "3", "3"]).await;
    assert!(same.output.contains("no difference"), "{}", same.output);
    let nothing = hapta(&stage.gateway, &["rules", "diff", "9"]).await;
    crate::commands::refused(&nothing, &["no generation 9 is kept"]);
}

#[tokio::test]
async fn a_rollback_holds_until_files_are_followed_again() {
    let stage = Stage::with(allowing).await;
    change(&stage, "deny_all", 403).await;
    let back = hapta(&stage.gateway, &["rules", "rollback"]).await;
    assert_eq!(back.status, Some(0), "{}", back.output);
    assert!(back.output.contains("generation 1 is in force") && back.output.contains("pin --off"));
    // It is so when the command returns, and whatever is done to the files.
    list(&stage.gateway).await.expect(200);
    stage
        .gateway
        .replace_rule("verdict", &rules::bytes("after_denier"));
    stage
        .gateway
        .reconfigure("[rules]", "[rules]\ndebounce = \"101ms\"");
    let follow = hapta(&stage.gateway, &["rules", "pin"]).await;
    assert!(follow.output.contains("generation 1"), "{}", follow.output);
    list(&stage.gateway).await.expect(200);
    let off = hapta(&stage.gateway, &["rules", "pin", "--off"]).await;
    assert_eq!(off.status, Some(0), "{}", off.output);
    assert!(off.output.contains("generation 3"), "{}", off.output);
    list(&stage.gateway).await.refused(403);
}

#[tokio::test]
async fn a_second_rollback_goes_further_back() {
    let stage = Stage::with(allowing).await;
    change(&stage, "deny_all", 403).await;
    change(&stage, "noter", 200).await;
    for (number, status) in [(2, 403), (1, 200)] {
        let back = hapta(&stage.gateway, &["rules", "rollback"]).await;
        assert!(
            back.output.contains(&format!("generation {number} is")),
            "{}",
            back.output
        );
        assert_eq!(list(&stage.gateway).await.status, status);
    }
    let end = hapta(&stage.gateway, &["rules", "rollback"]).await;
    crate::commands::refused(&end, &["nothing before generation 1"]);
    let named = hapta(&stage.gateway, &["rules", "rollback", "3"]).await;
    assert!(named.output.contains("generation 3 is"), "{}", named.output);
}

#[tokio::test]
async fn a_rollback_works_while_files_and_configuration_are_broken() {
    let stage = Stage::with(allowing).await;
    change(&stage, "deny_all", 403).await;
    stage.gateway.replace_rule("verdict", b"no rule at all");
    stage
        .gateway
        .reconfigure("[rules]", "[rules]\nnonsense = 1");
    eventually("the operator is told", async || {
        stage.gateway.rejected().await
    })
    .await;
    let back = hapta(&stage.gateway, &["rules", "rollback"]).await;
    assert_eq!(back.status, Some(0), "{}", back.output);
    list(&stage.gateway).await.expect(200);
    // To follow such files again is refused, and what is in force stays.
    let off = hapta(&stage.gateway, &["rules", "pin", "--off"]).await;
    crate::commands::refused(&off, &["nonsense", "generation 1 stays in force"]);
    list(&stage.gateway).await.expect(200);
}

#[tokio::test]
async fn settings_limits_and_exposure_come_back_too() {
    let titled = |title: &str| json!({ "settings": { "title": title } });
    let entry = |value: Value| Table::try_from(value).expect("an entry");
    let stage = Stage::with(|gateway| {
        let gateway = gateway.rule_entry("editor", "editor", entry(titled("one")));
        gateway.judged("posts", &["editor"]).open("comments")
    })
    .await;
    let alice = stage.log_in("alice").await;
    let title = async || {
        let target = record("posts", POST_OF_ALICE);
        let written = alice.patch(&target).json(&json!({ "title": "mine" })).await;
        written.expect(200)["title"].clone()
    };
    assert_eq!(title().await, "one");
    stage.gateway.reconfigure("\"one\"", "\"two\"");
    stage
        .gateway
        .reconfigure("[collections.comments]", "[collections.users]");
    eventually("the change is in force", async || {
        (stage.guest().get(&records("comments")).await.status == 404).then_some(())
    })
    .await;
    in_force(&stage.gateway, 2).await;
    assert_eq!(title().await, "two");
    let differs = hapta(&stage.gateway, &["rules", "diff", "1"]).await;
    for line in [
        r#"~ rule editor: settings {"title":"one"} -> {"title":"two"}"#,
        "- collection comments: judged by PocketBase alone",
        "+ collection users: judged by PocketBase alone",
    ] {
        assert!(differs.output.contains(line), "{}", differs.output);
    }
    hapta(&stage.gateway, &["rules", "rollback", "1"]).await;
    assert_eq!(title().await, "one");
    stage.guest().get(&records("comments")).await.expect(200);
    stage.guest().get(&records("users")).await.refused(404);
}

#[tokio::test]
async fn a_rule_of_the_folder_is_removed_on_purpose() {
    let both = |gateway: Setup| {
        let gateway = gateway.dropped_in("allow_all").dropped_in("deny_all");
        gateway.judged_by_folder("posts")
    };
    let stage = Stage::with(both).await;
    list(&stage.gateway).await.refused(403);
    let file = stage.gateway.folder().join("rules/deny_all.wasm");
    let nobody = hapta(&stage.gateway, &["rules", "remove", "nobody"]).await;
    crate::commands::refused(&nobody, &["no rule \"nobody\""]);

    let removed = hapta(&stage.gateway, &["rules", "remove", "deny_all"]).await;
    assert_eq!(removed.status, Some(0), "{}", removed.output);
    list(&stage.gateway).await.expect(200);
    assert!(!file.exists());
    let kept = state(&stage.gateway).join("removed/deny_all.wasm");
    assert_eq!(
        fs::read(kept).expect("it is kept"),
        rules::bytes("deny_all")
    );

    // Dropped in anew it is missed again when it vanishes.
    fs::write(&file, rules::bytes("deny_all")).expect("writes the rule");
    answers(&stage.gateway, 403).await;
    fs::remove_file(&file).expect("removes the rule");
    let told = async || {
        stage
            .gateway
            .rejected()
            .await
            .filter(|why| why.contains("rules remove deny_all"))
    };
    eventually("the operator is told what to do", told).await;
    list(&stage.gateway).await.refused(403);
    let removed = hapta(&stage.gateway, &["rules", "remove", "deny_all"]).await;
    assert_eq!(removed.status, Some(0), "{}", removed.output);
    list(&stage.gateway).await.expect(200);
    assert_eq!(stage.gateway.rejected().await, None);
}

#[tokio::test]
async fn the_last_rule_of_a_folder_that_is_needed_is_not_removed() {
    let stage = Stage::with(|gateway| {
        let gateway = gateway.rule_entry("verdict", "allow_all", Table::new());
        let gateway = gateway.judged("users", &["verdict"]);
        gateway.dropped_in("deny_all").judged_by_folder("posts")
    })
    .await;
    let own = hapta(&stage.gateway, &["rules", "remove", "verdict"]).await;
    crate::commands::refused(&own, &["verdict", "[[rule]]"]);
    let last = hapta(&stage.gateway, &["rules", "remove", "deny_all"]).await;
    crate::commands::refused(
        &last,
        &["no rule in the rules folder is for it", "stays in force"],
    );
    list(&stage.gateway).await.refused(403);
}

#[tokio::test]
async fn which_rules_are_the_folder_s_is_part_of_what_is_in_force() {
    // The same rules, files and collections: but then the folder has one rule less.
    let stage = Stage::with(|gateway| {
        let gateway = gateway.rule("allow_all");
        let gateway = gateway.also("[[rule]]\nname = \"deny_all\"\nfile = \"rules/deny_all.wasm\"");
        gateway
            .dropped_in("deny_all")
            .dropped_in("noter")
            .judged_by_folder("posts")
    })
    .await;
    list(&stage.gateway).await.expect(200);
    let entry = "[[rule]]\nfile = \"rules/deny_all.wasm\"\nname = \"deny_all\"\n";
    stage.gateway.reconfigure(entry, "");
    answers(&stage.gateway, 403).await;
}

/// A rule with an entry, `verdict`, that allows.
fn allowing(gateway: Setup) -> Setup {
    judging("allow_all", gateway)
}

/// The same entry with another built rule for its file.
fn judging(built: &str, gateway: Setup) -> Setup {
    let gateway = gateway.rule_entry("verdict", built, Table::new());
    gateway.judged("posts", &["verdict"])
}

/// Replaces the file of `verdict`, and waits until it shows.
async fn change(stage: &Stage, built: &str, status: u16) {
    let before = told(&stage.gateway);
    stage.gateway.replace_rule("verdict", &rules::bytes(built));
    eventually("another generation is in force", async || {
        (told(&stage.gateway) != before).then_some(())
    })
    .await;
    assert_eq!(list(&stage.gateway).await.status, status);
}

async fn list(gateway: &TestGateway) -> hapta_tests::Reply {
    let target = format!("{}?perPage=1", records("posts"));
    gateway.client().get(&target).await
}

/// Waits until a list of posts is answered like this.
async fn answers(gateway: &TestGateway, status: u16) {
    let answer = async || (list(gateway).await.status == status).then_some(());
    eventually(&format!("posts are answered with {status}"), answer).await;
}

async fn status(gateway: &TestGateway) -> Value {
    gateway.operator().get("/status").await.expect(200)
}

async fn generation(gateway: &TestGateway) -> u64 {
    status(gateway).await["generation"]
        .as_u64()
        .expect("a number")
}

/// The generation that commands are told of: it is in force, and kept.
fn told(gateway: &TestGateway) -> u64 {
    let state = State::visit(&state(gateway)).expect("it can be visited");
    let report = Report::load(&state.expect("it is there"));
    report
        .expect("it is whole")
        .expect("it is there")
        .generation
}

async fn in_force(gateway: &TestGateway, number: u64) {
    let is_it = async || (told(gateway) == number).then_some(());
    eventually(&format!("generation {number} is in force"), is_it).await;
}

/// Runs the command on a gateway that runs in this process.
pub(crate) async fn hapta(gateway: &TestGateway, arguments: &[&str]) -> Ended {
    let config = gateway.folder().join("hapta.toml");
    run(arguments, "--config", &config).await
}

/// Runs the command with a path that says where.
async fn run(arguments: &[&str], option: &str, place: &Path) -> Ended {
    let nothing = Setup::before("127.0.0.1:9".parse().expect("an address"));
    let program = arguments[1..]
        .iter()
        .fold(Program::new(HAPTA, nothing), |program, next| {
            program.argument(*next)
        });
    program
        .argument(option)
        .argument(place)
        .run(arguments[0])
        .await
}

/// The state folder of a gateway.
fn state(gateway: &TestGateway) -> std::path::PathBuf {
    gateway.folder().join("hapta_state")
}
