//! From the configuration to what the floors below go by, in their own types.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    config::{ANY_CALLER_ID, Config, Right, StepConfig},
    engine::{CallerIds, Dial, Settings, Trunk},
};
use asterisk::ari::{AriTarget, RestOverSocket};
use call::scenario::{Scenario, Step};
use call::{Destinations, Limits, PhoneNumber};

pub(super) fn settings(config: &Config) -> Settings {
    let dial = &config.dial;
    Settings {
        trunk: Trunk {
            context: config.trunk.context.clone(),
            endpoint: config.trunk.endpoint.clone(),
            caller_id: config.trunk.caller_id.clone(),
            caller_ids: caller_ids(config),
        },
        dial: Dial {
            allow: Destinations::new(dial.allow.iter().cloned()),
            max_concurrent: dial.max_concurrent,
            calls_per_second: dial.calls_per_second,
            min_gap: dial.min_gap,
            max_queued: dial.max_queued,
            limits: Limits {
                queue_timeout: dial.queue_timeout,
                unreachable_timeout: dial.unreachable_timeout,
            },
        },
        clients: clients(config),
        scenarios: scenarios(&config.scenarios),
        default_scenario: config.scenario.default.clone(),
        stop_timeout: config.service.stop_timeout,
        mask_numbers: config.log.mask_numbers,
    }
}

/// Whose waiting calls may be dialed: the keys that may place calls. `None` where there are no keys.
fn clients(config: &Config) -> Option<BTreeSet<String>> {
    let keys = &config.http.api_keys;
    let places_calls = keys.iter().filter(|key| key.rights.allow(Right::Call));
    (!keys.is_empty()).then(|| places_calls.map(|key| key.name.clone()).collect())
}

/// A request's number is in E.164 form, whatever the form of these.
fn caller_ids(config: &Config) -> CallerIds {
    let (caller_id, caller_ids) = (&config.trunk.caller_id, &config.trunk.caller_ids);
    if caller_ids.iter().any(|number| number == ANY_CALLER_ID) {
        return CallerIds::Any;
    }
    let e164 = |text: &String| {
        let number = PhoneNumber::parse(text, &config.dial.default_region);
        number.map_or_else(|_| text.clone(), |number| number.to_string())
    };
    CallerIds::Of(caller_ids.iter().chain(caller_id).map(e164).collect())
}

fn scenarios(named: &BTreeMap<String, Vec<StepConfig>>) -> BTreeMap<String, Scenario> {
    let steps_of = |step: &StepConfig| match step {
        StepConfig::Play(media) => media.iter().cloned().map(Step::Play).collect(),
        StepConfig::Wait(time) => vec![Step::Wait(*time)],
        StepConfig::Hangup => vec![Step::Hangup],
    };
    named.iter().map(|(name, steps)| (name.clone(), Scenario::new(steps.iter().flat_map(steps_of)))).collect()
}

/// `None` where the bot has no Asterisk of its own.
pub(super) fn target(config: &Config) -> Option<AriTarget> {
    let ari = &config.ari;
    if ari.username.is_empty() {
        return None;
    }
    let mut target =
        AriTarget::new(ari.url.clone(), ari.username.clone(), ari.password.clone(), ari.app.clone());
    target.request_timeout = ari.request_timeout;
    target.rest_over_socket = if ari.rest_over_socket { RestOverSocket::Auto } else { RestOverSocket::Never };
    Some(target)
}
