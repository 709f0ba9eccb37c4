//! The end of a caller's open streams and sockets: when the node stops, or their login or token becomes invalid.

use crate::stop::Stop;
use model::Caller;
use node::accounts::AccountsService;
use tokio::sync::broadcast::error::RecvError;

/// Completes when everything that `caller` has open must end: the node stops, or the login or token is gone or has
/// other rights now.
pub fn ended(accounts: &AccountsService, stop: &Stop, caller: &Caller) -> impl Future<Output = ()> + Send + 'static {
    // Subscribed before this returns, so that no change after the handshake is missed.
    let mut changes = accounts.changes();
    let (accounts, stop, caller) = (accounts.clone(), stop.clone(), caller.clone());
    async move {
        let gone = async {
            loop {
                match changes.recv().await {
                    Ok(change) if !change.concerns(&caller) => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => {
                        // In doubt it ends: a caller who still may simply reconnects.
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
