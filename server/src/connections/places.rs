//! Who holds a connection and what it is doing: the one list by which room is made and time limits are kept.
//! It must not touch a socket; whoever loses a place is told and closes its own.

use super::Bounds;
use node::limits::network_key;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// The places there are. Cheap to clone.
#[derive(Clone)]
pub(super) struct Places(Arc<Shared>);

struct Shared {
    bounds: Bounds,
    taken: Mutex<Taken>,
    freed: Notify,
}

#[derive(Default)]
struct Taken {
    next: u64,
    seats: HashMap<u64, Arc<Seat>>,
    by_address: HashMap<String, usize>,
}

/// A place that is held; free again when it is dropped.
pub(super) struct Place {
    places: Places,
    seat: Arc<Seat>,
    number: u64,
}

/// What a connection is doing.
pub(super) struct Seat {
    /// By what its address counts; `None` for who is exempt.
    address: Option<String>,
    state: Mutex<State>,
    lost: Notify,
}

struct State {
    doing: Doing,
    since: Instant,
    /// Since when the other side has taken nothing of what there is to send.
    stuck: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// Nothing has come yet.
    New,
    /// Part of a head has come.
    Head,
    /// A request is being answered.
    Busy,
    /// It is a live socket, which keeps its own time.
    Socket,
    /// The last request was answered.
    Idle,
    /// It was told to close.
    Lost,
}

impl Doing {
    /// Whether no request is lost with it.
    fn waits(self) -> bool {
        matches!(self, Self::New | Self::Head | Self::Idle)
    }
}

impl Places {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self(Arc::new(Shared {
            bounds,
            taken: Mutex::default(),
            freed: Notify::new(),
        }))
    }

    /// A place for a connection from `address`. Waits while every place is held by a request under way; `None` where
    /// the address holds too many such.
    pub(super) async fn take(&self, address: IpAddr) -> Option<Place> {
        let bounds = &self.0.bounds;
        let address = (!(bounds.exempt)(address.to_canonical())).then(|| network_key(Some(address)));
        loop {
            // Before the look at what is taken: a place that is freed after it is not missed.
            let freed = self.0.freed.notified();
            {
                let mut taken = self.taken();
                let held = address
                    .as_ref()
                    .and_then(|address| taken.by_address.get(address))
                    .copied()
                    .unwrap_or_default();
                if held >= bounds.of_an_address && !taken.make_room(|seat| seat.address == address) {
                    return None;
                }
                if taken.seats.len() < bounds.all || taken.make_room(|_| true) {
                    let seat = Arc::new(Seat::new(address));
                    let number = taken.next;
                    taken.next += 1;
                    taken.seats.insert(number, seat.clone());
                    if let Some(address) = &seat.address {
                        *taken.by_address.entry(address.clone()).or_default() += 1;
                    }
                    return Some(Place {
                        places: self.clone(),
                        seat,
                        number,
                    });
                }
            }
            freed.await;
        }
    }

    /// Ends what has taken too long.
    pub(super) fn sweep(&self) {
        let bounds = &self.0.bounds;
        let now = Instant::now();
        for seat in self.taken().seats.values() {
            let over = |since: Instant, limit: Duration| now.duration_since(since) > limit;
            let state = seat.state();
            let late = match state.doing {
                Doing::New => over(state.since, bounds.first),
                Doing::Head => over(state.since, bounds.head),
                Doing::Idle => over(state.since, bounds.idle),
                Doing::Busy | Doing::Socket | Doing::Lost => false,
            };
            if late || state.stuck.is_some_and(|since| over(since, bounds.write)) {
                seat.lose(state);
            }
        }
    }

    /// Ends whatever has no request under way.
    pub(super) fn dismiss(&self) {
        for seat in self.taken().seats.values() {
            let state = seat.state();
            if state.doing.waits() {
                seat.lose(state);
            }
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Ends the connection that has waited longest of those `which` names; `false` when none waits.
    fn make_room(&self, which: impl Fn(&Seat) -> bool) -> bool {
        let waiting = self.seats.values().filter(|seat| which(seat)).filter_map(|seat| {
            let state = seat.state();
            state.doing.waits().then_some((state.since, seat))
        });
        let Some((_, longest)) = waiting.min_by_key(|(since, _)| *since) else {
            return false;
        };
        // It may have begun a request since it was looked at; then the next connection makes the room.
        let state = longest.state();
        if state.doing.waits() {
            longest.lose(state);
        }
        true
    }
}

impl Place {
    pub(super) fn seat(&self) -> Arc<Seat> {
        self.seat.clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.seats.remove(&self.number);
        if let Some(address) = &self.seat.address
            && let Some(held) = taken.by_address.get_mut(address)
        {
            *held -= 1;
            if *held == 0 {
                taken.by_address.remove(address);
            }
        }
        drop(taken);
        self.places.0.freed.notify_waiters();
    }
}

impl Seat {
    fn new(address: Option<String>) -> Self {
        Self {
            address,
            state: Mutex::new(State {
                doing: Doing::New,
                since: Instant::now(),
                stuck: None,
            }),
            lost: Notify::new(),
        }
    }

    /// Returns once the connection has to close.
    pub(super) async fn lost(&self) {
        self.lost.notified().await;
    }

    /// Bytes have come.
    pub(super) fn heard(&self) {
        let mut state = self.state();
        if matches!(state.doing, Doing::New | Doing::Idle) {
            state.doing = Doing::Head;
            state.since = Instant::now();
        }
    }

    /// The other side takes nothing at the moment.
    pub(super) fn stuck(&self) {
        self.state().stuck.get_or_insert_with(Instant::now);
    }

    /// The other side took something.
    pub(super) fn took(&self) {
        self.state().stuck = None;
    }

    /// A request is whole: from now on it is answered. `None` when its connection is just being closed.
    pub(super) fn begin(self: &Arc<Self>) -> Option<Busy> {
        let mut state = self.state();
        if state.doing == Doing::Lost {
            return None;
        }
        state.doing = Doing::Busy;
        Some(Busy(self.clone()))
    }

    fn lose(&self, mut state: MutexGuard<'_, State>) {
        state.doing = Doing::Lost;
        self.lost.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is being answered, until this is dropped.
pub(super) struct Busy(Arc<Seat>);

impl Busy {
    /// The connection became a socket: it speaks no HTTP any more.
    pub(super) fn for_good(self) {
        self.0.state().doing = Doing::Socket;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if state.doing == Doing::Busy {
            state.doing = Doing::Idle;
            state.since = Instant::now();
        }
    }
}
