//! The line to Asterisk: carries out what the machines wish for, each in a task of its own, and
//! brings what came of it back as an input.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use tokio::{sync::mpsc, time::Instant};

use super::{
    refusal::Probed,
    survey::{Lookup, survey},
};
use crate::metrics::Metrics;
use asterisk::ari::{self, Ari, AriError, HangupReason};
use call::{Asked, AttemptId, Input, Originate, OriginateFailure};
use witness::Translator;

/// The variable in which `[outgoing]` finds the caller id that was asked for.
const CALLER_ID_VARIABLE: &str = "NOVOFON_CALLER_ID";

#[derive(Clone)]
pub(super) struct Line {
    pub ari: Ari,
    pub translator: Translator,
    pub inputs: mpsc::UnboundedSender<(AttemptId, Input)>,
    /// What a probe has shown.
    pub probes: mpsc::UnboundedSender<Probed>,
    pub metrics: Arc<Metrics>,
}

impl Line {
    pub fn originate(&self, attempt: AttemptId, wish: Originate, context: &str) {
        let mut variables = BTreeMap::new();
        if let Some(number) = &wish.caller_id {
            variables.insert(CALLER_ID_VARIABLE.to_owned(), number.clone());
        }
        let request = ari::Originate {
            dialplan: None,
            endpoint: format!("Local/{}@{context}", wish.number),
            app_args: None,
            caller_id: wish.caller_id,
            timeout_secs: Some(wish.timeout),
            channel_id: wish.near_channel,
            other_channel_id: Some(wish.far_channel),
            formats: Some(ari::PHONE_FORMATS),
            variables,
        };
        let line = self.clone();
        tokio::spawn(async move {
            let sent = Instant::now();
            let answer = line.ari.originate(&request).await;
            line.metrics.originate.observe(sent.elapsed().as_secs_f64());
            let input = match answer {
                Ok(()) => Input::Originated,
                Err(AriError::NotSent { why, .. }) => Input::OriginateFailed(OriginateFailure::NotSent(why)),
                // "The channel id is taken": perhaps by an originate of ours that was carried out. Once it has
                // said so, 22.10 can say it of a failing originate too (measured).
                Err(AriError::Refused { status: 409, message, .. }) => {
                    Input::OriginateFailed(OriginateFailure::Uncertain(message))
                }
                Err(AriError::Refused { status, message, .. }) => {
                    Input::OriginateFailed(OriginateFailure::Refused { status, message })
                }
                Err(AriError::Uncertain { why, .. }) => {
                    Input::OriginateFailed(OriginateFailure::Uncertain(why))
                }
            };
            line.say(attempt, input);
        });
    }

    pub fn hangup(&self, attempt: AttemptId, channel: String) {
        let line = self.clone();
        tokio::spawn(async move {
            match line.ari.hangup(&channel, HangupReason::Normal).await {
                Ok(()) => {}
                // Gone already: the events tell, and if they don't, the machine asks.
                Err(error) if error.is_not_found() => {}
                Err(error) => {
                    line.say(attempt, Input::RequestFailed { what: Asked::Hangup, why: error.to_string() });
                }
            }
        });
    }

    pub fn play(&self, attempt: AttemptId, channel: String, playback: String, media: String) {
        let line = self.clone();
        tokio::spawn(async move {
            if let Err(error) = line.ari.play(&channel, &playback, std::slice::from_ref(&media), None).await {
                line.say(attempt, Input::PlaybackRefused { playback, why: error.to_string() });
            }
        });
    }

    /// From now on Asterisk tells of a channel that is not of the trunk's endpoint. Until then, and where it is gone
    /// already, its `Dial` events are all that is seen of it.
    pub fn subscribe(&self, attempt: AttemptId, channel: &str) {
        let (ari, source) = (self.ari.clone(), format!("channel:{channel}"));
        tokio::spawn(async move {
            if let Err(error) = ari.subscribe(&source).await {
                tracing::debug!(%attempt, source, %error, "could not subscribe to a leg");
            }
        });
    }

    /// Asks whether Asterisk tells all that it was asked to tell.
    pub fn test_hearing(&self, attempt: AttemptId) {
        let line = self.clone();
        tokio::spawn(async move {
            let missing = line.ari.missing_events().await;
            if let Err(error) = &missing {
                tracing::debug!(%attempt, %error, "could not ask whether all was told");
            }
            line.say(attempt, Input::HearingTested { whole: matches!(missing, Ok(None)) });
        });
    }

    /// Asks what Asterisk has of these calls.
    pub fn look(&self, calls: Vec<Lookup>, known_trunks: HashSet<String>) {
        if calls.is_empty() {
            return;
        }
        let line = self.clone();
        tokio::spawn(async move {
            let ids: Vec<AttemptId> = calls.iter().map(|lookup| lookup.attempt).collect();
            match survey(&line.ari, &line.translator, calls, &known_trunks).await {
                Ok(found) => {
                    for (attempt, found) in found {
                        line.say(attempt, Input::Found(found));
                    }
                }
                Err(error) => {
                    for attempt in ids {
                        let why = error.to_string();
                        line.say(attempt, Input::RequestFailed { what: Asked::Channels, why });
                    }
                }
            }
        });
    }

    fn say(&self, attempt: AttemptId, input: Input) {
        // Nobody listens once the engine has ended.
        let _ = self.inputs.send((attempt, input));
    }
}
