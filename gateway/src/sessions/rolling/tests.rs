//! Sessions in their database: what outlives a gateway, and what others do to it.

use std::sync::Arc;

use futures_util::FutureExt as _;
use http::HeaderValue;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::exchange::Exchange;
use crate::principal::Thumbprint;
use crate::state::State;

pub(super) struct Home {
    folder: TempDir,
    state: State,
}

pub(super) fn home() -> Home {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(&folder.path().join("state")).unwrap();
    Home { folder, state }
}

impl Home {
    pub(super) fn open(&self) -> Arc<Rolling> {
        self.with(settings())
    }

    fn with(&self, settings: Settings) -> Arc<Rolling> {
        Arc::new(Rolling::open(settings, &self.state).unwrap())
    }

    /// Does what another process could do to the database.
    fn sql(&self, sql: &str) {
        let file = self.folder.path().join("state").join(database::FILE);
        let connection = rusqlite::Connection::open(file).unwrap();
        connection.execute_batch(sql).unwrap();
    }

    pub(super) fn ledger(&self) -> Ledger {
        let visited = State::visit(&self.folder.path().join("state"));
        Ledger::find(&visited.unwrap().unwrap()).unwrap().unwrap()
    }
}

fn settings() -> Settings {
    Settings {
        grace: Duration::from_secs(30),
        token_for: None,
        session_for: Duration::from_hours(1_000),
        rotate_keys: Duration::from_hours(100),
        per_user: 3,
        most: 5,
        bind: Bind::default(),
    }
}

pub(super) fn client() -> Client {
    let mut client = Exchange::nothing().client;
    let agent = HeaderValue::from_static("a browser");
    client.headers.insert(header::USER_AGENT, agent);
    client
}

pub(super) fn login<'a>(id: &'a str, client: &'a Client) -> Login<'a> {
    Login {
        collection_id: "c1",
        collection: "users",
        id,
        token: "of pocketbase",
        expires: now_ms() / 1_000 + 3_600,
        refreshable: true,
        client,
    }
}

async fn is_good(rolling: &Rolling, token: &str) -> Result<Token, SessionError> {
    rolling.show(token, TokenKind::Auth, &client()).await
}

fn id_of(rolling: &Rolling, token: &str) -> SessionId {
    rolling.read(token, TokenKind::Auth, now_ms()).unwrap().1
}

fn record(id: &str) -> Which {
    Which::Record {
        collection_id: "c1".to_owned(),
        record: id.to_owned(),
    }
}

#[tokio::test]
async fn what_was_answered_outlives_the_gateway() {
    let (home, client) = (home(), client());
    let rolling = home.open();
    let first = rolling.make(login("alice", &client)).await.unwrap();
    let second = rolling.roll(&first, login("alice", &client)).await.unwrap();
    let inner = is_good(&rolling, &second).await.unwrap();
    let counts = rolling.counts();
    assert_eq!((counts.live, counts.made, counts.rolled), (1, 1, 1));
    drop(rolling);
    let rolling = home.open();
    let again = is_good(&rolling, &second).await.unwrap();
    assert!(inner == again && again.expose() == "of pocketbase");
    assert_eq!(again.session(), Some(id_of(&rolling, &second)));
    let listed = rolling.list(&record("alice"));
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].user_agent, "a browser");
    assert!(rolling.list(&record("bob")).is_empty());
    // What it was called is the operator's word; what it is, its owner's.
    let named = |collection: &str| Which::Of {
        collection: collection.to_owned(),
        record: "alice".to_owned(),
    };
    assert_eq!(rolling.list(&named("users")), listed);
    assert_eq!(rolling.list(&named("c1")), listed);
    assert!(rolling.list(&named("posts")).is_empty());
}

#[tokio::test]
async fn a_stolen_token_ends_the_session_in_the_database_too() {
    let (home, client) = (home(), client());
    let mut settings = settings();
    settings.grace = Duration::ZERO;
    let rolling = home.with(settings);
    let first = rolling.make(login("alice", &client)).await.unwrap();
    let second = rolling.roll(&first, login("alice", &client)).await.unwrap();
    is_good(&rolling, &second).await.unwrap();
    let stolen = is_good(&rolling, &first).await;
    assert!(matches!(stolen, Err(SessionError::Reused)), "{stolen:?}");
    let ended = rolling.take_ended();
    assert_eq!(ended.len(), 1);
    assert_eq!(
        (ended[0].why, ended[0].record.as_str()),
        (Ending::Reused, "alice")
    );
    drop(rolling);
    let over = is_good(&home.open(), &second).await;
    assert!(matches!(over, Err(SessionError::Ended)), "{over:?}");
}

