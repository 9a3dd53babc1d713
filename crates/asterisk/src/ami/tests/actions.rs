//! Actions and their answers, and what is known when there is none.

use super::peer::{Conversation, Peer, channel_event};
use super::*;
use crate::Certainty;
use crate::ami::line::MAX_ROWS;
use crate::ami::{Action, AmiError, ChannelState, Originate, OriginateTarget};

/// A client that is up, with its Asterisk.
async fn up(change: impl FnOnce(&mut AmiTarget)) -> (Client, Conversation, Peer) {
    let peer = Peer::start().await;
    let mut target = target(peer.addr);
    change(&mut target);
    let mut client = Client::start(target);
    let asterisk = peer.let_in().await;
    client.up().await;
    assert!(matches!(client.event().await, Event::FullyBooted));
    (client, asterisk, peer)
}

fn originate() -> Originate {
    Originate {
        channel: "Local/150@inoffice".into(),
        target: OriginateTarget::Application {
            name: "Dial".into(),
            data: "Local/+375296254070@inoffice".into(),
        },
        timeout_ms: 30_000,
        caller_id: None,
        variables: Vec::new(),
        channel_id: "call".into(),
        other_channel_id: Some("call;2".into()),
    }
}

#[tokio::test]
async fn answers_find_their_askers_in_any_order() {
    let (client, mut asterisk, _peer) = up(|_| ()).await;
    let serve = async {
        let first = asterisk.expect("Getvar").await;
        let second = asterisk.expect("Getvar").await;
        asterisk.write("Response: Success\r\nActionID: nobody\r\n\r\nResponse: Success\r\n\r\n").await;
        for action in [second, first] {
            let value = format!("Value: of {}\r\n", action.field("Variable").unwrap());
            asterisk.answer(&action, "Success", &value).await;
        }
    };
    let (a, b, ()) =
        tokio::join!(client.ami.variable(None, "A"), client.ami.variable(Some("1.1"), "B"), serve);
    assert_eq!((a.unwrap().as_deref(), b.unwrap().as_deref()), (Some("of A"), Some("of B")));
}

