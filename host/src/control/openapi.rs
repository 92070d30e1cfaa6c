//! Control: the description of the interface, for tools that make clients of it.
//!
//! Takes nothing. Gives an OpenAPI document. A test asks for every path of it.

use serde_json::{Map, Value, json};

use super::hosted::Asked;

/// The document.
pub(super) fn description() -> Value {
    let mut paths = Map::new();
    let mut path = |path: &str, operations: Value| {
        paths.insert(path.to_owned(), operations);
    };
    path("/", json!({ "get": open("The status page", "text/html") }));
    path("/healthz", json!({ "get": open("Whether the server answers", "application/json") }));
    path("/openapi.json", json!({ "get": open("This description", "application/json") }));
    path("/metrics", json!({ "get": told("The numbers of all jobs, as Prometheus reads them") }));
    path(
        "/v1/jobs",
        json!({
            "get": given("All jobs", "200", "Jobs", &[]),
            "post": submitted(),
        }),
    );
    let words = "Forgets a job that does not run; its batches stay in the batch log";
    let removed = given(words, "200", "Removed", &[JOB]);
    let shown = given("A job", "200", "Job", &[JOB]);
    path("/v1/jobs/{job}", json!({ "get": shown, "delete": removed }));
    let query = &[JOB, ("limit", "query"), ("before_ms", "query")];
    let words = "The last batches of a job, the oldest of them first, as the batch log has them";
    path("/v1/jobs/{job}/batches", json!({ "get": given(words, "200", "Batches", query) }));
    let words =
        "The plugins of a job with their versions: those that run, wait, are watched, quarantined";
    path("/v1/jobs/{job}/plugins", json!({ "get": given(words, "200", "Plugins", &[JOB]) }));
    let query = &[JOB, ("after", "query")];
    let words = "The last lines that a job has said, those after a number";
    path("/v1/jobs/{job}/logs", json!({ "get": given(words, "200", "Lines", query) }));
    for (word, asked) in Asked::ALL {
        let words = match asked {
            Asked::Pause => "Begins no more batches; what comes is received",
            Asked::Resume => "Goes on; the next batch is given all that has come meanwhile",
            Asked::Drain => "Takes no more input, works off what was received, and ends",
            Asked::Stop => "Ends at once; what was received and not published is dropped",
        };
        let operation = given(words, "202", "Job", &[JOB]);
        path(&format!("/v1/jobs/{{job}}/{word}"), json!({ "post": operation }));
    }
    looks(&mut path);
    path("/v1/jobs/{job}/swap", json!({ "post": swapped() }));
    path("/v1/jobs/{job}/replay", json!({ "post": replayed() }));
    let words = "Goes back to the plugins that the last swap replaced, from the next batch on";
    let operation = given(words, "202", "Job", &[JOB]);
    path("/v1/jobs/{job}/rollback", json!({ "post": operation }));
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Tidemill", "version": env!("CARGO_PKG_VERSION") },
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas(),
        },
    })
}

/// What is seen of a job, and fed back to it.
fn looks(path: &mut impl FnMut(&str, Value)) {
    let query = &[JOB, ("limit", "query")];
    let words = "The newest dead letters that were not fed back, the oldest of them first";
    path("/v1/jobs/{job}/dead-letters", json!({ "get": given(words, "200", "Letters", query) }));
    let words = "Feeds the oldest dead letters that can be into the next batch, and waits for it";
    let operation = given(words, "202", "Retried", &[JOB]);
    path("/v1/jobs/{job}/dead-letters/retry", json!({ "post": operation }));
    let query = &[JOB, ("of", TEXT), ("limit", "query"), ("wait_ms", "query")];
    let words = "The first rows that the next batches make behind a stream, source, step or \
                 operator; without a name, where there are such";
    path("/v1/jobs/{job}/tap", json!({ "get": given(words, "200", "Seen", query) }));
    let query = &[JOB, ("step", TEXT), ("key", TEXT), ("limit", "query"), ("after", TEXT)];
    let words = "What a step keeps for its keys, those after the `next` of a page before, or for \
                 one of them; without a name, which steps do";
    path("/v1/jobs/{job}/state", json!({ "get": given(words, "200", "State", query) }));
}

/// A parameter: its name and where it stands.
type Parameter = (&'static str, &'static str);
const JOB: Parameter = ("job", "path");
/// Stands in the query, and is no number.
const TEXT: &str = "query text";

fn open(summary: &str, media: &str) -> Value {
    let answer = json!({ "description": summary, "content": { media: {} } });
    json!({ "summary": summary, "security": [], "responses": { "200": answer } })
}

fn told(summary: &str) -> Value {
    let answer = json!({ "description": summary, "content": { "text/plain": {} } });
    json!({ "summary": summary, "responses": { "200": answer, "default": error() } })
}

fn given(summary: &str, status: &str, schema: &str, parameters: &[Parameter]) -> Value {
    let parameter = |(name, place): &Parameter| {
        let kind = if *place == "query" { "integer" } else { "string" };
        let within = if *place == TEXT { "query" } else { place };
        json!({
            "name": name, "in": within, "required": *place == "path", "schema": { "type": kind },
        })
    };
    let parameters: Vec<Value> = parameters.iter().map(parameter).collect();
    let answer = json!({ "description": summary, "content": content(schema) });
    json!({
        "summary": summary,
        "parameters": parameters,
        "responses": { status: answer, "default": error() },
    })
}

