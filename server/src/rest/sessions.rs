//! `/sessions`: start, watch and drive sessions. It parses requests and answers them; `node::sessions` holds the rules.

use super::{List, created};
use crate::{
    answer::{
        error::{ApiResult, ErrorEnvelope},
        extract::{Json, Known, NoBody, Path, Query, REST_PREFIX, page, several},
    },
    state::AppState,
};
use axum::{extract::State, response::Response};
use http::StatusCode;
use model::{
    Error, Page, Services,
    entries::{Entry, EntryBody},
    id::{ProjectId, SessionId},
    sessions::{AgentKind, Mode, NewSession, Prompt, Session, SessionFilter, SessionPatch, SessionState},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

/// The routes.
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
    /// The prompt; 1 to 100,000 characters.
    text: String,
}

/// What `POST /sessions/{id}/mode` takes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMode {
    /// How much the agent may do unasked from now on.
    mode: Mode,
}

/// The parameters of `GET /sessions`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ListParams {
    /// Only in one of these states, separated by commas.
    #[serde(default, deserialize_with = "several")]
    #[param(style = Form, explode = false)]
    state: Vec<SessionState>,
    /// Only in this project.
    project: Option<ProjectId>,
    /// Only of this agent.
    agent: Option<AgentKind>,
    /// Title or project contains this.
    q: Option<String>,
    /// Only with this tag.
    tag: Option<String>,
    /// Only archived sessions instead of only the others.
    archived: Option<bool>,
    /// The `next` of the page before.
    after: Option<String>,
    /// 1 to 200; 50 when absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The parameters of `GET /sessions/{id}/entries`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct EntriesParams {
    /// The `seq` before the first wanted; the `next` of the page before.
    #[param(minimum = 0)]
    after: Option<i64>,
    /// 1 to 200; 50 when absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Sessions the caller may see, newest activity first.
#[utoipa::path(get, path = "/sessions", operation_id = "list_sessions", params(ListParams), tag = "sessions",
    responses((status = 200, body = Page<Session>)))]
async fn list(
    State(services): State<Services>,
    Known(caller): Known,
    Query(given): Query<ListParams>,
) -> ApiResult<List<Session>> {
    let page = page(given.after, given.limit)?;
    let ListParams {
        state,
        project,
        agent,
        q,
        tag,
        archived,
        ..
    } = given;
    let filter = SessionFilter {
        state,
        project,
        agent,
        q,
        tag,
        archived: archived.unwrap_or_default(),
    };
    Ok(List(services.sessions.list(&caller, filter, page).await?))
}

/// Starts a session; it is durable and `queued` when this answers.
#[utoipa::path(post, path = "/sessions", operation_id = "create_session", tag = "sessions",
    responses((status = 201, body = Session)))]
async fn create(
    State(services): State<Services>,
    Known(caller): Known,
    Json(new): Json<NewSession>,
) -> ApiResult<Response> {
    let session = services.sessions.create(&caller, new).await?;
    Ok(created(format!("{}/sessions/{}", REST_PREFIX, session.id), session))
}

/// One session.
#[utoipa::path(get, path = "/sessions/{id}", operation_id = "find_session", params(SessionId), tag = "sessions",
    responses((status = 200, body = Session)))]
async fn find(
    State(services): State<Services>,
    Known(caller): Known,
    Path(id): Path<SessionId>,
) -> ApiResult<Json<Session>> {
    Ok(Json(services.sessions.find(&caller, id).await?))
}

/// Renames, tags or archives it, or changes who may see it.
#[utoipa::path(patch, path = "/sessions/{id}", operation_id = "update_session", params(SessionId), tag = "sessions",
    responses((status = 200, body = Session)))]
async fn update(
    State(services): State<Services>,
    Known(caller): Known,
    Path(id): Path<SessionId>,
    Json(patch): Json<SessionPatch>,
) -> ApiResult<Json<Session>> {
    Ok(Json(services.sessions.update(&caller, id, patch).await?))
}

/// Deletes it; 409 while its agent runs.
#[utoipa::path(delete, path = "/sessions/{id}", operation_id = "delete_session", params(SessionId), tag = "sessions",
    responses((status = 204), (status = 409, description = "its agent runs: stop it first", body = ErrorEnvelope)))]
async fn delete(
    State(services): State<Services>,
    Known(caller): Known,
    Path(id): Path<SessionId>,
) -> ApiResult<StatusCode> {
    services.sessions.delete(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Its transcript, in order.
#[utoipa::path(get, path = "/sessions/{id}/entries", operation_id = "list_entries", params(SessionId, EntriesParams), tag = "sessions",
    responses((status = 200, body = Page<Entry>)))]
