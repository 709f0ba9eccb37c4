//! The encoding of server functions: JSON, parsed from text like the data within pages. So the browser carries one
//! parser per row type and not two. The bytes are `serde_json`'s.

use crate::{AppError, AppResult};
use leptos::server_fn::{
    self, Bytes, ContentType, Decodes, Encodes, Format, FormatType, Http, Protocol,
    codec::{Post, PostUrl},
    error::{FromServerFnError, ServerFnErrorErr},
    request::Req,
};
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

/// Protocol of a server function: [`Json`] both ways. The browser's half is compiled once, except for the
/// (de)serializers of the values.
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

/// The same for a server function that plain forms call too: its input may also be a form's fields.
pub struct FormRpc;

impl<Input, Output, Client, Server> Protocol<Input, Output, Client, Server, AppError> for FormRpc
where
    Input: Serialize + DeserializeOwned + Send,
    Output: Serialize + DeserializeOwned + Send,
    Client: server_fn::client::Client<AppError>,
    Server: server_fn::server::Server<AppError>,
    Http<PostUrl, Json>: Protocol<Input, Output, Client, Server, AppError>,
    Rpc: Protocol<Input, Output, Client, Server, AppError>,
{
    const METHOD: http::Method = http::Method::POST;

    async fn run_server<F, Fut>(request: Server::Request, body: F) -> Result<Server::Response, AppError>
    where
        F: Fn(Input) -> Fut + Send,
        Fut: Future<Output = Result<Output, AppError>> + Send,
    {
        if request
            .to_content_type()
            .is_some_and(|kind| kind.starts_with(JsonText::CONTENT_TYPE))
        {
            <Rpc as Protocol<Input, Output, Client, Server, AppError>>::run_server(request, body).await
        } else {
            <Http<PostUrl, Json> as Protocol<Input, Output, Client, Server, AppError>>::run_server(request, body).await
        }
    }

    fn run_client(path: &str, input: Input) -> impl Future<Output = Result<Output, AppError>> + Send {
        <Rpc as Protocol<Input, Output, Client, Server, AppError>>::run_client(path, input)
    }
}

/// Sends a form's fields, encoded as a browser does, to a [`FormRpc`] and gives the answer.
pub(crate) fn send_form(path: &str, fields: String) -> impl Future<Output = AppResult<Bytes>> + use<> {
    #[cfg(feature = "hydrate")]
    return browser::exchange(path.to_owned(), PostUrl::CONTENT_TYPE, fields);
    #[cfg(not(feature = "hydrate"))]
    std::future::ready(Err(AppError(model::Error::Transport(format!(
        "only a browser sends {} bytes to {path}",
        fields.len()
    )))))
}

/// Parses an answer.
pub(crate) fn read<T: DeserializeOwned>(answer: Bytes) -> AppResult<T> {
    JsonText::decode(answer)
        .map_err(|error| AppError::from_server_fn_error(ServerFnErrorErr::Deserialization(error.to_string())))
}

#[cfg(feature = "hydrate")]
mod browser {
    use super::{JsonText, read};
    use crate::{AppError, AppResult};
    use leptos::server_fn::{
        Bytes, ContentType,
        client::{Client, browser::BrowserClient},
        error::{FromServerFnError, ServerFnErrorErr},
        redirect::call_redirect_hook,
        request::{ClientReq, browser::BrowserRequest},
        response::{ClientRes, browser::BrowserResponse},
    };
    use serde::{Serialize, de::DeserializeOwned};
    use std::pin::Pin;

    pub(super) fn call<I: Serialize, O: DeserializeOwned>(
        path: &str,
        input: &I,
    ) -> impl Future<Output = AppResult<O>> + Send + use<I, O> {
        let answer = match serde_json::to_string(input) {
            Ok(body) => exchange(path.to_owned(), JsonText::CONTENT_TYPE, body),
            Err(error) => Box::pin(async move {
                Err(AppError::from_server_fn_error(ServerFnErrorErr::Serialization(
                    error.to_string(),
                )))
            }),
        };
        async move { read(answer.await?) }
    }

    pub(super) fn exchange(
        path: String,
        kind: &'static str,
        body: String,
    ) -> Pin<Box<dyn Future<Output = AppResult<Bytes>> + Send>> {
        Box::pin(async move {
            let request =
                <BrowserRequest as ClientReq<AppError>>::try_new_post(&path, kind, JsonText::CONTENT_TYPE, body)?;
            let response: BrowserResponse = <BrowserClient as Client<AppError>>::send(request).await?;
            let refused = <BrowserResponse as ClientRes<AppError>>::status(&response) >= 400;
            let leads_on = <BrowserResponse as ClientRes<AppError>>::has_redirect(&response);
            let place = <BrowserResponse as ClientRes<AppError>>::location(&response);
            let bytes = <BrowserResponse as ClientRes<AppError>>::try_into_bytes(response).await?;
            if refused {
                return Err(AppError::de(bytes));
            }
            if leads_on {
                call_redirect_hook(&place);
            }
            Ok(bytes)
        })
    }
}
