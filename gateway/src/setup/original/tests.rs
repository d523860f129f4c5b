//! The original's own files.

use super::*;

/// As its README has it.
const README: &str = "export default {
    port: 3000,
    hostname: \"localhost\",
    developmentMode: true, 
    ratelimits:{
        default:{
            limit: 10,
            every: 1000,
            maxUses: 0
        },
        list:{
            limit: 10,
            every: 60 * 1000,
            maxUses: 50
        }, 
    }, 
    rules: '/rules.ts',
}";

#[test]
fn the_file_of_the_readme_is_taken_over() {
    let original = Original::read(README).unwrap();
    assert_eq!(original.port, Some(3000));
    assert_eq!(original.address, Some(IpAddr::from([127, 0, 0, 1])));
    let rate = |limit, seconds, max_uses| Rate {
        limit,
        seconds,
        max_uses,
    };
    let limits = [("default", rate(10, 1, 0)), ("list", rate(10, 60, 50))];
    assert_eq!(original.limits, limits);
    let left = original.told.iter().filter(|told| told.is_left);
    let left: Vec<_> = left.map(|told| told.key.as_str()).collect();
    assert_eq!(left, ["developmentMode", "rules"]);
}

#[test]
fn no_key_is_dropped_without_a_word() {
    let text = "export default { nonsense: 1, ratelimits: { fly: { limit: 1, every: 1 }, read: { limit: 1, every: 500, odd: 2 } },
        files: { maxFileSize: 1800000, maxUpload: 4, mimeTypes: ['image/png'], more: 1 }, Server: { Port: 8080, Nodes: [], threads: 4 },
        Security: { Secret: 's' }, ratelimit: { Max: 1 }, dashboard: true }";
    let original = Original::read(text).unwrap();
    let told: Vec<_> = original.told.iter().map(|told| told.key.as_str()).collect();
    assert_eq!(
        told,
        [
            "nonsense",
            "ratelimits.fly",
            "ratelimits.read.odd",
            "ratelimits.read",
            "files.maxFileSize",
            "files.maxUpload",
            "files.mimeTypes",
            "files.more",
            "Server.Port",
            "Server.Nodes",
            "Server.threads",
            "Security.Secret",
            "ratelimit",
            "dashboard",
        ]
    );
    // 1 in half a second is 2 in a whole one.
    let rate = original.limits.first().unwrap().1;
    assert_eq!((rate.limit, rate.seconds), (2, 1));
}

#[test]
fn a_value_of_another_kind_is_named() {
    for (text, expected) in [
        ("export default { port: true }", "port: expected a port"),
        (
            "export default { ratelimits: { list: { limit: 1 } } }",
            "ratelimits.list: expected limit and every",
        ),
        (
            "export default { ratelimits: { list: { limit: 1.5, every: 1000 } } }",
            "ratelimits.list.limit: expected a whole number",
        ),
        (
            "export default { ratelimits: 3 }",
            "ratelimits: expected an object",
        ),
        ("export default [1]", "exports no object"),
    ] {
        let error = Original::read(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn the_environment_s_file_is_read_and_its_secrets_are_not_shown() {
    let mut original = Original::default();
    original.add_env(
        "# a comment\nDB_URL=http://127.0.0.1:8090/\nADMIN_EMAIL='a@example.com'\nADMIN_PASSWORD=\"it's secret\"\n\
         HAPTA_ADMIN_KEY=k\nSSL_ENABLED=true\nJWT_SECRET=s\nREDIS_URL=x\nPORT=3001\nEMPTY=\n",
    );
    assert_eq!(original.db_url.as_deref(), Some("http://127.0.0.1:8090"));
    assert_eq!(original.email.as_deref(), Some("a@example.com"));
    assert_eq!(original.password, Some(Secret("it's secret".to_owned())));
    assert!(original.tls && original.has_admin_key);
    assert_eq!(original.port, Some(3001));
    assert_eq!(original.told.len(), 8);
    assert!(!format!("{original:?}").contains("secret"));
}

#[test]
fn a_comment_behind_a_value_is_none_of_it() {
    for (line, password) in [
        ("ADMIN_PASSWORD=secret # the password", "secret"),
        ("ADMIN_PASSWORD='se #cret' # the password", "se #cret"),
        ("ADMIN_PASSWORD=\"se #cret\"", "se #cret"),
        ("ADMIN_PASSWORD=se#cret", "se#cret"),
    ] {
        let mut original = Original::default();
        original.add_env(line);
        assert_eq!(
            original.password,
            Some(Secret(password.to_owned())),
            "{line}"
        );
    }
}
