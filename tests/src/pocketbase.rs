//! The real PocketBase on the demo's data.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, LazyLock, Mutex};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use crate::{Client, PATIENCE, demo, root};

/// A PocketBase of this test's own, ended with this value.
///
/// The migrations run once for each state of `tests/fixtures/demo`; each start
/// is from a copy of what they left, and takes some 30 ms.
#[derive(Debug)]
pub struct PocketBase {
    address: SocketAddr,
    folder: TempDir,
    /// Run at each start, where they were not yet.
    migrations: PathBuf,
    child: Child,
    output: Output,
}

/// What the process has written so far.
type Output = Arc<Mutex<String>>;

impl PocketBase {
    /// Starts one, on a free port of 127.0.0.1.
    ///
    /// # Panics
    ///
    /// When the binary is missing, or does not come up within [`PATIENCE`].
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts one with these files, by path and text: `pb_hooks/main.pb.js`, `pb_public/index.html`.
    ///
    /// # Panics
    ///
    /// As [`PocketBase::start`].
    pub async fn start_with(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self::copy_data_to(&folder.path().join("pb_data")).await;
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a file in a folder")).expect("makes it");
            fs::write(path, text).expect("writes the file");
        }
        // Another process may take the port before PocketBase does.
        for _ in 0..5 {
            let address = free_address();
            if let Ok((child, output)) = serve(folder.path(), &migrations(), address).await {
                return Self {
                    address,
                    folder,
                    migrations: migrations(),
                    child,
                    output,
                };
            }
        }
        let output = serve(folder.path(), &migrations(), free_address())
            .await
            .err()
            .unwrap_or_default();
        panic!("PocketBase does not start:\n{output}");
    }

    /// Puts the demo's data into a folder of somebody else's PocketBase.
    pub async fn copy_data_to(folder: &Path) {
        copy_template(folder).await.expect("copies the demo's data");
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A guest that asks PocketBase itself, past any gateway.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// A superuser that asks PocketBase itself.
    pub async fn superuser(&self) -> Client {
        let reply = self
            .client()
            .authenticate("_superusers", demo::SUPERUSER)
            .await
            .expect(200);
        self.client()
            .with_token(reply["token"].as_str().expect("a token"))
    }

    /// Ends the process, as when PocketBase is away. The address stays its own.
    pub async fn stop(&mut self) {
        self.child.kill().await.expect("PocketBase ends");
    }

    /// Starts it again where it was, with what it had.
    pub async fn start_again(&mut self) {
        let started = serve(self.folder.path(), &self.migrations, self.address).await;
        (self.child, self.output) =
            started.unwrap_or_else(|output| panic!("PocketBase does not start:\n{output}"));
    }

    /// Ends it and starts another at its address: a new one, with the demo's
    /// superuser and none of the demo's collections.
    pub async fn replace(&mut self) {
        self.stop().await;
        self.folder = tempfile::tempdir().expect("a temporary folder");
        self.migrations = self.folder.path().join("pb_migrations");
        let mut superuser = command(
            &self.folder.path().join("pb_data"),
            &self.migrations,
            "superuser",
        );
        superuser.args(["upsert", demo::SUPERUSER, demo::PASSWORD]);
        let made = superuser.output().await.expect("PocketBase runs");
        assert!(made.status.success(), "no superuser is made: {made:?}");
        self.start_again().await;
    }

    /// All that it has written to its console.
    #[must_use]
    pub fn output(&self) -> String {
        self.output.lock().expect("no panic while writing").clone()
    }
}

impl Drop for PocketBase {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("PocketBase wrote:\n{}", self.output());
        }
    }
}

/// Ok when it serves; else what it wrote.
async fn serve(
    folder: &Path,
    migrations: &Path,
    address: SocketAddr,
) -> Result<(Child, Output), String> {
    let mut child = command(&folder.join("pb_data"), migrations, "serve")
        .args(["--http", &address.to_string()])
        .args(["--hooksDir", "pb_hooks", "--publicDir", "pb_public"])
        .current_dir(folder)
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", binary().display()));
    let output = Output::default();
    let (serving, served) = oneshot::channel();
    listen(child.stdout.take(), output.clone(), Some(serving));
    listen(child.stderr.take(), output.clone(), None);
    // It writes this line once it holds the port: an answer on the port could be another's.
    match tokio::time::timeout(PATIENCE, served).await {
        Ok(Ok(())) => Ok((child, output)),
        _ => Err(output.lock().expect("no panic while writing").clone()),
    }
}

