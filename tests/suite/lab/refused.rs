//! Cases that would say nothing are no cases.

use super::{ends, test, with};

/// A case with these lines can't be tried, and all of this is said.
async fn refused(lines: &str, words: &[&str]) {
    let tests = format!("[principals.ada]\n\n[[case]]\nname = \"it\"\n{lines}");
    let ended = test("allow_all", &tests).await;
    assert!(
        ended.output.contains("tests.toml:4: case \"it\""),
        "{}",
        ended.output
    );
    ends(2, &ended, words);
}

#[tokio::test]
async fn a_case_that_expects_nothing_is_refused() {
    let view = "request = \"view posts/p1\"";
    refused(view, &["expect: nothing is expected"]).await;
    for (expected, words) in [
        (
            "expect = \"alow\"",
            ["expect: \"alow\" is no verdict", "did you mean \"allow\"?"],
        ),
        (
            "remains = { id = \"p1\" }",
            ["remains: nothing is answered", "response = { … }"],
        ),
        (
            "moment = \"after\"",
            ["moment: nothing is answered", "response = { … }"],
        ),
        (
            "moment = \"later\"",
            ["moment: \"later\" is no moment", "\"reveal\""],
        ),
        (
            "edited = { a = 1 }",
            ["edited: the request has no body", "edit"],
        ),
        (
            "narrowed = \"a = 1\"",
            ["narrowed: only a list", "subscription"],
        ),
        (
            "narrowed = \"a =\"",
            ["narrowed: it is no filter", "expected"],
        ),
        (
            "expect = \"allow\"\ncode = \"x\"",
            ["code: it can't be together", "\"allow\""],
        ),
        (
            "expect = \"deny\"\nremains = \"unchanged\"\nresponse = { id = \"p1\" }",
            ["remains: it can't be", "\"deny\""],
        ),
        (
            "counted = {}\nexpect = \"allow\"",
            ["counted: it names no counter", "case \"it\""],
        ),
        (
            "notes = {}",
            ["expect: notes, log and counters", "a fault as well"],
        ),
        ("log = []", ["expect: notes, log and counters", "\"allow\""]),
        (
            "counted = { a = 1 }",
            ["expect: notes, log and counters", "\"deny\""],
        ),
        (
            "expect = \"refuse\"\nlog = []",
            ["expect: where settings are refused", "no log"],
        ),
    ] {
        refused(&format!("{view}\n{expected}"), &words).await;
    }
}

#[tokio::test]
async fn what_the_gateway_would_refuse_by_itself_is_no_case() {
    let allow = "\nexpect = \"allow\"";
    for (lines, words) in [
        (
            "request = \"updat posts/p1\"",
            ["request: \"updat\" is no operation", "\"update\"?"],
        ),
        (
            "request = \"update posts\"",
            ["request: update is written", "update COLLECTION/ID"],
        ),
        (
            "request = \"GET /api/collections/posts/records?page=x\"",
            ["request: the gateway refuses it", "whole number"],
        ),
        (
            "request = \"view posts/p1\"\nas = \"adda\"",
            ["as: nobody is named \"adda\"", "did you mean \"ada\"?"],
        ),
        (
            "request = \"authWithPassword users\"\nas = \"ada\"",
            ["as: authWithPassword does not look", "guest"],
        ),
        (
            "request = \"authRefresh users\"",
            ["as: the gateway refuses authRefresh to a guest", "who asks"],
        ),
        (
            "request = \"view posts/p1\"\nbody = { a = 1 }",
            ["body: view takes no body", "view"],
        ),
    ] {
        refused(&format!("{lines}{allow}"), &words).await;
    }
}

#[tokio::test]
async fn what_is_told_fits_the_request() {
    let allow = "\nexpect = \"allow\"";
    for (lines, words) in [
        (
            "request = \"list posts\"\nstored = { a = 1 }",
            ["stored: list is about no one record", "stored"],
        ),
        (
            "request = \"view posts/p1\"\nstored = { id = \"p2\" }",
            ["stored: its id is", "\"p1\""],
        ),
        (
            "request = \"view posts/p1\"\nstored = \"nothing\"",
            ["stored: expected a record", "\"none\" or \"fault\""],
        ),
        (
            "request = \"view posts/p1\"\nbatch_index = 1",
            ["batch_index: only a create", "batch"],
        ),
        (
            "request = \"view posts/p1\"\nresponse = { a = 1 }",
            ["response: it has no id", "id"],
        ),
        (
            "request = \"delete posts/p1\"\nresponse = { id = \"p1\" }",
            ["response: delete is answered without JSON", "\"empty\""],
        ),
        (
            "request = \"subscribe posts/*\"\nresponse = { id = \"p1\" }",
            ["response: a subscription has no answer", "event"],
        ),
        (
            "request = \"event posts/p1\"",
            ["response: an event is a record", "response = "],
        ),
        (
            "request = \"view posts/p1\"\nresponse = { id = \"p1\" }\nresponse_status = 404",
            ["response_status: what PocketBase refuses", "200 to 299"],
        ),
        (
            "request = \"view posts/p1\"\ntime = \"soon\"",
            ["time: expected a moment", "2026-01-02T03:04:05Z"],
        ),
        (
            "request = \"view posts/p1\"\nuploads = [{ field = \"a\", name = \"b\", size = 1, type = \"c\" }]",
            ["uploads: files come with", "update"],
        ),
    ] {
        refused(&format!("{lines}{allow}"), &words).await;
    }
}

