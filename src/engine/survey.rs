//! What Asterisk still has of some calls: asked after a loss of the events socket, after a restart,
//! and when a call does not end as it should.

use std::collections::{HashMap, HashSet};

use asterisk::ari::{Ari, AriError, Channel};
use call::{AttemptId, ChannelState, Found, FoundPlayback, FoundTrunk};
use witness::{Translator, channel_state};

/// One attempt of a call to look for.
#[derive(Debug, Clone)]
pub(super) struct Lookup {
    pub attempt: AttemptId,
    /// Asterisk's ids of its trunk channels, as far as they are known.
    pub trunks: Vec<String>,
    /// The sound that should be playing.
    pub playback: Option<String>,
}

/// Channels by their ids.
type Listed<'a> = HashMap<&'a str, &'a Channel>;

/// Looks for all of them with one list of the channels, and confirms each find: the list can hold
/// ghosts (channels that `GET /channels/ID` does not know). `known_trunks`: trunk channels whose call is
/// known, so that nobody asks for it once more; each question takes a request.
pub(super) async fn survey(
    ari: &Ari,
    translator: &Translator,
    calls: Vec<Lookup>,
    known_trunks: &HashSet<String>,
) -> Result<Vec<(AttemptId, Found)>, AriError> {
    let list = ari.channels().await?;
    let listed: Listed<'_> = list.iter().map(|channel| (channel.id.as_str(), channel)).collect();
    let trunks = trunks_by_call(ari, translator, &listed, &calls, known_trunks).await?;
    let mut answers = Vec::with_capacity(calls.len());
    for lookup in calls {
        let mut found = Found::default();
        if let Some(near) = confirmed(ari, &listed, &lookup.attempt.near_channel()).await? {
            found.near = Some(channel_state(&near.state).unwrap_or(ChannelState::Down));
            found.near_in_stasis = near.dialplan.app_name == "Stasis";
        }
        found.far = confirmed(ari, &listed, &lookup.attempt.far_channel()).await?.is_some();
        let sought = trunks.get(&lookup.attempt).filter(|_| lookup.trunks.is_empty());
        for trunk in lookup.trunks.iter().chain(sought.into_iter().flatten()) {
            if let Some(channel) = confirmed(ari, &listed, trunk).await? {
                found.trunks.push(FoundTrunk {
                    channel: channel.id,
                    name: channel.name,
                    state: channel_state(&channel.state).unwrap_or(ChannelState::Down),
                    sip_call_id: channel.protocol_id.filter(|id| !id.is_empty()),
                });
            }
        }
        if found.near.is_some() || !found.trunks.is_empty() {
            subscribe(ari, lookup.attempt, &found).await;
        }
        if let Some(id) = lookup.playback {
            let playing = ari.playback(&id).await?.is_some();
            found.playback = Some(FoundPlayback { id, playing });
        }
        answers.push((lookup.attempt, found));
    }
    Ok(answers)
}

/// The trunk channels whose call is not known, by their linked id: the id of the oldest channel of
/// the call, which is our near half. A dialplan may go out by another endpoint than the trunk's.
async fn trunks_by_call(
    ari: &Ari,
    translator: &Translator,
    listed: &Listed<'_>,
    calls: &[Lookup],
    known: &HashSet<String>,
) -> Result<HashMap<AttemptId, Vec<String>>, AriError> {
    let mut trunks = HashMap::<AttemptId, Vec<String>>::new();
    if calls.iter().all(|lookup| !lookup.trunks.is_empty()) {
        return Ok(trunks);
    }
    for channel in listed.values() {
        let may_be_ours = translator.is_trunk(&channel.name) || !channel.name.starts_with("Local/");
        if known.contains(&channel.id) || !may_be_ours {
            continue;
        }
        if let Some(linked) = ari.channel_variable(&channel.id, "CHANNEL(linkedid)").await?
            && let Ok(attempt) = linked.parse()
        {
            trunks.entry(attempt).or_default().push(channel.id.clone());
        }
    }
    Ok(trunks)
}

async fn confirmed(ari: &Ari, listed: &Listed<'_>, id: &str) -> Result<Option<Channel>, AriError> {
    if listed.contains_key(id) { ari.channel(id).await } else { Ok(None) }
}

/// Asterisk forgets an application's subscriptions to channels with its socket.
async fn subscribe(ari: &Ari, attempt: AttemptId, found: &Found) {
    let halves = found.near.is_some().then(|| [attempt.near_channel(), attempt.far_channel()]);
    let trunks = found.trunks.iter().map(|trunk| trunk.channel.clone());
    for channel in halves.into_iter().flatten().chain(trunks) {
        if let Err(error) = ari.subscribe(&format!("channel:{channel}")).await {
            tracing::debug!(%attempt, channel, %error, "could not subscribe to a channel again");
        }
    }
}
