//! The same rule, `ownership` of the examples, in each language: what it takes to build, to load and to
//! call, and what its instances hold.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytesize::ByteSize;
use hapta::rules::{Engine, Generation, Limits, Settings};
use hapta::state::State;
use tokio::process::Command;
use tokio::time::Instant;

use crate::calls::{self, Scene};
use crate::fixtures::{self, OWNERSHIP};
use crate::process::gateway_binary;
use crate::report::Report;
use crate::samples::{Samples, median, micros, millis};

const WARM_UP: usize = 50;
const SAMPLES: usize = 1_000;

/// Loads of one rule that are compiled, and as many that are not.
const LOADS: usize = 3;

/// Instances that wait while their memory is looked at.
const LIVE: u32 = 16;

/// How long those may take to be made.
const PATIENCE: Duration = Duration::from_mins(1);

/// One language.
struct Language {
    /// As the rows are called.
    name: &'static str,
    /// The example's folder.
    example: &'static str,
    /// The source that a save changes, and what makes a comment of the rest of a line.
    source: (&'static str, &'static str),
    /// From one call to the next where instances are made ahead: more than making one takes.
    apart: Duration,
    /// The aims for a fresh call, and for one that finds an instance made ahead, in microseconds.
    most: (Option<f64>, Option<f64>),
}

const LANGUAGES: [Language; 4] = [
    Language {
        name: "rust",
        example: "ownership",
        source: ("src/lib.rs", "//"),
        apart: Duration::from_millis(1),
        most: (None, None),
    },
    Language {
        name: "typescript",
        example: "ownership-typescript",
        source: ("rule.ts", "//"),
        apart: Duration::from_millis(3),
        most: (Some(150.0), Some(50.0)),
    },
    Language {
        name: "python",
        example: "ownership-python",
        source: ("rule.py", "#"),
        apart: Duration::from_millis(20),
        most: (None, Some(150.0)),
    },
    Language {
        name: "c",
        example: "ownership-c",
        source: ("rule.c", "//"),
        apart: Duration::from_millis(1),
        most: (None, None),
    },
];

/// Measures, and says so in the report.
pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    for language in &LANGUAGES {
        if let Err(error) = language.measure(report).await {
            report.missing(language.name, "", "", &format!("{error:#}"));
        }
    }
    Ok(())
}

impl Language {
    async fn measure(&self, report: &mut Report) -> anyhow::Result<()> {
        let plain = |report: &mut Report, what: &str, value: f64, unit: &'static str| {
            report.plain(&format!("{}, {what}", self.name), value, unit);
        };
        let (cold, warm) = self.builds().await?;
        plain(report, "build, cold", cold.as_secs_f64(), "s");
        plain(report, "build, warm", warm.as_secs_f64(), "s");
        let size = std::fs::metadata(fixtures::rule(&self.rule())?)?.len();
        #[expect(clippy::cast_precision_loss, reason = "a file of some megabytes")]
        plain(report, "component", size as f64 / 1024.0, "KiB");
        let (cold, warm) = self.loads().await?;
        plain(report, "load, cold", cold, "ms");
        plain(report, "load, warm", warm, "ms");

