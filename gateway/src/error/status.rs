//! Which status, and which code, each station's error has.

use http::StatusCode;

use crate::application::ApplicationError;
use crate::exchange::proof::ProofError;
use crate::limits::LimitError;
use crate::operation::OperationError;
use crate::realtime::RealtimeError;
use crate::rules::{Fault, RuleError};
use crate::sessions::{SessionError, StoreError};
use crate::upstream::UpstreamError;

pub(super) fn operation(error: &OperationError) -> (StatusCode, &'static str) {
    match error {
        OperationError::UnknownRoute => (StatusCode::NOT_FOUND, "unknown_route"),
        OperationError::NotServed { .. } => (StatusCode::NOT_FOUND, "not_served"),
        OperationError::Path(_) => (StatusCode::BAD_REQUEST, "path"),
        OperationError::Query { .. }
        | OperationError::Part { .. }
        | OperationError::QueryString(_) => (StatusCode::BAD_REQUEST, "query"),
        OperationError::Topic(_) | OperationError::Option { .. } => {
            (StatusCode::BAD_REQUEST, "topic")
        }
        OperationError::Filter(_) => (StatusCode::BAD_REQUEST, "filter"),
    }
}

pub(super) fn application(error: &ApplicationError) -> (StatusCode, &'static str) {
    match error {
        ApplicationError::Origin => (StatusCode::FORBIDDEN, "origin"),
        ApplicationError::NoKey | ApplicationError::UnknownKey => {
            (StatusCode::FORBIDDEN, "application_key")
        }
        ApplicationError::Unproven => (StatusCode::UNAUTHORIZED, "proof_missing"),
        ApplicationError::Proof(error) => match error {
            ProofError::Header
            | ProofError::Form
            | ProofError::Algorithm
            | ProofError::Key
            | ProofError::Signature
            | ProofError::OtherRequest
            | ProofError::OtherToken => (StatusCode::UNAUTHORIZED, "proof_invalid"),
            ProofError::Time { .. } => (StatusCode::UNAUTHORIZED, "proof_time"),
            ProofError::Replayed => (StatusCode::UNAUTHORIZED, "proof_replayed"),
            ProofError::Full => (StatusCode::SERVICE_UNAVAILABLE, "proofs_full"),
            ProofError::TooMany => (StatusCode::TOO_MANY_REQUESTS, "proofs_of_client"),
        },
    }
}

/// RFC 9449, 7.1: what a client is told of how it is to prove itself.
pub(super) fn challenge(error: &ApplicationError) -> Option<&'static str> {
    match error {
        ApplicationError::Unproven => Some("DPoP algs=\"ES256 EdDSA\""),
        ApplicationError::Proof(_) => {
            let is_of_it = application(error).0 == StatusCode::UNAUTHORIZED;
            is_of_it.then_some("DPoP error=\"invalid_dpop_proof\", algs=\"ES256 EdDSA\"")
        }
        ApplicationError::Origin | ApplicationError::NoKey | ApplicationError::UnknownKey => None,
    }
}

pub(super) fn session(error: &SessionError) -> (StatusCode, &'static str) {
    match error {
        SessionError::Missing => (StatusCode::UNAUTHORIZED, "token_missing"),
        SessionError::Header => (StatusCode::UNAUTHORIZED, "token_header"),
        SessionError::Token(_)
        | SessionError::Collection
        | SessionError::Refused
        | SessionError::Unknown => (StatusCode::UNAUTHORIZED, "token_invalid"),
        SessionError::TwoPeople => (StatusCode::UNAUTHORIZED, "token_of_another"),
        SessionError::Unasked => (StatusCode::TOO_MANY_REQUESTS, "limited"),
        SessionError::Full => (StatusCode::SERVICE_UNAVAILABLE, "file_tokens_full"),
        SessionError::Superuser => (StatusCode::FORBIDDEN, "superuser"),
        SessionError::Ended | SessionError::Reused => (StatusCode::UNAUTHORIZED, "session_ended"),
        SessionError::Elsewhere => (StatusCode::UNAUTHORIZED, "session_elsewhere"),
        SessionError::Unproven => (StatusCode::UNAUTHORIZED, "proof_missing"),
        SessionError::SessionsFull => (StatusCode::SERVICE_UNAVAILABLE, "sessions_full"),
        SessionError::Store(StoreError::Gone) => (StatusCode::NOT_FOUND, "unknown_session"),
        SessionError::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "sessions_unwritten"),
        SessionError::Upstream(error) => upstream(error),
    }
}

