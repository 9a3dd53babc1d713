//! Passwords that everybody knows: the examples' own, and those of the handbooks.

use crate::doctor::{
    finding::{Finding, say},
    patient::Patient,
    reading::is_true,
};
use asterisk::files::{Conf, Section};

const ID: &str = "passwords";

/// Whole passwords, in small letters: of Asterisk's samples, of handbooks that are copied often, and of
/// those who had no better idea.
const KNOWN: [&str; 26] = [
    "",
    "asterisk",
    "password",
    "passw0rd",
    "secret",
    "admin",
    "administrator",
    "root",
    "test",
    "guest",
    "user",
    "changeme",
    "change_me",
    "default",
    "1234",
    "12345",
    "123456",
    "12345678",
    "mysecret",
    "amp111",
    "amp109",
    "qwerty",
    "novofon",
    "secure_password",
    "mysecretamipassword123",
    "yoursecurepasswordhere123!",
];

pub fn check(patient: &Patient) -> Vec<Finding> {
    let mut weak = Vec::new();
    let ari = &patient.config.ari;
    if patient.has_asterisk() && is_known(ari.password.expose(), &ari.username) {
        weak.push(format!("ari.password ([{}])", ari.username));
    }
    if let Some(conf) = patient.conf("ari.conf") {
        weak.extend(weak_in(&conf, "password", "ari.conf", |section| section.value("type") == Some("user")));
    }
    if let Some(conf) = patient.conf("manager.conf") {
        let is_on = conf.section("general").and_then(|general| general.value("enabled")).is_some_and(is_true);
        if is_on {
            weak.extend(weak_in(&conf, "secret", "manager.conf", |section| section.name != "general"));
        }
    }
    if let Some(conf) = patient.conf("pjsip.conf") {
        weak.extend(weak_in(&conf, "password", "pjsip.conf", |section| {
            section.value("type") == Some("auth")
        }));
    }
    if weak.is_empty() {
        return vec![Finding::ok(
            ID,
            say!("none of those seen is a default one", "среди увиденных нет паролей по умолчанию"),
        )];
    }
    let list = weak.join(", ");
    vec![Finding::fail(
        ID,
        say!("known to everybody: {list}", "известны всем: {list}"),
        say!(
            "set long random ones: openssl rand -hex 24; a trunk's is the one that the carrier gave",
            "задайте длинные случайные: openssl rand -hex 24; у транка — тот, что выдал оператор"
        ),
    )]
}

/// Still the blank of an example.
pub fn is_placeholder(text: &str) -> bool {
    let text = text.to_uppercase();
    text.starts_with("YOUR_") || text.starts_with("ВАШ_") || text.starts_with("ТВОЙ_")
}

/// Whether everybody knows it, or it is the user's own name.
pub fn is_known(password: &str, user: &str) -> bool {
    let small = password.to_lowercase();
    KNOWN.contains(&small.as_str()) || is_placeholder(password) || small == user.to_lowercase()
}

fn weak_in(conf: &Conf, key: &str, file: &str, of_interest: impl Fn(&Section) -> bool) -> Vec<String> {
    let weak = |section: &&Section| {
        let user = section.value("username").unwrap_or(&section.name);
        section.value(key).is_some_and(|password| is_known(password, user))
    };
    let sections = conf.sections.iter().filter(|section| !section.is_template && of_interest(section));
    sections.filter(weak).map(|section| format!("{file} [{}]", section.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_ones() {
        for (password, user) in [
            ("asterisk", "asterisk"),
            ("Novofon_Bot", "novofon_bot"),
            ("YOUR_ARI_PASSWORD", "x"),
            ("1234", "x"),
        ] {
            assert!(is_known(password, user), "{password}");
        }
        assert!(!is_known("9f3c1b2a77de", "novofon_bot"));
        assert!(
            is_placeholder("YOUR_SIP_PASSWORD_HERE")
                && is_placeholder("ТВОЙ_ПАРОЛЬ")
                && !is_placeholder("0123456")
        );
    }
}
