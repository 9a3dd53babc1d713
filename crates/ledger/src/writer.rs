//! The one writer. It takes all that waits, writes it in one transaction, and tells when it is on
//! disk. A failing disk or a lock only makes it wait: it keeps what it has and tries again for ever.
//! Data that can never be written is given up alone, loudly, so that it holds up nobody else.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::{TimeDelta, Utc};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};
use tracing::{debug, error, info, warn};

use super::{
    Change, Commit, Deleted, Health, Notice, Refused, Shared, StoreError, engine::Engine, follow::Followers,
};
use call::CallId;

/// The most that one transaction takes: bounds its time and memory.
const BATCH: usize = 4096;

/// Steps that nobody waits for are gathered for so long: a transaction costs a sync of the disk, whatever
/// it holds. Measured at 120 calls/s: 1.5 transactions a call, where each step had its own before.
const GATHER: Duration = Duration::from_millis(2);

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

const PURGE_EVERY: Duration = Duration::from_secs(60);
/// Between two steps of a purge that is not through.
const PURGE_AGAIN: Duration = Duration::from_millis(200);

pub(super) enum Job {
    Commit(Commit),
    KeepDays(u32),
    Delete(CallId, oneshot::Sender<Result<Deleted, StoreError>>),
    Close,
}

impl Job {
    fn is_urgent(&self) -> bool {
        match self {
            Job::Commit(commit) => commit.urgent,
            Job::KeepDays(_) | Job::Delete(..) | Job::Close => true,
        }
    }
}

pub(super) struct Writer<E> {
    pub jobs: mpsc::UnboundedReceiver<Job>,
    pub notices: mpsc::UnboundedSender<Notice>,
    pub followers: Arc<Followers>,
    pub health: watch::Sender<Health>,
    pub shared: Arc<Shared>,
    pub engine: E,
    pub purge_at: Instant,
    /// When an idle store is looked at next, where that is done.
    pub look_at: Option<Instant>,
    /// 0: for ever.
    pub keep_days: u32,
}

impl<E: Engine> Writer<E> {
    /// Writes until the store is closed or all its handles are gone, and all that waited is written.
    pub async fn run(mut self) {
        let mut jobs = Vec::new();
        loop {
            let wake = self.look_at.map_or(self.purge_at, |look| look.min(self.purge_at));
            match tokio::time::timeout_at(wake, self.jobs.recv_many(&mut jobs, BATCH)).await {
                Ok(0) => break,
                Ok(_) => {
                    self.gather(&mut jobs).await;
                    self.carry_out(&mut jobs).await;
                }
                Err(_) => {}
            }
            if self.purge_at <= Instant::now() {
                self.purge().await;
            } else if self.look_at.is_some_and(|at| at <= Instant::now()) {
                self.look().await;
            }
        }
        self.engine.close().await;
    }

