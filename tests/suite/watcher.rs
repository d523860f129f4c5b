//! The ways in which files change, and when that is noticed.
//!
//! Every way is tried on a rule's file and on the configuration. But where it says so, nothing is
//! found by looking from time to time: what is noticed was notified of.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::join_all;
use hapta_tests::{PocketBase, Setup, Stage, TestGateway, eventually, rules};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use serde_json::json;
use toml::Table;

/// How the bytes get into a file.
struct Way {
    name: &'static str,
    /// What there is before: as it is needed, the same bytes in another arrangement.
    arrange: fn(&Path),
    write: fn(&Path, &[u8]),
}

const WAYS: [Way; 8] = [
    Way {
        name: "in place, emptied first",
        arrange: |_| {},
        write: |file, bytes| fs::write(file, bytes).expect("writes"),
    },
    Way {
        name: "in place, over what was there",
        arrange: |_| {},
        write: |file, bytes| {
            let mut open = OpenOptions::new().write(true).open(file).expect("opens");
            open.seek(SeekFrom::Start(0)).expect("seeks");
            open.write_all(bytes).expect("writes");
            open.set_len(bytes.len() as u64).expect("cuts");
        },
    },
    Way {
        name: "renamed over",
        arrange: |_| {},
        write: |file, bytes| {
            let beside = file.with_extension("new");
            fs::write(&beside, bytes).expect("writes");
            fs::rename(beside, file).expect("renames");
        },
    },
    Way {
        name: "renamed from another folder",
        arrange: |file| fs::create_dir(beside(file, "elsewhere")).expect("makes a folder"),
        write: |file, bytes| {
            let elsewhere = beside(file, "elsewhere/file");
            fs::write(&elsewhere, bytes).expect("writes");
            fs::rename(elsewhere, file).expect("renames");
        },
    },
    Way {
        name: "deleted and made again",
        arrange: |_| {},
        write: |file, bytes| {
            fs::remove_file(file).expect("deletes");
            fs::write(file, bytes).expect("writes");
        },
    },
    Way {
        name: "a link turned",
        arrange: |_| {},
        write: |file, bytes| {
            let (target, link) = (file.with_extension("linked"), file.with_extension("link"));
            fs::write(&target, bytes).expect("writes");
            symlink(&target, &link).expect("links");
            fs::rename(link, file).expect("renames");
        },
    },
    Way {
        name: "behind a link, in place",
        arrange: |file| {
            let target = beside(file, "elsewhere/file");
            fs::create_dir(beside(file, "elsewhere")).expect("makes a folder");
            fs::copy(file, &target).expect("copies");
            fs::remove_file(file).expect("deletes");
            symlink(target, file).expect("links");
        },
        write: |file, bytes| fs::write(file, bytes).expect("writes"),
    },
    Way {
        name: "..data turned, as Kubernetes does",
        arrange: |file| {
            let bytes = fs::read(file).expect("reads");
            publish(file, "..2026_01_01_10_00_00.1", &bytes);
            let name = file.file_name().expect("a name");
            fs::remove_file(file).expect("deletes");
            symlink(Path::new("..data").join(name), file).expect("links");
        },
        write: |file, bytes| {
            publish(file, "..2026_01_01_10_05_00.2", bytes);
            fs::remove_dir_all(beside(file, "..2026_01_01_10_00_00.1")).expect("deletes");
        },
    },
];

#[tokio::test]
async fn every_way_to_change_a_file_is_noticed() {
    let pocketbase = PocketBase::start().await;
    for chunk in WAYS.chunks(2) {
        let tried = chunk.iter().flat_map(|way| {
            let (rule, configuration) = (of_a_rule(way, &pocketbase), of_all(way, &pocketbase));
            [
                Box::pin(rule) as std::pin::Pin<Box<dyn Future<Output = ()>>>,
                Box::pin(configuration),
            ]
        });
        join_all(tried).await;
    }
}

#[tokio::test]
async fn where_nothing_is_notified_of_looking_finds_every_change() {
    let pocketbase = PocketBase::start().await;
    let polling = "[rules]\nwatch = \"poll\"\npoll = \"50ms\"";
    for way in &WAYS {
        let setup = denying(Setup::before(pocketbase.address())).also(polling);
        let gateway = setup.start().await;
        assert_eq!(notifiers(), 0, "the system is asked all the same");
        answers(&gateway, 403).await;
        let file = gateway.rule_file("verdict");
        (way.arrange)(&file);
        (way.write)(&file, &rules::bytes("allow_all"));
        eprintln!("{}", way.name);
        answers(&gateway, 200).await;
    }
}

