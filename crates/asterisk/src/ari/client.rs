//! The handle for requests, one method a thing that can be asked of Asterisk. It owns the choice of the transport
//! and the shapes of requests; it must not retry, and it must not know why something is asked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use url::Url;

use super::application::Application;
use super::error::AriError;
use super::http::Http;
use super::model::{Bridge, Channel, Endpoint, Playback};
use super::request::{Answer, Request};
use super::rest::RestLine;
use super::subscriptions::Subscriptions;
use super::target::{AriTarget, TargetError};
use crate::{Driver, Looks, secret::Secret};

/// What a Local channel is to carry: what phones speak, so that nothing is converted, and linear sound for the others.
pub const PHONE_FORMATS: &str = "alaw,ulaw,slin";

/// The handle for requests to one Asterisk. [`connect`](super::connect) gives it; [`Ari::without_events`] makes one
/// that only asks. Cheap to clone; every clone sees the same connection.
///
/// Nothing is ever sent twice. Each method fails with an [`AriError`], whose kind says what became of the request:
/// it was not sent, Asterisk refused it, or nobody knows. No method waits longer than
/// [`AriTarget::request_timeout`], those that ask for a long list twice as long. A request whose future was dropped
/// may have been carried out.
#[derive(Debug, Clone)]
pub struct Ari {
    target: Arc<AriTarget>,
    http: Arc<Http>,
    link: watch::Receiver<LinkState>,
    /// What the application shall be told of; nothing where there is no events connection.
    subscriptions: Arc<Subscriptions>,
    /// This Asterisk shows that the application is told of all channels.
    shows_all: Arc<AtomicBool>,
    looks: Arc<Lists>,
}

/// The long lists, each asked for once by all who want it.
#[derive(Debug, Default)]
struct Lists {
    channels: Looks<Arc<[Channel]>, AriError>,
    bridges: Looks<Arc<[Bridge]>, AriError>,
}

/// What the supervisor tells the handles.
#[derive(Debug, Clone, Default)]
pub(super) struct LinkState {
    pub(super) up: bool,
    /// Present when the Asterisk at the other end takes requests over the events socket.
    pub(super) line: Option<RestLine>,
}

/// A call to place. Its ids are chosen before it leaves, so that no event about it can come too early.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Originate {
    /// `Local/+79522675444@outgoing`.
    pub endpoint: String,
    /// Where in the dialplan it goes on once it has answered; `None` sends it to the application.
    pub dialplan: Option<(String, String)>,
    /// Handed to the application: the [`StasisStart`](super::StasisStart) has them, cut at the commas. Passed over
    /// where `dialplan` is set.
    pub app_args: Option<String>,
    /// What the called side may be shown: a number, or `"Name" <number>`. `None` sets none.
    pub caller_id: Option<String>,
    /// Asterisk's own limit until the answer; its default is 30 s.
    pub timeout_secs: Option<u32>,
    /// The unique id of the channel (of the `;1` half of a Local one), up to 149 bytes. It must be free.
    pub channel_id: String,
    /// The `;2` half of a Local channel.
    pub other_channel_id: Option<String>,
    /// What a Local channel carries: names with commas. `None` is linear sound at 192 kHz wherever codec_resample
    /// is loaded (measured on 22.10.1): it costs a conversion each way, and half the loudness.
    pub formats: Option<&'static str>,
    /// Set on the channel when it is made, on both halves of a Local one. A name that starts with two underscores is
    /// handed on to every channel that comes after, without them (measured on 22.10.1 and 16.28).
    pub variables: BTreeMap<String, String>,
}

/// A Local channel to make, not yet dialed. All fields are as in [`Originate`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    /// `Local/150@inoffice`.
    pub endpoint: String,
    /// The unique id of the `;1` half, which enters the application.
    pub channel_id: String,
    /// The unique id of the `;2` half, which runs the dialplan once it is dialed.
    pub other_channel_id: String,
    /// What the channel carries: names with commas, as [`PHONE_FORMATS`].
    pub formats: &'static str,
}

