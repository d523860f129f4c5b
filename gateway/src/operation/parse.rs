//! From a request line to an operation, along the table of routes.

use http::Method;

use super::path::Path;
use super::query::Pairs;
use super::routes::{Query, Route, State};
use super::{
    Asked, AuthAction, AuthRequest, CollectionRef, DownloadQuery, FileName, ListQuery,
    OAuth2Return, Operation, OperationError, OperationKind, Page, PlainRequest, RecordId,
    RecordQuery, SessionAction, path,
};
use crate::surface::{Surface, Unnamed};

/// The placeholders of a route, as the path fills them.
struct Names<'a> {
    route: &'static Route,
    segments: &'a [String],
}

/// Reads method, raw path and raw query.
pub(super) fn operation(
    method: &Method,
    path: &str,
    query: Option<&str>,
    surface: &Surface,
) -> Result<Asked, OperationError> {
    let path = path::read(path)?;
    let mut pairs = Pairs::parse(query)?;
    if surface.sessions
        && let Some(action) = SessionAction::parse(method, &path.segments)?
    {
        path.no_folder()?;
        let mut unnamed = Vec::new();
        pairs.know(&[], surface, &mut unnamed)?;
        let operation = Operation::Session(action);
        return Ok(Asked { operation, unnamed });
    }
    let route = Route::find(method.as_str(), &path.segments);
    let row = route.and_then(|route| match route.state {
        State::Served(OperationKind::Static) => None,
        state => Some((route, state)),
    });
    let Some((route, state)) = row else {
        return beside(method, path, &mut pairs, surface);
    };
    let kind = match state {
        State::Served(OperationKind::Dashboard) if surface.dashboard => {
            return Ok(page(Operation::Dashboard, path));
        }
        State::Served(OperationKind::Dashboard) if surface.auth_pages && is_auth_page(&path) => {
            return Ok(page(Operation::AuthPage, path));
        }
        // A stream would be opened, and held open with nobody to hear it.
        State::Served(OperationKind::Realtime) if method == Method::HEAD => {
            return Err(OperationError::UnknownRoute);
        }
        State::Served(OperationKind::Dashboard) | State::NotYet => {
            return Err(OperationError::NotServed {
                operation: route.operation,
            });
        }
        State::Served(kind) => kind,
    };
    let segments = path.no_folder()?;
    let mut unnamed = Vec::new();
    if let Query::Keys(keys) = route.query {
        pairs.know(keys, surface, &mut unnamed)?;
    }
    let names = Names {
        route,
        segments: &segments,
    };
    let operation = match kind {
        OperationKind::Superuser => superuser(method, &names, &mut pairs)?,
        kind => served(kind, &names, &mut pairs)?,
    };
    Ok(Asked { operation, unnamed })
}

/// What is in no row of its own: a route that the configuration lets in, or a
/// file of the public folder.
fn beside(
    method: &Method,
    path: Path,
    pairs: &mut Pairs,
    surface: &Surface,
) -> Result<Asked, OperationError> {
    let method = as_get(method);
    let named = Unnamed::Route {
        method: method.clone(),
        segments: path.segments.clone(),
    };
    let is_file = method == Method::GET
        && path.segments.first().is_none_or(|first| first != "api")
        && surface
            .files
            .iter()
            .any(|pattern| pattern.matches(&path.segments));
    let mut unnamed = Vec::new();
    let is_known = METHODS.contains(&method);
    if is_file && !surface.compat.names(&named) {
        return Ok(page(Operation::Static, path));
    }
    let segments = path.no_folder()?;
    if !is_known || segments.is_empty() || !surface.admits(named, &mut unnamed) {
        return Err(OperationError::UnknownRoute);
    }
    Ok(Asked {
        operation: Operation::Custom(PlainRequest {
            method,
            segments,
            query: pairs.take_rest(),
        }),
        unnamed,
    })
}

/// The methods that a route of PocketBase can have.
const METHODS: [Method; 5] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];

/// Its query is dropped: pages and their scripts read it, PocketBase does not.
fn page(operation: fn(Page) -> Operation, path: Path) -> Asked {
    let Path {
        segments,
        is_folder,
    } = path;
    Asked {
        operation: operation(Page {
            segments,
            is_folder,
        }),
        unnamed: Vec::new(),
    }
}

