//! Whose secret is it: out of the memory where that is young enough, else out of the table, one query a secret however
//! many ask at once. A refusal never comes out of the memory. Owns how long somebody is kept waiting. It must not know how the database is watched.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use chrono::Utc;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout, timeout_at},
};

use super::{
    Directory, Inner, Link, Memory,
    cache::{Answer, Fingerprint, Look},
    count,
    database::{Mode, Row},
    enterprise::Enterprise,
    error::{DirectoryError, Failure, Kind},
    table::{Layout, no_table},
};
use asterisk::secret::Secret;
use lang::{Text, say};

/// The longest secret that is looked for, in bytes. Ours have 32.
const LONGEST: usize = 256;

/// Look-ups of unknown secrets that may wait at once.
const WAITING: usize = 1000;

/// Whoever is not known waits so long for a database that is away: the watcher looks at once.
const BACK: Duration = Duration::from_millis(300);

/// The look-ups that are under way, one a secret.
#[derive(Debug, Default)]
pub(super) struct Flights {
    flights: HashMap<Fingerprint, Flight>,
    unknown: usize,
}

#[derive(Debug)]
struct Flight {
    began: Instant,
    epoch: u64,
    of_known: bool,
    landed: watch::Receiver<Option<Landed>>,
}

/// What the table said, and when it was asked.
type Landed = Result<(Answer, Instant), Trouble>;

/// Why a look-up came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// The link says why.
    Away,
    Busy,
}

impl Inner {
    pub(super) async fn identify(
        self: &Arc<Self>,
        secret: &Secret,
    ) -> Result<Option<Arc<Enterprise>>, DirectoryError> {
        if !may_be_one(secret) {
            return Ok(None);
        }
        let key = self.key.of(secret);
        let is_away = self.is_away_for(&key).await;
        let arrived = Instant::now();
        loop {
            let (stale, flight) = {
                let mut memory = self.memory.lock();
                let stale = match memory.cache.look(&key, Instant::now()) {
                    Look::Fresh(answer) => {
                        count(&self.tally.remembered);
                        return told(answer);
                    }
                    Look::Ageing(answer) => {
                        if !is_away {
                            // A client that stays never waits: the next answer is fetched before this one is too old.
                            self.fly(&mut memory, key, secret, true);
                        }
                        count(&self.tally.remembered);
                        return told(answer);
                    }
                    Look::Stale(answer, age) => Some((answer, age)),
                    Look::Nothing => None,
                };
                if is_away {
                    return self.without_database(stale);
                }
                let flight = self.fly(&mut memory, key, secret, stale.is_some());
                (stale, flight)
            };
            let Some((began, mut landed)) = flight else { return Err(DirectoryError::Busy) };
            let landing = async {
                let landed = landed.wait_for(Option::is_some).await;
                landed.map_or(Err(Trouble::Away), |landed| landed.clone().unwrap_or(Err(Trouble::Away)))
            };
            // Whoever was confirmed a moment ago is not kept waiting by a database that hesitates; whoever was not must
            // wait for it, or until it counts as away.
            let landed = match &stale {
                Some((_, age)) if *age < self.config.life + self.config.time_limit => {
                    match timeout_at(began + self.config.patience, landing).await {
                        Ok(landed) => landed,
                        Err(_late) => return self.without_database(stale),
                    }
                }
                _ => landing.await,
            };
            match landed {
                // It may have become somebody's between that look and this request; the next look is a newer one.
                Ok((Answer::Unknown, asked)) if asked < arrived => {}
                Ok((answer, _)) => return told(answer),
                Err(Trouble::Away) => return self.without_database(stale),
                Err(Trouble::Busy) if stale.is_some() => return self.without_database(stale),
                Err(Trouble::Busy) => return Err(DirectoryError::Busy),
            }
        }
    }

