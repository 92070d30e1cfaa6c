//! Control: which path gives what, and who may have it.
//!
//! Takes requests. Gives responses, in JSON but for the page and the metrics. Never does slow work
//! on the threads that receivers share.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;
use serde_json::json;

use super::ControlError;
use super::hosted::{Asked, Hosted};
use super::jobs::Jobs;
use super::lines::Line;
use super::views::{ErrorView, LineView};
use super::{looks, metrics, openapi, replays, request, restart, swaps};
use crate::limits::BATCHES_ASKED_DEFAULT;
use crate::store::batch_log::BatchQuery;
use crate::store::data_folder::Token;

const PAGE: &str = include_str!("page.html");
const PAGE_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; \
                           style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; \
                           form-action 'none'; frame-ancestors 'none'";

type Answer = Result<Response, ControlError>;
type JobPath = Result<Path<String>, PathRejection>;

/// Everything that is served. `local` says that the server is for this machine alone.
pub(super) fn router(jobs: Arc<Jobs>, token: Token, local: bool) -> Router {
    let guarded = Router::new()
        .route("/metrics", get(told_metrics))
        .route("/v1/jobs", get(list).post(submit))
        .route("/v1/jobs/{job}", get(show).delete(remove))
        .route("/v1/jobs/{job}/batches", get(batches))
        .route("/v1/jobs/{job}/plugins", get(plugins))
        .route("/v1/jobs/{job}/logs", get(logs))
        .route("/v1/jobs/{job}/dead-letters", get(letters))
        .route("/v1/jobs/{job}/dead-letters/retry", post(retry_letters))
        .route("/v1/jobs/{job}/tap", get(tap))
        .route("/v1/jobs/{job}/state", get(state))
        .route("/v1/jobs/{job}/swap", post(swap))
        .route("/v1/jobs/{job}/replay", post(replay))
        .route("/v1/jobs/{job}/rollback", post(roll_back))
        .route("/v1/jobs/{job}/{command}", post(command))
        .with_state(jobs)
        .route_layer(from_fn_with_state(Arc::new(token), with_token));
    Router::new()
        .route("/", get(page))
        .route("/healthz", get(health))
        .route("/openapi.json", get(description))
        .merge(guarded)
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(from_fn(move |request, next| from_here(local, request, next)))
}

/// Lets those in who have the token.
async fn with_token(State(token): State<Arc<Token>>, request: Request, next: Next) -> Response {
    match request::bearer(request.headers()) {
        Some(presented) if token.is(presented) => next.run(request).await,
        _ => ControlError::NoToken.into_response(),
    }
}

