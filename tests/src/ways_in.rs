//! Turns on, in a PocketBase under way, the ways to log in that the demo has off.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::provider::{CLIENT_ID, CLIENT_SECRET};
use crate::{Client, Mailbox, PocketBase, Provider, demo};

/// What the collection `users` is to offer beside the password, in the making.
///
/// Passwords cost the least that PocketBase takes, so that a test may log in a thousand times; mails of a
/// login from a new place are off.
#[derive(Debug)]
#[must_use = "ways in do nothing until they are put into a PocketBase"]
pub struct WaysIn {
    settings: Value,
    users: Value,
}

impl WaysIn {
    /// The password alone, where people know the application by this address: the gateway's, or PocketBase's own.
    pub fn of(application: SocketAddr) -> Self {
        let meta = json!({
            "appURL": format!("http://{application}"),
            "senderName": "The application",
            "senderAddress": "application@example.com",
        });
        Self {
            settings: json!({ "meta": meta }),
            users: json!({ "authAlert": { "enabled": false } }),
        }
    }

    /// Has mails delivered here.
    pub fn mails(mut self, mailbox: &Mailbox) -> Self {
        let address = mailbox.address();
        self.settings["smtp"] = json!({
            "enabled": true,
            "host": address.ip().to_string(),
            "port": address.port(),
            "tls": false,
        });
        self
    }

    /// One-time passwords of eight digits, which are mailed.
    pub fn one_time_passwords(mut self) -> Self {
        self.users["otp"] = json!({ "enabled": true, "duration": 180, "length": 8 });
        self
    }

    /// A second factor for whom this rule of PocketBase's is true; for everybody if it is empty.
    pub fn second_factor(mut self, rule: &str) -> Self {
        self.users["mfa"] = json!({ "enabled": true, "duration": 600, "rule": rule });
        self
    }

    /// This provider, by the name `oidc`. Who comes by it has the name that they have there.
    pub fn provider(mut self, provider: &Provider) -> Self {
        let provider = json!({
            "name": "oidc",
            "displayName": "The provider",
            "clientId": CLIENT_ID,
            "clientSecret": CLIENT_SECRET,
            "authURL": provider.url("/auth"),
            "tokenURL": provider.url("/token"),
            "userInfoURL": provider.url("/me"),
            "pkce": true,
        });
        self.users["oauth2"] = json!({
            "enabled": true,
            "providers": [provider],
            "mappedFields": { "name": "name", "avatarURL": "avatar" },
        });
        self
    }

    /// Changes PocketBase so, as a superuser.
    ///
    /// # Panics
    ///
    /// When it refuses.
    pub async fn put_into(mut self, pocketbase: &PocketBase) {
        let superuser = pocketbase.superuser().await;
        let settings = superuser.patch("/api/settings").json(&self.settings);
        settings.await.expect(200);
        let users = "/api/collections/users";
        self.users["fields"] = cheap_passwords(&superuser.get(users).await.expect(200));
        superuser.patch(users).json(&self.users).await.expect(200);
        for id in [demo::ALICE, demo::BOB, demo::CAROL] {
            set_password_again(&superuser, id).await;
        }
    }
}

/// The fields of the collection, but for what a password costs.
fn cheap_passwords(collection: &Value) -> Value {
    let mut fields = collection["fields"].clone();
    for field in fields.as_array_mut().expect("a list of fields") {
        if field["type"] == "password" {
            field["cost"] = json!(4);
        }
    }
    fields
}

/// What was hashed before stays as dear as it was.
async fn set_password_again(superuser: &Client, id: &str) {
    let password = json!({ "password": demo::PASSWORD, "passwordConfirm": demo::PASSWORD });
    let call = superuser.patch(&demo::record("users", id)).json(&password);
    call.await.expect(200);
}
