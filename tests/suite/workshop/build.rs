//! `hapta build`: each language's way to a rule that judges, and what goes wrong on it.

use std::fs;
use std::path::Path;

use hapta_tests::Stage;
use hapta_tests::demo::{BOB, POST_OF_ALICE, POST_OF_BOB, record};
use serde_json::json;
use toml::Table;

use super::{Workshop, edit, text};

#[tokio::test]
async fn a_rule_in_rust_is_built_and_judges() {
    is_built_and_judges("rust").await;
}

#[tokio::test]
async fn a_rule_in_typescript_is_built_and_judges() {
    is_built_and_judges("ts").await;
}

#[tokio::test]
async fn a_rule_in_python_is_built_and_judges() {
    is_built_and_judges("python").await;
}

#[tokio::test]
async fn a_rule_in_c_is_built_and_judges() {
    is_built_and_judges("c").await;
}

/// The folder that `hapta new` leaves, to the end: before a real PocketBase.
async fn is_built_and_judges(language: &str) {
    let workshop = Workshop::open();
    let folder = workshop.begin("own-posts", language).await;
    let said = workshop
        .hapta(&["build", text(&folder), "--json"])
        .await
        .well();
    let told = said.json();
    assert_eq!(told["was_current"], false, "{told}");
    let file = folder.join("build/own-posts.wasm");
    assert_eq!(
        told["file"],
        text(&file.canonicalize().expect("it is there")),
        "{told}"
    );
    let component = fs::read(&file).expect("reads it");
    assert_eq!(told["bytes"], component.len());
    let again = workshop
        .hapta(&["build", text(&folder), "--json"])
        .await
        .well();
    assert_eq!(again.json()["was_current"], true, "{again:?}");
    let cases = ["test", text(&folder), "--coverage", "require"];
    workshop.hapta(&cases).await.well();
    judges(&component).await;
}

/// The author of a post alone changes it, and stays its author.
async fn judges(component: &[u8]) {
    let patient = json!({ "cpu": "2s", "deadline": "10s" });
    let entry = Table::try_from(patient).expect("an entry that TOML can say");
    let stage = Stage::with(|gateway| {
        let gateway = gateway.rule_of_bytes("own-posts", component, entry);
        gateway.judged("posts", &["own-posts"]).open("users")
    })
    .await;
    let alice = stage.log_in("alice").await;
    let title = json!({ "title": "Renamed" });
    let (own, other) = (record("posts", POST_OF_ALICE), record("posts", POST_OF_BOB));
    alice.patch(&own).json(&title).await.expect(200);
    alice.get(&other).await.expect(200);
    for refused in [
        alice.patch(&other).json(&title).await,
        alice.delete(&other).await,
        stage.guest().patch(&own).json(&title).await,
    ] {
        assert_eq!(
            refused.refused(403)["data"]["@rule"]["code"],
            "not_the_author"
        );
    }
    let passed_off = alice.patch(&own).json(&json!({ "author": BOB })).await;
    let refused = passed_off.refused(403);
    assert_eq!(refused["data"]["@rule"]["code"], "author_stays");
    assert_eq!(refused["data"]["author"]["code"], "author_stays");
}

#[tokio::test]
async fn nothing_is_done_where_nothing_has_changed() {
    let workshop = Workshop::open();
    let folder = workshop.begin("own-posts", "ts").await;
    let (file, previous) = (
        folder.join("build/own-posts.wasm"),
        folder.join("build/.previous.wasm"),
    );
    let was_current = async || {
        let said = workshop
            .hapta(&["build", text(&folder), "--json"])
            .await
            .well();
        said.json()["was_current"].as_bool().expect("a truth value")
    };
    assert!(!was_current().await);
    let first = fs::read(&file).expect("reads it");
    assert!(was_current().await);
    // Cases are not built.
    edit(&folder.join("tests.toml"), |cases| {
        format!("{cases}# more\n")
    });
    assert!(was_current().await && !previous.exists());
    edit(&folder.join("rule.ts"), |rule| {
        rule.replace("Only its author", "Its author alone")
    });
    assert!(!was_current().await);
    assert!(was_current().await);
    assert_eq!(fs::read(&previous).expect("the one before"), first);
    // What somebody else put there, or took away.
    fs::write(&file, "else").expect("writes it");
    assert!(!was_current().await);
    fs::remove_file(&file).expect("removes it");
    assert!(!was_current().await);
    // And what the SDK was is put right.
    let sdk = folder.join(".hapta/typescript/index.js");
    fs::write(&sdk, "broken").expect("writes it");
    assert!(was_current().await);
    assert_ne!(fs::read_to_string(&sdk).expect("reads it"), "broken");
}

