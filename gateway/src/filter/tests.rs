//! What may be written, what it means, and what no value can do to it.
//!
//! The lists of what PocketBase accepts and how it reads it were tried on the binaries of
//! 0.23.12, 0.36.9 and 0.40.6: canonical text and source gave the same records on each.

use proptest::prelude::*;

use super::*;

/// A text as PocketBase stores it: any but the few that have no safe spelling.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("'"),
        Just("\""),
        Just("\\a"),
        Just("\\%"),
        Just("//"),
        Just("{:x}"),
        Just(") || (1=1"),
        Just("é\n")
    ];
    prop::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat())
}

fn operand() -> impl Strategy<Value = Operand> {
    let plain = prop_oneof![
        "@?[a-z_]{1,5}([.:][a-zA-Z0-9_]{1,5}){0,3}".prop_map(Operand::Identifier),
        text().prop_map(Operand::Text),
        prop::num::f64::NORMAL.prop_map(Operand::Number),
        (-1000..1000_i32).prop_map(|number| Operand::Number(f64::from(number) / 8.0)),
    ];
    let call = (
        prop::sample::select(&parse::FUNCTIONS[..]),
        prop::collection::vec(plain.clone(), 1..4),
    );
    prop_oneof![4 => plain, 1 => call.prop_map(|(function, arguments)| Operand::Call { function, arguments })]
}

fn node() -> impl Strategy<Value = Node> {
    let sign = prop::sample::select(&lex::SIGNS[..]).prop_map(Sign);
    let comparison = (operand(), sign, operand())
        .prop_map(|(left, sign, right)| Node::Comparison { left, sign, right });
    comparison.prop_recursive(5, 24, 4, |inner| {
        let join = prop_oneof![Just(Join::And), Just(Join::Or)];
        (join, prop::collection::vec(inner, 2..4))
            .prop_map(|(join, items)| Node::Group { join, items })
    })
}

/// The tree with every value blanked.
fn shape(filter: &Filter) -> String {
    fn of(node: &Node) -> String {
        match node {
            Node::Group { join, items } => {
                format!("{join:?}[{}]", items.iter().map(of).collect::<String>())
            }
            Node::Comparison { sign, .. } => format!("({})", sign.0),
        }
    }
    of(&filter.root)
}

proptest! {
    #[test]
    fn what_is_printed_is_parsed_as_the_same_filter(root in node()) {
        if let Ok(filter) = (Filter { root }).within_bounds() {
            prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
        }
    }

    #[test]
    fn any_text_parses_or_is_refused(source in ".{0,60}", shaped in "[ab='\"()&|~?!<>.,:{}0-9@/\\\\ -]{0,40}") {
        for source in [source, shaped] {
            if let Ok(filter) = Filter::parse(&source) {
                prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
            }
        }
    }

    #[test]
    fn a_bound_text_never_changes_the_shape(value in prop_oneof![text(), ".{0,40}"]) {
        let template = "a = {:v} || (b ?~ {:v} && strftime('%Y', {:v}) != '')";
        let bound = |value: &str| Filter::bind(template, &[("v".to_owned(), Parameter::Text(value.to_owned()))]);
        if let Ok(filter) = bound(&value) {
            prop_assert_eq!(shape(&filter), shape(&bound("plain").unwrap()));
            prop_assert_eq!(filter.identifiers(), ["a", "b"]);
            prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
        }
    }
}

#[track_caller]
fn check(source: &str, expected: &str) {
    let shown =
        Filter::parse(source).map_or_else(|error| error.to_string(), |filter| filter.to_string());
    assert_eq!(shown, expected, "{source:?}");
}

#[test]
fn a_filter_is_printed_in_its_canonical_spelling() {
    check("a=1", "a=1");
    check(" ( ( a = 01.50 ) ) ", "a=1.5");
    check("a ~ \"x\" && b ?!= NULL", "a~'x'&&b?!=NULL");
    check("a>-.5 && (b<2 && c=3)", "a>-0.5&&(b<2&&c=3)");
    check("a=1 || b=2 && c=3 || d=4", "a=1||(b=2&&c=3)||d=4");
    check("(a=1 || b=2) && c=3", "(a=1||b=2)&&c=3");
    check(
        "a='it\\'s' || a=\"d\\\"q\" || a='both\\'\"' || a='C:\\x'",
        r#"a="it's"||a='d"q'||a='both\'"'||a='C:\x'"#,
    );
    check(
        "geoDistance( g.lon , g.lat , 1 , 2 , ) < 5",
        "geoDistance(g.lon,g.lat,1,2)<5",
    );
}

// Each of these passes PocketBase 0.40.6, or passed an earlier version, but as something else.
#[test]
fn what_pocketbase_reads_otherwise_than_it_looks_is_refused() {
    check("a='x'\0 && owner='me'", "a control character at byte 5");
    check(
        "a='x' // && owner='me'",
        "a comment or a slash outside a text at byte 6",
    );
    check("(a=1) (b=2)", "expected &&, || or the end at byte 6");
    check("a=1 (b=2)", "expected &&, || or the end at byte 4");
    check(
        "a = (b=1)",
        "expected an identifier, a text or a number at byte 4",
    );
    check("a (b=1)", "expected a sign at byte 2");
    check(
        &format!("a={}", "9".repeat(400)),
        "expected a number like -1.5 at byte 2",
    );
    check(
        r"a='\\' && owner='me'",
        "an escape that PocketBase's versions read differently at byte 3",
    );
}

