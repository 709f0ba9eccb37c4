//! The networks from which each person signed in during the last 30 days. They are spared when strangers try the
//! account from everywhere. Only the account's own limits may use this.

use super::{AccountsService, users};
use crate::{
    entity::known_network,
    journal::{Stored, Tx},
    limits::network_key,
};
use model::{Millis, Result, id::UserId};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::OnConflict,
};
use std::net::IpAddr;

/// How long a network stays known after a sign-in from it.
const KNOWN_MS: Millis = 30 * 24 * 3_600_000;
/// The most networks of a person, the newest.
const NETWORKS: u64 = 50;

impl AccountsService {
    /// Whether the person of that name signed in from this network during the last 30 days. An unknown name costs as
    /// many statements.
    pub async fn knows_network(&self, name: &str, address: Option<IpAddr>) -> Result<bool> {
        let person = users::find_by_name(&self.store, self.store.read(), name)
            .await?
            .map_or_else(String::new, |person| person.id);
        let known = known_network::Entity::find_by_id((person, network_key(address)))
            .one(self.store.read())
            .await
            .stored()?;
        Ok(known.is_some_and(|known| self.deps.now() - known.seen < KNOWN_MS))
    }
}

/// Deletes every network of a person, inside a commit.
pub(super) async fn forget(tx: &Tx<'_>, user: UserId) -> Result<()> {
    known_network::Entity::delete_many()
        .filter(known_network::Column::User.eq(user.to_string()))
        .exec(tx.db())
        .await
        .stored()?;
    Ok(())
}

/// Records the network of a sign-in, inside a commit, and removes old and surplus ones.
pub(super) async fn note(tx: &Tx<'_>, user: UserId, address: Option<&str>) -> Result<()> {
    let Some(address) = address.and_then(|address| address.parse().ok()) else {
        return Ok(());
    };
    let row = known_network::ActiveModel {
        user: Set(user.to_string()),
        network: Set(network_key(Some(address))),
        seen: Set(tx.now()),
    };
    let newest = OnConflict::columns([known_network::Column::User, known_network::Column::Network])
        .update_column(known_network::Column::Seen)
        .to_owned();
    known_network::Entity::insert(row)
        .on_conflict(newest)
        .exec_without_returning(tx.db())
        .await
        .stored()?;
    let theirs = known_network::Column::User.eq(user.to_string());
    let beyond = known_network::Entity::find()
        .filter(theirs.clone())
        .order_by_desc(known_network::Column::Seen)
        .offset(NETWORKS)
        .limit(1);
    let beyond = beyond.one(tx.db()).await.stored()?.map_or(Millis::MIN, |row| row.seen);
    let over = known_network::Column::Seen.lte(Ord::max(beyond, tx.now() - KNOWN_MS));
    known_network::Entity::delete_many()
        .filter(theirs)
        .filter(over)
        .exec(tx.db())
        .await
        .stored()?;
    Ok(())
}
