//! What a rule's file is, for whoever has it before them: its imports and the grants that they
//! need, and what it says of itself when it is loaded with all of them granted.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;
use wit_component::DecodedWasm;
use wit_parser::WorldItem;

use super::component::{self, Source};
use super::engine::Engine;
use super::manifest::Manifest;
use super::powers::{CONTRACT, Powers, grant_for};
use super::problem::{LoadError, LoadProblem};

/// What was found. Nothing of it is in force.
#[derive(Debug)]
pub struct Look {
    /// The file's size.
    pub bytes: u64,
    /// All that it can do to the world, in the component's order.
    pub imports: Vec<Import>,
    /// The grants that all of them need together, as the configuration writes them.
    pub grants: Vec<String>,
    /// What came of loading it; none where it imports what nothing grants.
    pub loaded: Option<Result<Loaded, LoadError>>,
}

/// Something that a component imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// As the component spells it.
    pub name: String,
    /// What it takes.
    pub needs: Needs,
}

/// What it takes for a component to import something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needs {
    /// It is everybody's.
    Nothing,
    /// This grant.
    Grant(String),
    /// It can't be granted to any rule.
    Impossible,
}

/// A rule that loads.
#[derive(Debug)]
pub struct Loaded {
    /// What it says of itself with these settings.
    pub manifest: Manifest,
    /// Of file, settings and limits, in hex.
    pub digest: String,
    /// Whether it is configured once and for all; else each of its instances is.
    pub frozen: bool,
    /// How long it took, compiled anew.
    pub took: Duration,
}

/// Looks at a rule's file, and loads it as serving would, with every grant that it can have. What the
/// source grants is left aside.
///
/// # Errors
///
/// A file that can't be read, and one that is no component and can't be made one.
pub async fn look(engine: &Arc<Engine>, source: &Source) -> Result<Look, LoadError> {
    let read = component::read(source)?;
    // As in loading: some of what files hold is impossible to whoever takes them apart.
    let imports = AssertUnwindSafe(async { imports(engine, &read.bytes) }).catch_unwind();
    let imports = imports.await.unwrap_or(Err(LoadProblem::Broke));
    let imports = imports.map_err(|problem| source.failed(problem))?;
    let grants: BTreeSet<_> = imports.iter().filter_map(Import::grant).collect();
    let grants: Vec<_> = grants.into_iter().collect();
    let is_possible = imports
        .iter()
        .all(|import| import.needs != Needs::Impossible);
    let powers = Powers::new(grants.clone(), Vec::new());
    let loaded = match (is_possible, powers) {
        (true, Ok(powers)) => {
            let granted = Source {
                powers,
                ..source.clone()
            };
            Some(load(engine, &granted).await)
        }
        _ => None,
    };
    Ok(Look {
        bytes: read.bytes.len() as u64,
        imports,
        grants,
        loaded,
    })
}

async fn load(engine: &Arc<Engine>, source: &Source) -> Result<Loaded, LoadError> {
    let began = Instant::now();
    let read = component::read(source)?;
    let rule = component::load(engine, source, &read).await?;
    Ok(Loaded {
        manifest: rule.manifest.clone(),
        digest: rule.digest.clone(),
        frozen: rule.each.is_none(),
        took: began.elapsed(),
    })
}

/// What a file imports, once it is a component. That takes it apart and compiles nothing.
fn imports(engine: &Engine, bytes: &[u8]) -> Result<Vec<Import>, LoadProblem> {
    let unfit = |problem: String| LoadProblem::Unfit(problem);
    let lifted = component::lift(engine, bytes)?;
    let decoded = wit_component::decode(&lifted).map_err(|error| unfit(format!("{error:#}")))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err(unfit("it describes interfaces and does nothing".to_owned()));
    };
    let imports = resolve.worlds.get(world).map(|world| &world.imports);
    let powers = imports.into_iter().flatten().filter(|(_, item)| {
        // A type that the contract defines is a name, not a power.
        !matches!(item, WorldItem::Type { .. })
    });
    Ok(powers
        .map(|(key, _)| Import::of(&resolve.name_world_key(key)))
        .collect())
}

impl Import {
    fn of(name: &str) -> Self {
        let needs = match grant_for(name) {
            _ if CONTRACT.contains(&name) => Needs::Nothing,
            Some(grant) => Needs::Grant(grant.to_owned()),
            None => Needs::Impossible,
        };
        Self {
            name: name.to_owned(),
            needs,
        }
    }

    /// What is to be written for it. Of WASI that is the package: a runtime imports a dozen of one's
    /// interfaces.
    fn grant(&self) -> Option<String> {
        match &self.needs {
            Needs::Grant(grant) if grant.starts_with("wasi:") => {
                grant.split('/').next().map(str::to_owned)
            }
            Needs::Grant(grant) => Some(grant.clone()),
            Needs::Nothing | Needs::Impossible => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_needs_nothing_a_grant_or_can_t_be() {
        let of = |name: &str| (Import::of(name).needs, Import::of(name).grant());
        assert_eq!(of("hapta:rule/json@0.1.0"), (Needs::Nothing, None));
        let log = "hapta:rule/log".to_owned();
        assert_eq!(
            of("hapta:rule/log@0.1.0"),
            (Needs::Grant(log.clone()), Some(log))
        );
        let clock = Needs::Grant("wasi:clocks/wall-clock".to_owned());
        assert_eq!(
            of("wasi:clocks/wall-clock@0.2.6"),
            (clock, Some("wasi:clocks".to_owned()))
        );
        assert_eq!(of("wasi:sockets/tcp@0.2.6"), (Needs::Impossible, None));
        assert_eq!(of("hapta:rule/json@0.9.0"), (Needs::Impossible, None));
    }
}
