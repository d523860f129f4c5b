//! What PocketBase would answer a rule, as a case tells it.

use super::{fails, passes};

#[tokio::test]
async fn a_stored_record_is_there_or_not_or_pocketbase_is_away() {
    let tests = r#"
        [principals.ada]
        [[case]]
        name = "hers"
        as = "ada"
        request = "delete posts/p1"
        stored = { author = "ada" }
        expect = "allow"
        [[case]]
        name = "there is none"
        as = "ada"
        request = "delete posts/p1"
        stored = "none"
        status = 404
        code = "no_record"
        [[case]]
        name = "nobody answers"
        as = "ada"
        request = "delete posts/p1"
        stored = "fault"
        status = 424
    "#;
    passes("stored_reader", tests).await;
    let untold = tests.replace("stored = \"none\"\n", "\n");
    let words = [
        "there is none",
        "of which nothing is told",
        "stored = { … }",
    ];
    fails("stored_reader", &untold, &words).await;
}

/// A rule that tells what it finds.
fn reader(settings: &str, more: &str) -> String {
    format!(
        r#"grants = ["hapta:rule/records"]
        reads = ["members"]
        {more}
        [settings]
        collection = "members"
        {settings}
        [principals.ada]
        record = {{ team = "t1" }}
        [records]
        members = [
            {{ id = "m1", user = "ada", team = "t1", joined = 2026-01-01T10:00:00Z, active = true }},
            {{ id = "m2", user = "bob", team = "t1", joined = 2026-03-01T10:00:00Z, active = false }},
            {{ id = "m3", user = "cleo", team = "", joined = 2026-02-01T10:00:00Z, active = true }},
        ]
        [[case]]
        name = "what is found"
        as = "ada"
        request = "list posts"
        time = 2026-02-10T00:00:00Z
        expect = "deny"
        code = "reader""#
    )
}

