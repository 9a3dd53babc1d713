//! What an extension's phone is doing now, whoever began it.

use crate::office::way::Busy;
use asterisk::console::{Channel, ChannelDetails, ChannelState, Channels};

/// The calls that the channels of an extension's phone are in. `answers`: about each of them, in order.
pub(super) fn busy(channels: &Channels, own: &[&Channel], answers: &[String]) -> Vec<Busy> {
    let of = |(channel, answer): (&&Channel, &String)| {
        let details = ChannelDetails::parse(&channel.name, answer).ok().flatten();
        let others = channels.heard_by(&channel.name);
        Busy {
            channel: channel.name.to_string(),
            with: others.iter().map(|other| other.caller.clone()).find(|caller| !caller.is_empty()),
            state: state_word(&channel.state),
            seconds: Some(channel.age.as_secs()),
            is_talking: channel.state == ChannelState::Up && !others.is_empty(),
            linked_id: details.map(|details| details.linked_id),
        }
    };
    own.iter().zip(answers).map(of).collect()
}

fn state_word(state: &ChannelState) -> String {
    match state {
        ChannelState::Down => "Down",
        ChannelState::Ring => "Ring",
        ChannelState::Ringing => "Ringing",
        ChannelState::Up => "Up",
        ChannelState::Busy => "Busy",
        ChannelState::Other(word) => word,
    }
    .to_owned()
}
