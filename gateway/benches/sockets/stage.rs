//! What is watched: a collection that anybody may read and write, in a PocketBase, and a gateway before it.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use serde_json::{Value, json};

use crate::client::Client;
use crate::fixtures::{self, EMAIL, PASSWORD};
use crate::process::Process;

/// What everybody watches.
pub(crate) const TOPIC: &str = "notes/*";

/// What is written to.
pub(crate) const RECORD: &str = "/api/collections/notes/records/post00000000001";

/// What the rule takes out of each event.
const HIDDEN: &str = "secret_note";

/// bcrypt's least: nobody is measured logging in.
const PASSWORD_COST: u32 = 4;

/// A PocketBase with its data, and where that is.
pub(crate) struct Stage {
    folder: PathBuf,
    pub(crate) pocketbase: Process,
}

impl Stage {
    /// A new PocketBase with one record to watch.
    pub(crate) async fn set(name: &str) -> anyhow::Result<Self> {
        let folder = fixtures::folder(name)?;
        let pocketbase = Process::pocketbase(&folder, EMAIL, PASSWORD).await?;
        let mut client = Client::superuser(pocketbase.address, EMAIL, PASSWORD).await?;
        let collection = fixtures::notes(Some(""));
        client.post("/api/collections", &collection).await?;
        let records = "/api/collections/notes/records";
        client.post(records, &fixtures::small_post(1)).await?;
        Ok(Self { folder, pocketbase })
    }

    /// A gateway before it, with room for all that are measured.
    pub(crate) async fn gateway(&self, mode: &str) -> anyhow::Result<Process> {
        let settings = format!("{{ fields = [\"{HIDDEN}\"], before = true }}");
        let rule = "hide_field";
        let config = fixtures::config(self.pocketbase.address, rule, &settings, "notes")?;
        let bounds = format!(
            "[server]\nmax_connections = 19000\nconnections_per_address = 2000\n[live]\nmode = \"{mode}\"\nstreams = 19000\nstreams_per_address = 2000\n"
        );
        Process::gateway(&self.folder, &(config + &bounds)).await
    }

    /// So many users, each with a token of a login at PocketBase.
    pub(crate) async fn users(&self, size: usize) -> anyhow::Result<Vec<String>> {
        let address = self.pocketbase.address;
        let mut client = Client::superuser(address, EMAIL, PASSWORD).await?;
        make_logins_cheap(&mut client).await?;
        let mut tokens = Vec::with_capacity(size);
        let mut guest = Client::connect(address).await?;
        for number in 0..size {
            let email = format!("user{number}@example.com");
            let user = json!({ "email": email, "verified": true, "password": PASSWORD, "passwordConfirm": PASSWORD });
            let records = "/api/collections/users/records";
            client.post(records, &user).await?;
            let login = json!({ "identity": email, "password": PASSWORD });
            let path = "/api/collections/users/auth-with-password";
            let answer: Value = serde_json::from_str(&guest.post(path, &login).await?)?;
            let token = answer.get("token").and_then(Value::as_str);
            tokens.push(token.context("a login without a token")?.to_owned());
        }
        Ok(tokens)
    }

    pub(crate) async fn end(self) -> anyhow::Result<()> {
        self.pocketbase.end().await
    }
}

/// A change of the record. Each is another, so that each is told.
pub(crate) async fn change(writer: &mut Client, number: usize) -> anyhow::Result<()> {
    writer.patch(RECORD, &json!({ "views": number })).await?;
    Ok(())
}

/// A client to write with, on a connection that is warm.
pub(crate) async fn writer(server: SocketAddr) -> anyhow::Result<Client> {
    let mut writer = Client::connect(server).await?;
    writer.get(RECORD).await?;
    Ok(writer)
}

async fn make_logins_cheap(client: &mut Client) -> anyhow::Result<()> {
    let users = "/api/collections/users";
    let mut collection: Value = serde_json::from_str(&client.get(users).await?)?;
    let fields = collection.get_mut("fields").and_then(Value::as_array_mut);
    for field in fields.context("no fields")? {
        if field.get("type").and_then(Value::as_str) == Some("password") {
            field["cost"] = json!(PASSWORD_COST);
        }
    }
    let fields = collection.get("fields");
    let change = json!({ "fields": fields, "authAlert": { "enabled": false } });
    client.patch(users, &change).await?;
    Ok(())
}