    /// Whether the database is away. One that never had a table is looked for at once and waited for a moment: the first
    /// `enterprise add` may have just made it.
    async fn is_away_for(&self, key: &Fingerprint) -> bool {
        if *self.link.borrow() == Link::Connected {
            return false;
        }
        // One that was there and went away is not waited for.
        let is_new = self.layout.lock().is_none();
        if is_new && matches!(self.memory.lock().cache.look(key, Instant::now()), Look::Nothing) {
            self.wake.notify_one();
            let mut link = self.link.subscribe();
            // Its end is that of the program.
            let _ = timeout(BACK, link.wait_for(|link| *link == Link::Connected)).await;
        }
        *self.link.borrow() != Link::Connected
    }

    /// What is said while the database does not answer.
    fn without_database(
        &self,
        stale: Option<(Answer, Duration)>,
    ) -> Result<Option<Arc<Enterprise>>, DirectoryError> {
        match stale {
            Some((answer, age)) if age <= self.config.grace => {
                count(&self.tally.graced);
                told(answer)
            }
            _ => {
                count(&self.tally.turned_away);
                Err(self.away())
            }
        }
    }

    fn away(&self) -> DirectoryError {
        match &*self.link.borrow() {
            Link::Away { since, why } => DirectoryError::Away { since: *since, why: why.clone() },
            // It has come back between our failure and now.
            Link::Connected => DirectoryError::Away {
                since: Utc::now(),
                why: say!("it did not answer in time", "она не ответила вовремя"),
            },
        }
    }

    /// The look-up of this secret that is under way, or a new one; when it began, and where it lands. `None` if too
    /// many unknown secrets wait.
    fn fly(
        self: &Arc<Self>,
        memory: &mut Memory,
        key: Fingerprint,
        secret: &Secret,
        of_known: bool,
    ) -> Option<(Instant, watch::Receiver<Option<Landed>>)> {
        let Memory { cache, flights, .. } = memory;
        let epoch = cache.epoch();
        if let Some(flight) = flights.flights.get(&key)
            // What was asked before a change does not tell what is after it, and one that broke off never lands.
            && flight.epoch == epoch
            && flight.landed.has_changed().is_ok()
        {
            return Some((flight.began, flight.landed.clone()));
        }
        if !of_known && flights.unknown >= WAITING {
            return None;
        }
        let began = Instant::now();
        let (landing, landed) = watch::channel(None);
        let flight = Flight { began, epoch, of_known, landed: landed.clone() };
        flights.take(&key, None);
        flights.unknown += usize::from(!of_known);
        flights.flights.insert(key, flight);
        let (inner, secret) = (self.clone(), secret.clone());
        let not_before = cache.not_before(&key);
        // A task of its own: a client that goes away does not break off what others wait for.
        tokio::spawn(async move {
            if let Some(not_before) = not_before {
                sleep_until(not_before).await;
            }
            let result = inner.look_up(&secret, of_known).await;
            let mut memory = inner.memory.lock();
            if let Ok((answer, asked)) = &result {
                memory.cache.learn(key, answer.clone(), *asked, epoch);
            }
            memory.flights.take(&key, Some(epoch));
            drop(memory);
            landing.send_replace(Some(result));
        });
        Some((began, landed))
    }

    async fn look_up(&self, secret: &Secret, of_known: bool) -> Landed {
        let limit = self.config.time_limit;
        let lane = if of_known { &self.known_lane } else { &self.unknown_lane };
        let Ok(Ok(_place)) = timeout(limit, lane.acquire()).await else { return Err(Trouble::Busy) };
        if matches!(*self.link.borrow(), Link::Away { .. }) {
            return Err(Trouble::Away);
        }
        count(&self.tally.queries);
        let asked = Instant::now();
        let failure = match timeout(limit, self.find(secret)).await {
            Ok(Ok((layout, rows))) => {
                let answer = match layout.read_one(&rows) {
                    None => Answer::Unknown,
                    Some(Ok(enterprise)) => Answer::Known(Arc::new(enterprise)),
                    Some(Err(error)) => {
                        tracing::warn!(%error, "an enterprise is turned away");
                        Answer::Unfit(error)
                    }
                };
                return Ok((answer, asked));
            }
            // A secret that this table can't hold is nobody's. What the database says of it repeats the secret.
            Ok(Err(Failure { kind: Kind::Values, .. })) => return Ok((Answer::Unknown, asked)),
            Ok(Err(failure)) => failure,
            Err(_late) => {
                Failure::other(say!("no answer within {limit}", "за {limit} нет ответа", limit = limit))
            }
        };
        count(&self.tally.failures);
        self.lost(failure.why);
        self.wake.notify_one();
        Err(Trouble::Away)
    }

