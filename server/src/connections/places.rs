//! The list of connections and their states, which makes room for new ones and enforces time limits. It must not touch
//! a socket: a connection that loses its place is notified and closes itself.

use super::Bounds;
use node::limits::network_key;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// All places. Cheap to clone.
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

/// A place of one connection; dropping it frees it.
pub(super) struct Place {
    places: Places,
    seat: Arc<Seat>,
    number: u64,
}

/// The state of one connection.
pub(super) struct Seat {
    /// The key that its address counts under; `None` when exempt.
    address: Option<String>,
    state: Mutex<State>,
    lost: Notify,
}

struct State {
    doing: Doing,
    since: Instant,
    /// Since when the client has read nothing of what waits to be sent.
    stuck: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// No byte has come.
    New,
    /// Part of a request's head has come.
    Head,
    /// A request is under way.
    Busy,
    /// A live socket, which has its own time limits.
    Socket,
    /// The last request was answered.
    Idle,
    /// It was told to close.
    Lost,
}

impl Doing {
    /// Whether closing it loses no request.
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

    /// Takes a place for a connection from `address`. Waits while all places hold requests under way; `None` when that
    /// is so for all places of the address.
    pub(super) async fn take(&self, address: IpAddr) -> Option<Place> {
        let bounds = &self.0.bounds;
        let address = (!(bounds.exempt)(address.to_canonical())).then(|| network_key(Some(address)));
        loop {
            // Registered before the check, so that a place freed after it is noticed.
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

    /// Closes connections that exceed a time limit.
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

    /// Closes every connection without a request under way.
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
    /// Closes the longest waiting connection of those that `which` accepts; `false` when none waits.
    fn make_room(&self, which: impl Fn(&Seat) -> bool) -> bool {
        let waiting = self.seats.values().filter(|seat| which(seat)).filter_map(|seat| {
            let state = seat.state();
            state.doing.waits().then_some((state.since, seat))
        });
        let Some((_, longest)) = waiting.min_by_key(|(since, _)| *since) else {
            return false;
        };
        // It may have begun a request meanwhile; then the next connection makes room.
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

    /// Completes when the connection has to close.
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

    /// The client reads nothing at the moment.
    pub(super) fn stuck(&self) {
        self.state().stuck.get_or_insert_with(Instant::now);
    }

    /// The client has read something.
    pub(super) fn took(&self) {
        self.state().stuck = None;
    }

    /// Marks a whole request as under way. `None` when its connection is being closed.
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

/// A request under way, until this is dropped.
pub(super) struct Busy(Arc<Seat>);

impl Busy {
    /// The connection became a socket and no longer speaks HTTP.
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
