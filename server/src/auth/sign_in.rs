//! Sign-in, sign-out, set-up and password change: forms that work without scripts. Browsers get a redirect with an
//! error word that the page turns into a sentence; programs get the error itself.

use super::{
    Auth, Browser, ClientAddress, cookie,
    form::{Fields, back, onward, wants_page},
    store,
};
use crate::answer::error::{ApiError, ApiResult};
use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use model::{Caller, Error, Result, event::SignInWay};
use node::{accounts::Account, limits::network_key};

/// `POST /auth/login` with `name`, `password`, `next`: 303 to `next`, or to `/signin?error=wrong|limited&name&next`.
pub(super) async fn login(
    State(auth): State<Auth>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    mut browser: Browser,
    headers: HeaderMap,
    mut fields: Fields,
) -> ApiResult<Response> {
    let (name, password) = (fields.text("name")?, fields.text("password")?);
    let next = fields.optional("next")?.unwrap_or_default();
    let failed = |error: Error, word: &str| {
        refuse(
            &headers,
            error,
            "/signin",
            &[("error", word), ("name", &name), ("next", &next)],
        )
    };

    let from = address.map(|address| address.to_string());
    let wrong = || {
        auth.0.accounts.note_refusal(&name, from.clone());
        let wrong = ApiError::http(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "this name and password do not belong together",
        );
        if wants_page(&headers) {
            failed(Error::Unauthenticated, "wrong")
        } else {
            wrong.into_response()
        }
    };

    let account = name.chars().take(100).collect::<String>().to_ascii_lowercase();
    let known = auth.0.accounts.knows_network(&name, address).await?;
    let counted = match auth.0.limits.sign_in(&account, address, known) {
        Ok(counted) => counted,
        Err(error) => {
            auth.0.accounts.note_refusal(&name, from);
            return Ok(failed(error, "limited"));
        }
    };
    let Some(found) = auth.0.accounts.sign_in(&name, password).await? else {
        return Ok(wrong());
    };
    match begin(&mut browser, found, SignInWay::Password, &headers, address).await {
        // The password was changed during the check.
        Err(Error::Unauthenticated) => return Ok(wrong()),
        begun => begun?,
    }
    counted.forgive();
    Ok(onward(&next))
}

/// `POST /auth/logout`: ends this login, 303 to `/signin`.
pub(super) async fn logout(
    State(auth): State<Auth>,
    caller: Option<Extension<Caller>>,
    mut browser: Browser,
) -> ApiResult<Response> {
    let Extension(_) = caller.ok_or(Error::Unauthenticated)?;
    browser.logout().await.map_err(store::login_cause)?;
    Ok(signed_out(&auth))
}

/// `POST /auth/logout-everywhere`: ends every login of the caller, and with the field `tokens` their API tokens; 303 to
/// `/signin`.
pub(super) async fn logout_everywhere(
    State(auth): State<Auth>,
    caller: Option<Extension<Caller>>,
    mut browser: Browser,
    fields: ApiResult<Fields>,
) -> ApiResult<Response> {
    let Extension(caller) = caller.ok_or(Error::Unauthenticated)?;
    // Without a form only the logins end.
    let tokens = fields.is_ok_and(|mut fields| fields.optional("tokens").is_ok_and(|ticked| ticked.is_some()));
    model::ports::Accounts::log_out_everywhere(&auth.0.accounts, &caller, tokens).await?;
    browser.logout().await.map_err(store::login_cause)?;
    Ok(signed_out(&auth))
}