#[tokio::test]
async fn a_file_is_refused_with_all_that_is_wrong_with_it() {
    let two = "[[case]]\nname = \"a\"\nrequest = \"list posts\"\n[[case]]\nname = \"b\"\nrequest = \"x\"\nexpect = \"allow\"";
    let words = [
        "tests.toml:2: case \"a\", expect:",
        "tests.toml:5: case \"b\", request:",
    ];
    ends(2, &test("allow_all", two).await, &words);
    for (tests, words) in [
        ("", ["has no case", "[[case]]"]),
        (
            "[[case]]\nname = \"a\"\nexpct = \"allow\"",
            ["case \"a\"", "did you mean `expect`?"],
        ),
        ("[setting]", ["line 2", "did you mean `settings`?"]),
        (
            "[[case]]\nrequest = \"list posts\"\nexpect = \"allow\"",
            ["name: a case has a name", "tests.toml:2"],
        ),
        (
            "[[case]]\nname = \"a\"\nrequest = \"list posts\"\nexpect = \"allow\"\n[[case]]\nname = \"a\"\nrequest = \"list posts\"\nexpect = \"allow\"",
            ["name: another case has it", "tests.toml:6"],
        ),
        (
            "[[matrix]]\nname = \"m\"\nas = [\"guest\"]\n[matrix.requests]\n\"list posts\" = [\"allow\", \"deny\"]",
            ["requests: \"list posts\"", "a list of 1"],
        ),
        (
            "[[matrix]]\nname = \"m\"\nas = [\"guest\"]\nstored = { a = 1 }\n[matrix.requests]\n\"list posts\" = \"allow\"",
            ["stored: no request of the matrix", "use for it"],
        ),
        (
            "[[matrix]]\nname = \"m\"\nas = []\n[matrix.requests]\n\"list posts\" = \"allow\"",
            ["as: nobody asks", "guest"],
        ),
        (
            "[collections.posts]\nfields = { a = \"txt\" }\n[[case]]\nname = \"a\"\nrequest = \"list posts\"\nexpect = \"allow\"",
            ["fields.a is \"txt\"", "did you mean \"text\"?"],
        ),
        (
            "grants = [\"hapta:rule/sockets\"]\n[[case]]\nname = \"a\"\nrequest = \"list posts\"\nexpect = \"allow\"",
            ["grants:", "nothing that can be granted"],
        ),
        (
            "schema = \"gone.json\"\n[[case]]\nname = \"a\"\nrequest = \"list posts\"\nexpect = \"allow\"",
            ["schema:", "gone.json"],
        ),
    ] {
        ends(2, &test("allow_all", tests).await, &words);
    }
}

#[tokio::test]
async fn what_can_not_be_tried_ends_otherwise_than_what_fails() {
    let case = "[[case]]\nname = \"a\"\nrequest = \"list posts\"\nexpect = \"allow\"";
    let ended = with("allow_all", case)
        .argument("--filter")
        .argument("zebra")
        .run("test")
        .await;
    ends(
        2,
        &ended,
        &["has \"zebra\" in its name", "its cases: \"a\""],
    );
    let ended = with("allow_all", case)
        .argument("--rule")
        .argument("gone.wasm")
        .run("test")
        .await;
    ends(2, &ended, &["gone.wasm", "cannot be read"]);
    let ended = with("allow_all", case)
        .argument("nowhere")
        .run("test")
        .await;
    ends(2, &ended, &["there is no nowhere"]);
    let ended = test("imports_sockets", case).await;
    ends(2, &ended, &["imports wasi:sockets", "not granted"]);
    let ended = with("allow_all", case)
        .argument("--filter")
        .argument("zebra")
        .argument("--json");
    let ended = ended.run("test").await;
    ends(2, &ended, &["{\"error\":"]);
}
