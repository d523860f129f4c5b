//! From a save to a rule that serves: built, tried out, put in its place, and in force.
//!
//! One thing at a time. What is saved during a build is seen after it, as one save; what fails
//! on the way leaves in its place what was there.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::time::Instant;

use super::building::{self, Called};
use super::made::{Made, replace};
use super::news::{Build, Judge, News, Serving, State, Superuser};
use super::stream::Teller;
use crate::cli::terminal::Progress;
use crate::cli::watching::Saves;
use crate::config::Config;
use crate::gateway::Gateway;
use crate::rules::{Exposed, POCKETBASE, Rule, Source};
use crate::server::ConfigFile;
use crate::workshop::{Project, inputs};

/// How often it is looked whether PocketBase has other collections.
const LOOK: Duration = Duration::from_secs(1);

/// How long the gateway may take to put into force what lies there.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often that is looked at.
const STEP: Duration = Duration::from_millis(20);

/// What the gateway goes by.
pub(super) enum Ground {
    /// What was made up for it.
    Made(Box<Made>),
    /// The author's own.
    Own(Box<ConfigFile>),
}

/// The rules that are developed.
pub(super) struct Workbench {
    projects: Vec<Project>,
    ground: Ground,
    teller: Teller,
    /// By the rule's name, what serves.
    served: HashMap<String, Vec<u8>>,
    told: Serving,
}

impl Workbench {
    pub(super) fn new(projects: Vec<Project>, ground: Ground, teller: Teller) -> Self {
        Self {
            projects,
            ground,
            teller,
            served: HashMap::new(),
            told: Serving::default(),
        }
    }

    /// What to watch.
    pub(super) fn saves(&self) -> Saves {
        let mut roots: Vec<PathBuf> = Vec::new();
        for project in &self.projects {
            roots.push(project.folder.clone());
            // Crates beside it; what can't be read the build will tell.
            let beside = inputs(project).unwrap_or_default();
            roots.extend(
                beside
                    .into_iter()
                    .filter(|path| !path.starts_with(&project.folder)),
            );
        }
        Saves::of(roots)
    }

    /// Builds until there is something to serve of every rule.
    pub(super) async fn begin(&self, saves: &mut Saves) -> anyhow::Result<()> {
        loop {
            for project in &self.projects {
                let working = Progress::begin(&format!("building {}", project.name));
                let called = building::build(project).await?;
                drop(working);
                if !called.succeeded {
                    let output = called.complained;
                    self.tell(project, State::Failed { output }).await;
                }
            }
            if self
                .projects
                .iter()
                .all(|project| project.output().is_file())
            {
                return Ok(());
            }
            saves.next().await;
        }
    }

    /// Gets ready what the gateway is started with.
    pub(super) fn file(&mut self) -> anyhow::Result<(ConfigFile, Config)> {
        let file = match &mut self.ground {
            Ground::Made(made) => {
                made.make_superuser()?;
                made.choose_port()?;
                made.write(&self.projects, &crate::schema::Schema::default())?;
                made.file()
            }
            Ground::Own(file) => file.as_ref().clone(),
        };
        let about = || format!("the configuration {}", file.path.display());
        let config = file.read().with_context(about)?;
        if let Ground::Own(_) = &self.ground {
            for project in &self.projects {
                let source = own_source(&config, project)?;
                put(&project.output(), &source.file)?;
                let bytes = std::fs::read(project.output())?;
                self.served.insert(project.name.clone(), bytes);
            }
        }
        Ok((file, config))
    }

    /// Who opens the dashboard, if it was made for development.
    pub(super) fn superuser(&mut self) -> Option<Superuser> {
        match &mut self.ground {
            Ground::Made(made) => made.superuser(),
            Ground::Own(_) => None,
        }
    }

    /// Puts into service what was built before the gateway was there.
    pub(super) async fn serve(&mut self, gateway: &Gateway) -> anyhow::Result<Serving> {
        if let Ground::Made(_) = &self.ground {
            for project in self.projects.clone() {
                let began = Instant::now();
                let loading = Progress::begin(&format!("loading {}", project.name));
                let state = self.put_into_service(&project, gateway, began).await?;
                drop(loading);
                if !matches!(state, State::Serves { .. }) {
                    self.tell(&project, state).await;
                }
            }
        }
        self.told = serving(gateway);
        Ok(self.told.clone())
    }

