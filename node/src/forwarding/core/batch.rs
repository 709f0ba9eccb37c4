//! What can be said of a batch without a database: which part of it is new, and whether its chain of hashes holds. The
//! store compares what it has with what the batch says about the same positions.

use super::frame::{Batch, Item};

/// A batch does not continue what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untrue {
    /// It begins after the position that is wanted.
    #[error("the batch begins after the next position")]
    Gap,
    /// A hash is not the one that its event and the hash before give.
    #[error("the hash at position {0} does not follow from what is before it")]
    Hash(i64),
}

/// What is left of a batch without its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trimmed {
    /// Nothing: all of it was there.
    Nothing,
    /// It begins where it shall.
    Rest(Batch),
}

impl Batch {
    /// Leaves out what is at `after` and before, so that the batch begins at `after + 1`.
    pub fn trimmed(mut self, after: i64) -> Result<Trimmed, Untrue> {
        if self.first > after + 1 {
            return Err(Untrue::Gap);
        }
        if self.last <= after {
            return Ok(Trimmed::Nothing);
        }
        if self.first == after + 1 {
            return Ok(Trimmed::Rest(self));
        }
        let known = self.items.partition_point(|item| item.last() <= after);
        let mut rest = self.items.split_off(known);
        self.previous = self.items.last().map(Item::hash);
        if let Some(Item::Skip(skip)) = rest.first_mut()
            && skip.from <= after
        {
            // The hash inside of a run of skipped events is not known.
            self.previous = None;
            skip.from = after + 1;
        }
        self.first = after + 1;
        self.items = rest;
        Ok(Trimmed::Rest(self))
    }

    /// Checks each event's hash, from `previous` on. Skips are believed: what is after them must fit.
    pub fn verify(&self) -> Result<(), Untrue> {
        let mut previous = self.previous;
        for item in &self.items {
            if let Item::Event(event) = item {
                let holds = previous.is_some_and(|previous| event.hash_after(self.log, &previous) == event.hash);
                if !holds {
                    return Err(Untrue::Hash(event.seq));
                }
            }
            previous = Some(item.hash());
        }
        Ok(())
    }

    /// The hash at its last position.
    pub fn end(&self) -> [u8; 32] {
        self.items
            .last()
            .map(Item::hash)
            .expect("a batch has at least one item")
    }

    /// The hash at a position, where the batch says it: at an event, at the end of a skip, or just before the batch.
    pub fn hash_at(&self, seq: i64) -> Option<[u8; 32]> {
        if seq == self.first - 1 {
            return self.previous;
        }
        let at = self.items.partition_point(|item| item.last() < seq);
        self.items.get(at).filter(|item| item.last() == seq).map(Item::hash)
    }

    /// The last position of it that is not an event in full. 0: all are.
    pub fn last_hole(&self) -> i64 {
        let hole = self.items.iter().rev().find_map(|item| match item {
            Item::Event(event) => event.payload.is_none().then_some(event.seq),
            Item::Skip(skip) => Some(skip.to),
        });
        hole.unwrap_or(0)
    }
}
