//! The database of sessions and of the keys that sign their tokens: a file of the state
//! folder, which the gateway and its commands write. All SQL is here.
//!
//! What a thief of the file could use is sealed, and whose a session is with it: see [`Seal`].
//! Beside it stand times and numbers, which whoever may write the file can change, and by whom
//! a session can be found.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Row, params};
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::chain::{Chain, Retired};
use super::family::{Family, From, Inner, Owner};
use super::ring::RingKey;
use super::seal::Seal;
use crate::principal::{SessionId, Thumbprint, Token};
use crate::state::State;

/// The file.
pub(super) const FILE: &str = "sessions.db";

/// How long another process may be at it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Of the tables below.
const VERSION: i64 = 1;

const TABLES: &str = "
    CREATE TABLE sessions (
        id BLOB PRIMARY KEY,
        collection_id TEXT NOT NULL,
        collection TEXT NOT NULL,
        record TEXT NOT NULL,
        newest INTEGER NOT NULL,
        issued INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        is_used INTEGER NOT NULL,
        retired TEXT NOT NULL,
        used_ms INTEGER NOT NULL,
        version INTEGER NOT NULL,
        sealed BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE keys (
        kid TEXT PRIMARY KEY,
        made_ms INTEGER NOT NULL,
        until_ms INTEGER,
        sealed BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 1;";

const COLUMNS: &str = "id, newest, issued, expires, is_used, retired, used_ms, version, sealed";

/// The database, open.
pub(super) struct Database {
    connection: Connection,
    seal: Seal,
    file: PathBuf,
}

/// A change.
pub(super) enum Change {
    /// A login.
    Insert(Box<Family>),
    /// What became of a session; nothing where it has ended.
    Save(Box<Family>),
    /// An end.
    End(SessionId),
    /// A key, new or changed.
    PutKey(Box<RingKey>),
    /// The end of a key.
    EndKey(Box<str>),
}

/// What is sealed of a session.
#[derive(Serialize, Deserialize)]
struct Sealed {
    collection_id: Box<str>,
    collection: Box<str>,
    record: Box<str>,
    token: String,
    since: u64,
    token_expires: u64,
    refreshable: bool,
    ends: u64,
    created_ms: u64,
    address: std::net::IpAddr,
    user_agent: Box<str>,
    key: Option<[u8; 32]>,
}

impl Database {
    /// Opens the one of a state folder, and makes it where there is none.
    pub(super) fn open(state: &State) -> Result<Self, StoreError> {
        let file = state.folder().join(FILE);
        let mut options = OpenOptions::new();
        // Others than its owner are not to read it; what SQLite puts beside it is like it.
        options.append(true).create(true).mode(0o600);
        options
            .open(&file)
            .map_err(|problem| damaged(&file, &problem))?;
        Self::at(file, state)
    }

    /// The one of a state folder; none where no gateway has made one.
    pub(super) fn find(state: &State) -> Result<Option<Self>, StoreError> {
        let file = state.folder().join(FILE);
        if file.exists() {
            Self::at(file, state).map(Some)
        } else {
            Ok(None)
        }
    }

    fn at(file: PathBuf, state: &State) -> Result<Self, StoreError> {
        let key = state.seal("sessions", &[]);
        let key = key.first_chunk().ok_or(StoreError::Random)?;
        let seal = Seal::new(key)?;
        let connection = connect(&file).map_err(|problem| damaged(&file, &problem))?;
        let database = Self {
            connection,
            seal,
            file,
        };
        database.prepare()?;
        Ok(database)
    }

    fn prepare(&self) -> Result<(), StoreError> {
        let version = || -> rusqlite::Result<i64> {
            self.connection
                .query_row("PRAGMA user_version", [], |row| row.get(0))
        };
        let found = version().map_err(|problem| self.damaged(&problem))?;
        match found {
            0 => self
                .alone(|| self.connection.execute_batch(TABLES))
                .map_err(|problem| self.damaged(&problem)),
            VERSION => Ok(()),
            other => Err(self.damaged(&format!(
                "it is of another version of the gateway ({other}, and this one has {VERSION})"
            ))),
        }
    }

    /// Whether all of it is as it was written.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let said: String = self
            .connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(|problem| self.damaged(&problem))?;
        if said == "ok" {
            Ok(())
        } else {
            Err(self.damaged(&said))
        }
    }

    /// All sessions.
    pub(super) fn sessions(&self) -> Result<Vec<Family>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM sessions");
        let rows = self.rows(&sql, |row| Ok(self.family(row)))?;
        rows.into_iter().collect()
    }

    /// The ids of all sessions.
    pub(super) fn ids(&self) -> Result<HashSet<SessionId>, StoreError> {
        let rows = self.rows("SELECT id FROM sessions", |row| row.get(0))?;
        Ok(rows.into_iter().map(SessionId).collect())
    }

    /// All keys, the newest first.
    pub(super) fn keys(&self) -> Result<Vec<RingKey>, StoreError> {
        let sql = "SELECT kid, made_ms, until_ms, sealed FROM keys \
                   ORDER BY until_ms IS NOT NULL, made_ms DESC, kid";
        let rows = self.rows(sql, |row| Ok(self.key(row)))?;
        rows.into_iter().collect()
    }

    /// Makes all of these changes, or none. What is told of each: whether there was
    /// something to change.
    pub(super) fn write(&self, changes: &[&[Change]]) -> Result<Vec<bool>, StoreError> {
        let mut done = Vec::with_capacity(changes.len());
        let written = self.alone(|| {
            for changes in changes {
                let mut is_whole = true;
                for change in *changes {
                    is_whole &= self.change(change).map_err(to_sql)?;
                }
                done.push(is_whole);
            }
            Ok(())
        });
        written.map_err(|problem| StoreError::Write(problem.to_string()))?;
        Ok(done)
    }

    /// The number of the last moment at which a token expires, in seconds since 1970.
    pub(super) fn last_expiry(&self) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce(max(expires), 0) FROM sessions";
        let rows: Vec<i64> = self.rows(sql, |row| row.get(0))?;
        Ok(rows.first().copied().map_or(0, unsigned))
    }

    fn change(&self, change: &Change) -> Result<bool, StoreError> {
        let failed = |problem: rusqlite::Error| StoreError::Write(problem.to_string());
        let connection = &self.connection;
        let changed = match change {
            Change::Insert(family) => {
                let sql = "INSERT INTO sessions (id, newest, issued, expires, is_used, retired, used_ms, version, sealed, \
                           collection_id, collection, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
                let Family { chain, owner, .. } = family.as_ref();
                connection
                    .prepare_cached(sql)
                    .map_err(failed)?
                    .execute(params![
                        family.id.0,
                        chain.newest,
                        signed(chain.issued),
                        signed(chain.expires),
                        chain.is_used,
                        retired(chain),
                        signed(family.used_ms),
                        signed(family.version),
                        self.sealed(family)?,
                        owner.collection_id,
                        family.collection,
                        owner.id,
                    ])
            }
            Change::Save(family) => return self.save(family),
            Change::End(id) => {
                let sql = "DELETE FROM sessions WHERE id = ?";
                connection
                    .prepare_cached(sql)
                    .map_err(failed)?
                    .execute(params![id.0])
            }
            Change::PutKey(key) => {
                let sealed = self.seal.close(&place_of_key(&key.kid), &key.secret)?;
                let sql = "INSERT INTO keys (kid, made_ms, until_ms, sealed) VALUES (?, ?, ?, ?) \
                           ON CONFLICT DO UPDATE SET until_ms = excluded.until_ms";
                connection.execute(
                    sql,
                    params![
                        key.kid,
                        signed(key.made_ms),
                        key.until_ms.map(signed),
                        sealed
                    ],
                )
            }
            Change::EndKey(kid) => {
                connection.execute("DELETE FROM keys WHERE kid = ?", params![kid])
            }
        };
        Ok(changed.map_err(failed)? > 0)
    }

    /// Writes what became of a session, unless something newer is there.
    fn save(&self, family: &Family) -> Result<bool, StoreError> {
        let failed = |problem: rusqlite::Error| StoreError::Write(problem.to_string());
        let sql = "UPDATE sessions SET newest = ?2, issued = ?3, expires = ?4, is_used = ?5, retired = ?6, used_ms = ?7, \
                   version = ?8, sealed = ?9 WHERE id = ?1 AND version < ?8";
        let chain = &family.chain;
        let mut update = self.connection.prepare_cached(sql).map_err(failed)?;
        let changed = update.execute(params![
            family.id.0,
            chain.newest,
            signed(chain.issued),
            signed(chain.expires),
            chain.is_used,
            retired(chain),
            signed(family.used_ms),
            signed(family.version),
            self.sealed(family)?,
        ]);
        if changed.map_err(failed)? > 0 {
            return Ok(true);
        }
        let sql = "SELECT EXISTS (SELECT 1 FROM sessions WHERE id = ?)";
        let mut exists = self.connection.prepare_cached(sql).map_err(failed)?;
        exists
            .query_row(params![family.id.0], |row| row.get(0))
            .map_err(failed)
    }

    /// In one transaction, which waits for that of another process.
    fn alone(&self, doing: impl FnOnce() -> rusqlite::Result<()>) -> rusqlite::Result<()> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let done = doing().and_then(|()| self.connection.execute_batch("COMMIT"));
        if done.is_err() && !self.connection.is_autocommit() {
            // What failed is told; that nothing is left of it SQLite sees to.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        done
    }

    fn rows<T>(
        &self,
        sql: &str,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = || -> rusqlite::Result<Vec<T>> {
            let mut statement = self.connection.prepare(sql)?;
            statement.query_map([], read)?.collect()
        };
        rows().map_err(|problem| self.damaged(&problem))
    }

    fn sealed(&self, family: &Family) -> Result<Vec<u8>, StoreError> {
        let sealed = Sealed {
            collection_id: family.owner.collection_id.clone(),
            collection: family.collection.clone(),
            record: family.owner.id.clone(),
            token: family.inner.token.expose().to_owned(),
            since: family.inner.since,
            token_expires: family.inner.expires,
            refreshable: family.inner.refreshable,
            ends: family.ends,
            created_ms: family.created_ms,
            address: family.from.address,
            user_agent: family.from.user_agent.clone(),
            key: family.from.key.map(|key| key.0),
        };
        let json = serde_json::to_vec(&sealed);
        let json = json.map_err(|problem| StoreError::Write(problem.to_string()))?;
        self.seal.close(&place_of_session(family.id), &json)
    }

    fn family(&self, row: &Row<'_>) -> Result<Family, StoreError> {
        let damaged = |problem: rusqlite::Error| self.damaged(&problem);
        let number = |at: usize| row.get(at).map(unsigned).map_err(damaged);
        let id = SessionId(row.get(0).map_err(damaged)?);
        let sealed: Vec<u8> = row.get(8).map_err(damaged)?;
        let sealed = self.seal.open(&place_of_session(id), &sealed);
        let sealed = sealed.ok_or_else(|| self.damaged(&NOT_OURS))?;
        let sealed: Sealed =
            serde_json::from_slice(&sealed).map_err(|problem| self.damaged(&problem))?;
        let retired: String = row.get(5).map_err(damaged)?;
        let retired: Vec<(u32, Option<u64>)> =
            serde_json::from_str(&retired).map_err(|problem| self.damaged(&problem))?;
        let retired = retired.into_iter();
        let retired = retired.map(|(number, dies)| Retired { number, dies });
        let used_ms = number(6)?;
        Ok(Family {
            id,
            owner: Arc::new(Owner {
                collection_id: sealed.collection_id,
                id: sealed.record,
            }),
            collection: sealed.collection,
            chain: Chain {
                newest: row.get(1).map_err(damaged)?,
                issued: number(2)?,
                expires: number(3)?,
                is_used: row.get(4).map_err(damaged)?,
                retired: retired.collect(),
            },
            inner: Inner {
                token: Token::of_session(&sealed.token, id),
                since: sealed.since,
                expires: sealed.token_expires,
                refreshable: sealed.refreshable,
            },
            ends: sealed.ends,
            created_ms: sealed.created_ms,
            used_ms,
            saved_ms: used_ms,
            from: From {
                address: sealed.address,
                user_agent: sealed.user_agent,
                key: sealed.key.map(Thumbprint),
            },
            version: number(7)?,
            is_stored: true,
            renew_after: 0,
        })
    }

    fn key(&self, row: &Row<'_>) -> Result<RingKey, StoreError> {
        let damaged = |problem: rusqlite::Error| self.damaged(&problem);
        let kid: String = row.get(0).map_err(damaged)?;
        let made_ms = row.get(1).map(unsigned).map_err(damaged)?;
        let until_ms: Option<i64> = row.get(2).map_err(damaged)?;
        let sealed: Vec<u8> = row.get(3).map_err(damaged)?;
        let secret = self.seal.open(&place_of_key(&kid), &sealed);
        let secret = secret.and_then(|secret| secret.try_into().ok());
        let secret = secret.ok_or_else(|| self.damaged(&NOT_OURS))?;
        Ok(RingKey::of(&kid, made_ms, until_ms.map(unsigned), secret))
    }

    fn damaged(&self, problem: &dyn std::fmt::Display) -> StoreError {
        damaged(&self.file, problem)
    }
}

const NOT_OURS: &str = "what is in it was not sealed with the key of this state folder";

fn damaged(file: &Path, problem: &dyn std::fmt::Display) -> StoreError {
    StoreError::Damaged {
        file: file.to_owned(),
        problem: problem.to_string(),
    }
}

fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(PATIENCE)?;
    // What was answered is on the disk, whatever becomes of the machine.
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
    Ok(connection)
}

/// What a sealed value belongs to, so that none stands in another's place.
fn place_of_session(id: SessionId) -> Vec<u8> {
    [b"session ", id.0.as_slice()].concat()
}

fn place_of_key(kid: &str) -> Vec<u8> {
    [b"key ", kid.as_bytes()].concat()
}

fn retired(chain: &Chain) -> String {
    let retired = chain.retired.iter();
    let retired: Vec<_> = retired.map(|one| (one.number, one.dies)).collect();
    // Numbers can always be written.
    serde_json::to_string(&retired).unwrap_or_default()
}

/// Of SQLite's numbers only those from 0 on are used.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn to_sql(error: StoreError) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}
