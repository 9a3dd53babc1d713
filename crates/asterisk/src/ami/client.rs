//! The handle for actions, one method a thing that can be asked of Asterisk. It owns the wait for the connection;
//! it must not retry, and it must not know why something is asked.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::action::Action;
use super::common::Common;
use super::error::AmiError;
use super::interest::Interest;
use super::line::{Line, Response};
use super::model::{ChannelRow, CoreSettings, CoreStatus, Reader, Unreadable};
use super::request::{self, Originate};
use super::rows;
use super::state::{AmiState, Hold, LinkState};
use super::subscription::Subscription;
use super::supervisor::Supervisor;
use super::target::{AmiTarget, TargetError};
use super::wire::Block;
use crate::Driver;

/// The handle for actions on one Asterisk, given by [`connect`]. Cheap to clone; every clone sees the
/// same connection.
///
/// It sends nothing twice, unless the connection fell asleep before a byte was written. Each method fails with an
/// [`AmiError`], whose kind says what became of the action. None waits longer than [`AmiTarget::action_timeout`], save
/// [`Ami::ready`], which waits for the connection alone, and [`Ami::channels`], which may have to wait for a list that is on
/// its way, and to ask for several rows.
#[derive(Clone)]
pub struct Ami {
    common: Arc<Common>,
    link: watch::Receiver<LinkState>,
    wish: Arc<watch::Sender<usize>>,
}

impl fmt::Debug for Ami {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ami").field("address", &self.common.target.address()).finish_non_exhaustive()
    }
}

/// Starts a supervisor, which sleeps until the first action or [`Ami::subscribe`], and ends when `stop` is cancelled or
/// the last handle is gone.
///
/// # Errors
/// The target can never work. That Asterisk is away is no error.
///
/// # Panics
/// Outside of a Tokio runtime.
pub fn connect(target: AmiTarget, stop: CancellationToken) -> Result<Ami, TargetError> {
    target.check()?;
    let (state, link) = watch::channel(LinkState { state: AmiState::Asleep, line: None });
    let (wish, wanted) = watch::channel(usize::from(target.idle.is_none()));
    let common = Arc::new(Common::new(target));
    tokio::spawn(Supervisor::new(common.clone(), state, wanted, stop).run());
    Ok(Ami { common, link, wish: Arc::new(wish) })
}

impl Ami {
    /// Whether there is a connection, at this moment.
    pub fn state(&self) -> AmiState {
        self.link.borrow().state.clone()
    }

    /// Listens from now on: Asterisk is asked for the events of `interest` too, and the connection is woken, and kept up
    /// as long as the [`Subscription`] lives.
    pub fn subscribe(&self, interest: Interest) -> Subscription {
        Subscription::new(self.common.feed.clone(), interest, self.hold())
    }

    fn hold(&self) -> Hold {
        Hold::new(&self.wish)
    }

    /// Waits until the connection is up, or until it is known why it is not. The reason comes back as the error.
    ///
    /// # Errors
    /// Always [`AmiError::NotSent`]. It waits no longer than [`AmiTarget::connect_timeout`].
    pub async fn ready(&self) -> Result<(), AmiError> {
        let _hold = self.hold();
        self.line("connect", self.common.target.connect_timeout).await.map(|_| ())
    }

    /// Sends any action; its ActionID is chosen here. A sleeping connection is woken for it; one that is known to be
    /// down is not waited for. The rows of a list come with the answer.
    ///
    /// # Errors
    /// [`AmiError::NotSent`] also when the action can't be written. Only `Response: Error` is
    /// [`AmiError::Refused`]. [`AmiError::MaybeTaken`] also for a list of more than 20,000 rows or 16 MiB.
    pub async fn action(&self, action: &Action) -> Result<Response, AmiError> {
        let what = action.what();
        action.check().map_err(|flaw| rows::not_sent(action, &flaw))?;
        let _hold = self.hold();
        let start = Instant::now();
        let patience = || self.common.target.action_timeout.saturating_sub(start.elapsed());
        let line = self.line(what, patience()).await?;
        match line.send(action, patience()).await {
            // The connection may have gone to sleep in this very moment: it wakes up again.
            Err(AmiError::NotSent { .. }) if line.is_dead() && !patience().is_zero() => {
                self.line(what, patience()).await?.send(action, patience()).await
            }
            result => result,
        }
    }

    async fn line(&self, what: &str, patience: Duration) -> Result<Line, AmiError> {
        let mut link = self.link.clone();
        let settled = link.wait_for(|link| !matches!(link.state, AmiState::Asleep | AmiState::Connecting));
        let why = match tokio::time::timeout(patience, settled).await {
            Ok(Ok(link)) => match (&link.line, &link.state) {
                (Some(line), _) => return Ok(line.clone()),
                (None, AmiState::Down { reason, .. }) => reason.clone(),
                (None, _) => "the client was stopped".to_owned(),
            },
            Ok(Err(_)) => "the client was stopped".to_owned(),
            Err(_) => format!("no connection within {patience:?}"),
        };
        Err(AmiError::NotSent { what: what.to_owned(), why })
    }

    /// Places a call and gives the ActionID, which its OriginateResponse has too. Asterisk has taken it, and no more:
    /// even a channel that does not exist is refused only by the OriginateResponse.
    ///
    /// # Errors
    /// As [`Ami::action`]. A [`OriginateTarget::Dialplan`](super::OriginateTarget::Dialplan) that the dialplan
    /// lacks is refused at once (`Extension does not exist.`). A value that Asterisk would take otherwise, such as
    /// a comma in a variable, is never sent. The user needs `write=originate`.
    pub async fn originate(&self, call: &Originate) -> Result<String, AmiError> {
        Ok(self.action(&call.action()).await?.action_id)
    }

