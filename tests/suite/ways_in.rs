//! Every way to log in, followed to its end: mails through a real mail server, OAuth2 with a real OIDC provider.
//!
//! What a scenario says is true of PocketBase itself and of the gateway before it, whosever tokens it hands out: each is played at all.

/// The account that a login by OAuth2 makes.
mod accounts;
/// Who has an account is nobody's business.
mod concealed;
/// Many logins at once.
mod identities;
/// What mails lead to: verification, a new password, another address.
mod mails;
/// By a provider: new and known people, links, and what is no code of theirs.
mod oauth2;
/// By a one-time password.
mod one_time;
/// By password; and what a login is good for afterwards.
mod passwords;
/// By a provider, in the popup of a browser.
mod popup;
/// The official SDK, in every way that it knows.
mod sdk;
/// By two ways, one after the other.
mod second_factor;
/// What is no key of a login.
mod spellings;
/// By a provider, by the stream that a popup wants.
mod streams;

use hapta_tests::demo::SUPERUSER;
use hapta_tests::{Client, Mailbox, PocketBase, Provider, Reply, Setup, TestGateway, WaysIn};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// Where people log in, and what else takes part in that.
struct Entrance {
    pocketbase: PocketBase,
    /// None: people ask PocketBase itself.
    gateway: Option<TestGateway>,
    mailbox: OnceCell<Mailbox>,
    provider: OnceCell<Provider>,
}

/// Plays a scenario with PocketBase itself and through a gateway.
async fn everywhere(scenario: impl AsyncFn(&Entrance)) {
    everywhere_with(&[], scenario).await;
}

/// The same, where PocketBase has these hooks.
async fn everywhere_with(files: &[(&str, &str)], scenario: impl AsyncFn(&Entrance)) {
    scenario(&Entrance::of_pocketbase(files).await).await;
    scenario(&Entrance::of_a_gateway(files).await).await;
    scenario(&Entrance::of_a_gateway_with_sessions(files).await).await;
}

impl Entrance {
    async fn of_pocketbase(files: &[(&str, &str)]) -> Self {
        Self {
            pocketbase: PocketBase::start_with(files).await,
            gateway: None,
            mailbox: OnceCell::new(),
            provider: OnceCell::new(),
        }
    }

    async fn of_a_gateway(files: &[(&str, &str)]) -> Self {
        Self::of_a_gateway_with(files, |gateway| {
            gateway.open("users").also("[superusers]\nroutes = \"on\"")
        })
        .await
    }

    /// One whose tokens are its own.
    async fn of_a_gateway_with_sessions(files: &[(&str, &str)]) -> Self {
        Self::of_a_gateway_with(files, |gateway| {
            let gateway = gateway.open("users").also("[superusers]\nroutes = \"on\"");
            gateway.also("[sessions]\nmode = \"rolling\"")
        })
        .await
    }

    /// A gateway that exposes what `set_up` says.
    async fn of_a_gateway_with(
        files: &[(&str, &str)],
        set_up: impl FnOnce(Setup) -> Setup,
    ) -> Self {
        let entrance = Self::of_pocketbase(files).await;
        let setup = set_up(Setup::before(entrance.pocketbase.address()));
        Self {
            gateway: Some(setup.start().await),
            ..entrance
        }
    }

    /// Somebody who is not logged in.
    fn guest(&self) -> Client {
        match &self.gateway {
            Some(gateway) => gateway.client(),
            None => self.pocketbase.client(),
        }
    }

    async fn log_in(&self, name: &str) -> Client {
        self.guest().log_in(name).await
    }

    async fn superuser(&self) -> Client {
        let login = self.guest().authenticate("_superusers", SUPERUSER).await;
        let token = login.expect(200)["token"].as_str().map(str::to_owned);
        self.guest().with_token(token.expect("a token"))
    }

    async fn mailbox(&self) -> &Mailbox {
        self.mailbox.get_or_init(Mailbox::start).await
    }

    /// Has PocketBase offer this beside the password, and mail.
    async fn offer(&self, ways: impl FnOnce(WaysIn) -> WaysIn) {
        let offered = WaysIn::of(self.guest().address()).mails(self.mailbox().await);
        ways(offered).put_into(&self.pocketbase).await;
    }

    /// Makes the provider one of PocketBase's.
    async fn offer_provider(&self) {
        let provider = self.provider().await;
        self.offer(|ways| ways.provider(provider)).await;
    }

    /// Logs in by what the provider gave.
    async fn enter(&self, authorized: &Value) -> Reply {
        let call = self.guest().post(&users("auth-with-oauth2"));
        call.json(authorized).await
    }

