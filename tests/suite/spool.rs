//! The bounds of uploads, each at its edge, and what is left of those that end
//! before they were due: nothing.

use hapta_tests::demo::records;
use hapta_tests::{
    Client, Hold, PocketBase, RecordingProxy, Reply, Setup, TestGateway, eventually,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A part of a form: its name, a file's name, the bytes.
type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

/// A gateway before a PocketBase with albums: a cover of at most 100 bytes, photos.
struct Albums {
    gateway: TestGateway,
    proxy: RecordingProxy,
    pocketbase: PocketBase,
}

/// An upload of which only the beginning was sent.
struct Begun {
    stream: TcpStream,
    rest: Vec<u8>,
}

const BYTES: &str = "hapta_uploads_spooled_bytes";
const OPEN: &str = "hapta_uploads_open";

impl Albums {
    async fn with(settings: &str) -> Self {
        let pocketbase = PocketBase::start().await;
        let superuser = pocketbase.superuser().await;
        let albums = json!({
            "type": "base", "name": "albums", "createRule": "", "updateRule": "", "viewRule": "",
            "fields": [
                { "type": "text", "name": "title" },
                { "type": "file", "name": "cover", "maxSelect": 1, "maxSize": 100, "mimeTypes": ["image/png"] },
                { "type": "file", "name": "photos", "maxSelect": 5, "maxSize": 10_000_000 },
            ],
        });
        let made = superuser.post("/api/collections").json(&albums);
        made.await.expect(200);
        let proxy = RecordingProxy::before(pocketbase.address()).await;
        let setup = Setup::before(proxy.address());
        // Named relative to the configuration, so that a test can look into it.
        std::fs::create_dir(setup.folder().join("spool")).expect("makes the folder");
        let setup = setup.open("albums").open("users").open("posts");
        let setup = setup.also(&format!("[uploads]\nfolder = \"spool\"\n{settings}"));
        Self {
            gateway: setup.start().await,
            proxy,
            pocketbase,
        }
    }

    fn guest(&self) -> Client {
        self.gateway.client()
    }

    async fn upload(&self, parts: &[Part<'_>]) -> Reply {
        let call = self.guest().post(&records("albums"));
        call.body("multipart/form-data; boundary=B", form(parts))
            .await
    }

    /// How often a bound has refused.
    async fn refused(&self, bound: &str) -> Option<f64> {
        let name = format!("hapta_uploads_refused_total{{bound=\"{bound}\"}}");
        self.gateway.metric(&name).await
    }

    /// Waits until as many bytes wait, and no others.
    async fn spooled(&self, bytes: f64) {
        let spooled = async || {
            let waiting = self.gateway.metric(BYTES).await?;
            // Whole numbers.
            ((waiting - bytes).abs() < 0.5).then_some(())
        };
        eventually(&format!("{bytes} bytes wait"), spooled).await;
    }

    /// Waits until nothing does.
    async fn is_empty(&self) {
        self.spooled(0.0).await;
        let none = async || (self.gateway.metric(OPEN).await? == 0.0).then_some(());
        eventually("no upload is under way", none).await;
        let folder = self.gateway.folder().join("spool");
        let left = std::fs::read_dir(folder).expect("reads the folder").count();
        assert_eq!(left, 0, "files in the folder");
    }

    /// Whether PocketBase heard of a write since the last time it was asked.
    fn was_written(&self) -> bool {
        let seen = self.proxy.take();
        seen.iter()
            .any(|seen| seen.target.starts_with(&records("albums")))
    }

    /// Sends an upload of a photo, but not that it ends.
    async fn begin(&self, token: &str, bytes: usize) -> Begun {
        let body = form(&[("photos", Some("a.bin"), &vec![1; bytes])]);
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {token}\r\n\
             Content-Type: multipart/form-data; boundary=B\r\nContent-Length: {}\r\n\r\n",
            records("albums"),
            body.len(),
        );
        let (sent, rest) = body.split_at(body.len() - "\r\n--B--\r\n".len());
        let mut stream = TcpStream::connect(self.gateway.address())
            .await
            .expect("connects");
        stream.write_all(head.as_bytes()).await.expect("sends");
        stream.write_all(sent).await.expect("sends");
        Begun {
            stream,
            rest: rest.to_vec(),
        }
    }
}

impl Begun {
    /// Sends the rest.
    async fn end(mut self) -> String {
        self.stream.write_all(&self.rest).await.expect("sends");
        self.answer().await
    }

    async fn answer(mut self) -> String {
        let mut answer = Vec::new();
        let read = self.stream.read_to_end(&mut answer);
        let read = tokio::time::timeout(hapta_tests::PATIENCE, read).await;
        read.expect("the gateway answers and closes")
            .expect("reads");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, bytes) in parts {
        let file = file.map_or(String::new(), |file| format!("; filename=\"{file}\""));
        let head = format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--B--\r\n");
    body
}

fn photo(bytes: &[u8]) -> Part<'_> {
    ("photos", Some("a.bin"), bytes)
}

/// The bytes that PocketBase has stored.
async fn stored(albums: &Albums, record: &Value, file: &Value) -> Vec<u8> {
    let (id, file) = (record["id"].as_str(), file.as_str());
    let path = format!(
        "/api/files/albums/{}/{}",
        id.expect("an id"),
        file.expect("a name")
    );
    let reply = albums.pocketbase.client().get(&path).await;
    assert_eq!(reply.status, 200, "{path}");
    reply.body.to_vec()
}

#[tokio::test]
async fn files_arrive_whole_and_nothing_of_them_stays() {
    let albums = Albums::with("").await;
    let large: Vec<u8> = (0..900_000_u32).map(|at| (at % 253) as u8).collect();
    let made = albums
        .upload(&[
            ("photos", Some("../b \u{e9}.bin"), &large),
            ("title", None, b"x"),
            ("photos", Some("empty"), b""),
            ("cover", Some("c.png"), b"\x89PNG\r\n\x1a\n"),
        ])
        .await
        .expect(200);
    assert_eq!(made["title"], "x");
    let photos = made["photos"].as_array().expect("an array");
    assert_eq!(stored(&albums, &made, &photos[0]).await, large);
    assert_eq!(stored(&albums, &made, &photos[1]).await, b"");
    let cover = stored(&albums, &made, &made["cover"]).await;
    assert_eq!(cover, b"\x89PNG\r\n\x1a\n");
    albums.is_empty().await;

    // What is kept is named, and stays before what is added.
    let target = format!(
        "{}/{}",
        records("albums"),
        made["id"].as_str().expect("an id")
    );
    let kept = photos[0].as_str().expect("a name");
    let body = form(&[("photos", None, kept.as_bytes()), photo(b"new")]);
    let call = albums.guest().patch(&target);
    let changed = call.body("multipart/form-data; boundary=B", body).await;
    let changed = changed.expect(200);
    assert_eq!(changed["photos"][0], photos[0]);
    assert_eq!(
        stored(&albums, &changed, &changed["photos"][1]).await,
        b"new"
    );
    albums.is_empty().await;
}

#[tokio::test]
async fn what_goes_on_is_a_form_written_anew_with_its_length() {
    let albums = Albums::with("").await;
    albums
        .upload(&[("title", None, b"x"), photo(b"bytes")])
        .await
        .expect(200);
    let seen = albums.proxy.take();
    let seen = seen
        .iter()
        .find(|seen| seen.method == "POST" && seen.target == records("albums"));
    let seen = seen.expect("the write");
    let kind = seen.header("content-type").expect("a type");
    assert!(
        kind.starts_with("multipart/form-data; boundary=hapta-"),
        "{kind}"
    );
    assert!(seen.header("content-length").is_some());
    assert_eq!(seen.header("transfer-encoding"), None);
}

#[tokio::test]
async fn an_upload_is_as_large_as_its_bounds_and_not_a_byte_larger() {
    let bounds = "max_file = \"1000B\"\nmax_request = \"1500B\"\nfiles = 3\ntypes = [\"image/*\", \"application/octet-stream\"]";
    let albums = Albums::with(bounds).await;
    let bytes = |count| vec![1; count];
    let (thousand, half) = (bytes(1000), bytes(500));
    albums
        .upload(&[photo(&thousand), photo(&half)])
        .await
        .expect(200);
    albums.proxy.take();
    let (small, file, rest) = (bytes(1), bytes(1001), bytes(501));
    let cases: [(&[Part<'_>], u16, &str, &str); 4] = [
        (&[photo(&file)], 413, "upload_too_large", "max_file"),
        (
            &[photo(&thousand), photo(&rest)],
            413,
            "upload_too_large",
            "max_request",
        ),
        (
            &[photo(&small), photo(&small), photo(&small), photo(&small)],
            413,
            "upload_too_many",
            "files",
        ),
        (&[photo(b"text")], 400, "upload_refused", "types"),
    ];
    for (parts, status, code, bound) in cases {
        let refused = albums.upload(parts).await;
        assert_eq!(refused.code(status), code, "{bound}");
        assert!(!albums.was_written(), "{bound}");
        assert_eq!(albums.refused(bound).await, Some(1.0), "{bound}");
    }
    albums.is_empty().await;
}

#[tokio::test]
async fn all_that_is_no_file_is_bound_as_if_there_were_none() {
    let albums = Albums::with("[server]\nmax_body = \"1KiB\"").await;
    let bytes = vec![1; 100_000];
    let title = |count| vec![b'x'; count];
    let own = form(&[("title", None, b""), photo(b"")]).len();
    let fits = title(1024 - own);
    albums
        .upload(&[("title", None, &fits), photo(&bytes)])
        .await
        .expect(200);
    let more = title(1025 - own);
    for parts in [
        [("title", None, &more[..]), photo(&bytes)],
        [photo(&bytes), ("title", None, &more[..])],
    ] {
        let refused = albums.upload(&parts).await;
        assert_eq!(refused.code(413), "body_too_large");
    }
    albums.is_empty().await;
}

#[tokio::test]
async fn what_a_field_does_not_take_is_told_at_the_field_as_pocketbase_tells_it() {
    let albums = Albums::with("").await;
    let png = b"\x89PNG\r\n\x1a\n";
    let large = [&png[..], &[0; 93]].concat();
    let cases: [(&[Part<'_>], &str, &str); 4] = [
        (
            &[("cover", Some("a.png"), &large)],
            "cover",
            "validation_file_size_limit",
        ),
        (
            &[("cover", Some("a.png"), b"%PDF-1.7")],
            "cover",
            "validation_invalid_mime_type",
        ),
        (
            // PocketBase decides on what it may know better.
            &[("cover", Some("a.png"), b"text")],
            "cover",
            "validation_invalid_mime_type",
        ),
        (&[photo(b"1"); 6], "photos", "validation_too_many_files"),
    ];
    for (parts, field, code) in cases {
        let direct = albums.pocketbase.client().post(&records("albums"));
        let direct = direct.body("multipart/form-data; boundary=B", form(parts));
        let direct = direct.await.refused(400);
        let refused = albums.upload(parts).await.refused(400);
        assert_eq!(direct["data"][field]["code"], code);
        assert_eq!(refused["data"][field]["code"], code);
        if code != "validation_invalid_mime_type" {
            assert_eq!(refused["data"][field], direct["data"][field]);
        }
    }
    for key in ["title", "nope", "photos-"] {
        let refused = albums.upload(&[(key, Some("a"), b"x")]).await;
        assert_eq!(refused.code(400), "body_key", "{key}");
    }
    // PocketBase would keep the last of them.
    let two = [("cover", Some("a.png"), &png[..]); 2];
    let refused = albums.upload(&two).await.refused(400);
    assert_eq!(
        refused["data"]["cover"]["code"],
        "validation_too_many_files"
    );
    albums.is_empty().await;
}

#[tokio::test]
async fn a_file_where_none_is_taken_is_refused_before_it_is_read() {
    let albums = Albums::with("").await;
    let login = "/api/collections/users/auth-with-password";
    let body = form(&[("identity", Some("a"), b"x")]);
    let call = albums.guest().post(login);
    let refused = call.body("multipart/form-data; boundary=B", body).await;
    assert_eq!(refused.code(400), "body_file");
}

#[tokio::test]
async fn a_client_that_goes_away_in_the_middle_leaves_nothing() {
    let albums = Albums::with("").await;
    let begun = albums.begin("", 700_000).await;
    albums.spooled(700_000.0).await;
    assert_eq!(albums.gateway.metric(OPEN).await, Some(1.0));
    drop(begun);
    albums.is_empty().await;
    assert!(!albums.was_written());

    // Also when its files are on their way.
    let hold: Hold = albums.proxy.hold(&records("albums"));
    let Begun { mut stream, rest } = albums.begin("", 700_000).await;
    stream.write_all(&rest).await.expect("sends");
    albums.proxy.arrived(&records("albums")).await;
    albums.spooled(700_000.0).await;
    drop(stream);
    albums.is_empty().await;
    drop(hold);
}

#[tokio::test]
async fn one_upload_more_than_may_be_under_way_is_refused() {
    let albums = Albums::with("open = 2\nopen_principal = 1").await;
    let alice = albums.pocketbase.client().log_in("alice").await;
    let bob = albums.pocketbase.client().log_in("bob").await;
    let guest = albums.begin("", 10).await;
    albums.spooled(10.0).await;
    let refused = albums.upload(&[photo(b"x")]).await;
    assert_eq!(refused.code(429), "uploads_of_principal");
    assert_eq!(albums.refused("open_principal").await, Some(1.0));

    let of_alice = albums.begin(alice.token(), 10).await;
    albums.spooled(20.0).await;
    let call = albums.guest().post(&records("albums")).token(bob.token());
    let refused = call.body("multipart/form-data; boundary=B", form(&[photo(b"x")]));
    assert_eq!(refused.await.code(503), "uploads_full");
    assert_eq!(albums.refused("open").await, Some(1.0));

    // Who has no files is not kept out.
    let title = albums.upload(&[("title", None, b"x")]).await;
    title.expect(200);
    assert!(guest.end().await.starts_with("HTTP/1.1 200"));
    assert!(of_alice.end().await.starts_with("HTTP/1.1 200"));
    albums.is_empty().await;
    albums.upload(&[photo(b"x")]).await.expect(200);
}

#[tokio::test]
async fn one_principal_and_all_have_so_many_bytes_under_way() {
    let bounds = "max_file = \"1000B\"\nmax_request = \"1000B\"\nmax_principal = \"1500B\"\nmax_total = \"2KiB\"";
    let albums = Albums::with(bounds).await;
    let alice = albums.pocketbase.client().log_in("alice").await;
    let guest = albums.begin("", 1000).await;
    albums.spooled(1000.0).await;
    albums.upload(&[photo(&[1; 500])]).await.expect(200);
    let refused = albums.upload(&[photo(&[1; 501])]).await;
    assert_eq!(refused.code(429), "uploads_of_principal");
    assert_eq!(albums.refused("max_principal").await, Some(1.0));

    let of_alice = albums.begin(alice.token(), 800).await;
    albums.spooled(1800.0).await;
    let refused = albums.upload(&[photo(&[1; 249])]).await;
    assert_eq!(refused.code(503), "uploads_full");
    assert_eq!(albums.refused("max_total").await, Some(1.0));
    albums.upload(&[photo(&[1; 248])]).await.expect(200);
    drop((guest, of_alice));
    albums.is_empty().await;
}

#[tokio::test]
async fn an_upload_that_pauses_or_takes_too_long_is_cut() {
    for bound in ["idle = \"300ms\"", "timeout = \"300ms\""] {
        let albums = Albums::with(bound).await;
        let begun = albums.begin("", 10).await;
        let answer = begun.answer().await;
        assert!(answer.starts_with("HTTP/1.1 408"), "{bound}: {answer}");
        assert!(answer.contains("\"body_late\""), "{bound}: {answer}");
        albums.is_empty().await;
    }
}

#[tokio::test]
async fn the_time_of_an_upload_is_its_own() {
    let times = "[server]\nbody_timeout = \"300ms\"\nrequest_timeout = \"600ms\"";
    let albums = Albums::with(times).await;
    let upload = albums.begin("", 10).await;
    albums.spooled(10.0).await;
    // What has no files is late in the meantime, twice over.
    for _ in 0..2 {
        let stalled = format!(
            "POST {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: 100\r\n\r\n{{",
            records("albums")
        );
        let late = albums.guest().bytes(stalled.as_bytes()).await;
        assert_eq!(late.code(408), "body_late");
    }
    let answer = upload.end().await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_folder_that_is_named_must_work_or_the_start_is_refused() {
    let pocketbase = PocketBase::start().await;
    let setup = Setup::before(pocketbase.address()).also("[uploads]\nfolder = \"nowhere\"");
    let Err(told) = setup.try_start().await else {
        panic!("it starts");
    };
    assert!(
        told.contains("uploads.folder: cannot keep a file in "),
        "{told}"
    );
}
