//! `Idempotency-Key`: a repeated `POST` takes effect once, and both get the first answer, for 24 hours. Only successful
//! answers of REST are stored: a refusal changed nothing, so a repeat is judged anew.

use crate::answer::{
    error::{ApiError, ApiResult},
    extract::{BODY_LIMIT, REST_PREFIX},
};
use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use model::{Caller, Error, Millis};
use node::{
    entity::idempotency,
    journal::{Journal, Outcome, Tx},
    store::{Stored, internal},
};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, Set, sea_query::OnConflict};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tracing::Instrument;

/// The header that carries the key.
pub const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// Marks an answer as a replay.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// How long an answer is kept.
const KEPT: Millis = 24 * 60 * 60 * 1000;
const MAX_KEY: usize = 200;
/// The largest answer that is stored, in bytes.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// Keys whose first request is under way in this process. Cheap to clone.
#[derive(Clone, Default)]
pub struct UnderWay(Arc<Mutex<HashMap<Claim, Arc<tokio::sync::Mutex<()>>>>>);

/// A key and its owner.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Claim {
    caller: String,
    key: String,
}

/// The stored answer; status 0 stands for a request without one yet.
#[derive(Serialize, Deserialize)]
struct Remembered {
    request: String,
    #[serde(default)]
    location: Option<String>,
    #[serde(default)]
    body: String,
}

/// The layer's dependencies.
#[derive(Clone)]
pub struct Remembers {
    /// Stores the answers.
    pub journal: Journal,
    /// Requests with a key and no answer yet.
    pub under_way: UnderWay,
}

/// The result of a claim.
enum Found {
    /// No other request: the key is ours.
    Free,
    /// The first answer.
    Answer(u16, Remembered),
}

/// Removes expired answers; they may hold content that was purged since. Call it at least once an hour.
pub async fn sweep(journal: &Journal) -> model::Result<()> {
    journal
        .commit(&Caller::node(), |tx| {
            Box::pin(async move { forget_old(tx).await.map(Outcome::new) })
        })
        .await
}

/// The layer: passes on everything except a `POST` of REST with a key.
pub async fn layer(State(state): State<Remembers>, request: Request, next: Next) -> Response {
    let wanted = request.method() == Method::POST
        && request.uri().path().starts_with(REST_PREFIX)
        && request.headers().contains_key(HEADER);
    let caller = wanted.then(|| request.extensions().get::<Caller>().cloned()).flatten();
    match caller {
        None => next.run(request).await,
        Some(caller) => once(state, caller, request, next)
            .await
            .unwrap_or_else(IntoResponse::into_response),
    }
}

async fn once(state: Remembers, caller: Caller, request: Request, next: Next) -> ApiResult<Response> {
    let claim = Claim {
        caller: caller.user.map_or(caller.name, |user| user.to_string()),
        key: key(request.headers())?,
    };
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, BODY_LIMIT)
        .await
        .map_err(|_| Error::TooLarge(BODY_LIMIT as u64))?;
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(parts.uri.to_string().as_bytes())
        .update(&[0])
        .update(&bytes);
    let hash = hasher.finalize().to_hex().to_string();
    let request = Request::from_parts(parts, Body::from(bytes));
    let turn = state.under_way.turn(&claim);
    // A task of its own: when the client hangs up, the request still ends and its answer is stored.
    let work = async move {
        let answer = {
            let _turn = turn.lock().await;
            first_or_again(&state, &claim, hash, request, next).await
        };
        drop(turn);
        state.under_way.forget(&claim);
        answer
    };
    tokio::spawn(work.in_current_span())
        .await
        .unwrap_or_else(|cause| Err(internal(cause).into()))
}

async fn first_or_again(
    state: &Remembers,
    claim: &Claim,
    hash: String,
    request: Request,
    next: Next,
) -> ApiResult<Response> {
    match take(&state.journal, claim, hash.clone()).await? {
        Found::Answer(_, remembered) if remembered.request != hash => {
            Err(Error::invalid("Idempotency-Key", "this key was used for another request within the last 24 hours: take a new one").into())
        }
        Found::Answer(0, _) => Err(Error::Conflict(
            "the node was stopped while it worked on the first request with this key: look whether it took effect, then take a new key".into(),
        )
        .into()),
        Found::Answer(status, remembered) => Ok(again(status, remembered)),
        Found::Free => {
            let response = next.run(request).await;
            if response.status() == StatusCode::GATEWAY_TIMEOUT {
                // It may have taken effect, so the key stays taken.
                return Ok(response);
            }
            if !response.status().is_success() {
                release(&state.journal, claim).await?;
                return Ok(response);
            }
            let (parts, body) = response.into_parts();
            let bytes = to_bytes(body, MAX_ANSWER).await.stored()?;
            let remembered = Remembered {
                request: hash,
                location: parts.headers.get(header::LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned),
                body: String::from_utf8_lossy(&bytes).into_owned(),
            };
            keep(&state.journal, claim, parts.status, &remembered).await?;
            Ok(Response::from_parts(parts, Body::from(bytes)))
        }
    }
}

