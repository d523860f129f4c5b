//! `hapta inspect`: tells what a rule is.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::build::build;
use super::terminal::{BAD, GOOD, LOOK, QUIET, STRONG, paint, say};
use crate::rules::{
    Engine, Import, LoadError, LoadProblem, Loaded, Look, Manifest, Needs, Source, look,
};
use crate::workshop::Project;

/// Calls that may run at once here: what a load takes.
const INSTANCES: u32 = 4;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// A component, or a rule's folder, which is built first.
    #[arg(value_name = "FILE|FOLDER", default_value = ".")]
    rule: PathBuf,
    /// The settings to load it with, as JSON.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    settings: String,
    /// Everything, as JSON.
    #[arg(long)]
    json: bool,
}

/// As the exit status says it.
const NO_RULE: u8 = 1;

pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let (name, file) = rule_of(&options.rule)?;
    let settings: Value =
        serde_json::from_str(&options.settings).context("--settings is no JSON")?;
    if !settings.is_object() {
        bail!("--settings is no object: expected one like '{{\"author_field\": \"owner\"}}'");
    }
    let source = Source {
        name,
        file: file.clone(),
        settings: settings.to_string(),
        ..Source::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let found = {
        let _progress = super::terminal::Progress::begin("loading it as a gateway would");
        runtime.block_on(async {
            let engine = Engine::new(INSTANCES, None)?;
            anyhow::Ok(look(&engine, &source).await)
        })?
    };
    let is_rule = matches!(&found, Ok(look) if outcome(look).is_rule());
    if options.json {
        say(&serde_json::to_string_pretty(&as_json(&file, &found))?);
    } else {
        tell(&file, &found);
    }
    Ok(if is_rule {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NO_RULE)
    })
}

/// The rule's name and file. Of a folder it is what is built there, now.
fn rule_of(path: &Path) -> anyhow::Result<(String, PathBuf)> {
    if path.is_dir() {
        let project = Project::open(path)?;
        let built = build(&project, None)?;
        return Ok((project.name, built.file));
    }
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    Ok((name.into_owned(), path.to_owned()))
}

/// What came of a load.
enum Outcome<'a> {
    Loads(&'a Loaded),
    /// A rule, which wants other settings.
    OtherSettings(&'a str),
    NoRule(String),
}

impl Outcome<'_> {
    fn is_rule(&self) -> bool {
        matches!(self, Self::Loads(_) | Self::OtherSettings(_))
    }
}

fn outcome(look: &Look) -> Outcome<'_> {
    match &look.loaded {
        Some(Ok(loaded)) => Outcome::Loads(loaded),
        Some(Err(LoadError {
            problem: LoadProblem::Settings(said),
            ..
        })) => Outcome::OtherSettings(said),
        Some(Err(error)) => Outcome::NoRule(error.problem.to_string()),
        None => {
            let mut imports = look.imports.iter();
            let import = imports.find(|import| import.needs == Needs::Impossible);
            let name = import.map_or("", |import| import.name.as_str());
            Outcome::NoRule(format!(
                "imports {name}, which can't be granted to any rule; it may import hapta:rule/json and hapta:rule/types, and what can be granted"
            ))
        }
    }
}

fn tell(file: &Path, found: &Result<Look, LoadError>) {
    let file = file.display();
    let no_rule = |why: &str| say(&format!("{} {file}: {why}", paint(BAD, "no rule")));
    let look = match found {
        Ok(look) => look,
        Err(error) => return no_rule(&error.problem.to_string()),
    };
    match outcome(look) {
        Outcome::Loads(_) => say(&format!("{} {file}", paint(GOOD, "a rule"))),
        Outcome::OtherSettings(_) => {
            say(&format!(
                "{} {file}",
                paint(LOOK, "a rule that wants settings")
            ));
        }
        Outcome::NoRule(why) => no_rule(&why),
    }
    let size = bytesize::ByteSize::b(look.bytes).display().iec();
    line("size", &size.to_string());
    imports(look);
    match outcome(look) {
        Outcome::Loads(loaded) => loads(loaded),
        Outcome::OtherSettings(said) => {
            line("settings", &format!("refused: {said}"));
            line(
                "",
                "give it some to see the rest: --settings '{\"key\": \"value\"}'",
            );
        }
        Outcome::NoRule(_) => {}
    }
}

