//! What strangers meet: a door that needs a token, and errors that are JSON.
//!
//! Takes requests as anybody can write them. Gives nothing away but that there is a server.

use serde_json::{Value, json};

use super::rig::{Rig, counting};

#[test]
fn health_page_and_description_need_no_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let open = |path: &str| rig.send(&format!("GET {path} HTTP/1.0\r\n\r\n"));
    let health = open("/healthz");
    assert_eq!((health.status, health.body.as_str()), (200, "{\"status\":\"ok\"}"));
    let page = open("/");
    assert!(page.status == 200 && page.body.contains("<title>Tidemill</title>"), "{page:?}");
    assert!(page.head.contains("content-security-policy: default-src 'none'"), "{}", page.head);
    assert!(!page.body.contains("src="), "the page is whole by itself");
    let description = open("/openapi.json").json();
    assert_eq!(description["openapi"], "3.1.0");
    rig.end();
}

#[test]
fn a_wrong_or_missing_token_is_told_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let token = rig.folder.token().expect("it is kept").expect("it is there");
    let (half, longer) = (&token.secret()[..32], format!("{}0", token.secret()));
    let wrong = ["", "authorization: Bearer\r\n", "authorization: Basic YTpi\r\n"];
    let wrong = wrong.map(str::to_owned).into_iter();
    let near = [half, &longer].map(|token| format!("authorization: Bearer {token}\r\n"));
    for header in wrong.chain(near) {
        for path in ["/metrics", "/v1/jobs", "/v1/jobs/gone", "/v1/jobs/gone/batches"] {
            let response = rig.send(&format!("GET {path} HTTP/1.0\r\n{header}\r\n"));
            assert_eq!(
                (response.status, response.code()),
                (401, "no_token".to_owned()),
                "{header}"
            );
            assert!(response.head.contains("www-authenticate: bearer"), "{}", response.head);
        }
    }
    rig.end();
}

#[cfg(unix)]
#[test]
fn the_token_is_for_this_user_alone_and_stays_the_same() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let (path, data) = (rig.folder.token_path(), rig.folder.clone());
    let mode =
        |path: &std::path::Path| path.metadata().expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(data.path())), (0o600, 0o700));
    let token = data.token().expect("it is kept").expect("it is there").secret().to_owned();
    assert!(token.len() == 64 && !format!("{:?}", data.token()).contains(&token));
    rig.end();
    let rig = Rig::over(&folder);
    assert_eq!(data.token().expect("it is kept").expect("it is there").secret(), token);
    rig.end();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).expect("it is ours");
    let error = data.token().expect_err("others may read it").to_string();
    assert!(error.contains("token`: others may read it: set its mode to 600"), "{error}");
}

#[test]
fn pages_of_other_sites_are_kept_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let response =
        rig.send("GET /healthz HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n");
    assert_eq!((response.status, response.code()), (403, "other_host".to_owned()));
    let header = "sec-fetch-site: cross-site\r\n";
    let response = rig.send(&format!("GET /healthz HTTP/1.0\r\n{header}\r\n"));
    assert_eq!((response.status, response.code()), (403, "cross_site".to_owned()));
    assert!(!rig.get("/v1/jobs").head.contains("access-control"), "no other site may read it");
    rig.end();
}

#[test]
fn what_is_not_there_is_told_in_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    for (method, path, status, code) in [
        ("GET", "/v1/jobs/gone", 404, "unknown_job"),
        ("GET", "/v1/jobs/gone/batches", 404, "unknown_job"),
        ("GET", "/v1/jobs/gone/plugins", 404, "unknown_job"),
        ("GET", "/v1/jobs/gone/logs", 404, "unknown_job"),
        ("POST", "/v1/jobs/gone/stop", 404, "unknown_job"),
        ("POST", "/v1/jobs/gone/dance", 404, "unknown_path"),
        ("GET", "/v1/nothing", 404, "unknown_path"),
        ("GET", "/favicon.ico", 404, "unknown_path"),
        ("DELETE", "/v1/jobs/gone", 404, "unknown_job"),
        ("PUT", "/v1/jobs/gone", 405, "unknown_method"),
        ("POST", "/healthz", 405, "unknown_method"),
        ("GET", "/v1/jobs/%ff", 400, "bad_request"),
        ("GET", "/v1/jobs/gone/batches?limit=many", 400, "bad_request"),
        ("GET", "/v1/jobs/gone/batches?page=2", 400, "bad_request"),
    ] {
        let response = rig.ask(method, path, None);
        let found = (response.status, response.code());
        assert_eq!(found, (status, code.to_owned()), "{method} {path}: {response:?}");
        assert!(response.head.contains("content-type: application/json"), "{}", response.head);
    }
    rig.end();
}