    /// Hangs up one channel, by its whole name or unique id. [`AmiError::is_no_such_channel`] when it is gone already;
    /// the halves of a Local channel go as soon as both sides talk, while the call goes on.
    ///
    /// `cause` is a Q.850 cause; `None` leaves it to Asterisk. The user needs `write=call` or `system`.
    ///
    /// # Errors
    /// A pattern (`/.../`) is never sent.
    pub async fn hangup(&self, channel: &str, cause: Option<u8>) -> Result<(), AmiError> {
        self.action(&request::hangup(channel, cause)).await.map(|_| ())
    }

    /// All channels that there are now, by whichever list this user may ask for.
    ///
    /// `CoreShowChannels` needs `write=system` or `reporting`, `Status` that or `call`. Rows that a caller's number
    /// with a line break has cut are asked for one by one: of those only name, ids and state are known. Who asks while a
    /// list is on its way shares the next one with all who ask meanwhile ([`Looks`](crate::Looks)).
    ///
    /// # Errors
    /// [`AmiError::Refused`] when the user has the right to neither list; [`AmiError::MaybeTaken`] when a row can't
    /// be read, or more than 1000 are cut.
    pub async fn channels(&self) -> Result<Arc<[ChannelRow]>, AmiError> {
        let _hold = self.hold();
        let generation = match self.state() {
            AmiState::Up { generation, .. } => generation,
            _ => 0,
        };
        self.common.looks.look_over(generation, self.list()).await
    }

    async fn list(&self) -> Result<Arc<[ChannelRow]>, AmiError> {
        let patience = self.common.target.action_timeout;
        let line = self.line("CoreShowChannels", patience).await?;
        match rows::channels(&line, patience).await {
            // As in `action`.
            Err(AmiError::NotSent { .. }) if line.is_dead() => {
                rows::channels(&self.line("CoreShowChannels", patience).await?, patience).await
            }
            result => result,
        }
    }

    /// A variable of a channel, or a global one; `None` when it does not exist or is empty, which Asterisk does not
    /// tell apart.
    /// Those of a channel need `write=call` or `reporting`.
    ///
    /// # Errors
    /// [`AmiError::is_no_such_channel`] when there is no such channel.
    pub async fn variable(&self, channel: Option<&str>, name: &str) -> Result<Option<String>, AmiError> {
        let response = self.action(&request::getvar(channel, name)).await?;
        Ok(response.head.field("Value").filter(|value| !value.is_empty()).map(str::to_owned))
    }

    /// A console command, and the lines of its output. The user needs `write=command`.
    ///
    /// # Errors
    /// [`AmiError::Refused`] for a command that Asterisk does not know, too.
    pub async fn command(&self, line: &str) -> Result<Vec<String>, AmiError> {
        let response = self.action(&request::command(line)).await?;
        Ok(response.head.all("Output").map(str::to_owned).collect())
    }

    /// Whether Asterisk answers, at the cost of a round trip. No right is needed.
    ///
    /// # Errors
    /// As [`Ami::action`].
    pub async fn ping(&self) -> Result<(), AmiError> {
        self.action(&Action::new("Ping")).await.map(|_| ())
    }

    /// The names of a driver's endpoints; `None` where Asterisk has no such driver. PJSIP's need `write=system`,
    /// those of chan_sip that or `write=reporting`.
    ///
    /// # Errors
    /// As [`Ami::action`]; neither a driver that is not there nor an empty list is one.
    pub async fn endpoints(&self, driver: Driver) -> Result<Option<Vec<String>>, AmiError> {
        let action = Action::new(match driver {
            Driver::ChanSip => "SIPpeers",
            Driver::Pjsip => "PJSIPShowEndpoints",
        });
        match self.action(&action).await {
            Ok(response) => {
                let names = response.rows.iter().filter_map(|row| row.field("ObjectName"));
                Ok(Some(names.map(str::to_owned).collect()))
            }
            Err(AmiError::Refused { message, .. }) if message.starts_with("Invalid/unknown command") => {
                Ok(None)
            }
            Err(AmiError::Refused { message, .. }) if message == "No endpoints found" => Ok(Some(Vec::new())),
            Err(error) => Err(error),
        }
    }

    /// Which Asterisk it is. It needs `write=system` or `reporting`.
    ///
    /// # Errors
    /// [`AmiError::MaybeTaken`] when the answer lacks the version.
    pub async fn core_settings(&self) -> Result<CoreSettings, AmiError> {
        self.document("CoreSettings", |reader| reader.settings()).await
    }

    /// Since when it runs, and how busy it is. It needs `write=system` or `reporting`.
    ///
    /// # Errors
    /// [`AmiError::MaybeTaken`] when the answer lacks the time of its start.
    pub async fn core_status(&self) -> Result<CoreStatus, AmiError> {
        self.document("CoreStatus", |reader| reader.status()).await
    }

    async fn document<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(Reader<'_>) -> Result<T, Unreadable>,
    ) -> Result<T, AmiError> {
        let action = Action::new(name);
        let head: Block = self.action(&action).await?.head;
        read(Reader { block: &head, kind: name }).map_err(|unreadable| rows::not_read(&action, &unreadable))
    }
}
