//! An endpoint that runs otherwise than pjsip.conf has it.
//!
//! A section that Asterisk refuses, for one option that it does not know, stays as it was before the reload. The log alone
//! says so, and at the next restart the endpoint is gone.

use super::endpoint::ENDPOINT;
use crate::doctor::{
    finding::{Finding, say},
    patient::Patient,
    reading::pjsip::Options,
};

pub(super) fn judge(patient: &Patient, name: &str, running: &Options) -> Option<Finding> {
    let conf = patient.conf("pjsip.conf")?;
    let section = conf.object(name, "endpoint")?;
    let names = |value: &str| {
        let mut names: Vec<String> = value.split(',').map(|name| name.trim().to_owned()).collect();
        names.sort();
        names.join(",")
    };
    let (key, written, runs) = ["aors", "outbound_auth", "auth"].into_iter().find_map(|key| {
        let (written, runs) = (names(section.value(key).unwrap_or_default()), names(running.text(key)));
        (written != runs).then_some((key, written, runs))
    })?;
    let shown = |value: String| if value.is_empty() { "-".to_owned() } else { value };
    let (at, written, runs) = (section.at.to_string(), shown(written), shown(runs));
    Some(Finding::warn(
        ENDPOINT,
        say!(
            "`{name}` runs otherwise than {at} has it: {key} is {runs}, and there it is {written}. The file was not read since, or Asterisk refused the section; at a restart the file counts, and a refused section is none",
            "`{name}` работает не так, как записано в {at}: {key} — {runs}, а там — {written}. Файл с тех пор не читали, или Asterisk эту секцию не принял; после перезапуска действует файл, а непринятой секции нет"
        ),
        say!(
            "asterisk -rx 'module reload res_pjsip.so', then look into Asterisk's log for \"Could not create an object of type 'endpoint'\": the lines before it name the option",
            "asterisk -rx 'module reload res_pjsip.so', затем найдите в журнале Asterisk «Could not create an object of type 'endpoint'»: строки перед ним называют параметр"
        ),
    ))
}
