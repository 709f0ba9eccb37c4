//! `/sessions`: start, watch and drive sessions.
//! It reads requests and answers them; what a session may do next is `node::sessions`' to say.

use super::{
    List, created,
    error::{ApiResult, ErrorEnvelope},
    extract::{Body, Ids, Known, NoBody, Params},
};
use crate::router::AppState;
use axum::{Json, extract::State, response::Response};
use http::StatusCode;
use model::{
    Error, Page, Services,
    entries::{Entry, EntryBody},
    sessions::{AgentKind, Mode, NewSession, Prompt, Session, SessionFilter, SessionPatch, SessionState},
};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// All of them.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(find, update, delete))
        .routes(routes!(entries))
        .routes(routes!(entry_body))
        .routes(routes!(prompt))
        .routes(routes!(set_mode))
        .routes(routes!(interrupt))
        .routes(routes!(stop))
        .routes(routes!(send_again))
        .routes(routes!(resume))
        .routes(routes!(fork))
}

/// What `POST /sessions/{id}/prompts` takes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPrompt {
    /// What to say; 1 to 100,000 characters.
    text: String,
}

/// What `POST /sessions/{id}/mode` takes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMode {
    /// How much the agent may do unasked from now on.
    mode: Mode,
}

/// Sessions the caller may see, newest activity first.
#[utoipa::path(get, path = "/sessions", tag = "sessions",
    params(
        ("state" = Option<String>, Query, description = "one or several states, separated by commas"),
        ("project" = Option<String>, Query, description = "the id of a project"),
        ("agent" = Option<AgentKind>, Query, description = "only of this agent"),
        ("q" = Option<String>, Query, description = "title or project contains this"),
        ("tag" = Option<String>, Query, description = "only with this tag"),
        ("archived" = Option<bool>, Query, description = "what was put away instead of what was not"),
        ("after" = Option<String>, Query, description = "the `next` of the page before"),
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
    ),
    responses((status = 200, body = Page<Session>), (status = "4XX", body = ErrorEnvelope)))]
async fn list(State(services): State<Services>, Known(caller): Known, mut params: Params) -> ApiResult<List<Session>> {
    let state = params
        .words("state")
        .iter()
        .map(|word| {
            SessionState::parse(word).ok_or_else(|| {
                let known: Vec<_> = SessionState::ALL.iter().map(|state| state.word()).collect();
                Error::invalid("state", format!("`{word}` is no state; there are {}", known.join(", ")))
            })
        })
        .collect::<Result<_, _>>()?;
    let filter = SessionFilter {
        state,
        project: params.read("project", "the id of a project, prj_...", |text| text.parse().ok())?,
        agent: params.read("agent", "claude or demo", AgentKind::parse)?,
        q: params.text("q")?,
        tag: params.text("tag")?,
        archived: params.read("archived", "true or false", |text| text.parse().ok())?.unwrap_or_default(),
    };
    let page = params.page()?;
    params.end()?;
    Ok(List(services.sessions.list(&caller, filter, page).await?))
}

/// Starts a session; it is durable and `queued` when this answers.
#[utoipa::path(post, path = "/sessions", tag = "sessions", request_body = NewSession,
    params(("Idempotency-Key" = Option<String>, Header, description = "a repeated key within 24 hours gives the first answer again")),
    responses((status = 201, body = Session), (status = "4XX", body = ErrorEnvelope)))]
async fn create(State(services): State<Services>, Known(caller): Known, Body(new): Body<NewSession>) -> ApiResult<Response> {
    let session = services.sessions.create(&caller, new).await?;
    Ok(created(format!("{}/sessions/{}", super::PREFIX, session.id), session))
}

/// One session.
#[utoipa::path(get, path = "/sessions/{id}", tag = "sessions", params(("id" = String, Path)),
    responses((status = 200, body = Session), (status = "4XX", body = ErrorEnvelope)))]
async fn find(State(services): State<Services>, Known(caller): Known, ids: Ids) -> ApiResult<Json<Session>> {
    Ok(Json(services.sessions.find(&caller, ids.at(0, "session")?).await?))
}

/// Renames it, tags it, puts it away, changes who may see it.
#[utoipa::path(patch, path = "/sessions/{id}", tag = "sessions", params(("id" = String, Path)), request_body = SessionPatch,
    responses((status = 200, body = Session), (status = "4XX", body = ErrorEnvelope)))]
async fn update(State(services): State<Services>, Known(caller): Known, ids: Ids, Body(patch): Body<SessionPatch>) -> ApiResult<Json<Session>> {
    Ok(Json(services.sessions.update(&caller, ids.at(0, "session")?, patch).await?))
}

/// Deletes it; 409 while its agent runs.
#[utoipa::path(delete, path = "/sessions/{id}", tag = "sessions", params(("id" = String, Path)),
    responses((status = 204), (status = "4XX", body = ErrorEnvelope)))]
async fn delete(State(services): State<Services>, Known(caller): Known, ids: Ids) -> ApiResult<StatusCode> {
    services.sessions.delete(&caller, ids.at(0, "session")?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Its transcript, in order.
#[utoipa::path(get, path = "/sessions/{id}/entries", tag = "sessions",
    params(
        ("id" = String, Path),
        ("after" = Option<i64>, Query, description = "the `seq` before the first wanted; the `next` of the page before"),
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
    ),
    responses((status = 200, body = Page<Entry>), (status = "4XX", body = ErrorEnvelope)))]