/// Keeps out what a page of another site asks for through somebody's browser.
async fn from_here(local: bool, request: Request, next: Next) -> Response {
    if request::is_cross_site(request.headers()) {
        return ControlError::CrossSite.into_response();
    }
    if local && !request::is_for_loopback(request.headers()) {
        return ControlError::OtherHost.into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn unknown_path(request: Request) -> Response {
    ControlError::UnknownPath { path: request.uri().path().to_owned() }.into_response()
}

async fn unknown_method(request: Request) -> Response {
    ControlError::UnknownMethod { path: request.uri().path().to_owned() }.into_response()
}

async fn page() -> Response {
    let policy = (CONTENT_SECURITY_POLICY, PAGE_POLICY);
    ([(CONTENT_TYPE, "text/html; charset=utf-8"), policy], PAGE).into_response()
}

async fn health() -> Response {
    json(StatusCode::OK, &json!({ "status": "ok" }))
}

async fn description() -> Response {
    json(StatusCode::OK, &openapi::description())
}

async fn told_metrics(State(jobs): State<Arc<Jobs>>) -> Response {
    let text = metrics::text(&jobs.views(), jobs.log().dropped());
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

async fn list(State(jobs): State<Arc<Jobs>>) -> Response {
    json(StatusCode::OK, &json!({ "jobs": jobs.views() }))
}

async fn submit(State(jobs): State<Arc<Jobs>>, headers: HeaderMap, body: Body) -> Answer {
    let submission = request::json(&headers, body).await?;
    let hosted = aside(move || jobs.submit(&submission)).await?;
    Ok(json(StatusCode::CREATED, &hosted.view()))
}

async fn show(State(jobs): State<Arc<Jobs>>, job: JobPath) -> Answer {
    Ok(json(StatusCode::OK, &jobs.view(&name_of(job)?)?))
}

async fn remove(State(jobs): State<Arc<Jobs>>, job: JobPath) -> Answer {
    let name = name_of(job)?;
    let removed = name.clone();
    aside(move || jobs.remove(&name)).await?;
    Ok(json(StatusCode::OK, &json!({ "removed": removed })))
}

async fn batches(State(jobs): State<Arc<Jobs>>, job: JobPath, RawQuery(query): RawQuery) -> Answer {
    let [limit, before_ms] = request::numbers(query.as_deref(), ["limit", "before_ms"])?;
    let limit = limit.map_or(BATCHES_ASKED_DEFAULT, |limit| limit.try_into().unwrap_or(usize::MAX));
    let name = name_of(job)?;
    let query = BatchQuery { limit, before_ms };
    let found = aside(move || jobs.batches(&name, query)).await?;
    Ok(json(StatusCode::OK, &json!({ "batches": found })))
}

async fn plugins(State(jobs): State<Arc<Jobs>>, job: JobPath) -> Answer {
    let hosted = named(&jobs, job)?;
    let code = hosted.code();
    let previous = restart::previous(jobs.kept_versions(), hosted.name(), &code);
    let standing = swaps::standing(hosted.plugins(), &code, previous.as_ref());
    Ok(json(StatusCode::OK, &standing))
}

async fn logs(State(jobs): State<Arc<Jobs>>, job: JobPath, RawQuery(query): RawQuery) -> Answer {
    let [after] = request::numbers(query.as_deref(), ["after"])?;
    let after = after.map_or(0, i64::unsigned_abs);
    let line = |line: Line| {
        let Line { number, at_us, level, text } = line;
        LineView { number, at_us, level, text }
    };
    let lines = jobs.lines(&name_of(job)?)?.after(after);
    let lines: Vec<LineView> = lines.into_iter().map(line).collect();
    Ok(json(StatusCode::OK, &json!({ "lines": lines })))
}

async fn letters(State(jobs): State<Arc<Jobs>>, job: JobPath, RawQuery(query): RawQuery) -> Answer {
    let [limit] = request::numbers(query.as_deref(), ["limit"])?;
    let name = name_of(job)?;
    let found = aside(move || match jobs.get(&name) {
        Ok(hosted) => looks::letters(hosted.look(), limit),
        // It ended before this process began, or was not started again: its files are there.
        Err(ControlError::UnknownJob { .. } | ControlError::NotStarted { .. }) => {
            looks::kept_letters(&jobs.ended(&name)?.pipeline, limit)
        }
        Err(error) => Err(error),
    });
    let found = found.await?;
    Ok(json(StatusCode::OK, &found))
}

async fn retry_letters(State(jobs): State<Arc<Jobs>>, job: JobPath, body: Body) -> Answer {
    let hosted = named(&jobs, job)?;
    request::nothing(body).await?;
    let told = aside(move || looks::retry(hosted.look())).await?;
    Ok(json(StatusCode::ACCEPTED, &told))
}

async fn tap(State(jobs): State<Arc<Jobs>>, job: JobPath, RawQuery(query): RawQuery) -> Answer {
    let asked = request::texts(query.as_deref(), ["of", "limit", "wait_ms"])?;
    let hosted = named(&jobs, job)?;
    let seen = aside(move || looks::tap(hosted.look(), asked)).await?;
    Ok(json(StatusCode::OK, &seen))
}

async fn state(State(jobs): State<Arc<Jobs>>, job: JobPath, RawQuery(query): RawQuery) -> Answer {
    let asked = request::texts(query.as_deref(), ["step", "key", "limit", "after"])?;
    let hosted = named(&jobs, job)?;
    let kept = aside(move || looks::state(hosted.look(), asked)).await?;
    Ok(json(StatusCode::OK, &kept))
}

async fn command(
    State(jobs): State<Arc<Jobs>>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Answer {
    let Path((name, word)) = path.map_err(bad_path)?;
    let asked = Asked::ALL.iter().find(|(known, _)| *known == word).map(|(_, asked)| *asked);
    let path = request.uri().path().to_owned();
    let asked = asked.ok_or(ControlError::UnknownPath { path })?;
    request::nothing(request.into_body()).await?;
    let hosted = aside(move || jobs.command(&name, asked)).await?;
    Ok(json(StatusCode::ACCEPTED, &hosted.view()))
}

async fn swap(
    State(jobs): State<Arc<Jobs>>,
    job: JobPath,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let hosted = named(&jobs, job)?;
    let asked = request::json(&headers, body).await?;
    let report = aside(move || restart::swap(jobs.kept_versions(), &hosted, asked)).await?;
    Ok(json(StatusCode::ACCEPTED, &report))
}

async fn replay(
    State(jobs): State<Arc<Jobs>>,
    job: JobPath,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let hosted = named(&jobs, job)?;
    let asked = request::json(&headers, body).await?;
    let report = aside(move || replays::replay(hosted.replays(), asked)).await?;
    Ok(json(StatusCode::OK, &report))
}

async fn roll_back(State(jobs): State<Arc<Jobs>>, job: JobPath, body: Body) -> Answer {
    let hosted = named(&jobs, job)?;
    request::nothing(body).await?;
    let view = aside(move || {
        restart::roll_back(jobs.kept_versions(), &hosted)?;
        Ok(hosted.view())
    });
    Ok(json(StatusCode::ACCEPTED, &view.await?))
}

fn named(jobs: &Jobs, job: JobPath) -> Result<Arc<Hosted>, ControlError> {
    jobs.get(&name_of(job)?)
}

fn name_of(job: JobPath) -> Result<String, ControlError> {
    job.map(|Path(name)| name).map_err(bad_path)
}

fn bad_path(rejection: PathRejection) -> ControlError {
    ControlError::BadRequest { message: format!("the path: {rejection}") }
}

/// Does what may take its time on a thread for such work.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ControlError> + Send + 'static,
) -> Result<T, ControlError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(ControlError::System {
            action: "answer".to_owned(),
            source: std::io::Error::other(error.to_string()),
        }),
    }
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    const JSON: [(HeaderName, &str); 1] = [(CONTENT_TYPE, "application/json")];
    match serde_json::to_vec(value) {
        Ok(bytes) => (status, JSON, bytes).into_response(),
        // Values of our own have keys that are words, which is all that can fail.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl IntoResponse for ControlError {
    fn into_response(self) -> Response {
        let (code, status) = self.code();
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let message = self.to_string();
        let wants_token = matches!(self, Self::NoToken);
        let findings = match self {
            Self::JobRefused { findings, .. } => findings,
            _ => Vec::new(),
        };
        let mut response = json(status, &json!({ "error": ErrorView { code, message, findings } }));
        if wants_token {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