    /// Takes what comes within a moment too, unless somebody waits for what is there.
    async fn gather(&mut self, jobs: &mut Vec<Job>) {
        let until = Instant::now() + GATHER;
        let mut seen = 0;
        while jobs.len() < BATCH && !jobs[seen..].iter().any(Job::is_urgent) {
            seen = jobs.len();
            match tokio::time::timeout_at(until, self.jobs.recv_many(jobs, BATCH - seen)).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
    }

    async fn carry_out(&mut self, jobs: &mut Vec<Job>) {
        let mut commits = Vec::new();
        for job in jobs.drain(..) {
            match job {
                Job::Commit(commit) => commits.push(commit),
                Job::Delete(id, reply) => {
                    // In its turn: the end of the call may be among what waits.
                    self.write(std::mem::take(&mut commits)).await;
                    let deleted = self.delete(id).await;
                    // Whoever asked may have gone.
                    let _ = reply
                        .send(deleted.map_err(|source| StoreError::Write { what: "the deletion", source }));
                }
                Job::KeepDays(days) => {
                    self.keep_days = days;
                    self.purge_at = Instant::now();
                }
                Job::Close => self.jobs.close(),
            }
        }
        self.write(commits).await;
    }

    async fn write(&mut self, commits: Vec<Commit>) {
        if commits.is_empty() {
            return;
        }
        let commits = by_call(commits);
        match self.write_until_done(&commits).await {
            Ok(first_seq) => self.publish(commits, first_seq),
            Err(e) if commits.len() == 1 => self.refuse(commits, &e),
            Err(e) => {
                warn!(error = %e, commits = commits.len(), "a commit can't be written; writing one by one to find it");
                for commit in commits {
                    let alone = vec![commit];
                    match self.write_until_done(&alone).await {
                        Ok(first_seq) => self.publish(alone, first_seq),
                        Err(e) => self.refuse(alone, &e),
                    }
                }
            }
        }
    }

    /// Tries until it is written; the error is one that no repetition would cure.
    async fn write_until_done(&mut self, commits: &[Commit]) -> Result<i64, sqlx::Error> {
        let mut pause = FIRST_PAUSE;
        loop {
            let at_work = self.shared.at_work();
            let result = self.engine.write(commits, self.shared.clock.now()).await;
            drop(at_work);
            let error = match result {
                Ok(first_seq) => {
                    self.shared.transactions.add(1);
                    self.found();
                    return Ok(first_seq);
                }
                Err(e) if E::is_permanent(&e) => {
                    // The data is at fault; the database answered.
                    self.found();
                    return Err(e);
                }
                Err(e) => e,
            };
            self.shared.retries.add(1);
            self.lost(&error);
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    fn publish(&self, commits: Vec<Commit>, first_seq: i64) {
        self.shared.commits.add(commits.len() as u64);
        self.shared.backlog.sub(commits.len() as u64);
        let mut seq = first_seq..;
        let mut changes: Vec<Change> = Vec::new();
        let mut done = Vec::new();
        for commit in commits {
            let entries =
                commit.entries.into_iter().map(|entry| (seq.next().expect("seq has 63 bits"), entry));
            match changes.last_mut().filter(|change| change.record.id == commit.record.id) {
                Some(change) => {
                    change.entries.extend(entries);
                    change.record = commit.record;
                }
                None => changes.push(Change::new(commit.record, entries.collect())),
            }
            done.extend(commit.done);
        }
        let changes: Vec<Arc<Change>> = changes.into_iter().map(Arc::new).collect();
        for change in &changes {
            self.followers.tell(change);
        }
        // Nobody may listen, as in a bot for offices alone: what counts is on disk.
        let _ = self.notices.send(Notice::Committed(changes));
        for waiting in done {
            let _ = waiting.send(());
        }
    }

    fn refuse(&self, commits: Vec<Commit>, cause: &sqlx::Error) {
        for Commit { record, entries, .. } in commits {
            self.shared.backlog.sub(1);
            self.shared.refused.add(1);
            error!(
                call = %record.id, status = %record.last.status, entries = entries.len(), error = %cause,
                "what happened to a call can't be stored, now or ever: this is a fault of the program; its data is given up"
            );
            let notice = Refused { call_id: record.id, record, reason: cause.to_string() };
            let _ = self.notices.send(Notice::Refused(notice));
        }
    }

    async fn delete(&mut self, id: CallId) -> Result<Deleted, sqlx::Error> {
        let _at_work = self.shared.at_work();
        self.engine.delete(id).await
    }

    /// Nobody may call for hours, and the operator should know now. Nothing waits to be written, or this would not run.
    async fn look(&mut self) -> bool {
        let at_work = self.shared.at_work();
        let looked = self.engine.look().await;
        drop(at_work);
        let pause = match &looked {
            Ok(()) => E::LOOK_EVERY,
            Err(_) => E::LOOK_EVERY.map(|often| often.min(LONGEST_PAUSE)),
        };
        self.look_at = pause.map(|pause| Instant::now() + pause);
        match looked {
            Ok(()) => {
                self.found();
                true
            }
            Err(e) => {
                self.lost(&e);
                false
            }
        }
    }

    async fn purge(&mut self) {
        if !self.look().await {
            self.purge_at = Instant::now() + LONGEST_PAUSE;
            return;
        }
        let keep = (self.keep_days > 0).then(|| TimeDelta::days(self.keep_days.into()));
        let at_work = self.shared.at_work();
        let purged = self.engine.purge(self.shared.clock.now(), keep).await;
        drop(at_work);
        let next = match purged {
            Ok(true) => PURGE_AGAIN,
            Ok(false) => PURGE_EVERY,
            Err(e) => {
                debug!(error = %e, "what has outlived its time was not removed; the next purge does it");
                PURGE_EVERY
            }
        };
        self.purge_at = Instant::now() + next;
    }

    fn lost(&self, cause: &sqlx::Error) {
        let reason = E::told(cause);
        self.health.send_if_modified(|health| {
            let Health::Away { reason: known, .. } = health else {
                error!(
                    store = %self.engine.name(), error = %reason,
                    "the store can't be written; calls wait and nothing is lost; {}", E::REMEDY
                );
                *health = Health::Away { reason, since: Utc::now() };
                return true;
            };
            let changed = *known != reason;
            *known = reason;
            changed
        });
    }

    fn found(&self) {
        self.health.send_if_modified(|health| {
            let Health::Away { since, .. } = health else { return false };
            info!(store = %self.engine.name(), %since, "the store can be written again");
            *health = Health::Ok;
            true
        });
    }
}

/// Puts the commits of one call together, in the order in which the calls appear; those of one call
/// keep theirs. So the entries of a call get neighbouring numbers, and a batch of notices that is
/// read in order gives the numbers in order.
fn by_call(mut commits: Vec<Commit>) -> Vec<Commit> {
    let mut places = HashMap::new();
    for commit in &commits {
        let next = places.len();
        places.entry(commit.record.id).or_insert(next);
    }
    commits.sort_by_key(|commit| places[&commit.record.id]);
    commits
}
