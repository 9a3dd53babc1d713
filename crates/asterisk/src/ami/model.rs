//! Asterisk's things as it describes them in events and lists. It owns the reading of their fields; it must not
//! judge what they mean.

use std::time::Duration;

use super::names;
use super::wire::Block;

/// A field that cannot be missing is missing, or is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} has no usable `{field}`")]
pub struct Unreadable {
    pub(super) kind: String,
    pub(super) field: String,
}

/// A channel at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// `PJSIP/150-0000002c`, `Local/150@inoffice-00000001;1`.
    pub name: String,
    /// What was asked for as ChannelId, or a number of Asterisk's own.
    pub uniqueid: String,
    /// The unique id of the first channel of the call. Empty where an old Asterisk leaves it out.
    pub linkedid: String,
    /// As of that event or list.
    pub state: ChannelState,
    /// Of who is at its end; `None` where Asterisk says `<unknown>`. Whoever calls may have written it, and no more
    /// than 79 bytes of it are kept (measured).
    pub caller_id_num: Option<String>,
    /// As the number: anybody's text.
    pub caller_id_name: Option<String>,
    /// Of who it is connected with, or to be; `None` as above.
    pub connected_line_num: Option<String>,
    /// As the number.
    pub connected_line_name: Option<String>,
    /// Where in the dialplan it is; empty where it is in none.
    pub context: String,
    /// The extension within the context; empty where there is none.
    pub exten: String,
}

/// The states of `channelstate.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelState {
    /// Neither dialed nor answered.
    Down,
    /// Down, but taken.
    Reserved,
    /// The handset of an analog phone is off the hook.
    OffHook,
    /// Digits are being sent.
    Dialing,
    /// It is the calling side, and waits.
    Ring,
    /// It is the called side, and rings.
    Ringing,
    /// Answered.
    Up,
    /// The line is busy.
    Busy,
    /// Digits are being sent with the handset off the hook.
    DialingOffHook,
    /// A call came in, and its ringing is awaited.
    PreRing,
    /// None of these.
    Unknown,
}

/// A channel as `CoreShowChannels` lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelRow {
    /// The channel itself.
    pub channel: Channel,
    /// What it runs, such as `Dial` or `AppDial`; empty where it runs nothing.
    pub application: String,
    /// What that was given: `Local/+375296254070@inoffice`.
    pub application_data: String,
    /// Since the channel began.
    /// In whole seconds. `None` where the list has none.
    pub duration: Option<Duration>,
    /// Two channels with the same one hear each other.
    pub bridge_id: Option<String>,
}

/// What joins channels at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridge {
    /// `BridgeUniqueid`: one of Asterisk's own making, unless a program chose it.
    pub id: String,
    /// `simple_bridge`, `softmix` ...
    pub technology: String,
    /// With the channel that enters, without the one that leaves.
    pub channels: u32,
}

/// `CoreSettings`: which Asterisk it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoreSettings {
    /// As it calls itself: `22.10.1+dfsg+~cs6.17.60671434-1`.
    pub asterisk_version: String,
    /// The version of the protocol: `11.0.0` of 22.10.1, `5.0.4` of 16.28. What an Asterisk can do is not to be
    /// told by it.
    pub ami_version: String,
    /// `systemname` of asterisk.conf.
    pub system_name: Option<String>,
}

/// `CoreStatus`: how it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoreStatus {
    /// As Asterisk writes them, in its own time zone: `2026-11-26`, `05:59:13`.
    pub startup_date: String,
    /// As `startup_date`.
    pub startup_time: String,
    /// Channels, though Asterisk calls them calls: two calls are four (measured on 16.28 and 22.10.1).
    pub current_calls: u32,
}

fn says_something(value: &str) -> bool {
    !value.is_empty() && value != "<unknown>"
}

/// Reads the fields of one block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) block: &'a Block,
    /// The event's name, for errors.
    pub(super) kind: &'a str,
}

