//! The processes under measurement: the gateway's own binary, PocketBase, nginx, wrk.
//!
//! Each is ended, by its own id, with the value that stands for it. Times and
//! memory are the kernel's, from `/proc`.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::fixtures;

/// How long a process may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// The kernel tells CPU time in hundredths of a second.
const CLOCK_TICK: Duration = Duration::from_millis(10);

/// Where distributions keep programs; nginx is not on every user's path.
const PLACES: &str = "/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin:/bin";

/// A server that runs, and listens.
pub(crate) struct Process {
    /// Killed when it is dropped.
    child: Child,
    pub(crate) address: SocketAddr,
}

/// What wrk found out in one run.
pub(crate) struct Throughput {
    pub(crate) per_second: f64,
    pub(crate) requests: f64,
}

impl Process {
    /// The gateway, from a folder of its own with this configuration.
    pub(crate) async fn gateway(folder: &Path, config: &str) -> anyhow::Result<Self> {
        let address = free_address()?;
        let file = folder.join("hapta.toml");
        std::fs::write(&file, config)?;
        let mut command = Command::new(gateway_binary());
        command.arg("serve").arg("--config").arg(&file);
        command.arg("--listen").arg(address.to_string());
        Self::start(command, address).await
    }

    /// nginx, one process, passing everything on to this upstream.
    pub(crate) async fn nginx(folder: &Path, upstream: SocketAddr) -> anyhow::Result<Self> {
        let address = free_address()?;
        let file = folder.join("nginx.conf");
        std::fs::write(&file, nginx_config(address, upstream))?;
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder).arg("-c").arg(&file);
        command.arg("-e").arg(folder.join("error.log"));
        Self::start(command, address).await
    }

    /// PocketBase itself, on data of its own with this superuser.
    pub(crate) async fn pocketbase(
        folder: &Path,
        email: &str,
        password: &str,
    ) -> anyhow::Result<Self> {
        let address = free_address()?;
        let command = |subcommand| {
            let mut command = Command::new(fixtures::pocketbase());
            command
                .arg(subcommand)
                .arg("--dir")
                .arg(folder.join("pb_data"));
            command.current_dir(folder);
            command
        };
        let mut superuser = command("superuser");
        superuser.args(["upsert", email, password]);
        let made = superuser.stdin(Stdio::null()).output().await;
        let made = made.context("cannot start PocketBase: run `make bench`")?;
        ensure!(made.status.success(), "no superuser: {made:?}");
        let mut serve = command("serve");
        serve.arg("--http").arg(address.to_string());
        Self::start(serve, address).await
    }

    async fn start(mut command: Command, address: SocketAddr) -> anyhow::Result<Self> {
        let name = format!("{}", command.as_std().get_program().display());
        let mut child = command
            // What is set for other gateways must not change this one.
            .env_clear()
            .env("PATH", PLACES)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let latest = Instant::now() + PATIENCE;
        while TcpStream::connect(address).await.is_err() {
            if let Some(status) = child.try_wait()? {
                bail!("{name} ended with {status}");
            }
            ensure!(Instant::now() < latest, "{name} does not listen");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(Self { child, address })
    }

    /// CPU time of all its threads so far, in user and kernel.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = self.proc("stat")?;
        let (_, after_name) = stat.rsplit_once(')').context("no stat of a process")?;
        let ticks: u32 = after_name
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|ticks| ticks.parse::<u32>().ok())
            .sum();
        Ok(CLOCK_TICK * ticks)
    }

    /// Resident memory, in MiB.
    pub(crate) fn memory(&self) -> anyhow::Result<f64> {
        self.status("VmRSS:")
    }

    /// The most that was resident since [`forget_peak`](Self::forget_peak), in MiB.
    pub(crate) fn peak(&self) -> anyhow::Result<f64> {
        self.status("VmHWM:")
    }

    /// Lets the peak of its memory begin anew, with what is resident now.
    pub(crate) fn forget_peak(&self) -> anyhow::Result<()> {
        Ok(std::fs::write(self.path("clear_refs")?, "5")?)
    }

    /// A size in its status, in MiB.
    fn status(&self, name: &str) -> anyhow::Result<f64> {
        let status = self.proc("status")?;
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .and_then(|rest| rest.split_whitespace().next())
            .with_context(|| format!("no {name} in a process's status"))?;
        Ok(f64::from(kib.parse::<u32>()?) / 1_024.0)
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(self.path(file)?)?)
    }

    fn path(&self, file: &str) -> anyhow::Result<PathBuf> {
        let id = self.child.id().context("the process has ended")?;
        Ok(format!("/proc/{id}/{file}").into())
    }

    /// Ends it and waits until it has.
    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// Loads a server with wrk, one thread and 32 connections, each with the next
/// request as soon as it has its answer. The script says what to send.
pub(crate) async fn wrk(
    server: SocketAddr,
    script: &Path,
    duration: Duration,
) -> anyhow::Result<Throughput> {
    let output = Command::new("wrk")
        .args(["-t1", "-c32", "--timeout", "5s"])
        .arg(format!("-d{}s", duration.as_secs()))
        .arg("-s")
        .arg(script)
        .arg(format!("http://{server}"))
        .kill_on_drop(true)
        .output()
        .await
        .context("cannot start wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "wrk failed: {text}");
    for failure in ["Non-2xx", "Socket errors"] {
        ensure!(!text.contains(failure), "wrk saw failures:\n{text}");
    }
    let number = |end: &str| {
        text.lines()
            .find_map(|line| line.trim().split_once(end))
            .with_context(|| format!("wrk does not say {end}:\n{text}"))
    };
    Ok(Throughput {
        per_second: number("Requests/sec:")?.1.trim().parse()?,
        requests: number(" requests in ")?.0.parse()?,
    })
}

/// The gateway to measure: the one that HAPTA names, else the one that cargo
/// built for this bench, which has tokio's test features on.
/// The gateway under measurement.
pub(crate) fn gateway_binary() -> PathBuf {
    std::env::var_os("HAPTA").map_or_else(|| env!("CARGO_BIN_EXE_hapta").into(), PathBuf::from)
}

/// An address of this machine that nobody listened on a moment ago.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// One process without a master, so that it is one id that is measured and
/// ended; connections are kept alive on both sides; nothing is logged.
fn nginx_config(address: SocketAddr, upstream: SocketAddr) -> String {
    format!(
        r#"
daemon off;
master_process off;
worker_processes 1;
pid nginx.pid;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path client_body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_requests 1000000000;
    upstream stub {{
        server {upstream};
        keepalive 64;
        keepalive_requests 1000000000;
    }}
    server {{
        listen {address};
        location / {{
            proxy_pass http://stub;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"#
    )
}