#[test]
fn what_pocketbase_refuses_is_refused() {
    check("", "expected an identifier, a text or a number at byte 0");
    check("a", "expected a sign at byte 1");
    check("a=", "expected an identifier, a text or a number at byte 2");
    check(
        "a=1 &&",
        "expected an identifier, a text or a number at byte 6",
    );
    check(
        "() && a=1",
        "expected an identifier, a text or a number at byte 1",
    );
    check("(a=1", "expected &&, || or a closing parenthesis at byte 4");
    check("a=1)", "expected &&, || or the end at byte 3");
    check("1=1) || (1=1", "expected &&, || or the end at byte 3");
    check(
        "geodistance(1,1,1,1)<5",
        "expected a function of PocketBase at byte 0",
    );
    check(
        "strftime()!=''",
        "expected an identifier, a text or a number at byte 9",
    );
    check(
        "strftime('%Y',strftime('%Y'))=1",
        "expected an identifier, a text or a number at byte 14",
    );
    check("a={:x}", "the parameter \"x\" is missing");
}

#[test]
fn bounds_are_those_of_pocketbase() {
    let many = |count| vec!["a=1"; count].join("||");
    assert!(Filter::parse(&many(200)).is_ok());
    check(&many(201), "more than 200 comparisons");
    check(
        &format!("a='{}'", "x".repeat(3496)),
        &format!("a='{}'", "x".repeat(3496)),
    );
    check(&format!("a='{}'", "x".repeat(3497)), "more than 3500 bytes");
    let nested = |depth| format!("{}a=1{}", "(".repeat(depth), ")".repeat(depth));
    check(&nested(32), "a=1");
    check(&nested(33), "more than 32 nested groups");
    // Each pair of parentheses holds a group within a group.
    check(
        &format!("{}a=1{}", "(a=1||b=2&&".repeat(32), ")".repeat(32)),
        "more than 32 nested groups",
    );
}

#[test]
fn joining_keeps_both_whole() {
    let filter = |source| Filter::parse(source).unwrap();
    let joined = filter("a=1||b=2").and(filter("c=3&&d=4")).unwrap();
    assert_eq!(joined.to_string(), "(a=1||b=2)&&c=3&&d=4");
    assert_eq!(Filter::parse(&joined.to_string()), Ok(joined));
    let half = filter(&vec!["a=1"; 150].join("&&"));
    assert_eq!(
        half.clone().and(half),
        Err(FilterError::TooMuch {
            limit: 200,
            unit: "comparisons"
        })
    );
}

#[test]
fn every_identifier_is_found() {
    let filter =
        Filter::parse("a.b:lower=@now || (null='x' && geoDistance(g.lon,2,3,c)<@request.auth.id)")
            .unwrap();
    assert_eq!(
        filter.identifiers(),
        [
            "a.b:lower",
            "@now",
            "null",
            "g.lon",
            "c",
            "@request.auth.id"
        ]
    );
}

#[track_caller]
fn check_bound(template: &str, parameters: &[(&str, Parameter)], expected: &str) {
    let parameters: Vec<_> = parameters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    let shown = Filter::bind(template, &parameters)
        .map_or_else(|error| error.to_string(), |filter| filter.to_string());
    assert_eq!(shown, expected, "{template:?}");
}

#[test]
fn a_parameter_becomes_one_operand() {
    let text = |text: &str| Parameter::Text(text.to_owned());
    check_bound(
        "a={:x}",
        &[("x", text("' || 1=1 || '"))],
        r#"a="' || 1=1 || '""#,
    );
    check_bound(
        "a={:x}&&b={:x}",
        &[("x", Parameter::Number(0.1))],
        "a=0.1&&b=0.1",
    );
    check_bound(
        "{:n}=a||{:b}=a",
        &[("b", Parameter::Bool(true)), ("n", Parameter::Null)],
        "null=a||true=a",
    );
    check_bound("a='{:x}'", &[], "a='{:x}'");
    check_bound("a={:x}", &[("x", text("{:x}"))], "a='{:x}'");
}

#[test]
fn parameters_that_do_not_fit_are_refused() {
    let text = |text: &str| Parameter::Text(text.to_owned());
    check_bound(
        "a={:x}",
        &[("y", Parameter::Null)],
        "the parameter \"x\" is missing",
    );
    check_bound(
        "a=1",
        &[("y", Parameter::Null)],
        "the parameter \"y\" is not in the template",
    );
    check_bound(
        "a={:x}",
        &[("x", Parameter::Null), ("x", Parameter::Null)],
        "the parameter \"x\" is given twice",
    );
    check_bound(
        "a={:x}",
        &[("x", Parameter::Number(f64::NAN))],
        "the parameter \"x\" is no finite number",
    );
    check_bound(
        "a={:x}",
        &[("x", text("\0"))],
        "the parameter \"x\" holds a control character",
    );
    let unsafe_text = "the parameter \"x\" holds a backslash before a quote, a backslash or the end, which has no safe spelling";
    for ambiguous in ["\\", "\\\\a", "\\'", "\\\""] {
        check_bound("a={:x}", &[("x", text(ambiguous))], unsafe_text);
    }
    check_bound(
        "a={:x}",
        &[("x", text(&"x".repeat(3500)))],
        "more than 3500 bytes",
    );
    check_bound("a {:x} b", &[("x", text("="))], "expected a sign at byte 2");
}
