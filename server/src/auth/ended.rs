//! The end of what somebody has opened: with the node, or with the login or token it rests on.

use crate::stop::Stop;
use model::Caller;
use node::accounts::AccountsService;
use tokio::sync::broadcast::error::RecvError;

/// Ends when what `caller` has opened must end: the node stops, or the login or token it rests on is gone or means
/// something else now.
pub fn ended(accounts: &AccountsService, stop: &Stop, caller: &Caller) -> impl Future<Output = ()> + Send + 'static {
    // Subscribed before this returns: no change after the handshake is missed.
    let mut changes = accounts.changes();
    let (accounts, stop, caller) = (accounts.clone(), stop.clone(), caller.clone());
    async move {
        let gone = async {
            loop {
                match changes.recv().await {
                    Ok(change) if !change.concerns(&caller) => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => {
                        // When in doubt it ends: whoever may go on opens it again.
                        if accounts
                            .refresh(&caller)
                            .await
                            .ok()
                            .flatten()
                            .is_none_or(|now| now != caller)
                        {
                            return;
                        }
                    }
                    Err(RecvError::Closed) => return,
                }
            }
        };
        tokio::select! {
            () = gone => {}
            () = stop.asked() => {}
        }
    }
}
