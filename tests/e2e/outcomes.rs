//! Every row of the tables of states and outcomes: what the carrier does, and what the bot says of it.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    LABS,
    support::{Bot, Call, Lab, assert_arrived, assert_end, wrong_words},
};

/// last digits of +7900555... | status reason ended_by reached sip_code sip_text | q850 | an event that shows it
///
/// All of these end by themselves: by the carrier, by the callee, or by the scenario's hang-up.
const BY_THEMSELVES: &str = r#"
0200 | completed scenario_ended bot answered 200 OK                     | 16 | trunk_up
0201 | completed scenario_ended bot answered 200 OK                     | 16 | trunk_up
0203 | completed scenario_ended bot answered 200 OK                     | 16 | trunk_ringing
0185 | completed scenario_ended bot answered 200 OK                     | 16 | trunk_early_media
3183 | completed scenario_ended bot answered 200 OK                     | 16 | trunk_early_media
0486 | busy busy callee trying 486 Busy Here                            | 17 | report
0600 | busy busy callee trying 600 Busy Everywhere                      | 17 | report
1486 | busy busy callee ringing 486 Busy Here                           | 17 | trunk_ringing
0603 | rejected declined callee trying 603 Decline                      | 21 | report
1603 | rejected declined callee ringing 603 Decline                     | 21 | trunk_ringing
0480 | unavailable unavailable carrier trying 480 Temporarily Unavailable | 19 | report
0408 | unavailable unavailable carrier trying 408 Request Timeout       | 18 | report
9480 | unavailable unavailable carrier trying 480 Abonent "off, or far" \ call later | 19 | report
1480 | no_answer no_answer carrier ringing 480 Temporarily Unavailable  | 19 | trunk_ringing
1408 | no_answer no_answer carrier ringing 408 Request Timeout          | 18 | trunk_ringing
2480 | no_answer no_answer carrier early_media 480 Temporarily Unavailable | 19 | trunk_early_media
0401 | failed trunk_auth_failed carrier trying 401 Unauthorized         | 21 | report
0407 | failed trunk_auth_failed carrier trying 407 Proxy Authentication Required | 21 | report
0403 | failed carrier_forbidden carrier trying 403 Forbidden            | 21 | report
0404 | failed number_invalid carrier trying 404 Not Found               | 1  | report
0410 | failed number_invalid carrier trying 410 Gone                    | 22 | report
0484 | failed number_invalid carrier trying 484 Address Incomplete      | 28 | report
0604 | failed number_invalid carrier trying 604 Does Not Exist Anywhere | 1  | report
0488 | failed codec_mismatch carrier trying 488 Not Acceptable Here     | 58 | report
0606 | failed codec_mismatch carrier trying 606 Not Acceptable          | 58 | report
3180 | failed codec_mismatch pbx ringing 200 OK                         | 58 | trunk_ringing
3184 | failed codec_mismatch pbx trying                                 | 58 | report
3185 | failed codec_mismatch pbx early_media 200 OK                    | 58 | trunk_early_media
3200 | failed codec_mismatch pbx trying 200 OK                          | 58 | report
1487 | no_answer no_answer carrier ringing 487 Request Terminated       | 127 | trunk_ringing
0503 | failed carrier_overloaded carrier trying 503 Service Unavailable | 34 | report
0500 | failed carrier_error carrier trying 500 Server Internal Error    | 38 | report
0502 | failed carrier_error carrier trying 502 Bad Gateway              | 27 | report
0504 | failed carrier_error carrier trying 504 Server Time-out          | 102 | report
0420 | failed carrier_refused carrier trying 420 Bad Extension          | 3 | report
1503 | failed carrier_overloaded carrier ringing 503 Service Unavailable | 34 | trunk_ringing
"#;

