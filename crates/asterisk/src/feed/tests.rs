use futures_util::FutureExt;
use tokio::time::timeout;

use super::*;

#[derive(Debug, Clone, PartialEq)]
enum Word {
    Up,
    Down,
    Now,
    Unseen,
    Event(u32),
    Lost(u64),
}

impl Told for Word {
    /// Of which kind.
    type Interest = u8;
    type Snapshot = ();

    fn lost(count: u64) -> Self {
        Self::Lost(count)
    }

    fn snapshot((): ()) -> Self {
        Self::Now
    }

    fn is_snapshot(&self) -> bool {
        *self == Self::Now
    }

    fn unseen(_: String) -> Self {
        Self::Unseen
    }
}

const CAPACITY: usize = 4;

fn up() -> (Arc<Feed<Word>>, Listener<Word>) {
    let feed = Arc::new(Feed::new(CAPACITY));
    let listener = Listener::join(feed.clone(), 0);
    feed.up(Word::Up);
    feed.admit(|_| true);
    (feed, listener)
}

/// All that is there.
fn heard(listener: &mut Listener<Word>) -> Vec<Word> {
    std::iter::from_fn(|| listener.next().now_or_never().flatten()).collect()
}

fn refuse(feed: &Feed<Word>, is_final: bool) {
    feed.ask();
    feed.answer(Err("no".to_owned()), is_final);
}

#[tokio::test]
async fn who_waits_for_a_snapshot_is_woken_when_too_much_came_meanwhile() {
    let (feed, mut listener) = up();
    assert_eq!(heard(&mut listener), [Word::Up]);
    feed.ask();
    let waits = tokio::spawn(async move { listener.next().await });
    tokio::task::yield_now().await;
    for number in 0..=CAPACITY as u32 {
        feed.tell(|_| true, || Word::Event(number)).await;
    }
    let told = timeout(Duration::from_secs(5), waits).await.expect("it sleeps for ever").expect("it waits");
    assert_eq!(told, Some(Word::Lost(CAPACITY as u64 + 1)));
}

#[tokio::test]
async fn who_may_not_have_a_snapshot_is_told_so_once_however_much_is_forged() {
    let (feed, mut listener) = up();
    refuse(&feed, true);
    for _ in 0..20 {
        feed.doubt();
        assert!(feed.due().is_none(), "it is asked for again");
    }
    assert_eq!(heard(&mut listener), [Word::Up, Word::Unseen]);
    // Another connection may be another user's.
    feed.down(&Word::Down, Some(Word::Down));
    feed.up(Word::Up);
    feed.admit(|_| true);
    assert!(feed.due().is_some());
}

#[tokio::test]
async fn answers_too_wait_in_a_queue_with_an_end() {
    let (feed, mut listener) = up();
    for _ in 0..10 * CAPACITY {
        refuse(&feed, false);
        let mailbox = feed.inner.lock().mailboxes[0].clone();
        let mut slot = mailbox.slot.lock();
        if let Due::From(at) = &mut slot.due {
            *at = Instant::now();
        }
    }
    let mut expected = vec![Word::Unseen; CAPACITY - 1];
    expected.insert(0, Word::Up);
    expected.push(Word::Lost(1));
    assert_eq!(heard(&mut listener), expected);
    assert!(feed.due().is_some(), "it gets one now");
}

#[tokio::test]
async fn nobody_is_told_that_the_link_is_up_before_asterisk_is_asked_for_what_he_wants() {
    let (feed, mut listener) = up();
    let mut other = Listener::join(feed.clone(), 1);
    feed.admit(|kind| *kind == 0);
    feed.ask();
    feed.answer(Ok(()), false);
    assert_eq!(heard(&mut listener), [Word::Up, Word::Now]);
    assert_eq!(heard(&mut other), []);
    assert!(feed.due().is_none(), "a snapshot would not hold");
    feed.admit(|_| true);
    assert_eq!(heard(&mut other), [Word::Up]);
    assert!(feed.due().is_some());
}
