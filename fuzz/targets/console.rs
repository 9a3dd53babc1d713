//! What `asterisk -rx` prints: whatever it is, an order that it does not clearly refuse is never taken for refused, and
//! what comes with every answer changes no answer.
#![no_main]

use asterisk::Driver;
use asterisk::console::{
    Batch, ChannelDetails, ChannelName, Channels, Command, ConsoleError, Family, HangupAnswer, endpoints,
    hangup_answer, noise_of, of_exec, ordered, plain, uptime, version, without,
};
use libfuzzer_sys::fuzz_target;

/// Each of them is Asterisk's own, or its client's, word for "no".
const REFUSALS: [&str; 6] = [
    "No such command",
    "Unable to connect",
    "sage: ",
    "There are two ways to use this command",
    "don't have permissions",
    "cannot be run during shutdown",
];

// The first byte is the exit status; a line of its own parts what went to stdout from what went to stderr.
fuzz_target!(|data: &[u8]| {
    let [status, said @ ..] = data else { return };
    let text = String::from_utf8_lossy(said);
    let (stdout, stderr) = text.split_once("\n===\n").unwrap_or((&text, ""));
    let dial = Command::Dial {
        extension: "150".parse().expect("digits"),
        number: "+375296254070".parse().expect("a number"),
        context: "inoffice".parse().expect("a context"),
    };
    let answer = match of_exec(&dial, Some((*status).into()), None, stdout.as_bytes(), stderr.as_bytes()) {
        Ok(answer) => answer,
        Err(error) => {
            assert_ne!(*status, 0, "{error}");
            let is_refusal = matches!(error, ConsoleError::Refused { .. });
            assert!(!is_refusal || [1, 126, 127].contains(status), "{status}: {error}");
            return;
        }
    };
    assert!(!answer.contains(['\u{1b}', '\r']));
    assert_eq!(plain(&answer), answer);
    if let Err(error) = ordered(&dial, &answer) {
        let is_told = REFUSALS.iter().any(|word| answer.to_lowercase().contains(&word.to_lowercase()));
        assert!(error.may_have_acted() || is_told, "{error}");
        assert!(!error.to_string().contains(['\n', '\u{1b}']), "{error:?}");
    }
    read(&answer);
    batch(&answer, stderr);
    // What such a host says to every command is taken out of what it says to this one.
    let noise = noise_of(&answer);
    assert!(noise.len() <= 64);
    let left = without(&answer, &noise);
    assert!(left.len() <= answer.len() && without(&left, &noise) == left);
});

fn read(answer: &str) {
    let name: ChannelName = "PJSIP/150-00000001".parse().expect("a name");
    let hangup = hangup_answer(&Command::Hangup(name.clone()), answer);
    assert!(hangup != Ok(HangupAnswer::Requested) || answer.contains("Requested Hangup on channel"));
    for technology in [Driver::ChanSip, Driver::Pjsip] {
        let _ = endpoints(technology, answer);
    }
    assert!(version(answer).is_ok_and(|it| !it.is_empty()) || !answer.starts_with("Asterisk 2"));
    let _ = (uptime(answer), Command::Channels.is_odd(answer));
    let details = ChannelDetails::parse(&name, answer);
    let Ok(channels) = Channels::parse(answer) else { return };
    assert!(channels.list.len() + channels.unread <= answer.lines().count());
    for channel in channels.list.iter().take(16) {
        assert!(answer.contains(channel.name.as_str()));
        assert!(channels.named(&channel.name).is_some());
        let heard = channels.heard_by(&channel.name);
        assert!(heard.iter().all(|other| other.name != channel.name));
        let Some(mut family) = Family::of_call(channel, "+375296254070") else { continue };
        for other in &channels.list {
            family.learn(other, details.as_ref().ok().and_then(Option::as_ref));
        }
        let look = family.look(&channels);
        assert!(look.near.is_none_or(|near| near.name.local().is_some_and(|half| half.near)));
        assert!(!look.joined || !(look.desk.is_empty() || look.phone.is_empty()));
        assert!(family.to_hang_up(&channels).is_none_or(|own| own.len() <= channels.list.len()));
        family.forget_gone(&channels);
    }
}

/// A batch's answers come out as they went in; one that ends early is uncertain as soon as it has an order.
fn batch(answer: &str, stderr: &str) {
    let orders =
        Batch::new(vec![Command::Channels, Command::Hangup("PJSIP/150-00000001".parse().expect("a name"))]);
    match orders.answers(answer.as_bytes(), stderr.as_bytes()) {
        Ok(_) => panic!("its mark was guessed"),
        Err(error) => assert!(error.may_have_acted(), "{error}"),
    }
    let line = orders.shell();
    let mark = line.split_once("echo \"").and_then(|(_, rest)| rest.split(' ').next()).expect("its mark");
    let output = format!("{answer}{mark} 0\n{answer}{mark} 0\n");
    let read = orders.answers(output.as_bytes(), b"").expect("whole");
    assert_eq!(read, [plain(answer), plain(answer)]);
}
