//! What comes of cases: reports, traces, measurements, saves.

use std::fs;

use hapta_tests::{Ended, Signal};
use serde_json::Value;

use super::{ends, with};

const CASES: &str = r#"
[principals.ada]

[[case]]
name = "hers"
as = "ada"
request = "update posts/p1"
body = { title = "New" }
stored = { author = "ada" }
expect = "allow"

[[case]]
name = "not <hers>"
as = "ada"
request = "update posts/p1"
stored = { author = "bob" }
expect = "allow"
"#;

/// What a command wrote, but for the signs of life before it.
fn json(ended: &Ended) -> Value {
    let at = ended.output.find("\n{").map_or(0, |at| at + 1);
    let end = ended.output.rfind('}').map_or(0, |at| at + 1);
    serde_json::from_str(&ended.output[at..end])
        .unwrap_or_else(|error| panic!("{error}:\n{}", ended.output))
}

#[tokio::test]
async fn machines_are_told_the_same() {
    let ended = with("ownership", CASES)
        .argument("--json")
        .run("test")
        .await;
    assert_eq!(ended.status, Some(1), "{}", ended.output);
    let report = json(&ended);
    assert_eq!(
        (&report["passed"], &report["failed"]),
        (&1.into(), &1.into())
    );
    let cases = &report["files"][0]["cases"];
    assert_eq!(cases[0]["passed"], true, "{report}");
    assert_eq!(cases[1]["failures"][0]["what"], "expect", "{report}");
    assert_eq!(cases[1]["got"], "deny ownership_required", "{report}");
    assert_eq!(cases[1]["line"], 13, "{report}");
    let met = &report["files"][0]["denials"]["met"];
    assert_eq!(*met, serde_json::json!(["ownership_required"]), "{report}");
}

