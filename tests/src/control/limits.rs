//! Clients that are slow, greedy or many: each is cut, and no other is held up.
//!
//! Takes sockets that say little or too much. Waits for the server to close them; the times that it
//! gives them are short here.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tidemill::control::server::ServerLimits;
use tidemill::limits::CONTROL_BODY_BYTES_MAX;

use super::rig::Rig;
use crate::job_rig::PATIENCE;

/// So short that a test need not wait, so long that a request of its own comes through.
const SHORT: Duration = Duration::from_millis(300);

fn short_limits() -> ServerLimits {
    ServerLimits { header_wait_max: SHORT, body_wait_max: SHORT, ..ServerLimits::default() }
}

/// What comes until the server closes the connection.
fn read_to_the_end(mut stream: &TcpStream) -> String {
    stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the server did not close it: {error}"),
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The story: a client that sends a byte now and then held its connection for ever, and a few of
/// them all that there were.
#[test]
fn a_client_that_never_ends_its_head_is_cut() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::limited(&folder, ServerLimits { connections_max: 8, ..short_limits() });
    let connect = |said: &str| {
        let mut stream = TcpStream::connect(rig.address).expect("it listens");
        stream.write_all(said.as_bytes()).expect("it is open");
        stream
    };
    // More than there is room for: those beyond it wait until the first are cut.
    let said = ["", "G", "GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-slow: "];
    let slow: Vec<TcpStream> = (0..24).map(|place| connect(said[place % said.len()])).collect();
    assert_eq!(rig.get("/v1/jobs").status, 200, "a good client gets its turn");
    for stream in &slow {
        let answer = read_to_the_end(stream);
        assert!(answer.is_empty() || answer.contains(" 408 "), "{answer}");
    }
    rig.end();
}

#[test]
fn a_connection_that_is_idle_after_a_request_is_closed() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::limited(&folder, short_limits());
    let mut stream = TcpStream::connect(rig.address).expect("it listens");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("it is open");
    let answer = read_to_the_end(&stream);
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"ok\""), "{answer}");
    rig.end();
}

#[test]
fn a_connection_has_an_end_whatever_its_client_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = ServerLimits { connection_max: SHORT, ..ServerLimits::default() };
    let rig = Rig::limited(&folder, limits);
    let stream = TcpStream::connect(rig.address).expect("it listens");
    assert_eq!(read_to_the_end(&stream), "");
    rig.end();
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let long = format!("GET /healthz HTTP/1.0\r\nx-long: {}\r\n\r\n", "a".repeat(64 * 1024));
    let many = format!("GET /healthz HTTP/1.0\r\n{}\r\n", "x: y\r\n".repeat(200));
    for request in [long, many] {
        assert_eq!(rig.send(&request).status, 431);
    }
    rig.end();
}

#[test]
fn a_body_that_is_too_large_is_refused_whether_or_not_it_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let token = rig.folder.token().expect("it is kept").expect("it is there");
    let head = format!(
        "POST /v1/jobs HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         authorization: Bearer {}\r\ncontent-type: application/json\r\n",
        token.secret()
    );
    let size = CONTROL_BODY_BYTES_MAX + 1;
    let told = format!("{head}content-length: {size}\r\n\r\n{}", "a".repeat(size));
    let chunk = "a".repeat(1024 * 1024);
    let chunks = format!("100000\r\n{chunk}\r\n").repeat(3);
    let untold = format!("{head}transfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n");
    for request in [told, untold] {
        let response = rig.send(&request);
        assert_eq!((response.status, response.code()), (413, "body_too_large".to_owned()));
    }
    rig.end();
}

#[test]
fn a_body_that_stands_still_is_given_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::limited(&folder, short_limits());
    let token = rig.folder.token().expect("it is kept").expect("it is there");
    let request = format!(
        "POST /v1/jobs HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         authorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\
         \r\n{{\"text\"",
        token.secret()
    );
    let response = rig.send(&request);
    assert_eq!((response.status, response.code()), (400, "bad_request".to_owned()));
    rig.end();
}

#[test]
fn a_body_must_be_a_job_in_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::over(&folder);
    let token = rig.folder.token().expect("it is kept").expect("it is there");
    let ask = |media: &str, body: &str| {
        rig.send(&format!(
            "POST /v1/jobs HTTP/1.0\r\nauthorization: Bearer {}\r\n{media}content-length: {}\r\n\
             \r\n{body}",
            token.secret(),
            body.len()
        ))
    };
    let json = "content-type: application/json; charset=utf-8\r\n";
    for (media, body, status, code) in [
        ("", "{}", 415, "body_type"),
        ("content-type: text/plain\r\n", "{}", 415, "body_type"),
        (json, "", 400, "bad_request"),
        (json, "{\"text\": 7, \"folder\": \"/\"}", 400, "bad_request"),
        (json, "{\"text\": \"\"}", 400, "bad_request"),
        (json, "{\"text\": \"\", \"folder\": \"/\", \"more\": 1}", 400, "bad_request"),
        (json, "{\"text\": \"\", \"folder\": \"here\"}", 400, "bad_request"),
        (json, "{\"text\": \"nam = 1\", \"folder\": \"/\"}", 422, "job_refused"),
    ] {
        let response = ask(media, body);
        let found = (response.status, response.code());
        assert_eq!(found, (status, code.to_owned()), "{body}: {response:?}");
    }
    rig.end();
}
