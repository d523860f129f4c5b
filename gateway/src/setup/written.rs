//! `hapta.toml`, as it is written for somebody who has none yet.

use std::fmt::Write;

use super::{Choice, Findings, Told};
use crate::upstream::Forwarding;

/// Comments are broken after so many letters.
const WIDTH: usize = 96;

/// The whole file.
#[must_use]
pub fn hapta_toml(findings: &Findings) -> String {
    let mut file = String::new();
    head(&mut file, findings);
    server(&mut file, findings);
    pocketbase(&mut file, findings);
    limits(&mut file, findings);
    rules(&mut file, findings);
    collections(&mut file, findings);
    file
}

fn head(file: &mut String, findings: &Findings) {
    line(file, "#:schema ./hapta.schema.json");
    let release = findings.release.as_deref().unwrap_or("PocketBase");
    comment(
        file,
        &format!(
            "The gateway before {} ({release}), as hapta init wrote it. What is not said here has its default.",
            findings.pocketbase
        ),
    );
    line(file, "#");
    comment(
        file,
        "Secrets are not in here; hapta check and hapta serve take them from the environment:",
    );
    line(
        file,
        "#   ADMIN_PASSWORD    the password of the superuser below",
    );
    line(
        file,
        "#   HAPTA_ADMIN_KEY   opens the listener for operators; openssl rand -base64 32 makes one",
    );
    let told = &findings.original.told;
    if !told.is_empty() {
        line(file, "#");
        comment(file, "What became of the original's keys:");
        for Told { key, what, .. } in told {
            wrapped(file, &format!("{key}: {what}"), ("#   ", "#     "));
        }
    }
}

fn server(file: &mut String, findings: &Findings) {
    line(file, "\n[server]");
    comment(
        file,
        "Where clients connect. On every address of the machine: \"0.0.0.0:443\".",
    );
    line(
        file,
        &format!("listen = {}", text(&findings.listen.to_string())),
    );
    comment(
        file,
        &format!(
            "Where clients reach the gateway, if that is not the address above. The links in PocketBase's mails lead to {}: hapta check says whether that is here.",
            findings
                .app_url
                .as_deref()
                .unwrap_or("what its Application URL says")
        ),
    );
    line(file, "#public_url = \"https://api.example.com\"");
    comment(
        file,
        "Web pages whose scripts may ask; name yours in production. [\"*\"]: any.",
    );
    line(file, "origins = [\"*\"]");
    if findings.original.tls {
        line(file, "\n[server.tls]");
        line(file, "certificate = \"certs/public.pem\"");
        line(file, "key = \"certs/private.pem\"");
    }
    let off = if findings.has_admin_key { "" } else { "#" };
    line(file, "");
    comment(
        file,
        "Health, metrics and status, for operators; with HAPTA_ADMIN_KEY in the environment.",
    );
    line(file, &format!("{off}[admin]"));
    line(file, &format!("{off}listen = \"127.0.0.1:8092\""));
}

fn pocketbase(file: &mut String, findings: &Findings) {
    line(file, "\n[pocketbase]");
    comment(
        file,
        "Nobody but the gateway should reach it: past the gateway no rule is asked.",
    );
    line(file, &format!("url = {}", text(&findings.pocketbase)));
    if !findings.is_tested {
        comment(
            file,
            "The gateway was not tested with this release, which may have ways that no rule watches. \"refuse\", the default, does not serve it.",
        );
        line(file, "untested = \"allow\"");
    }
    match &findings.forwarding {
        Forwarding::Trusted => {
            comment(
                file,
                "PocketBase takes clients' addresses from this header of the gateway's.",
            );
        }
        Forwarding::Untrusted { .. } => comment(
            file,
            "PocketBase does not take clients' addresses from this header yet, so to it all clients have one: dashboard, Settings > Application > User IP proxy headers.",
        ),
        Forwarding::Unknown => comment(
            file,
            "PocketBase must take clients' addresses from this header: dashboard, Settings > Application > User IP proxy headers.",
        ),
    }
    line(file, "forwarding_header = \"X-Real-IP\"");
    line(file, "");
    comment(
        file,
        "As whom the gateway reads the schema, and stored records for rules. Clients' requests never go as this one. The password is ADMIN_PASSWORD.",
    );
    line(file, "[pocketbase.superuser]");
    line(file, &format!("email = {}", text(&findings.email)));
}