/// What the gateway has of its own in the dashboard's folder.
fn is_auth_page(path: &Path) -> bool {
    let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
    match segments[..] {
        ["_"] => true,
        ["_", "auth.js" | "auth.css"] => !path.is_folder,
        _ => false,
    }
}

fn as_get(method: &Method) -> Method {
    if method == Method::HEAD {
        Method::GET
    } else {
        method.clone()
    }
}

fn served(
    kind: OperationKind,
    names: &Names<'_>,
    pairs: &mut Pairs,
) -> Result<Operation, OperationError> {
    Ok(match kind {
        OperationKind::Health => Operation::Health {
            query: RecordQuery::take(pairs)?,
        },
        OperationKind::Batch => Operation::Batch {
            query: RecordQuery::take(pairs)?,
        },
        OperationKind::FileToken => Operation::FileToken {
            query: RecordQuery::take(pairs)?,
        },
        OperationKind::OAuth2Redirect => {
            let by_query = (names.route.method == "GET").then(|| OAuth2Return::take(pairs));
            Operation::OAuth2Redirect(by_query)
        }
        OperationKind::Realtime => Operation::Realtime,
        OperationKind::Subscribe => Operation::Subscribe,
        kind => of_collection(kind, names, pairs)?,
    })
}

/// Those whose path names a collection.
fn of_collection(
    kind: OperationKind,
    names: &Names<'_>,
    pairs: &mut Pairs,
) -> Result<Operation, OperationError> {
    let collection = names.collection()?;
    Ok(match kind {
        OperationKind::List => Operation::List {
            collection,
            query: ListQuery::take(pairs)?,
        },
        OperationKind::View => Operation::View {
            collection,
            id: names.id()?,
            query: RecordQuery::take(pairs)?,
        },
        OperationKind::Create => Operation::Create {
            collection,
            query: RecordQuery::take(pairs)?,
        },
        OperationKind::Update => Operation::Update {
            collection,
            id: names.id()?,
            query: RecordQuery::take(pairs)?,
        },
        OperationKind::Delete => Operation::Delete {
            collection,
            id: names.id()?,
            also: pairs.take_also(),
        },
        OperationKind::Impersonate => Operation::Impersonate {
            collection,
            id: names.id()?,
            query: RecordQuery::take(pairs)?,
        },
        OperationKind::Download => Operation::Download {
            collection,
            id: names.id()?,
            file: names.file()?,
            query: DownloadQuery::take(pairs)?,
        },
        kind => {
            let action = AuthAction::of(kind).ok_or(OperationError::UnknownRoute)?;
            Operation::Auth(AuthRequest {
                action,
                collection,
                query: RecordQuery::take(pairs)?,
                mfa_id: pairs.take("mfaId"),
            })
        }
    })
}

fn superuser(
    method: &Method,
    names: &Names<'_>,
    pairs: &mut Pairs,
) -> Result<Operation, OperationError> {
    if names.has("{collection}") {
        names.collection()?;
    }
    if names.has("{id}") {
        names.id()?;
    }
    Ok(Operation::Superuser(PlainRequest {
        method: as_get(method),
        segments: names.segments.to_vec(),
        query: pairs.take_rest(),
    }))
}

impl Names<'_> {
    fn has(&self, placeholder: &str) -> bool {
        self.route.capture(placeholder, self.segments).is_some()
    }

    fn collection(&self) -> Result<CollectionRef, OperationError> {
        let name = self.route.capture("{collection}", self.segments);
        name.and_then(CollectionRef::new)
            .ok_or(OperationError::Path(
                "a collection has only letters, digits and underscores",
            ))
    }

    fn id(&self) -> Result<RecordId, OperationError> {
        let id = self.route.capture("{id}", self.segments);
        id.and_then(RecordId::new)
            .ok_or(OperationError::Path("a record id has no such characters"))
    }

    fn file(&self) -> Result<FileName, OperationError> {
        let name = self.route.capture("{file}", self.segments);
        name.and_then(FileName::new)
            .ok_or(OperationError::Path("no file has such a name"))
    }
}
