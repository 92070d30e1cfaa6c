//! Cli: asks a server that runs with a data folder.
//!
//! Takes a path and a body. Gives the response's JSON, or the words in which the server says no.
//! Never takes a response without an end.

use std::net::SocketAddr;

use anyhow::Context;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tidemill::limits::CONTROL_RESPONSE_BYTES_MAX;
use tidemill::model::text::escape_paragraph;
use tidemill::store::data_folder::{DataFolder, Token};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

/// A server that answers.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    token: Token,
    runtime: Runtime,
}

/// The server's no.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// A word for programs.
    pub code: String,
    /// Words for people.
    pub message: String,
}

impl Client {
    /// The server of a data folder; `None` where none runs. One that was killed has left its
    /// address behind, where nobody listens or somebody else does.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn of(folder: &DataFolder) -> anyhow::Result<Option<Self>> {
        let (Some(address), Some(token)) = (folder.server()?, folder.token()?) else {
            return Ok(None);
        };
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let client = Self { address, token, runtime };
        Ok(client.get("/v1/jobs").is_ok().then_some(client))
    }

    /// What is at the path.
    ///
    /// # Errors
    /// The server's no, or when it does not answer.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(Method::GET, path, None)
    }

    /// Has something done.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn post(&self, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        self.ask(Method::POST, path, body)
    }

    /// Has something removed.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(Method::DELETE, path, None)
    }

    /// What is at a path, as it was written: a [`Value`] would bend long numbers.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn get_text(&self, path: &str) -> anyhow::Result<String> {
        let body = self.ask_bytes(Method::GET, path, None)?;
        String::from_utf8(body.to_vec()).context("the server answers in no text")
    }

    fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let body = self.ask_bytes(method, path, body)?;
        serde_json::from_slice(&body).context("the server answers in no JSON")
    }

    fn ask_bytes(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Bytes> {
        let answered = self.runtime.block_on(self.exchange(method, path, body));
        let (status, body) =
            answered.with_context(|| format!("the server at {} does not answer", self.address))?;
        if status.is_success() {
            return Ok(body);
        }
        let body: Value = serde_json::from_slice(&body).context("the server answers in no JSON")?;
        let word = |key: &str| body["error"][key].as_str().unwrap_or_default().to_owned();
        let message = match word("message") {
            message if message.is_empty() => format!("the server answers {status}"),
            message => escape_paragraph(&message, CONTROL_RESPONSE_BYTES_MAX),
        };
        Err(Refusal { code: word("code"), message }.into())
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let bytes = body.map_or_else(Vec::new, |body| body.to_string().into_bytes());
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.address.to_string())
            .header(AUTHORIZATION, format!("Bearer {}", self.token.secret()))
            .header(CONTENT_TYPE, "application/json")
            .header(CONNECTION, "close")
            .body(Full::new(Bytes::from(bytes)))?;
        let stream = TcpStream::connect(self.address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let asking = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), CONTROL_RESPONSE_BYTES_MAX);
            let body = body.collect().await.map_err(|error| anyhow::anyhow!("{error}"))?;
            anyhow::Ok((status, body.to_bytes()))
        };
        // What the connection has to say, the request hears as well.
        let serving = async { drop(connection.await) };
        let (answered, ()) = tokio::join!(asking, serving);
        answered
    }
}
