//! Server functions of a decision.
#![allow(
    missing_docs,
    reason = "server functions make structs of their arguments, whose fields cannot carry comments"
)]

#[cfg(feature = "ssr")]
use crate::server::{caller, services};
use crate::{
    error::AppResult,
    wire::{FormRpc, Rpc},
};
use leptos::server;
use model::{
    approvals::{Approval, ApprovalInput, Decide, Verdict},
    id::ApprovalId,
    sessions::Mode,
};
use std::collections::BTreeMap;

/// The whole input of an approval; a page carries only the beginning of a long one.
#[server(prefix = "/api/rpc", endpoint = "approvals/input", protocol = Rpc)]
pub async fn whole_input(id: ApprovalId) -> AppResult<ApprovalInput> {
    Ok(services()?.approvals.input(&caller()?, id).await?)
}

/// Decides.
#[server(prefix = "/api/rpc", endpoint = "approvals/decide", protocol = Rpc)]
pub async fn decide_approval(id: ApprovalId, decide: Decide) -> AppResult<Approval> {
    Ok(services()?.approvals.decide(&caller()?, id, decide).await?)
}

/// Decides by a plain form, which works before WASM has loaded. `chosen` and `own` are the answers by question (`q0`,
/// `q1`, ...): option numbers, and free text. `next` is the Inbox item to show then; empty for the Inbox itself.
#[server(prefix = "/api/rpc", endpoint = "approvals/answer", protocol = FormRpc)]
pub async fn answer_approval(
    id: ApprovalId,
    verdict: Verdict,
    #[server(default)] reason: Option<String>,
    #[server(default)] mode: Option<Mode>,
    #[server(default)] chosen: BTreeMap<String, Vec<usize>>,
    #[server(default)] own: BTreeMap<String, String>,
    #[server(default)] next: Option<String>,
) -> AppResult<()> {
    use super::words::{Answer, answers};
    let (services, caller) = (services()?, caller()?);
    let reason = reason
        .map(|reason| reason.replace("\r\n", "\n"))
        .filter(|reason| !reason.trim().is_empty());
    let mut decide = Decide {
        decision: verdict,
        reason,
        mode,
        ..Decide::allow()
    };
    if verdict == Verdict::Allow && !(chosen.is_empty() && own.is_empty()) {
        let questions = services.approvals.find(&caller, id).await?.questions;
        let given: Vec<_> = (0..questions.len())
            .map(|at| {
                let at = format!("q{at}");
                Answer {
                    chosen: chosen.get(&at).cloned().unwrap_or_default(),
                    own: own.get(&at).cloned().unwrap_or_default(),
                }
            })
            .collect();
        decide.answers = answers(&questions, &given);
    }
    services.approvals.decide(&caller, id, decide).await?;
    if let Some(next) = next {
        let next = next
            .parse::<ApprovalId>()
            .map_or_else(|_| "/inbox".to_owned(), |next| format!("/inbox?id={next}"));
        leptos_axum::redirect(&next);
    }
    Ok(())
}