#[tokio::test]
async fn a_call_is_taken_and_its_response_event_has_the_same_id() {
    let (mut client, mut asterisk, _peer) = up(|_| ()).await;
    let call = originate();
    let serve = async {
        let action = asterisk.expect("Originate").await;
        assert_eq!(action.field("ChannelId"), Some("call"));
        assert_eq!(action.field("OtherChannelId"), Some("call;2"));
        // The event may overtake the answer.
        let id = action.field("ActionID").unwrap().to_owned();
        asterisk
            .write(&format!(
                "Event: OriginateResponse\r\nPrivilege: call,all\r\nActionID: {id}\r\nResponse: Failure\r\nChannel: Local/150@inoffice\r\n\
                 Reason: 0\r\nUniqueid: <unknown>\r\nCallerIDNum: <unknown>\r\nCallerIDName: <unknown>\r\n\r\n"
            ))
            .await;
        asterisk.answer(&action, "Success", "Message: Originate successfully queued\r\n").await;
    };
    let (taken, ()) = tokio::join!(client.ami.originate(&call), serve);
    match client.event().await {
        Event::OriginateResponse(response) => {
            assert_eq!(response.action_id, Some(taken.unwrap()));
            assert_eq!((response.answered, response.reason, response.uniqueid), (false, 0, None));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_list_is_collected_while_events_go_on() {
    let (mut client, mut asterisk, _peer) = up(|_| ()).await;
    let serve = async {
        let action = asterisk.expect("CoreShowChannels").await;
        let id = action.field("ActionID").unwrap().to_owned();
        asterisk.answer(&action, "Success", "EventList: start\r\nMessage: Channels will follow\r\n").await;
        for number in 1..=2 {
            let more = format!(
                "ActionID: {id}\r\nApplication: AppDial\r\nDuration: 00:01:0{number}\r\nBridgeId: bridge\r\n"
            );
            asterisk.write(&channel_event("CoreShowChannel", &format!("1.{number}"), &more)).await;
            asterisk
                .write(&channel_event(
                    "Hangup",
                    &format!("9.{number}"),
                    "Cause: 16\r\nCause-txt: Normal Clearing\r\n",
                ))
                .await;
        }
        asterisk
            .write(&format!(
                "Event: CoreShowChannelsComplete\r\nActionID: {id}\r\nEventList: Complete\r\nListItems: 2\r\n\r\n"
            ))
            .await;
    };
    let (channels, ()) = tokio::join!(client.ami.channels(), serve);
    let channels = channels.unwrap();
    let ids: Vec<_> = channels.iter().map(|row| row.channel.uniqueid.as_str()).collect();
    assert_eq!(ids, ["1.1", "1.2"]);
    assert_eq!(channels[1].channel.state, ChannelState::Up);
    assert_eq!(channels[1].duration, Some(Duration::from_secs(62)));
    assert_eq!(channels[1].bridge_id.as_deref(), Some("bridge"));
    for number in 1..=2 {
        assert!(
            matches!(client.event().await, Event::Hangup(hangup) if hangup.channel.uniqueid == format!("9.{number}"))
        );
    }
}

#[tokio::test]
async fn a_list_without_an_end_is_given_up_and_the_connection_is_not() {
    let (client, mut asterisk, _peer) = up(|target| target.action_timeout = PATIENCE).await;
    let serve = async {
        let action = asterisk.expect("CoreShowChannels").await;
        let id = action.field("ActionID").unwrap().to_owned();
        asterisk.answer(&action, "Success", "EventList: start\r\n").await;
        let row = format!("Event: CoreShowChannel\r\nActionID: {id}\r\n\r\n");
        for _ in 0..=MAX_ROWS / 1000 {
            asterisk.write(&row.repeat(1000)).await;
        }
        let action = asterisk.expect("Getvar").await;
        asterisk.answer(&action, "Success", "Value: \r\n").await;
    };
    let ask = async {
        let error = client.ami.channels().await.unwrap_err();
        assert!(error.to_string().contains("over 20000 rows"), "{error}");
        assert_eq!(client.ami.variable(None, "A").await, Ok(None));
    };
    tokio::join!(ask, serve);
}

#[tokio::test]
async fn a_refusal_is_told_in_asterisks_words_with_what_to_do() {
    let (client, mut asterisk, _peer) = up(|_| ()).await;
    let serve = async {
        for message in ["No such channel", "Permission denied"] {
            let action = asterisk.action().await.unwrap();
            asterisk.answer(&action, "Error", &format!("Message: {message}\r\n")).await;
        }
        let action = asterisk.expect("Command").await;
        let output = "Message: Command output follows\r\nOutput: No such command 'x'\r\n";
        asterisk.answer(&action, "Error", output).await;
        let action = asterisk.expect("Ping").await;
        asterisk.answer(&action, "Perhaps", "").await;
    };
    let ask = async {
        let error = client.ami.hangup("1.1", Some(16)).await.unwrap_err();
        assert!(error.is_no_such_channel() && error.certainty() == Certainty::Refused);
        let error = client.ami.originate(&originate()).await.unwrap_err();
        assert!(error.is_permission_denied());
        assert!(error.to_string().contains("write=originate,call,reporting"), "{error}");
        let error = client.ami.command("x").await.unwrap_err();
        assert!(error.to_string().contains("No such command 'x'"), "{error}");
        // Neither yes nor no.
        let error = client.ami.action(&Action::new("Ping").with("X", "1")).await.unwrap_err();
        assert_eq!(error.certainty(), Certainty::MaybeSent);
    };
    tokio::join!(ask, serve);
}

#[tokio::test]
async fn the_output_of_a_command_comes_line_by_line() {
    let (client, mut asterisk, _peer) = up(|_| ()).await;
    let serve = async {
        let action = asterisk.expect("Command").await;
        assert_eq!(action.field("Command"), Some("core show channels"));
        asterisk
            .answer(&action, "Success", "Message: Command output follows\r\nOutput: a: b\r\nOutput: \r\n")
            .await;
    };
    let (output, ()) = tokio::join!(client.ami.command("core show channels"), serve);
    assert_eq!(output.unwrap(), ["a: b", ""]);
}

#[tokio::test]
async fn a_connection_that_dies_leaves_a_written_action_uncertain_and_the_next_not_sent() {
    let (client, mut asterisk, peer) = up(|target| target.backoff_min = PATIENCE).await;
    let call = originate();
    let die = async {
        asterisk.expect("Originate").await;
        drop((asterisk, peer));
    };
    let (written, ()) = tokio::join!(client.ami.originate(&call), die);
    let error = written.unwrap_err();
    assert_eq!(error.certainty(), Certainty::MaybeSent);
    assert!(error.to_string().contains("look at its channels"), "{error}");
    assert_eq!(client.ami.originate(&call).await.unwrap_err().certainty(), Certainty::NotSent);
}

#[tokio::test]
async fn an_answer_that_is_late_is_uncertain_and_disturbs_nobody() {
    let (client, mut asterisk, _peer) = up(|target| target.action_timeout = Duration::from_millis(50)).await;
    let error = client.ami.originate(&originate()).await.unwrap_err();
    assert_eq!(error.certainty(), Certainty::MaybeSent);
    let late = asterisk.expect("Originate").await;
    let serve = async {
        asterisk.answer(&late, "Success", "Value: wrong\r\n").await;
        let action = asterisk.expect("Getvar").await;
        asterisk.answer(&action, "Success", "Value: right\r\n").await;
    };
    let (value, ()) = tokio::join!(client.ami.variable(None, "A"), serve);
    assert_eq!(value.unwrap().as_deref(), Some("right"));
}

#[tokio::test]
async fn nothing_that_is_not_one_line_reaches_asterisk() {
    let (client, mut asterisk, _peer) = up(|_| ()).await;
    let evil = "x\r\nAction: Originate\r\nChannel: Local/1@x\r\nApplication: System\r\nData: id\r\n";
    let mut errors: Vec<AmiError> = Vec::new();
    let mut call = originate();
    call.channel = format!("Local/150@{evil}");
    errors.push(client.ami.originate(&call).await.unwrap_err());
    for ending in ["\r\n\r\nAction: Logoff\r\n\r\n", "\n\n", "\r", "\0"] {
        let mut call = originate();
        call.variables = vec![("A".into(), format!("1{ending}"))];
        errors.push(client.ami.originate(&call).await.unwrap_err());
        errors.push(client.ami.hangup(&format!("1.1{ending}"), None).await.unwrap_err());
        errors.push(client.ami.command(&format!("core show channels{ending}")).await.unwrap_err());
        errors.push(client.ami.variable(Some(&format!("1.1{ending}")), "A").await.unwrap_err());
        errors.push(client.ami.variable(None, &format!("A{ending}")).await.unwrap_err());
        let action = Action::new("Ping").with("X", ending);
        errors.push(client.ami.action(&action).await.unwrap_err());
    }
    errors.push(client.ami.hangup("/.*/", None).await.unwrap_err());
    for error in errors {
        assert_eq!(error.certainty(), Certainty::NotSent, "{error}");
    }
    // The first that Asterisk hears of is the next that is well.
    let serve = async {
        let action = asterisk.any_action().await.unwrap();
        assert_eq!(action.field("Action"), Some("Hangup"));
        asterisk.answer(&action, "Success", "").await;
    };
    let (hung_up, ()) = tokio::join!(client.ami.hangup("1.1", None), serve);
    hung_up.unwrap();
}
