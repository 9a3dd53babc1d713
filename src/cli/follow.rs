//! A stream of events that survives its connection: it comes back with the number of the last event
//! it has, so that nothing is missed and nothing comes twice.

use std::{collections::VecDeque, time::Duration};

use reqwest::Response;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    client::Client,
    failure::{Failure, cause},
    sse::Parser,
    wire::{Event, Told},
};

/// How long a call is followed while the daemon is away: a restart takes seconds.
const PATIENCE: Duration = Duration::from_secs(120);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The name of the last event of a call's stream.
const END: &str = "end";

/// What a stream has to tell.
#[derive(Debug)]
pub enum Next {
    /// It is connected for the first time.
    Open,
    Event(Box<Told<Event>>),
    /// The connection is gone; it tries again by itself.
    Lost(String),
    /// Connected again, from where it was.
    Back,
    /// The call has ended; nothing comes any more.
    End,
}

pub struct Follow {
    client: Client,
    path: String,
    /// The call that is followed; without one, all are, for ever.
    call: Option<Uuid>,
    last: Option<i64>,
    connection: Option<(Response, Parser)>,
    waiting: VecDeque<Next>,
    away: Option<Away>,
    /// Connections in a row that told nothing, for the pause before the next.
    tries: u32,
    was_open: bool,
}

/// Since when there is no connection, and why.
struct Away {
    since: Instant,
    why: String,
}

impl Follow {
    pub fn call(client: &Client, id: Uuid) -> Self {
        Follow::new(client, format!("api/calls/{id}/events"), Some(id))
    }

    pub fn all(client: &Client) -> Self {
        Follow::new(client, "api/events".into(), None)
    }

    fn new(client: &Client, path: String, call: Option<Uuid>) -> Self {
        Follow {
            client: client.clone(),
            path,
            call,
            last: None,
            connection: None,
            waiting: VecDeque::new(),
            away: None,
            tries: 0,
            was_open: false,
        }
    }

    /// What comes next. May be dropped while it waits: nothing is lost by that.
    pub async fn next(&mut self) -> Result<Next, Failure> {
        loop {
            if let Some(next) = self.waiting.pop_front() {
                return Ok(next);
            }
            let Some((response, parser)) = &mut self.connection else {
                if let Some(next) = self.connect().await? {
                    return Ok(next);
                }
                continue;
            };
            let why = match response.chunk().await {
                Ok(Some(bytes)) => match parser.push(&bytes) {
                    Ok(messages) => {
                        for message in messages {
                            self.take(&message.event, &message.data)?;
                        }
                        continue;
                    }
                    Err(_) => return Err(self.client.strange("an event without end".into())),
                },
                Ok(None) => "the stream ended".to_owned(),
                Err(error) => cause(&error),
            };
            return Ok(self.lose(why));
        }
    }

    /// The number with which a new connection would begin.
    pub fn is_at_its_beginning(&self) -> bool {
        self.last.is_none()
    }

    fn take(&mut self, event: &str, data: &str) -> Result<(), Failure> {
        if event == END {
            self.waiting.push_back(Next::End);
            return Ok(());
        }
        let told: Told<Event> = serde_json::from_str(data)
            .map_err(|error| self.client.strange(super::wire::clean(&error.to_string())))?;
        self.tries = 0;
        let seq = told.value.entry.seq;
        if self.last.is_none_or(|last| seq > last) {
            self.last = Some(seq);
            self.waiting.push_back(Next::Event(Box::new(told)));
        }
        Ok(())
    }

    fn lose(&mut self, why: String) -> Next {
        self.connection = None;
        self.away = Some(Away { since: Instant::now(), why: why.clone() });
        Next::Lost(why)
    }

    async fn connect(&mut self) -> Result<Option<Next>, Failure> {
        if let Some(away) = &self.away {
            if let Some(id) = self.call
                && away.since.elapsed() > PATIENCE
            {
                return Err(Failure::GaveUp { id, why: away.why.clone() });
            }
            tokio::time::sleep(pause(self.tries)).await;
            self.tries = self.tries.saturating_add(1);
        }
        match self.client.events(&self.path, self.last).await {
            Ok(Some(response)) => {
                self.connection = Some((response, Parser::default()));
                let is_first = !std::mem::replace(&mut self.was_open, true);
                self.away = None;
                Ok(Some(if is_first { Next::Open } else { Next::Back }))
            }
            Ok(None) if self.call.is_some() => Ok(Some(Next::End)),
            Ok(None) => Err(self.client.strange("no event stream".into())),
            Err(failure) => {
                // To watch all calls begins with an address that works; a call was placed already.
                let may_pass = self.call.is_some() || self.was_open;
                let Some(why) = passing(&failure).filter(|_| may_pass) else { return Err(failure) };
                match &mut self.away {
                    Some(away) => {
                        away.why = why;
                        Ok(None)
                    }
                    None => Ok(Some(self.lose(why))),
                }
            }
        }
    }
}

/// Why a request failed, if the same request may do better a little later.
pub fn passing(failure: &Failure) -> Option<String> {
    match failure {
        Failure::Unreachable { why, .. } | Failure::Broken { why, .. } => Some(why.clone()),
        Failure::Refused(problem) if problem.status >= 500 || problem.status == 429 => {
            Some(problem.detail.to_string())
        }
        _ => None,
    }
}

/// The time before the next try.
pub fn pause(tries: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << tries.min(8)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::client::Key;
    use lang::Lang;

    #[test]
    fn pauses_grow_to_a_bound() {
        assert_eq!(pause(0), FIRST_PAUSE);
        assert_eq!(pause(2), Duration::from_secs(1));
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    }

    /// At this address nobody listens any more.
    async fn nowhere() -> Client {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("bound"));
        Client::new(url.parse().expect("a URL"), Key::None { files: Vec::new() }, Lang::En, None)
            .expect("a client")
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_not_followed_for_ever() {
        let id = Uuid::from_u128(7);
        let mut stream = Follow::call(&nowhere().await, id);
        let begun = Instant::now();
        assert!(matches!(stream.next().await, Ok(Next::Lost(_))), "the call was placed: it tries again");
        let end = stream.next().await;
        assert!(matches!(end, Err(Failure::GaveUp { id: given_up, .. }) if given_up == id), "{end:?}");
        assert!(begun.elapsed() > PATIENCE);
    }

    #[tokio::test]
    async fn to_watch_begins_with_a_daemon_that_is_there() {
        let first = Follow::all(&nowhere().await).next().await;
        assert!(matches!(first, Err(Failure::Unreachable { .. })), "{first:?}");
    }
}
