//! The handle for actions, one method a thing that can be asked of Asterisk. It owns the wait for the connection;
//! it must not retry, and it must not know why something is asked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use tokio::sync::watch;

use super::action::Action;
use super::check;
use super::error::AmiError;
use super::line::{Line, Response};
use super::model::{ChannelRow, CoreSettings, CoreStatus, Reader, Unreadable};
use super::request::{self, Originate};
use super::target::AmiTarget;
use super::wire::Block;
use crate::{Driver, Looks};

/// Rows of a list that a caller's number has cut are asked for one by one: no more than so many, so many at a time.
const MAX_CUT: usize = 1000;
const CUT_AT_ONCE: usize = 32;

/// The handle for actions on one Asterisk, given by [`connect`](super::connect). Cheap to clone; every clone sees the
/// same connection.
///
/// It sends nothing twice, unless the connection fell asleep before a byte was written. Each method fails with an
/// [`AmiError`], whose kind says what became of the action. None waits longer than [`AmiTarget::action_timeout`],
/// save [`Ami::channels`], which may have to ask for several rows.
#[derive(Debug, Clone)]
pub struct Ami {
    target: Arc<AmiTarget>,
    link: watch::Receiver<LinkState>,
    wish: Arc<watch::Sender<usize>>,
    looks: Arc<Looks<Arc<[ChannelRow]>, AmiError>>,
}

/// Whether there is a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AmiState {
    /// Nobody needs it. The next action wakes it.
    Asleep,
    /// For the first time since it slept or was up; an action waits for it.
    Connecting,
    /// `asterisk_version` is `None` when the user may not ask for it (`write` lacks `reporting`).
    Up {
        /// As Asterisk calls itself: `22.10.1+dfsg+~cs6.17.60671434-1`.
        asterisk_version: Option<String>,
        /// Which connection this is, counted from 1.
        generation: u64,
    },
    /// Tries go on while somebody needs it.
    Down {
        /// What happened and what to do about it, for people.
        reason: String,
        /// Asterisk was reached, and does not let this user in.
        denied: bool,
    },
    /// It was stopped, and never comes back.
    Stopped,
}

/// What the supervisor tells the handles.
#[derive(Debug, Clone)]
pub(super) struct LinkState {
    pub(super) state: AmiState,
    /// Present when up.
    pub(super) line: Option<Line>,
}

/// Keeps the connection up as long as it lives: while calls are followed, no event may be missed.
#[derive(Debug)]
pub struct Hold(Arc<watch::Sender<usize>>);

impl Hold {
    fn new(wish: &Arc<watch::Sender<usize>>) -> Self {
        wish.send_modify(|holds| *holds += 1);
        Self(wish.clone())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.send_modify(|holds| *holds -= 1);
    }
}

impl Ami {
    pub(super) fn new(
        target: Arc<AmiTarget>,
        link: watch::Receiver<LinkState>,
        wish: Arc<watch::Sender<usize>>,
    ) -> Self {
        Self { target, link, wish, looks: Arc::default() }
    }

    /// Whether there is a connection, at this moment.
    pub fn state(&self) -> AmiState {
        self.link.borrow().state.clone()
    }

    /// Wakes the connection and keeps it.
    ///
    /// As long as one such [`Hold`] lives, a connection that is lost is made anew.
    pub fn hold(&self) -> Hold {
        Hold::new(&self.wish)
    }

    /// Waits until the connection is up, or until it is known why it is not. The reason comes back as the error.
    ///
    /// # Errors
    /// Always [`AmiError::NotSent`]. It waits no longer than [`AmiTarget::connect_timeout`].
    pub async fn ready(&self) -> Result<(), AmiError> {
        let _hold = self.hold();
        self.line("connect", self.target.connect_timeout).await.map(|_| ())
    }

    /// Sends any action; its ActionID is chosen here. A sleeping connection is woken for it; one that is known to be
    /// down is not waited for. The rows of a list come with the answer.
    ///
    /// # Errors
    /// [`AmiError::NotSent`] also when the action can't be written. Only `Response: Error` is
    /// [`AmiError::Refused`]. [`AmiError::MaybeTaken`] also for a list of more than 20,000 rows or 16 MiB.
    pub async fn action(&self, action: &Action) -> Result<Response, AmiError> {
        let what = action.what();
        action.check().map_err(|flaw| AmiError::NotSent { what: what.to_owned(), why: flaw.to_string() })?;
        let _hold = self.hold();
        let start = Instant::now();
        let patience = || self.target.action_timeout.saturating_sub(start.elapsed());
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
    /// list is on its way shares the next one with all who ask meanwhile ([`Looks`]).
    ///
    /// # Errors
    /// [`AmiError::Refused`] when the user has the right to neither list; [`AmiError::MaybeTaken`] when a row can't
    /// be read, or more than 1000 are cut.
    pub async fn channels(&self) -> Result<Arc<[ChannelRow]>, AmiError> {
        self.looks.look(self.list()).await
    }

    async fn list(&self) -> Result<Arc<[ChannelRow]>, AmiError> {
        let mut action = Action::new("CoreShowChannels");
        let response = match self.action(&action).await {
            Err(error) if error.is_permission_denied() => {
                action = Action::new("Status");
                // What it lacks is the right to the better one.
                self.action(&action).await.map_err(|_| error)?
            }
            response => response?,
        };
        let mut rows = Vec::new();
        let mut cut = Vec::new();
        for row in &response.rows {
            match check::flaw(row) {
                None => rows.push(
                    Reader { block: row, kind: action.what() }
                        .row()
                        .map_err(|why| not_read(&action, &why))?,
                ),
                Some(_) => cut.push(row),
            }
        }
        if cut.len() > MAX_CUT {
            let why = format!("{} of its rows are cut by numbers with a line break in them", cut.len());
            return Err(AmiError::MaybeTaken { what: action.what().to_owned(), why });
        }
        for some in cut.chunks(CUT_AT_ONCE) {
            let asked = some.iter().map(|row| self.row_of_cut(Reader { block: row, kind: action.what() }));
            rows.extend(try_join_all(asked).await?.into_iter().flatten());
        }
        Ok(rows.into())
    }

    /// A row that a number has cut ends before the ids. `None`: the channel is gone.
    async fn row_of_cut(&self, head: Reader<'_>) -> Result<Option<ChannelRow>, AmiError> {
        let name = head.text("Channel");
        let ids = async {
            let uniqueid = self.variable(Some(&name), "UNIQUEID").await?;
            let linkedid = self.variable(Some(&name), "CHANNEL(linkedid)").await?;
            Ok::<_, AmiError>(uniqueid.zip(linkedid))
        };
        match ids.await {
            Ok(ids) => Ok(ids.map(|(uniqueid, linkedid)| head.row_of(name.clone(), uniqueid, linkedid))),
            Err(error) if error.is_no_such_channel() => Ok(None),
            Err(error) => Err(error),
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
        read(Reader { block: &head, kind: name }).map_err(|unreadable| not_read(&action, &unreadable))
    }
}

fn not_read(action: &Action, unreadable: &Unreadable) -> AmiError {
    AmiError::MaybeTaken { what: action.what().to_owned(), why: format!("its answer: {unreadable}") }
}