    /// Follows saves and collections; ends only when it can't go on.
    pub(super) async fn follow(
        &mut self,
        gateway: &Gateway,
        saves: &mut Saves,
    ) -> anyhow::Result<()> {
        let mut looks = tokio::time::interval(LOOK);
        loop {
            // Not begun anew by a look: what it noticed would be lost.
            let next = saves.next();
            tokio::pin!(next);
            let changed = loop {
                tokio::select! {
                    changed = &mut next => break changed,
                    _ = looks.tick() => self.look(gateway).await?,
                }
            };
            for project in self.touched(&changed) {
                self.tell(&project, State::Begun).await;
                let state = self.build(&project, gateway).await?;
                let is_built = !matches!(state, State::Failed { .. } | State::Refused { .. });
                self.tell(&project, state).await;
                if is_built {
                    self.test(&project).await?;
                }
            }
        }
    }

    /// The rules that are made of these files: of one that nobody owns, all.
    fn touched(&self, saved: &[PathBuf]) -> Vec<Project> {
        let is_of = |project: &Project| saved.iter().any(|path| path.starts_with(&project.folder));
        let owned = |path: &PathBuf| {
            let mut projects = self.projects.iter();
            projects.any(|project| path.starts_with(&project.folder))
        };
        let is_beside = !saved.iter().all(owned);
        let projects = self.projects.iter();
        projects
            .filter(|project| is_beside || is_of(project))
            .cloned()
            .collect()
    }

    async fn build(&mut self, project: &Project, gateway: &Gateway) -> anyhow::Result<State> {
        let began = Instant::now();
        let Called {
            succeeded,
            complained: output,
            ..
        } = building::build(project).await?;
        if !succeeded {
            return Ok(State::Failed { output });
        }
        let made = std::fs::read(project.output())?;
        if self.served.get(&project.name) == Some(&made) {
            return Ok(State::Unchanged);
        }
        let state = self.put_into_service(project, gateway, began).await?;
        Ok(match state {
            State::Serves {
                generation,
                took_ms,
                ..
            } => State::Serves {
                generation,
                took_ms,
                output,
            },
            other => other,
        })
    }

    /// Tells what the cases say that are written beside the rule. It serves already: here its
    /// author asks, and nobody else.
    async fn test(&self, project: &Project) -> anyhow::Result<()> {
        let Some(called) = building::test(project).await? else {
            return Ok(());
        };
        let state = State::Tested {
            passed: called.succeeded,
            output: format!("{}\n{}", called.told.trim(), called.complained),
        };
        self.tell(project, state).await;
        Ok(())
    }

    /// Tries out what was built, puts it in its place, and waits until it is in force.
    async fn put_into_service(
        &mut self,
        project: &Project,
        gateway: &Gateway,
        began: Instant,
    ) -> anyhow::Result<State> {
        let schema = gateway.upstream.schema();
        let source = match &self.ground {
            Ground::Made(made) => own_source(&made.config(&self.projects, &schema)?, project)?,
            Ground::Own(_) => own_source(&gateway.config(), project)?,
        };
        let built = Source {
            file: project.output(),
            ..source.clone()
        };
        let rule = match Box::pin(gateway.try_out(&built)).await {
            Ok(rule) => rule,
            Err(error) => {
                let reason = error.to_string();
                return Ok(State::Refused { reason });
            }
        };
        let bytes = std::fs::read(project.output())?;
        put(&project.output(), &source.file)?;
        if let Ground::Made(made) = &mut self.ground {
            made.knows(&project.name, rule.manifest.clone());
            made.write(&self.projects, &schema)?;
        }
        self.served.insert(project.name.clone(), bytes);
        Ok(match in_force(gateway, &rule).await {
            Some(generation) => State::Serves {
                generation,
                took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
                output: String::new(),
            },
            None => State::Waits,
        })
    }

