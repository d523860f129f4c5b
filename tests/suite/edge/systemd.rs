//! A gateway that systemd starts: on sockets that it keeps, and telling it how far it is.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;

use hapta_tests::demo::records;
use hapta_tests::{ADMIN_KEY, Client, PATIENCE, PocketBase, Program, Setup, Signal};
use tokio::process::{Child, Command};

use crate::commands::HAPTA;

/// Starts the command with these sockets, named so, from descriptor 3 on.
fn activate(setup: Setup, sockets: &[(&TcpListener, &str)]) -> (Child, tempfile::TempDir) {
    let folder = setup.write().folder;
    let names: Vec<_> = sockets.iter().map(|(_, name)| *name).collect();
    // What a process is handed beyond the first three, a shell has to move there.
    let of_shell = ["3<&0", "4<&1"].iter().take(sockets.len()).copied();
    let moved = of_shell.collect::<Vec<_>>().join(" ");
    let script =
        format!("export LISTEN_PID=$$; exec \"$0\" \"$@\" {moved} </dev/null >out.log 2>&1");
    let mut handed = sockets.iter().map(|(listener, _)| {
        let listener = listener.try_clone().expect("another descriptor");
        Stdio::from(OwnedFd::from(listener))
    });
    let mut command = Command::new("sh");
    command
        .args(["-c", &script, HAPTA, "serve"])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HAPTA_ADMIN_KEY", ADMIN_KEY)
        .env("LISTEN_FDS", sockets.len().to_string())
        .env("LISTEN_FDNAMES", names.join(":"))
        .current_dir(folder.path())
        .kill_on_drop(true);
    command.stdin(handed.next().unwrap_or_else(Stdio::null));
    command.stdout(handed.next().unwrap_or_else(Stdio::null));
    (command.spawn().expect("there is a shell"), folder)
}

fn listener() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).expect("a free port")
}

#[tokio::test]
async fn whoever_connects_before_the_start_is_answered_after_it() {
    let pocketbase = PocketBase::start().await;
    let (clients, operators) = (listener(), listener());
    let ask = |listener: &TcpListener| Client::new(listener.local_addr().expect("an address"));
    let (client, operator) = (ask(&clients), ask(&operators));
    // They wait in the system's queue meanwhile.
    let mut early = Some(tokio::spawn(client.get(&records("posts")).into_future()));
    for _ in 0..2 {
        let setup = Setup::before(pocketbase.address()).open("posts");
        let sockets = [(&operators, "admin"), (&clients, "hapta.socket")];
        let (mut child, _folder) = activate(setup, &sockets);
        client.get(&records("posts")).await.expect(200);
        if let Some(early) = early.take() {
            early.await.expect("no panic").expect(200);
        }
        let operator = operator.with_token(format!("Bearer {ADMIN_KEY}"));
        operator.get("/status").await.expect(200);
        child.start_kill().expect("it can be ended");
        child.wait().await.expect("it ends");
    }
}

#[tokio::test]
async fn sockets_that_nobody_would_answer_stop_the_start() {
    let pocketbase = PocketBase::start().await;
    let (one, other) = (listener(), listener());
    for (names, expected) in [
        (["a", "b"], "two sockets"),
        (["admin", "admin"], "operators"),
    ] {
        let setup = Setup::before(pocketbase.address()).open("posts");
        let (mut child, folder) = activate(setup, &[(&one, names[0]), (&other, names[1])]);
        let status = tokio::time::timeout(PATIENCE, child.wait()).await;
        assert!(!status.expect("it ends").expect("its status").success());
        let said = std::fs::read_to_string(folder.path().join("out.log")).expect("a log");
        assert!(said.contains(expected), "{said}");
    }
}

#[tokio::test]
async fn systemd_is_told_how_far_it_is() {
    let pocketbase = PocketBase::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("notify");
    let heard = UnixDatagram::bind(&socket).expect("a socket");
    heard.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let next = async || {
        let heard = heard.try_clone().expect("another descriptor");
        let next = tokio::task::spawn_blocking(move || {
            let mut text = [0; 1024];
            let length = heard.recv(&mut text).expect("it tells");
            String::from_utf8_lossy(&text[..length]).into_owned()
        });
        next.await.expect("no panic")
    };
    let setup = Setup::before(pocketbase.address()).open("posts");
    let program = Program::new(HAPTA, setup);
    let socket = socket.to_str().expect("text").to_owned();
    let process = program.variable("NOTIFY_SOCKET", &socket).serve().await;
    assert_eq!(next().await, "READY=1\n");
    process.signal(Signal::HUP);
    let reloading = next().await;
    assert!(
        reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="),
        "{reloading}"
    );
    assert_eq!(next().await, "READY=1\n");
    process.signal(Signal::TERM);
    assert_eq!(next().await, "STOPPING=1\n");
    assert_eq!(process.ended().await.status, Some(0));
}

#[tokio::test]
async fn a_socket_that_is_kept_refuses_nobody_between_two_starts() {
    let pocketbase = PocketBase::start().await;
    let clients = listener();
    let address = clients.local_addr().expect("an address");
    let start = || {
        let setup = Setup::before(pocketbase.address()).open("posts");
        activate(setup, &[(&clients, "hapta.socket")])
    };
    let (mut child, _folder) = start();
    let list = records("posts");
    Client::new(address).get(&list).await.expect(200);
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    hapta_tests::signal(id.expect("it runs"), Signal::TERM);
    let asking = tokio::spawn(async move {
        for _ in 0..20 {
            // A connection of its own for each: none is refused.
            Client::new(address).get(&list).await.expect(200);
        }
    });
    let status = tokio::time::timeout(PATIENCE, child.wait()).await;
    assert!(status.expect("it ends").expect("its status").success());
    let _next = start();
    asking.await.expect("none is refused");
}
