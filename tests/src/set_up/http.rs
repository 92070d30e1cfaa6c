//! Set-up: a client that knows nothing but HTTP, for servers of this process and of others.
//!
//! Takes an address and the token, or bytes of requests. Gives status, headers and body.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use serde_json::{Value, json};
use tidemill::store::data_folder::DataFolder;

use super::patience::patiently;
use crate::job_rig::PATIENCE;

/// Asks one server.
#[derive(Debug, Clone)]
pub struct Client {
    /// Where it listens.
    pub address: SocketAddr,
    /// The word that opens it.
    pub token: String,
}

/// A response.
#[derive(Debug)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Its head, in small letters.
    pub head: String,
    /// Its body.
    pub body: String,
}

impl Response {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The word of the error.
    pub fn code(&self) -> String {
        let error = &self.json()["error"];
        assert!(error["message"].as_str().is_some_and(|words| !words.is_empty()), "{self:?}");
        error["code"].as_str().expect("an error has a code").to_owned()
    }
}

impl Client {
    /// Of the server that runs with that data folder.
    pub fn of(data: &Path) -> Self {
        let folder = DataFolder::at(data);
        let address = folder.server().expect("it can be read").expect("a server runs");
        let token = folder.token().expect("it can be read").expect("a server runs");
        Self { address, token: token.secret().to_owned() }
    }

    /// A request with the token.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Response {
        let body = body.map(ToString::to_string).unwrap_or_default();
        let token = &self.token;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            self.address,
            body.len()
        );
        self.send(&format!("{head}{body}"))
    }

    /// Asks for a path.
    pub fn get(&self, path: &str) -> Response {
        self.ask("GET", path, None)
    }

    /// Has something done.
    pub fn post(&self, path: &str) -> Response {
        self.ask("POST", path, None)
    }

    /// Submits a job.
    pub fn submit(&self, text: &str, folder: &Path) -> Response {
        let body = json!({ "text": text, "folder": folder.to_str(), "file_name": "job.toml" });
        self.ask("POST", "/v1/jobs", Some(&body))
    }

    /// Sends a request as it is, and reads the response to its end.
    pub fn send(&self, request: &str) -> Response {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
        // A server that says no before it has read all resets what it did not read.
        let _sent = stream.write_all(request.as_bytes());
        let mut bytes = Vec::new();
        let _read = stream.read_to_end(&mut bytes);
        let text = String::from_utf8(bytes).expect("it is text");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no response to {request:.200}: {text}"));
        Response { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    /// Asks for the job's batches until they are as wanted.
    pub fn batches_until(&self, job: &str, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        patiently("batches as wanted", || {
            let response = self.get(&format!("/v1/jobs/{job}/batches?limit=1000"));
            assert_eq!(response.status, 200, "{response:?}");
            let batches = response.json()["batches"].as_array().expect("a list").clone();
            enough(&batches).then_some(batches)
        })
    }
}
