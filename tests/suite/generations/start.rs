//! A start whose files can't be served, and what holds across starts.

use std::fs;

use hapta_tests::{Client, PocketBase, Setup, TestGateway, eventually, rules};
use serde_json::Value;
use tempfile::TempDir;
use toml::Table;

use super::{answers, generation, hapta, judging, list, status};

/// What two gateways, one after the other, have in common.
struct Common {
    pocketbase: PocketBase,
    state: TempDir,
}

impl Common {
    async fn new() -> Self {
        Self {
            pocketbase: PocketBase::start().await,
            state: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// A gateway with this built rule for `verdict`.
    fn setup(&self, built: &str) -> Setup {
        let folder = self.state.path().display();
        judging(built, Setup::before(self.pocketbase.address()))
            .also(&format!("[state]\nfolder = \"{folder}\""))
    }

    /// The same, where the rule's file is none.
    fn broken(&self) -> Setup {
        let setup = self.setup("allow_all");
        fs::write(setup.folder().join("verdict.wasm"), b"no rule").expect("breaks the rule");
        setup
    }
}

#[tokio::test]
async fn numbers_go_on_after_a_restart() {
    let common = Common::new().await;
    let first = common.setup("allow_all").start().await;
    assert_eq!(generation(&first).await, 1);
    first.replace_rule("verdict", &rules::bytes("deny_all"));
    answers(&first, 403).await;
    first.stop().await;

    let same = common.setup("deny_all").start().await;
    assert_eq!(
        generation(&same).await,
        2,
        "the same rules are the same generation"
    );
    assert_eq!(same.metric("hapta_generation").await, Some(2.0));
    same.stop().await;
    let other = common.setup("noter").start().await;
    assert_eq!(generation(&other).await, 3);
    let listed = hapta(&other, &["rules", "history"]).await;
    assert_eq!(listed.output.lines().count(), 4, "{}", listed.output);
}

#[tokio::test]
async fn a_pinned_generation_holds_across_a_restart() {
    let common = Common::new().await;
    let first = common.setup("allow_all").start().await;
    let pinned = hapta(&first, &["rules", "pin"]).await;
    assert_eq!(pinned.status, Some(0), "{}", pinned.output);
    let checked = hapta(&first, &["check"]).await;
    assert!(
        checked.status == Some(0) && checked.output.contains("pinned"),
        "{}",
        checked.output
    );
    first.stop().await;
    // Whatever the files say, and even if they are none.
    for setup in [common.setup("deny_all"), common.broken()] {
        let again = setup.start().await;
        list(&again).await.expect(200);
        assert_eq!(status(&again).await["pinned"], 1);
        again.stop().await;
    }
    let last = common.setup("deny_all").start().await;
    let off = hapta(&last, &["rules", "pin", "--off"]).await;
    assert_eq!(off.status, Some(0), "{}", off.output);
    list(&last).await.refused(403);
}

#[tokio::test]
async fn what_is_asked_for_while_nothing_runs_holds_from_the_next_start_on() {
    let common = Common::new().await;
    let first = common.setup("allow_all").start().await;
    first.replace_rule("verdict", &rules::bytes("deny_all"));
    answers(&first, 403).await;
    first.stop().await;
    let state = |arguments| super::run(arguments, "--state", common.state.path());
    let status = state(&["status"]).await;
    assert_eq!(status.status, Some(2), "{}", status.output);
    assert!(status.output.contains("not running") && status.output.contains("generation 2"));
    let back = state(&["rules", "rollback"]).await;
    assert!(back.output.contains("at the next start"), "{}", back.output);
    let denied = state(&["deny", "add", "collection:users"]).await;
    assert!(
        denied.output.contains("at the next start"),
        "{}",
        denied.output
    );
    let again = common.setup("deny_all").open("users").start().await;
    list(&again).await.expect(200);
    // What was pinned exposes no users; what is closed is told first of all the same.
    let status = super::status(&again).await;
    assert_eq!(status["denies"][0], "collection:users");
}

#[tokio::test]
async fn a_generation_that_is_refused_is_not_left_pinned() {
    let common = Common::new().await;
    let two = common.setup("allow_all").rule("noter").start().await;
    two.stop().await;
    // One instance is too few for the two rules of the generation before.
    let small = "[rules]\ninstances = 1\n";
    let one = common.setup("deny_all").also(small).start().await;
    let back = hapta(&one, &["rules", "rollback"]).await;
    crate::commands::refused(&back, &["generation 2 stays in force", "rules.instances"]);
    list(&one).await.refused(403);
    assert!(status(&one).await["pinned"].is_null());
    one.stop().await;
    let again = common.setup("deny_all").also(small).start().await;
    list(&again).await.refused(403);
}

#[tokio::test]
async fn a_start_with_broken_files_refuses_unless_the_last_good_ones_are_wanted() {
    let common = Common::new().await;
    let last_good = "[rules]\nlast_good = true";
    let nothing = common.broken().also(last_good).try_start().await;
    let nothing = nothing.expect_err("nothing was ever good");
    assert!(
        nothing.contains("verdict") && nothing.contains("last_good"),
        "{nothing}"
    );

    common.setup("deny_all").start().await.stop().await;
    let refused = common.broken().try_start().await.expect_err("it is broken");
    assert!(refused.contains("verdict.wasm"), "{refused}");

    let degraded = common.broken().also(last_good).start().await;
    list(&degraded).await.refused(403);
    let ready = Client::new(degraded.admin_address()).get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert!(ready.text().starts_with("degraded: "), "{}", ready.text());
    let told = status(&degraded).await["degraded"].clone();
    assert!(
        told.as_str()
            .is_some_and(|why| why.contains("verdict.wasm")),
        "{told}"
    );
    assert_eq!(degraded.metric("hapta_degraded").await, Some(1.0));
    let said = hapta(&degraded, &["status"]).await;
    assert_eq!(said.status, Some(1), "{}", said.output);
    assert!(said.output.contains("degraded"), "{}", said.output);

    let json = hapta(&degraded, &["status", "--json"]).await;
    let json: Value = serde_json::from_str(&json.output).expect("JSON");
    assert_eq!((&json["running"], &json["degraded"]), (&true.into(), &told));

    degraded.replace_rule("verdict", &rules::bytes("allow_all"));
    answers(&degraded, 200).await;
    assert!(status(&degraded).await["degraded"].is_null());
    assert_eq!(degraded.metric("hapta_degraded").await, Some(0.0));
    let fine = async || (hapta(&degraded, &["status"]).await.status == Some(0)).then_some(());
    eventually("the command says that all is well", fine).await;
    let ready = Client::new(degraded.admin_address()).get("/readyz").await;
    assert_eq!(ready.text(), "ready\n");
}

#[tokio::test]
async fn a_folder_that_can_not_be_read_is_degraded_too_and_mended_by_the_same_files() {
    let common = Common::new().await;
    let setup = |folder: &str| {
        let setup = Setup::before(common.pocketbase.address()).dropped_in("deny_all");
        setup.judged_by_folder("posts").also(&format!(
            "[state]\nfolder = \"{}\"\n[rules]\nlast_good = true\nfolder = \"{folder}\"\npoll = \"100ms\"",
            common.state.path().display()
        ))
    };
    setup("rules").start().await.stop().await;
    let degraded: TestGateway = setup("away").start().await;
    list(&degraded).await.refused(403);
    assert!(status(&degraded).await["degraded"].is_string());
    fs::rename(
        degraded.folder().join("rules"),
        degraded.folder().join("away"),
    )
    .expect("renames");
    eventually("it is whole again", async || {
        status(&degraded).await["degraded"].is_null().then_some(())
    })
    .await;
    list(&degraded).await.refused(403);
    assert_eq!(
        generation(&degraded).await,
        1,
        "what is in force is what it was"
    );
}

#[tokio::test]
async fn the_history_has_a_bound() {
    let common = Common::new().await;
    let setup = common.setup("allow_all").also("[state]\ngenerations = 2");
    let gateway = setup
        .rule_entry("other", "noter", Table::new())
        .start()
        .await;
    for built in ["deny_all", "noter", "after_denier", "editor"] {
        let before = generation(&gateway).await;
        gateway.replace_rule("verdict", &rules::bytes(built));
        eventually("it is in force", async || {
            (generation(&gateway).await != before).then_some(())
        })
        .await;
    }
    gateway.stop().await;
    let count = |folder: &str| {
        let entries = fs::read_dir(common.state.path().join(folder)).expect("reads it");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        names.filter(|name| name != "highest").count()
    };
    assert_eq!(count("generations"), 2);
    // Of each generation its own, and the one that both have.
    assert_eq!(count("modules"), 3);
}