impl<'a> Reader<'a> {
    pub(super) fn required(&self, field: &str) -> Result<&'a str, Unreadable> {
        self.some(field).ok_or_else(|| self.unreadable(field))
    }

    /// A value that is there and says something.
    pub(super) fn some(&self, field: &str) -> Option<&'a str> {
        self.block.field(field).filter(|value| says_something(value))
    }

    pub(super) fn text(&self, field: &str) -> String {
        self.block.field(field).unwrap_or_default().to_owned()
    }

    pub(super) fn option(&self, field: &str) -> Option<String> {
        self.some(field).map(str::to_owned)
    }

    pub(super) fn number<T: std::str::FromStr>(&self, field: &str) -> Option<T> {
        self.some(field)?.trim().parse().ok()
    }

    /// `Yes`, `True`, `1` as Asterisk's own `ast_true` has them.
    pub(super) fn flag(&self, field: &str) -> bool {
        let value = self.block.field(field).unwrap_or_default();
        ["yes", "true", "y", "t", "1", "on"].iter().any(|word| value.eq_ignore_ascii_case(word))
    }

    /// The channel whose fields start with the prefix: none, `Dest`, `LocalOne`, `Spyee` ...
    pub(super) fn channel(&self, prefix: &str) -> Result<Channel, Unreadable> {
        let values = self.channel_values(prefix);
        let value =
            |name: &str| names::CHANNEL.iter().position(|field| *field == name).and_then(|at| values[at]);
        let some = |name| value(name).filter(|value| says_something(value));
        let option = |name| some(name).map(str::to_owned);
        let text = |name| value(name).unwrap_or_default().to_owned();
        let required = |name| option(name).ok_or_else(|| self.unreadable(&format!("{prefix}{name}")));
        let state = some("ChannelState").and_then(|state| state.trim().parse().ok());
        Ok(Channel {
            name: required("Channel")?,
            uniqueid: required("Uniqueid")?,
            linkedid: text("Linkedid"),
            state: state.map_or(ChannelState::Unknown, ChannelState::of),
            caller_id_num: option("CallerIDNum"),
            caller_id_name: option("CallerIDName"),
            connected_line_num: option("ConnectedLineNum"),
            connected_line_name: option("ConnectedLineName"),
            context: text("Context"),
            exten: text("Exten"),
        })
    }

    /// By their places in [`names::CHANNEL`].
    fn channel_values(&self, prefix: &str) -> [Option<&'a str>; names::CHANNEL.len()] {
        let mut values = [None; names::CHANNEL.len()];
        let block = self.block;
        match names::prefix(prefix).filter(|_| block.names().is_some()) {
            Some(prefix) => {
                for (code, value) in block.codes() {
                    if let Some((_, field)) = code.of_channel().filter(|(of, _)| *of == prefix) {
                        values[field] = Some(value);
                    }
                }
            }
            None => {
                for (value, field) in values.iter_mut().zip(names::CHANNEL) {
                    *value = block.field(&format!("{prefix}{field}"));
                }
            }
        }
        values
    }

    /// The same where there may be none.
    pub(super) fn channel_if_any(&self, prefix: &str) -> Result<Option<Channel>, Unreadable> {
        let uniqueid = match prefix {
            "" => self.some("Uniqueid"),
            prefix => self.some(&format!("{prefix}Uniqueid")),
        };
        uniqueid.map(|_| self.channel(prefix)).transpose()
    }

    pub(super) fn bridge(&self) -> Result<Bridge, Unreadable> {
        Ok(Bridge {
            id: self.required("BridgeUniqueid")?.to_owned(),
            technology: self.text("BridgeTechnology"),
            channels: self.number("BridgeNumChannels").unwrap_or_default(),
        })
    }

    pub(super) fn row(&self) -> Result<ChannelRow, Unreadable> {
        Ok(ChannelRow {
            channel: self.channel("")?,
            application: self.text("Application"),
            application_data: self.text("ApplicationData"),
            duration: (self.some("Duration").and_then(duration))
                .or_else(|| self.number("Seconds").map(Duration::from_secs)),
            bridge_id: self.option("BridgeId"),
        })
    }

    /// Of one that ends before its ids; what follows them is not known.
    pub(super) fn row_of(&self, name: String, uniqueid: String, linkedid: String) -> ChannelRow {
        ChannelRow {
            channel: Channel {
                name,
                uniqueid,
                linkedid,
                state: self.number("ChannelState").map_or(ChannelState::Unknown, ChannelState::of),
                caller_id_num: None,
                caller_id_name: None,
                connected_line_num: None,
                connected_line_name: None,
                context: String::new(),
                exten: String::new(),
            },
            application: String::new(),
            application_data: String::new(),
            duration: None,
            bridge_id: None,
        }
    }

    pub(super) fn settings(&self) -> Result<CoreSettings, Unreadable> {
        Ok(CoreSettings {
            asterisk_version: self.required("AsteriskVersion")?.to_owned(),
            ami_version: self.text("AMIversion"),
            system_name: self.option("SystemName"),
        })
    }

    pub(super) fn status(&self) -> Result<CoreStatus, Unreadable> {
        Ok(CoreStatus {
            startup_date: self.required("CoreStartupDate")?.to_owned(),
            startup_time: self.required("CoreStartupTime")?.to_owned(),
            current_calls: self.number("CoreCurrentCalls").unwrap_or_default(),
        })
    }

    fn unreadable(&self, field: &str) -> Unreadable {
        // A hostile name must not fill a log.
        Unreadable { kind: self.kind.chars().take(64).collect(), field: field.to_owned() }
    }
}

impl Channel {
    /// One half of a Local channel: a passage inside Asterisk, with nobody at its end.
    pub fn is_local(&self) -> bool {
        self.name.starts_with("Local/")
    }

    /// `PJSIP/150` of `PJSIP/150-0000002c`: what can be dialed, and what ChanSpy takes.
    pub fn endpoint(&self) -> &str {
        self.name.rsplit_once('-').map_or(&*self.name, |(endpoint, _)| endpoint)
    }
}

impl ChannelState {
    fn of(number: u8) -> Self {
        match number {
            0 => Self::Down,
            1 => Self::Reserved,
            2 => Self::OffHook,
            3 => Self::Dialing,
            4 => Self::Ring,
            5 => Self::Ringing,
            6 => Self::Up,
            7 => Self::Busy,
            8 => Self::DialingOffHook,
            9 => Self::PreRing,
            _ => Self::Unknown,
        }
    }
}

/// `101:02:03`: hours may be many.
fn duration(text: &str) -> Option<Duration> {
    let mut parts = text.splitn(3, ':');
    let mut part = || parts.next()?.parse::<u64>().ok();
    let (hours, minutes, seconds) = (part()?, part()?, part()?);
    let minutes = hours.checked_mul(60)?.checked_add(minutes)?;
    Some(Duration::from_secs(minutes.checked_mul(60)?.checked_add(seconds)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_nonsense_is_none() {
        assert_eq!(duration("00:00:03"), Some(Duration::from_secs(3)));
        assert_eq!(duration("101:02:03"), Some(Duration::from_secs(101 * 3600 + 123)));
        for text in
            ["", "3", "1:2", "a:b:c", "1:2:3:4", "-1:0:0", "9999999999999999999:0:0", "99999999999999999:0:0"]
        {
            assert_eq!(duration(text), None, "{text:?}");
        }
    }
}