#[tokio::test]
async fn half_a_file_changes_nothing() {
    let pocketbase = PocketBase::start().await;
    for how in ["", "watch = \"poll\"\npoll = \"50ms\""] {
        let quick = format!("[rules]\ndebounce = \"20ms\"\n{how}");
        let setup = denying(Setup::before(pocketbase.address())).also(&quick);
        let gateway = setup.start().await;
        answers(&gateway, 403).await;
        let bytes = rules::bytes("allow_all");
        let (half, rest) = bytes.split_at(bytes.len() / 2);
        let mut file = fs::File::create(gateway.rule_file("verdict")).expect("opens");
        file.write_all(half).expect("writes");
        // The writer takes its time, and the gateway has a look.
        told(&gateway, "verdict").await;
        answers(&gateway, 403).await;
        file.write_all(rest).expect("writes");
        answers(&gateway, 200).await;
        assert_eq!(gateway.rejected().await, None);
    }
}

#[tokio::test]
async fn a_file_that_comes_back_is_taken() {
    let stage = Stage::with(|gateway| denying(gateway).also(NOTIFIED)).await;
    let gateway = &stage.gateway;
    let file = gateway.rule_file("verdict");
    fs::remove_file(&file).expect("deletes");
    told(gateway, "verdict").await;
    fs::write(&file, rules::bytes("deny_all")).expect("writes");
    let well = async || gateway.rejected().await.is_none().then_some(());
    eventually("the old file is back, and all is well", well).await;
    fs::remove_file(&file).expect("deletes");
    told(gateway, "verdict").await;
    fs::write(&file, rules::bytes("allow_all")).expect("writes");
    answers(gateway, 200).await;
}

/// Root may read anything, so the test gives that right up: then it shows the same for everybody.
#[tokio::test]
async fn a_file_that_may_not_be_read_changes_nothing_until_it_may() {
    give_up_reading_everything();
    let stage = Stage::with(|gateway| denying(gateway).also(NOTIFIED)).await;
    let gateway = &stage.gateway;
    let file = gateway.rule_file("verdict");
    let beside = file.with_extension("new");
    fs::write(&beside, rules::bytes("allow_all")).expect("writes");
    fs::set_permissions(&beside, Permissions::from_mode(0o000)).expect("closes");
    assert!(fs::read(&beside).is_err(), "this test may read everything");
    fs::rename(&beside, &file).expect("renames");
    told(gateway, "cannot be read").await;
    answers(gateway, 403).await;
    // Not a byte changes.
    fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("opens");
    answers(gateway, 200).await;
    // And the other way round.
    fs::set_permissions(&file, Permissions::from_mode(0o000)).expect("closes");
    told(gateway, "cannot be read").await;
    answers(gateway, 200).await;
}

