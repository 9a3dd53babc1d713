//! What AMI's events tell of a channel, in the words that all ways have.

use crate::office::{
    events::State,
    heard::{ChannelRef, Dial, Heard},
};
use asterisk::ami::{self, ChannelState, DialStatus, Event};

/// What an event tells of a channel.
pub fn heard(event: Event) -> Option<Heard> {
    let of = |channel: ami::Channel| ChannelRef { id: channel.uniqueid, name: channel.name };
    Some(match event {
        Event::Newchannel(channel) => Heard::Created(of(channel)),
        Event::DialBegin(dial) => dialed(dial, Dial::Begin),
        Event::DialState(dial) => {
            let state = match dial.status.as_ref()? {
                DialStatus::Ringing => Dial::Ringing,
                DialStatus::Progress => Dial::Progress,
                _ => return None,
            };
            dialed(dial, state)
        }
        Event::DialEnd(dial) => {
            let end = match dial.status.as_ref()? {
                DialStatus::Answer => Dial::Answer,
                other => Dial::Ended(word(other)),
            };
            dialed(dial, end)
        }
        Event::Newstate(channel) => match channel.state {
            ChannelState::Ringing => Heard::Ringing(of(channel)),
            ChannelState::Up => Heard::Up(of(channel)),
            _ => return None,
        },
        Event::BridgeEnter(event) => Heard::Joined { channel: of(event.channel), bridge: event.bridge.id },
        Event::BridgeLeave(event) => Heard::Left { channel: of(event.channel), bridge: event.bridge.id },
        Event::HangupRequest(hangup) => {
            Heard::HungUp { channel: of(hangup.channel), cause: hangup.cause, sip: hangup.tech_cause }
        }
        Event::SoftHangupRequest(hangup) => Heard::HungUpHere(of(hangup.channel)),
        Event::Hangup(hangup) => {
            let state = Some(match hangup.channel.state {
                ChannelState::Up => State::Up,
                ChannelState::Ringing => State::Ringing,
                _ => State::Other,
            });
            let (cause, sip) = (hangup.cause, hangup.tech_cause);
            Heard::Gone { channel: of(hangup.channel), cause, sip, state }
        }
        _ => return None,
    })
}

fn dialed(event: ami::Dial, dial: Dial) -> Heard {
    let of = |channel: ami::Channel| ChannelRef { id: channel.uniqueid, name: channel.name };
    let peer = of(event.peer);
    match event.caller.map(of) {
        Some(caller) => Heard::Dial { caller, peer, dial },
        None => Heard::Originated { channel: peer, dial },
    }
}

fn word(status: &DialStatus) -> String {
    match status {
        DialStatus::Busy => "BUSY",
        DialStatus::Cancel => "CANCEL",
        DialStatus::NoAnswer => "NOANSWER",
        DialStatus::Congestion => "CONGESTION",
        DialStatus::ChanUnavail => "CHANUNAVAIL",
        DialStatus::Answer => "ANSWER",
        DialStatus::Ringing => "RINGING",
        DialStatus::Proceeding => "PROCEEDING",
        DialStatus::Progress => "PROGRESS",
        DialStatus::Other(word) => word,
    }
    .to_owned()
}
