//! One look serves all who ask: whoever asks while one is under way waits for the next, and shares it with all who came
//! meanwhile. So many calls that end together cost an Asterisk two lists of its channels, not a list each. It must not
//! know what is looked at.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::Mutex;

/// The looks at one thing, over one link.
#[derive(Debug)]
pub struct Looks<T, E> {
    /// So many have begun, and the last of these that has ended.
    begun: AtomicU64,
    ended: AtomicU64,
    waiting: AtomicUsize,
    last: Mutex<Option<Look<T, E>>>,
}

#[derive(Debug)]
struct Look<T, E> {
    number: u64,
    connection: u64,
    seen: Result<T, E>,
}

impl<T, E> Default for Looks<T, E> {
    fn default() -> Self {
        Self {
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            last: Mutex::new(None),
        }
    }
}

impl<T: Clone, E: Clone> Looks<T, E> {
    /// What there is now: seen by `ask`, or by somebody else's look that began after this was called.
    ///
    /// # Errors
    /// Those of `ask`. A look that was under way already and fails is told too: who is silent to one is silent to all,
    /// and nobody waits for two of them.
    pub async fn look(&self, ask: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.look_over(0, ask).await
    }

    /// The same over this connection: the failure of one that is gone is not told to who asks over the next.
    ///
    /// # Errors
    /// As [`Looks::look`].
    pub async fn look_over(&self, connection: u64, ask: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let ended = self.ended.load(Ordering::Acquire);
        let begun = self.begun.load(Ordering::Acquire);
        let _waits = Waits::new(self);
        let mut last = self.last.lock().await;
        if let Some(look) = &*last
            && match look.seen {
                Ok(_) => look.number > begun,
                Err(_) => look.number > ended && look.connection == connection,
            }
        {
            return look.seen.clone();
        }
        // What was seen before is nobody's answer any more.
        *last = None;
        let number = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
        let seen = ask.await;
        self.ended.store(number, Ordering::Release);
        *last = Some(Look { number, connection, seen: seen.clone() });
        seen
    }
}

/// Somebody waits, or looks. What was seen is kept as long as there is one: a list may have megabytes.
struct Waits<'a, T, E>(&'a Looks<T, E>);

impl<'a, T, E> Waits<'a, T, E> {
    fn new(looks: &'a Looks<T, E>) -> Self {
        looks.waiting.fetch_add(1, Ordering::AcqRel);
        Self(looks)
    }
}

impl<T, E> Drop for Waits<'_, T, E> {
    fn drop(&mut self) {
        if self.0.waiting.fetch_sub(1, Ordering::AcqRel) == 1
            && let Ok(mut last) = self.0.last.try_lock()
        {
            *last = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::{oneshot, watch};

    use super::*;

    type Numbers = Arc<Looks<Arc<usize>, String>>;

    /// Looks that end when they are let.
    struct Lister {
        looks: Numbers,
        count: Arc<AtomicUsize>,
        ends: watch::Sender<usize>,
    }

    impl Lister {
        fn new() -> Self {
            Self { looks: Arc::default(), count: Arc::default(), ends: watch::Sender::new(0) }
        }

        async fn ask(
            &self,
            fails: bool,
        ) -> (oneshot::Receiver<Arc<usize>>, tokio::task::JoinHandle<Result<Arc<usize>, String>>) {
            self.ask_over(0, fails).await
        }

        /// Asks, and comes back when it waits or looks.
        async fn ask_over(
            &self,
            connection: u64,
            fails: bool,
        ) -> (oneshot::Receiver<Arc<usize>>, tokio::task::JoinHandle<Result<Arc<usize>, String>>) {
            let (looks, count, mut ends) = (self.looks.clone(), self.count.clone(), self.ends.subscribe());
            let (begins, begun) = oneshot::channel();
            let waiting = self.looks.waiting.load(Ordering::Relaxed);
            let task = tokio::spawn(async move {
                let list = async {
                    let number = count.fetch_add(1, Ordering::Relaxed) + 1;
                    let _ = begins.send(Arc::new(number));
                    ends.wait_for(|end| *end >= number).await.expect("the test goes on");
                    if fails { Err(format!("look {number}")) } else { Ok(Arc::new(number)) }
                };
                looks.look_over(connection, list).await
            });
            while !task.is_finished() && self.looks.waiting.load(Ordering::Relaxed) == waiting {
                tokio::task::yield_now().await;
            }
            (begun, task)
        }
    }

    #[tokio::test]
    async fn who_asks_during_a_look_shares_the_next_and_nobody_gets_an_older_one() {
        let lister = Lister::new();
        let (begun, first) = lister.ask(false).await;
        begun.await.expect("it looks");
        let mut later = Vec::new();
        for _ in 0..5 {
            later.push(lister.ask(false).await.1);
        }
        lister.ends.send_replace(10);
        assert_eq!(*first.await.unwrap().unwrap(), 1);
        for asked in later {
            assert_eq!(*asked.await.unwrap().unwrap(), 2);
        }
        let seen = lister.ask(false).await.1.await.unwrap().unwrap();
        assert_eq!(*seen, 3, "one of before is nobody's answer");
        assert_eq!(Arc::strong_count(&seen), 1, "what nobody waits for is not kept");
    }

    #[tokio::test]
    async fn a_look_that_fails_is_told_to_all_who_wait_for_it() {
        let lister = Lister::new();
        let (begun, first) = lister.ask(true).await;
        begun.await.expect("it looks");
        let (_, later) = lister.ask(false).await;
        lister.ends.send_replace(10);
        assert_eq!(first.await.unwrap().unwrap_err(), "look 1");
        assert_eq!(later.await.unwrap().unwrap_err(), "look 1");
        assert_eq!(*lister.ask(false).await.1.await.unwrap().unwrap(), 2);
    }

    #[tokio::test]
    async fn the_failure_of_a_dead_connection_is_not_that_of_the_next() {
        let lister = Lister::new();
        let (begun, first) = lister.ask_over(1, true).await;
        begun.await.expect("it looks");
        let (_, later) = lister.ask_over(2, false).await;
        lister.ends.send_replace(10);
        assert_eq!(first.await.unwrap().unwrap_err(), "look 1");
        assert_eq!(*later.await.unwrap().unwrap(), 2);
    }

    #[tokio::test]
    async fn a_look_that_is_given_up_keeps_nobody_waiting() {
        let lister = Lister::new();
        let (begun, first) = lister.ask(false).await;
        begun.await.expect("it looks");
        let (_, later) = lister.ask(false).await;
        first.abort();
        lister.ends.send_replace(10);
        assert_eq!(*later.await.unwrap().unwrap(), 2);
    }
}
