//! What a gateway holds for rules that nobody asks, and how soon one serves that has seen its rules before.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use crate::fixtures;
use crate::process::Process;
use crate::report::Report;
use crate::samples::median;

/// The aims: MiB for the rules, seconds for a start.
const MEMORY: f64 = 20.0;
const START: f64 = 1.0;

const RULES: usize = 20;
const STARTS: usize = 3;

/// After it serves, for what is done then.
const SETTLED: Duration = Duration::from_millis(500);

/// Measures, and says so in the report.
pub(crate) async fn measure(report: &mut Report, stub: SocketAddr) -> anyhow::Result<()> {
    let (with, without) = (
        fixtures::folder("idle-with")?,
        fixtures::folder("idle-without")?,
    );
    let (mut memory_with, mut memory_without, mut starts) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let (memory, _) = start(&without, &config(stub, 0)?).await?;
        memory_without.push(memory);
        let (memory, time) = start(&with, &config(stub, RULES)?).await?;
        memory_with.push(memory);
        starts.push(time);
    }
    let (with, without) = (median(&memory_with), median(&memory_without));
    report.at_most(
        "memory with 20 rules, above none",
        with - without,
        "MiB",
        MEMORY,
    );
    report.plain("memory with 20 rules", with, "MiB");
    report.plain("memory without rules", without, "MiB");
    let again = starts.get(1..).map_or(f64::NAN, median);
    report.at_most("20 rules, from start to serving again", again, "s", START);
    let first = starts.first().copied().unwrap_or(f64::NAN);
    report.plain("20 rules, from start to serving at first", first, "s");
    interpreted(report, stub).await
}

/// A gateway with the QuickJS rule, started twice on the same folder.
async fn interpreted(report: &mut Report, stub: SocketAddr) -> anyhow::Result<()> {
    let folder = fixtures::folder("idle-quickjs")?;
    let rule = rule("quickjs", "ownership_typescript", "memory = \"64MiB\"")?;
    let config = format!(
        "{}{rule}[collections.users]\nrules = [\"quickjs\"]\n",
        head(stub)
    );
    let mut times = Vec::new();
    for _ in 0..=STARTS {
        match start(&folder, &config).await {
            Ok((_, time)) => times.push(time),
            Err(error) => {
                let name = "QuickJS, from file to serving again";
                report.missing(name, "s", &format!("≤ {START}"), &format!("{error:#}"));
                return Ok(());
            }
        }
    }
    let again = times.get(1..).map_or(f64::NAN, median);
    report.at_most("QuickJS, from file to serving again", again, "s", START);
    let first = times.first().copied().unwrap_or(f64::NAN);
    report.plain("QuickJS, from file to serving at first", first, "s");
    Ok(())
}

/// The resident memory of a gateway that serves, and the seconds until it did.
async fn start(folder: &Path, config: &str) -> anyhow::Result<(f64, f64)> {
    let began = Instant::now();
    let gateway = Process::gateway(folder, config).await?;
    let time = began.elapsed();
    tokio::time::sleep(SETTLED).await;
    let memory = gateway.memory()?;
    gateway.end().await?;
    Ok((memory, time.as_secs_f64()))
}

/// So many entries of the ownership rule, each with settings of its own, all for one collection.
fn config(stub: SocketAddr, rules: usize) -> anyhow::Result<String> {
    let mut config = head(stub);
    let mut names = Vec::new();
    for number in 0..rules {
        let name = format!("rule{number}");
        let settings = format!("settings = {{ hide = [\"secret{number}\"] }}");
        config += &rule(&name, "ownership", &settings)?;
        names.push(format!("\"{name}\""));
    }
    let judges = if names.is_empty() {
        "\"pocketbase\"".to_owned()
    } else {
        format!("[{}]", names.join(", "))
    };
    // Writing to a string can't fail.
    let _ = write!(config, "[collections.posts]\nrules = {judges}\n");
    Ok(config)
}

fn head(stub: SocketAddr) -> String {
    format!(
        "[pocketbase]\nurl = \"http://{stub}\"\nsuperuser = {{ email = \"admin@example.com\", password = \"1234567890\" }}\n"
    )
}

fn rule(name: &str, built: &str, more: &str) -> anyhow::Result<String> {
    let file = fixtures::rule(built)?.display().to_string();
    Ok(format!(
        "[[rule]]\nname = \"{name}\"\nfile = {file:?}\n{more}\n"
    ))
}
