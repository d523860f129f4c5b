//! `hapta init`: what it writes of a live schema, and what it says where there is none.

use std::fs;
use std::path::{Path, PathBuf};

use hapta_tests::demo::{PASSWORD, POSTS, SUPERUSER, records};
use hapta_tests::{Ended, PocketBase, Program, Setup, StubUpstream, free_address};
use serde_json::Value;
use tempfile::TempDir;

use crate::commands::{HAPTA, refused};
use crate::versions::{is_from_before_0_23, stub_of};

/// A place to write to.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("hapta.toml")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).expect("a configuration was written")
    }

    /// `hapta init` to this place.
    fn init(&self) -> Program {
        anywhere().argument("--out").argument(self.file())
    }

    /// Another command, about what was written.
    fn about(&self) -> Program {
        anywhere()
            .argument("--config")
            .argument(self.file())
            .variable("ADMIN_PASSWORD", PASSWORD)
    }

    fn put(&self, name: &str, text: &str) -> PathBuf {
        let file = self.folder.path().join(name);
        fs::write(&file, text).expect("writes it");
        file
    }
}

/// The command in a folder with nothing that it could use.
fn anywhere() -> Program {
    Program::new(HAPTA, Setup::before(free_address()))
}

fn before(program: Program, pocketbase: &PocketBase) -> Program {
    program
        .argument("--pocketbase")
        .argument(format!("http://{}", pocketbase.address()))
        .argument("--email")
        .argument(SUPERUSER)
        .variable("ADMIN_PASSWORD", PASSWORD)
}

#[track_caller]
fn done(ended: &Ended) {
    assert_eq!(ended.status, Some(0), "{}", ended.output);
}

#[tokio::test]
async fn what_it_writes_passes_check_and_serves() {
    let pocketbase = PocketBase::start().await;
    let place = Place::new();
    let program = before(place.init(), &pocketbase);
    let ended = program
        .argument("--listen")
        .argument("127.0.0.1:0")
        .run("init")
        .await;
    done(&ended);
    let text = place.text();
    for line in [
        "#:schema ./hapta.schema.json",
        "[collections.comments]",
        "[collections.posts]",
        "[collections.users]",
        "#   list, view               everybody, guests too (\"\")",
        "#   create, update, delete   whoever is logged in, whosoever record it is",
        "# - hidden, told to superusers alone: moderation",
    ] {
        assert!(text.contains(line), "no {line} in:\n{text}");
    }
    let told = text.replace("\n#   ", " ");
    for setting in ["(owner_field = \"author\")", "(users = \"users\")"] {
        assert!(told.contains(setting), "no {setting} in:\n{told}");
    }
    assert!(text.contains("Left out, as PocketBase's own: ") && text.contains("_superusers"));
    assert!(!text.contains("[collections._"), "{text}");
    assert!(!text.contains(PASSWORD) && !ended.output.contains(PASSWORD));
    done(&place.about().run("check").await);
    let process = place.about().serve().await;
    let list = process.client().get(&records("posts")).await.expect(200);
    assert_eq!(list["totalItems"], POSTS);
    process
        .client()
        .get(&records("_superusers"))
        .await
        .refused(404);
}

#[tokio::test]
async fn the_schema_beside_it_fits_what_it_writes() {
    let pocketbase = PocketBase::start().await;
    let place = Place::new();
    done(&before(place.init(), &pocketbase).run("init").await);
    let schema = fs::read_to_string(place.folder.path().join("hapta.schema.json"));
    let schema: Value = serde_json::from_str(&schema.expect("a schema")).expect("JSON");
    assert_eq!(schema, hapta::config::schema());
    let written: Value = toml::from_str(&place.text()).expect("TOML");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let complaints: Vec<_> = validator
        .iter_errors(&written)
        .map(|it| it.to_string())
        .collect();
    assert!(complaints.is_empty(), "{complaints:?}");
}

#[tokio::test]
async fn a_file_that_is_there_is_not_written_over() {
    let pocketbase = PocketBase::start().await;
    let place = Place::new();
    fs::write(place.file(), "mine").expect("writes it");
    let again = || before(place.init(), &pocketbase);
    refused(&again().run("init").await, &["is there already", "--force"]);
    assert_eq!(place.text(), "mine");
    done(&again().argument("--force").run("init").await);
    assert!(place.text().contains("[pocketbase]"));
}

#[tokio::test]
async fn it_is_told_as_json() {
    let pocketbase = PocketBase::start().await;
    let place = Place::new();
    let ended = before(place.init(), &pocketbase)
        .argument("--json")
        .run("init")
        .await;
    done(&ended);
    let at = ended.output.find('{').expect("an object");
    let told: Value = serde_json::from_str(&ended.output[at..]).expect("JSON");
    let posts = told["collections"]
        .as_array()
        .and_then(|list| list.iter().find(|it| it["name"] == "posts"))
        .expect("posts");
    assert_eq!(posts["exposed"], true);
    assert_eq!(posts["lets_through"][0]["operations"], "list, view");
    assert_eq!(told["original"], serde_json::json!([]));
}

