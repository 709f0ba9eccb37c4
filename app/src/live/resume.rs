//! The resume position after a lost connection: pure arithmetic. It must never skip a position.

use model::{Pos, live::ServerSays};

/// The position up to which the page knows all followed topics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resume(Option<Pos>);

impl Resume {
    /// The position to resume after.
    pub fn after(self) -> Pos {
        self.0.unwrap_or(0)
    }

    /// A page was read at this position and needs what follows. The older of two readings counts, since patches are
    /// idempotent.
    pub fn read_at(&mut self, pos: Pos) {
        self.0 = Some(self.0.map_or(pos, |known| known.min(pos)));
    }

    /// Takes a message of the node into account.
    pub fn heard(&mut self, says: &ServerSays) {
        match says {
            // Several rows share a position, so one row does not prove that all of them have come.
            ServerSays::Row { pos, .. } | ServerSays::Gone { pos, .. } => self.0 = self.0.max(Some(pos - 1)),
            ServerSays::Caught { pos, .. } => self.0 = self.0.max(Some(*pos)),
            // Everything is read again; those readings set the position.
            ServerSays::Reload => self.0 = None,
            ServerSays::Partial(_) | ServerSays::Health(_) => {}
        }
    }
}

/// Exponential backoff with jitter: the wait before try number `tries` (from 0), in ms. It doubles from half a second
/// to 15 s, half of it random, so that tabs do not return all at once. `chance` is in `0.0..1.0`.
pub fn backoff(tries: u32, chance: f64) -> u32 {
    let whole = 500_u32.saturating_mul(1 << tries.min(5)).min(15_000);
    let half = whole / 2;
    // At most half of 15,000, so the product fits.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let random = (f64::from(half) * chance.clamp(0.0, 1.0)) as u32;
    half + random
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gone(pos: Pos) -> ServerSays {
        ServerSays::Gone {
            pos,
            id: "ses_1".into(),
        }
    }

    #[test]
    fn a_drop_in_the_middle_of_a_position_asks_for_that_position_again() {
        let mut resume = Resume::default();
        resume.read_at(10);
        resume.heard(&gone(12));
        assert_eq!(resume.after(), 11);
        resume.heard(&ServerSays::Caught { pos: 12, pending: 0 });
        assert_eq!(resume.after(), 12);
        resume.heard(&gone(9));
        assert_eq!(resume.after(), 12, "an old patch does not take it back");
    }

    #[test]
    fn a_page_read_earlier_than_the_connection_takes_it_back() {
        let mut resume = Resume::default();
        resume.read_at(10);
        resume.heard(&ServerSays::Caught { pos: 20, pending: 0 });
        resume.read_at(18);
        assert_eq!(resume.after(), 18);
        resume.read_at(30);
        assert_eq!(resume.after(), 18);
    }

    #[test]
    fn a_reload_starts_from_the_next_reading() {
        let mut resume = Resume::default();
        resume.read_at(10);
        resume.heard(&ServerSays::Reload);
        resume.read_at(500);
        assert_eq!(resume.after(), 500);
    }

    #[test]
    fn waiting_doubles_and_is_bounded() {
        assert_eq!((backoff(0, 0.0), backoff(0, 1.0)), (250, 500));
        assert_eq!((backoff(1, 0.0), backoff(1, 1.0)), (500, 1_000));
        assert_eq!((backoff(40, 0.0), backoff(40, 1.0)), (7_500, 15_000));
    }
}