/// `POST /auth/setup` with `token`, `name`, `password`: creates the first owner, signs them in, 303 to `/`;
/// or to `/setup?error=link|name|password|limited&token&name`.
pub(super) async fn set_up(
    State(auth): State<Auth>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    mut browser: Browser,
    headers: HeaderMap,
    mut fields: Fields,
) -> ApiResult<Response> {
    let (token, name, password) = (fields.text("token")?, fields.text("name")?, fields.text("password")?);
    let failed = |error: Error, word: &str| {
        refuse(
            &headers,
            error,
            "/setup",
            &[("error", word), ("token", &token), ("name", &name)],
        )
    };
    if let Err(error) = auth.0.limits.setup.check(&network_key(address)) {
        return Ok(failed(error, "limited"));
    }
    match auth.0.accounts.set_up(&token, &name, password).await {
        Ok(owner) => {
            begin(&mut browser, owner, SignInWay::SetUp, &headers, address).await?;
            Ok(onward("/"))
        }
        Err(error @ Error::Forbidden(_)) => Ok(failed(error, "link")),
        Err(Error::Invalid { field, message }) => Ok(failed(Error::invalid(field.clone(), message), &field)),
        Err(error) => Err(error.into()),
    }
}

/// `POST /auth/password` with `current`, `new` and perhaps `tokens`: changes the caller's password and ends their other
/// logins. `tokens` revokes their API tokens as well. 303 to `/settings/profile?saved=password`, or with
/// `error=current|new|limited`.
pub(super) async fn password(
    State(auth): State<Auth>,
    caller: Option<Extension<Caller>>,
    headers: HeaderMap,
    fields: ApiResult<Fields>,
) -> ApiResult<Response> {
    let Extension(caller) = caller.ok_or(Error::Unauthenticated)?;
    let mut fields = fields?;
    let (current, new) = (fields.optional("current")?.unwrap_or_default(), fields.text("new")?);
    let tokens = fields.optional("tokens")?.is_some();
    let failed = |error: Error, word: &str| refuse(&headers, error, "/settings/profile", &[("error", word)]);
    match model::ports::Accounts::change_password(&auth.0.accounts, &caller, current, new, tokens).await {
        Ok(()) => Ok(back("/settings/profile", &[("saved", "password")])),
        Err(error @ Error::RateLimited(_)) => Ok(failed(error, "limited")),
        Err(Error::Invalid { field, message }) => Ok(failed(Error::invalid(field.clone(), message), &field)),
        Err(error) => Err(error.into()),
    }
}

/// Signs a person in under a fresh cookie; the browser's previous login ends. `Unauthenticated` when the checked
/// credentials no longer hold.
pub(super) async fn begin(
    browser: &mut Browser,
    account: Account,
    way: SignInWay,
    headers: &HeaderMap,
    address: Option<std::net::IpAddr>,
) -> Result<()> {
    let session = browser.session.clone();
    if session.id().is_some() {
        session.flush().await.map_err(store::cause)?;
    }
    // axum-login cycles the id only for an anonymous session, and a flushed session would be stored under its old id.
    session.cycle_id().await.map_err(store::cause)?;
    if let Some(name) = headers.get(header::USER_AGENT).and_then(|name| name.to_str().ok()) {
        session
            .insert(store::BROWSER, name.chars().take(200).collect::<String>())
            .await
            .map_err(store::cause)?;
    }
    if let Some(address) = address {
        session
            .insert(store::ADDRESS, address.to_string())
            .await
            .map_err(store::cause)?;
    }
    session.insert(store::WAY, way.word()).await.map_err(store::cause)?;
    browser.login(&account.into()).await.map_err(store::login_cause)?;
    // Stored before the answer: the answer must not promise what a full disk refused.
    if let Err(error) = session.save().await {
        // The session layer must not try again: it would answer with an empty 500.
        session.clear().await;
        return Err(store::cause(error));
    }
    Ok(())
}

fn signed_out(auth: &Auth) -> Response {
    let mut response = back("/signin", &[("out", "1")]);
    cookie::forget(auth, &mut response);
    response
}

/// A refusal: for a browser on the page that asked, for a program as an error.
pub(super) fn refuse(headers: &HeaderMap, error: Error, page: &str, query: &[(&str, &str)]) -> Response {
    if !wants_page(headers) {
        return ApiError::from(error).into_response();
    }
    match error {
        Error::RateLimited(seconds) => {
            let seconds = seconds.to_string();
            let mut query = query.to_vec();
            query.push(("retry", &seconds));
            back(page, &query)
        }
        _ => back(page, query),
    }
}
