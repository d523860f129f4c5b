//! Which addresses PocketBase gives to people: in its mails, and to providers of `OAuth2`.
//!
//! Settings and collections hold secrets beside them (of SMTP, of S3, of the
//! providers), so PocketBase is asked for the few keys that are needed alone,
//! and nothing else of an answer is kept.

use http::StatusCode;
use serde_json::Value;

use super::UpstreamError;
use super::client::Client;
use super::superuser::{self, Purpose, Superuser};

/// What PocketBase is set to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// What stands for `{APP_URL}` in its mails; none: it doesn't tell.
    pub app_url: Option<String>,
    /// Those whose records can log in, by name.
    pub collections: Vec<AuthCollection>,
}

/// What one collection is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthCollection {
    /// As PocketBase spells it.
    pub name: String,
    /// The texts of its mails that hold a token.
    pub templates: Vec<(Template, String)>,
    /// The names of the providers by which one can log in; none where that is off.
    pub providers: Vec<String>,
}

/// The mails that hold a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    /// Of the verification of an address.
    Verification,
    /// Of the reset of a password.
    PasswordReset,
    /// Of the change to another address.
    EmailChange,
}

const SETTINGS: &str = "/api/settings?fields=meta.appURL";

const COLLECTIONS: &str = "&filter=type%3D%27auth%27&fields=name,type,oauth2.enabled,oauth2.providers.name,\
                           verificationTemplate.body,resetPasswordTemplate.body,confirmEmailChangeTemplate.body";

pub(super) async fn read(
    client: &Client,
    superuser: &Superuser,
) -> Result<Addresses, UpstreamError> {
    let settings = SETTINGS.to_owned();
    let told = superuser.get(client, Purpose::Addresses, settings).await?;
    let (StatusCode::OK, Some(settings)) = told else {
        let problem = format!("the settings answer {}", told.0);
        return Err(UpstreamError::Garbled(problem));
    };
    let pages = superuser::pages(superuser, client, Purpose::Addresses, COLLECTIONS).await?;
    Ok(Addresses::of(&settings, &pages))
}

impl Template {
    /// All of them.
    const ALL: [Self; 3] = [Self::Verification, Self::PasswordReset, Self::EmailChange];

    /// As PocketBase's API calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Verification => "verificationTemplate",
            Self::PasswordReset => "resetPasswordTemplate",
            Self::EmailChange => "confirmEmailChangeTemplate",
        }
    }
}

impl Addresses {
    fn of(settings: &Value, pages: &[Value]) -> Self {
        let app_url = settings.pointer("/meta/appURL").and_then(Value::as_str);
        let items = pages
            .iter()
            .filter_map(|page| page.get("items")?.as_array());
        Self {
            app_url: app_url.filter(|url| !url.is_empty()).map(str::to_owned),
            collections: items.flatten().filter_map(AuthCollection::of).collect(),
        }
    }
}

impl AuthCollection {
    /// None: its records can't log in.
    fn of(item: &Value) -> Option<Self> {
        if item.get("type")?.as_str()? != "auth" {
            return None;
        }
        let name = item.get("name")?.as_str()?.to_owned();
        let template = |template: Template| {
            let body = item.get(template.name())?.get("body")?.as_str()?;
            Some((template, body.to_owned()))
        };
        Some(Self {
            name,
            templates: Template::ALL.into_iter().filter_map(template).collect(),
            providers: providers(item).unwrap_or_default(),
        })
    }
}

fn providers(item: &Value) -> Option<Vec<String>> {
    let oauth2 = item.get("oauth2")?;
    if !oauth2.get("enabled")?.as_bool()? {
        return None;
    }
    let providers = oauth2.get("providers")?.as_array()?.iter();
    let name = |provider: &Value| Some(provider.get("name")?.as_str()?.to_owned());
    Some(providers.filter_map(name).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_else_of_an_answer_is_kept() {
        // As one that takes no notice of `fields` would answer.
        let settings = json!({
            "meta": { "appURL": "https://a.example", "senderAddress": "secret-1" },
            "smtp": { "username": "secret-2", "password": "secret-3" },
            "s3": { "accessKey": "secret-4", "secret": "secret-5" },
        });
        let provider =
            json!({ "name": "google", "clientId": "secret-6", "clientSecret": "secret-7" });
        let users = json!({
            "name": "users", "type": "auth", "listRule": "secret-8",
            "oauth2": { "enabled": true, "providers": [provider] },
            "verificationTemplate": { "subject": "secret-9", "body": "verify" },
            "resetPasswordTemplate": { "subject": "", "body": "reset" },
            "confirmEmailChangeTemplate": { "subject": "", "body": "change" },
        });
        let posts = json!({ "name": "posts", "type": "base" });
        let addresses = Addresses::of(&settings, &[json!({ "items": [users, posts] })]);
        assert!(
            !format!("{addresses:?}").contains("secret"),
            "{addresses:?}"
        );
        let users = AuthCollection {
            name: "users".to_owned(),
            templates: vec![
                (Template::Verification, "verify".to_owned()),
                (Template::PasswordReset, "reset".to_owned()),
                (Template::EmailChange, "change".to_owned()),
            ],
            providers: vec!["google".to_owned()],
        };
        let expected = Addresses {
            app_url: Some("https://a.example".to_owned()),
            collections: vec![users],
        };
        assert_eq!(addresses, expected);
    }

    #[test]
    fn what_is_not_told_is_not_there() {
        for settings in [
            json!({}),
            json!({ "meta": {} }),
            json!({ "meta": { "appURL": "" } }),
        ] {
            assert_eq!(Addresses::of(&settings, &[]), Addresses::default());
        }
        let bare = json!({ "name": "users", "type": "auth" });
        let off = json!({
            "name": "staff", "type": "auth",
            "oauth2": { "enabled": false, "providers": [{ "name": "google" }] },
        });
        let pages = [
            json!({ "items": [bare] }),
            json!({ "items": [off] }),
            json!({}),
        ];
        let found = Addresses::of(&json!({}), &pages).collections;
        let names: Vec<_> = found.iter().map(|collection| &collection.name).collect();
        assert_eq!(names, ["users", "staff"]);
        for collection in found {
            assert!(collection.templates.is_empty() && collection.providers.is_empty());
        }
    }
}
