//! Bytes of an AMI connection: the network's cuts do not show, what is believed of an event is among the ids that are in
//! doubt with it, and a caller's number makes nothing believed of another's channel.
#![no_main]

use std::collections::HashSet;

use asterisk::ami::{
    Block, Event,
    fuzzing::{Framer, bytes, flaw, ids, read_as_answer},
};
use libfuzzer_sys::fuzz_target;

/// What Asterisk keeps of a number.
const LONGEST_NUMBER: usize = 79;

const OWN: &str = "1796008604.40";

// The first byte says how it is read, the second how it is cut.
fuzz_target!(|data: &[u8]| {
    let [how, cut, wire @ ..] = data else { return };
    if how & 2 != 0 {
        return number(wire);
    }
    let framer = || {
        let mut framer = Framer::default();
        if how & 1 != 0 {
            framer.expect_no_old_output();
        }
        framer
    };
    let whole = framer().take(wire);
    let mut pieces = framer();
    let cut: Option<Vec<Vec<Block>>> =
        wire.chunks(usize::from(*cut) + 1).map(|piece| pieces.take(piece)).collect();
    assert_eq!(cut.map(|blocks| blocks.concat()), whole);
    for block in whole.unwrap_or_default() {
        // A bare line feed counts as two.
        assert!(bytes(&block) <= 2 * wire.len());
        for (name, value) in block.fields() {
            assert!(!name.contains('\n') && !name.contains(':') && !value.contains('\n'));
        }
        let doubted = ids(&block);
        if let Some(row) = read_as_answer(&block) {
            assert!(doubted.contains(&row.channel.uniqueid));
        }
        if flaw(&block).is_none()
            && let Ok(Some(event)) = Event::read(&block)
        {
            assert!(named(&event).iter().all(|id| doubted.contains(id)), "{event:?}");
        }
    }
});

/// An event of a caller's channel, with his number as he chose it.
fn number(number: &[u8]) {
    let number = &number[..number.len().min(LONGEST_NUMBER)];
    let head = "Event: Hangup\r\nPrivilege: call,all\r\nChannel: PJSIP/7-1\r\nChannelState: 6\r\nChannelStateDesc: Up\r\nCallerIDNum: ";
    let rest = format!(
        "\r\nCallerIDName: <unknown>\r\nConnectedLineNum: 150\r\nConnectedLineName: <unknown>\r\nLanguage: en\r\n\
         AccountCode: \r\nContext: in\r\nExten: 510\r\nPriority: 1\r\nUniqueid: {OWN}\r\nLinkedid: {OWN}\r\nCause: 16\r\n\
         Cause-txt: Normal Clearing\r\n\r\n"
    );
    let mut framer = Framer::default();
    framer.expect_no_old_output();
    let blocks =
        framer.take(&[head.as_bytes(), number, rest.as_bytes()].concat()).expect("within the bounds");
    // From the first that is not whole on nothing is believed.
    for block in blocks.iter().take_while(|block| flaw(block).is_none()) {
        if let Ok(Some(event)) = Event::read(block) {
            assert!(named(&event).iter().all(|id| id == OWN), "{event:?}");
        }
    }
}

/// The channels that an event tells of.
fn named(event: &Event) -> HashSet<String> {
    let one = |channel: &asterisk::ami::Channel| channel.uniqueid.clone();
    match event {
        Event::Newchannel(channel) | Event::Newstate(channel) => [one(channel)].into(),
        Event::Rename(rename) => [rename.uniqueid.clone()].into(),
        Event::DialBegin(dial) | Event::DialState(dial) | Event::DialEnd(dial) => {
            dial.caller.iter().chain([&dial.peer]).map(one).collect()
        }
        Event::BridgeEnter(event) | Event::BridgeLeave(event) => [one(&event.channel)].into(),
        Event::HangupRequest(hangup) | Event::SoftHangupRequest(hangup) | Event::Hangup(hangup) => {
            [one(&hangup.channel)].into()
        }
        Event::OriginateResponse(answer) => answer.uniqueid.iter().cloned().collect(),
        Event::LocalBridge(pair) | Event::LocalOptimizationEnd(pair) => {
            [one(&pair.one), one(&pair.two)].into()
        }
        Event::ChanSpyStart(spy) | Event::ChanSpyStop(spy) => {
            spy.spyee.iter().chain([&spy.spyer]).map(one).collect()
        }
        Event::FullyBooted | Event::Shutdown(_) | Event::Other(_) => HashSet::new(),
    }
}