#[tokio::test]
async fn build_servers_read_junit() {
    let program = with("ownership", CASES)
        .argument("--junit")
        .argument("report.xml");
    let folder = program.folder().to_owned();
    let process = program.start("test");
    process.said("1 failed").await;
    let text = fs::read_to_string(folder.join("report.xml")).expect("there is a report");
    for part in [
        "tests=\"2\"",
        "failures=\"1\"",
        "<testcase name=\"hers\"",
        "name=\"not &lt;hers&gt;\"",
        "<failure",
        "expected allow, got deny ownership_required",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    assert_eq!(process.ended().await.status, Some(1));
}

#[tokio::test]
async fn denials_that_no_case_brings_about_can_be_a_failure() {
    let passing = CASES.replace(
        "expect = \"allow\"\n\n[[case]]",
        "expect = \"allow\"\n[[case]]",
    );
    let passing = passing.replace(
        "\"bob\" }\nexpect = \"allow\"",
        "\"bob\" }\nexpect = \"deny\"",
    );
    ends(
        0,
        &with("ownership", &passing).run("test").await,
        &["2 passed, 0 failed"],
    );
    // A rule that tells nothing of its denials is covered by nothing.
    let none = "[[case]]\nname = \"a\"\nrequest = \"list posts\"\nexpect = \"deny\"";
    let required = || {
        with("deny_all", none)
            .argument("--coverage")
            .argument("require")
    };
    ends(
        1,
        &required().run("test").await,
        &["manifest", "--coverage require"],
    );
    ends(0, &with("deny_all", none).run("test").await, &["manifest"]);
}

#[tokio::test]
async fn a_run_tells_each_step() {
    let run = |argument: &str| {
        with("ownership", CASES)
            .argument("--case")
            .argument(argument)
    };
    let words = [
        "update posts/p1 as users/ada",
        "before\n",
        "request.operation() → \"update\"",
        "request.stored() → {\"author\":\"ada\"",
        "document.get(\"stored\", \"/author\") → \"ada\"",
        "\nallow\n",
        "host calls",
        "KiB of memory",
    ];
    ends(0, &run("hers").run("run").await, &words);
    let words = [
        "deny in before",
        "403 ownership_required: This is not yours.",
    ];
    ends(0, &run("not <hers>").run("run").await, &words);
    let ended = with("ownership", CASES).run("run").await;
    ends(1, &ended, &["which case?", "\"hers\"", "--request"]);
}

#[tokio::test]
async fn a_request_of_the_command_line_can_be_run() {
    let mut program = with("editor", CASES);
    for argument in [
        "--request",
        "create users",
        "--as",
        "ada",
        "--body",
        r#"{"title": "old", "password": "s3cret"}"#,
        "--response",
        r#"{"id": "u1"}"#,
    ] {
        program = program.argument(argument);
    }
    let ended = program.argument("--json").run("run").await;
    assert_eq!(ended.status, Some(0), "{}", ended.output);
    assert!(!ended.output.contains("s3cret"), "{}", ended.output);
    let told = json(&ended);
    assert_eq!(told["verdict"], "allow");
    assert_eq!(told["body"]["before"]["title"], "old");
    assert_eq!(told["body"]["after"]["title"], "edited");
    assert_eq!(told["body"]["after"]["password"], "[masked]");
    let calls = told["steps"].as_array().expect("steps");
    let set = calls
        .iter()
        .find(|step| step["asked"]["name"] == "document.set");
    let set = set.unwrap_or_else(|| panic!("{told}"));
    assert_eq!(
        set["asked"]["asked"],
        serde_json::json!(["body", "/title", "edited"])
    );
    let wrong = with("editor", CASES)
        .argument("--request")
        .argument("create users");
    let wrong = wrong.argument("--body").argument("{");
    ends(
        1,
        &wrong.run("run").await,
        &["command line", "body: it is no JSON"],
    );
}

#[tokio::test]
async fn a_measurement_is_of_fresh_calls_and_against_another_build() {
    let response = CASES.replace(
        "expect = \"allow\"\n\n",
        "response = { id = \"p1\" }\nexpect = \"allow\"\n",
    );
    let program = with("noter", &response).argument("--calls").argument("120");
    let other = hapta_tests::rules::path("allow_all");
    let ended = program
        .argument("--against")
        .argument(other)
        .argument("--json")
        .run("bench")
        .await;
    assert_eq!(ended.status, Some(0), "{}", ended.output);
    let told = json(&ended);
    for kind in ["before", "before_ahead", "release"] {
        let speed = &told["speed"][kind];
        let number = |key: &str| {
            speed[key]
                .as_f64()
                .unwrap_or_else(|| panic!("{kind}: {told}"))
        };
        assert!(
            number("p50") > 0.0 && number("p50") <= number("p99"),
            "{told}"
        );
        assert!(number("calls") >= 100.0, "{told}");
    }
    assert!(told["against"]["before"]["p50"].is_f64(), "{told}");
    let trap = "[[case]]\nname = \"a\"\nrequest = \"list posts\"\nexpect = \"fault\"";
    let ended = with("trap", trap).run("bench").await;
    ends(1, &ended, &["case \"a\" fails", "would say nothing"]);
}

#[tokio::test]
async fn a_rules_folder_is_tried_by_the_tests_that_it_names() {
    let folder = || {
        let program = with("ownership", CASES)
            .argument("mine")
            .argument("--no-build");
        let mine = program.folder().join("mine");
        fs::create_dir_all(mine.join("build")).expect("a folder");
        let about = "name = \"own\"\nlanguage = \"rust\"\ntests = \"own.toml\"";
        fs::write(mine.join("rule.toml"), about).expect("writes it");
        fs::write(mine.join("own.toml"), CASES).expect("writes it");
        for (name, rule) in [("own.wasm", "ownership"), (".previous.wasm", "allow_all")] {
            let place = mine.join("build").join(name);
            fs::write(place, hapta_tests::rules::bytes(rule)).expect("writes it");
        }
        (program, mine)
    };
    let (program, mine) = folder();
    let words = ["mine/own.toml of mine/build/own.wasm", "1 passed, 1 failed"];
    let process = program.start("test");
    process.said("failed").await;
    // What was compiled is there for the next time, where nobody looks for it.
    assert!(mine.join("build/.compiled").is_dir());
    ends(1, &process.ended().await, &words);
    let (program, _) = folder();
    let ended = program
        .argument("--calls")
        .argument("100")
        .argument("--json")
        .run("bench")
        .await;
    assert_eq!(ended.status, Some(0), "{}", ended.output);
    let against = json(&ended)["against"]["rule"].clone();
    let against = against.as_str().unwrap_or_default();
    assert!(
        against.ends_with("build/.previous.wasm"),
        "{}",
        ended.output
    );
}

#[tokio::test]
async fn a_save_has_all_tried_again() {
    let program = with("ownership", CASES).argument("--watch");
    let tests = program.folder().join("tests.toml");
    let process = program.start("test");
    process.said("2 cases: 1 passed, 1 failed").await;
    process.said("waiting for a save").await;
    let text = fs::read_to_string(&tests).expect("reads them");
    let mended = text.replace(
        "\"bob\" }\nexpect = \"allow\"",
        "\"bob\" }\nexpect = \"deny\"",
    );
    fs::write(&tests, mended).expect("saves them");
    process.said("2 cases: 2 passed, 0 failed").await;
    // What is broken meanwhile is told, and mended again.
    fs::write(&tests, "[[case]]\nnam = 1").expect("saves them");
    process.said("did you mean `name`?").await;
    fs::write(
        &tests,
        text.replace("[[case]]\nname = \"hers\"", "[[case]]\nname = \"mine\""),
    )
    .expect("saves them");
    process.said("mine").await;
    process.signal(Signal::INT);
    assert_eq!(process.ended().await.status, Some(0));
}
