//! Files wait on disk, in no folder's list, for as long as their request is under way; and then they are gone.

use std::fs;
use std::path::Path;

use hapta_tests::albums::{self, ALBUMS, LARGEST, PNG};
use hapta_tests::demo::records;
use hapta_tests::{Form, Stage, eventually};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// A gateway whose files wait in a folder of its own, and that folder's name.
const FOLDER: &str = "waiting";

async fn stage() -> Stage {
    albums::stage(|gateway| {
        fs::create_dir(gateway.folder().join(FOLDER)).expect("makes the folder");
        albums::open(gateway).also(&format!("[uploads]\nfolder = {FOLDER:?}"))
    })
    .await
}

/// How many files of that folder this process has open, listed there or not.
fn waiting(stage: &Stage) -> usize {
    let folder = stage.gateway.folder().join(FOLDER);
    let open = fs::read_dir("/proc/self/fd").expect("the open files");
    let open = open.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    open.filter(|file| file.starts_with(&folder)).count()
}

fn is_empty(folder: &Path) -> bool {
    let mut listed = fs::read_dir(folder).expect("the folder");
    listed.next().is_none()
}

async fn until_none_waits(stage: &Stage) {
    eventually("nothing waits any more", async || {
        (waiting(stage) == 0).then_some(())
    })
    .await;
    assert!(is_empty(&stage.gateway.folder().join(FOLDER)));
    for metric in ["hapta_uploads_open", "hapta_uploads_spooled_bytes"] {
        assert_eq!(stage.gateway.metric(metric).await, Some(0.0), "{metric}");
    }
}

#[tokio::test]
async fn who_goes_away_in_the_middle_leaves_nothing() {
    let stage = stage().await;
    let form = Form::new()
        .file("cover", "a.png", PNG)
        .file("film", "b.bin", vec![7; 600_000])
        .bytes();
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
        records(ALBUMS),
        Form::TYPE,
        form.len(),
    );
    // In the middle of a file, of what is around it, and before the last byte.
    for sent in [400_000, 700, form.len() - 1] {
        let mut connection = TcpStream::connect(stage.gateway.address())
            .await
            .expect("connects");
        connection.write_all(head.as_bytes()).await.expect("sends");
        connection.write_all(&form[..sent]).await.expect("sends");
        eventually("a file waits", async || {
            (waiting(&stage) == 1).then_some(())
        })
        .await;
        assert!(
            is_empty(&stage.gateway.folder().join(FOLDER)),
            "it is listed"
        );
        drop(connection);
        until_none_waits(&stage).await;
    }
    assert!(
        stage
            .proxy
            .take()
            .iter()
            .all(|seen| seen.method != "POST" || !seen.target.contains(ALBUMS))
    );
}

#[tokio::test]
async fn whatever_becomes_of_an_upload_nothing_of_it_stays() {
    let stage = stage().await;
    let film = || Form::new().file("film", "b.bin", vec![7; 300_000]);
    let forms = [
        (film(), 200),
        // By the field's limit, by PocketBase, and by the grammar of forms.
        (film().file("cover", "a.png", vec![0; LARGEST + 1]), 400),
        (film().text("title", "one letter too many!!"), 400),
        (film().text("title", "a").text("title", "b"), 400),
    ];
    for (form, status) in forms {
        let reply = stage.guest().post(&records(ALBUMS)).form(form).await;
        assert_eq!(reply.status, status, "{reply:?}");
        until_none_waits(&stage).await;
    }
}

#[tokio::test]
async fn a_file_waits_while_pocketbase_does() {
    let stage = stage().await;
    let held = stage.proxy.hold(&records(ALBUMS));
    let call = stage.guest().post(&records(ALBUMS));
    let upload = tokio::spawn(
        call.form(Form::new().file("film", "b.bin", vec![7; 300_000]))
            .into_future(),
    );
    eventually("a file waits", async || {
        (waiting(&stage) == 1).then_some(())
    })
    .await;
    drop(held);
    upload.await.expect("no panic").expect(200);
    until_none_waits(&stage).await;
}
