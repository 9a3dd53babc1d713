//! The seed's plain `[outgoing]`, which tells nothing by itself: what no witness told is not claimed.

use std::time::Duration;

use serde_json::json;

use crate::{
    LABS, outcomes,
    support::{Bot, Lab, assert_end},
};

/// As in `outcomes`. Of a code the number alone is known, never the words, and after an answer
/// there is none. Of a redirect that `Dial` dropped before its 3xx was told, nothing is known at all.
const ROWS: &str = "
0200 | completed scenario_ended bot answered      | 16 | trunk_up
0185 | completed scenario_ended bot answered      | 16 | trunk_early_media
0486 | busy busy callee trying 486                | 17 | trunk_hangup
0600 | busy busy callee trying 600                | 17 | trunk_hangup
1603 | rejected declined callee ringing 603       | 21 | trunk_ringing
0603 | rejected declined callee trying 603        | 21 | trunk_hangup
0480 | unavailable unavailable carrier trying 480 | 19 | trunk_hangup
1480 | no_answer no_answer carrier ringing 480    | 19 | trunk_ringing
0401 | failed trunk_auth_failed carrier trying 401 | 21 | trunk_hangup
0403 | failed carrier_forbidden carrier trying 403 | 21 | trunk_hangup
0404 | failed number_invalid carrier trying 404   | 1  | trunk_hangup
0488 | failed codec_mismatch carrier trying 488   | 58 | trunk_hangup
3180 | failed codec_mismatch pbx ringing          | 58 | trunk_ringing
3185 | failed codec_mismatch pbx early_media      | 58 | trunk_early_media
1487 | no_answer no_answer carrier ringing 487    | 127 | trunk_ringing
0503 | failed carrier_overloaded carrier trying 503 | 34 | trunk_hangup
0500 | failed carrier_error carrier trying 500    | 38 | trunk_hangup
0302 | failed redirect_refused carrier trying 302 | 23 | trunk_hangup
or   | unknown outcome_lost unknown sent          | -  | trunk_destroyed
";

/// Where the channel tells no SIP status, its Q.850 cause is all there is: 401, 403 and 603 are one, and
/// nothing proves that it was the carrier who answered.
const ROWS_WITHOUT_STATUS: &str = "
0200 | completed scenario_ended bot answered      | 16 | trunk_up
0185 | completed scenario_ended bot answered      | 16 | trunk_early_media
0486 | busy busy callee sent                      | 17 | trunk_hangup
0600 | busy busy callee sent                      | 17 | trunk_hangup
1603 | rejected declined callee ringing           | 21 | trunk_ringing
0603 | failed carrier_refused carrier sent        | 21 | trunk_hangup
0480 | unavailable unavailable carrier sent       | 19 | trunk_hangup
1480 | no_answer no_answer carrier ringing        | 19 | trunk_ringing
0401 | failed carrier_refused carrier sent        | 21 | trunk_hangup
0403 | failed carrier_refused carrier sent        | 21 | trunk_hangup
0404 | failed number_invalid carrier sent         | 1  | trunk_hangup
0488 | failed codec_mismatch unknown sent         | 58 | trunk_hangup
3180 | failed codec_mismatch unknown ringing      | 58 | trunk_ringing
3185 | failed codec_mismatch unknown early_media  | 58 | trunk_early_media
1487 | failed carrier_refused carrier ringing     | 127 | trunk_ringing
0503 | failed carrier_overloaded carrier sent     | 34 | trunk_hangup
0500 | failed carrier_error carrier sent          | 38 | trunk_hangup
0302 | failed carrier_refused carrier sent        | 127 | trunk_hangup
or   | unknown outcome_lost unknown sent          | -  | trunk_destroyed
";

const UNTIL_OUR_TIME_IS_OVER: &str = "
0180 | no_answer ring_timeout limit ringing     | 16 | trunk_ringing
0183 | no_answer ring_timeout limit early_media | 16 | trunk_early_media
0000 | failed ring_timeout limit sent           | 16 | trunk_created
";

#[tokio::test]
async fn with_less_evidence_less_is_said() {
    let lab = Lab::to_spoil();
    lab.spoil("plain-outgoing");
    // This dialplan sets a caller id of its own, and the carrier tells ours by it.
    let own = lab.setting("CALLER_ID").to_owned();
    let mut bot = Bot::start(&lab, &[("scenarios.default.steps", "[{hangup=true}]")]).await;
    bot.caller.clone_from(&own);
    let rows = if LABS.tells_sip_status { ROWS } else { ROWS_WITHOUT_STATUS };
    outcomes::check(&bot, rows, json!({}), Duration::from_secs(20)).await;
}

#[tokio::test]
async fn our_own_time_out_is_told_without_the_dialplans_help() {
    let lab = Lab::to_spoil();
    lab.spoil("plain-outgoing");
    let own = lab.setting("CALLER_ID").to_owned();
    let mut bot = Bot::start(&lab, &[]).await;
    bot.caller.clone_from(&own);
    outcomes::check(&bot, UNTIL_OUR_TIME_IS_OVER, json!({"ring_timeout": 5}), Duration::from_secs(20)).await;
    let ringing = bot.place_to("+79005550180").await;
    bot.until_status(&ringing.id(), "ringing").await;
    bot.hang_up(&ringing.id()).await;
    let ringing = bot.until_ended(&ringing.id(), Duration::from_secs(10)).await;
    assert_end(&bot, &ringing, "canceled hung_up api ringing").await;
}
