//! The way to other nodes: HTTPS, and HTTP where a person allowed it. It follows no redirect and uses no proxy of the
//! environment, bounds time and size, and judges no answer.

use async_trait::async_trait;
use node::fleet::{Answered, Outgoing, Wire};
use std::{sync::OnceLock, time::Duration};

/// The largest answer, bytes: a batch of events fits.
const LARGEST: usize = 2 * 1024 * 1024;

/// [`Wire`] over HTTP. The client is made at the first request: a node without links needs none.
#[derive(Debug, Default)]
pub struct HttpWire(OnceLock<reqwest::Client>);

impl HttpWire {
    fn client(&self) -> Result<&reqwest::Client, String> {
        if let Some(client) = self.0.get() {
            return Ok(client);
        }
        // A second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(15))
            .user_agent("OrchWiz")
            .build()
            .map_err(|error| said(&error))?;
        Ok(self.0.get_or_init(|| client))
    }
}

#[async_trait]
impl Wire for HttpWire {
    async fn post(&self, request: Outgoing) -> Result<Answered, String> {
        let mut post = self.client()?.post(&request.url).body(request.body);
        for (name, value) in request.headers {
            post = post.header(name, value);
        }
        let mut response = post.send().await.map_err(|error| said(&error))?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| said(&error))? {
            if body.len() + chunk.len() > LARGEST {
                return Err(format!("its answer is larger than {LARGEST} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answered { status, headers, body })
    }
}

/// The innermost cause: the outer ones repeat the address.
fn said(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
