//! The actions that are asked for by name, one struct or function each. It owns their fields and what their values
//! may be; it must not send anything.

use super::action::Action;

/// A call to place. Asterisk answers as soon as it has taken it, and OriginateResponse tells whether it was
/// answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Originate {
    /// `Local/150@inoffice`.
    pub channel: String,
    /// What the channel does once it is answered.
    pub target: OriginateTarget,
    /// Asterisk's own limit until the answer, in milliseconds.
    pub timeout_ms: u32,
    /// What the called phone shows. `None` sets none.
    pub caller_id: Option<CallerId>,
    /// Set on the channel, and on both halves of a Local one; a name that starts with two underscores is handed on
    /// to every channel that comes after.
    pub variables: Vec<(String, String)>,
    /// The unique id of the channel, up to 149 bytes. It must not be in use: Asterisk takes the action all the same,
    /// and its OriginateResponse is a failure with reason 0.
    pub channel_id: String,
    /// Of the `;2` half of a Local channel.
    pub other_channel_id: Option<String>,
}

/// What the channel does when it has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginateTarget {
    /// It runs one application, and is hung up when that ends.
    Application {
        /// `Dial`, `ChanSpy` ...
        name: String,
        /// Its arguments, as the dialplan would write them between the brackets.
        data: String,
    },
    /// It goes on in the dialplan.
    Dialplan {
        /// Asterisk refuses the action at once where these three name nothing.
        context: String,
        /// An extension of the context.
        exten: String,
        /// The first one is 1.
        priority: u32,
    },
}

/// Neither part may have quotes, angle brackets, backslashes or control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerId {
    /// `None`: the number alone.
    pub name: Option<String>,
    /// `150`.
    pub number: String,
}

/// The longest unique id.
const MAX_ID: usize = 149;

impl Originate {
    pub(super) fn action(&self) -> Action {
        let action = Action::new("Originate").with("Channel", &self.channel);
        let action = match &self.target {
            OriginateTarget::Application { name, data } => {
                action.with("Application", name).with("Data", data)
            }
            OriginateTarget::Dialplan { context, exten, priority } => {
                action.with("Context", context).with("Exten", exten).with("Priority", priority.to_string())
            }
        };
        let action = action
            .with("Timeout", self.timeout_ms.to_string())
            .with("ChannelId", &self.channel_id)
            .with_some("OtherChannelId", self.other_channel_id.as_deref())
            .with("Async", "true")
            .with_some("CallerID", self.caller_id.as_ref().map(CallerId::text).as_deref());
        let action = action
            .only_if(self.channel.contains('/'), "its channel has no technology, as in Local/150@inoffice")
            .only_if(self.timeout_ms > 0, "it would give up at once")
            .only_if(
                self.ids().all(is_id),
                "a channel id is empty, longer than 149 bytes, or has a space in it",
            )
            .only_if(
                self.caller_id.iter().all(CallerId::is_fit),
                "the caller id has quotes or brackets in it",
            )
            .only_if(
                self.variables.iter().all(|(name, value)| is_variable(name) && is_variable_value(value)),
                "a variable has a name that is none, or a comma, a quote or a backslash in its value",
            );
        self.variables
            .iter()
            .fold(action, |action, (name, value)| action.with("Variable", format!("{name}={value}")))
    }

    fn ids(&self) -> impl Iterator<Item = &str> {
        [Some(self.channel_id.as_str()), self.other_channel_id.as_deref()].into_iter().flatten()
    }
}

impl CallerId {
    fn text(&self) -> String {
        match &self.name {
            Some(name) => format!("\"{name}\" <{}>", self.number),
            None => format!("<{}>", self.number),
        }
    }

    fn is_fit(&self) -> bool {
        let fit = |text: &str| !text.contains(['"', '<', '>', '\\']);
        fit(&self.number) && self.name.as_deref().is_none_or(fit)
    }
}