pub(super) fn limit(error: &LimitError) -> (StatusCode, &'static str) {
    let code = match error {
        LimitError::Limited { .. } => "limited",
        LimitError::Banned(_) => "banned",
        LimitError::Running(_) => "running",
    };
    (StatusCode::TOO_MANY_REQUESTS, code)
}

pub(super) fn realtime(error: &RealtimeError) -> (StatusCode, &'static str) {
    match error {
        RealtimeError::Full => (StatusCode::SERVICE_UNAVAILABLE, "streams_full"),
        RealtimeError::TooMany => (StatusCode::TOO_MANY_REQUESTS, "streams_of_address"),
        RealtimeError::TooManyOfPrincipal => {
            (StatusCode::TOO_MANY_REQUESTS, "streams_of_principal")
        }
        RealtimeError::TooManyTopics(_) => (StatusCode::BAD_REQUEST, "topics"),
        RealtimeError::OtherIdentity => (StatusCode::FORBIDDEN, "other_identity"),
        RealtimeError::TopicsOfAddress(_) => (StatusCode::TOO_MANY_REQUESTS, "topics_of_address"),
        RealtimeError::Classes => (StatusCode::SERVICE_UNAVAILABLE, "live_classes"),
        RealtimeError::Lines => (StatusCode::SERVICE_UNAVAILABLE, "live_lines"),
        RealtimeError::Late => (StatusCode::GATEWAY_TIMEOUT, "live_late"),
        RealtimeError::Unknown => (StatusCode::NOT_FOUND, "unknown_client"),
        RealtimeError::TooLarge => (StatusCode::BAD_REQUEST, "outcome_too_large"),
        RealtimeError::Ended => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        RealtimeError::Random => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    }
}

pub(super) fn rule(error: &RuleError) -> (StatusCode, &'static str) {
    match error {
        // Told in the rule's own words: see `told`.
        RuleError::Denied { .. } => (StatusCode::FORBIDDEN, "denied"),
        RuleError::Busy { .. } => (StatusCode::SERVICE_UNAVAILABLE, "rule_busy"),
        RuleError::Chained { .. } => (StatusCode::BAD_REQUEST, "batch_chained"),
        RuleError::Unexposed { .. } => (StatusCode::FORBIDDEN, "not_exposed"),
        RuleError::Faulted { fault, .. } => (fault_status(fault), fault.code()),
    }
}

/// What may pass by itself is 503, what will not is 500.
fn fault_status(fault: &Fault) -> StatusCode {
    match fault {
        Fault::Cpu | Fault::Deadline | Fault::Pool => StatusCode::SERVICE_UNAVAILABLE,
        Fault::Trap(_)
        | Fault::Failed(_)
        | Fault::Memory
        | Fault::Stack
        | Fault::HostCalls
        | Fault::UndeclaredField(_)
        | Fault::UndeclaredDrop
        | Fault::Host
        | Fault::Chained
        | Fault::BadEdit(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

pub(super) fn upstream(error: &UpstreamError) -> (StatusCode, &'static str) {
    match error {
        UpstreamError::Away(_) => (StatusCode::SERVICE_UNAVAILABLE, "upstream_away"),
        UpstreamError::Late(_) => (StatusCode::GATEWAY_TIMEOUT, "upstream_late"),
        // It is the request that asked for so much.
        UpstreamError::TooLarge(_) => (StatusCode::BAD_REQUEST, "answer_too_large"),
        UpstreamError::Garbled(_) | UpstreamError::Schema(_) => {
            (StatusCode::BAD_GATEWAY, "upstream_shape")
        }
        UpstreamError::Limited => (StatusCode::TOO_MANY_REQUESTS, "upstream_limited"),
        UpstreamError::Unsupported(_) => (StatusCode::SERVICE_UNAVAILABLE, "upstream_version"),
        UpstreamError::Credential(_) => (StatusCode::SERVICE_UNAVAILABLE, "upstream_credential"),
    }
}