/// Under load `Dial` drops a redirected leg before its 3xx is written on the channel: then Asterisk tells
/// nobody which one it was (measured on 22.10), and the bot claims none.
const REDIRECTS: &str = "
0302 | failed redirect_refused carrier trying 302 | 23 | redirected
or   | failed redirect_refused carrier trying     | -  | redirected
0301 | failed redirect_refused carrier trying 301 | 16 | redirected
or   | failed redirect_refused carrier trying     | -  | redirected
";

/// Of a 3xx the dialplan knows nothing, so an Asterisk that puts no SIP status on the channel never tells
/// which one it was.
const REDIRECTS_WITHOUT_STATUS: &str = "
0302 | failed redirect_refused carrier trying | 127 | redirected
or   | failed redirect_refused carrier trying | -   | redirected
0301 | failed redirect_refused carrier trying | 127 | redirected
or   | failed redirect_refused carrier trying | -   | redirected
";

/// The same, with a scenario that stays on the line until the other side ends the call.
const ON_THE_LINE: &str = "
0211 | completed hung_up callee answered 200 OK  | 16 | trunk_hangup
0215 | completed hung_up callee answered 200 OK  | 16 | trunk_hangup
0241 | completed hung_up carrier answered 200 OK | 41 | trunk_hangup
";

/// The same, when nobody ends the call but our ring time-out.
const UNTIL_OUR_TIME_IS_OVER: &str = "
0180 | no_answer ring_timeout limit ringing     | 16 | trunk_ringing
0183 | no_answer ring_timeout limit early_media | 16 | trunk_early_media
0184 | no_answer ring_timeout limit early_media | 16 | trunk_ringing
0220 | no_answer ring_timeout limit ringing     | 16 | trunk_ringing
0100 | failed ring_timeout limit trying         | 16 | trunk_created
0000 | failed carrier_silent limit sent         | 16 | trunk_created
";

/// Nobody is there to be heard until Asterisk's own 32 s are over.
const SILENT_TO_THE_END: &str = "
0000 | failed carrier_silent pbx sent | 18 | trunk_hangup
";

const ON_ANSWER_HANG_UP: &str = "[{hangup=true}]";
/// Asterisk goes up, finds nothing in the answer that it can use, and sends a BYE of its own. The SIP status
/// that it puts on the channel (406) says so; its cause is 16, on a busy machine 127.
const ANSWER_WITHOUT_SDP: &str = "
3000 | completed codec_mismatch pbx answered 200 OK | 16 | trunk_hangup
or   | completed codec_mismatch pbx answered 200 OK | 127 | trunk_hangup
";

/// Where the channel tells no SIP status, that BYE looks like the callee's, or (under load) like nobody's.
const ANSWER_WITHOUT_SDP_NOR_STATUS: &str = "
3000 | completed hung_up callee answered 200 OK | 16 | trunk_hangup
or   | completed hung_up unknown answered 200 OK | 127 | trunk_hangup
";

const STAY: &str = "[{wait=600}]";

/// Places a call for each row, all at once, and looks at each end. A row `or` is another end that is as
/// right as the one before it.
pub async fn check(bot: &Bot, table: &str, request: Value, time: Duration) {
    let mut rows: Vec<(&str, Vec<[&str; 3]>)> = Vec::new();
    for line in table.lines().filter(|line| !line.is_empty()) {
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let [digits, end, q850, event] = columns[..] else { panic!("a row has four columns: {line}") };
        match (digits, rows.last_mut()) {
            ("or", Some((_, ends))) => ends.push([end, q850, event]),
            _ => rows.push((digits, vec![[end, q850, event]])),
        }
    }
    let wrong = join_all(rows.iter().map(async |(digits, ends)| {
        let mut request = request.clone();
        request["phone"] = format!("+7900555{digits}").into();
        let call = bot.place_and_wait(request, time).await;
        assert_arrived(bot, &call);
        let mut wrong = Vec::new();
        for row in ends {
            let faults = faults(bot, &call, digits, row).await;
            if faults.is_empty() {
                return Vec::new();
            }
            wrong.extend(faults);
        }
        wrong
    }))
    .await
    .concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let arrived = bot.carrier.calls_from(&bot.caller).len();
    assert_eq!(arrived, rows.len(), "calls at the carrier");
}