fn key(headers: &HeaderMap) -> ApiResult<String> {
    let wrong = || {
        ApiError::from(Error::invalid(
            "Idempotency-Key",
            format!("a key is 1 to {MAX_KEY} visible ASCII characters, given once"),
        ))
    };
    let mut keys = headers.get_all(HEADER).iter();
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return Err(wrong());
    };
    let key = key.to_str().map_err(|_| wrong())?;
    if key.is_empty() || key.len() > MAX_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        Err(wrong())
    } else {
        Ok(key.to_owned())
    }
}

fn again(status: u16, remembered: Remembered) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let mut response = (status, Bytes::from(remembered.body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    if let Some(location) = remembered
        .location
        .and_then(|location| HeaderValue::from_str(&location).ok())
    {
        headers.insert(header::LOCATION, location);
    }
    response
}

impl UnderWay {
    /// The lock of a key: the first request takes it, others wait for its answer.
    fn turn(&self, claim: &Claim) -> Arc<tokio::sync::Mutex<()>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(claim.clone())
            .or_default()
            .clone()
    }

    /// Drops the lock of a key that nobody waits for.
    fn forget(&self, claim: &Claim) {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.get(claim).is_some_and(|turn| Arc::strong_count(turn) == 1) {
            turns.remove(claim);
        }
    }
}

async fn forget_old(tx: &Tx<'_>) -> model::Result<()> {
    idempotency::Entity::delete_many()
        .filter(idempotency::Column::At.lt(tx.now() - KEPT))
        .exec(tx.db())
        .await
        .stored()?;
    Ok(())
}

async fn take(journal: &Journal, claim: &Claim, request: String) -> model::Result<Found> {
    let claim = claim.clone();
    journal
        .commit(&Caller::node(), move |tx| {
            Box::pin(async move {
                forget_old(tx).await?;
                let row = idempotency::Entity::find_by_id((claim.caller.clone(), claim.key.clone()))
                    .one(tx.db())
                    .await
                    .stored()?;
                if let Some(row) = row {
                    let status = u16::try_from(row.status).stored()?;
                    return Ok(Outcome::new(Found::Answer(
                        status,
                        serde_json::from_slice(&row.body).stored()?,
                    )));
                }
                let body = serde_json::to_vec(&Remembered {
                    request,
                    location: None,
                    body: String::new(),
                })
                .stored()?;
                let row = idempotency::ActiveModel {
                    caller: Set(claim.caller),
                    key: Set(claim.key),
                    status: Set(0),
                    body: Set(body),
                    at: Set(tx.now()),
                };
                row.insert(tx.db()).await.stored()?;
                Ok(Outcome::new(Found::Free))
            })
        })
        .await
}

async fn keep(journal: &Journal, claim: &Claim, status: StatusCode, remembered: &Remembered) -> model::Result<()> {
    let claim = claim.clone();
    let body = serde_json::to_vec(remembered).stored()?;
    let status = i32::from(status.as_u16());
    journal
        .commit(&Caller::node(), move |tx| {
            Box::pin(async move {
                let row = idempotency::ActiveModel {
                    caller: Set(claim.caller),
                    key: Set(claim.key),
                    status: Set(status),
                    body: Set(body),
                    at: Set(tx.now()),
                };
                let key = [idempotency::Column::Caller, idempotency::Column::Key];
                let renewed = [
                    idempotency::Column::Status,
                    idempotency::Column::Body,
                    idempotency::Column::At,
                ];
                let insert = idempotency::Entity::insert(row)
                    .on_conflict(OnConflict::columns(key).update_columns(renewed).to_owned());
                insert.exec_without_returning(tx.db()).await.stored()?;
                Ok(Outcome::new(()))
            })
        })
        .await
}

async fn release(journal: &Journal, claim: &Claim) -> model::Result<()> {
    let claim = claim.clone();
    journal
        .commit(&Caller::node(), move |tx| {
            Box::pin(async move {
                idempotency::Entity::delete_by_id((claim.caller, claim.key))
                    .exec(tx.db())
                    .await
                    .stored()?;
                Ok(Outcome::new(()))
            })
        })
        .await
}
