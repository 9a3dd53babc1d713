//! Objects that stand twice in pjsip.conf: Asterisk then takes none of that type, and says so in its log only.

use crate::doctor::{
    finding::{Finding, Text, say},
    patient::Patient,
};
use asterisk::files::{Conf, pjsip};

const ID: &str = "pjsip_duplicates";

pub fn check(patient: &Patient) -> Vec<Finding> {
    let Some(conf) = patient.conf("pjsip.conf") else {
        return vec![Finding::skipped(
            ID,
            say!(
                "only pjsip.conf itself tells, and it can't be read",
                "видно только в самом pjsip.conf, а он не читается"
            ),
            say!(
                "give --etc DIR (ASTERISK_ETC), and the right to read it",
                "задайте --etc ПАПКА (ASTERISK_ETC) и право её читать"
            ),
        )];
    };
    judge(&conf)
}

fn judge(conf: &Conf) -> Vec<Finding> {
    let found: Vec<Finding> = pjsip::duplicates(conf)
        .into_iter()
        .map(|one| {
            let (name, kind) = (&one.name, &one.kind);
            let at: Vec<String> = one.at.iter().map(ToString::to_string).collect();
            let at = at.join(", ");
            Finding::fail(
                ID,
                say!(
                    "[{name}] with type = {kind} stands there {} times: {at}. Asterisk then reads no `{kind}` at all: at a reload the old ones stay, at the next restart all of them are gone, the phones' too",
                    "[{name}] с type = {kind} записана {} раз(а): {at}. Тогда Asterisk не берёт ни одной секции `{kind}`: при reload остаются прежние, а при следующем перезапуске пропадут все, и у телефонов тоже",
                    one.at.len()
                ),
                say!(
                    "keep one of them and remove the others (of two trunks your own, without `#include pjsip_novofon.conf`); then: asterisk -rx 'module reload res_pjsip.so'",
                    "оставьте одну, остальные удалите (из двух транков — свой, без `#include pjsip_novofon.conf`); затем: asterisk -rx 'module reload res_pjsip.so'"
                ),
            )
        })
        .collect();
    if found.is_empty() {
        return vec![Finding::ok(
            ID,
            say!("no object stands twice in pjsip.conf", "в pjsip.conf ничего не записано дважды"),
        )];
    }
    found
}

/// How to get an object that is missing, without making a second one of another type.
pub fn how_to_add(patient: &Patient, name: &str, kind: &str) -> Option<Text> {
    let conf = patient.conf("pjsip.conf")?;
    let there: Vec<String> =
        pjsip::objects(&conf, name).map(|(kind, at)| format!("type = {kind} ({at})")).collect();
    if there.is_empty() {
        return None;
    }
    let there = there.join(", ");
    let reload = "asterisk -rx 'module reload res_pjsip.so'";
    Some(match conf.object(name, kind) {
        Some(section) => {
            let at = section.at.to_string();
            say!(
                "it stands at {at}, and Asterisk did not take it: see `pjsip_duplicates` and Asterisk's log, don't add a second one; then: {reload}",
                "она есть в {at}, но Asterisk её не взял: смотрите `pjsip_duplicates` и журнал Asterisk, вторую не добавляйте; затем: {reload}"
            )
        }
        None => say!(
            "pjsip.conf has sections [{name}] already: {there}. Add only the one that is missing, type = {kind} (copy it from asterisk-config/pjsip_novofon.conf, but don't include that file: a second section of one type makes Asterisk drop all of that type); then: {reload}",
            "в pjsip.conf уже есть секции [{name}]: {there}. Добавьте только недостающую, type = {kind} (скопируйте её из asterisk-config/pjsip_novofon.conf, но сам файл не включайте: из-за второй секции одного типа Asterisk отбросит все секции этого типа); затем: {reload}"
        ),
    })
}
