//! The subscribers of one link, each with a queue of its own: one that does not listen delays neither another nor the
//! link, and costs no more memory than its queue. This owns the order in which each hears of ups and downs, a snapshot
//! and events, and what is told to one that was too slow. It must not know what events and snapshots are.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::coop::consume_budget;

/// What one link tells.
pub(crate) trait Told: Clone {
    /// What a subscriber wants to hear of.
    type Interest;
    /// What Asterisk had at one moment.
    type Snapshot: Clone;

    /// The subscriber was too slow: so many things were not told.
    fn lost(count: u64) -> Self;
    fn snapshot(snapshot: Self::Snapshot) -> Self;
    fn is_snapshot(&self) -> bool;
    /// There is no snapshot, and why.
    fn unseen(why: String) -> Self;
}

/// Those who listen to one link.
pub(crate) struct Feed<L: Told> {
    inner: Mutex<Inner<L>>,
    /// Somebody came or went: more or less may be to be asked of Asterisk.
    interests: Notify,
    /// A snapshot may be due to somebody.
    work: Notify,
    /// So many things wait for a subscriber at most.
    capacity: usize,
}

struct Inner<L: Told> {
    mailboxes: Vec<Arc<Mailbox<L>>>,
    /// What a subscriber that comes now hears first.
    state: Option<L>,
    is_up: bool,
    is_closed: bool,
}

struct Mailbox<L: Told> {
    interest: L::Interest,
    slot: Mutex<Slot<L>>,
    bell: Notify,
}

struct Slot<L> {
    waiting: VecDeque<L>,
    /// That the link is up, which is told as soon as Asterisk is asked for what this one wants to hear of.
    greeting: Option<L>,
    /// What comes behind a snapshot that is not here yet.
    held: Option<VecDeque<L>>,
    lag: Option<Lag<L>>,
    due: Due,
    /// A snapshot lies in the queue.
    is_unread: bool,
    /// It had a snapshot since the link is up.
    has_seen: bool,
    is_up: bool,
    is_closed: bool,
}

/// The queue was full, and nothing is added to it until it is empty.
struct Lag<L> {
    count: u64,
    /// The last word of each kind about the link itself.
    states: Vec<L>,
}

/// Whether a snapshot is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    No,
    From(Instant),
    /// It is being asked for.
    Asked {
        since: Instant,
        /// Something came up meanwhile that makes another one due.
        again: bool,
    },
    /// The last one was asked for then.
    Had(Instant),
    /// Asking is of no use as long as the link is up.
    Refused,
}

/// A snapshot of the same link is not asked for again so soon for one subscriber.
const AGAIN: Duration = Duration::from_secs(1);

/// So many things are taken out of a queue with one look at it.
const AT_ONCE: usize = 128;

/// One that failed is asked for again after so long.
const RETRY: Duration = Duration::from_secs(5);

impl<L: Told> Feed<L> {
    pub fn new(capacity: usize) -> Self {
        let inner = Inner { mailboxes: Vec::new(), state: None, is_up: false, is_closed: false };
        Self { inner: Mutex::new(inner), interests: Notify::new(), work: Notify::new(), capacity }
    }

    /// Tells everybody who wants it what is made only if somebody does.
    pub async fn tell(&self, wants: impl Fn(&L::Interest) -> bool, make: impl FnOnce() -> L) {
        // One task shall not have a thread to itself, however much comes.
        consume_budget().await;
        let inner = self.inner.lock();
        let mut wanting = inner.mailboxes.iter().filter(|mailbox| wants(&mailbox.interest));
        let Some(first) = wanting.next() else { return };
        let link = make();
        for other in wanting {
            other.put(link.clone(), self.capacity);
        }
        // Most often there is one, and it gets the thing itself.
        first.put(link, self.capacity);
    }

    /// All interests together.
    pub fn fold<T>(&self, begin: T, add: impl Fn(T, &L::Interest) -> T) -> T {
        self.inner.lock().mailboxes.iter().fold(begin, |all, mailbox| add(all, &mailbox.interest))
    }

    /// The link is up: everybody gets a snapshot, and what comes from now on behind it. It is told by [`Feed::admit`].
    pub fn up(&self, link: L) {
        let mut inner = self.inner.lock();
        inner.is_up = true;
        for mailbox in &inner.mailboxes {
            mailbox.state(&link, true, self.capacity);
        }
        inner.state = Some(link);
    }

    /// Asterisk is asked for all that these want to hear of: from now on they miss nothing, and are told that the link is up.
    pub fn admit(&self, hears: impl Fn(&L::Interest) -> bool) {
        for mailbox in self.inner.lock().mailboxes.iter().filter(|mailbox| hears(&mailbox.interest)) {
            let mut slot = mailbox.slot.lock();
            if let Some(greeting) = slot.greeting.take() {
                slot.waiting.push_back(greeting);
                mailbox.bell.notify_one();
            }
        }
        self.work.notify_one();
    }

