//! How server functions speak: JSON, read from text as the data within pages is, so that the browser carries one reader of each row
//! and not two. It must not change what is said: the bytes are `serde_json`'s.

use crate::AppError;
use leptos::server_fn::{self, Bytes, ContentType, Decodes, Encodes, Format, FormatType, Http, Protocol, codec::Post};
use serde::{Serialize, de::DeserializeOwned};

/// JSON as text.
pub struct JsonText;

/// Input and output of server functions.
pub type Json = Post<JsonText>;

impl ContentType for JsonText {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for JsonText {
    const FORMAT_TYPE: Format = Format::Text;
}

impl<T: Serialize> Encodes<T> for JsonText {
    type Error = serde_json::Error;

    fn encode(value: &T) -> Result<Bytes, Self::Error> {
        serde_json::to_vec(value).map(Bytes::from)
    }
}

impl<T: DeserializeOwned> Decodes<T> for JsonText {
    type Error = serde_json::Error;

    fn decode(bytes: Bytes) -> Result<T, Self::Error> {
        match std::str::from_utf8(&bytes) {
            Ok(text) => serde_json::from_str(text),
            Err(error) => Err(serde::de::Error::custom(error)),
        }
    }
}

/// A call of a server function that no plain form makes: [`Json`] both ways. The browser's half of it is compiled once, but for reading and
/// writing the values themselves.
pub struct Rpc;

impl<Input, Output, Client, Server> Protocol<Input, Output, Client, Server, AppError> for Rpc
where
    Input: Serialize + DeserializeOwned + Send,
    Output: Serialize + DeserializeOwned + Send,
    Client: server_fn::client::Client<AppError>,
    Server: server_fn::server::Server<AppError>,
    Http<Json, Json>: Protocol<Input, Output, Client, Server, AppError>,
{
    const METHOD: http::Method = http::Method::POST;

    async fn run_server<F, Fut>(request: Server::Request, body: F) -> Result<Server::Response, AppError>
    where
        F: Fn(Input) -> Fut + Send,
        Fut: Future<Output = Result<Output, AppError>> + Send,
    {
        <Http<Json, Json> as Protocol<Input, Output, Client, Server, AppError>>::run_server(request, body).await
    }

    async fn run_client(path: &str, input: Input) -> Result<Output, AppError> {
        #[cfg(feature = "hydrate")]
        return browser::call(path, &input).await;
        #[cfg(not(feature = "hydrate"))]
        <Http<Json, Json> as Protocol<Input, Output, Client, Server, AppError>>::run_client(path, input).await
    }
}

#[cfg(feature = "hydrate")]
mod browser {
    use super::JsonText;
    use crate::{AppError, AppResult};
    use leptos::server_fn::{
        Bytes, ContentType, Decodes,
        client::{Client, browser::BrowserClient},
        error::{FromServerFnError, ServerFnErrorErr},
        request::{ClientReq, browser::BrowserRequest},
        response::{ClientRes, browser::BrowserResponse},
    };
    use serde::{Serialize, de::DeserializeOwned};
    use std::pin::Pin;

    pub(super) fn call<I: Serialize, O: DeserializeOwned>(path: &str, input: &I) -> impl Future<Output = AppResult<O>> + Send + use<I, O> {
        let answer = match serde_json::to_string(input) {
            Ok(body) => exchange(path.to_owned(), body),
            Err(error) => Box::pin(async move { Err(unreadable(&error)) }),
        };
        async move { JsonText::decode(answer.await?).map_err(|error| unreadable(&error)) }
    }

    fn unreadable(error: &serde_json::Error) -> AppError {
        AppError::from_server_fn_error(ServerFnErrorErr::Deserialization(error.to_string()))
    }

    fn exchange(path: String, body: String) -> Pin<Box<dyn Future<Output = AppResult<Bytes>> + Send>> {
        Box::pin(async move {
            let request = <BrowserRequest as ClientReq<AppError>>::try_new_post(&path, JsonText::CONTENT_TYPE, JsonText::CONTENT_TYPE, body)?;
            let response: BrowserResponse = <BrowserClient as Client<AppError>>::send(request).await?;
            let refused = <BrowserResponse as ClientRes<AppError>>::status(&response) >= 400;
            let bytes = <BrowserResponse as ClientRes<AppError>>::try_into_bytes(response).await?;
            if refused { Err(AppError::de(bytes)) } else { Ok(bytes) }
        })
    }
}
