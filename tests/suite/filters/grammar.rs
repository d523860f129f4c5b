//! Filters made up from the grammar, about the demo's records.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

const SIGNS: [&str; 16] = [
    "=", "!=", ">", ">=", "<", "<=", "~", "!~", "?=", "?!=", "?>", "?>=", "?<", "?<=", "?~", "?!~",
];

/// Each collection with paths of it, modifiers included.
const PATHS: [(&str, &[&str]); 3] = [
    (
        "posts",
        &[
            "id",
            "title",
            "title:lower",
            "content",
            "status",
            "author",
            "author.name",
            "author.role:lower",
            "author.email",
            "author.followers.name",
            "author.followers:length",
            "cover",
            "tags",
            "tags.0",
            "tags:length",
            "tags:each",
            "views",
            "secret_note",
            "moderation",
            "created",
            "comments_via_post.text",
            "comments_via_post.author.name",
            "comments_via_post.is_approved",
            "comments_via_post.id:length",
        ],
    ),
    (
        "comments",
        &[
            "id",
            "text",
            "text:lower",
            "is_approved",
            "author.name",
            "author.verified",
            "post.title",
            "post.author.name",
            "post.views",
            "post.tags:each",
            "post.comments_via_post.author",
            "updated",
        ],
    ),
    (
        "users",
        &[
            "id",
            "name",
            "email",
            "emailVisibility",
            "verified",
            "role",
            "bio:lower",
            "followers:each",
            "followers:length",
            "devices:length",
            "posts_via_author.title",
            "posts_via_author.views",
            "comments_via_author.post.status",
        ],
    ),
];

/// Macros that hardly change between two questions, and the words of the grammar.
const MACROS: [&str; 11] = [
    "@weekday",
    "@year",
    "@month",
    "@todayStart",
    "@todayEnd",
    "@day",
    "@monthStart",
    "@yearEnd",
    "null",
    "TRUE",
    "false",
];

/// Texts without their quotes, some of them half of something else.
const TEXTS: [&str; 18] = [
    "",
    "alice",
    "Hello",
    "draft",
    "published",
    "%a%",
    "a%",
    "_",
    "é",
    "//",
    ") || (1=1",
    "&&",
    "{:x}",
    "\\%",
    "C:\\x",
    "2024-01-01 00:00:00.000Z",
    "user",
    "1",
];

const NUMBERS: [&str; 10] = [
    "0",
    "1",
    "3",
    "-1",
    "5.5",
    "-0.5",
    "01.50",
    "1000000",
    "0.0000001",
    "123456789012345678",
];

/// As many as asked for, the same for the same seed, each with its collection.
pub(super) fn filters(seed: u64, count: usize) -> Vec<(&'static str, String)> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = filter();
    (0..count)
        .map(|_| strategy.new_tree(&mut runner).expect("a filter").current())
        .collect()
}

fn filter() -> impl Strategy<Value = (&'static str, String)> {
    prop::sample::select(&PATHS[..]).prop_flat_map(|(collection, paths)| {
        joined(paths).prop_map(move |filter| (collection, filter))
    })
}

fn joined(paths: &'static [&'static str]) -> impl Strategy<Value = String> {
    comparison(paths).prop_recursive(3, 8, 3, |inner| {
        let item = (inner, any::<bool>(), space(), space());
        let item = item.prop_map(|(inner, bare, before, after)| {
            if bare {
                inner
            } else {
                format!("({before}{inner}{after})")
            }
        });
        let item = item.boxed();
        let join = (space(), prop::sample::select(&["&&", "||"][..]), space());
        let more = prop::collection::vec((join, item.clone()), 0..3);
        (item, more).prop_map(|(first, more)| {
            more.into_iter()
                .fold(first, |filter, ((before, join, after), next)| {
                    format!("{filter}{before}{join}{after}{next}")
                })
        })
    })
}

fn comparison(paths: &'static [&'static str]) -> impl Strategy<Value = String> {
    let sign = prop::sample::select(&SIGNS[..]);
    let sides = prop_oneof![
        4 => (path(paths), value()),
        1 => (value(), path(paths)),
        1 => (path(paths), path(paths)),
        1 => (call(paths), value()),
        1 => (value(), value()),
    ];
    (sides, space(), sign, space()).prop_map(|((left, right), before, sign, after)| {
        format!("{left}{before}{sign}{after}{right}")
    })
}

fn path(paths: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(paths).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => text(),
        2 => prop::sample::select(&NUMBERS[..]).prop_map(str::to_owned),
        2 => prop::sample::select(&MACROS[..]).prop_map(str::to_owned),
    ]
}

/// In either quotes, with the escape of that quote now and then.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop::collection::vec(prop::sample::select(&TEXTS[..]), 1..3);
    let quote = prop::sample::select(&["'", "\""][..]);
    (pieces, quote, 0..4_u8).prop_map(|(pieces, quote, escaped)| {
        let text = pieces.concat();
        match escaped {
            0 => format!("{quote}{text}\\{quote}{quote}"),
            1 => format!("{quote}\\{quote}{text}{quote}"),
            _ => format!("{quote}{text}{quote}"),
        }
    })
}

/// 0.27 and 0.36 brought these; before, PocketBase refuses both spellings.
fn call(paths: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop_oneof![
        (path(paths), space())
            .prop_map(|(path, space)| format!("strftime({space}'%Y-%m',{path}{space})")),
        (value(), space())
            .prop_map(|(value, space)| format!("geoDistance(1,{space}2,{value},4{space},)")),
    ]
}

fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        20 => Just(""),
        20 => Just(" "),
        10 => Just("\n\t "),
        // Taken by PocketBase, or looking like it, and refused by the gateway.
        1 => prop::sample::select(&["// word\n", "\r\n", "\u{a0}"][..]),
    ]
}