    /// The link is down, or still is; `state`: what this is to a subscriber that comes later.
    pub fn down(&self, link: &L, state: Option<L>) {
        let mut inner = self.inner.lock();
        inner.is_up = false;
        inner.state = state;
        for mailbox in &inner.mailboxes {
            mailbox.state(link, false, self.capacity);
        }
    }

    /// The link sleeps, because nobody needs it. Who comes in this very moment has not been told that it was up, and need not
    /// hear why it was down.
    pub fn rest(&self) {
        let mut inner = self.inner.lock();
        inner.is_up = false;
        inner.state = None;
        for mailbox in &inner.mailboxes {
            let mut slot = mailbox.slot.lock();
            slot.is_up = false;
            slot.waiting.clear();
            slot.greeting = None;
            slot.begin();
        }
    }

    /// What everybody believes of Asterisk may be wrong: a fresh snapshot is due.
    pub fn doubt(&self) {
        for mailbox in &self.inner.lock().mailboxes {
            mailbox.slot.lock().wish(Instant::now());
        }
        self.work.notify_one();
    }

    /// Nothing will come any more.
    pub fn close(&self) {
        let mut inner = self.inner.lock();
        inner.is_closed = true;
        for mailbox in &inner.mailboxes {
            mailbox.slot.lock().is_closed = true;
            mailbox.bell.notify_one();
        }
    }

    /// Comes back when other things may be to be asked of Asterisk, or somebody waits for [`Feed::admit`].
    pub async fn interests(&self) {
        self.interests.notified().await;
    }

    /// Comes back when a snapshot may be due.
    pub async fn work(&self) {
        self.work.notified().await;
    }

    /// When the next snapshot is due; `None`: none is, as things stand.
    pub fn due(&self) -> Option<Instant> {
        self.inner.lock().mailboxes.iter().filter_map(|mailbox| mailbox.slot.lock().due_at()).min()
    }

    /// What comes from now on is held back for those to whom a snapshot is due.
    pub fn ask(&self) {
        let now = Instant::now();
        for mailbox in &self.inner.lock().mailboxes {
            let mut slot = mailbox.slot.lock();
            if slot.due_at().is_some_and(|at| at <= now) {
                slot.due = Due::Asked { since: now, again: false };
                slot.held.get_or_insert_default();
            }
        }
    }

    /// What was asked for is here, or why not. `is_final`: asking again is of no use as long as the link is up.
    pub fn answer(&self, answer: Result<L::Snapshot, String>, is_final: bool) {
        for mailbox in &self.inner.lock().mailboxes {
            let mut slot = mailbox.slot.lock();
            let Due::Asked { since, again } = slot.due else { continue };
            mailbox.bell.notify_one();
            if slot.is_full(self.capacity) {
                slot.lag_behind(1);
                continue;
            }
            let link = match &answer {
                Ok(snapshot) => {
                    slot.is_unread = true;
                    slot.has_seen = true;
                    L::snapshot(snapshot.clone())
                }
                Err(why) => L::unseen(why.clone()),
            };
            slot.waiting.push_back(link);
            let held = slot.held.take().unwrap_or_default();
            slot.waiting.extend(held);
            slot.due = match &answer {
                Ok(_) if again => Due::From(since + AGAIN),
                Ok(_) => Due::Had(since),
                Err(_) if is_final => Due::Refused,
                Err(_) => Due::From(Instant::now() + RETRY),
            };
        }
    }

    fn leave(&self, mailbox: &Arc<Mailbox<L>>) {
        self.inner.lock().mailboxes.retain(|other| !Arc::ptr_eq(other, mailbox));
        self.interests.notify_one();
    }
}

impl<L: Told> Mailbox<L> {
    fn put(&self, link: L, capacity: usize) {
        let mut slot = self.slot.lock();
        if let Some(lag) = &mut slot.lag {
            lag.count += 1;
            return;
        }
        if slot.is_full(capacity) {
            slot.lag_behind(1);
            // What is lost was held back, and so it may sleep.
            return self.bell.notify_one();
        }
        let slot = &mut *slot;
        match &mut slot.held {
            Some(held) => held.push_back(link),
            None => {
                slot.waiting.push_back(link);
                if slot.waiting.len() == 1 {
                    self.bell.notify_one();
                }
            }
        }
    }