async fn entries(State(services): State<Services>, Known(caller): Known, ids: Ids, mut params: Params) -> ApiResult<List<Entry>> {
    let page = params.page()?;
    params.end()?;
    let after = page.after.as_deref().map_or(Some(0), |text| text.parse().ok().filter(|after| *after >= 0));
    let after = after.ok_or_else(|| Error::invalid("after", "after must be the `seq` of an entry"))?;
    Ok(List(services.sessions.entries(&caller, ids.at(0, "session")?, after, page.limit()?, false).await?))
}

/// The whole of one entry.
#[utoipa::path(get, path = "/sessions/{id}/entries/{seq}/body", tag = "sessions", params(("id" = String, Path), ("seq" = i64, Path)),
    responses((status = 200, body = EntryBody), (status = "4XX", body = ErrorEnvelope)))]
async fn entry_body(State(services): State<Services>, Known(caller): Known, ids: Ids) -> ApiResult<Json<EntryBody>> {
    Ok(Json(services.sessions.entry_body(&caller, ids.at(0, "session")?, ids.at(1, "entry")?).await?))
}

/// Says something to the agent: at once when it is idle, queued while it works, resuming it when it has ended.
#[utoipa::path(post, path = "/sessions/{id}/prompts", tag = "sessions", request_body = NewPrompt,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "a repeated key within 24 hours gives the first answer again")),
    responses((status = 201, body = Prompt), (status = "4XX", body = ErrorEnvelope)))]
async fn prompt(State(services): State<Services>, Known(caller): Known, ids: Ids, Body(new): Body<NewPrompt>) -> ApiResult<Response> {
    let prompt = services.sessions.prompt(&caller, ids.at(0, "session")?, new.text).await?;
    Ok(created(format!("{}/sessions/{}", super::PREFIX, prompt.session), prompt))
}

/// Changes how much the agent may do unasked, at once where it runs.
#[utoipa::path(post, path = "/sessions/{id}/mode", tag = "sessions", params(("id" = String, Path)), request_body = NewMode,
    responses((status = 200, body = Session), (status = "4XX", body = ErrorEnvelope)))]
async fn set_mode(State(services): State<Services>, Known(caller): Known, ids: Ids, Body(new): Body<NewMode>) -> ApiResult<Json<Session>> {
    Ok(Json(services.sessions.set_mode(&caller, ids.at(0, "session")?, new.mode).await?))
}

/// Ends the turn that runs; the session stays open.
#[utoipa::path(post, path = "/sessions/{id}/interrupt", tag = "sessions", params(("id" = String, Path)),
    responses((status = 200, body = Session), (status = "4XX", body = ErrorEnvelope)))]
async fn interrupt(State(services): State<Services>, Known(caller): Known, ids: Ids, _: NoBody) -> ApiResult<Json<Session>> {
    Ok(Json(services.sessions.interrupt(&caller, ids.at(0, "session")?).await?))
}

/// Ends the agent; the session can be resumed.
#[utoipa::path(post, path = "/sessions/{id}/stop", tag = "sessions", params(("id" = String, Path)),
    responses((status = 200, body = Session), (status = "4XX", body = ErrorEnvelope)))]
async fn stop(State(services): State<Services>, Known(caller): Known, ids: Ids, _: NoBody) -> ApiResult<Json<Session>> {
    Ok(Json(services.sessions.stop(&caller, ids.at(0, "session")?).await?))
}

/// Says again what was said last, after its turn failed or was interrupted; resumes the agent where it has ended.
#[utoipa::path(post, path = "/sessions/{id}/send-again", tag = "sessions",
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "a repeated key within 24 hours gives the first answer again")),
    responses((status = 201, body = Prompt), (status = "4XX", body = ErrorEnvelope)))]
async fn send_again(State(services): State<Services>, Known(caller): Known, ids: Ids, _: NoBody) -> ApiResult<Response> {
    let prompt = services.sessions.send_again(&caller, ids.at(0, "session")?).await?;
    Ok(created(format!("{}/sessions/{}", super::PREFIX, prompt.session), prompt))
}

/// Starts the agent again on the same conversation.
#[utoipa::path(post, path = "/sessions/{id}/resume", tag = "sessions", params(("id" = String, Path)),
    responses((status = 200, body = Session), (status = "4XX", body = ErrorEnvelope)))]
async fn resume(State(services): State<Services>, Known(caller): Known, ids: Ids, _: NoBody) -> ApiResult<Json<Session>> {
    Ok(Json(services.sessions.resume(&caller, ids.at(0, "session")?).await?))
}

/// A new session that continues the same conversation; the old one stays as it is.
#[utoipa::path(post, path = "/sessions/{id}/fork", tag = "sessions", params(("id" = String, Path)),
    responses((status = 201, body = Session), (status = "4XX", body = ErrorEnvelope)))]
async fn fork(State(services): State<Services>, Known(caller): Known, ids: Ids, _: NoBody) -> ApiResult<Response> {
    let session = services.sessions.fork(&caller, ids.at(0, "session")?).await?;
    Ok(created(format!("{}/sessions/{}", super::PREFIX, session.id), session))
}