fn submitted() -> Value {
    let mut operation = given("Starts a job, and keeps it for the next start", "201", "Job", &[]);
    operation["requestBody"] = json!({ "required": true, "content": content("Submission") });
    operation
}

fn swapped() -> Value {
    let words = "Runs other versions of plugins, from the next batch on that begins";
    let mut operation = given(words, "202", "SwapReport", &[JOB]);
    operation["requestBody"] = json!({ "required": true, "content": content("Swap") });
    operation
}

fn replayed() -> Value {
    let words = "Runs one of the last batches again, outside the job, and compares what comes out";
    let mut operation = given(words, "200", "ReplayReport", &[JOB]);
    operation["requestBody"] = json!({ "required": true, "content": content("Replay") });
    operation
}

fn content(schema: &str) -> Value {
    let path = format!("#/components/schemas/{schema}");
    json!({ "application/json": { "schema": { "$ref": path } } })
}

fn error() -> Value {
    json!({ "description": "Why it was not done", "content": content("Error") })
}

fn list_of(name: &str, items: &Value) -> Value {
    json!({ "type": "object", "properties": { name: { "type": "array", "items": items } } })
}

fn job_schema(text: &Value) -> Value {
    let number = json!({ "type": "integer" });
    json!({
        "type": "object",
        "properties": {
            "name": text,
            "state": { "enum": ["running", "paused", "draining", "stopped", "failed"] },
            "failure": { "type": ["string", "null"] },
            "batch_interval_us": number,
            "batches": number,
            "failed_batches": number,
            "rows_in": number,
            "plugins": { "type": "array", "items": { "type": "object" } },
            "swaps": number,
            "rollbacks": number,
            "quarantined": number,
            "last_batch": { "type": ["object", "null"] },
            "shadow": { "type": ["object", "null"] },
        },
    })
}

fn schemas() -> Value {
    let object = json!({ "type": "object" });
    let text = json!({ "type": "string" });
    json!({
        "Job": job_schema(&text),
        "Jobs": list_of("jobs", &json!({ "$ref": "#/components/schemas/Job" })),
        "Batches": list_of("batches", &object),
        "Plugins": plugins(),
        "Lines": list_of("lines", &object),
        "Letters": list_of("letters", &object),
        "Retried": retried(),
        "Removed": { "type": "object", "properties": { "removed": { "type": "string" } } },
        "Seen": list_of("batches", &object),
        "State": list_of("rows", &object),
        "Submission": {
            "type": "object",
            "required": ["text", "folder"],
            "additionalProperties": false,
            "properties": { "text": text, "folder": text, "file_name": text },
        },
        "Swap": swap_schema(&text),
        "SwapReport": {
            "type": "object",
            "properties": {
                "plugins": { "type": "array", "items": object },
                "dropped_states": { "type": "array", "items": object },
                "restarted_windows": { "type": "array", "items": text },
                "recomputed_windows": { "type": "array", "items": text },
                "replay": { "type": ["object", "null"] },
                "shadow_batches": { "type": "integer" },
            },
        },
        "Replay": replay_schema(&text),
        "ReplayReport": {
            "type": "object",
            "properties": {
                "time_ms": { "type": "integer" },
                "rows": { "type": "integer" },
                "outputs": { "type": "array", "items": object },
                "left_out": { "type": "array", "items": text },
                "failure": { "type": ["string", "null"] },
                "case": { "type": ["string", "null"] },
            },
        },
        "Error": {
            "type": "object",
            "properties": {
                "error": {
                    "type": "object",
                    "required": ["code", "message"],
                    "properties": { "code": text, "message": text, "findings": {} },
                },
            },
        },
    })
}

fn plugins() -> Value {
    let (list, may_be) = (json!({ "type": "array" }), json!({ "type": ["object", "null"] }));
    json!({
        "type": "object",
        "properties": {
            "plugins": list,
            "previous": may_be,
            "waiting": may_be,
            "watched_batches": { "type": ["integer", "null"] },
            "quarantined": list,
            "held": { "type": "integer" },
        },
    })
}

fn retried() -> Value {
    let count = json!({ "type": "integer" });
    json!({
        "type": "object",
        "properties": {
            "batch_time": { "type": ["integer", "null"] },
            "delivered": count,
            "refused": count,
            "not_run": count,
            "late": count,
            "withdrawn": { "type": ["string", "null"] },
            "at_once": count,
            "on_their_way": count,
            "stay": { "type": "array", "items": { "type": "object" } },
            "later": count,
        },
    })
}

fn replay_schema(text: &Value) -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "batch_ms": { "type": ["integer", "null"] },
            "plugins": { "type": "object", "additionalProperties": text },
            "partition": { "type": ["integer", "null"] },
            "case": { "type": "boolean" },
        },
    })
}

fn swap_schema(text: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["plugins"],
        "additionalProperties": false,
        "properties": {
            "plugins": { "type": "object", "additionalProperties": text },
            "allow": { "type": "array", "items": text },
            "drop_state": { "type": "boolean" },
            "restart_windows": { "type": "boolean" },
            "force": { "type": "boolean" },
            "watched_batches": { "type": "integer" },
            "slower_max": { "type": ["number", "null"] },
            "replay": { "type": "boolean" },
            "same": { "type": "boolean" },
            "shadow_batches": { "type": "integer" },
            "shadow_share": { "type": "number" },
        },
    })
}
