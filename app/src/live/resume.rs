//! Where a dropped connection goes on: pure arithmetic over positions. It must never skip one.

use model::{Pos, live::ServerSays};

/// The position up to which everything followed is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resume(Option<Pos>);

impl Resume {
    /// The position to ask for what came after.
    pub fn after(self) -> Pos {
        self.0.unwrap_or(0)
    }

    /// A page was read at this position: what came after it is wanted. The older of two readings counts; patches repeat
    /// harmlessly.
    pub fn read_at(&mut self, pos: Pos) {
        self.0 = Some(self.0.map_or(pos, |known| known.min(pos)));
    }

    /// Takes what the node said into account.
    pub fn heard(&mut self, says: &ServerSays) {
        match says {
            // Several rows share a position: one of them does not mean that all have come.
            ServerSays::Row { pos, .. } | ServerSays::Gone { pos, .. } => self.0 = self.0.max(Some(pos - 1)),
            ServerSays::Caught { pos, .. } => self.0 = self.0.max(Some(*pos)),
            // Everything is read anew; the readings say where to go on.
            ServerSays::Reload => self.0 = None,
            ServerSays::Partial(_) | ServerSays::Health(_) => {}
        }
    }
}

/// How long to wait before try number `tries` (from 0): half a second, doubling to 15 s, of which a random half, so
/// that tabs do not all come at once. `chance` is in `0.0..1.0`.
pub fn backoff(tries: u32, chance: f64) -> u32 {
    let whole = 500_u32.saturating_mul(1 << tries.min(5)).min(15_000);
    let half = whole / 2;
    // Half of 15,000 at most: the product fits.
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