/// `channel` is a name or a unique id, whole. Asterisk takes `/.../` for a pattern and hangs up all that fit, so
/// such a thing is never sent.
pub(super) fn hangup(channel: &str, cause: Option<u8>) -> Action {
    let action = Action::new("Hangup")
        .with("Channel", channel)
        .only_if(is_id(channel) && !channel.starts_with('/'), "its channel is empty, or a pattern");
    match cause {
        Some(cause) => action.with("Cause", cause.to_string()),
        None => action,
    }
}

pub(super) fn getvar(channel: Option<&str>, name: &str) -> Action {
    Action::new("Getvar").with_some("Channel", channel).with("Variable", name)
}

pub(super) fn command(line: &str) -> Action {
    Action::new("Command").with("Command", line).only_if(!line.trim().is_empty(), "the command is empty")
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_ID && !text.contains(' ')
}

/// A variable or one with underscores before it, not a function.
fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Asterisk takes a comma for the beginning of the next variable, and eats quotes and backslashes (measured).
fn is_variable_value(value: &str) -> bool {
    !value.contains([',', '"', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn originate() -> Originate {
        Originate {
            channel: "Local/150@inoffice".into(),
            target: OriginateTarget::Application {
                name: "Dial".into(),
                data: "Local/+375296254070@inoffice".into(),
            },
            timeout_ms: 30_000,
            caller_id: Some(CallerId { name: Some("Отдел 1".into()), number: "150".into() }),
            variables: vec![("__CALL".into(), "a b|c".into()), ("X".into(), String::new())],
            channel_id: "id".into(),
            other_channel_id: Some("id;2".into()),
        }
    }

    #[test]
    fn a_call_is_placed_with_ids_of_our_own() {
        let action = originate().action();
        action.check().unwrap();
        assert_eq!(
            action.text("7"),
            "Action: Originate\r\nActionID: 7\r\nChannel: Local/150@inoffice\r\nApplication: Dial\r\n\
             Data: Local/+375296254070@inoffice\r\nTimeout: 30000\r\nChannelId: id\r\nOtherChannelId: id;2\r\n\
             Async: true\r\nCallerID: \"Отдел 1\" <150>\r\nVariable: __CALL=a b|c\r\nVariable: X=\r\n\r\n"
        );
        let target =
            OriginateTarget::Dialplan { context: "inoffice".into(), exten: "200".into(), priority: 1 };
        let text = Originate { target, ..originate() }.action().text("7");
        assert!(text.contains("\r\nContext: inoffice\r\nExten: 200\r\nPriority: 1\r\n"), "{text}");
    }

    #[test]
    fn a_call_with_a_value_that_asterisk_would_take_otherwise_is_never_placed() {
        let flawed = |change: fn(&mut Originate)| {
            let mut call = originate();
            change(&mut call);
            call.action().check().expect_err("it must not be sent").to_string()
        };
        flawed(|call| call.channel = "150".into());
        flawed(|call| call.channel = "Local/150@inoffice\r\nApplication: System".into());
        flawed(|call| call.timeout_ms = 0);
        flawed(|call| call.channel_id = String::new());
        flawed(|call| call.channel_id = "x".repeat(150));
        flawed(|call| call.other_channel_id = Some("a b".into()));
        flawed(|call| call.caller_id = Some(CallerId { name: Some("a\" <1>".into()), number: "2".into() }));
        flawed(|call| call.caller_id = Some(CallerId { name: None, number: "2>".into() }));
        flawed(|call| call.variables = vec![("A".into(), "1,B=2".into())]);
        flawed(|call| call.variables = vec![("SHELL(id)".into(), "1".into())]);
        flawed(|call| call.variables = vec![("A=1".into(), "1".into())]);
    }

    #[test]
    fn a_pattern_never_hangs_up_others() {
        assert_eq!(
            hangup("1795672859.148", Some(16)).text("7"),
            "Action: Hangup\r\nActionID: 7\r\nChannel: 1795672859.148\r\nCause: 16\r\n\r\n"
        );
        hangup("PJSIP/150-0000002c", None).check().unwrap();
        for channel in ["", "/.*/", "/^PJSIP\\/150-.*$/", "a b"] {
            assert!(hangup(channel, None).check().is_err(), "{channel:?}");
        }
    }
}
