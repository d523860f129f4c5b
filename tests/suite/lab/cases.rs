//! Verdicts, edits and what remains.

use super::{fails, passes};

/// Two people, and a post of one of them.
const OWNERSHIP: &str = r#"
[settings]
hide = ["secret_note"]
[principals.ada]
[principals.bob]
record = { name = "Bob" }
[[matrix]]
name = "a post of ada"
as = ["guest", "ada", "bob", "superuser"]
stored = { author = "ada" }
body = { title = "New" }
[matrix.requests]
"update posts/p1" = ["deny ownership_required", "allow", "deny ownership_required", "deny ownership_required"]
"delete posts/p1" = ["deny ownership_required", "allow", "deny ownership_required", "deny"]
"view posts/p1" = "allow"
"#;

#[tokio::test]
async fn who_may_do_what_is_a_table() {
    passes("ownership", OWNERSHIP).await;
    let wrong = OWNERSHIP.replace("\"allow\", \"deny\"", "\"allow\", \"allow\"");
    let wrong = wrong.replacen("\"allow\", \"deny owner", "\"deny owner\", \"deny owner", 1);
    fails(
        "ownership",
        &wrong,
        &[
            "a post of ada: update posts/p1 as ada",
            "expected deny owner",
            "got allow",
            "12 cases: 11 passed, 1 failed",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_denial_is_held_to_its_code_status_message_and_fields() {
    let case = |expected: &str| {
        format!(
            "[principals.ada]\n[[case]]\nname = \"x\"\nas = \"ada\"\nrequest = \"update users/ada\"\nbody = {{ followers = 1, bio = \"b\", postr_plus = true }}\n{expected}"
        )
    };
    let right = r#"
        expect = "deny"
        status = 403
        code = "ownership_required"
        message = "These fields are not yours to change."
        fields = ["postr_plus", "followers"]
        moment = "before""#;
    passes("ownership", &case(right)).await;
    for (wrong, word) in [
        ("status = 404", "status: expected 404"),
        ("code = \"other\"", "code: expected other"),
        ("message = \"No.\"", "got These fields are not"),
        ("fields = [\"bio\"]", "got followers, postr_plus"),
        (
            "expect = \"allow\"",
            "got deny ownership_required in before (403: These",
        ),
    ] {
        fails("ownership", &case(wrong), &[word]).await;
    }
}

#[tokio::test]
async fn an_edit_is_seen_as_it_would_be_sent() {
    let case = |expected: &str| {
        format!(
            "[settings]\ntitle = \"mine\"\n[[case]]\nname = \"x\"\nrequest = \"create posts\"\nbody = {{ title = \"yours\", votes = 1 }}\nedited = {expected}"
        )
    };
    passes("editor", &case("{ title = \"mine\", votes = 1.0 }")).await;
    let words = [
        "edited differs",
        "-   \"title\": \"yours\"",
        "+   \"title\": \"mine\"",
    ];
    fails("editor", &case("\"unchanged\""), &words).await;
    // A field that nobody told of may be one, unless all are told.
    let fresh = "[settings]\nfield = \"slug\"\ntitle = \"123\"\n[[case]]\nname = \"x\"\nrequest = \"create posts\"\nedited = { slug = \"123\" }";
    passes("editor", fresh).await;
    let typed = format!("[collections.posts]\nfields = {{ slug = \"number\" }}\n{fresh}");
    fails("editor", &typed, &["edited differs", "+   \"slug\": 123"]).await;
}

#[tokio::test]
async fn what_remains_of_an_answer_is_all_of_it() {
    let hide = "[settings]\nfields = [\"secret\"]\n[[case]]\nname = \"x\"\n";
    for (request, response, remains) in [
        (
            "view posts/p1",
            "{ id = \"p1\", secret = 1, a = 2 }",
            "{ id = \"p1\", a = 2 }",
        ),
        (
            "list posts",
            "[{ id = \"p1\", secret = 1 }, { id = \"p2\" }]",
            "[{ id = \"p1\" }, { id = \"p2\" }]",
        ),
        (
            "event posts/p1",
            "{ id = \"p1\", secret = 1 }",
            "{ id = \"p1\" }",
        ),
        (
            "authWithPassword users",
            "{ record = { id = \"u1\", secret = 1 } }",
            "{ id = \"u1\" }",
        ),
        (
            "view posts/p1",
            "{ id = \"p1\", expand = { author = { id = \"u1\", collectionName = \"posts\", secret = 1 } } }",
            "{ id = \"p1\", expand = { author = { id = \"u1\", collectionName = \"posts\" } } }",
        ),
    ] {
        let case = |remains: &str| {
            format!("{hide}request = \"{request}\"\nresponse = {response}\nremains = {remains}")
        };
        passes("hide_field", &case(remains)).await;
        fails(
            "hide_field",
            &case("\"unchanged\""),
            &["remains differs", "\"secret\""],
        )
        .await;
    }
}

#[tokio::test]
async fn a_dropped_record_leaves_a_list_without_totals() {
    let tests = r#"
        [settings]
        field = "status"
        value = "hidden"
        [[case]]
        name = "a list is shorter"
        request = "list posts"
        response = [{ id = "p1", status = "hidden" }, { id = "p2" }]
        remains = { items = [{ id = "p2" }], totalItems = -1, totalPages = -1 }
        [[case]]
        name = "one record is denied"
        request = "view posts/p1"
        response = { id = "p1", status = "hidden" }
        code = "dropped"
        moment = "reveal"
        [[case]]
        name = "a rule that does not say so fails"
        settings = { declare = false }
        request = "list posts"
        response = [{ id = "p1", status = "hidden" }]
        expect = "fault"
        code = "rule_undeclared"
        moment = "reveal"
    "#;
    passes("drop_records", tests).await;
}

#[tokio::test]
async fn what_is_around_a_lists_records_is_held_to_as_well() {
    let case = |remains: &str| {
        format!(
            "[[case]]\nname = \"x\"\nrequest = \"list posts\"\nresponse = [{{ id = \"p1\" }}]\nremains = {remains}"
        )
    };
    passes("allow_all", &case("[{ id = \"p1\" }]")).await;
    passes("allow_all", &case("\"unchanged\"")).await;
    fails(
        "allow_all",
        &case("{ items = [{ id = \"p1\" }], totalItems = 99 }"),
        &["remains differs", "99"],
    )
    .await;
    // What the rule lets be is unchanged, also where such lists have no totals.
    let dropping = format!(
        "[settings]\nfield = \"status\"\nvalue = \"hidden\"\n{}",
        case("\"unchanged\"")
    );
    passes("drop_records", &dropping).await;
}

#[tokio::test]
async fn narrowing_is_held_to_its_meaning_and_not_to_its_spelling() {
    let tests = r#"
        [principals.ada]
        [[case]]
        name = "a list"
        as = "ada"
        request = "list posts"
        narrowed = "author   =   'ada'"
        [[case]]
        name = "a view is not narrowed"
        as = "ada"
        request = "view posts/p1"
        expect = "allow"
    "#;
    passes("narrower", tests).await;
    let wrong = tests.replace("author   =   'ada'", "");
    fails(
        "narrower",
        &wrong,
        &["narrowed: expected nothing", "got author='ada'"],
    )
    .await;
}

#[tokio::test]
async fn a_rule_that_fails_is_told_from_one_that_denies() {
    let fault = |moment: &str, code: &str| {
        format!(
            "[limits]\ncpu = \"5ms\"\n[settings]\nin = \"{moment}\"\n[[case]]\nname = \"x\"\nrequest = \"view posts/p1\"\nresponse = {{ id = \"p1\" }}\nexpect = \"fault\"\ncode = \"{code}\"\nmoment = \"{moment}\""
        )
    };
    passes("trap", &fault("before", "rule_trap")).await;
    passes("trap", &fault("after", "rule_trap")).await;
    passes("endless_loop", &fault("reveal", "rule_cpu")).await;
    let denies = fault("before", "rule_trap").replace("\"fault\"", "\"deny\"");
    fails("trap", &denies, &["got fault in before: rule \"trap\""]).await;
}

#[tokio::test]
async fn notes_and_lines_of_the_log_are_all_of_them() {
    let tests = r#"
        [settings]
        headers = ["x-from"]
        query = ["expand"]
        body = ["/identity", "/password"]
        [[case]]
        name = "what a login brings along, but its secrets"
        request = "authWithPassword users"
        headers = { "X-From" = "here", authorization = "a token" }
        query = { expand = "team" }
        body = { identity = "ada@example.com", password = "secret" }
        expect = "allow"
        notes = { before = "noted", x-from = "here", expand = "team", "/identity" = "ada@example.com", "/password" = "[masked]" }
    "#;
    passes("noter", tests).await;
    let wrong = tests.replace("before = \"noted\", ", "");
    fails(
        "noter",
        &wrong,
        &["notes differs", "+   \"before\": \"noted\""],
    )
    .await;
    let log = "grants = [\"hapta:rule/log\"]\n[settings]\nmessage = \"seen\"\ntimes = 2\n[[case]]\nname = \"x\"\nrequest = \"list posts\"\nexpect = \"allow\"\nlog = ";
    passes("logger", &format!("{log}[\"seen 1\", \"seen 2\"]")).await;
    fails(
        "logger",
        &format!("{log}[\"seen 1\"]"),
        &["log differs", "+   \"seen 2\""],
    )
    .await;
}

#[tokio::test]
async fn settings_can_be_expected_to_be_refused() {
    let case = |settings: &str, expected: &str| {
        format!(
            "[settings]\nrecords = 1\n[[case]]\nname = \"x\"\nrequest = \"create posts\"\nsettings = {settings}\n{expected}"
        )
    };
    let grants = "grants = [\"hapta:rule/counters\"]\n";
    let refuse = "expect = \"refuse\"\nmessage = \"at least 1\"";
    passes(
        "quota",
        &format!("{grants}{}", case("{ records = 0 }", refuse)),
    )
    .await;
    let taken = format!("{grants}{}", case("{ guests = true }", refuse));
    fails("quota", &taken, &["expected refuse", "got allow"]).await;
    let unasked = format!("{grants}{}", case("{ records = 0 }", "expect = \"allow\""));
    fails(
        "quota",
        &unasked,
        &["got refuse: ", "at least 1 must be allowed"],
    )
    .await;
}