fn limits(file: &mut String, findings: &Findings) {
    let original = &findings.original;
    if !original.limits.is_empty() {
        line(file, "\n[limits]");
        comment(
            file,
            "From ratelimits. The original let those wait who asked too often; here they are told so, with 429 and Retry-After.",
        );
        for (class, rate) in &original.limits {
            let bans = match rate.max_uses {
                0 => String::new(),
                uses => format!(", max_uses = {uses}"),
            };
            line(
                file,
                &format!(
                    "{class} = {{ limit = {}, every = \"{}s\"{bans} }}",
                    rate.limit, rate.seconds
                ),
            );
        }
    }
    if !original.uploads.is_empty() {
        line(file, "\n[uploads]");
        for (key, value) in &original.uploads {
            line(file, &format!("{key} = {value}"));
        }
    }
}

fn rules(file: &mut String, findings: &Findings) {
    line(file, "\n[rules]");
    comment(
        file,
        "A rule that is dropped in here judges the collections that its manifest names and that say rules = \"folder\".",
    );
    line(file, &format!("folder = {}", text(&findings.rules_folder)));
    line(file, "");
    comment(
        file,
        "A rule with settings and a name of its own, for rules = [\"my-rule\"]. To begin one: hapta new my-rule --lang ts",
    );
    line(file, "#[[rule]]");
    line(file, "#name = \"my-rule\"");
    line(file, "#file = \"my-rule/build/my-rule.wasm\"");
}

fn collections(file: &mut String, findings: &Findings) {
    line(file, "");
    comment(
        file,
        "What is served, and who judges it. A collection that has no section does not exist for clients. Each is left to PocketBase's own rules, which are told as they stand; to add a rule, which can refuse more and never allow more, say",
    );
    line(
        file,
        "#   rules = [\"my-rule\"]     this rule, or several in their order",
    );
    line(
        file,
        "#   rules = \"folder\"        the rules of the folder that are for it",
    );
    for choice in findings.choices.iter().filter(|choice| choice.is_exposed) {
        section(file, choice);
    }
    let left: Vec<&Choice> = findings
        .choices
        .iter()
        .filter(|choice| !choice.is_exposed)
        .collect();
    let (own, closed): (Vec<&Choice>, Vec<_>) = left
        .into_iter()
        .partition(|choice| choice.name.starts_with('_'));
    for choice in closed {
        line(file, "");
        comment(
            file,
            &format!(
                "{} ({}): not served. Its rules let superusers alone do anything.",
                choice.name, choice.kind
            ),
        );
        line(file, &format!("#[collections.{}]", key(&choice.name)));
        line(file, "#rules = \"pocketbase\"");
    }
    if !own.is_empty() {
        let names: Vec<&str> = own.iter().map(|choice| choice.name.as_str()).collect();
        line(file, "");
        comment(
            file,
            &format!(
                "Left out, as PocketBase's own: {}. superusers.routes = \"on\" serves them to superusers.",
                names.join(", ")
            ),
        );
    }
}

fn section(file: &mut String, choice: &Choice) {
    line(file, "");
    comment(file, &format!("{} ({})", choice.name, choice.kind));
    let width = choice
        .lets_through
        .iter()
        .map(|(operations, _)| operations.len())
        .max()
        .unwrap_or_default();
    for (operations, who) in &choice.lets_through {
        line(file, &format!("#   {operations:width$}   {who}"));
    }
    for advice in &choice.advice {
        wrapped(file, advice, ("# - ", "#   "));
    }
    line(file, &format!("[collections.{}]", key(&choice.name)));
    line(file, "rules = \"pocketbase\"");
}

fn line(file: &mut String, line: &str) {
    // To a text nothing fails.
    let _ = writeln!(file, "{line}");
}

fn comment(file: &mut String, text: &str) {
    wrapped(file, text, ("# ", "# "));
}

/// A text in lines, the first with one beginning and the others with another.
fn wrapped(file: &mut String, text: &str, (first, other): (&str, &str)) {
    let mut written = first.to_owned();
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && written.chars().count() + 1 + word.chars().count() > WIDTH {
            line(file, &written);
            other.clone_into(&mut written);
            is_empty = true;
        }
        if !is_empty {
            written.push(' ');
        }
        written.push_str(word);
        is_empty = false;
    }
    line(file, &written);
}

/// A text as TOML has it.
fn text(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A name as a key: bare where it may be.
fn key(name: &str) -> String {
    let is_bare = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else {
        text(name)
    }
}
