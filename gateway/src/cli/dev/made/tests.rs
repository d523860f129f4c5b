//! What is made up, as the gateway reads it.

use super::*;
use crate::rules::Exposed;

fn made(folder: &Path) -> Made {
    Made {
        folder: folder.to_owned(),
        listen: LISTEN,
        pocketbase: PocketBase::Started(PathBuf::from("/opt/a \"b\"/pocketbase")),
        beside: "127.0.0.1:8091".parse().unwrap(),
        superuser: Credentials {
            email: EMAIL.to_owned(),
            password: "x".repeat(32),
        },
        is_new: true,
        manifests: BTreeMap::new(),
        text: String::new(),
    }
}

fn project(name: &str, world: World) -> Project {
    Project {
        folder: PathBuf::from("/rules").join(name),
        name: name.to_owned(),
        language: crate::workshop::Language::Rust,
        source: None,
        world,
        tests: PathBuf::new(),
    }
}

fn schema() -> Schema {
    let collection = |name: &str, system: bool| {
        serde_json::json!({
            "id": format!("pbc_{name}"), "name": name, "type": "base", "system": system,
            "fields": [{ "id": "a", "name": "id", "type": "text", "hidden": false }],
        })
    };
    let all = [
        collection("posts", false),
        collection("notes", false),
        collection("_mfas", true),
    ];
    let page = serde_json::json!({
        "items": all, "page": 1, "perPage": 500, "totalItems": 3, "totalPages": 1,
    });
    Schema::read(&[page]).unwrap()
}

#[test]
fn nothing_is_exposed_before_every_rule_has_said_what_it_is_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut made = made(folder.path());
    let projects = [
        project("own", World::Rule),
        project("quota", World::PoweredRule),
    ];
    let read = |made: &Made| {
        let text = made.written(&projects, &schema(), Entries::TriedOut);
        Config::parse(&text, folder.path(), &made.environment()).unwrap()
    };
    let of_posts = Manifest {
        collections: vec!["posts".to_owned()],
        ..Manifest::default()
    };
    made.knows("own", of_posts.clone());
    let exposed = |config: &Config| {
        let all = config.rules.exposed.clone();
        all.into_iter()
            .filter(|(name, _)| !name.starts_with('_'))
            .collect::<Vec<_>>()
    };
    let config = read(&made);
    assert_eq!(exposed(&config), []);
    assert_eq!(config.rules.sources.len(), 1);
    made.knows("quota", of_posts);
    let config = read(&made);
    let judges = Exposed::Rules(vec!["own".to_owned(), "quota".to_owned()]);
    assert_eq!(
        exposed(&config),
        [
            ("notes".to_owned(), Exposed::PocketBase),
            ("posts".to_owned(), judges)
        ]
    );
    let reads = config
        .rules
        .sources
        .iter()
        .map(|source| source.powers.reads.len());
    assert_eq!(reads.collect::<Vec<_>>(), [0, 2]);
    // To be tried out, a rule has its entry before anything is known of it.
    let tried = self::made(folder.path())
        .config(&projects, &schema())
        .unwrap();
    assert_eq!(tried.rules.sources.len(), 2);
}

#[test]
fn the_password_is_kept_for_its_owner_and_no_other_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let (first, is_new) = Credentials::keep(folder.path()).unwrap();
    let (kept, is_new_again) = Credentials::keep(folder.path()).unwrap();
    assert!(is_new && !is_new_again && first.password == kept.password);
    assert!(first.password.len() >= 32, "{}", first.password.len());
    let mode = std::fs::metadata(folder.path().join(SUPERUSER))
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let elsewhere = tempfile::tempdir().unwrap();
    let (other, _) = Credentials::keep(elsewhere.path()).unwrap();
    assert_ne!(other.password, first.password);
}
