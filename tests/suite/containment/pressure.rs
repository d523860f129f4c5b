//! Loads that take from innocent rules what is theirs.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use hapta::exchange::Exchange;
use hapta::operation::Operation;
use hapta::rules::{Dossier, Engine, Exposed, Generation, Limits, Settings, Source};
use hapta::schema::Schema;
use hapta::surface::Surface;
use hapta_tests::demo::records;
use hapta_tests::{PocketBase, Program, Setup, eventually, root, rules};
use http::Method;
use serde_json::json;
use toml::Table;

use crate::commands::HAPTA;

/// Reloads after which a process has taken what it needs for them, at least.
const WARM_UP: u64 = 15;

/// Threads that compute without end, until this is dropped.
struct Busy {
    stop: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<()>>,
}

/// On a machine where every thread waits long for its turn, ticks pass by while a call does nothing.
/// That is not its doing: a call of some microseconds is never charged for more than it computed.
#[tokio::test]
async fn a_loaded_machine_takes_no_cpu_time_from_a_rule() {
    let engine = Engine::new(8, None).expect("an engine");
    let settings = Settings {
        sources: vec![Source {
            name: "editor".to_owned(),
            file: rules::path("editor"),
            settings: "{}".to_owned(),
            limits: Limits {
                cpu: Duration::from_millis(4),
                deadline: Duration::from_secs(20),
                ..Limits::default()
            },
            ..Source::default()
        }],
        exposed: [(
            "posts".to_owned(),
            Exposed::Rules(vec!["editor".to_owned()]),
        )]
        .into(),
        ..Settings::default()
    };
    let generation = Generation::build(&engine, &settings, None)
        .await
        .expect("the rule loads");
    let chain = generation.chain("posts").expect("posts are exposed");
    let exchange = creation_of_a_post();
    let _busy = Busy::start();
    for call in 0..1_000 {
        let dossier = Arc::new(Dossier::default());
        let body = json!({ "title": "mine" });
        let passed = generation
            .before(chain, &exchange, &dossier, Some(body))
            .await
            .unwrap_or_else(|error| panic!("call {call}: {error}"));
        assert_eq!(passed.body, Some(json!({ "title": "edited" })));
    }
}

/// As many reloads as `HAPTA_RELOADS` says, each of another file: `make soak` says a thousand, of the
/// program that `HAPTA` names.
#[tokio::test]
async fn reloads_leave_nothing_behind() {
    let reloads: u64 =
        std::env::var("HAPTA_RELOADS").map_or(10, |said| said.parse().expect("a number"));
    let warm_up = WARM_UP.max(reloads / 10);
    let pocketbase = PocketBase::start().await;
    let setup = Setup::before(pocketbase.address())
        .rule_entry("verdict", "allow_all", Table::new())
        .judged("posts", &["verdict"])
        .also("[rules]\ninstances = 4\ndebounce = \"1ms\"\npoll = \"1h\"");
    let program = std::env::var("HAPTA").unwrap_or_else(|_| HAPTA.to_owned());
    let process = Program::new(&program, setup).serve().await;
    let builds = [rules::bytes("noter"), rules::bytes("allow_all")];
    let mut warm = None;
    for reload in 0..warm_up + reloads {
        let (file, beside) = (
            process.folder().join("verdict.wasm"),
            process.folder().join("verdict.wasm.new"),
        );
        let build = usize::from(reload % 2 == 1);
        fs::write(&beside, numbered(&builds[build], reload)).expect("writes the new file");
        fs::rename(&beside, &file).expect("renames it over the old");
        let in_force = async || {
            let status = process.operator().get("/status").await.expect(200);
            (status["generation"] == reload + 2).then_some(())
        };
        eventually("the new file is in force", in_force).await;
        process.client().get(&records("posts")).await.expect(200);
        if reload + 1 == warm_up {
            warm = Some(process.holds());
        }
    }
    let (before, after) = (warm.expect("it was warm"), process.holds());
    eprintln!("after {warm_up} reloads: {before:?}\nafter {reloads} more: {after:?}");
    // Of so few, caches with a bound of their own are still being filled.
    let filling = if reloads < 100 { 24 << 20 } else { 0 };
    for (what, before, after) in [
        ("memory", before.memory + filling, after.memory),
        ("descriptors", before.descriptors, after.descriptors),
        ("threads", before.threads, after.threads),
        ("mappings", before.mappings, after.mappings),
    ] {
        // A process gives back late; what grows is a leak.
        assert!(
            after * 100 <= before * 105,
            "{what}: {before}, then {after}"
        );
    }
}

/// The same module with a section that nobody reads: a file that was never there before, so that it
/// is compiled, and is a generation of its own.
fn numbered(module: &[u8], number: u64) -> Vec<u8> {
    let (custom, length, name) = (0, 10, [1, b'n']);
    [module, &[custom, length], &name, &number.to_le_bytes()].concat()
}

impl Busy {
    /// So many that each gets no more than an eighth of a processor.
    fn start() -> Self {
        let stop = Arc::<AtomicBool>::default();
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = (0..cores * 8).map(|_| {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })
        });
        Self {
            threads: threads.collect(),
            stop,
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // It only counts.
            let _ = thread.join();
        }
    }
}

/// A guest who wants to create a post.
pub(crate) fn creation_of_a_post() -> Arc<Exchange> {
    let collections = root().join("tests/fixtures/stub/collections.json");
    let collections = std::fs::read_to_string(collections).expect("the fixture");
    let collections = serde_json::from_str(&collections).expect("JSON");
    let schema = Schema::read(&[collections]).expect("a schema");
    let asked = Operation::parse(&Method::POST, &records("posts"), None, &Surface::default());
    Arc::new(Exchange {
        operation: asked.expect("an operation").operation,
        collection: schema.by_name("posts").cloned(),
        ..Exchange::nothing()
    })
}
