//! What to do about each collection, and why.

use crate::schema::{Collection, CollectionKind, Field, FieldKind, Schema};
use crate::upstream::{Own, OwnRules};

/// What is written about one collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// As PocketBase spells it.
    pub name: String,
    /// `base`, `auth` or `view`.
    pub kind: &'static str,
    /// Whether it gets a section.
    pub is_exposed: bool,
    /// What PocketBase's own rules let through: who may do what.
    pub lets_through: Vec<(String, String)>,
    /// What to look at, and what a rule here could do about it.
    pub advice: Vec<String>,
}

/// Somebody who is logged in, whoever it is.
const ANYBODY: &str = "@request.auth.id != ''";

/// The choices for all collections, by name; PocketBase's own last.
#[must_use]
pub fn choices(schema: &Schema, rules: &[OwnRules]) -> Vec<Choice> {
    let mut collections: Vec<_> = schema.collections().collect();
    collections.sort_by(|one, other| (is_own(one), &one.name).cmp(&(is_own(other), &other.name)));
    let none = OwnRules::default();
    collections
        .into_iter()
        .map(|collection| {
            let own = rules.iter().find(|own| own.collection == collection.name);
            Choice::of(collection, own.unwrap_or(&none), schema)
        })
        .collect()
}

impl Choice {
    fn of(collection: &Collection, rules: &OwnRules, schema: &Schema) -> Self {
        let all = operations(collection, rules);
        let is_closed = all.iter().all(|(_, rule)| **rule == Own::Superusers);
        // Whose records log in is of use although nobody may list them.
        let is_exposed = !is_own(collection) && (!is_closed || collection.is_auth());
        Self {
            name: collection.name.clone(),
            kind: match collection.kind {
                CollectionKind::Base => "base",
                CollectionKind::Auth => "auth",
                CollectionKind::View => "view",
            },
            is_exposed,
            lets_through: together(&all),
            advice: if is_exposed {
                advice(collection, rules, schema)
            } else {
                Vec::new()
            },
        }
    }
}

/// Whether it is of PocketBase itself.
fn is_own(collection: &Collection) -> bool {
    collection.name.starts_with('_')
}

/// The operations that the collection has.
fn operations<'a>(collection: &Collection, rules: &'a OwnRules) -> Vec<(&'static str, &'a Own)> {
    let mut all = vec![("list", &rules.list), ("view", &rules.view)];
    if collection.kind != CollectionKind::View {
        all.extend([
            ("create", &rules.create),
            ("update", &rules.update),
            ("delete", &rules.delete),
        ]);
    }
    all
}

/// One line for operations that stand next to each other and have the same rule.
fn together(all: &[(&'static str, &Own)]) -> Vec<(String, String)> {
    let mut lines: Vec<(String, String)> = Vec::new();
    for (operation, rule) in all {
        let who = who(rule);
        match lines.last_mut() {
            Some((operations, same)) if *same == who => {
                operations.push_str(", ");
                operations.push_str(operation);
            }
            _ => lines.push(((*operation).to_owned(), who)),
        }
    }
    lines
}

fn who(rule: &Own) -> String {
    match rule {
        Own::Superusers => "superusers alone (null)".to_owned(),
        Own::Everybody => "everybody, guests too (\"\")".to_owned(),
        Own::Filter(filter) if is_anybody(filter) => {
            "whoever is logged in, whosoever record it is".to_owned()
        }
        Own::Filter(filter) => format!("whom this fits: {}", one_line(filter)),
    }
}

fn is_anybody(filter: &str) -> bool {
    let plain: String = filter.replace('"', "'").split_whitespace().collect();
    plain == ANYBODY.split_whitespace().collect::<String>()
}

/// A filter may stand on several lines; a comment may not.
fn one_line(filter: &str) -> String {
    let words = filter.split_whitespace().collect::<Vec<_>>().join(" ");
    words
        .chars()
        .filter(|letter| !letter.is_control())
        .collect()
}

fn advice(collection: &Collection, rules: &OwnRules, schema: &Schema) -> Vec<String> {
    let mut advice = Vec::new();
    advice.extend(writes(collection, rules, schema));
    if rules.list == Own::Everybody {
        advice.push(
            "guests read all of it, every field that is not hidden: what not everybody is to see, a rule takes out in reveal"
                .to_owned(),
        );
    }
    if rules.create == Own::Everybody && collection.is_auth() {
        advice.push(
            "anybody may sign up: [limits] bounds how often; which fields a sign-up may set, a rule says in before"
                .to_owned(),
        );
    }
    let hidden = names(collection, |field| {
        field.hidden && field.kind != FieldKind::Password && field.name != "tokenKey"
    });
    if !hidden.is_empty() {
        advice.push(format!("hidden, told to superusers alone: {hidden}"));
    }
    let open = |field: &Field| {
        matches!(
            field.kind,
            FieldKind::File {
                protected: false,
                ..
            }
        )
    };
    let files = names(collection, open);
    if !files.is_empty() {
        advice.push(format!(
            "files without a token, for whoever knows their name: {files}; \"protected\" in PocketBase closes them, or a rule that judges downloads"
        ));
    }
    advice
}

/// What to do where whoever is logged in may change what is another's.
fn writes(collection: &Collection, rules: &OwnRules, schema: &Schema) -> Option<String> {
    if collection.kind == CollectionKind::View {
        return None;
    }
    let open = |rule: &Own| match rule {
        Own::Everybody => true,
        Own::Filter(filter) => is_anybody(filter),
        Own::Superusers => false,
    };
    let is_open = open(&rules.update) || open(&rules.delete);
    if !is_open {
        return None;
    }
    let owner = if collection.is_auth() {
        Some("id")
    } else {
        collection
            .fields
            .iter()
            .find_map(|field| match &field.kind {
                FieldKind::Relation {
                    collection,
                    multiple: false,
                } => {
                    let is_person = schema.by_id(collection).is_some_and(|it| it.is_auth());
                    is_person.then_some(field.name.as_str())
                }
                _ => None,
            })
    };
    Some(match owner {
        Some("id") => format!(
            "others' accounts can be changed: the rule ownership holds writes to one's own (users = \"{}\")",
            collection.name
        ),
        Some(field) => format!(
            "others' records can be changed: the rule ownership holds writes to the owner (owner_field = \"{field}\")"
        ),
        None => "no field says whose a record is, and anybody's can be changed: a rule decides by something else".to_owned(),
    })
}

fn names(collection: &Collection, is_meant: impl Fn(&Field) -> bool) -> String {
    let names = collection.fields.iter().filter(|field| is_meant(field));
    let names: Vec<&str> = names.map(|field| field.name.as_str()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_logged_in_is_known_in_any_spelling() {
        for filter in [
            "@request.auth.id != \"\"",
            "@request.auth.id!=''",
            " @request.auth.id  !=  '' ",
        ] {
            assert!(is_anybody(filter), "{filter}");
        }
        for filter in ["@request.auth.id = ''", "author = @request.auth.id", ""] {
            assert!(!is_anybody(filter), "{filter}");
        }
    }

    #[test]
    fn a_filter_cannot_leave_its_comment() {
        let filter = Own::Filter("a = 1 &&\n[pocketbase]\u{7} b = 2".to_owned());
        assert_eq!(who(&filter), "whom this fits: a = 1 && [pocketbase] b = 2");
    }
}
