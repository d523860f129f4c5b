//! Which PocketBase is spoken to, as tables.

use super::*;

fn release(text: &str) -> Option<Release> {
    Release::at_the_start_of(text)
}

/// The signs of a release since 0.23.
fn signs(named: &str) -> Signs {
    Signs {
        release: release(named),
        has_admins: false,
        has_batch: true,
    }
}

#[track_caller]
fn check(signs: Signs, refuse: Result<bool, Unsupported>, allow: Result<bool, Unsupported>) {
    for (untested, expected) in [(Untested::Refuse, refuse), (Untested::Allow, allow)] {
        let verdict = judge(signs, untested);
        assert_eq!(
            verdict.map(|version| version.is_tested),
            expected,
            "{signs:?} {untested:?}"
        );
    }
}

#[test]
fn tested_lines_pass_with_any_patch() {
    for named in ["0.23.0", "0.23.12", "0.36.9", "0.40.0", "0.40.6", "0.40.99"] {
        check(signs(named), Ok(true), Ok(true));
    }
}

#[test]
fn newer_lines_pass_only_where_that_is_allowed() {
    for named in ["0.41.0", "0.400.0", "1.0.0"] {
        let too_new = Unsupported::TooNew(release(named).unwrap());
        check(signs(named), Err(too_new), Ok(false));
    }
}

#[test]
fn what_names_no_release_passes_only_where_that_is_allowed() {
    check(signs(""), Err(Unsupported::Unknown), Ok(false));
}

#[test]
fn what_is_too_old_never_passes() {
    let old = Signs {
        has_admins: true,
        has_batch: false,
        ..signs("0.22.27")
    };
    let cases = [
        old,
        signs("0.22.27"),
        signs("0.7.0"),
        Signs {
            release: None,
            ..old
        },
        // Whatever it says about itself.
        Signs {
            has_admins: true,
            ..signs("0.40.6")
        },
        Signs {
            has_batch: false,
            ..signs("0.40.6")
        },
    ];
    for signs in cases {
        let too_old = Unsupported::TooOld(signs.release);
        check(signs, Err(too_old.clone()), Err(too_old));
    }
}

#[test]
fn the_script_is_read_from_the_page() {
    for (page, expected) in [
        (
            r#"<script type="module" crossorigin src="./assets/index-B7vkkFa_.js"></script>"#,
            Some("/_/assets/index-B7vkkFa_.js"),
        ),
        (
            r#"<script src="./libs/a.js"></script><script src="./assets/index-0HOq-_.js"></script>"#,
            Some("/_/assets/index-0HOq-_.js"),
        ),
        (
            r#"<script src="./assets/index-a/../../b.js"></script>"#,
            None,
        ),
        (r#"<script src="./assets/index-a b.js"></script>"#, None),
        (
            r#"<script src="https://x/assets/index-a.js"></script>"#,
            None,
        ),
        ("", None),
    ] {
        assert_eq!(script_in(page.as_bytes()).as_deref(), expected, "{page}");
    }
}

#[test]
fn the_release_is_read_from_the_script() {
    for (script, expected) in [
        (r#"o.textContent="PocketBase v0.23.12",p(e"#, "0.23.12"),
        ("label:`PocketBase v0.40.6`}],header", "0.40.6"),
        ("PocketBase v0.41.0-rc2`", "0.41.0"),
        (
            "PocketBase v0.40.6` PocketBase version PocketBase v0.40.6`",
            "0.40.6",
        ),
        ("PocketBase v0.40.6` PocketBase v0.40.5`", ""),
        ("PocketBase v0.40`", ""),
        ("PocketBase v0.40.6.1`", ""),
        ("PocketBase v99999999999.0.0`", ""),
        ("PocketBase v", ""),
        ("", ""),
    ] {
        assert_eq!(release_in(script.as_bytes()), release(expected), "{script}");
    }
}

#[test]
fn a_refusal_says_what_to_do() {
    for (unsupported, expected) in [
        (
            Unsupported::TooOld(release("0.22.27")),
            "PocketBase 0.22.27 is too old: the gateway speaks to 0.23 and newer only",
        ),
        (
            Unsupported::TooNew(release("0.41.0").unwrap()),
            "set pocketbase.untested = \"allow\"",
        ),
        (Unsupported::Unknown, "set pocketbase.untested = \"allow\""),
    ] {
        let text = unsupported.to_string();
        assert!(text.contains(expected), "{text}");
    }
}