/// Found first, and how many are found.
async fn finds(filter: &str, sort: &str, first: Option<&str>, count: u64) {
    let tests = reader(&format!("filter = {filter:?}\nsort = {sort:?}"), "");
    let joined = |id: &str| match id {
        "m1" => {
            r#""active":true,"collectionId":"pbc_members","collectionName":"members","id":"m1","joined":"2026-01-01 10:00:00.000Z","team":"t1","user":"ada""#
        }
        "m2" => {
            r#""active":false,"collectionId":"pbc_members","collectionName":"members","id":"m2","joined":"2026-03-01 10:00:00.000Z","team":"t1","user":"bob""#
        }
        _ => {
            r#""active":true,"collectionId":"pbc_members","collectionName":"members","id":"m3","joined":"2026-02-01 10:00:00.000Z","team":"","user":"cleo""#
        }
    };
    let first = first.map_or("null".to_owned(), |id| format!("{{{}}}", joined(id)));
    let message = format!(r#"{{"count":{count},"first":{first}}}"#);
    passes("reader", &format!("{tests}\nmessage = '''{message}'''")).await;
}

#[tokio::test]
async fn records_are_found_as_pocketbase_would_find_them() {
    finds("", "", Some("m1"), 3).await;
    finds("user = {:me}", "", Some("m1"), 1).await;
    finds("team = 't1' && user != {:me}", "", Some("m2"), 1).await;
    finds("team = null || user ~ 'AD'", "-user", Some("m3"), 2).await;
    finds("active = true && joined <= @now", "-joined", Some("m3"), 2).await;
    finds("joined > @todayEnd", "", Some("m2"), 1).await;
    finds("team = @request.auth.team", "joined", Some("m1"), 2).await;
    finds("user ?= 'nobody'", "", None, 0).await;
}

#[tokio::test]
async fn what_a_case_does_not_tell_fails_it() {
    let expected = "\nmessage = \"x\"";
    for (settings, more, words) in [
        (
            "filter = \"role = 'x'\"",
            "",
            ["\"role\", which the record does not tell", "members"],
        ),
        (
            "filter = \"team.name = 'x'\"",
            "",
            ["team.name", "leads beyond the record"],
        ),
        ("filter = \"user = 3\"", "", ["one is a number", "members"]),
        ("sort = \"@random\"", "", ["by chance", "members"]),
    ] {
        fails("reader", &(reader(settings, more) + expected), &words).await;
    }
    let other = reader("", "").replace("collection = \"members\"", "collection = \"teams\"");
    let words = [
        "records of \"teams\", of which nothing is told",
        "teams = [ … ]",
    ];
    fails("reader", &(other + expected), &words).await;
    // Where all collections are told, there is just no other.
    let hidden = "[collections.members]\nhidden = [\"team\"]";
    let asked = reader("filter = \"team = 't1'\"", hidden);
    let refused = r#"{"count":{"fault":"PocketBase does not take the filter: PocketBase does not take it"},"first":{"fault":"x"}}"#;
    fails(
        "reader",
        &format!("{asked}\nmessage = '''{refused}'''"),
        &["PocketBase does not take it"],
    )
    .await;
}

#[tokio::test]
async fn as_the_gateway_a_rule_reads_what_it_is_granted() {
    let gateway = reader("as_gateway = true\nid = \"m2\"", "");
    let found = r#"{"active":false,"collectionId":"pbc_members","collectionName":"members","id":"m2","joined":"2026-03-01 10:00:00.000Z","team":"t1","user":"bob"}"#;
    passes("reader", &format!("{gateway}\nmessage = '''{found}'''")).await;
    let ungranted = gateway.replace("reads = [\"members\"]", "");
    fails(
        "reader",
        &format!("{ungranted}\nmessage = \"x\""),
        &["may not be read as the gateway"],
    )
    .await;
}

#[tokio::test]
async fn each_case_begins_with_the_counters_that_it_tells() {
    let tests = r#"
        grants = ["hapta:rule/counters"]
        [settings]
        records = 3
        [principals.ada]
        [[case]]
        name = "the last of the quota"
        as = "ada"
        request = "create posts"
        counters = { "posts/users/ada" = 2 }
        expect = "allow"
        counted = { "posts/users/ada" = 3 }
        notes = { quota = "3 of 3" }
        [[case]]
        name = "one too many is not counted"
        as = "ada"
        request = "create posts"
        counters = { "posts/users/ada" = 3 }
        status = 429
        code = "quota_used_up"
        counted = { "posts/users/ada" = 3 }
        [[case]]
        name = "the first"
        as = "ada"
        request = "create posts"
        expect = "allow"
        counted = { "posts/users/ada" = 1, "posts/users/bob" = 0 }
    "#;
    passes("quota", tests).await;
    let wrong = tests.replace(
        "counted = { \"posts/users/ada\" = 1,",
        "counted = { \"posts/users/ada\" = 2,",
    );
    fails(
        "quota",
        &wrong,
        &["counted differs", "-   \"posts/users/ada\": 2"],
    )
    .await;
}

/// What the probe sees, in the message of its denial.
async fn sees(case: &str, seen: &[&str]) {
    let tests = format!("{case}\nmessage = \"\"");
    fails("probe", &tests, seen).await;
}

#[tokio::test]
async fn a_rule_is_told_what_the_gateway_would_tell_it() {
    let people = r#"
        [collections.users]
        hidden = ["salary"]
        fields = { pin = "password" }
        [principals.ada]
        record = { name = "Ada", salary = 9, pin = "1234", tokenKey = "k" }
    "#;
    sees(
        &format!("{people}[[case]]\nname = \"x\"\nas = \"ada\"\nrequest = \"create users\"\nip = \"203.0.113.7\"\nbatch_index = 2\ntime = 1970-01-01T00:00:01Z\nbody = {{ pin = \"9\", password = \"p\" }}"),
        &["203.0.113.7", "\"name\":\"Ada\"", "[masked]", "1000"],
    )
    .await;
    for secret in ["salary", "1234", "tokenKey"] {
        let tests = format!(
            "{people}[[case]]\nname = \"x\"\nas = \"ada\"\nrequest = \"list posts\"\nmessage = \"\""
        );
        let ended = super::test("probe", &tests).await;
        assert!(!ended.output.contains(secret), "{}", ended.output);
    }
    sees(
        "[[case]]\nname = \"x\"\nas = \"superuser\"\nrequest = \"view posts/p1\"",
        &["_superusers", "\"is_superuser\":true"],
    )
    .await;
    sees(
        "[settings]\nin = \"reveal\"\n[[case]]\nname = \"x\"\nrequest = \"event posts/p1\"\naction = \"create\"\nresponse = { id = \"p1\", title = \"t\" }",
        &["0.0.0.0", "\"title\":\"t\"", "event"],
    )
    .await;
    sees(
        "[settings]\nquery = [\"filter\"]\n[[case]]\nname = \"x\"\nrequest = \"subscribe posts/*\"\nquery = { filter = \"a = 1\" }",
        &["subscribe", "a=1"],
    )
    .await;
}

#[tokio::test]
async fn files_are_told_without_their_bytes() {
    let tests = r#"
        [settings]
        types = ["text/html"]
        [[case]]
        name = "a page for a picture"
        request = "create posts"
        uploads = [{ field = "cover", name = "a.png", size = 100, type = "text/html" }]
        expect = "deny"
        [[case]]
        name = "a picture"
        request = "update posts/p1"
        uploads = [{ field = "cover", name = "a.png", size = 100, type = "image/png" }]
        expect = "allow"
    "#;
    passes("upload_judge", tests).await;
}

#[tokio::test]
async fn the_schema_may_be_pocketbases_export_and_is_kept_to_then() {
    let export = r#"[{"id": "pbc_1", "name": "posts", "type": "base", "system": false, "fields": [
        {"name": "id", "type": "text", "hidden": false}, {"name": "title", "type": "text", "hidden": false}]}]"#;
    let tests = "schema = \"pb_schema.json\"\n[[case]]\nname = \"x\"\nrequest = \"create posts\"\nbody = { title = 3 }\nedited = { title = \"edited\" }";
    let program = super::with("editor", tests);
    std::fs::write(program.folder().join("pb_schema.json"), export).expect("writes it");
    super::ends(0, &program.run("test").await, &["1 passed"]);
    let wrong = tests.replace("title = 3", "titel = 3");
    let program = super::with("editor", &wrong);
    std::fs::write(program.folder().join("pb_schema.json"), export).expect("writes it");
    let words = [
        "body",
        "before any rule is asked",
        "no field for the key \"titel\"",
    ];
    super::ends(2, &program.run("test").await, &words);
}
