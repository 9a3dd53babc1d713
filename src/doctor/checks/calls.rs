//! What became of the last calls, and live calls that are older than they may be.

use std::time::Duration;

use chrono::{TimeDelta, Utc};

use super::endpoint::Facts;
use crate::doctor::{
    finding::{Finding, Text, say},
    patient::Patient,
};
use call::{Reason, hint};
use lang::Lang;
use ledger::{Ended, Inspection, Overdue};

const ENDS: &str = "last_calls";
const LIVE: &str = "live_calls";

/// A call may take this much longer than its own limits: set-up, the last words, a busy machine.
const SLACK: Duration = Duration::from_secs(120);

/// A reason is a pattern from so many calls on.
const PATTERN: u64 = 3;

pub async fn check(patient: &Patient, trunk: &Facts) -> Vec<Finding> {
    let url = patient.config.store.url.expose();
    let now = Utc::now();
    let slack = SLACK + patient.config.dial.queue_timeout + patient.config.dial.unreachable_timeout;
    let look = async {
        let Some(mut inspection) = Inspection::open(url).await? else { return Ok(None) };
        let ends = inspection.ended_since(now - TimeDelta::hours(24)).await;
        let overdue = inspection.overdue(now, slack).await;
        inspection.close().await;
        Ok::<_, ledger::StoreError>(Some((ends?, overdue?)))
    };
    match look.await {
        Ok(None) => vec![Finding::ok(ENDS, say!("none yet", "ещё не было"))],
        Ok(Some((ends, overdue))) => {
            let mut findings = judge_ends(&ends, trunk);
            findings.push(judge_live(&overdue));
            findings
        }
        Err(error) => {
            vec![Finding::skipped(
                ENDS,
                say!("the store can't be read: {why}", "хранилище не читается: {why}", why = error),
                say!(
                    "run doctor as the daemon's user, or as root",
                    "запустите doctor от пользователя демона или от root"
                ),
            )]
        }
    }
}

/// The call ended before the trunk was dialed: it tells nothing about the trunk.
fn is_before_trunk(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::QueueTimeout
            | Reason::StoreUnavailable
            | Reason::AsteriskUnreachable
            | Reason::AsteriskRefused
            | Reason::DialplanMissing
    )
}

/// It is of the whole trunk or of the bot, not of some numbers: a call that got through since proves that it is over.
fn is_of_all_calls(reason: Reason) -> bool {
    is_before_trunk(reason)
        || matches!(
            reason,
            Reason::TrunkAuthFailed
                | Reason::CarrierSilent
                | Reason::TrunkUnreachable
                | Reason::CodecMismatch
        )
}

/// The callee's side was heard of, so everything on the way there works.
fn got_through(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Busy
            | Reason::NoAnswer
            | Reason::RingTimeout
            | Reason::Declined
            | Reason::Unavailable
            | Reason::HungUp
            | Reason::ScenarioEnded
            | Reason::MaxDuration
    )
}

/// What to do about a reason that calls ended with: the configuration may have been mended since.
fn remedy_for_past(end: &Ended, trunk: &Facts) -> Text {
    match (end.reason, trunk.cannot_answer_challenge()) {
        (Reason::TrunkAuthFailed, Some(false)) => {
            let last = time_of(end.newest);
            say!(
                "the endpoint has its `outbound_auth` now. If it had at {last} too, the login or the password is wrong: compare username and password of the section with type = auth with the carrier's account. If you have mended it since, a call shows it: novofon-bot doctor --call NUMBER",
                "`outbound_auth` у endpoint сейчас есть. Если был и в {last}, неверен логин или пароль: сверьте username и password секции с type = auth с личным кабинетом оператора. Если с тех пор вы всё исправили, это покажет звонок: novofon-bot doctor --call НОМЕР"
            )
        }
        (reason, _) => remedy(reason, trunk),
    }
}