/// The words that every version since 13 takes. The cause of each is that of its ChannelDestroyed (measured on 22.10.1
/// and 16.28).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HangupReason {
    /// Q.850 cause 16, normal clearing.
    Normal,
    /// Q.850 cause 17, user busy.
    Busy,
    /// Q.850 cause 34, no circuit available.
    Congestion,
    /// Q.850 cause 19, no answer.
    NoAnswer,
}

impl HangupReason {
    /// The word as it stands in the request: `no_answer`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Busy => "busy",
            Self::Congestion => "congestion",
            Self::NoAnswer => "no_answer",
        }
    }
}

/// Who hears what comes into a snooping channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whisper {
    /// Nobody: the snooping channel only hears.
    Nobody,
    /// The one whose channel it is.
    Target,
    /// Both sides.
    Both,
}

impl Whisper {
    fn as_str(self) -> &'static str {
        match self {
            Self::Nobody => "none",
            Self::Target => "out",
            Self::Both => "both",
        }
    }
}

impl Ari {
    pub(super) fn new(
        target: Arc<AriTarget>,
        http: Http,
        link: watch::Receiver<LinkState>,
        subscriptions: Arc<Subscriptions>,
    ) -> Self {
        Self {
            target,
            http: Arc::new(http),
            link,
            subscriptions,
            shows_all: Arc::default(),
            looks: Arc::default(),
        }
    }

