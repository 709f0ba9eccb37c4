//! tower-sessions' records in the node's private `login` table, under the hash of the cookie's value.
//! It must not create what was deleted, nor decide when a login ends: `node::accounts` does, by the node's clock.

use axum_login::tower_sessions::{
    SessionStore,
    cookie::time::OffsetDateTime,
    session::{Id, Record},
    session_store::{Error, Result},
};
use model::id::UserId;
use node::accounts::{AccountsService, LoginRecord};
use serde_json::Value;
use std::collections::HashMap;

/// Where axum-login keeps who is signed in.
pub(super) const WHO: &str = "who";
/// Where the browser's name is kept until it is stored in its own column.
pub(super) const BROWSER: &str = "browser";
/// The same for the address.
pub(super) const ADDRESS: &str = "address";
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
        self.0.update_login(stored(record)?).await.map_err(backend)
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let Some(found) = self.0.find_login(&handle(id)).await.map_err(backend)? else { return Ok(None) };
        let mut data: HashMap<String, Value> = serde_json::from_slice(&found.data).map_err(|error| Error::Decode(error.to_string()))?;
        data.insert(SEEN.into(), found.seen.into());
        data.extend(found.browser.map(|browser| (BROWSER.into(), browser.into())));
        data.extend(found.address.map(|address| (ADDRESS.into(), address.into())));
        let expiry_date = OffsetDateTime::from_unix_timestamp(found.expires / 1_000).map_err(|error| Error::Decode(error.to_string()))?;
        Ok(Some(Record { id: *id, data, expiry_date }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.0.delete_login(&handle(id)).await.map_err(backend)
    }
}

/// A record as it is stored: what has its own column is taken out of the data.
fn stored(record: &Record) -> Result<LoginRecord> {
    let mut data = record.data.clone();
    let mut take = |key| data.remove(key).and_then(|value: Value| value.as_str().map(str::to_owned));
    let (browser, address) = (take(BROWSER), take(ADDRESS));
    data.remove(SEEN);
    let user = data.get(WHO).and_then(|who| who.get("user_id")).and_then(Value::as_str).map(str::parse::<UserId>).transpose();
    Ok(LoginRecord {
        id_hash: handle(&record.id),
        user: user.map_err(|error| Error::Encode(error.to_string()))?,
        data: serde_json::to_vec(&data).map_err(|error| Error::Encode(error.to_string()))?,
        browser,
        address,
        seen: 0,
        expires: 0,
    })
}

fn backend(error: model::Error) -> Error {
    Error::Backend(error.to_string())
}
