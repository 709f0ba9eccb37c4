//! The health of the node and of the connection, as a shape and a word. Pure.

use crate::{live::LiveState, ui::Look};
use model::{Millis, node::HealthSample};

/// With fewer free bytes the node is in trouble.
const DISK_LOW: i64 = 1_000_000_000;
/// With more operations waiting, the disk does not keep up.
const QUEUE_LONG: i64 = 1_000;
/// Samples come every ten seconds; older than this, the last one is stale.
const STALE_MS: Millis = 60_000;

/// The node's health in a word. `now` is `None` before hydration.
pub(crate) fn health_look(sample: Option<&HealthSample>, now: Option<Millis>) -> Look {
    match sample {
        None => Look::UNKNOWN.called("not known"),
        Some(sample) if now.is_some_and(|now| now - sample.at > STALE_MS) => Look::UNKNOWN.called("silent"),
        Some(sample) if sample.disk_free.is_some_and(|free| free < DISK_LOW) => Look::FAILED.called("disk nearly full"),
        Some(sample) if sample.queue.is_some_and(|queue| queue > QUEUE_LONG) => Look::LAGGING.called("busy"),
        Some(_) => Look::DONE.called("healthy"),
    }
}

/// The connection in a word.
pub(crate) fn look_of(state: LiveState) -> Look {
    match state {
        LiveState::Live => Look::DONE.called("Live"),
        LiveState::CatchingUp => Look::LAGGING.called("Catching up"),
        LiveState::Offline { .. } => Look::FAILED.called("Offline"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_never_better_than_what_is_known() {
        let sample = HealthSample {
            at: 100_000,
            disk_free: Some(50_000_000_000),
            queue: Some(3),
            ..HealthSample::default()
        };
        assert_eq!(health_look(None, Some(0)).word, "not known");
        assert_eq!(health_look(Some(&sample), None).word, "healthy");
        assert_eq!(health_look(Some(&sample), Some(110_000)).word, "healthy");
        assert_eq!(health_look(Some(&sample), Some(200_000)).word, "silent");
        assert_eq!(
            health_look(
                Some(&HealthSample {
                    disk_free: Some(9),
                    ..sample
                }),
                None
            )
            .word,
            "disk nearly full"
        );
        assert_eq!(
            health_look(
                Some(&HealthSample {
                    queue: Some(5_000),
                    ..sample
                }),
                None
            )
            .word,
            "busy"
        );
    }
}