async fn entries(
    State(services): State<Services>,
    Known(caller): Known,
    Path(id): Path<SessionId>,
    Query(given): Query<EntriesParams>,
) -> ApiResult<List<Entry>> {
    let limit = page(None, given.limit)?.limit()?;
    let after = given.after.unwrap_or_default();
    if after < 0 {
        return Err(Error::invalid("after", "after must be the `seq` of an entry, or 0").into());
    }
    Ok(List(services.sessions.entries(&caller, id, after, limit, false).await?))
}

/// The body of one entry.
#[utoipa::path(get, path = "/sessions/{id}/entries/{seq}/body", operation_id = "entry_body", tag = "sessions",
    responses((status = 200, body = EntryBody)))]
async fn entry_body(
    State(services): State<Services>,
    Known(caller): Known,
    Path((id, seq)): Path<(SessionId, i64)>,
) -> ApiResult<Json<EntryBody>> {
    Ok(Json(services.sessions.entry_body(&caller, id, seq).await?))
}

/// Gives the agent a prompt: at once when it is idle, queued while it works, with a resume when it has ended.
#[utoipa::path(post, path = "/sessions/{id}/prompts", operation_id = "prompt_session", params(SessionId), tag = "sessions",
    responses((status = 201, body = Prompt)))]
async fn prompt(
    State(services): State<Services>,
    Known(caller): Known,
    Path(id): Path<SessionId>,
    Json(new): Json<NewPrompt>,
) -> ApiResult<Response> {
    let prompt = services.sessions.prompt(&caller, id, new.text).await?;
    Ok(created(format!("{}/sessions/{}", REST_PREFIX, prompt.session), prompt))
}

/// Changes how much the agent may do unasked; a running agent follows at once.
#[utoipa::path(post, path = "/sessions/{id}/mode", operation_id = "set_mode", params(SessionId), tag = "sessions",
    responses((status = 200, body = Session)))]
async fn set_mode(
    State(services): State<Services>,
    Known(caller): Known,
    Path(id): Path<SessionId>,
    Json(new): Json<NewMode>,
) -> ApiResult<Json<Session>> {
    Ok(Json(services.sessions.set_mode(&caller, id, new.mode).await?))
}

/// Interrupts the running turn; the session stays open.
#[utoipa::path(post, path = "/sessions/{id}/interrupt", operation_id = "interrupt_session", params(SessionId), tag = "sessions",
    responses((status = 200, body = Session)))]
async fn interrupt(
    State(services): State<Services>,
    Known(caller): Known,
    Path(id): Path<SessionId>,
    _: NoBody,
) -> ApiResult<Json<Session>> {
    Ok(Json(services.sessions.interrupt(&caller, id).await?))
}

/// Ends the agent; the session can be resumed.
#[utoipa::path(post, path = "/sessions/{id}/stop", operation_id = "stop_session", params(SessionId), tag = "sessions",
    responses((status = 200, body = Session)))]
async fn stop(
    State(services): State<Services>,
    Known(caller): Known,
    Path(id): Path<SessionId>,
    _: NoBody,
) -> ApiResult<Json<Session>> {
    Ok(Json(services.sessions.stop(&caller, id).await?))
}

/// Sends the last prompt again after its turn failed or was interrupted; resumes an ended agent.
#[utoipa::path(post, path = "/sessions/{id}/send-again", operation_id = "send_again", params(SessionId), tag = "sessions",
    responses((status = 201, body = Prompt)))]
async fn send_again(
    State(services): State<Services>,
    Known(caller): Known,
    Path(id): Path<SessionId>,
    _: NoBody,
) -> ApiResult<Response> {
    let prompt = services.sessions.send_again(&caller, id).await?;
    Ok(created(format!("{}/sessions/{}", REST_PREFIX, prompt.session), prompt))
}

/// Starts the agent again on the same conversation.
#[utoipa::path(post, path = "/sessions/{id}/resume", operation_id = "resume_session", params(SessionId), tag = "sessions",
    responses((status = 200, body = Session)))]
async fn resume(
    State(services): State<Services>,
    Known(caller): Known,
    Path(id): Path<SessionId>,
    _: NoBody,
) -> ApiResult<Json<Session>> {
    Ok(Json(services.sessions.resume(&caller, id).await?))
}

/// A new session that continues the same conversation; the old one stays as it is.
#[utoipa::path(post, path = "/sessions/{id}/fork", operation_id = "fork_session", params(SessionId), tag = "sessions",
    responses((status = 201, body = Session)))]
async fn fork(
    State(services): State<Services>,
    Known(caller): Known,
    Path(id): Path<SessionId>,
    _: NoBody,
) -> ApiResult<Response> {
    let session = services.sessions.fork(&caller, id).await?;
    Ok(created(format!("{}/sessions/{}", REST_PREFIX, session.id), session))
}