#[tokio::test]
async fn a_hundred_changes_in_a_second_are_a_handful_of_reloads() {
    let stage = Stage::with(|gateway| {
        // So long that a machine under load does not make a pause of it.
        let settings = format!("{NOTIFIED}\ndebounce = \"500ms\"");
        denying(gateway).also(&settings)
    })
    .await;
    let gateway = &stage.gateway;
    let versions = [rules::bytes("allow_all"), rules::bytes("deny_all")];
    for change in 0..100 {
        gateway.replace_rule("verdict", &versions[change % 2]);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    gateway.replace_rule("verdict", &versions[0]);
    answers(gateway, 200).await;
    let reloads = gateway.metric("hapta_reloads_total{result=\"swapped\"}");
    let reloads = reloads.await.expect("reloads are counted");
    assert!(reloads <= 2.0, "{reloads} reloads");
    assert_eq!(gateway.rejected().await, None);
    let refused = gateway.metric("hapta_reloads_total{result=\"refused\"}");
    assert_eq!(refused.await, None);
}

/// As releases are put into force: all of a folder at once, by a link that leads to it.
#[tokio::test]
async fn a_folder_that_is_a_link_may_be_turned() {
    let pocketbase = PocketBase::start().await;
    let releases = tempfile::tempdir().expect("a folder");
    let release = |name: &str, built: &str| {
        let folder = releases.path().join(name);
        fs::create_dir(&folder).expect("makes a folder");
        fs::write(folder.join("verdict.wasm"), rules::bytes(built)).expect("writes");
        let (link, current) = (
            releases.path().join("next"),
            releases.path().join("current"),
        );
        symlink(folder, &link).expect("links");
        fs::rename(link, current).expect("renames");
    };
    release("1", "deny_all");
    let file = releases.path().join("current/verdict.wasm");
    let entry = format!("[[rule]]\nname = \"verdict\"\nfile = {file:?}\n{NOTIFIED}");
    let setup = Setup::before(pocketbase.address()).judged("posts", &["verdict"]);
    let gateway = setup.also(&entry).start().await;
    answers(&gateway, 403).await;
    release("2", "allow_all");
    answers(&gateway, 200).await;
}

/// Looking from time to time is as good as off.
const NOTIFIED: &str = "[rules]\npoll = \"1h\"";

async fn of_a_rule(way: &Way, pocketbase: &PocketBase) {
    let setup = denying(Setup::before(pocketbase.address())).also(NOTIFIED);
    let gateway = setup.start().await;
    answers(&gateway, 403).await;
    let file = gateway.rule_file("verdict");
    (way.arrange)(&file);
    eprintln!("the rule: {}", way.name);
    (way.write)(&file, &rules::bytes("allow_all"));
    answers(&gateway, 200).await;
}

async fn of_all(way: &Way, pocketbase: &PocketBase) {
    let settings = Table::try_from(json!({ "settings": { "status": 403 } })).expect("TOML");
    let setup = Setup::before(pocketbase.address())
        .rule_entry("verdict", "deny_all", settings)
        .judged("posts", &["verdict"])
        .also(NOTIFIED);
    let gateway = setup.start().await;
    answers(&gateway, 403).await;
    let file = gateway.folder().join("hapta.toml");
    let text = fs::read_to_string(&file).expect("reads");
    (way.arrange)(&file);
    eprintln!("the configuration: {}", way.name);
    let changed = text.replace("status = 403", "status = 418");
    (way.write)(&file, changed.as_bytes());
    answers(&gateway, 418).await;
}

fn denying(gateway: Setup) -> Setup {
    gateway
        .rule_entry("verdict", "deny_all", Table::new())
        .judged("posts", &["verdict"])
}

/// Puts bytes into a folder of its own beside a file, under the file's name, and turns `..data` to it.
fn publish(file: &Path, folder: &str, bytes: &[u8]) {
    let name = file.file_name().expect("a name");
    fs::create_dir(beside(file, folder)).expect("makes a folder");
    fs::write(beside(file, folder).join(name), bytes).expect("writes");
    symlink(folder, beside(file, "..data_tmp")).expect("links");
    fs::rename(beside(file, "..data_tmp"), beside(file, "..data")).expect("renames");
}

fn beside(file: &Path, name: &str) -> PathBuf {
    file.with_file_name(name)
}

/// Waits until a list of posts is answered like this.
async fn answers(gateway: &TestGateway, status: u16) {
    let list = "/api/collections/posts/records?perPage=1";
    let answer = async || (gateway.client().get(list).await.status == status).then_some(());
    eventually(&format!("posts are answered with {status}"), answer).await;
}

/// Waits until the gateway tells its operator why the new set was not taken.
async fn told(gateway: &TestGateway, why: &str) {
    let problem = async || {
        let problem = gateway.rejected().await;
        problem.filter(|problem| problem.contains(why))
    };
    eventually(&format!("the operator is told of {why}"), problem).await;
}

/// How many places of this process the system tells of changes.
fn notifiers() -> usize {
    let descriptors = fs::read_dir("/proc/self/fd").expect("there is a /proc");
    let targets = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    targets
        .filter(|target| target.to_string_lossy().contains("inotify"))
        .count()
}

/// For this thread and those that it starts from now on.
fn give_up_reading_everything() {
    let mut mine = capabilities(None).expect("this thread's rights");
    mine.effective
        .remove(CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH);
    set_capabilities(None, mine).expect("rights can be given up");
}
