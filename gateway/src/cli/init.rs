//! `hapta init`: writes a configuration from a live schema.

use std::io::IsTerminal;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use bytesize::ByteSize;
use http::HeaderName;
use serde_json::json;

use super::secret;
use super::terminal::{GOOD, LOOK, Progress, QUIET, STRONG, paint, say};
use crate::config::{self, Config, Environment, Origin};
use crate::setup::{self, Choice, Findings, Original, Told};
use crate::upstream::{Credential, Settings, Untested, Upstream, UpstreamError};

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Where PocketBase is, like <http://127.0.0.1:8091>; else `DB_URL`, or that of --from's .env.
    #[arg(long, value_name = "URL")]
    pocketbase: Option<String>,
    /// The superuser as whom the gateway reads the schema; else `ADMIN_EMAIL`. The password is
    /// `ADMIN_PASSWORD`, or asked for.
    #[arg(long, value_name = "EMAIL")]
    email: Option<String>,
    /// Where clients are to connect; else the first free one of a few ports on loopback.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// The file to write.
    #[arg(long, short, default_value = "hapta.toml", value_name = "FILE")]
    out: PathBuf,
    /// The original Hapta's config.ts, to take over; a .env beside it is read as well.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Write over a file that is there.
    #[arg(long)]
    force: bool,
    /// What was found and written, as JSON.
    #[arg(long)]
    json: bool,
    /// Print the JSON Schema of hapta.toml, and do nothing else.
    #[arg(long)]
    schema: bool,
}

/// The schema for editors, beside the configuration.
const SCHEMA: &str = "hapta.schema.json";

/// The folder for rules, beside the configuration.
const RULES: &str = "rules";

/// Where PocketBase is asked for the client's address by default.
const FORWARDING: HeaderName = HeaderName::from_static("x-real-ip");

/// Ports that are taken if they are free.
const PORTS: [u16; 4] = [8090, 3000, 8080, 8000];

/// For one answer of PocketBase.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    if options.schema {
        say(&serde_json::to_string_pretty(&config::schema())?);
        return Ok(ExitCode::SUCCESS);
    }
    if options.out.exists() && !options.force {
        bail!(
            "{} is there already; name another with --out, or write over it with --force",
            options.out.display()
        );
    }
    let environment = Environment::of_process();
    let original = original(options.from.as_deref())?;
    let (url, credential) = whom(options, &environment, &original)?;
    let progress = Progress::begin(&format!("asking {url}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let found = runtime.block_on(Found::ask(&url, &credential));
    drop(progress);
    let found = found.map_err(|error| taught(error, &url, &credential))?;
    let findings = Findings {
        listen: listen(options.listen, &original),
        rules_folder: RULES.to_owned(),
        has_admin_key: environment.admin_key.is_some() || original.has_admin_key,
        email: credential.email,
        pocketbase: url,
        release: found.release,
        is_tested: found.is_tested,
        forwarding: found.forwarding,
        app_url: found.app_url,
        choices: found.choices,
        original,
    };
    let written = write(&options.out, &findings, &credential.password)?;
    if options.json {
        say(&serde_json::to_string_pretty(&report(&written, &findings))?);
    } else {
        tell(&written, &findings, environment.admin_password.is_some());
    }
    Ok(ExitCode::SUCCESS)
}

/// A superuser.
struct Known {
    email: String,
    password: String,
}

/// What PocketBase tells.
struct Found {
    release: Option<String>,
    is_tested: bool,
    forwarding: crate::upstream::Forwarding,
    app_url: Option<String>,
    choices: Vec<Choice>,
}

/// What was made.
struct Written {
    file: PathBuf,
    schema: PathBuf,
    rules: PathBuf,
}

fn original(from: Option<&Path>) -> anyhow::Result<Original> {
    let Some(file) = from else {
        return Ok(Original::default());
    };
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut original = Original::read(&text).with_context(|| file.display().to_string())?;
    match std::fs::read_to_string(file.with_file_name(".env")) {
        Ok(env) => original.add_env(&env),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).context("cannot read the .env beside it"),
    }
    Ok(original)
}

/// Where PocketBase is, and as whom to ask.
fn whom(
    options: &Options,
    environment: &Environment,
    original: &Original,
) -> anyhow::Result<(String, Known)> {
    let url = options.pocketbase.clone();
    let url = url
        .or_else(|| environment.db_url.clone())
        .or_else(|| original.db_url.clone());
    let Some(url) = url else {
        bail!("where is PocketBase? name it: hapta init --pocketbase http://127.0.0.1:8091");
    };
    let origin = match Origin::split(&url) {
        Some((origin, "" | "/")) if !url.contains('@') => origin.to_string(),
        _ => bail!("--pocketbase: expected scheme, host and port, like http://127.0.0.1:8091"),
    };
    let email = options.email.clone();
    let email = email
        .or_else(|| environment.admin_email.clone())
        .or_else(|| original.email.clone());
    let Some(email) = email else {
        bail!(
            "as whom is the schema to be read? name a superuser with --email, or in ADMIN_EMAIL; to make one: ./pocketbase superuser upsert EMAIL PASSWORD"
        );
    };
    let told = environment.admin_password.clone();
    let told = told.or_else(|| original.password.clone().map(|secret| secret.0));
    let password = match told {
        Some(password) => password,
        None if std::io::stdin().is_terminal() => {
            secret::ask(&format!("password of the superuser {email}: "))?
        }
        None => bail!("set ADMIN_PASSWORD to the password of the superuser {email}"),
    };
    Ok((origin, Known { email, password }))
}