#[tokio::test]
async fn the_component_is_put_elsewhere_as_well() {
    let workshop = Workshop::open();
    let folder = workshop.begin("own-posts", "ts").await;
    let out = workshop.at("served.wasm");
    let said = workshop
        .hapta(&["build", text(&folder), "--out", text(&out)])
        .await
        .well();
    said.has(&["served.wasm"]);
    let own = folder.join("build/own-posts.wasm");
    assert_eq!(
        fs::read(out).expect("reads it"),
        fs::read(own).expect("reads it")
    );
}

#[tokio::test]
async fn what_a_compiler_says_is_passed_on_whole() {
    let workshop = Workshop::open();
    let rust = workshop.begin("in-rust", "rust").await;
    edit(&rust.join("src/lib.rs"), |rule| {
        rule.replace(".stored()?", ".sorted()?")
    });
    failed(
        &workshop,
        &rust,
        &[
            "cargo build failed",
            "error[E0599]",
            "src/lib.rs:",
            "sorted",
        ],
    )
    .await;
    let typescript = workshop.begin("in-typescript", "ts").await;
    edit(&typescript.join("rule.ts"), |rule| {
        rule.replace("request.isSuperuser", "request.isSuper")
    });
    failed(
        &workshop,
        &typescript,
        &["tsc failed", "rule.ts(", "error TS", "isSuper"],
    )
    .await;
    let python = workshop.begin("in-python", "python").await;
    edit(&python.join("rule.py"), |rule| {
        rule.replace(
            "from hapta_rule import Deny,",
            "from hapta_rule import Denny,",
        )
    });
    failed(&workshop, &python, &["componentize-py failed", "Denny"]).await;
}

async fn failed(workshop: &Workshop, folder: &Path, words: &[&str]) {
    let said = workshop.hapta(&["build", text(folder)]).await;
    said.refused(words);
    assert!(!folder.join("build").join("own-posts.wasm").exists());
}

#[tokio::test]
async fn what_a_c_library_would_ask_of_a_system_is_refused() {
    let workshop = Workshop::open();
    let folder = workshop.begin("own-posts", "c").await;
    edit(&folder.join("rule.c"), |rule| {
        let rule = rule.replace("#include", "#include <stdio.h>\n#include");
        rule.replace(
            "if (hapta_is_superuser(request))",
            "puts(\"asked\");\n    if (hapta_is_superuser(request))",
        )
    });
    let said = workshop.hapta(&["build", text(&folder)]).await;
    said.refused(&["imports WASI", "no files, no network"]);
    edit(&folder.join("rule.c"), |rule| {
        rule.replace("puts(\"asked\");", "putts;")
    });
    let said = workshop.hapta(&["build", text(&folder)]).await;
    said.refused(&["the C compiler failed", "rule.c:", "putts"]);
}