    /// Exposes collections that came, and tells what is served if that changed.
    async fn look(&mut self, gateway: &Gateway) -> anyhow::Result<()> {
        if let Ground::Made(made) = &mut self.ground {
            made.write(&self.projects, &gateway.upstream.schema())?;
        }
        let now = serving(gateway);
        if now != self.told {
            self.told = now.clone();
            self.teller.tell(News::Serving(now)).await;
        }
        Ok(())
    }

    async fn tell(&self, project: &Project, state: State) {
        let rule = project.name.clone();
        self.teller.tell(News::Build(Build { rule, state })).await;
    }
}

/// How a configuration loads the rule: by its own entry, or from the rules folder.
fn own_source(config: &Config, project: &Project) -> anyhow::Result<Source> {
    let rules = &config.rules;
    let output = project.output();
    let by_name = rules.sources.iter().find(|it| it.name == project.name);
    let entry = by_name.or_else(|| rules.sources.iter().find(|it| same(&it.file, &output)));
    match (entry, &rules.folder) {
        (Some(entry), _) => Ok(entry.clone()),
        (None, Some(folder)) => Ok(Source {
            name: project.name.clone(),
            file: folder.join(format!("{}.wasm", project.name)),
            settings: "{}".to_owned(),
            limits: rules.limits.clone(),
            ..Source::default()
        }),
        (None, None) => bail!(
            "hapta.toml has no [[rule]] named \"{}\" and no rules.folder to drop it into; add\n\n    [[rule]]\n    name = \"{}\"\n    file = \"{}\"",
            project.name,
            project.name,
            output.display()
        ),
    }
}

fn same(one: &Path, other: &Path) -> bool {
    let real = (one.canonicalize(), other.canonicalize());
    one == other || matches!(real, (Ok(one), Ok(other)) if one == other)
}

/// Puts what was built where the gateway looks for it, at once.
fn put(built: &Path, place: &Path) -> anyhow::Result<()> {
    if same(built, place) {
        return Ok(());
    }
    let put = || replace(place, &std::fs::read(built)?);
    put().with_context(|| format!("cannot put the rule to {}", place.display()))
}

/// Waits until a rule is in force, and tells the generation.
async fn in_force(gateway: &Gateway, rule: &Arc<Rule>) -> Option<u64> {
    let waiting = async {
        loop {
            let generation = Arc::clone(&gateway.in_force().generation);
            if generation.rules().any(|it| it.digest == rule.digest) {
                return generation.number;
            }
            tokio::time::sleep(STEP).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.ok()
}

/// Who judges what, as it is in force.
fn serving(gateway: &Gateway) -> Serving {
    let rules = gateway.config().rules;
    let in_force = gateway.in_force();
    let exposed = || {
        rules
            .exposed
            .iter()
            .filter(|(name, _)| !name.starts_with('_'))
    };
    let names = |how: &Exposed, rule: &str| match how {
        Exposed::PocketBase | Exposed::Folder => false,
        Exposed::Rules(judges) => judges.iter().any(|judge| {
            let group = rules.groups.iter().find(|group| group.name == *judge);
            judge == rule || group.is_some_and(|group| group.members.iter().any(|it| it == rule))
        }),
    };
    let judge = |(place, rule): (usize, &Arc<Rule>)| {
        let dropped_in = in_force.generation.is_dropped_in(place);
        let judged = exposed().filter(|(collection, how)| {
            let by_folder = **how == Exposed::Folder && dropped_in;
            names(how, &rule.name) || (by_folder && rule.manifest.is_for(collection))
        });
        Judge {
            name: rule.name.clone(),
            collections: judged.map(|(collection, _)| collection.clone()).collect(),
        }
    };
    let is_alone = |how: &Exposed| match how {
        Exposed::PocketBase => true,
        Exposed::Folder => false,
        Exposed::Rules(judges) => judges.iter().all(|judge| judge == POCKETBASE),
    };
    Serving {
        rules: in_force.generation.rules().enumerate().map(judge).collect(),
        alone: exposed()
            .filter(|(_, how)| is_alone(how))
            .map(|(collection, _)| collection.clone())
            .collect(),
    }
}