/// The story: a body was passed over where none is expected, so that who wrote `limit` into one had
/// all letters fed back.
#[test]
fn bodies_are_refused_where_nothing_is_expected() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    assert_eq!(rig.submit(&counting("one", ""), folder.path()).status, 201);
    for word in ["dead-letters/retry", "rollback", "pause", "resume", "drain", "stop"] {
        for body in [json!({ "limit": 7 }), json!([]), json!("all"), json!(null)] {
            let response = rig.ask("POST", &format!("/v1/jobs/one/{word}"), Some(&body));
            let found = (response.status, response.code());
            assert_eq!(found, (400, "bad_request".to_owned()), "{word}, {body}: {response:?}");
            let words = "expected nothing, or an object without fields";
            assert!(response.body.contains(words), "{word}, {body}: {response:?}");
        }
    }
    for body in [json!([]), json!({ "partition": "first" }), json!({ "batches": 3 })] {
        let response = rig.ask("POST", "/v1/jobs/one/replay", Some(&body));
        assert_eq!((response.status, response.code()), (400, "bad_request".to_owned()), "{body}");
    }
    assert_eq!(rig.get("/v1/jobs/one").json()["state"], "running", "nobody commanded it");
    let none = rig.ask("POST", "/v1/jobs/one/dead-letters/retry", None);
    assert_eq!((none.status, none.code().as_str()), (409, "no_letters"));
    assert_eq!(rig.ask("POST", "/v1/jobs/one/pause", Some(&json!({}))).status, 202);
    rig.end();
}

/// Whatever the description names is there, and nothing of it is without a token but what says so.
#[test]
fn every_path_that_is_described_is_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    assert_eq!(rig.submit(&counting("one", ""), folder.path()).status, 201);
    let description = rig.get("/openapi.json").json();
    let paths = description["paths"].as_object().expect("paths");
    let operations = |path: &Value| path.as_object().expect("operations").clone();
    assert_eq!(paths.values().map(|path| operations(path).len()).sum::<usize>(), 22);
    for (path, described) in paths {
        for (method, operation) in operations(described) {
            let method = method.to_uppercase();
            let path = path.replace("{job}", "one");
            // What commands the job or removes it changes what others find: it is asked last.
            if method != "GET" {
                continue;
            }
            let response = rig.ask(&method, &path, None);
            assert_eq!(response.status, 200, "{method} {path}: {response:?}");
            let open = operation["security"] == serde_json::json!([]);
            let unknown = rig.send(&format!("{method} {path} HTTP/1.0\r\n\r\n"));
            assert_eq!(unknown.status == 200, open, "{method} {path}: {unknown:?}");
        }
    }
    for word in ["pause", "resume", "drain"] {
        let response = rig.post(&format!("/v1/jobs/one/{word}"));
        assert_eq!(response.status, 202, "{word}: {response:?}");
        assert!(paths.contains_key(&format!("/v1/jobs/{{job}}/{word}")), "{word}");
    }
    rig.told("job `one` ended");
    let stranger = rig.send("DELETE /v1/jobs/one HTTP/1.0\r\n\r\n");
    assert_eq!(stranger.status, 401, "{stranger:?}");
    assert_eq!(rig.ask("DELETE", "/v1/jobs/one", None).status, 200);
    rig.end();
}
