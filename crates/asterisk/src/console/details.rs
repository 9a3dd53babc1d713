//! `core show channel NAME`: the only answer of the console that has the linkedid.

use super::{
    ChannelName, ChannelState, Command, ConsoleError, UniqueId,
    answer::{is_noise, unclear},
};

/// What is read of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelDetails {
    /// The channel's own id.
    pub unique_id: UniqueId,
    /// The unique id of the oldest channel of the call: the same for all that one originate brought about.
    pub linked_id: String,
    /// At the moment of the answer.
    pub state: ChannelState,
    /// The bridge that it is in, by the id that [`Channel::bridge`](super::Channel::bridge) has too; `None`: in
    /// none.
    pub bridge: Option<String>,
    /// What it runs, such as `Dial`; `None`: nothing.
    pub application: Option<String>,
    /// What that was given; empty where it was given nothing.
    pub data: String,
    /// What the `Dial` dialed that this channel was picked up for, by the variable that Dial sets: `+375296254070@trunk`.
    pub dialed_as: Option<String>,
    /// How the last `Dial` of this channel ended (`ANSWER`, `BUSY` ...), by the variable that Dial sets; a dialplan
    /// can set it too.
    pub dial_status: Option<String>,
}

impl ChannelDetails {
    /// From the answer to [`Command::Channel`]; `None` if there is no such channel, or no longer.
    ///
    /// # Errors
    /// The answer is a refusal, or lacks the ids or the state.
    pub fn parse(name: &ChannelName, answer: &str) -> Result<Option<Self>, ConsoleError> {
        if answer
            .lines()
            .find(|line| !is_noise(line))
            .is_some_and(|line| line.trim_end().ends_with("is not a known channel"))
        {
            return Ok(None);
        }
        let refused = || unclear(&Command::Channel(name.clone()), answer);
        // What stands under the first of its name is Asterisk's own; what dialplans and phones write comes after.
        let field = |key: &str| {
            let value =
                answer.lines().find_map(|line| line.trim_start().strip_prefix(key)?.strip_prefix(": "));
            value.map(str::trim_end)
        };
        let given = |key: &str| field(key).filter(|value| !value.is_empty() && !value.starts_with('('));
        let variables = answer.split_once("Variables:\n").map_or("", |(_, variables)| variables);
        let variable = |key: &str| {
            let value = variables.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            value.filter(|value| !value.is_empty()).map(str::to_owned)
        };
        Ok(Some(ChannelDetails {
            unique_id: UniqueId::new(given("UniqueID").ok_or_else(refused)?),
            linked_id: given("LinkedID").ok_or_else(refused)?.to_owned(),
            state: ChannelState::of_word(field("State").ok_or_else(refused)?),
            bridge: given("Bridge ID").map(str::to_owned),
            application: given("Application").map(str::to_owned),
            data: field("Data").filter(|data| *data != "(None)").unwrap_or_default().to_owned(),
            dialed_as: variable("DIALEDPEERNUMBER"),
            dial_status: variable("DIALSTATUS"),
        }))
    }

    /// Whether `Dial` had this very channel made: whoever picks up what rings somewhere else has another name than was dialed.
    /// `None` where nothing tells; of other drivers than PJSIP and chan_sip the two need not be alike.
    pub fn was_dialed(&self, name: &ChannelName) -> Option<bool> {
        let (technology, device) = name.as_str().rsplit_once('-')?.0.split_once('/')?;
        if !matches!(technology, "PJSIP" | "SIP") {
            return None;
        }
        let mut parts = self.dialed_as.as_deref()?.split(['@', '/', ':']);
        Some(parts.any(|part| part.eq_ignore_ascii_case(device)))
    }
}