#[tokio::test]
async fn randomness_is_refused_wherever_it_is_called() {
    let workshop = Workshop::open();
    let folder = workshop.begin("own-posts", "ts").await;
    let rule = folder.join("rule.ts");
    let plain = fs::read_to_string(&rule).expect("reads it");
    // Named in a comment and in a text, it is nothing.
    let named = format!("{plain}\n// Math.random()\nexport const why = \"Math.random\";\n");
    fs::write(&rule, named).expect("writes it");
    workshop.hapta(&["build", text(&folder)]).await.well();
    for call in ["Math.random()", "Math[\"random\"]()"] {
        fs::write(&rule, format!("{plain}\nexport const drawn = {call};\n")).expect("writes it");
        let said = workshop.hapta(&["build", text(&folder)]).await;
        said.refused(&["rule.ts calls Math.random", "no randomness", "request.time"]);
    }
    fs::write(
        folder.join("dice.js"),
        "export const dice = () => Math.random();",
    )
    .expect("writes it");
    let rolled =
        format!("import {{ dice }} from \"./dice.js\";\n{plain}\nexport const rolled = dice;\n");
    fs::write(&rule, rolled).expect("writes it");
    edit(&folder.join("tsconfig.json"), |config| {
        config.replace("\"strict\": true", "\"strict\": true, \"allowJs\": true")
    });
    let said = workshop.hapta(&["build", text(&folder)]).await;
    said.refused(&["dice.js calls Math.random"]);
}

#[tokio::test]
async fn two_folders_are_built_at_once_and_one_folder_twice() {
    let workshop = Workshop::open();
    let one = workshop.begin("one", "ts").await;
    let other = workshop.begin("other", "ts").await;
    let arguments = |folder| ["build", text(folder), "--json"];
    let (first, second, third) = (arguments(&one), arguments(&other), arguments(&one));
    let (first, second, third) = tokio::join!(
        workshop.hapta(&first),
        workshop.hapta(&second),
        workshop.hapta(&third),
    );
    let current = |said: super::Said| said.well().json()["was_current"] == true;
    assert!(!current(second));
    // One of them waited, and found it done.
    assert!(current(first) != current(third));
}

#[tokio::test]
async fn a_folder_that_is_none_is_told_how_to_begin() {
    let workshop = Workshop::open();
    let said = workshop.hapta(&["build"]).await;
    said.refused(&["no rule.toml", "hapta new"]);
    let folder = workshop.begin("own-posts", "ts").await;
    edit(&folder.join("rule.toml"), |text| {
        text.replace("world =", "wrold =")
    });
    let said = workshop.hapta(&["build", text(&folder)]).await;
    said.refused(&["rule.toml", "wrold", "world"]);
}

#[tokio::test]
async fn a_denial_in_c_that_is_not_returned_denies() {
    let workshop = Workshop::open();
    let folder = workshop.begin("forgets", "c").await;
    fs::write(
        folder.join("rule.c"),
        r#"#include "hapta.h"
bool configure(hapta_document settings, hapta_manifest *manifest) {
    (void) settings;
    hapta_calls(manifest, HAPTA_BEFORE);
    return true;
}
hapta_verdict before(hapta_request request) {
    if (hapta_asks(request) == HAPTA_DELETE) hapta_deny_field(hapta_of("title"), "no", "No.");
    if (hapta_asks(request) == HAPTA_UPDATE) hapta_deny(403, "not_yours", "No.");
    return HAPTA_ALLOW;
}
"#,
    )
    .expect("writes it");
    let cases = r#"
[[case]]
name = "not returned"
request = "update posts/p1"
body = { title = "x" }
status = 403
code = "not_yours"
[[case]]
name = "a field alone"
request = "delete posts/p1"
code = "rule_fault"
fields = ["title"]
[[case]]
name = "nothing denied"
request = "view posts/p1"
expect = "allow"
"#;
    fs::write(folder.join("tests.toml"), cases).expect("writes it");
    let said = workshop.hapta(&["test", text(&folder)]).await.well();
    said.has(&["3 passed", "unused-result"]);
}