fn imports(look: &Look) {
    for (at, import) in look.imports.iter().enumerate() {
        let told = match &import.needs {
            Needs::Nothing => paint(QUIET, "everybody's"),
            Needs::Grant(_) => "has to be granted".to_owned(),
            Needs::Impossible => paint(BAD, "can't be granted"),
        };
        let title = if at == 0 { "imports" } else { "" };
        line(title, &format!("{}  {told}", import.name));
    }
    if look.imports.is_empty() {
        line("imports", "nothing");
    }
    if !look.grants.is_empty() {
        line(
            "needs",
            &format!("grants = {:?} in its [[rule]]", look.grants),
        );
    }
}

fn loads(loaded: &Loaded) {
    let Manifest {
        hooks,
        operations,
        collections,
        removes,
        drops,
        denials,
    } = &loaded.manifest;
    let hooks = [
        (hooks.before, "before"),
        (hooks.reveal, "reveal"),
        (hooks.after, "after"),
    ];
    let hooks: Vec<_> = hooks
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, hook)| *hook)
        .collect();
    line("hooks", &listed(&hooks, "none: it is never called"));
    let operations: Vec<_> = operations
        .iter()
        .flatten()
        .map(ToString::to_string)
        .collect();
    line("operations", &listed(&operations, "all"));
    line(
        "collections",
        &listed(collections, "all that it is configured for"),
    );
    let removes: Vec<_> = removes
        .iter()
        .map(|removal| match &removal.collection {
            Some(collection) => format!("{collection}.{}", removal.field),
            None => format!("*.{}", removal.field),
        })
        .collect();
    line("removes", &listed(&removes, "nothing"));
    let drops = if *drops {
        "yes: it may leave records out, so lists have no totals"
    } else {
        "no"
    };
    line("drops", drops);
    line("denials", &listed(denials, "not told"));
    line("settings", "these are accepted");
    let frozen = if loaded.frozen {
        "once, then frozen: every call starts from there"
    } else {
        "in each instance, when it is made"
    };
    line("configured", frozen);
    line(
        "load",
        &format!("{:.2} s, compiled anew", loaded.took.as_secs_f64()),
    );
    line("digest", &loaded.digest);
}

fn line(title: &str, text: &str) {
    say(&format!(
        "  {} {text}",
        paint(STRONG, &format!("{title:<12}"))
    ));
}

fn listed<S: AsRef<str>>(all: &[S], none: &str) -> String {
    let all: Vec<_> = all.iter().map(AsRef::as_ref).collect();
    match all.as_slice() {
        [] => none.to_owned(),
        all => all.join(", "),
    }
}

fn as_json(file: &Path, found: &Result<Look, LoadError>) -> Value {
    let look = match found {
        Ok(look) => look,
        Err(error) => {
            return json!({ "file": file, "is_rule": false, "problem": error.problem.to_string() });
        }
    };
    let mut told = json!({
        "file": file,
        "bytes": look.bytes,
        "imports": look.imports.iter().map(import_json).collect::<Vec<_>>(),
        "grants": look.grants,
    });
    let more = match outcome(look) {
        Outcome::Loads(loaded) => json!({
            "is_rule": true,
            "settings_accepted": true,
            "manifest": loaded.manifest,
            "frozen": loaded.frozen,
            "load_milliseconds": u64::try_from(loaded.took.as_millis()).unwrap_or(u64::MAX),
            "digest": loaded.digest,
        }),
        Outcome::OtherSettings(said) => {
            json!({ "is_rule": true, "settings_accepted": false, "settings_problem": said })
        }
        Outcome::NoRule(why) => json!({ "is_rule": false, "problem": why }),
    };
    if let (Some(told), Value::Object(more)) = (told.as_object_mut(), more) {
        told.extend(more);
    }
    told
}

fn import_json(import: &Import) -> Value {
    match &import.needs {
        Needs::Nothing => json!({ "name": import.name, "needs": null }),
        Needs::Grant(grant) => json!({ "name": import.name, "needs": grant }),
        Needs::Impossible => json!({ "name": import.name, "needs": false }),
    }
}