/// In what a call differs from a row.
async fn faults(bot: &Bot, call: &Call, digits: &str, [end, q850, event]: &[&str; 3]) -> Vec<String> {
    let mut wrong: Vec<String> = wrong_words(bot, call, end).await.into_iter().collect();
    if call.text("q850_cause") != *q850 {
        wrong.push(format!("{digits}: cause {}, expected {q850}", call.text("q850_cause")));
    }
    let events = bot.events(&call.id()).await;
    if !events.iter().any(|seen| seen == event) {
        wrong.push(format!("{digits}: no {event} in {events:?}"));
    }
    wrong
}

#[tokio::test]
async fn what_the_carrier_ends_is_told_in_its_own_words() {
    let bot = Bot::start(&Lab::shared(), &[("scenarios.default.steps", ON_ANSWER_HANG_UP)]).await;
    let redirects = if LABS.tells_sip_status { REDIRECTS } else { REDIRECTS_WITHOUT_STATUS };
    let table = format!("{BY_THEMSELVES}{redirects}");
    check(&bot, &table, json!({}), Duration::from_secs(20)).await;
}

#[tokio::test]
async fn the_far_side_that_hangs_up_is_named() {
    let bot = Bot::start(&Lab::shared(), &[("scenarios.default.steps", STAY)]).await;
    check(&bot, ON_THE_LINE, json!({}), Duration::from_secs(20)).await;
}

#[tokio::test]
async fn an_answer_that_asterisk_can_make_nothing_of_is_ended_by_asterisk() {
    let bot = Bot::start(&Lab::shared(), &[("scenarios.default.steps", STAY)]).await;
    let rows = if LABS.tells_sip_status { ANSWER_WITHOUT_SDP } else { ANSWER_WITHOUT_SDP_NOR_STATUS };
    check(&bot, rows, json!({}), Duration::from_secs(20)).await;
}

#[tokio::test]
async fn our_own_time_out_is_not_taken_for_the_carriers_answer() {
    let bot = Bot::start(&Lab::shared(), &[]).await;
    check(&bot, UNTIL_OUR_TIME_IS_OVER, json!({"ring_timeout": 5}), Duration::from_secs(20)).await;
}

#[tokio::test]
async fn total_silence_is_not_an_answer_of_the_carrier() {
    let bot = Bot::start(&Lab::shared(), &[]).await;
    check(&bot, SILENT_TO_THE_END, json!({}), Duration::from_secs(40)).await;
}

/// The states as they pass: each is told while it lasts, and only then.
#[tokio::test]
async fn states_are_told_as_they_come() {
    let bot = Bot::start(&Lab::shared(), &[("scenarios.default.steps", STAY)]).await;
    let call = bot.place_to("+79005550203").await;
    let ringing = bot.until_status(&call.id(), "ringing").await;
    assert_eq!(ringing.text("answered_at"), "-");
    assert_eq!(ringing.text("reached"), "ringing");
    let answered = bot.until_status(&call.id(), "answered").await;
    assert_eq!(answered.text("ended_at"), "-");
    bot.hang_up(&call.id()).await;
    let call = bot.until_ended(&call.id(), Duration::from_secs(10)).await;
    assert_end(&bot, &call, "completed hung_up api answered 200 OK").await;
    let rang = call.seconds("ring_seconds");
    assert!((2.5..4.5).contains(&rang), "it rang 3 s, the bot says {rang}");
    let gap = (call.time("answered_at") - call.time("ringing_at")).as_seconds_f64();
    assert!((gap - rang).abs() < 0.5, "ring_seconds {rang}, but the times say {gap}");
}
