//! From which applications a request may come: the origin of its page, the key of its
//! application, the proof of its client. What is shown for that is taken out of the
//! request here, so that nobody behind sees it.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, header};

use super::Request;
use super::permit::now_ms;
use super::trace::Trace;
use crate::application::{ApplicationError, KEY_HEADER, Signing};
use crate::error::Error;
use crate::exchange::Reached;
use crate::exchange::proof::{self, About, Proof, ProofError};
use crate::gateway::{Gateway, InForce};
use crate::operation::{Asked, AuthAction, Operation, OperationError};
use crate::principal::Principal;
use crate::sessions::{self, Whose};

/// Refuses what a browser does for a page that may not ask: not only is such a page not shown
/// the answer, nothing is done for it.
pub(super) fn origin(
    gateway: &Gateway,
    headers: &HeaderMap,
    asked: &Result<Asked, OperationError>,
) -> Result<(), ApplicationError> {
    let Some(allowed) = &gateway.server.origins else {
        return Ok(());
    };
    // A provider's page sends people back by a form of its own.
    let is_return = |asked: &Asked| matches!(asked.operation, Operation::OAuth2Redirect(_));
    if asked.as_ref().is_ok_and(is_return) {
        return Ok(());
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else {
        return Ok(());
    };
    let public = public(gateway);
    let reached = reached(public.as_deref(), headers);
    let is_own = origin.to_str().ok().and_then(|text| reached.rest(text)) == Some("");
    if origins.next().is_none() && (is_own || allowed.contains(origin)) {
        Ok(())
    } else {
        Err(ApplicationError::Origin)
    }
}

/// Finds out which application asks, and whether the request is signed.
pub(super) fn admit(
    gateway: &Gateway,
    in_force: &InForce,
    (operation, request): (&Operation, &mut Request),
    trace: &mut Trace<'_>,
) -> Result<Option<Proof>, Error> {
    let application = &in_force.serving.application;
    if let Some(keys) = &application.keys {
        let name = keys.admit(operation.kind(), &mut request.headers)?;
        trace.application = name;
    }
    request.headers.remove(KEY_HEADER);
    let sent = proof::take(&mut request.headers);
    if application.proofs == Signing::Off {
        return Ok(None);
    }
    match sent.map_err(ApplicationError::from)? {
        Some(text) => {
            let proof = read(gateway, &text, request).map_err(ApplicationError::from)?;
            gateway
                .proofs
                .check(&proof)
                .map_err(ApplicationError::from)?;
            Ok(Some(proof))
        }
        None if is_required(gateway, in_force) && gives_token(operation) => {
            Err(ApplicationError::Unproven.into())
        }
        None => Ok(None),
    }
}

/// Now that it is known who asks: a proof counts once, and where proofs are required, nobody
/// is anybody whose session could be anybody's.
pub(super) fn prove(
    gateway: &Gateway,
    in_force: &InForce,
    proof: Option<&Proof>,
    (principal, operation, address): (&Principal, &Operation, IpAddr),
) -> Result<(), ApplicationError> {
    // What shows a picture can't sign for it.
    let must_be_bound = is_required(gateway, in_force) && operation.file_token().is_none();
    if let (true, Some(record)) = (must_be_bound, principal.record())
        && !gateway.sessions.is_bound(record)
    {
        return Err(ApplicationError::Unproven);
    }
    let Some(proof) = proof else {
        return Ok(());
    };
    let whose = match principal {
        Principal::Record(record) if gateway.sessions.is_bound(record) => Whose::Key(proof.key),
        // Any number of keys can be made up for a token that is bound to none.
        Principal::Record(record) => Whose::Record(&record.collection, &record.id),
        Principal::Guest => Whose::Address(address),
    };
    let most = in_force.serving.application.remembered;
    let seen = gateway.proofs.once(proof, whose, most, now());
    Ok(seen?)
}

fn read(gateway: &Gateway, text: &str, request: &Request) -> Result<Proof, ProofError> {
    let public = public(gateway);
    let token = sessions::token_of(&request.headers).map_err(|_| ProofError::OtherToken)?;
    proof::read(
        text,
        &About {
            method: request.method.as_str(),
            path: &request.path,
            reached: reached(public.as_deref(), &request.headers),
            token,
            now: now(),
            since: gateway.proofs.since(),
        },
    )
}

/// Sessions that can be bound may have to wait for the next start.
fn is_required(gateway: &Gateway, in_force: &InForce) -> bool {
    in_force.serving.application.proofs == Signing::Required && gateway.sessions.is_rolling()
}

/// Whether its answer is a token that can be bound to a key.
fn gives_token(operation: &Operation) -> bool {
    match operation.auth_action() {
        Some(action) => action.is_login() || action == AuthAction::Refresh,
        None => matches!(operation, Operation::Impersonate { .. }),
    }
}

fn public(gateway: &Gateway) -> Option<Arc<str>> {
    let public = gateway.server.public_url.as_ref()?;
    Some(public.to_string().into())
}

fn reached<'a>(public: Option<&'a str>, headers: &'a HeaderMap) -> Reached<'a> {
    let host = headers.get(header::HOST);
    Reached {
        public,
        host: host.and_then(|host| host.to_str().ok()),
    }
}

fn now() -> u64 {
    now_ms() / 1_000
}
