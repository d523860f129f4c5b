//! From a request line to an operation, along the table of routes.

use http::Method;

use super::query::Pairs;
use super::routes::{Route, State};
use super::{
    CollectionRef, DownloadQuery, FileName, ListQuery, Operation, OperationError, OperationKind,
    RecordId, RecordQuery, SuperuserRequest, path,
};

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
) -> Result<Operation, OperationError> {
    let segments = path::segments(path)?;
    let route = Route::find(method.as_str(), &segments).ok_or(OperationError::UnknownRoute)?;
    let State::Served(kind) = route.state else {
        return Err(OperationError::NotServed {
            operation: route.operation,
        });
    };
    let names = Names {
        route,
        segments: &segments,
    };
    let mut pairs = Pairs::parse(query)?;
    let operation = match kind {
        OperationKind::Superuser => superuser(method, &names, &mut pairs)?,
        kind => served(kind, &names, &mut pairs)?,
    };
    pairs.finish()?;
    Ok(operation)
}

fn served(
    kind: OperationKind,
    names: &Names<'_>,
    pairs: &mut Pairs,
) -> Result<Operation, OperationError> {
    if kind == OperationKind::Health {
        return Ok(Operation::Health);
    }
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
        },
        OperationKind::AuthMethods => Operation::AuthMethods {
            collection,
            query: RecordQuery::take_fields(pairs)?,
        },
        OperationKind::AuthWithPassword => {
            drop_auto_refresh(pairs);
            Operation::AuthWithPassword {
                collection,
                query: RecordQuery::take(pairs)?,
            }
        }
        OperationKind::AuthRefresh => {
            drop_auto_refresh(pairs);
            Operation::AuthRefresh {
                collection,
                query: RecordQuery::take(pairs)?,
            }
        }
        OperationKind::Download => Operation::Download {
            collection,
            id: names.id()?,
            file: names.file()?,
            query: DownloadQuery::take(pairs)?,
        },
        OperationKind::Health | OperationKind::Superuser => {
            return Err(OperationError::UnknownRoute);
        }
    })
}

/// The JavaScript SDK marks its own refreshes of a superuser's login with
/// this; it means nothing to PocketBase.
fn drop_auto_refresh(pairs: &mut Pairs) {
    pairs.take("autoRefresh");
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
    Ok(Operation::Superuser(SuperuserRequest {
        method: if method == Method::HEAD {
            Method::GET
        } else {
            method.clone()
        },
        segments: names.segments.iter().skip(1).cloned().collect(),
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