    /// The rows of a secret. What fails for a connection's age, or because the table was changed, is asked again.
    async fn find(&self, secret: &Secret) -> Result<(Arc<Layout>, Vec<Row>), Failure> {
        let values = [Some(secret.expose())];
        let known = self.layout.lock().clone();
        let idle = self.idle.lock().pop();
        if let (Some(layout), Some(mut connection)) = (known, idle) {
            match connection.rows(layout.find.clone(), &values).await {
                Ok(rows) => {
                    self.idle.lock().push(connection);
                    return Ok((layout, rows));
                }
                Err(Failure { kind: Kind::Connection, .. }) => self.idle.lock().clear(),
                Err(Failure { kind: Kind::Table, .. }) => *self.layout.lock() = None,
                Err(failure) => {
                    if failure.kind == Kind::Values {
                        self.idle.lock().push(connection);
                    }
                    return Err(failure);
                }
            }
        }
        let mut connection = self.target.connect(Mode::Read, self.config.time_limit).await?;
        let known = self.layout.lock().clone();
        let layout = match known {
            Some(layout) => layout,
            None => {
                let seen = Arc::new(Layout::look(&mut connection).await?.ok_or_else(no_table)?);
                *self.layout.lock() = Some(seen.clone());
                seen
            }
        };
        let rows = connection.rows(layout.find.clone(), &values).await?;
        // A SQLite file is opened each time: it costs little, and a file that was put in its place is seen.
        if self.target.postgres().is_some() {
            self.idle.lock().push(connection);
        }
        Ok((layout, rows))
    }

    /// The database is away from now on, until the watcher has reached it.
    pub(super) fn lost(&self, why: Text) {
        self.idle.lock().clear();
        let is_news = self.link.send_if_modified(|link| match link {
            Link::Connected => {
                *link = Link::Away { since: Utc::now(), why: why.clone() };
                true
            }
            Link::Away { why: told, .. } if *told != why => {
                told.clone_from(&why);
                true
            }
            Link::Away { .. } => false,
        });
        if is_news {
            let grace = self.config.grace;
            tracing::warn!(database = %self.target, %why, "the enterprises' database is away; those that are known go on for {grace:?}");
        }
    }
}

impl Flights {
    /// Takes a flight out, of this epoch if one is given.
    fn take(&mut self, key: &Fingerprint, epoch: Option<u64>) {
        if let Entry::Occupied(flight) = self.flights.entry(*key)
            && epoch.is_none_or(|epoch| flight.get().epoch == epoch)
        {
            self.unknown -= usize::from(!flight.remove().of_known);
        }
    }
}

/// PostgreSQL's text can't hold all of what is none, and an empty secret is a row that somebody forgot to fill.
pub(super) fn may_be_one(secret: &Secret) -> bool {
    let text = secret.expose();
    !text.is_empty() && text.len() <= LONGEST && !text.chars().any(char::is_control)
}

fn told(answer: Answer) -> Result<Option<Arc<Enterprise>>, DirectoryError> {
    match answer {
        Answer::Known(enterprise) => Ok(Some(enterprise)),
        Answer::Unfit(error) => Err(error),
        Answer::Unknown => Ok(None),
    }
}

impl Directory {
    /// What is known of an enterprise, or of all with `None`, is asked for again.
    pub(super) fn forget(&self, number: Option<&str>) {
        self.inner.memory.lock().cache.forget(number);
    }
}
