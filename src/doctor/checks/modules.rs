//! Asterisk's modules: what a call needs is loaded and running.

use std::collections::HashMap;

use serde_json::Value;

use crate::doctor::{
    finding::{Finding, say},
    patient::Patient,
};

const ID: &str = "modules";

/// Without one of these no call works.
const NEEDED: [&str; 21] = [
    "chan_pjsip",
    "res_pjsip",
    "res_pjsip_session",
    "res_pjsip_sdp_rtp",
    "res_pjsip_outbound_authenticator_digest",
    "res_rtp_asterisk",
    "pbx_config",
    "app_dial",
    "app_stasis",
    "res_stasis",
    "res_stasis_playback",
    "res_http_websocket",
    "res_ari",
    "res_ari_applications",
    "res_ari_asterisk",
    "res_ari_channels",
    "res_ari_endpoints",
    "res_ari_events",
    "res_ari_playbacks",
    "codec_alaw",
    "func_callerid",
];

/// Without one of these something is missing: what, in words.
const WANTED: [(&str, &str, &str); 9] = [
    ("res_pjsip_outbound_registration", "no registration at the carrier", "нет регистрации у оператора"),
    ("res_pjsip_caller_id", "no P-Asserted-Identity", "нет P-Asserted-Identity"),
    (
        "res_pjsip_endpoint_identifier_ip",
        "calls from the carrier find no endpoint",
        "звонки от оператора не находят endpoint",
    ),
    ("app_userevent", "the carrier's own words are lost", "слова оператора теряются"),
    ("func_hangupcause", "the carrier's own words are lost", "слова оператора теряются"),
    ("func_logic", "[outgoing] can't choose the caller id", "[outgoing] не может выбрать номер звонящего"),
    ("func_strings", "[outgoing] can't report", "[outgoing] не может докладывать"),
    ("format_wav", "WAV sounds are not played", "звуки WAV не проигрываются"),
    ("codec_ulaw", "ulaw can't be translated", "ulaw не перекодируется"),
];

pub async fn check(patient: &Patient) -> Vec<Finding> {
    let loaded = match patient.ask_ari("asterisk/modules").await {
        Some(reply) if reply.status == 200 => of_ari(&reply.json),
        Some(reply) if reply.status == 404 => {
            return vec![Finding::fail(
                ID,
                say!("res_ari_asterisk is not loaded", "res_ari_asterisk не загружен"),
                say!(
                    "asterisk -rx 'module load res_ari_asterisk.so'",
                    "asterisk -rx 'module load res_ari_asterisk.so'"
                ),
            )];
        }
        _ => match patient.ask_console("module show").await {
            Some(text) => of_console(&text),
            None => {
                return vec![Finding::skipped(
                    ID,
                    say!("Asterisk can't be asked", "Asterisk не спросить"),
                    say!("mend ARI, or give --cli", "почините ARI или задайте --cli"),
                )];
            }
        },
    };
    judge(&loaded)
}

/// Module names without `.so`, and whether they run.
type Loaded = HashMap<String, bool>;

fn of_ari(json: &Value) -> Loaded {
    let text = |module: &Value, field: &str| module.get(field).and_then(Value::as_str).map(str::to_owned);
    let module = |module| {
        let name = text(module, "name")?;
        Some((name.trim_end_matches(".so").to_owned(), text(module, "status")? == "Running"))
    };
    json.as_array().into_iter().flatten().filter_map(module).collect()
}

fn of_console(text: &str) -> Loaded {
    let module = |line: &str| {
        let name = line.split_ascii_whitespace().next()?.strip_suffix(".so")?;
        Some((name.to_owned(), line.contains(" Running") && !line.contains("Not Running")))
    };
    text.lines().filter_map(module).collect()
}

fn judge(loaded: &Loaded) -> Vec<Finding> {
    let runs = |name: &str| loaded.get(name).copied().unwrap_or(false);
    let missing: Vec<&str> = NEEDED.into_iter().filter(|name| !runs(name)).collect();
    let mut findings = Vec::new();
    if !missing.is_empty() {
        let list = missing.join(", ");
        let first = missing[0];
        findings.push(Finding::fail(
            ID,
            say!("not running: {list}", "не работают: {list}"),
            say!(
                "asterisk -rx 'module load {first}.so', and a `load =` line for each in modules.conf (asterisk-config/modules.conf has them all)",
                "asterisk -rx 'module load {first}.so' и строка `load =` для каждого в modules.conf (все есть в asterisk-config/modules.conf)"
            ),
        ));
    }
    for (name, en, ru) in WANTED.into_iter().filter(|(name, ..)| !runs(name)) {
        findings.push(Finding::warn(
            ID,
            say!("{name} is not running: {en}", "{name} не работает: {ru}"),
            say!("asterisk -rx 'module load {name}.so'", "asterisk -rx 'module load {name}.so'"),
        ));
    }
    if findings.is_empty() {
        let count = NEEDED.len() + WANTED.len();
        findings.push(Finding::ok(
            ID,
            say!("all {count} that a call needs are running", "все {count}, нужные звонку, работают"),
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Level;

    #[test]
    fn what_is_missing_or_stopped_is_told() {
        let mut loaded: Loaded = NEEDED
            .into_iter()
            .chain(WANTED.map(|(name, ..)| name))
            .map(|name| (name.to_owned(), true))
            .collect();
        assert_eq!(judge(&loaded)[0].level, Level::Ok);
        loaded.remove("app_userevent");
        assert_eq!(judge(&loaded)[0].level, Level::Warn);
        loaded.insert("app_dial".to_owned(), false);
        let found = judge(&loaded);
        assert_eq!((found[0].level, found[0].seen.en.as_str()), (Level::Fail, "not running: app_dial"));
    }

    #[test]
    fn the_console_tells_too() {
        let loaded = of_console(
            "Module                         Description            Use Count  Status      Support Level\n\
             chan_pjsip.so                  PJSIP Channel Driver   0          Running              core\n\
             app_dial.so                    Dialing Application    0          Not Running          core\n2 modules loaded\n",
        );
        assert_eq!(
            (loaded.get("chan_pjsip"), loaded.get("app_dial"), loaded.len()),
            (Some(&true), Some(&false), 2)
        );
    }
}
