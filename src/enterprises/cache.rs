//! What was found out about secrets, and how old that is. Pure: the time is an argument. It must not know the
//! database; a secret comes here only as its fingerprint.

use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use super::{enterprise::Enterprise, error::DirectoryError};
use asterisk::secret::Secret;

/// SHA-256 of a secret and of a key of this process, so that one that leaks from a dump can't be looked up. Compared in
/// constant time.
#[derive(Debug, Clone, Copy, Eq)]
pub(super) struct Fingerprint([u8; 32]);

/// Makes fingerprints.
pub(super) struct Key([u8; 32]);

/// What the table says of a secret.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Known(Arc<Enterprise>),
    /// Somebody's whose row is not sane.
    Unfit(DirectoryError),
    Unknown,
}

/// What the cache says of a secret.
#[derive(Debug)]
pub(super) enum Look {
    Fresh(Answer),
    /// True, and best asked for again before it is too old.
    Ageing(Answer),
    /// Too old to be told by itself; so long ago it was true.
    Stale(Answer, Duration),
    Nothing,
}

#[derive(Debug)]
pub(super) struct Cache {
    life: Duration,
    unknown_life: Duration,
    known: HashMap<Fingerprint, (Answer, Instant)>,
    unknown: Recent,
    /// How often something was made invalid: what was asked before that may not be kept.
    epoch: u64,
}

impl Key {
    pub fn new() -> Self {
        Self(rand::random())
    }

    pub fn of(&self, secret: &Secret) -> Fingerprint {
        Fingerprint(Sha256::new().chain_update(self.0).chain_update(secret.expose()).finalize().into())
    }
}

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Hash for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Cache {
    /// `unknown` is the most unknown secrets that are remembered.
    pub fn new(life: Duration, unknown_life: Duration, unknown: usize) -> Self {
        Self { life, unknown_life, known: HashMap::new(), unknown: Recent::new(unknown), epoch: 0 }
    }

    pub fn look(&self, secret: &Fingerprint, now: Instant) -> Look {
        if let Some((answer, asked)) = self.known.get(secret) {
            let age = now.saturating_duration_since(*asked);
            return match age {
                age if age < self.life / 2 => Look::Fresh(answer.clone()),
                age if age < self.life => Look::Ageing(answer.clone()),
                age => Look::Stale(answer.clone(), age),
            };
        }
        // It may have become somebody's just now, and no table tells of that in time.
        Look::Nothing
    }

    /// When a secret that was tried again and again, and was nobody's, may be asked for once more.
    pub fn not_before(&self, secret: &Fingerprint) -> Option<Instant> {
        self.unknown.get(secret).filter(|tries| tries.asked >= TRIES).map(|tries| tries.last + PAUSE)
    }

    /// Keeps what was asked at `asked`, in the epoch `epoch`.
    pub fn learn(&mut self, secret: Fingerprint, answer: Answer, asked: Instant, epoch: u64) {
        if epoch != self.epoch {
            return;
        }
        if matches!(answer, Answer::Unknown) {
            self.known.remove(&secret);
            let tries = match self.unknown.get(&secret) {
                Some(tries) if asked.saturating_duration_since(tries.first) < self.unknown_life => {
                    Tries { asked: tries.asked.saturating_add(1), last: asked, ..tries }
                }
                _ => Tries { first: asked, last: asked, asked: 1 },
            };
            self.unknown.put(secret, tries);
        } else {
            self.unknown.remove(&secret);
            self.known.insert(secret, (answer, asked));
        }
    }

    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// An enterprise has changed, or with `None` all have: whatever is known of it must be asked for again, and an
    /// unknown secret may be its new one.
    pub fn forget(&mut self, number: Option<&str>) {
        self.epoch += 1;
        self.unknown.clear();
        self.known.retain(|_, (answer, _)| match (answer, number) {
            (Answer::Known(enterprise), Some(number)) => enterprise.number.as_str() != number.trim_end(),
            // What is wrong may be mended now.
            _ => false,
        });
    }

    /// Removes what nobody may be told any more.
    pub fn prune(&mut self, now: Instant, grace: Duration) {
        let longest = grace.max(self.life);
        self.known.retain(|_, (_, asked)| now.saturating_duration_since(*asked) <= longest);
    }

    /// An enterprise that was known by some secret not longer than `grace` ago.
    pub fn by_number(&self, number: &str, now: Instant, grace: Duration) -> Option<Arc<Enterprise>> {
        self.known.values().find_map(|(answer, asked)| match answer {
            Answer::Known(enterprise) if enterprise.number.as_str() == number => {
                (now.saturating_duration_since(*asked) <= grace).then(|| enterprise.clone())
            }
            _ => None,
        })
    }

    pub fn known(&self) -> usize {
        self.known.values().filter(|(answer, _)| matches!(answer, Answer::Known(_))).count()
    }

    pub fn unknown(&self) -> usize {
        self.unknown.len()
    }
}

/// A bounded memory of two generations: when the young one is half of what is allowed, it becomes the old one, and the
/// old one is gone. What is asked for again and again is put again and again, so it stays.
#[derive(Debug)]
struct Recent {
    half: usize,
    young: HashMap<Fingerprint, Tries>,
    old: HashMap<Fingerprint, Tries>,
}

/// How often the table said that a secret is nobody's, since when.
#[derive(Debug, Clone, Copy)]
struct Tries {
    first: Instant,
    last: Instant,
    asked: u8,
}

