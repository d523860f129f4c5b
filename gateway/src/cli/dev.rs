//! `hapta dev`: PocketBase, the gateway, and rules built at each save.

mod building;
mod hearing;
mod made;
mod news;
mod place;
mod stream;
mod text;
mod workbench;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::made::Made;
use self::news::{News, Ready};
use self::place::{PocketBase, is_url};
use self::stream::{Form, Teller};
use self::workbench::{Ground, Workbench};
use super::terminal::Progress;
use super::watching::Saves;
use crate::config::{Config, Environment};
use crate::server::{self, ConfigFile, Overrides, Running};

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Rules' folders, each with its rule.toml; without any this folder, or those below it.
    #[arg(value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// The configuration; without it hapta.toml, and where there is none, one that is made up in
    /// .hapta/dev.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A PocketBase that runs, or the executable of the one to start; without it `POCKETBASE`,
    /// ./pocketbase, or the one on the PATH.
    #[arg(long, value_name = "URL|BINARY")]
    pocketbase: Option<String>,
    /// Where clients connect; 127.0.0.1:8090 where no configuration says otherwise.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// What happens as JSON, an object a line.
    #[arg(long)]
    json: bool,
}

/// What makes the command end.
enum End {
    Asked,
    PocketBase,
}

/// What somebody who is at the machine ends it by.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let projects = place::projects(&options.folders)?;
    let ground = ground(options)?;
    let form = if options.json { Form::Json } else { Form::Text };
    let (teller, stream) = stream::begin(form)?;
    hearing::begin(teller.clone())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the worker threads")?;
    let bench = Workbench::new(projects, ground, teller.clone());
    let ended = runtime.block_on(async {
        let ended = develop(bench, &teller).await;
        let reason = match &ended {
            Ok(End::Asked) => Some("as asked"),
            Ok(End::PocketBase) => Some("PocketBase ended by itself; its last words are above"),
            // The command's own last word.
            Err(_) => None,
        };
        stream.finish(&teller, reason).await;
        ended
    });
    // What still runs has nobody to tell it to.
    runtime.shutdown_background();
    Ok(match ended? {
        End::Asked => ExitCode::SUCCESS,
        End::PocketBase => ExitCode::FAILURE,
    })
}

/// What to go by: the author's configuration, or one that is made up.
fn ground(options: &Options) -> anyhow::Result<Ground> {
    let environment = Environment::of_process();
    let own = match &options.config {
        Some(file) if !file.is_file() => bail!("there is no configuration {}", file.display()),
        Some(file) => Some(file.clone()),
        None => Some(PathBuf::from("hapta.toml")).filter(|file| file.is_file()),
    };
    let asked = options.pocketbase.as_deref();
    let Some(path) = own else {
        let pocketbase = PocketBase::find(asked.or(environment.db_url.as_deref()))?;
        return Made::prepare(pocketbase, options.listen).map(|made| Ground::Made(Box::new(made)));
    };
    if let Some(binary) = asked.filter(|asked| !is_url(asked)) {
        bail!(
            "{} says itself which PocketBase there is; name the executable {binary} under its [pocketbase.run]",
            path.display()
        );
    }
    Ok(Ground::Own(Box::new(ConfigFile {
        path,
        environment,
        overrides: Overrides {
            listen: options.listen,
            pocketbase: asked.map(str::to_owned),
        },
    })))
}

async fn develop(mut bench: Workbench, teller: &Teller) -> anyhow::Result<End> {
    let mut signals = Signals::listen()?;
    // Before the first build, so that no save is missed.
    let mut saves = bench.saves();
    tokio::select! {
        begun = bench.begin(&mut saves) => begun?,
        () = signals.any() => return Ok(End::Asked),
    }
    let (file, config) = bench.file()?;
    let path = file.path.clone();
    let starting = Progress::begin("starting PocketBase and the gateway");
    let running = tokio::select! {
        started = Box::pin(server::start(config, Some(file))) => started.with_context(|| of(&path))?,
        () = signals.any() => return Ok(End::Asked),
    };
    drop(starting);
    let ended = tokio::select! {
        worked = work(&mut bench, &running, &mut saves, teller) => worked.map(|()| End::Asked),
        () = running.pocketbase_ended() => Ok(End::PocketBase),
        () = signals.any() => Ok(End::Asked),
    };
    running.stop().await;
    ended
}

/// Serves, and follows what is saved.
async fn work(
    bench: &mut Workbench,
    running: &Running,
    saves: &mut Saves,
    teller: &Teller,
) -> anyhow::Result<()> {
    let gateway = running.gateway();
    if let Some(onlooker) = gateway.log.let_look_on(stream::REQUESTS) {
        teller.look_on(onlooker).await;
    }
    let serving = bench.serve(gateway).await?;
    let config = gateway.config();
    let ready = Ready {
        url: format!("{}://{}", config.server.scheme(), running.address()),
        dashboard: dashboard(&config),
        superuser: bench.superuser(),
        serving,
    };
    teller.tell(News::Ready(ready)).await;
    bench.follow(gateway, saves).await
}

fn dashboard(config: &Config) -> String {
    let url = config.pocketbase.upstream.url.to_string();
    format!("{}/_/", url.trim_end_matches('/'))
}

fn of(file: &Path) -> String {
    format!("the configuration {}", file.display())
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?,
            terminate: signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
