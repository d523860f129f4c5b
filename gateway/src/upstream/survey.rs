//! What PocketBase's own rules let through, for whoever decides what to expose.

use serde_json::Value;

use super::UpstreamError;
use super::client::Client;
use super::superuser::{self, Purpose, Superuser};

/// The rules of one collection, as PocketBase tells them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnRules {
    /// As PocketBase spells the collection.
    pub collection: String,
    /// `listRule`.
    pub list: Own,
    /// `viewRule`.
    pub view: Own,
    /// `createRule`.
    pub create: Own,
    /// `updateRule`.
    pub update: Own,
    /// `deleteRule`.
    pub delete: Own,
}

/// A rule of PocketBase's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Own {
    /// `null`: superusers alone.
    #[default]
    Superusers,
    /// The empty one: everybody, guests too.
    Everybody,
    /// A filter that the request and the record must meet.
    Filter(String),
}

const FIELDS: &str = "&fields=name,listRule,viewRule,createRule,updateRule,deleteRule";

pub(super) async fn read(
    client: &Client,
    superuser: &Superuser,
) -> Result<Vec<OwnRules>, UpstreamError> {
    let pages = superuser::pages(superuser, client, Purpose::Survey, FIELDS).await?;
    let items = pages
        .iter()
        .filter_map(|page| page.get("items")?.as_array())
        .flatten();
    Ok(items.filter_map(OwnRules::of).collect())
}

impl OwnRules {
    fn of(item: &Value) -> Option<Self> {
        let rule = |key: &str| match item.get(key).and_then(Value::as_str) {
            None => Own::Superusers,
            Some(text) if text.trim().is_empty() => Own::Everybody,
            Some(text) => Own::Filter(text.to_owned()),
        };
        Some(Self {
            collection: item.get("name")?.as_str()?.to_owned(),
            list: rule("listRule"),
            view: rule("viewRule"),
            create: rule("createRule"),
            update: rule("updateRule"),
            delete: rule("deleteRule"),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rule_that_is_null_is_not_one_that_is_empty() {
        let item = json!({
            "name": "posts", "listRule": "", "viewRule": " ", "createRule": null,
            "updateRule": "author = @request.auth.id",
        });
        let rules = OwnRules::of(&item).unwrap();
        assert_eq!(rules.collection, "posts");
        assert_eq!(rules.list, Own::Everybody);
        assert_eq!(rules.view, Own::Everybody);
        assert_eq!(rules.create, Own::Superusers);
        assert_eq!(
            rules.update,
            Own::Filter("author = @request.auth.id".to_owned())
        );
        assert_eq!(rules.delete, Own::Superusers);
    }
}
