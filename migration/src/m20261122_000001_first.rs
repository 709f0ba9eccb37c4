//! The schema: journal, projected, private and local tables.

use crate::columns::{bytes, flag, index, int, null, small, table, text, unique};
use sea_orm_migration::prelude::*;

/// Creates every table of the first version.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        journal(manager).await?;
        projected(manager).await?;
        private(manager).await?;
        local(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in TABLES.iter().rev() {
            manager.drop_table(Table::drop().table(*name).to_owned()).await?;
        }
        Ok(())
    }
}

/// Every table in order of creation.
const TABLES: &[&str] = &[
    "event",
    "log",
    "skip",
    "user",
    "project",
    "session",
    "run",
    "prompt",
    "entry",
    "approval",
    "usage_total",
    "usage_day",
    "link",
    "credential",
    "login",
    "known_network",
    "token",
    "setup_link",
    "invite",
    "secret",
    "lease",
    "run_cursor",
    "input",
    "health_sample",
    "blob",
    "idempotency",
    "setting",
    "cursor",
    "taken",
    "known_node",
];

/// The key of an event's subject: another node's log may use the same id for another row.
const KEY: &[&str] = &["id", "origin"];

/// The log and its counters.
async fn journal(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(table(
            "event",
            &["pos"],
            [
                int("pos"),
                text("origin"),
                text("epoch"),
                int("seq"),
                int("hlc"),
                text("actor"),
                text("kind"),
                small("v"),
                text("subject"),
                null(text("session")),
                null(int("received")),
                null(text("via")),
                null(bytes("payload")),
                null(bytes("salt")),
                bytes("commitment"),
                bytes("hash"),
            ],
        ))
        .await?;
    manager
        .create_index(unique("event_origin_epoch_seq", "event", &["origin", "epoch", "seq"]))
        .await?;
    manager
        .create_index(index("event_session_pos", "event", &["session", "pos"]))
        .await?;
    // A partial index of the few events without a payload: each link asks for the last one at every commit.
    manager
        .create_index(
            index("event_withheld", "event", &["origin", "epoch", "seq"])
                .and_where(Expr::col("payload").is_null())
                .to_owned(),
        )
        .await?;
    manager
        .create_table(table(
            "log",
            &["origin", "epoch"],
            [
                text("origin"),
                text("epoch"),
                int("seq"),
                bytes("hash"),
                int("pos"),
                flag("own"),
            ],
        ))
        .await?;
    // What a filter left out of another node's log.
    manager
        .create_table(table(
            "skip",
            &["origin", "epoch", "from_seq"],
            [
                text("origin"),
                text("epoch"),
                int("from_seq"),
                int("upto_seq"),
                bytes("hash"),
            ],
        ))
        .await
}

