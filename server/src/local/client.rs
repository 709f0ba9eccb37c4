//! The command line's side of the local socket.
//! It asks and reads answers; it must not start a node or touch its data.

use super::{Answer, Ask, PATH};
use serde_json::Value;
use std::{path::Path, time::Duration};
use tokio::net::UnixStream;

/// The time limit of an answer: `doctor` reads the whole journal.
const PATIENCE: Duration = Duration::from_mins(10);

/// A refusal of the running node.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// Whether a node listens at this socket.
pub async fn is_running(socket: &Path) -> bool {
    UnixStream::connect(socket).await.is_ok()
}

/// Sends a request to the node that listens at this socket.
pub async fn ask(socket: &Path, ask: &Ask) -> Result<Answer, Refused> {
    let wrong = |cause: reqwest::Error| Refused(format!("the running node could not be asked: {cause}"));
    let client = reqwest::Client::builder()
        .unix_socket(socket)
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(wrong)?;
    // Nobody resolves this host: the connection is the socket.
    let response = client
        .post(format!("http://localhost{PATH}"))
        .json(ask)
        .send()
        .await
        .map_err(wrong)?;
    let good = response.status().is_success();
    let value: Value = response.json().await.map_err(wrong)?;
    if good {
        serde_json::from_value(value)
            .map_err(|_| Refused("the running node is of another version: use the same `orchwiz` as it does".into()))
    } else {
        let message = value
            .pointer("/error/message")
            .and_then(Value::as_str)
            .unwrap_or("it gave no reason");
        Err(Refused(message.to_owned()))
    }
}