impl Found {
    async fn ask(url: &str, known: &Known) -> Result<Self, UpstreamError> {
        let garbled = |problem: String| UpstreamError::Garbled(problem);
        let url = url
            .parse()
            .map_err(|error| garbled(format!("{url} is no URL: {error}")))?;
        let settings = Settings {
            url,
            ca: None,
            // A configuration says what to do about it.
            untested: Untested::Allow,
            credential: Credential::Password {
                email: known.email.clone(),
                password: known.password.clone(),
            },
            forwarding_header: FORWARDING,
            timeout: PATIENCE,
            max_response: ByteSize::mib(16),
            schema_interval: PATIENCE,
        };
        let upstream = Upstream::new(settings).map_err(|error| garbled(error.to_string()))?;
        let version = upstream.identify().await?;
        let schema = upstream.reload_schema().await?;
        let rules = upstream.own_rules().await?;
        Ok(Self {
            release: version
                .release
                .map(|it| format!("PocketBase {}.{}.{}", it.major, it.minor, it.patch)),
            is_tested: version.is_tested,
            forwarding: upstream.forwarding().await?,
            app_url: upstream.addresses().await?.app_url,
            choices: setup::choices(&schema, &rules),
        })
    }
}

/// The failure with what to do about it.
fn taught(error: UpstreamError, url: &str, known: &Known) -> anyhow::Error {
    let advice = match &error {
        UpstreamError::Away(_) | UpstreamError::Late(_) => format!(
            "nothing answers at {url}; is it running? ./pocketbase serve --http {}",
            url.split("://").nth(1).unwrap_or_default()
        ),
        UpstreamError::Credential(_) => format!(
            "PocketBase does not let {} in as a superuser; is the password right, and is it a superuser, and not an account of users or another collection? To make one: ./pocketbase superuser upsert EMAIL PASSWORD",
            known.email
        ),
        UpstreamError::Garbled(_) | UpstreamError::Schema(_) => {
            format!("what answers at {url} does not speak like PocketBase")
        }
        _ => format!("cannot read the schema at {url}"),
    };
    anyhow::Error::new(error).context(advice)
}

/// Where to listen: as asked, as the original did, or where nobody does yet.
fn listen(asked: Option<SocketAddr>, original: &Original) -> SocketAddr {
    let loopback = Ipv4Addr::LOCALHOST.into();
    let address = original.address.unwrap_or(loopback);
    let port = original.port.or_else(|| {
        let is_free = |port: &&u16| TcpListener::bind((address, **port)).is_ok();
        PORTS.iter().find(is_free).copied()
    });
    asked.unwrap_or_else(|| SocketAddr::new(address, port.unwrap_or(8090)))
}

/// Writes all that belongs together, once it is known to load.
fn write(out: &Path, findings: &Findings, password: &str) -> anyhow::Result<Written> {
    let folder = out
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let text = setup::hapta_toml(findings);
    let environment = Environment {
        admin_password: Some(password.to_owned()),
        ..Environment::default()
    };
    Config::parse(&text, folder, &environment)
        .context("what would be written can't be loaded; nothing was written")?;
    let written = Written {
        file: out.to_owned(),
        schema: out.with_file_name(SCHEMA),
        rules: out.with_file_name(RULES),
    };
    std::fs::create_dir_all(&written.rules)
        .with_context(|| format!("cannot make the folder {}", written.rules.display()))?;
    let schema = serde_json::to_string_pretty(&config::schema())?;
    put(&written.schema, &format!("{schema}\n"))?;
    put(&written.file, &text)?;
    Ok(written)
}

fn put(file: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

fn report(written: &Written, findings: &Findings) -> serde_json::Value {
    let choices = findings.choices.iter().map(|choice| {
        json!({
            "name": choice.name, "kind": choice.kind, "exposed": choice.is_exposed,
            "lets_through": choice.lets_through.iter()
                .map(|(operations, who)| json!({ "operations": operations, "who": who }))
                .collect::<Vec<_>>(),
            "advice": choice.advice,
        })
    });
    let told = findings
        .original
        .told
        .iter()
        .map(|told| json!({ "key": told.key, "what": told.what, "left": told.is_left }));
    json!({
        "file": written.file, "schema": written.schema, "rules": written.rules,
        "listen": findings.listen.to_string(), "pocketbase": findings.pocketbase,
        "release": findings.release,
        "collections": choices.collect::<Vec<_>>(), "original": told.collect::<Vec<_>>(),
    })
}

fn tell(written: &Written, findings: &Findings, has_password: bool) {
    let wrote = |what: &str, why: &str| {
        say(&format!(
            "{}  {what}  {}",
            paint(GOOD, "wrote"),
            paint(QUIET, why)
        ));
    };
    wrote(&written.file.display().to_string(), "the configuration");
    wrote(
        &written.schema.display().to_string(),
        "its schema, for editors",
    );
    wrote(&written.rules.display().to_string(), "the folder for rules");
    say("");
    for choice in findings.choices.iter().filter(|choice| choice.is_exposed) {
        say(&paint(STRONG, &choice.name));
        for (operations, who) in &choice.lets_through {
            say(&format!("  {operations}: {who}"));
        }
        for advice in &choice.advice {
            say(&format!("  {} {advice}", paint(LOOK, "look")));
        }
    }
    let mut left = findings
        .original
        .told
        .iter()
        .filter(|told| told.is_left)
        .peekable();
    if left.peek().is_some() {
        say("");
        say(&paint(STRONG, "left of the original"));
    }
    for Told { key, what, .. } in left {
        say(&format!("  {} {key}: {what}", paint(LOOK, "look")));
    }
    let file = written.file.display();
    say("");
    say(&paint(STRONG, "next"));
    if !has_password {
        say("  export ADMIN_PASSWORD=…");
    }
    say(&format!(
        "  hapta check --config {file} && hapta serve --config {file}"
    ));
}
