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

/// The key under which axum-login keeps the person.
pub(super) const WHO: &str = "who";
/// The key in [`WHO`] of the value whose change ends a login: the bytes of the account's epoch.
const EPOCH: &str = "auth_hash";
/// The key of the browser's name, until it moves into its own column.
pub(super) const BROWSER: &str = "browser";
/// The same for the address.
pub(super) const ADDRESS: &str = "address";
/// How the person signed in, for the journal's record.
pub(super) const WAY: &str = "way";
/// When the login was last seen, as stored. Read-only.
pub(super) const SEEN: &str = "seen";

/// The session store over the `login` table.
#[derive(Clone, Debug)]
pub(super) struct Logins(pub(super) AccountsService);

/// The handle of a login: the hash of its cookie, which stands for it wherever it is stored, shown or compared.
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
        // The session layer saves again after a handler's save. Skipping a save without changes cannot fail on a full
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
        // The node decides a login's epoch: it moves with a login that survives a password change.
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

/// A record's data without `seen`, which is read-only.
fn without_seen(record: &Record) -> HashMap<String, Value> {
    let mut data = record.data.clone();
    data.remove(SEEN);
    data
}

/// A record as it is stored: fields with a column of their own leave the data.
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

/// The epoch in axum-login's entry; `None` for a foreign one, which matches no account.
fn epoch_in(who: &Value) -> Option<i64> {
    let bytes: Vec<u8> = serde_json::from_value(who.get(EPOCH)?.clone()).ok()?;
    Some(i64::from_le_bytes(bytes.try_into().ok()?))
}

/// Encodes the error into the text, since the session layer passes on nothing else. [`cause`] decodes it.
fn backend(error: model::Error) -> Error {
    Error::Backend(serde_json::to_string(&error).unwrap_or_else(|_| error.to_string()))
}

/// The error behind a failed session access, so that a full disk is answered as one.
pub(super) fn cause(error: session::Error) -> model::Error {
    if let session::Error::Store(Error::Backend(text)) = &error
        && let Ok(carried) = serde_json::from_str(text)
    {
        return carried;
    }
    internal(error)
}

/// The same for sign-in and sign-out, which also look people up.
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