/// Tables folded from events. They have no foreign keys, because a filter may withhold the parent.
async fn projected(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(table(
            "user",
            KEY,
            [
                text("id"),
                text("origin"),
                text("name"),
                text("role"),
                null(text("github")),
                int("created"),
                flag("disabled"),
                null(int("removed")),
            ],
        ))
        .await?;
    // Not unique, because names of removed people may repeat. Creating a person checks that the name is free.
    manager
        .create_index(index("user_name_origin", "user", &["name", "origin"]))
        .await?;
    manager
        .create_table(table(
            "project",
            KEY,
            [
                text("id"),
                text("origin"),
                text("name"),
                text("path"),
                flag("demo"),
                null(text("trusted_hash")),
                null(text("trusted_also")),
                null(int("approval_timeout_s")),
                int("added"),
                int("updated"),
                null(int("removed")),
                int("sessions"),
            ],
        ))
        .await?;
    manager
        .create_index(index("project_path_origin", "project", &["path", "origin"]))
        .await?;
    manager
        .create_table(table(
            "session",
            KEY,
            // On the heap, because the array would be too large for a stack frame.
            vec![
                text("id"),
                text("origin"),
                text("project"),
                text("agent"),
                null(text("agent_version")),
                text("mode"),
                null(text("model")),
                text("title"),
                text("title_folded"),
                null(text("owner")),
                text("visibility"),
                null(text("branch")),
                text("tags"),
                text("state"),
                int("state_since"),
                null(text("state_detail")),
                flag("background"),
                int("started"),
                int("updated"),
                int("turns"),
                int("calls"),
                int("pending"),
                null(text("last")),
                int("next_seq"),
                int("tok_input"),
                int("tok_output"),
                int("tok_cache_read"),
                int("tok_cache_write"),
                null(int("cost_micros")),
                null(int("context_used")),
                null(int("context_size")),
                flag("resumable"),
                null(text("forked_from")),
                null(text("run")),
                null(int("archived")),
                null(int("deleted")),
                flag("unattended"),
                int("pos"),
            ],
        ))
        .await?;
    // A covering index: it holds who may see a session and its place, so a list of the newest reads no row.
    manager
        .create_index(index(
            "session_newest",
            "session",
            &["updated", "id", "archived", "deleted", "visibility", "owner", "pos"],
        ))
        .await?;
    // A partial index of sessions that wait for an agent, in the order in which they began to wait. Both databases use
    // it if the state is literal text in the statement.
    let waits = Expr::col("state")
        .eq(Expr::cust("'queued'"))
        .and(Expr::col("deleted").is_null());
    manager
        .create_index(
            index("session_queued", "session", &["state", "state_since", "id"])
                .and_where(waits)
                .to_owned(),
        )
        .await?;
    manager
        .create_index(index(
            "session_agent_updated_id",
            "session",
            &["agent", "updated", "id"],
        ))
        .await?;
    // A partial index of the few archived sessions, which the usual list leaves out.
    let away = Expr::col("archived").is_not_null();
    manager
        .create_index(
            index("session_archived", "session", &["updated", "id"])
                .and_where(away)
                .to_owned(),
        )
        .await?;
    manager
        .create_index(index(
            "session_project_updated_id",
            "session",
            &["project", "updated", "id"],
        ))
        .await?;
    manager
        .create_index(index(
            "session_state_updated_id",
            "session",
            &["state", "updated", "id"],
        ))
        .await?;
    manager
        .create_table(table(
            "run",
            KEY,
            [
                text("id"),
                text("origin"),
                text("session"),
                text("argv"),
                int("started"),
                null(int("ended")),
                null(text("exit")),
                flag("trusted"),
            ],
        ))
        .await?;
    manager
        .create_index(index("run_session_started", "run", &["session", "started"]))
        .await?;
    manager
        .create_table(table(
            "prompt",
            KEY,
            [
                text("id"),
                text("origin"),
                text("session"),
                text("text"),
                text("by_name"),
                int("at"),
                text("state"),
                int("pos"),
            ],
        ))
        .await?;
    manager
        .create_index(index("prompt_session_pos", "prompt", &["session", "pos"]))
        .await?;
    manager
        .create_table(table(
            "entry",
            &["session", "seq", "origin"],
            [
                text("session"),
                int("seq"),
                text("origin"),
                int("turn"),
                text("kind"),
                int("at"),
                null(text("parent")),
                null(text("by_name")),
                text("preview"),
                flag("more"),
                null(text("call")),
                null(text("tool")),
                null(text("class")),
                null(text("label")),
                null(text("target")),
                null(text("status")),
                null(text("result")),
                null(int("added")),
                null(int("removed")),
                null(int("ended")),
                int("pos"),
                null(int("end_pos")),
                null(text("approval")),
            ],
        ))
        .await?;
    manager
        .create_index(index("entry_session_call", "entry", &["session", "call"]))
        .await?;
    manager
        .create_table(table(
            "approval",
            KEY,
            [
                text("id"),
                text("origin"),
                null(text("project")),
                text("session"),
                text("run"),
                text("request"),
                text("kind"),
                text("tool"),
                text("class"),
                null(text("label")),
                null(text("call")),
                text("target"),
                null(text("reason")),
                null(text("subagent")),
                text("suggestions"),
                text("questions"),
                text("state"),
                int("created"),
                null(int("expires")),
                null(text("decided")),
                int("pos"),
            ],
        ))
        .await?;
    manager
        .create_index(index(
            "approval_state_created_id",
            "approval",
            &["state", "created", "id"],
        ))
        .await?;
    manager
        .create_index(index(
            "approval_session_created_id",
            "approval",
            &["session", "created", "id"],
        ))
        .await?;
    manager
        .create_index(index("approval_session_call", "approval", &["session", "call"]))
        .await?;
    manager
        .create_index(index("approval_run_request", "approval", &["run", "request"]))
        .await?;
    manager
        .create_table(table(
            "usage_total",
            &["run", "model", "origin"],
            [
                text("run"),
                text("model"),
                text("origin"),
                text("session"),
                text("project"),
                int("tok_input"),
                int("tok_output"),
                int("tok_cache_read"),
                int("tok_cache_write"),
                null(int("cost_micros")),
                int("pos"),
            ],
        ))
        .await?;
    manager
        .create_index(index("usage_total_session", "usage_total", &["session"]))
        .await?;
    manager
        .create_table(table(
            "usage_day",
            &["day", "project", "model", "session", "origin"],
            [
                int("day"),
                text("project"),
                text("model"),
                text("session"),
                text("origin"),
                int("tok_input"),
                int("tok_output"),
                int("tok_cache_read"),
                int("tok_cache_write"),
                null(int("cost_micros")),
            ],
        ))
        .await?;
    manager
        .create_index(index("usage_day_session", "usage_day", &["session"]))
        .await?;
    manager
        .create_table(table(
            "link",
            KEY,
            [
                text("id"),
                text("origin"),
                text("peer"),
                text("name"),
                text("kind"),
                text("key"),
                null(text("url")),
                flag("inviter"),
                flag("encrypted"),
                text("send"),
                text("receive"),
                flag("confirmed"),
                flag("paused"),
                flag("revoked"),
                flag("by_peer"),
                int("since"),
            ],
        ))
        .await?;
    Ok(())
}

