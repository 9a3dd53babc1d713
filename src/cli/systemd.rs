//! What the service manager is told (sd_notify): ready, reloading, stopping, and that the engine still
//! turns. Says nothing where there is no service manager.

use std::{pin::pin, time::Duration};

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::engine::EngineHandle;

/// What a stop may take beside the time that live calls get: their last evidence, requests in
/// progress, the disk.
const STOP_MARGIN: Duration = Duration::from_secs(40);

/// How long a start may take beyond what it took already, told again and again.
const START_EXTENDED: Duration = Duration::from_secs(30);

pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Work before [`ready`] that may take longer than a service gets for its start: a store of an older release that is copied and changed.
/// As long as it goes on, the service manager is told to wait.
pub(super) async fn not_ready_yet<T>(work: impl Future<Output = T>) -> T {
    let micros = u32::try_from(START_EXTENDED.as_micros()).unwrap_or(u32::MAX);
    let mut is_long = false;
    let done = while_it_lasts(work, || {
        is_long = true;
        tell(&[NotifyState::Status("opening the store"), NotifyState::ExtendTimeoutUsec(micros)]);
    })
    .await;
    if is_long {
        tell(&[NotifyState::Status("")]);
    }
    done
}

async fn while_it_lasts<T>(work: impl Future<Output = T>, mut extend: impl FnMut()) -> T {
    let mut work = pin!(work);
    loop {
        match timeout(START_EXTENDED / 3, &mut work).await {
            Ok(done) => return done,
            Err(_) => extend(),
        }
    }
}

/// To be followed by [`ready`], also when the reload failed.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// Live calls get `stop_timeout`, which may be longer than systemd would wait by itself.
pub(super) fn stopping(stop_timeout: Duration) {
    let micros = (stop_timeout + STOP_MARGIN).as_micros();
    tell(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(u32::try_from(micros).unwrap_or(u32::MAX))]);
}

/// Feeds the watchdog for ever, as long as the engine's own task answers: a live process whose
/// engine stands still must be restarted.
pub(super) async fn feed_watchdog(engine: EngineHandle) {
    if let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) {
        feed_while_it_turns(engine, limit, || tell(&[NotifyState::Watchdog])).await;
    }
}

async fn feed_while_it_turns(engine: EngineHandle, limit: Duration, feed: impl Fn()) {
    let mut ticks = interval(limit / 3);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match timeout(limit / 3, engine.ping()).await {
            Ok(true) => feed(),
            // Its end is its owner's matter; so is the state of a stop.
            Ok(false) => return,
            Err(_) => tracing::error!("the engine does not answer; systemd's watchdog is not fed"),
        }
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, ?state, "systemd could not be told (NOTIFY_SOCKET)");
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use super::*;
    use crate::engine::{AriState, Command, EngineState, StoreState, channel};

    #[tokio::test(start_paused = true)]
    async fn a_long_start_is_extended_as_long_as_it_goes_on() {
        let mut extended = 0;
        let work = async {
            tokio::time::sleep(Duration::from_secs(95)).await;
            "opened"
        };
        assert_eq!(while_it_lasts(work, || extended += 1).await, "opened");
        assert_eq!(extended, 9);
        let mut extended = 0;
        while_it_lasts(async {}, || extended += 1).await;
        assert_eq!(extended, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_watchdog_starves_while_the_engine_stands_still() {
        let state = EngineState {
            ari: AriState::Up { version: "22".into() },
            ari_trouble: None,
            store: StoreState::Up,
            live: 0,
            queued: 0,
            stopping: false,
        };
        let (handle, mut port) = channel(state, 8);
        let fed = Rc::new(Cell::new(0));
        let count = fed.clone();
        let second = Duration::from_secs(1);
        let feeding = feed_while_it_turns(handle, 30 * second, move || count.set(count.get() + 1));
        tokio::pin!(feeding);

        // Nobody takes the commands up.
        assert!(timeout(90 * second, &mut feeding).await.is_err());
        assert_eq!(fed.get(), 0);

        let answering = async {
            while let Some(command) = port.commands.recv().await {
                if let Command::Ping(reply) = command {
                    let _ = reply.send(());
                }
            }
        };
        tokio::select! {
            () = &mut feeding => panic!("it feeds for ever"),
            () = answering => panic!("a handle is held"),
            () = tokio::time::sleep(90 * second) => {}
        }
        assert!((8..=10).contains(&fed.get()), "every 10 s: {}", fed.get());

        // The engine has ended.
        drop(port);
        timeout(30 * second, &mut feeding).await.expect("it ends with the engine");
    }
}