        let mut fresh = self.calls(0).await?;
        self.tell(report, "fresh call", &mut fresh, self.most.0);
        let mut ahead = self.calls(8).await?;
        self.tell(report, "made ahead", &mut ahead, self.most.1);
        let memory = self.memory().await?;
        plain(report, "memory of a live instance", memory, "KiB");
        Ok(())
    }

    /// Its rule's name.
    fn rule(&self) -> String {
        self.example.replace('-', "_")
    }

    fn tell(&self, report: &mut Report, what: &str, samples: &mut Samples, most: Option<f64>) {
        let (name, middle) = (format!("{}, {what}", self.name), micros(samples.at(500)));
        match most {
            Some(most) => report.at_most(&name, middle, "µs", most),
            None => report.plain(&name, middle, "µs"),
        }
        report.plain(&format!("{name}, p99"), micros(samples.at(990)), "µs");
    }

    /// The first build of a folder, its tools installed, and the one after a save.
    async fn builds(&self) -> anyhow::Result<(Duration, Duration)> {
        let work = fixtures::folder(&format!("language-{}", self.name))?;
        let sdk = fixtures::root().join("rule-sdk");
        std::os::unix::fs::symlink(sdk, work.join("rule-sdk"))?;
        let folder = work.join("rules-examples").join(self.example);
        copy(
            &fixtures::root().join("rules-examples").join(self.example),
            &folder,
        )?;
        let cold = build(&folder).await?;
        let (source, comment) = self.source;
        let source = folder.join(source);
        let mut text = std::fs::read_to_string(&source)?;
        text.push_str(comment);
        text.push_str(" saved\n");
        std::fs::write(&source, text)?;
        Ok((cold, build(&folder).await?))
    }

    /// Milliseconds to load the rule, compiled then and taken from the cache.
    async fn loads(&self) -> anyhow::Result<(f64, f64)> {
        let (mut cold, mut warm) = (Vec::new(), Vec::new());
        for _ in 0..LOADS {
            let folder = fixtures::folder(&format!("cache-{}", self.name))?;
            let state = Arc::new(State::open(&folder)?);
            for times in [&mut cold, &mut warm] {
                // An engine of its own each: it remembers functions that it compiled.
                let engine = Engine::new(16, Some(Arc::clone(&state)))?;
                let start = Instant::now();
                Generation::build(&engine, &self.settings(0)?, None).await?;
                times.push(millis(start.elapsed()));
            }
        }
        Ok((median(&cold), median(&warm)))
    }

    /// The rule judges users, of whom alice changes herself.
    fn settings(&self, ahead: u32) -> anyhow::Result<Settings> {
        let mut settings = calls::settings(&self.rule(), OWNERSHIP, "users")?;
        for source in &mut settings.sources {
            source.ahead = ahead;
            source.limits = Limits {
                memory: ByteSize::mib(64),
                cpu: Duration::from_millis(100),
                ..Limits::default()
            };
        }
        Ok(settings)
    }

    async fn calls(&self, ahead: u32) -> anyhow::Result<Samples> {
        let scene = Scene::of(&self.settings(ahead)?).await?;
        let apart = if ahead == 0 {
            Duration::ZERO
        } else {
            self.apart
        };
        let mut samples = Samples::default();
        for turn in 0..WARM_UP + SAMPLES {
            // Not asleep: a processor that rests is slow at first, and none does under load.
            let due = Instant::now() + apart;
            while Instant::now() < due {
                std::hint::spin_loop();
            }
            let time = tokio::task::unconstrained(scene.call(fixtures::change())).await?;
            if turn >= WARM_UP {
                samples.push(time);
            }
        }
        Ok(samples)
    }

    /// KiB that an instance holds for itself once a call went through it.
    async fn memory(&self) -> anyhow::Result<f64> {
        let without = Scene::of(&self.settings(0)?).await?;
        let before = private()?;
        let scene = Scene::of(&self.settings(LIVE)?).await?;
        let start = Instant::now();
        let are_there = || {
            let mut waiting = scene.generation.waiting();
            waiting.all(|(_, count)| count >= LIVE as usize)
        };
        while !are_there() {
            ensure!(
                start.elapsed() < PATIENCE,
                "{LIVE} instances are not made in time"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let after = private()?;
        drop(without);
        Ok((after - before) / f64::from(LIVE))
    }
}

/// One run of `hapta build`, whose own compilation cache is the folder's alone.
async fn build(folder: &Path) -> anyhow::Result<Duration> {
    let mut command = Command::new(gateway_binary());
    command.arg("build").arg(folder);
    command.env("CARGO_TARGET_DIR", folder.join("target"));
    // The tools that the project fetches for itself.
    let tools = fixtures::root().join(".build");
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":");
    path.push(tools.join("guest-tools/bin"));
    command.env("PATH", path);
    let packages = [tools.join("guest-tools"), tools.join("c-tools")];
    command.env("PYTHONPATH", std::env::join_paths(packages)?);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let start = Instant::now();
    let done = command.output().await.context("cannot run hapta build")?;
    let took = start.elapsed();
    ensure!(
        done.status.success(),
        "hapta build: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(took)
}

/// Copies an example, without what was built; installed tools are linked.
fn copy(from: &Path, to: &PathBuf) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (name, target) = (entry.file_name(), to.join(entry.file_name()));
        let is_made = ["build", "target", ".hapta"]
            .map(OsStr::new)
            .contains(&name.as_os_str());
        if is_made {
            continue;
        }
        if name == "node_modules" {
            std::os::unix::fs::symlink(entry.path(), target)?;
        } else if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// KiB of memory that this process shares with nobody.
fn private() -> anyhow::Result<f64> {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Private_Dirty:"));
    let number = line.and_then(|line| line.trim().split(' ').next());
    Ok(number
        .context("the kernel tells no Private_Dirty")?
        .parse()?)
}