#[tokio::test]
async fn a_replaced_token_tells_of_a_thief_after_its_time_too() {
    let (home, client) = (home(), client());
    let mut settings = settings();
    settings.grace = Duration::ZERO;
    let rolling = home.with(settings);
    let first = rolling.make(login("alice", &client)).await.unwrap();
    let id = id_of(&rolling, &first);
    let mut family = rolling.lock().families.get(id).unwrap().clone();
    family.chain.expires = 1;
    let over = rolling.sign(&family);
    let expired = async || {
        let shown = is_good(&rolling, &over).await;
        matches!(shown, Err(SessionError::Token(TokenError::Expired)))
    };
    assert!(expired().await);
    let second = rolling.roll(&first, login("alice", &client)).await.unwrap();
    assert!(expired().await);
    is_good(&rolling, &second).await.unwrap();
    // Whoever has not the place or the key of a session can't end it.
    rolling
        .lock()
        .families
        .change(id, |family| family.from.key = Some(Thumbprint([1; 32])));
    assert!(expired().await);
    rolling
        .lock()
        .families
        .change(id, |family| family.from.key = None);
    let stolen = is_good(&rolling, &over).await;
    assert!(matches!(stolen, Err(SessionError::Reused)), "{stolen:?}");
    let ended = is_good(&rolling, &second).await;
    assert!(matches!(ended, Err(SessionError::Ended)), "{ended:?}");
}

#[tokio::test]
async fn a_refresh_that_takes_long_is_no_theft() {
    let (home, client) = (home(), client());
    let mut settings = settings();
    settings.grace = Duration::ZERO;
    let rolling = home.with(settings);
    let first = rolling.make(login("alice", &client)).await.unwrap();
    is_good(&rolling, &first).await.unwrap();
    let second = rolling.roll(&first, login("alice", &client)).await.unwrap();
    is_good(&rolling, &second).await.unwrap();
    // Another refresh of the first one was let in before, and PocketBase answers now.
    let again = rolling.roll(&first, login("alice", &client)).await;
    assert_eq!(again.unwrap(), second);
}