/// Collects the lines of a stream; `serving` is told when one says so, and dropped at the end.
fn listen(
    stream: Option<impl AsyncRead + Unpin + Send + 'static>,
    output: Output,
    mut serving: Option<oneshot::Sender<()>>,
) {
    let mut lines = BufReader::new(stream.expect("the stream is piped")).lines();
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            if line.contains("Server started at")
                && let Some(serving) = serving.take()
            {
                // Nobody waits any longer: the test is over.
                let _ = serving.send(());
            }
            let mut output = output.lock().expect("no panic while writing");
            output.push_str(&line);
            output.push('\n');
        }
    });
}

/// Copies the data after the migrations, which whoever comes first makes.
async fn copy_template(to: &Path) -> io::Result<()> {
    let folder = root().join(".build/pocketbase/demo");
    fs::create_dir_all(&folder)?;
    // Held until the copy is made: a test of another state must not remove the data under it.
    let lock = File::create(folder.join("lock"))?;
    lock.lock()?;
    let state = fingerprint()?;
    let (ready, data) = (folder.join("made-from"), folder.join("pb_data"));
    if fs::read_to_string(&ready).is_ok_and(|made_from| made_from == state) {
        return copy(&data, to);
    }
    let _ = fs::remove_dir_all(&data);
    let migrated = command(&data, &migrations(), "migrate")
        .arg("up")
        .output()
        .await;
    let migrated = migrated
        .unwrap_or_else(|error| panic!("{}: {error}: run `make setup`", binary().display()));
    assert!(
        migrated.status.success(),
        "the demo's migrations fail: {migrated:?}"
    );
    if version() < (0, 29) {
        add_cover(&folder).await;
    }
    // For editors only, and by far the largest file.
    let _ = fs::remove_file(data.join("types.d.ts"));
    fs::write(&ready, state)?;
    copy(&data, to)
}

/// Adds the one file of the demo, which migrations can't make before 0.29.
async fn add_cover(folder: &Path) {
    let address = free_address();
    let started = serve(folder, &migrations(), address).await;
    let (mut child, _) =
        started.unwrap_or_else(|output| panic!("PocketBase does not start:\n{output}"));
    let guest = Client::new(address);
    let reply = guest.authenticate("_superusers", demo::SUPERUSER).await;
    let superuser = guest.with_token(reply.expect(200)["token"].as_str().expect("a token"));
    let head = "--cover\r\nContent-Disposition: form-data; name=\"cover\"; filename=\"cover.png\"\r\nContent-Type: image/png\r\n\r\n";
    let body = [
        head.as_bytes(),
        b"\x89PNG\r\n\x1a\nand so on",
        b"\r\n--cover--\r\n",
    ]
    .concat();
    superuser
        .patch(&demo::record("posts", demo::POST_OF_ALICE))
        .body("multipart/form-data; boundary=cover", body)
        .await
        .expect(200);
    child.kill().await.expect("PocketBase ends");
}

/// What the template depends on: the binary's path and the text of the migrations.
fn fingerprint() -> io::Result<String> {
    let mut files: Vec<_> = fs::read_dir(migrations())?.collect::<io::Result<_>>()?;
    files.sort_by_key(fs::DirEntry::file_name);
    let mut state = format!("{}\n", binary().display());
    for file in files {
        state += &fs::read_to_string(file.path())?;
    }
    Ok(state)
}

fn command(data: &Path, migrations: &Path, subcommand: &str) -> Command {
    let mut command = Command::new(binary());
    command
        .arg(subcommand)
        .arg("--dir")
        .arg(data)
        .arg("--migrationsDir")
        .arg(migrations)
        .arg("--automigrate=false");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub(crate) fn migrations() -> PathBuf {
    root().join("tests/fixtures/demo/pb_migrations")
}

/// The pinned binary.
#[must_use]
pub fn binary() -> PathBuf {
    let fetched = || root().join(".build/pocketbase/0.40.6/pocketbase");
    std::env::var_os("POCKETBASE").map_or_else(fetched, PathBuf::from)
}

/// Major and minor of the pinned binary, for what PocketBase itself does otherwise in another version.
///
/// # Panics
///
/// When the binary is missing, or names no version.
#[must_use]
pub fn version() -> (u32, u32) {
    static VERSION: LazyLock<(u32, u32)> = LazyLock::new(|| {
        let said = std::process::Command::new(binary())
            .arg("--version")
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}: run `make setup`", binary().display()));
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let release = said.trim().rsplit(' ').next().unwrap_or_default();
        let numbers: Vec<u32> = release
            .split('.')
            .filter_map(|part| part.parse().ok())
            .collect();
        match numbers[..] {
            [major, minor, _] => (major, minor),
            _ => panic!("no version in {said:?}"),
        }
    });
    *VERSION
}

/// What to expect of PocketBase itself: `now` since this version, `before` in those before it.
#[must_use]
pub fn since<T>(first: (u32, u32), now: T, before: T) -> T {
    if version() < first { before } else { now }
}

/// A port of 127.0.0.1 that nobody has at this moment.
#[must_use]
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("a bound address")
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