    /// Places a call. It is not sent while the events connection is down: nobody would hear what became of it.
    /// A refusal's own words may mislead: after a 409 (the id is taken) Asterisk 22 gives the same 409 for any
    /// other failure on the same connection (measured). Only [`Ari::channel`] tells whether a channel exists.
    ///
    /// # Errors
    /// [`AriError::NotSent`] while the events connection is down. Asterisk refuses an id that is taken (409), and a
    /// `PJSIP/...` endpoint that it does not have (500, `Allocation failed`, measured on 22.10.1 and 16.28). A Local channel
    /// into a context that does not exist is no error: it is made, and its end is an event (measured).
    pub async fn originate(&self, call: &Originate) -> Result<(), AriError> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Body<'a> {
            endpoint: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            app: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            context: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            extension: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            priority: Option<u32>,
            #[serde(skip_serializing_if = "Option::is_none")]
            app_args: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            caller_id: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            timeout: Option<u32>,
            channel_id: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            other_channel_id: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            formats: Option<&'a str>,
            variables: &'a BTreeMap<String, String>,
        }
        self.make(
            Request::new(Method::POST, &["channels"]).json(&Body {
                endpoint: &call.endpoint,
                app: call.dialplan.is_none().then_some(&self.target.app),
                context: call.dialplan.as_ref().map(|(context, _)| context.as_str()),
                extension: call.dialplan.as_ref().map(|(_, extension)| extension.as_str()),
                priority: call.dialplan.as_ref().map(|_| 1),
                app_args: call.app_args.as_deref(),
                caller_id: call.caller_id.as_deref(),
                timeout: call.timeout_secs,
                channel_id: &call.channel_id,
                other_channel_id: call.other_channel_id.as_deref(),
                formats: call.formats,
                variables: &call.variables,
            }),
            &call.channel_id,
        )
        .await
    }

    /// Makes a channel that waits in the application to be dialed. Unlike that of an [`Ari::originate`] it needs no
    /// application at the other end when it is answered: Asterisk hangs that one up if its program is away just then,
    /// and this one stays (measured on 22.10.1 and 16.28).
    ///
    /// # Errors
    /// As [`Ari::originate`].
    pub async fn create(&self, channel: &Create) -> Result<(), AriError> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Body<'a> {
            endpoint: &'a str,
            app: &'a str,
            channel_id: &'a str,
            other_channel_id: &'a str,
            formats: &'a str,
        }
        let body = Body {
            endpoint: &channel.endpoint,
            app: &self.target.app,
            channel_id: &channel.channel_id,
            other_channel_id: &channel.other_channel_id,
            formats: channel.formats,
        };
        self.make(Request::new(Method::POST, &["channels", "create"]).json(&body), &channel.channel_id).await
    }

    /// Dials a channel that was made by [`Ari::create`]; Asterisk hangs it up when nobody has answered in time,
    /// which is in seconds.
    ///
    /// # Errors
    /// [`AriError::is_not_found`] when there is no such channel. Refused with 409 when it is not `Down` any more.
    pub async fn dial(&self, channel_id: &str, timeout_secs: u32) -> Result<(), AriError> {
        let request = Request::new(Method::POST, &["channels", channel_id, "dial"]);
        self.command(request.query("timeout", &timeout_secs.to_string())).await
    }

    /// Asks for a channel, and holds the answer against its id.
    async fn make(&self, request: Request, channel_id: &str) -> Result<(), AriError> {
        if !self.link.borrow().up {
            return Err(request.not_sent("the events connection is down"));
        }
        let answer = self.exchange(&request).await?;
        let channel: Channel = request.document(answer)?;
        match channel.id == channel_id {
            true => Ok(()),
            false => Err(request.uncertain("the answer tells of another channel")),
        }
    }

    /// Hangs a channel up, whether it is in the application or not. That it was asked for is all that a success
    /// says; the end is a [`ChannelDestroyed`](super::ChannelDestroyed).
    ///
    /// # Errors
    /// [`AriError::is_not_found`] when the channel is gone already.
    pub async fn hangup(&self, channel_id: &str, reason: HangupReason) -> Result<(), AriError> {
        self.command(Request::new(Method::DELETE, &["channels", channel_id]).query("reason", reason.as_str()))
            .await
    }

    /// One channel as Asterisk has it now; `None` when it has no such channel.
    ///
    /// # Errors
    /// As every request; that there is none is no error.
    pub async fn channel(&self, channel_id: &str) -> Result<Option<Channel>, AriError> {
        self.look(Request::new(Method::GET, &["channels", channel_id])).await
    }

    /// All channels. A ghost may be among them; [`Ari::channel`] tells. Who asks while the list is on its way shares the
    /// next one with all who ask meanwhile ([`Looks`](crate::Looks)).
    ///
    /// # Errors
    /// [`AriError::Uncertain`] also when the list is longer than 16 MiB.
    pub async fn channels(&self) -> Result<Arc<[Channel]>, AriError> {
        self.looks.channels.look(self.list("channels")).await
    }

    /// A variable or function of a channel; `None` when either of them does not exist.
    ///
    /// # Errors
    /// As every request; a 404 is none. The channel need not be in the application (measured on 22.10.1 and 16.28).
    pub async fn channel_variable(&self, channel_id: &str, name: &str) -> Result<Option<String>, AriError> {
        #[derive(Deserialize)]
        struct Variable {
            value: String,
        }
        let request =
            Request::new(Method::GET, &["channels", channel_id, "variable"]).query("variable", name);
        Ok(self.look::<Variable>(request).await?.map(|variable| variable.value))
    }

    /// Plays one media after the other under one playback id: `sound:hello-world`, `digits:123` ...
    ///
    /// `lang` chooses the language of sounds, such as `ru`; `None` leaves the channel's own. The end is a
    /// [`Event::PlaybackFinished`](super::Event::PlaybackFinished).
    ///
    /// # Errors
    /// [`AriError::is_not_found`] when there is no such channel; refused with 409 when it is not in an application.
    pub async fn play(
        &self,
        channel_id: &str,
        playback_id: &str,
        media: &[String],
        lang: Option<&str>,
    ) -> Result<(), AriError> {
        #[derive(Serialize)]
        struct Body<'a> {
            media: &'a [String],
            #[serde(skip_serializing_if = "Option::is_none")]
            lang: Option<&'a str>,
        }
        let path = ["channels", channel_id, "play", playback_id];
        self.command(Request::new(Method::POST, &path).json(&Body { media, lang })).await
    }

    /// A playback that waits or plays; `None` when it has ended: Asterisk forgets a playback at its end.
    ///
    /// # Errors
    /// As every request; that there is none is no error.
    pub async fn playback(&self, playback_id: &str) -> Result<Option<Playback>, AriError> {
        self.look(Request::new(Method::GET, &["playbacks", playback_id])).await
    }

    /// Stops a playback.
    ///
    /// # Errors
    /// [`AriError::is_not_found`] when it has ended already.
    pub async fn stop_playback(&self, playback_id: &str) -> Result<(), AriError> {
        self.command(Request::new(Method::DELETE, &["playbacks", playback_id])).await
    }

    /// For questions only, over HTTP: there is no events connection, and so no call can be placed.
    ///
    /// # Errors
    /// The target can never work.
    pub fn without_events(target: AriTarget) -> Result<Self, TargetError> {
        let (_, link) = watch::channel(LinkState::default());
        let http = Http::new(&target)?;
        Ok(Self::new(Arc::new(target), http, link, Arc::default()))
    }

    /// Where there is no Asterisk: whatever is asked can't be sent.
    pub fn nowhere() -> Self {
        let url = Url::parse("http://127.0.0.1:0").expect("it is an address");
        let target = AriTarget::new(url, "nobody", Secret::new(""), "none");
        Self::without_events(target).expect("nothing is wrong with this target")
    }

    /// Waits until the events connection is up; false when it is not within `patience`.
    pub async fn wait_up(&self, patience: Duration) -> bool {
        let mut link = self.link.clone();
        matches!(tokio::time::timeout(patience, link.wait_for(|link| link.up)).await, Ok(Ok(_)))
    }

    /// Makes a channel that hears `channel_id`'s audio, both ways; what comes into it is heard by those that
    /// `whisper` says. It enters the application.
    ///
    /// # Errors
    /// [`AriError::is_not_found`] when there is no channel to hear. That one need not be in the application
    /// (measured on 22.10.1 and 16.28).
    pub async fn snoop(&self, channel_id: &str, snoop_id: &str, whisper: Whisper) -> Result<(), AriError> {
        #[derive(Serialize)]
        struct Body<'a> {
            spy: &'a str,
            whisper: &'a str,
            app: &'a str,
        }
        let body = Body { spy: "both", whisper: whisper.as_str(), app: &self.target.app };
        self.command(Request::new(Method::POST, &["channels", channel_id, "snoop", snoop_id]).json(&body))
            .await
    }

    /// Makes a mixing bridge; one with this id that is there already is no error.
    ///
    /// # Errors
    /// Every refusal but the one that says that it is there.
    pub async fn create_bridge(&self, bridge_id: &str) -> Result<(), AriError> {
        // Mixing is the default; 16.28 refuses a named type for a bridge that is there, and 22.10.1 the bridge.
        match self.command(Request::new(Method::POST, &["bridges", bridge_id])).await {
            Err(AriError::Refused { status: 409, .. }) => Ok(()),
            made => made,
        }
    }

    /// Puts channels of the application into a bridge, where they hear each other.
    ///
    /// # Errors
    /// Refused with 404 when there is no such bridge, 400 when there is no such channel, 422 when a channel is not in
    /// an application (measured on 22.10.1 and 16.28).
    pub async fn add_to_bridge(&self, bridge_id: &str, channel_ids: &[&str]) -> Result<(), AriError> {
        let path = ["bridges", bridge_id, "addChannel"];
        self.command(Request::new(Method::POST, &path).query("channel", &channel_ids.join(","))).await
    }

    /// Ends a bridge. Its channels stay, and stay in the application.
    ///
    /// # Errors
    /// [`AriError::is_not_found`] when there is no such bridge.
    pub async fn destroy_bridge(&self, bridge_id: &str) -> Result<(), AriError> {
        self.command(Request::new(Method::DELETE, &["bridges", bridge_id])).await
    }

    /// All bridges, each with its channels' ids; shared as [`Ari::channels`] is.
    ///
    /// # Errors
    /// [`AriError::Uncertain`] also when the list is longer than 16 MiB.
    pub async fn bridges(&self) -> Result<Arc<[Bridge]>, AriError> {
        self.looks.bridges.look(self.list("bridges")).await
    }

    async fn list<T: DeserializeOwned>(&self, what: &str) -> Result<Arc<[T]>, AriError> {
        let request = Request::new(Method::GET, &[what]).large_answer();
        let answer = self.exchange(&request).await?;
        Ok(request.document::<Vec<T>>(answer)?.into())
    }

    /// Hears of an event source from now on: `channel:ID`, `endpoint:PJSIP/novofon`.
    ///
    /// Nobody asks for it again after a reconnect: what shall be heard always belongs into
    /// [`Subscriptions`](super::Subscriptions).
    ///
    /// # Errors
    /// Refused with 422 where there is no such source (measured on 22.10.1 and 16.28).
    pub async fn subscribe(&self, event_source: &str) -> Result<(), AriError> {
        let path = ["applications", &self.target.app, "subscription"];
        // It answers with the application, which lists its channels.
        let request = Request::new(Method::POST, &path).query("eventSource", event_source).large_answer();
        self.command(request).await
    }

    /// The version of Asterisk.
    ///
    /// It looks like `22.10.1+dfsg+~cs6.17.60671434-1`.
    ///
    /// # Errors
    /// As every request: see [`AriError`].
    pub async fn info(&self) -> Result<String, AriError> {
        #[derive(Deserialize)]
        struct Info {
            system: System,
        }
        #[derive(Deserialize)]
        struct System {
            version: String,
        }
        let request = Request::new(Method::GET, &["asterisk", "info"]).query("only", "system");
        let answer = self.exchange(&request).await?;
        Ok(request.document::<Info>(answer)?.system.version)
    }

    /// The names of a driver's endpoints; `None` where Asterisk has no such driver.
    ///
    /// `Some` of an empty list: the driver is there and has none.
    ///
    /// # Errors
    /// As every request; that there is no such driver is no error.
    pub async fn endpoints(&self, driver: Driver) -> Result<Option<Vec<String>>, AriError> {
        let request = Request::new(Method::GET, &["endpoints", driver.technology()]).large_answer();
        let found: Option<Vec<Endpoint>> = self.look(request).await?;
        Ok(found.map(|found| found.into_iter().map(|endpoint| endpoint.resource).collect()))
    }

    /// `PJSIP/novofon`; `None` when Asterisk has no such endpoint.
    ///
    /// # Errors
    /// As every request; that there is none is no error.
    pub async fn endpoint(&self, name: &str) -> Result<Option<Endpoint>, AriError> {
        let (technology, resource) = name.split_once('/').unwrap_or((name, ""));
        self.look(Request::new(Method::GET, &["endpoints", technology, resource])).await
    }

    /// Lets only these types of events through; an empty list lets all through.
    pub(super) async fn allow_events(&self, kinds: &[String]) -> Result<(), AriError> {
        #[derive(Serialize)]
        struct Kind<'a> {
            r#type: &'a str,
        }
        #[derive(Serialize)]
        struct Filter<'a> {
            allowed: Vec<Kind<'a>>,
            // Cleared, because what an earlier program forbade wins over what is allowed.
            disallowed: [Kind<'a>; 0],
        }
        let allowed = kinds.iter().map(|kind| Kind { r#type: kind }).collect();
        let path = ["applications", &self.target.app, "eventFilter"];
        let request = Request::new(Method::PUT, &path).json(&Filter { allowed, disallowed: [] });
        self.command(request.large_answer()).await
    }

    /// The application as Asterisk has it; `None` when it has none of this name. Not over the socket, which may be deaf.
    pub(super) async fn application(&self) -> Result<Option<Application>, AriError> {
        let path = ["applications", &self.target.app];
        self.look(Request::new(Method::GET, &path).large_answer()).await
    }

    /// What Asterisk does not tell at this moment, though it was asked to, because another program has changed that or it
    /// does not know the application any more: since when, nobody knows. The supervisor finds it too, a little later, and gets it back.
    ///
    /// # Errors
    /// As every request.
    pub async fn missing_events(&self) -> Result<Option<String>, AriError> {
        if !self.is_to_be_told() {
            return Ok(None);
        }
        Ok(match self.application().await? {
            Some(application) => self.lacking(&application),
            // It is told nothing at all. Asterisk forgets one with its socket, and may notice that before we do.
            None => Some(format!("Asterisk does not know the application `{}` any more", self.target.app)),
        })
    }

    /// Asterisk was asked to tell something.
    pub(super) fn is_to_be_told(&self) -> bool {
        let wants_all = self.target.all_channels;
        wants_all || self.subscriptions.endpoint.is_some() || !self.subscriptions.allowed_events().is_empty()
    }

    /// What the application is not told, though it was asked for.
    pub(super) fn lacking(&self, application: &Application) -> Option<String> {
        let (endpoint, wants_all) = (self.subscriptions.endpoint.as_deref(), self.target.all_channels);
        if wants_all && application.is_told_of_all() {
            self.shows_all.store(true, Ordering::Relaxed);
        }
        let wants_all = wants_all && self.shows_all.load(Ordering::Relaxed);
        application.lacks(&self.subscriptions.allowed_events(), endpoint, wants_all).map(|what| {
            format!(
                "Asterisk does not tell all of the application `{}`: {what}; another program has changed that, and must \
                 not use this name (`{}`)",
                self.target.app, self.target.app_setting
            )
        })
    }

    /// Whether the configuration has this endpoint. One that is gone from it is an endpoint still, `offline`, for as
    /// long as somebody is subscribed to it. Only of PJSIP's it can be known.
    pub(super) async fn is_configured(&self, name: &str) -> Result<bool, AriError> {
        let Some(resource) = name.strip_prefix("PJSIP/") else { return Ok(true) };
        let path = ["asterisk", "config", "dynamic", "res_pjsip", "endpoint", resource];
        let request = Request::new(Method::GET, &path).large_answer();
        let answer = self.exchange(&request).await?;
        match request.done(answer) {
            Ok(()) => Ok(true),
            // Its other 404s tell of something else: that there is no such kind of object.
            Err(AriError::Refused { status: 404, message, .. }) if message.starts_with("Object with id ") => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether Asterisk knows the application, asked by sending it an event that nobody needs: the answer is short
    /// however many channels there are, and does not come over the socket, which may be deaf.
    pub(super) async fn is_known(&self) -> Result<bool, AriError> {
        let path = ["events", "user", "novofon_bot_is_there"];
        let request = Request::new(Method::POST, &path).query("application", &self.target.app).large_answer();
        match self.command(request).await {
            Ok(()) => Ok(true),
            Err(AriError::Refused { status: 404, message, .. }) if message == "Application not found" => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    async fn command(&self, request: Request) -> Result<(), AriError> {
        let answer = self.exchange(&request).await?;
        request.done(answer)
    }

    async fn look<T: serde::de::DeserializeOwned>(&self, request: Request) -> Result<Option<T>, AriError> {
        let answer = self.exchange(&request).await?;
        match request.document(answer) {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn exchange(&self, request: &Request) -> Result<Answer, AriError> {
        // Not held over the await: the supervisor must be able to say that the connection is gone.
        let line = self.link.borrow().line.clone();
        match line {
            Some(line) if !request.large_answer => line.send(request, self.target.request_timeout).await,
            _ => self.http.send(request).await,
        }
    }
}