#[tokio::test]
async fn nothing_in_a_rule_waits() {
    let workshop = Workshop::open();
    let folder = workshop.begin("waits", "ts").await;
    let rule = |body: &str| {
        let head = "import { rule, deny, SettingsError, type Request } from \"@hapta/rule\";\n";
        fs::write(folder.join("rule.ts"), format!("{head}{body}")).expect("writes it");
    };
    rule(
        "async function check(r: Request) { deny(403, \"no\", r.collection); }\nexport default rule({ before(r) { void check(r); } });",
    );
    let said = workshop.hapta(&["build", text(&folder)]).await;
    said.refused(&["rule.ts has an async function", "can't wait"]);
    let case = "[[case]]\nname = \"x\"\nrequest = \"update posts/p1\"\nbody = { title = \"x\" }\n";
    let case = |expected: &str| {
        fs::write(folder.join("tests.toml"), format!("{case}{expected}\n")).expect("writes it");
    };
    // In a promise without the word for it, and a denial that is caught.
    for body in [
        "new Promise(() => deny(403, \"no\", \"No.\")).catch(() => {});",
        "try { deny(403, \"no\", \"No.\"); } catch {}",
    ] {
        rule(&format!(
            "export default rule({{ before() {{ {body} }} }});"
        ));
        case("expect = \"fault\"\nmessage = \"deny(…) was called in before with the code no\"");
        workshop.hapta(&["test", text(&folder)]).await.well();
    }
    rule(
        "export default rule({ configure() { return Promise.reject(new SettingsError(\"a\", \"bad\")) as unknown as void; }, before() {} });",
    );
    case("expect = \"allow\"");
    let said = workshop.hapta(&["test", text(&folder)]).await;
    assert_ne!(said.status, Some(0), "{said:?}");
    said.has(&["configure returned a promise"]);
}

#[tokio::test]
async fn a_configure_in_python_that_waits_is_none() {
    let workshop = Workshop::open();
    let folder = workshop.begin("waits", "python").await;
    fs::write(
        folder.join("rule.py"),
        "from hapta_rule import Request, Rule\n\n\nclass Waits(Rule):\n    async def configure(self):\n        raise ValueError\n\n    def before(self, request: Request) -> None:\n        pass\n",
    )
    .expect("writes it");
    let case = "[[case]]\nname = \"x\"\nrequest = \"view posts/p1\"\nexpect = \"allow\"\n";
    fs::write(folder.join("tests.toml"), case).expect("writes it");
    let said = workshop.hapta(&["test", text(&folder)]).await;
    assert_ne!(said.status, Some(0), "{said:?}");
    said.has(&["configure returned"]);
}

#[tokio::test]
async fn what_a_rule_takes_from_elsewhere_is_looked_at() {
    let workshop = Workshop::open();
    let folder = workshop.begin("own-posts", "ts").await;
    fs::create_dir_all(workshop.at("common")).expect("makes it");
    fs::create_dir_all(folder.join("lib/build")).expect("makes it");
    let (common, below) = (workshop.at("common/x.ts"), folder.join("lib/build/y.ts"));
    fs::write(&common, "export const X = \"one\";\n").expect("writes it");
    fs::write(&below, "export const Y = \"one\";\n").expect("writes it");
    edit(&folder.join("rule.ts"), |rule| {
        format!(
            "import {{ X }} from \"../common/x\";\nimport {{ Y }} from \"./lib/build/y\";\n{rule}\nexport const all = X + Y;\n"
        )
    });
    let was_current = async || {
        let arguments = ["build", text(&folder), "--json"];
        let said = workshop.hapta(&arguments).await.well();
        said.json()["was_current"].as_bool().expect("a truth value")
    };
    assert!(!was_current().await);
    assert!(was_current().await);
    for file in [&common, &below] {
        edit(file, |text| text.replace("one", "another"));
        assert!(!was_current().await, "{}", file.display());
        assert!(was_current().await, "{}", file.display());
    }
}

#[tokio::test]
async fn a_rule_that_is_named_is_held_to_the_cases_of_the_folder() {
    let workshop = Workshop::open();
    let folder = workshop.begin("own-posts", "c").await;
    fs::rename(folder.join("tests.toml"), workshop.at("cases.toml")).expect("moves it");
    edit(&folder.join("rule.toml"), |rule| {
        rule.replace("tests.toml", "../cases.toml")
    });
    workshop.hapta(&["build", text(&folder)]).await.well();
    let rule = workshop.at("named.wasm");
    fs::rename(folder.join("build/own-posts.wasm"), &rule).expect("moves it");
    let arguments = ["test", text(&folder), "--rule", text(&rule)];
    workshop.hapta(&arguments).await.well().has(&[" 0 failed"]);
    // It was not built for that.
    assert!(!folder.join("build/own-posts.wasm").exists());
}