fn time_of(time: chrono::DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// What to do about a reason, by what else is known.
pub fn remedy(reason: Reason, trunk: &Facts) -> Text {
    match (reason, trunk.cannot_answer_challenge()) {
        (Reason::TrunkAuthFailed, Some(false)) => say!(
            "the endpoint has its `outbound_auth`, so the login or the password is wrong: compare username and password of the section with type = auth with the carrier's account",
            "`outbound_auth` у endpoint есть, значит, неверен логин или пароль: сверьте username и password секции с type = auth с личным кабинетом оператора"
        ),
        (Reason::TrunkAuthFailed, Some(true)) => say!(
            "the endpoint has no `outbound_auth`, see `endpoint_auth` above; the password is not the matter",
            "у endpoint нет `outbound_auth`, см. `endpoint_auth` выше; пароль тут ни при чём"
        ),
        _ => {
            let (en, ru) = (hint(reason, Lang::En), hint(reason, Lang::Ru));
            say!("{en}", "{ru}")
        }
    }
}

fn judge_ends(ends: &[Ended], trunk: &Facts) -> Vec<Finding> {
    let total: u64 = ends.iter().map(|end| end.calls).sum();
    let Some(newest) = ends.iter().max_by_key(|end| end.newest) else {
        return vec![Finding::ok(ENDS, say!("none in the last 24 hours", "за последние 24 часа не было"))];
    };
    let list: Vec<String> = ends.iter().take(5).map(|end| format!("{} {}", end.reason, end.calls)).collect();
    let list = list.join(", ");
    let faults: Vec<&Ended> = ends.iter().filter(|end| end.reason.is_own_fault()).collect();
    let mut findings: Vec<Finding> = faults
        .iter()
        .take(3)
        .filter(|end| end.calls * 10 >= total)
        .map(|end| {
            let (reason, calls) = (end.reason, end.calls);
            let percent = calls * 100 / total;
            let good = ends.iter().filter(|good| got_through(good.reason) && good.newest > end.newest);
            let good = good.max_by_key(|good| good.newest);
            if let Some(good) = good.filter(|_| is_of_all_calls(reason)) {
                let (last, since) = (time_of(end.newest), time_of(good.newest));
                return Finding::ok(
                    ENDS,
                    say!(
                        "{calls} of {total} of the last 24 hours ended with {reason}, the last of {last}; that is over: a call of {since} got through",
                        "{calls} из {total} за 24 часа кончились {reason}, последний — от {last}; это позади: звонок от {since} прошёл"
                    ),
                );
            }
            let seen = say!(
                "{percent} % of the last 24 hours ({calls} of {total}) ended with {reason}",
                "{percent} % за 24 часа ({calls} из {total}) кончились {reason}"
            );
            // What was mended since is no fault any more.
            let newest_trunk =
                ends.iter().filter(|end| !is_before_trunk(end.reason)).max_by_key(|end| end.newest);
            // A queue that ran over since does not mend the trunk.
            let newest = if is_before_trunk(reason) { Some(newest) } else { newest_trunk };
            let goes_on = newest.is_some_and(|end| end.reason == reason)
                && calls * 2 >= total
                && calls >= PATTERN.min(total);
            match goes_on {
                true => Finding::fail(ENDS, seen, remedy_for_past(end, trunk)),
                false => Finding::warn(ENDS, seen, remedy_for_past(end, trunk)),
            }
        })
        .collect();
    if findings.is_empty() {
        findings.push(Finding::ok(
            ENDS,
            say!("{total} in the last 24 hours: {list}", "{total} за последние 24 часа: {list}"),
        ));
    }
    findings
}

fn judge_live(overdue: &Overdue) -> Finding {
    let Overdue { live, overdue: late, oldest } = overdue;
    match late {
        0 => Finding::ok(
            LIVE,
            say!("{live}, none older than it may be", "{live}, ни один не старше допустимого"),
        ),
        _ => {
            let oldest = oldest.map(time_of).unwrap_or_default();
            Finding::fail(
                LIVE,
                say!(
                    "{late} of {live} should have ended long ago, the oldest is of {oldest}",
                    "{late} из {live} давно должны были закончиться, старейший — от {oldest}"
                ),
                say!(
                    "start the daemon: it asks Asterisk for each and closes it; if it runs, restart it",
                    "запустите демона: он спросит о каждом Asterisk и закроет; если работает — перезапустите"
                ),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{finding::Level, reading::pjsip::Options};

    fn ended(reason: Reason, calls: u64, minutes_ago: i64) -> Ended {
        Ended { reason, calls, newest: Utc::now() - TimeDelta::minutes(minutes_ago) }
    }

    fn trunk(option: &str) -> Facts {
        Facts { options: Some(Options([(option.to_owned(), "novofon".to_owned())].into())) }
    }

    #[test]
    fn a_fault_that_goes_on_fails_and_one_that_is_over_warns() {
        let trunk = trunk("outbound_auth");
        let level = |ends: &[Ended]| judge_ends(ends, &trunk)[0].level;
        assert_eq!(level(&[]), Level::Ok);
        assert_eq!(level(&[ended(Reason::Busy, 8, 1), ended(Reason::NoAnswer, 2, 2)]), Level::Ok);
        let (auth, done) = (Reason::TrunkAuthFailed, Reason::ScenarioEnded);
        assert_eq!(level(&[ended(auth, 8, 1), ended(done, 2, 60)]), Level::Fail);
        assert_eq!(level(&[ended(Reason::CarrierForbidden, 8, 60), ended(done, 2, 1)]), Level::Warn);
        assert_eq!(level(&[ended(auth, 8, 60), ended(Reason::QueueTimeout, 1, 1)]), Level::Fail);
        assert_eq!(level(&[ended(auth, 1, 1), ended(done, 99, 2)]), Level::Ok);
        assert_eq!(level(&[ended(auth, 1, 1)]), Level::Fail);
    }

    #[test]
    fn a_cause_that_was_mended_is_named_no_more() {
        let trunk = trunk("outbound_auth");
        let first = |ends: &[Ended]| judge_ends(ends, &trunk).remove(0);
        let (auth, done) = (Reason::TrunkAuthFailed, Reason::ScenarioEnded);
        let over = first(&[ended(auth, 8, 600), ended(done, 1, 1)]);
        assert_eq!((over.level, &over.mend), (Level::Ok, &None), "{over:?}");
        assert!(over.seen.en.contains("that is over: a call of 20"), "{over:?}");
        // A call that nobody knows anything of, or that another fault ended, proves nothing.
        for other in [Reason::OutcomeLost, Reason::CarrierForbidden, Reason::Shutdown] {
            assert_eq!(first(&[ended(auth, 8, 600), ended(other, 1, 1)]).level, Level::Warn, "{other}");
        }
        // Without a call since, what is set up now tells nothing of then.
        let mend = first(&[ended(auth, 8, 600)]).mend.expect("a remedy");
        assert!(mend.en.contains("If it had at 20") && mend.ru.contains("doctor --call НОМЕР"), "{mend:?}");
    }

    #[test]
    fn two_causes_of_a_401_have_two_remedies() {
        let of = |option| remedy(Reason::TrunkAuthFailed, &trunk(option)).en;
        assert!(of("outbound_auth").contains("password is wrong"));
        assert!(of("auth").contains("no `outbound_auth`"));
    }

    #[test]
    fn overdue_calls_fail() {
        let fine = Overdue { live: 3, overdue: 0, oldest: Some(Utc::now()) };
        assert_eq!(judge_live(&fine).level, Level::Ok);
        assert_eq!(judge_live(&Overdue { overdue: 1, ..fine }).level, Level::Fail);
    }
}
