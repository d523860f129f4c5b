//! Files that are no rules, by the thousand: the loader refuses each in a word, or it is a rule that
//! can be called. Never a panic, and never for long.
//!
//! What is tried follows from a number, which a failure tells. A usual run tries what it can in a few
//! seconds; `HAPTA_FUZZ_SECONDS` makes it longer and begins elsewhere: `make fuzz`.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arbitrary::Unstructured;
use hapta::rules::{
    Dossier, Engine, Exposed, Fault, Generation, GenerationError, RuleError, Settings, Source,
};
use hapta_tests::{root, rules};
use serde_json::json;
use tokio::time::Instant;

use crate::containment::MODULE;
use crate::containment::pressure::creation_of_a_post;

/// How long a usual run is.
const USUALLY: Duration = Duration::from_secs(4);

/// More than `configure` may compute, and what comes after it.
const LATEST: Duration = Duration::from_mins(1);

/// What a module made up for the contract may use, and what it has to have.
const IMPORTS: &str = r#"(module
  (import "hapta:rule/json@0.1.0" "[method]document.get" (func (param i32 i32 i32 i32)))
  (import "hapta:rule/json@0.1.0" "[method]document.keys" (func (param i32 i32 i32 i32)))
  (import "hapta:rule/json@0.1.0" "[method]document.text" (func (param i32 i32)))
  (import "hapta:rule/json@0.1.0" "[method]document.remove" (func (param i32 i32 i32 i32)))
  (import "hapta:rule/json@0.1.0" "[resource-drop]document" (func (param i32)))
  (import "hapta:rule/types@0.1.0" "[method]request.body" (func (param i32 i32)))
  (import "hapta:rule/types@0.1.0" "[method]request.changes" (func (param i32 i32)))
  (import "hapta:rule/types@0.1.0" "[method]request.operation" (func (param i32) (result i32)))
  (import "hapta:rule/types@0.1.0" "[resource-drop]request" (func (param i32))))"#;
const EXPORTS: &str = r#"(module
  (memory (export "memory") 1 16)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
  (func (export "configure") (param i32 i32) (result i32) unreachable)
  (func (export "before") (param i32) (result i32) unreachable)
  (func (export "reveal") (param i32 i32) (result i32) unreachable)
  (func (export "after") (param i32 i32) (result i32) unreachable))"#;

/// Steps that a made-up module takes in all its calls together.
const STEPS: u32 = 100_000;

/// Numbers without end that follow from the first.
struct Dice(u64);

/// What came of all files.
#[derive(Debug, Default)]
struct Outcomes {
    refused: u32,
    loaded: u32,
    answered: u32,
}