/// So often within its life the table is asked for an unknown secret whenever it comes, and then after a pause: whoever
/// comes meanwhile waits for that answer.
const TRIES: u8 = 5;

const PAUSE: Duration = Duration::from_millis(200);

impl Recent {
    fn new(most: usize) -> Self {
        Self { half: (most / 2).max(1), young: HashMap::new(), old: HashMap::new() }
    }

    fn get(&self, secret: &Fingerprint) -> Option<Tries> {
        self.young.get(secret).or_else(|| self.old.get(secret)).copied()
    }

    fn put(&mut self, secret: Fingerprint, tries: Tries) {
        self.old.remove(&secret);
        if self.young.len() >= self.half && !self.young.contains_key(&secret) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(secret, tries);
    }

    fn remove(&mut self, secret: &Fingerprint) {
        self.young.remove(secret);
        self.old.remove(secret);
    }

    fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }

    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(1);
    const MS: Duration = Duration::from_millis(1);

    fn june() -> Answer {
        Answer::Known(Arc::new(Enterprise {
            number: "0367".parse().expect("a number"),
            name: "june".parse().expect("a name"),
            ip: "10.88.10.19".parse().expect("a host"),
            settings: Default::default(),
        }))
    }

    fn cache() -> (Cache, Key, Instant) {
        (Cache::new(LIFE, 2 * LIFE, 10_000), Key::new(), Instant::now())
    }

    #[test]
    fn an_answer_grows_old() {
        let (mut cache, key, start) = cache();
        let secret = key.of(&Secret::new("s"));
        assert!(matches!(cache.look(&secret, start), Look::Nothing));
        cache.learn(secret, june(), start, 0);
        assert!(matches!(cache.look(&secret, start + 499 * MS), Look::Fresh(Answer::Known(_))));
        assert!(matches!(cache.look(&secret, start + 999 * MS), Look::Ageing(Answer::Known(_))));
        assert!(matches!(cache.look(&secret, start + 1000 * MS), Look::Stale(_, age) if age == LIFE));
        // A secret that is made somebody's now is asked for at once; one that is tried on and on costs a few queries.
        for _ in 0..TRIES {
            assert!(matches!(cache.look(&secret, start + LIFE), Look::Stale(..) | Look::Nothing));
            assert_eq!(cache.not_before(&secret), None);
            cache.learn(secret, Answer::Unknown, start + LIFE, 0);
        }
        assert!(matches!(cache.look(&secret, start + LIFE), Look::Nothing), "no refusal is remembered");
        assert_eq!(cache.not_before(&secret), Some(start + 1200 * MS));
        assert_eq!(cache.known(), 0);
    }

    #[test]
    fn a_change_is_not_covered_by_what_was_asked_before() {
        let (mut cache, key, start) = cache();
        let (june_secret, unknown) = (key.of(&Secret::new("s")), key.of(&Secret::new("u")));
        cache.learn(june_secret, june(), start, 0);
        cache.learn(unknown, Answer::Unknown, start, 0);
        cache.forget(Some("0368"));
        assert!(matches!(cache.look(&june_secret, start), Look::Fresh(_)), "another one has changed");
        assert!(matches!(cache.look(&unknown, start), Look::Nothing), "it may be the new secret");
        cache.forget(Some("0367"));
        assert!(matches!(cache.look(&june_secret, start), Look::Nothing));
        cache.learn(june_secret, june(), start, 1);
        assert!(matches!(cache.look(&june_secret, start), Look::Nothing), "asked before the change");
        cache.learn(june_secret, june(), start, cache.epoch());
        assert!(matches!(cache.look(&june_secret, start), Look::Fresh(_)));
        cache.forget(None);
        assert!(matches!(cache.look(&june_secret, start), Look::Nothing));
    }

    #[test]
    fn guesses_fill_no_memory_and_push_nobody_out() {
        let (mut cache, key, start) = cache();
        let (june_secret, asked_often) = (key.of(&Secret::new("s")), key.of(&Secret::new("often")));
        cache.learn(june_secret, june(), start, 0);
        for guess in 0..100_000 {
            cache.learn(key.of(&Secret::new(format!("guess {guess}"))), Answer::Unknown, start, 0);
            if guess % 1000 == 0 {
                cache.learn(asked_often, Answer::Unknown, start, 0);
            }
            assert!(cache.unknown() <= 10_000);
        }
        assert!(cache.unknown() >= 5_000);
        assert!(cache.not_before(&asked_often).is_some());
        assert!(matches!(cache.look(&june_secret, start), Look::Fresh(Answer::Known(_))));
    }

    #[test]
    fn what_outlived_its_grace_is_removed() {
        let (mut cache, key, start) = cache();
        cache.learn(key.of(&Secret::new("s")), june(), start, 0);
        cache.prune(start + Duration::from_secs(60), Duration::from_secs(60));
        assert_eq!(cache.known(), 1);
        cache.prune(start + Duration::from_secs(61), Duration::from_secs(60));
        assert_eq!(cache.known(), 0);
    }

    #[test]
    fn a_fingerprint_shows_no_secret_and_is_this_processs_own() {
        let (one, two) = (Key::new(), Key::new());
        let secret = Secret::new("d68409d67e3b4b87a6675e76dae74a85");
        assert!(one.of(&secret) == one.of(&secret) && one.of(&secret) != two.of(&secret));
        assert!(!format!("{:?}", one.of(&secret)).contains("d68409d6"));
    }
}
