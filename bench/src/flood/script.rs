//! Recorded calls, each as a script that can be played again with other ids. It owns what an id is; it must not
//! know how many calls there are at once.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, ensure};
use asterisk::ami::{Block, recording};

/// Ids of one call; none of the recordings has half as many.
const IDS: u64 = 64;

/// What the events of one recorded call are.
pub struct Script {
    pub events: Vec<Recorded>,
    /// Channels that there are, on average over its events.
    pub channels: f64,
}

/// An event with places for ids.
pub struct Recorded {
    pub kind: String,
    text: String,
    /// What comes before each id of the text, as an offset.
    places: Vec<(usize, Id)>,
}

#[derive(Clone, Copy)]
struct Id {
    form: Form,
    /// Which of its call.
    index: u64,
}

#[derive(Clone, Copy)]
enum Form {
    /// The last twelve digits of a UUID.
    Uuid,
    /// What follows the point: `1795673768.2`.
    Number,
    /// What follows a channel's name: `PJSIP/150-0000002c`.
    Channel,
}

/// The calls of a folder of recordings, by their names.
pub fn read(folder: &Path) -> anyhow::Result<Vec<Script>> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .with_context(|| format!("{} has the recorded events", folder.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    let mut scripts = Vec::new();
    for path in paths {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        // Answers to actions, and no call.
        if name == "answers" {
            continue;
        }
        let blocks = recording::blocks(&fs::read(&path)?).with_context(|| path.display().to_string())?;
        scripts.push(Script::of(name, &blocks)?);
    }
    ensure!(!scripts.is_empty(), "{} has no recorded calls", folder.display());
    Ok(scripts)
}

impl Script {
    pub fn of(name: String, blocks: &[Block]) -> anyhow::Result<Self> {
        let mut known = BTreeMap::new();
        let mut events = Vec::new();
        let (mut live, mut sum) = (0_i64, 0_i64);
        for block in blocks {
            let Some(kind) = block.field("Event").filter(|kind| *kind != "FullyBooted") else { continue };
            live += channels(kind);
            sum += live;
            events.push(Recorded::of(kind, block, &mut known));
        }
        ensure!(!events.is_empty(), "{name} has no events");
        ensure!((known.len() as u64) < IDS, "{name} has {} ids", known.len());
        Ok(Script { channels: sum as f64 / events.len() as f64, events })
    }
}

/// What an event adds to the channels that there are.
pub fn channels(kind: &str) -> i64 {
    match kind {
        "Newchannel" => 1,
        "Hangup" => -1,
        _ => 0,
    }
}

impl Recorded {
    fn of(kind: &str, block: &Block, known: &mut BTreeMap<String, u64>) -> Self {
        let mut event = Recorded { kind: kind.to_owned(), text: String::new(), places: Vec::new() };
        for (name, value) in block.fields() {
            event.text.push_str(name);
            event.text.push_str(": ");
            match find_id(name, value) {
                None => event.text.push_str(value),
                Some((form, before, id, after)) => {
                    let next = known.len() as u64;
                    let index = *known.entry(format!("{before}{id}")).or_insert(next);
                    event.text.push_str(before);
                    event.places.push((event.text.len(), Id { form, index }));
                    event.text.push_str(after);
                }
            }
            event.text.push_str("\r\n");
        }
        event.text.push_str("\r\n");
        event
    }

    /// As that call has it.
    pub fn write(&self, call: u64, out: &mut Vec<u8>) {
        let mut from = 0;
        for (at, Id { form, index }) in &self.places {
            out.extend_from_slice(&self.text.as_bytes()[from..*at]);
            from = *at;
            let number = call * IDS + index;
            match form {
                Form::Uuid => write_hex(number, 12, out),
                Form::Channel => write_hex(number, 8, out),
                Form::Number => write_decimal(number, out),
            }
        }
        out.extend_from_slice(&self.text.as_bytes()[from..]);
    }
}

/// The id in a value, with what comes before and after it.
fn find_id<'a>(name: &str, value: &'a str) -> Option<(Form, &'a str, &'a str, &'a str)> {
    // `;1` and `;2` are the halves of a Local channel.
    let end = value.rfind(';').unwrap_or(value.len());
    let (id, after) = value.split_at(end);
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if ["Uniqueid", "Linkedid", "ActionID"].iter().any(|id| name.ends_with(id)) {
        if id.len() == 36 && is_hex(&id[24..]) {
            return Some((Form::Uuid, &id[..24], &id[24..], after));
        }
        let point = id.find('.')? + 1;
        return Some((Form::Number, &id[..point], &id[point..], after));
    }
    let dash = id.rfind('-').filter(|_| name.ends_with("Channel"))? + 1;
    let is_number = id.len() - dash == 8 && is_hex(&id[dash..]);
    is_number.then_some((Form::Channel, &id[..dash], &id[dash..], after))
}

fn write_hex(number: u64, digits: u32, out: &mut Vec<u8>) {
    for digit in (0..digits).rev() {
        out.push(b"0123456789abcdef"[(number >> (4 * digit)) as usize & 0xf]);
    }
}

fn write_decimal(mut number: u64, out: &mut Vec<u8>) {
    let begin = out.len();
    loop {
        out.push(b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out[begin..].reverse();
}
