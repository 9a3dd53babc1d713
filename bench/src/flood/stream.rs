//! The stream: recorded calls played beside each other until so many events are out. Whoever reads it gets the
//! same bytes. It must not know sockets.

use std::{collections::VecDeque, io::Write as _, sync::Arc};

use super::{CHANNELS, END, script::Script};

pub struct Stream {
    scripts: Arc<[Script]>,
    calls: VecDeque<Call>,
    /// Channels of the calls that go on, as their scripts have them on average.
    channels: f64,
    /// Calls so far.
    begun: u64,
    sent: u64,
    total: u64,
}

struct Call {
    number: u64,
    at: usize,
}

impl Stream {
    /// So many events in all, the numbered last one included.
    pub fn new(scripts: Arc<[Script]>, total: u64) -> Self {
        Stream { scripts, calls: VecDeque::new(), channels: 0.0, begun: 0, sent: 0, total }
    }

    /// Writes the next event and gives its kind; `None` after the last.
    pub fn next(&mut self, out: &mut Vec<u8>) -> Option<&str> {
        if self.sent == self.total {
            return None;
        }
        self.sent += 1;
        if self.sent == self.total {
            let _ = write!(
                out,
                "Event: UserEvent\r\nPrivilege: user,all\r\nUserEvent: {END}\r\nNumber: {}\r\n\r\n",
                self.total
            );
            return Some("UserEvent");
        }
        while self.channels < CHANNELS {
            self.channels += self.script(self.begun).channels;
            self.calls.push_back(Call { number: self.begun, at: 0 });
            self.begun += 1;
        }
        let mut call = self.calls.pop_front()?;
        let script = which(call.number, self.scripts.len());
        let event = call.at;
        self.scripts[script].events[event].write(call.number, out);
        call.at += 1;
        match call.at < self.scripts[script].events.len() {
            true => self.calls.push_back(call),
            false => self.channels -= self.scripts[script].channels,
        }
        Some(&self.scripts[script].events[event].kind)
    }

    fn script(&self, call: u64) -> &Script {
        &self.scripts[which(call, self.scripts.len())]
    }
}

/// The script of a call: all of them in turn.
fn which(call: u64, scripts: usize) -> usize {
    (call % scripts as u64) as usize
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        path::Path,
    };

    use asterisk::ami::{Event, recording};

    use super::*;
    use crate::flood::script::{self, channels};

    fn stream(total: u64) -> Stream {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/ami/22");
        Stream::new(script::read(&folder).expect("the recordings are there").into(), total)
    }

    /// The bytes, and how many events of each kind the generator says there are.
    fn written(total: u64) -> (Vec<u8>, BTreeMap<String, u64>) {
        let (mut stream, mut bytes, mut kinds) = (stream(total), Vec::new(), BTreeMap::new());
        while let Some(kind) = stream.next(&mut bytes) {
            *kinds.entry(kind.to_owned()).or_insert(0) += 1;
        }
        (bytes, kinds)
    }

    #[test]
    fn as_many_are_written_as_are_counted_and_the_last_is_numbered() {
        for total in [1, 2, 3000] {
            let (bytes, counted) = written(total);
            let blocks = recording::blocks(&bytes).expect("it is AMI");
            let mut read = BTreeMap::new();
            for block in &blocks {
                *read.entry(block.field("Event").expect("an event").to_owned()).or_insert(0) += 1;
            }
            assert_eq!(blocks.len() as u64, total);
            assert_eq!(read, counted);
            let last = blocks.last().expect("there is one");
            assert_eq!(last.field("UserEvent"), Some(END));
            assert_eq!(last.field("Number"), Some(&*total.to_string()));
        }
    }

    #[test]
    fn whoever_reads_gets_the_same_bytes() {
        assert!(written(20_000).0 == written(20_000).0);
    }

    #[test]
    fn every_event_is_read_and_no_two_channels_have_the_same_id_or_name() {
        let (bytes, counted) = written(50_000);
        let events = recording::events(&bytes).expect("every event is as Asterisk writes it");
        let untyped = ["UserEvent", "LocalOptimizationBegin"];
        let typed: u64 =
            counted.iter().filter(|(kind, _)| !untyped.contains(&&***kind)).map(|(_, n)| n).sum();
        assert_eq!(events.len() as u64, typed);
        let (mut ids, mut names, mut calls) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for event in &events {
            if let Event::Newchannel(channel) = event {
                assert!(ids.insert(channel.uniqueid.clone()), "{} again", channel.uniqueid);
                assert!(names.insert(channel.name.clone()), "{} again", channel.name);
                calls.insert(channel.linkedid.clone());
            }
        }
        assert!(calls.len() > 500, "{} calls", calls.len());
        // Whoever hangs up was there before.
        for event in &events {
            if let Event::Hangup(hangup) = event {
                assert!(ids.contains(&hangup.channel.uniqueid), "{} is new", hangup.channel.uniqueid);
            }
        }
    }

    #[test]
    fn there_are_about_two_hundred_channels_at_a_time() {
        let (mut stream, mut bytes) = (stream(100_000), Vec::new());
        let (mut live, mut sum, mut seen) = (0, 0, 0);
        for sent in 0.. {
            bytes.clear();
            let Some(kind) = stream.next(&mut bytes) else { break };
            live += channels(kind);
            // The first calls have only begun.
            if sent >= 10_000 {
                sum += live;
                seen += 1;
            }
        }
        let mean = sum as f64 / f64::from(seen);
        assert!((180.0..220.0).contains(&mean), "{mean}");
    }
}