#[tokio::test]
async fn whoever_has_no_pocketbase_is_told_how_to_start_one() {
    let away = free_address();
    let place = Place::new();
    let program = place
        .init()
        .argument("--pocketbase")
        .argument(format!("http://{away}"));
    let program = program
        .variable("ADMIN_EMAIL", SUPERUSER)
        .variable("ADMIN_PASSWORD", PASSWORD);
    refused(
        &program.run("init").await,
        &["is away", "is it running", &format!("serve --http {away}")],
    );
    assert!(!place.file().exists());
    refused(
        &place.init().run("init").await,
        &["where is PocketBase", "--pocketbase http://"],
    );
    let odd = place
        .init()
        .argument("--pocketbase")
        .argument("127.0.0.1:8091");
    refused(
        &odd.run("init").await,
        &["--pocketbase", "expected scheme, host and port"],
    );
}

#[tokio::test]
async fn whoever_is_no_superuser_is_told_how_to_become_one() {
    let pocketbase = PocketBase::start().await;
    let place = Place::new();
    let as_whom = |email: &str, password: &str| {
        place
            .init()
            .argument("--pocketbase")
            .argument(format!("http://{}", pocketbase.address()))
            .variable("ADMIN_EMAIL", email)
            .variable("ADMIN_PASSWORD", password)
    };
    for (email, password) in [
        (SUPERUSER, "not-the-password"),
        ("alice@example.com", PASSWORD),
    ] {
        let ended = as_whom(email, password).run("init").await;
        refused(&ended, &[email, "as a superuser", "superuser upsert"]);
        assert!(!ended.output.contains(password), "{}", ended.output);
    }
    // There is nobody at a terminal to be asked.
    refused(
        &as_whom(SUPERUSER, "").run("init").await,
        &["set ADMIN_PASSWORD"],
    );
    refused(
        &as_whom("", PASSWORD).run("init").await,
        &["--email", "superuser upsert"],
    );
}

#[tokio::test]
async fn one_that_is_too_old_or_no_pocketbase_is_told_so() {
    let place = Place::new();
    let before = |stub: &StubUpstream| {
        place
            .init()
            .argument("--pocketbase")
            .argument(format!("http://{}", stub.address()))
            .variable("ADMIN_EMAIL", SUPERUSER)
            .variable("ADMIN_PASSWORD", PASSWORD)
    };
    let (stub, _) = stub_of("0.22.27").await;
    is_from_before_0_23(&stub);
    refused(
        &before(&stub).run("init").await,
        &["PocketBase 0.22.27 is too old", "update PocketBase"],
    );
}

#[tokio::test]
async fn the_original_s_files_are_taken_over() {
    let pocketbase = PocketBase::start().await;
    let place = Place::new();
    let config = place.put(
        "config.ts",
        "const config: Config = {
            port: 3000, hostname: 'localhost', developmentMode: true,
            ratelimits: { default: { limit: 10, every: 1000, maxUses: 0 }, list: { limit: 20, every: 60 * 1000, maxUses: 50 }, ping: { limit: 1, every: 1000 } },
            rules: '/rules.ts',
        }
        export default config;",
    );
    place.put(
        ".env",
        &format!(
            "DB_URL=http://{}\nADMIN_EMAIL={SUPERUSER}\nADMIN_PASSWORD={PASSWORD}\nJWT_SECRET=old-secret\nREDIS_URL=x\n",
            pocketbase.address()
        ),
    );
    let ended = place
        .init()
        .argument("--from")
        .argument(config)
        .run("init")
        .await;
    done(&ended);
    let text = place.text();
    for line in [
        "listen = \"127.0.0.1:3000\"",
        "default = { limit = 10, every = \"1s\" }",
        "list = { limit = 20, every = \"60s\", max_uses = 50 }",
        &format!("url = \"http://{}\"", pocketbase.address()),
    ] {
        assert!(text.contains(line), "no {line} in:\n{text}");
    }
    for told in [
        "ratelimits.ping",
        "developmentMode",
        "hapta new",
        "JWT_SECRET",
        "REDIS_URL",
    ] {
        assert!(text.contains(told), "no {told} in:\n{text}");
        assert!(
            ended.output.contains(told),
            "no {told} in:\n{}",
            ended.output
        );
    }
    assert!(
        !text.contains("old-secret") && !text.contains(PASSWORD),
        "{text}"
    );
    done(&place.about().run("check").await);
}

#[tokio::test]
async fn an_expression_of_the_original_is_named_with_its_place() {
    let place = Place::new();
    let config = place.put(
        "config.ts",
        "export default {\n  port: Number(process.env.PORT),\n}",
    );
    let ended = place
        .init()
        .argument("--from")
        .argument(&config)
        .run("init")
        .await;
    refused(
        &ended,
        &[
            "config.ts",
            "line 2",
            "Number(process.env.PORT)",
            "write its value",
        ],
    );
    let gone = place
        .init()
        .argument("--from")
        .argument(Path::new("gone.ts"));
    refused(&gone.run("init").await, &["cannot read gone.ts"]);
}
