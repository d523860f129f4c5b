//! What proxies say, and what others make of it.

use proptest::prelude::*;

use super::*;

const PROXY: &str = "10.0.0.1";

fn proxies(header: &str) -> Proxies {
    Proxies {
        trusted: ["10.0.0.0/8", "2001:db8:1::/48"]
            .map(|network| network.parse().unwrap())
            .into(),
        header: header.parse().unwrap(),
    }
}

/// Of a peer that sends these lines of the header; nothing: it can't be told.
fn client(header: &str, peer: &str, lines: &[&str]) -> Option<String> {
    let mut headers = HeaderMap::new();
    for line in lines {
        let value = HeaderValue::from_bytes(line.as_bytes()).unwrap();
        headers.append(header.parse::<HeaderName>().unwrap(), value);
    }
    let found = proxies(header).client(peer.parse().unwrap(), &headers);
    found.ok().map(|address| address.to_string())
}

#[track_caller]
fn check(header: &str, lines: &[&str], expected: Option<&str>) {
    let found = client(header, PROXY, lines);
    assert_eq!(found.as_deref(), expected, "{header}: {lines:?}");
}

#[test]
fn whoever_is_no_proxy_of_ours_is_himself() {
    for header in ["x-forwarded-for", "forwarded", "x-real-ip"] {
        for line in ["6.6.6.6", "for=6.6.6.6", "nonsense", ""] {
            let found = client(header, "203.0.113.9", &[line]);
            assert_eq!(found.as_deref(), Some("203.0.113.9"), "{header} {line}");
        }
    }
    let found = client("x-forwarded-for", "::ffff:203.0.113.9", &["6.6.6.6"]);
    assert_eq!(found.as_deref(), Some("203.0.113.9"));
}

#[test]
fn of_a_list_the_last_who_is_no_proxy_counts() {
    let header = "x-forwarded-for";
    check(header, &[], Some(PROXY));
    check(header, &["203.0.113.9"], Some("203.0.113.9"));
    check(header, &["6.6.6.6, 203.0.113.9"], Some("203.0.113.9"));
    check(
        header,
        &["6.6.6.6,203.0.113.9 , 10.9.9.9"],
        Some("203.0.113.9"),
    );
    check(
        header,
        &["6.6.6.6", "203.0.113.9", "10.9.9.9"],
        Some("203.0.113.9"),
    );
    check(header, &["nonsense, 203.0.113.9"], Some("203.0.113.9"));
    check(header, &["10.2.0.1, 10.3.0.1"], Some("10.2.0.1"));
    check(header, &["203.0.113.9,,"], Some("203.0.113.9"));
    check(header, &["203.0.113.9:4711"], Some("203.0.113.9"));
    check(header, &["::ffff:203.0.113.9"], Some("203.0.113.9"));
    check(
        header,
        &["[2001:db8:2::1]:443, 2001:db8:1::1"],
        Some("2001:db8:2::1"),
    );
    for line in [
        "nonsense",
        "203.0.113.9, unknown",
        "203.0.113",
        "\u{e9}",
        "1.2.3.4 5",
    ] {
        check(header, &[line], None);
    }
}

#[test]
fn of_the_standard_s_header_the_same() {
    let header = "forwarded";
    check(
        header,
        &["for=203.0.113.9;proto=https;by=10.0.0.2"],
        Some("203.0.113.9"),
    );
    check(
        header,
        &["for=6.6.6.6, For=\"203.0.113.9:80\""],
        Some("203.0.113.9"),
    );
    check(
        header,
        &["for=\"[2001:db8:2::1]:443\""],
        Some("2001:db8:2::1"),
    );
    check(
        header,
        &["for=203.0.113.9, for=10.1.1.1"],
        Some("203.0.113.9"),
    );
    for line in [
        "203.0.113.9",
        "proto=https",
        "for=unknown",
        "for=_hidden",
        "for=6.6.6.6;for=203.0.113.9",
        // What is open swallows what a proxy adds.
        "for=\"6.6.6.6, for=203.0.113.9",
        "for=\"6.6.6.6, for=\"203.0.113.9\"",
        "for=\"6.6.6.6\\\", for=203.0.113.9",
        "for=\"6.6.6.6\\\\\"",
    ] {
        check(header, &[line], None);
    }
}

#[test]
fn a_header_of_one_address_has_one() {
    for header in ["x-real-ip", "cf-connecting-ip"] {
        check(header, &["203.0.113.9"], Some("203.0.113.9"));
        check(header, &["203.0.113.9, 6.6.6.6"], None);
        check(header, &["203.0.113.9", "6.6.6.6"], None);
        check(header, &[""], None);
    }
}

proptest! {
    /// Whatever a client writes, its proxy adds the truth at the end.
    #[test]
    fn nothing_that_a_client_writes_hides_it(
        written in prop_oneof!["[ -~]{0,40}", "((for=)?\"?[0-9.:, ;\\\\\"\\[\\]]{0,12}[,;]?){0,4}"],
        is_joined in any::<bool>(),
        header in prop_oneof![Just("x-forwarded-for"), Just("forwarded")],
        quoted in any::<bool>(),
    ) {
        let truth = match (header, quoted) {
            ("forwarded", true) => "for=\"203.0.113.9:1\"",
            ("forwarded", false) => "for=203.0.113.9",
            _ => "203.0.113.9",
        };
        let found = if is_joined {
            client(header, PROXY, &[&format!("{written}, {truth}")])
        } else {
            client(header, PROXY, &[&written, truth])
        };
        let is_honest = found.is_none_or(|found| found == "203.0.113.9");
        prop_assert!(is_honest);
    }
}