#[tokio::test]
async fn whatever_a_file_holds_the_loader_refuses_it_or_makes_a_rule_of_it() {
    let said = std::env::var("HAPTA_FUZZ_SECONDS").ok();
    let (first, long) = match said {
        Some(seconds) => {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let first = u64::try_from(now.expect("a time").as_millis()).expect("not so late");
            let seconds = seconds.parse().expect("a number of seconds");
            (first, Duration::from_secs(seconds))
        }
        None => (0, USUALLY),
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tried.wasm");
    let engine = Engine::new(4, None).expect("an engine");
    let good: Vec<Vec<u8>> = ["deny_all", "editor"]
        .map(rules::bytes)
        .into_iter()
        .chain([rules::assembled(MODULE), component()])
        .collect();
    let mut outcomes = Outcomes::default();
    let began = Instant::now();
    for number in first.. {
        if began.elapsed() > long {
            break;
        }
        let bytes = made_up(number, &good);
        fs::write(&file, &bytes).expect("writes the file");
        let tried = tokio::time::timeout(LATEST, tried(&engine, &file, &mut outcomes));
        if let Err(problem) = tried.await.unwrap_or(Err("it takes too long".to_owned())) {
            let kept = root().join(format!(".build/fuzz/found/loader-{number}.wasm"));
            fs::create_dir_all(kept.parent().expect("a folder")).expect("makes the folder");
            fs::write(&kept, bytes).expect("keeps the file");
            panic!("number {number}, kept as {}: {problem}", kept.display());
        }
    }
    eprintln!("{outcomes:?}");
    assert!(outcomes.refused > 0 && outcomes.loaded > 0, "{outcomes:?}");
}

/// What made-up files have found: what takes components apart gives up on these with a panic.
#[tokio::test]
async fn what_makes_the_loader_s_own_tools_fail_is_refused_by_name() {
    let engine = Engine::new(4, None).expect("an engine");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tried.wasm");
    let whole = rules::bytes("deny_all");
    let tag = rules::assembled(&MODULE.replace(";; MORE", "(tag)"));
    for bytes in [&tag[..], &whole[..whole.len() / 2]] {
        fs::write(&file, bytes).expect("writes the file");
        let mut outcomes = Outcomes::default();
        let tried = tried(&engine, &file, &mut outcomes).await;
        assert_eq!((tried, outcomes.refused), (Ok(()), 1));
    }
}

/// Loads a file, and calls it if it is a rule after all.
async fn tried(engine: &Arc<Engine>, file: &Path, outcomes: &mut Outcomes) -> Result<(), String> {
    let settings = Settings {
        sources: vec![Source {
            name: "tried".to_owned(),
            file: file.to_owned(),
            settings: "{}".to_owned(),
            ..Source::default()
        }],
        exposed: [("posts".to_owned(), Exposed::Rules(vec!["tried".to_owned()]))].into(),
        ..Settings::default()
    };
    let generation = match Generation::build(engine, &settings, None).await {
        Ok(generation) => generation,
        Err(GenerationError::Load(problem)) => {
            outcomes.refused += 1;
            let told = problem.to_string();
            let says = told.contains("tried") && told.len() < 100_000;
            return says.then_some(()).ok_or(told);
        }
        // A rule that says it is for other collections.
        Err(GenerationError::NotFor { .. }) => return Ok(()),
        Err(other) => return Err(other.to_string()),
    };
    outcomes.loaded += 1;
    let chain = generation.chain("posts").expect("posts are exposed");
    let dossier = Arc::new(Dossier::default());
    let body = json!({ "title": "x", "tags": ["a", "b"] });
    let exchange = creation_of_a_post();
    let before = generation.before(chain, &exchange, &dossier, Some(body));
    match before.await {
        Err(RuleError::Faulted {
            fault: Fault::Host, ..
        }) => Err("the gateway panicked under the call".to_owned()),
        Err(_) => Ok(()),
        Ok(_) => {
            outcomes.answered += 1;
            Ok(())
        }
    }
}

fn made_up(number: u64, good: &[Vec<u8>]) -> Vec<u8> {
    let mut dice = Dice(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    match number % 4 {
        0 => a_component(&mut dice),
        1 => a_module_of_the_contract(&mut dice),
        _ => mutated(&mut dice, good),
    }
}

/// Any valid component.
fn a_component(dice: &mut Dice) -> Vec<u8> {
    loop {
        let bytes = dice.bytes(4_096);
        let config = wasm_smith::Config::default();
        if let Ok(component) = wasm_smith::Component::new(config, &mut Unstructured::new(&bytes)) {
            return component.to_bytes();
        }
    }
}

/// A valid module with the contract's exports, that does anything in them.
fn a_module_of_the_contract(dice: &mut Dice) -> Vec<u8> {
    loop {
        let bytes = dice.bytes(8_192);
        let config = wasm_smith::Config {
            available_imports: Some(wat::parse_str(IMPORTS).expect("a module")),
            exports: Some(wat::parse_str(EXPORTS).expect("a module")),
            allow_start_export: dice.below(2) == 0,
            gc_enabled: false,
            memory64_enabled: false,
            threads_enabled: false,
            exceptions_enabled: false,
            max_memory32_bytes: 1 << 20,
            ..wasm_smith::Config::default()
        };
        let module = wasm_smith::Module::new(config, &mut Unstructured::new(&bytes));
        if let Ok(mut module) = module
            && module.ensure_termination(STEPS).is_ok()
        {
            return rules::of_module(module.to_bytes());
        }
    }
}

/// A good rule with a few things changed about it, or nothing.
fn mutated(dice: &mut Dice, good: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = good[dice.below(good.len())].clone();
    for _ in 0..dice.below(4) {
        let (at, to) = (dice.below(bytes.len()), dice.below(bytes.len()));
        let (from, to) = (at.min(to), at.max(to).min(at.min(to) + 64));
        match dice.below(7) {
            0 => bytes[at] ^= 1 << dice.below(8),
            1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][dice.below(5)],
            2 => drop(bytes.drain(from..to)),
            3 => {
                let part = bytes[from..to].to_vec();
                bytes.splice(at..at, part);
            }
            4 => {
                let more = dice.bytes(8);
                bytes.splice(at..at, more);
            }
            5 => {
                let other = &good[dice.below(good.len())];
                let start = dice.below(other.len());
                let part = &other[start..other.len().min(start + 256)];
                bytes.splice(from..to, part.iter().copied());
            }
            _ => bytes.truncate(at),
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

/// A rule as other languages have it: a component already.
fn component() -> Vec<u8> {
    let module = rules::bytes("deny_all");
    let encoder = wit_component::ComponentEncoder::default().module(&module);
    let component = encoder.and_then(|mut encoder| encoder.encode());
    component.expect("a built rule becomes a component")
}

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, count: usize) -> usize {
        let count = u64::try_from(count.max(1)).expect("not so many");
        usize::try_from(self.next() % count).expect("below a size")
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        for eight in bytes.chunks_mut(8) {
            eight.copy_from_slice(&self.next().to_le_bytes()[..eight.len()]);
        }
        bytes
    }
}
