//! Each recorded trace and the end that it proves.

use std::{collections::BTreeSet, fs};

use crate::replay::{World, folder, load};

/// trace | status reason ended_by reached sip_code
const OURS: &str = "
answer_bot_hangs_up            | completed hung_up api answered 200
answer_play_bot_hangs_up       | completed hung_up api answered 200
answer_callee_hangs_up         | completed hung_up callee answered 200
answer_callee_hangs_up_5s      | completed hung_up callee answered 200
answer_without_ringing         | completed hung_up api answered 200
answer_dtmf                    | completed hung_up api answered 200
answer_carrier_drops_cause41   | completed hung_up carrier answered 200
ring_3s_answer                 | completed hung_up api answered 200
early_media_then_answer        | completed hung_up api answered 200
code_486                       | busy busy callee trying 486
code_600                       | busy busy callee trying 600
ring_486                       | busy busy callee ringing 486
code_603                       | rejected declined callee trying 603
ring_603                       | rejected declined callee ringing 603
code_480                       | unavailable unavailable carrier trying 480
code_480_odd_text              | unavailable unavailable carrier trying 480
code_408                       | unavailable unavailable carrier trying 408
ring_480                       | no_answer no_answer carrier ringing 480
ring_408                       | no_answer no_answer carrier ringing 408
early_media_480                | no_answer no_answer carrier early_media 480
code_401                       | failed trunk_auth_failed carrier trying 401
code_407                       | failed trunk_auth_failed carrier trying 407
wrong_password                 | failed trunk_auth_failed carrier trying 401
auth_instead_of_outbound_auth  | failed trunk_auth_failed carrier trying 401
code_403                       | failed carrier_forbidden carrier trying 403
code_404                       | failed number_invalid carrier trying 404
code_410                       | failed number_invalid carrier trying 410
code_484                       | failed number_invalid carrier trying 484
code_604                       | failed number_invalid carrier trying 604
code_488                       | failed codec_mismatch carrier trying 488
code_606                       | failed codec_mismatch carrier trying 606
code_503                       | failed carrier_overloaded carrier trying 503
code_500                       | failed carrier_error carrier trying 500
code_502                       | failed carrier_error carrier trying 502
code_504                       | failed carrier_error carrier trying 504
code_302                       | failed redirect_refused carrier trying 302
silent_full                    | failed carrier_silent pbx sent -
trunk_gone_before_qualify_full | failed carrier_silent pbx sent -
silent_originate_timeout       | failed carrier_silent pbx sent -
trying_originate_timeout       | failed ring_timeout pbx trying -
ringing_originate_timeout      | no_answer ring_timeout pbx ringing -
early_media_originate_timeout  | no_answer ring_timeout pbx early_media -
trunk_gone_unreachable         | failed trunk_unreachable pbx none -
endpoint_missing               | failed trunk_unreachable pbx none -
endpoint_missing_subscribed    | failed trunk_unreachable pbx none -
outgoing_missing               | failed dialplan_missing pbx none -
silent_canceled                | canceled hung_up api sent -
trunk_gone_before_qualify      | canceled hung_up api sent -
trying_canceled                | canceled hung_up api trying -
canceled_at_dial               | canceled hung_up api trying -
ringing_canceled               | canceled hung_up api ringing -
early_media_canceled           | canceled hung_up api early_media -
ringing_early_media_canceled   | canceled hung_up api early_media -
late_answer_after_cancel       | canceled hung_up api ringing -
unusable_answer                | failed codec_mismatch pbx ringing 200
unusable_answer_at_once        | failed codec_mismatch pbx trying 200
answer_without_sdp             | completed codec_mismatch pbx answered 200
ring_487                       | no_answer no_answer carrier ringing 487
session_timer_runs_out         | completed hung_up pbx answered 200
legs_503_then_486              | busy busy callee trying 486
legs_503_then_486_again        | busy busy callee trying 486
legs_503_then_answer           | completed hung_up callee answered 200
legs_fork_busy_and_answer      | completed hung_up callee answered 200
legs_fork_ringing_and_answer   | completed hung_up callee answered 200
legs_fork_ringing_and_busy     | canceled hung_up api ringing -
legs_behind_local_503_then_486 | busy busy callee trying 486
legs_behind_local_reserve_503_then_486 | busy busy callee trying 486
announcement_after_486         | busy busy callee trying 486
taken_at_the_pbx               | completed hung_up pbx answered 200
half_hung_up_at_the_pbx        | canceled hung_up pbx ringing -
dialplan_hung_up_at_the_pbx    | canceled hung_up pbx ringing -
dialplan_sent_elsewhere        | canceled hung_up pbx ringing -
picked_up_by_a_colleague       | canceled hung_up pbx ringing -
picked_up_before_it_rang       | canceled hung_up pbx sent -
";

