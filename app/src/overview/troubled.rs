//! A troubled session in "Needs you": its row, and the two ways to settle it. It must not change the row itself: the
//! node reports the new state, and the row leaves.

use super::{board::Board, lanes::LaneRow};
use crate::{
    NodeAction,
    error::AppError,
    session::{
        Offer,
        acts::set_archived,
        api::{Drive, drive_agent, send_again},
        offer,
    },
    ui::{Button, ButtonKind, ErrorNote, RunsElsewhere, Toast, use_toasts},
    view,
};
use leptos::prelude::*;
use model::sessions::Session;

/// A failed or unknown session with its actions.
#[component]
pub fn TroubledRow(
    /// The board.
    board: Board,
    /// The session as it is now.
    session: ArcRwSignal<Session>,
) -> impl IntoView {
    let id = session.with_untracked(|session| session.id);
    let name = session.clone();
    let title = move || name.with(|session| format!(": {}", session.title));
    let error = RwSignal::new(None::<AppError>);
    let toasts = use_toasts();
    let resume = NodeAction::new(move |(): &()| async move {
        match drive_agent(id, Drive::Resume).await {
            Ok(session) => board.take_session(&session),
            Err(refused) => error.set(Some(refused)),
        }
    });
    let again = NodeAction::new(move |(): &()| async move {
        // The row leaves when the node reports it as queued.
        if let Err(refused) = send_again(id).await {
            error.set(Some(refused));
        }
    });
    let offered = session.clone();
    let fails = Memo::new(move |_| offered.with(offer) == Offer::SendAgain);
    let archive = NodeAction::new(move |(): &()| async move {
        match set_archived(id, true).await {
            Ok(session) => {
                board.take_session(&session);
                if let Some(toasts) = toasts {
                    toasts.show(Toast::done(format!("Archived: {}.", session.title)).undo(move || {
                        leptos::task::spawn_local(async move {
                            match set_archived(id, false).await {
                                Ok(session) => board.take_session(&session),
                                Err(refused) => toasts
                                    .show(Toast::failed(format!("It was not taken out of the archive: {refused}"))),
                            }
                        });
                    }));
                }
            }
            Err(refused) => error.set(Some(refused)),
        }
    });
    let busy = Signal::derive(move || resume.pending().get() || again.pending().get() || archive.pending().get());
    let too = title.clone();
    let elsewhere = session.with_untracked(|session| (!session.node.here).then(|| session.node.clone()));
    let is_elsewhere = elsewhere.is_some();
    view! {
        <div class="lane-bad">
            <LaneRow session=session since=true cost=false />
            {elsewhere.map(|node| view! { <RunsElsewhere node=node what="go on" /> })}
            <div class="acts" hidden=is_elsewhere>
                <Button icon="play" disabled=busy on:click=move |_| if fails.get_untracked() { again.dispatch(()) } else { resume.dispatch(()) }>
                    {move || if fails.get() { "Send again" } else { "Resume" }} <span class="vh">{title}</span>
                </Button>
                <Button kind=ButtonKind::Quiet disabled=busy on:click=move |_| { archive.dispatch(()); }>"Archive"<span class="vh">{too}</span></Button>
            </div>
            {move || error.get().map(|error| view! { <ErrorNote error=error title="It was not done." /> })}
        </div>
    }
}