    /// How many accounts there are.
    async fn accounts(&self) -> u64 {
        let superuser = self.pocketbase.superuser().await;
        let users = "/api/collections/users/records";
        let list = superuser.get(users).await.expect(200);
        list["totalItems"].as_u64().expect("a number")
    }

    /// A provider, not yet one of PocketBase's.
    async fn provider(&self) -> &Provider {
        let start = async || Provider::start(&[&self.redirect_url()]).await;
        self.provider.get_or_init(start).await
    }

    /// Where the provider sends people back to.
    fn redirect_url(&self) -> String {
        format!("http://{}/api/oauth2-redirect", self.guest().address())
    }

    /// Logs in at the provider as somebody does whose application follows the flow by itself: what
    /// `auth-with-oauth2` takes then.
    async fn authorized(&self, login: &str) -> Value {
        let methods = self.guest().get(&users("auth-methods")).await.expect(200);
        let method = &methods["oauth2"]["providers"][0];
        let redirect = self.redirect_url();
        let escaped: String = form_urlencoded::byte_serialize(redirect.as_bytes()).collect();
        let url = format!("{}{escaped}", method["authURL"].as_str().expect("a URL"));
        let back = self.provider().await.authorize(&url, login).await;
        assert_eq!(back.parameter("state").as_deref(), method["state"].as_str());
        json!({
            "provider": "oidc",
            "code": back.code(),
            "codeVerifier": method["codeVerifier"],
            "redirectURL": redirect,
        })
    }

    /// Asks for a one-time password and reads the mail: what `auth-with-otp` takes then.
    async fn one_time_password(&self, email: &str) -> Value {
        let call = self.guest().post(&users("request-otp"));
        let asked = call.json(&json!({ "email": email })).await.expect(200);
        let mail = self.mailbox().await.mail_to(email).await;
        json!({ "otpId": asked["otpId"], "password": mail.one_time_password() })
    }

    /// Asks for a mail, and gives back the token that its link ends with.
    async fn mailed_token(&self, action: &str, email: &str) -> String {
        let call = self.guest().post(&users(action));
        call.json(&json!({ "email": email })).await.expect(204);
        let mail = self.mailbox().await.mail_to(email).await;
        mail.token().to_owned()
    }

    /// Makes an account that is not verified yet.
    async fn sign_up(&self, email: &str) -> String {
        let account = json!({ "email": email, "password": PASSWORD, "passwordConfirm": PASSWORD });
        let call = self.guest().post("/api/collections/users/records");
        let made = call.json(&account).await.expect(200);
        made["id"].as_str().expect("an id").to_owned()
    }
}

/// Everybody's.
const PASSWORD: &str = hapta_tests::demo::PASSWORD;

/// The path of one of the actions on the accounts of `users`.
fn users(action: &str) -> String {
    format!("/api/collections/users/{action}")
}

/// An object with more keys.
fn with(object: &Value, more: &Value) -> Value {
    let mut all = object.clone();
    let keys = all.as_object_mut().expect("an object");
    keys.extend(more.as_object().expect("an object").clone());
    all
}

/// Asserts that this is a login of that account, and that its token is good at this entrance.
async fn is_in(at: &Entrance, reply: Reply, id: &str) -> Value {
    let answer = reply.expect(200);
    assert_eq!(answer["record"]["id"], id, "{answer}");
    let token = answer["token"].as_str().expect("a token");
    let again = at.guest().with_token(token).post(&users("auth-refresh"));
    assert_eq!(again.await.expect(200)["record"]["id"], id);
    answer
}

/// Asserts a refusal that hands out nothing, with PocketBase's words for it.
#[track_caller]
fn is_refused(reply: &Reply, status: u16, message: &str) {
    let error = reply.refused(status);
    assert_eq!(error["message"], message, "{error}");
    assert!(
        error["token"].is_null() && error["record"].is_null(),
        "{error}"
    );
}

/// The code of a rule that denies.
#[track_caller]
fn denied(reply: &Reply, status: u16) -> String {
    let error = reply.refused(status);
    let code = error["data"]["@rule"]["code"].as_str();
    code.unwrap_or_else(|| panic!("{error}")).to_owned()
}

/// What somebody has to bring with the second way in.
#[track_caller]
fn second_is_wanted(reply: &Reply) -> String {
    let answer = reply.expect(401);
    assert_eq!(
        answer.as_object().map(serde_json::Map::len),
        Some(1),
        "{answer}"
    );
    answer["mfaId"].as_str().expect("an id").to_owned()
}
