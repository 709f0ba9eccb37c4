//! tower-sessions' records in the node's private `login` table, under the hash of the cookie's value.
//! It must not create what was deleted, nor decide when a login ends: `node::accounts` does, by the node's clock.

use super::backend::Backend;
use axum_login::tower_sessions::{
    SessionStore,
    cookie::time::OffsetDateTime,
    session::{self, Id, Record},
    session_store::{Error, Result},
};
use model::{event::SignInWay, id::UserId};
use node::{
    accounts::{AccountsService, LoginRecord},
    journal::internal,
};
use serde_json::Value;
use std::collections::HashMap;

/// Where axum-login keeps who is signed in.
pub(super) const WHO: &str = "who";
/// Where in [`WHO`] it keeps what ends a login when it changes: the bytes of the account's epoch.
const EPOCH: &str = "auth_hash";
/// Where the browser's name is kept until it is stored in its own column.
pub(super) const BROWSER: &str = "browser";
/// The same for the address.
pub(super) const ADDRESS: &str = "address";
/// How somebody proved who they are, for the record of their sign-in.
pub(super) const WAY: &str = "way";
/// When the login was last seen, as stored: only read.
pub(super) const SEEN: &str = "seen";

/// Sessions in the `login` table.
#[derive(Clone, Debug)]
pub(super) struct Logins(pub(super) AccountsService);

/// The handle of the login behind a cookie's value: what is stored, shown and compared instead of it.
pub(super) fn handle(id: &Id) -> String {
    blake3::hash(id.to_string().as_bytes()).to_hex().to_string()
}

#[async_trait::async_trait]
impl SessionStore for Logins {
    async fn create(&self, record: &mut Record) -> Result<()> {
        while !self.0.create_login(stored(record)?).await.map_err(backend)? {
            record.id = Id::default();
        }
        Ok(())
    }

    async fn save(&self, record: &Record) -> Result<()> {
        // The session layer saves once more what a handler has saved. With nothing to write that cannot fail on a full
        // disk, where it would turn a good answer into an empty 500.
        if self
            .load(&record.id)
            .await?
            .is_some_and(|known| without_seen(&known) == without_seen(record))
        {
            return Ok(());
        }
        self.0.update_login(stored(record)?).await.map_err(backend)
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let Some(found) = self.0.find_login(&handle(id)).await.map_err(backend)? else {
            return Ok(None);
        };
        let mut data: HashMap<String, Value> =
            serde_json::from_slice(&found.data).map_err(|error| Error::Decode(error.to_string()))?;
        data.insert(SEEN.into(), found.seen.into());
        // Which epoch a login belongs to is the node's to say: it moves with a login that outlives a change of the
        // password.
        if let (Some(epoch), Some(Value::Object(who))) = (found.epoch, data.get_mut(WHO)) {
            who.insert(EPOCH.into(), epoch.to_le_bytes().to_vec().into());
        }
        data.extend(found.browser.map(|browser| (BROWSER.into(), browser.into())));
        data.extend(found.address.map(|address| (ADDRESS.into(), address.into())));
        let expiry_date = OffsetDateTime::from_unix_timestamp(found.expires / 1_000)
            .map_err(|error| Error::Decode(error.to_string()))?;
        Ok(Some(Record {
            id: *id,
            data,
            expiry_date,
        }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.0.delete_login(&handle(id)).await.map_err(backend)
    }
}

/// What a record says but for when it was seen, which is only read.
fn without_seen(record: &Record) -> HashMap<String, Value> {
    let mut data = record.data.clone();
    data.remove(SEEN);
    data
}

/// A record as it is stored: what has its own column is taken out of the data.
fn stored(record: &Record) -> Result<LoginRecord> {
    let mut data = record.data.clone();
    let mut take = |key| {
        data.remove(key)
            .and_then(|value: Value| value.as_str().map(str::to_owned))
    };
    let (browser, address) = (take(BROWSER), take(ADDRESS));
    data.remove(SEEN);
    let user = data
        .get(WHO)
        .and_then(|who| who.get("user_id"))
        .and_then(Value::as_str)
        .map(str::parse::<UserId>)
        .transpose();
    Ok(LoginRecord {
        id_hash: handle(&record.id),
        user: user.map_err(|error| Error::Encode(error.to_string()))?,
        epoch: data.get(WHO).and_then(epoch_in),
        way: data.get(WAY).and_then(Value::as_str).and_then(SignInWay::parse),
        data: serde_json::to_vec(&data).map_err(|error| Error::Encode(error.to_string()))?,
        browser,
        address,
        seen: 0,
        expires: 0,
    })
}

/// The epoch in what axum-login keeps; `None` where it is none of ours, which no account has.
fn epoch_in(who: &Value) -> Option<i64> {
    let bytes: Vec<u8> = serde_json::from_value(who.get(EPOCH)?.clone()).ok()?;
    Some(i64::from_le_bytes(bytes.try_into().ok()?))
}

/// The session layer hands on nothing of an error but its text, so that text is the error itself, for [`cause`] to
/// read.
fn backend(error: model::Error) -> Error {
    Error::Backend(serde_json::to_string(&error).unwrap_or_else(|_| error.to_string()))
}

/// Why a browser's session could not be read or stored: a full disk must be answered as one.
pub(super) fn cause(error: session::Error) -> model::Error {
    if let session::Error::Store(Error::Backend(text)) = &error
        && let Ok(carried) = serde_json::from_str(text)
    {
        return carried;
    }
    internal(error)
}

/// The same for signing in and out, which also looks for people.
pub(super) fn login_cause(error: axum_login::Error<Backend>) -> model::Error {
    match error {
        axum_login::Error::Session(error) => cause(error),
        axum_login::Error::Backend(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_comes_through_the_session_layer_as_it_was() {
        for error in [
            model::Error::StorageFull,
            model::Error::Unavailable("later".into()),
            model::Error::Internal("0badcafe".into()),
        ] {
            assert_eq!(cause(backend(error.clone()).into()), error);
        }
        assert!(matches!(
            cause(Error::Decode("not JSON".into()).into()),
            model::Error::Internal(_)
        ));
    }
}