/// The same with the older document's plain `[outgoing]`: what no witness told is not claimed.
const PLAIN: &str = "
answer_bot_hangs_up            | completed hung_up api answered -
answer_play_bot_hangs_up       | completed hung_up api answered -
answer_callee_hangs_up         | completed hung_up callee answered -
answer_callee_hangs_up_5s      | completed hung_up callee answered -
answer_without_ringing         | completed hung_up api answered -
answer_dtmf                    | completed hung_up api answered -
answer_carrier_drops_cause41   | completed hung_up carrier answered -
ring_3s_answer                 | completed hung_up api answered -
early_media_then_answer        | completed hung_up api answered -
code_486                       | busy busy callee trying 486
code_600                       | busy busy callee trying 600
ring_486                       | busy busy callee ringing 486
code_603                       | rejected declined callee trying 603
ring_603                       | rejected declined callee ringing 603
code_480                       | unavailable unavailable carrier trying 480
code_480_odd_text              | unavailable unavailable carrier trying 480
code_408                       | unavailable unavailable carrier trying 408
ring_480                       | no_answer no_answer carrier ringing 480
ring_408                       | no_answer no_answer carrier ringing 408
early_media_480                | no_answer no_answer carrier early_media 480
code_401                       | failed trunk_auth_failed carrier trying 401
code_407                       | failed trunk_auth_failed carrier trying 407
wrong_password                 | failed trunk_auth_failed carrier trying 401
auth_instead_of_outbound_auth  | failed trunk_auth_failed carrier trying 401
code_403                       | failed carrier_forbidden carrier trying 403
code_404                       | failed number_invalid carrier trying 404
code_410                       | failed number_invalid carrier trying 410
code_484                       | failed number_invalid carrier trying 484
code_604                       | failed number_invalid carrier trying 604
code_488                       | failed codec_mismatch carrier trying 488
code_606                       | failed codec_mismatch carrier trying 606
code_503                       | failed carrier_overloaded carrier trying 503
code_500                       | failed carrier_error carrier trying 500
code_502                       | failed carrier_error carrier trying 502
code_504                       | failed carrier_error carrier trying 504
code_302                       | failed redirect_refused carrier trying 302
silent_full                    | unavailable unavailable carrier sent -
trunk_gone_before_qualify_full | unavailable unavailable carrier sent -
trunk_gone_unreachable         | failed trunk_unreachable pbx none -
endpoint_missing               | failed trunk_unreachable pbx none -
endpoint_missing_subscribed    | failed trunk_unreachable pbx none -
silent_originate_timeout       | unavailable unavailable unknown sent -
trying_originate_timeout       | unavailable unavailable unknown sent -
ringing_originate_timeout      | no_answer ring_timeout pbx ringing -
early_media_originate_timeout  | no_answer ring_timeout pbx early_media -
ringing_dial_timeout           | no_answer ring_timeout pbx ringing -
silent_canceled                | canceled hung_up api sent -
trunk_gone_before_qualify      | canceled hung_up api sent -
trying_canceled                | canceled hung_up api sent -
canceled_at_dial               | canceled hung_up api sent -
ringing_canceled               | canceled hung_up api ringing -
early_media_canceled           | canceled hung_up api early_media -
ringing_early_media_canceled   | canceled hung_up api early_media -
late_answer_after_cancel       | canceled hung_up api ringing -
unusable_answer                | failed codec_mismatch pbx ringing -
unusable_answer_at_once        | failed codec_mismatch pbx sent -
answer_without_sdp             | completed codec_mismatch pbx answered -
ring_487                       | no_answer no_answer carrier ringing 487
session_timer_runs_out         | completed hung_up pbx answered -
half_hung_up_at_the_pbx        | canceled hung_up pbx ringing -
dialplan_hung_up_at_the_pbx    | canceled hung_up pbx ringing -
dialplan_sent_elsewhere        | canceled hung_up pbx ringing -
picked_up_by_a_colleague       | canceled hung_up pbx ringing -
picked_up_before_it_rang       | canceled hung_up pbx sent -
";

/// Where 16.28 tells less than 22: a redirect has no SIP status there. A BYE that Asterisk sent by itself looks like the
/// callee's. (And in one recording the hang-up came when it rang already.)
const ON_16: &str = "
code_302                       | failed redirect_refused carrier trying -
canceled_at_dial               | canceled hung_up api ringing -
answer_without_sdp             | completed hung_up callee answered 200
session_timer_runs_out         | completed hung_up callee answered 200
";

fn rows(table: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    table.lines().filter_map(|line| line.split_once('|')).map(|(name, end)| (name.trim(), end.trim()))
}

pub fn ours() -> impl Iterator<Item = (&'static str, &'static str)> {
    rows(OURS)
}

/// The end of a call in the words of the table.
pub fn end(world: &World) -> String {
    let record = world.machine.record();
    let word = |word: Option<&'static str>| word.unwrap_or("-").to_owned();
    format!(
        "{} {} {} {} {}",
        record.last.status,
        word(record.last.reason.map(call::Reason::as_str)),
        word(record.last.ended_by.map(call::EndedBy::as_str)),
        record.last.reached,
        record.last.sip_code.map_or_else(|| "-".into(), |code| code.to_string()),
    )
}

fn check(folder: &str, rows: impl Iterator<Item = (&'static str, &'static str)>) {
    let wrong: Vec<String> = rows
        .filter_map(|(name, expected)| {
            let seen = end(&World::run(&load(&format!("{folder}{name}"))));
            (seen != expected).then(|| format!("{name}: expected `{expected}`, got `{seen}`"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn with_our_dialplan() {
    check("", rows(OURS));
}

/// 16.28 has no `tech_cause`: there the dialplan's report alone tells 401, 403 and 603 apart.
#[test]
fn with_our_dialplan_on_asterisk_16() {
    let differs = |name: &str| rows(ON_16).find(|(row, _)| *row == name);
    check("v16/", rows(OURS).map(|row| differs(row.0).unwrap_or(row)));
}

#[test]
fn with_the_plain_dialplan_of_the_older_document() {
    check("plain/", rows(PLAIN));
}

/// A trace without a row would prove nothing.
#[test]
fn every_trace_has_its_row() {
    for (path, table) in [(folder(), OURS), (folder().join("v16"), OURS), (folder().join("plain"), PLAIN)] {
        let recorded: BTreeSet<String> = fs::read_dir(path)
            .expect("the fixtures")
            .filter_map(|file| {
                file.expect("a file").file_name().to_str()?.strip_suffix(".jsonl").map(str::to_owned)
            })
            .collect();
        let named: BTreeSet<String> = rows(table).map(|(name, _)| name.to_owned()).collect();
        assert_eq!(recorded, named);
    }
}