/// Private tables, never journaled.
async fn private(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(table(
            "credential",
            &["user"],
            [
                text("user"),
                null(text("password_hash")),
                null(int("github_id")),
                int("auth_epoch"),
            ],
        ))
        .await?;
    manager
        .create_index(unique("credential_github_id", "credential", &["github_id"]))
        .await?;
    manager
        .create_table(table(
            "login",
            &["id_hash"],
            [
                text("id_hash"),
                null(text("user")),
                bytes("data"),
                int("created"),
                int("seen"),
                int("expires"),
                null(text("browser")),
                null(text("address")),
                null(int("epoch")),
            ],
        ))
        .await?;
    manager
        .create_table(table(
            "known_network",
            &["user", "network"],
            [text("user"), text("network"), int("seen")],
        ))
        .await?;
    manager.create_index(index("login_user", "login", &["user"])).await?;
    manager
        .create_index(index("login_expires", "login", &["expires"]))
        .await?;
    manager
        .create_table(table(
            "token",
            &["id"],
            [
                text("id"),
                text("user"),
                text("name"),
                text("hash"),
                text("scope"),
                int("created"),
                null(int("expires")),
                null(int("used")),
            ],
        ))
        .await?;
    manager.create_index(unique("token_hash", "token", &["hash"])).await?;
    manager.create_index(index("token_user", "token", &["user"])).await?;
    manager
        .create_table(table(
            "setup_link",
            &["hash"],
            [text("hash"), int("created"), int("expires"), null(int("used"))],
        ))
        .await?;
    manager
        .create_table(table(
            "invite",
            &["id"],
            [
                text("id"),
                text("hash"),
                flag("auto"),
                text("send"),
                int("expires"),
                int("tries"),
                null(text("link")),
                null(text("used_by")),
            ],
        ))
        .await?;
    manager
        .create_table(table("secret", &["name"], [text("name"), bytes("value")]))
        .await?;
    Ok(())
}

/// Local tables, about this node only.
async fn local(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    // How far each link has come in the logs of other nodes.
    manager
        .create_table(table(
            "taken",
            &["link", "origin", "epoch"],
            [text("link"), text("origin"), text("epoch"), int("pass"), int("through")],
        ))
        .await?;
    manager
        .create_table(table(
            "lease",
            &["name"],
            [text("name"), text("owner"), int("fence"), int("expires")],
        ))
        .await?;
    manager
        .create_table(table("run_cursor", &["run"], [text("run"), int("offset")]))
        .await?;
    manager
        .create_table(table(
            "input",
            &["run", "n"],
            [text("run"), int("n"), bytes("line"), flag("acked")],
        ))
        .await?;
    manager
        .create_table(table("health_sample", &["at"], [int("at"), text("json")]))
        .await?;
    manager
        .create_table(table(
            "blob",
            &["hash"],
            [text("hash"), int("size"), int("refs"), null(bytes("bytes"))],
        ))
        .await?;
    manager
        .create_table(table(
            "idempotency",
            &["caller", "key"],
            [text("caller"), text("key"), small("status"), bytes("body"), int("at")],
        ))
        .await?;
    manager
        .create_index(index("idempotency_at", "idempotency", &["at"]))
        .await?;
    manager
        .create_table(table("setting", &["key"], [text("key"), text("value")]))
        .await?;
    manager
        .create_table(table("cursor", &["name"], [text("name"), int("pos")]))
        .await?;
    manager
        .create_table(table(
            "known_node",
            &["id"],
            [
                text("id"),
                text("name"),
                text("kind"),
                null(text("version")),
                null(text("via")),
                null(int("heard")),
                null(int("clock_ahead")),
                int("since"),
            ],
        ))
        .await?;
    Ok(())
}