#[tokio::test]
async fn what_begins_or_ends_does_so_though_nobody_waits_for_it() {
    let (home, client) = (home(), client());
    let rolling = home.open();
    let bob = rolling.make(login("bob", &client)).await.unwrap();
    assert!(
        rolling
            .make(login("alice", &client))
            .now_or_never()
            .is_none()
    );
    let latest = tokio::time::Instant::now() + Duration::from_secs(5);
    while rolling.counts().made < 2 && tokio::time::Instant::now() < latest {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(rolling.list(&record("alice")).len(), 1);
    // Cut off before it was asked to be written.
    rolling.forget(&[id_of(&rolling, &bob)], Ending::LoggedOut, None);
    rolling.tend().await.unwrap();
    assert!(rolling.lock().unwritten.is_empty());
    drop(rolling);
    let rolling = home.open();
    assert_eq!(rolling.list(&record("alice")).len(), 1);
    assert!(rolling.list(&record("bob")).is_empty());
}

#[tokio::test]
async fn a_login_that_is_not_written_ends_no_other() {
    let (home, client) = (home(), client());
    let rolling = home.open();
    for _ in 0..3 {
        rolling.make(login("alice", &client)).await.unwrap();
    }
    let sql =
        "CREATE TRIGGER full BEFORE INSERT ON sessions BEGIN SELECT RAISE(ABORT, 'full'); END;";
    home.sql(sql);
    let failed = rolling.make(login("alice", &client)).await;
    assert!(matches!(failed, Err(SessionError::Store(_))), "{failed:?}");
    assert_eq!(rolling.list(&record("alice")).len(), 3);
    home.sql("DROP TRIGGER full;");
    rolling.make(login("alice", &client)).await.unwrap();
    assert_eq!(rolling.take_ended().len(), 1);
}

#[tokio::test]
async fn impersonation_does_not_give_way_to_logins() {
    let (home, client) = (home(), client());
    let rolling = home.open();
    let mut given = login("alice", &client);
    given.refreshable = false;
    let given = rolling.make(given).await.unwrap();
    for _ in 0..4 {
        rolling.make(login("alice", &client)).await.unwrap();
    }
    is_good(&rolling, &given).await.unwrap();
    assert_eq!(rolling.list(&record("alice")).len(), 4);
}

#[tokio::test]
async fn a_command_ends_sessions_under_a_running_gateway() {
    let (home, client) = (home(), client());
    let rolling = home.open();
    let alice = rolling.make(login("alice", &client)).await.unwrap();
    let bob = rolling.make(login("bob", &client)).await.unwrap();
    let ledger = home.ledger();
    assert_eq!(ledger.list(&Which::All).unwrap().len(), 2);
    assert_eq!(ledger.end(&Which::One(id_of(&rolling, &alice))).unwrap(), 1);
    // Not heard yet; and yet nothing brings it back.
    is_good(&rolling, &alice).await.unwrap();
    let rolled = rolling.roll(&alice, login("alice", &client)).await;
    assert!(matches!(rolled, Err(SessionError::Ended)), "{rolled:?}");
    ledger.end(&Which::All).unwrap();
    is_good(&rolling, &bob).await.unwrap();
    rolling.look_again().await.unwrap();
    let over = is_good(&rolling, &bob).await;
    assert!(matches!(over, Err(SessionError::Ended)), "{over:?}");
    assert_eq!(rolling.counts().live, 0);
}

#[tokio::test]
async fn keys_roll_and_what_they_signed_stays_good() {
    let (home, client) = (home(), client());
    let rolling = home.open();
    let before = rolling.make(login("alice", &client)).await.unwrap();
    home.ledger().rotate().unwrap();
    rolling.look_again().await.unwrap();
    let after = rolling.make(login("bob", &client)).await.unwrap();
    let head = |token: &str| token.split('.').next().unwrap().to_owned();
    assert_ne!(head(&before), head(&after));
    for token in [&before, &after] {
        is_good(&rolling, token).await.unwrap();
    }
    drop(rolling);
    let mut settings = settings();
    settings.rotate_keys = Duration::ZERO;
    let rolling = home.with(settings);
    rolling.tend_keys().await.unwrap();
    let third = rolling.make(login("carol", &client)).await.unwrap();
    assert_ne!(head(&after), head(&third));
    for token in [&before, &after, &third] {
        is_good(&rolling, token).await.unwrap();
    }
    assert_eq!(rolling.ring.load().older.len(), 2);
}

#[tokio::test]
async fn there_are_bounds_for_one_person_and_for_all() {
    let (home, client) = (home(), client());
    let rolling = home.open();
    let mut of_alice = Vec::new();
    for _ in 0..4 {
        of_alice.push(rolling.make(login("alice", &client)).await.unwrap());
    }
    assert_eq!(rolling.list(&record("alice")).len(), 3);
    assert_eq!(rolling.take_ended()[0].why, Ending::Displaced);
    for id in ["bob", "carol"] {
        rolling.make(login(id, &client)).await.unwrap();
    }
    let full = rolling.make(login("dora", &client)).await;
    assert!(matches!(full, Err(SessionError::SessionsFull)));
    // Whoever has some takes no more room.
    rolling.make(login("alice", &client)).await.unwrap();
    drop(rolling);
    assert_eq!(home.open().counts().live, 5);
}

#[tokio::test]
async fn a_session_stays_with_its_key_and_its_place() {
    let (home, mut client) = (home(), client());
    let mut settings = settings();
    settings.bind.address = true;
    let rolling = home.with(settings);
    client.key = Some(Thumbprint([1; 32]));
    client.address = "2001:db8::1".parse().unwrap();
    let token = rolling.make(login("alice", &client)).await.unwrap();
    let show = async |change: &dyn Fn(&mut Client)| {
        let mut other = client.clone();
        change(&mut other);
        rolling
            .show(&token, TokenKind::Auth, &other)
            .await
            .map(drop)
    };
    assert!(show(&|_| {}).await.is_ok());
    assert!(
        show(&|other| other.address = "2001:db8::2".parse().unwrap())
            .await
            .is_ok()
    );
    let elsewhere = show(&|other| other.address = "2001:db8:1::1".parse().unwrap()).await;
    assert!(matches!(elsewhere, Err(SessionError::Elsewhere)));
    for key in [None, Some(Thumbprint([2; 32]))] {
        let unproven = show(&|other| other.key = key).await;
        assert!(matches!(unproven, Err(SessionError::Unproven)));
    }
    // What shows a picture can't sign.
    let id = id_of(&rolling, &token);
    let file = rolling.file_token(id, now_ms() / 1_000 + 60).unwrap();
    client.key = None;
    rolling.show(&file, TokenKind::File, &client).await.unwrap();
}

#[tokio::test]
async fn an_older_state_of_a_session_is_not_written_over_a_newer() {
    let (home, client) = (home(), client());
    let rolling = home.open();
    let token = rolling.make(login("alice", &client)).await.unwrap();
    let id = id_of(&rolling, &token);
    let of = |rolling: &Rolling| rolling.lock().families.get(id).unwrap().clone();
    let older = of(&rolling);
    rolling.roll(&token, login("alice", &client)).await.unwrap();
    let save = |family| vec![Change::Save(Box::new(family))];
    assert!(rolling.store.write(save(older)).await.unwrap());
    let newer = of(&rolling);
    drop(rolling);
    assert_eq!(of(&home.open()).chain, newer.chain);
}

#[tokio::test]
async fn what_is_over_is_taken_out_and_uses_are_written() {
    let (home, client) = (home(), client());
    let rolling = home.open();
    let mut short = login("alice", &client);
    short.expires = now_ms() / 1_000 + 1;
    rolling.make(short).await.unwrap();
    let long = rolling.make(login("bob", &client)).await.unwrap();
    is_good(&rolling, &long).await.unwrap();
    assert_eq!(rolling.lock().dirty.len(), 1);
    let latest = tokio::time::Instant::now() + Duration::from_secs(5);
    while rolling.counts().live > 1 && tokio::time::Instant::now() < latest {
        rolling.tend().await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(rolling.counts().live, 1);
    assert!(rolling.lock().dirty.is_empty());
    drop(rolling);
    let rolling = home.open();
    let id = id_of(&rolling, &long);
    assert!(rolling.lock().families.get(id).unwrap().chain.is_used);
    assert_eq!(rolling.counts().live, 1);
}

#[tokio::test]
async fn pocketbases_token_is_renewed_when_half_its_life_is_over() {
    let (home, client) = (home(), client());
    let mut settings = settings();
    settings.token_for = Some(Duration::from_hours(10));
    let rolling = home.with(settings);
    let token = rolling.make(login("alice", &client)).await.unwrap();
    let id = id_of(&rolling, &token);
    let now = now_ms() / 1_000;
    rolling.renew(id, "newer", now + 7_200);
    assert_eq!(rolling.current(id).unwrap().expose(), "of pocketbase");
    assert!(rolling.due().is_empty());
    // Half of it goes by.
    rolling.lock().families.change(id, |family| {
        family.inner.since -= 2_000;
        family.inner.expires -= 2_000;
    });
    let due = rolling.due();
    assert_eq!((due.len(), due[0].session), (1, id));
    rolling.renew(id, "newer", now + 7_200);
    assert_eq!(rolling.current(id).unwrap().expose(), "newer");
    assert!(rolling.due().is_empty());
}

#[tokio::test]
async fn what_cant_be_renewed_keeps_nothing_else_waiting() {
    let (home, client) = (home(), client());
    let mut settings = settings();
    settings.token_for = Some(Duration::from_hours(10));
    settings.most = 100;
    let rolling = home.with(settings);
    for at in 0..70 {
        let token = rolling
            .make(login(&format!("u{at}"), &client))
            .await
            .unwrap();
        let id = id_of(&rolling, &token);
        rolling.lock().families.change(id, |family| {
            family.inner.since -= 2_000;
            family.inner.expires -= 2_000;
        });
    }
    let mut seen = HashSet::new();
    for many in [64, 6, 0] {
        let due = rolling.due();
        assert_eq!(due.len(), many);
        assert!(due.iter().all(|due| seen.insert(due.session)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Whatever many do at once: memory and database tell the same afterwards.
    #[test]
    fn memory_and_database_tell_the_same(steps in proptest::collection::vec((0..4_u8, 0..3_usize), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (home, client) = (home(), client());
            let rolling = home.open();
            let names = ["alice", "bob", "carol"];
            let step = async |(what, at): (u8, usize)| {
                let id = names[at];
                match what {
                    0 | 1 => drop(rolling.make(login(id, &client)).await),
                    2 => {
                        let newest = rolling.lock().families.which(&record(id)).first().map(|family| rolling.sign(family));
                        if let Some(newest) = newest {
                            let _ = rolling.roll(&newest, login(id, &client)).await;
                        }
                    }
                    _ => drop(rolling.end(&record(id), Ending::Revoked, None).await),
                }
            };
            for together in steps.chunks(5) {
                futures_util::future::join_all(together.iter().map(|one| step(*one))).await;
            }
            rolling.tend().await.unwrap();
            let told = |rolling: &Rolling| {
                let held = rolling.lock();
                let mut all: Vec<_> = held.families.iter().map(|family| (family.id, family.chain.clone())).collect();
                all.sort_by_key(|(id, _)| *id);
                all
            };
            let before = told(&rolling);
            drop(rolling);
            assert_eq!(told(&home.open()), before);
        });
    }
}