    /// A word about the link itself is never lost, but for one of before of the same kind.
    fn state(&self, link: &L, is_up: bool, capacity: usize) {
        let mut slot = self.slot.lock();
        slot.is_up = is_up;
        // A loss follows what was lost.
        let greeting = slot.greeting.take();
        slot.waiting.extend(greeting);
        let held = slot.held.take();
        if slot.lag.is_none() && slot.is_full(capacity) {
            slot.lag_behind(0);
        }
        if let Some(lag) = &mut slot.lag {
            lag.states.retain(|other| std::mem::discriminant(other) != std::mem::discriminant(link));
            lag.states.push(link.clone());
        } else {
            // Without the snapshot that they are to follow they would be taken wrongly.
            if slot.has_seen {
                slot.waiting.extend(held.into_iter().flatten());
            }
            match is_up {
                true => slot.greeting = Some(link.clone()),
                false => slot.waiting.push_back(link.clone()),
            }
            slot.begin();
        }
        self.bell.notify_one();
    }

    /// Adds what is next for the subscriber to `taken`, some of it at a time: at thousands a second each look at the queue
    /// costs. False: nothing will come any more. The second: there is work for the link's keeper.
    fn take(&self, taken: &mut VecDeque<L>) -> (bool, bool) {
        let mut slot = self.slot.lock();
        if !slot.waiting.is_empty() {
            let some = slot.waiting.len().min(AT_ONCE);
            let had_unread = slot.is_unread;
            taken.extend(slot.waiting.drain(..some));
            slot.is_unread = had_unread && slot.waiting.iter().any(L::is_snapshot);
            return (true, had_unread && slot.due_at().is_some());
        }
        if let Some(lag) = slot.lag.take() {
            taken.push_back(L::lost(lag.count));
            slot.waiting.extend(lag.states);
            slot.begin();
            return (true, true);
        }
        (!slot.is_closed, false)
    }
}

impl<L> Slot<L> {
    fn is_full(&self, capacity: usize) -> bool {
        self.waiting.len() + self.held.as_ref().map_or(0, VecDeque::len) >= capacity
    }

    fn lag_behind(&mut self, count: u64) {
        let held = self.held.take().map_or(0, |held| held.len() as u64);
        self.lag = Some(Lag { count: count + held, states: Vec::new() });
        self.due = Due::No;
    }

    /// What comes from now on follows a snapshot, if the link is up.
    fn begin(&mut self) {
        self.has_seen = false;
        self.held = self.is_up.then(VecDeque::new);
        self.due = if self.is_up { Due::From(Instant::now()) } else { Due::No };
    }

    /// A fresh snapshot is due, but not at once after the last.
    fn wish(&mut self, now: Instant) {
        match &mut self.due {
            Due::Asked { again, .. } => *again = true,
            Due::No if self.is_up && self.lag.is_none() => self.due = Due::From(now),
            Due::Had(at) => self.due = Due::From(*at + AGAIN),
            Due::No | Due::From(_) | Due::Refused => {}
        }
    }

    /// Nobody needs a second one who has not read the first. For who is not admitted yet it would not hold.
    fn due_at(&self) -> Option<Instant> {
        match self.due {
            Due::From(at) if !self.is_unread && self.greeting.is_none() => Some(at),
            _ => None,
        }
    }
}

/// One who listens; it leaves when it is dropped.
pub(crate) struct Listener<L: Told> {
    feed: Arc<Feed<L>>,
    mailbox: Arc<Mailbox<L>>,
    /// Out of the mailbox, and not yet with the subscriber.
    taken: VecDeque<L>,
}

impl<L: Told> Listener<L> {
    pub fn join(feed: Arc<Feed<L>>, interest: L::Interest) -> Self {
        let mut inner = feed.inner.lock();
        let state = inner.state.clone();
        let (greeting, told) = if inner.is_up { (state, None) } else { (None, state) };
        let mut slot = Slot {
            waiting: told.into_iter().collect(),
            greeting,
            held: None,
            lag: None,
            due: Due::No,
            is_unread: false,
            has_seen: false,
            is_up: inner.is_up,
            is_closed: inner.is_closed,
        };
        slot.begin();
        let mailbox = Arc::new(Mailbox { interest, slot: Mutex::new(slot), bell: Notify::new() });
        inner.mailboxes.push(mailbox.clone());
        drop(inner);
        feed.interests.notify_one();
        Self { feed, mailbox, taken: VecDeque::new() }
    }

    /// `None`: nothing will come any more. Given up in the middle, it has lost nothing.
    pub async fn next(&mut self) -> Option<L> {
        consume_budget().await;
        loop {
            if let Some(link) = self.taken.pop_front() {
                return Some(link);
            }
            let (goes_on, has_work) = self.mailbox.take(&mut self.taken);
            if has_work {
                self.feed.work.notify_one();
            }
            match self.taken.is_empty() {
                false => {}
                true if goes_on => self.mailbox.bell.notified().await,
                true => return None,
            }
        }
    }
}

impl<L: Told> Drop for Listener<L> {
    fn drop(&mut self) {
        self.feed.leave(&self.mailbox);
    }
}

#[cfg(test)]
mod tests;
