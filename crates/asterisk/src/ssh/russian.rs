//! What the errors of SSH say, in Russian.

use super::error::{Fate, SshError, Stage};
use lang::{Lang, Told, system_in_russian};

impl Told for SshError {
    fn told(&self, lang: Lang) -> String {
        match lang {
            Lang::En => self.to_string(),
            Lang::Ru => russian(self),
        }
    }
}

fn russian(error: &SshError) -> String {
    let why_of = |why: &str| system_in_russian(why);
    match error {
        SshError::Unreachable { host, why } => {
            format!("до {host} не добраться: {}; проверьте адрес и сеть", why_of(why))
        }
        SshError::Refused { host } => {
            format!("{host} отказал в соединении; проверьте, что там работает sshd и слушает этот порт")
        }
        SshError::ConnectTimeout { host, limit, stage } => {
            format!("за {} нет соединения SSH с {host}: {}", limit.told(Lang::Ru), stage_in_russian(*stage))
        }
        SshError::Handshake { host, why } => format!(
            "соединение SSH с {host} не установлено: {}; подробнее — в журнале sshd на хосте",
            why_of(why)
        ),
        SshError::Denied { host, tried, offered } => format!(
            "{host} не принял вход: пробовали {tried}, а хост принимает {offered}; проверьте имя, пароль или ключ и \
             PermitRootLogin в его sshd_config"
        ),
        SshError::HostKeyChanged(key) => format!(
            "КЛЮЧ ХОСТА {} СМЕНИЛСЯ: он показывает {}, а в {}:{} записан {}; вход не пробовали. Если хост правда \
             переустановлен, уберите старый ключ: `{}`",
            key.host,
            key.presented,
            key.file.display(),
            key.line,
            key.known,
            key.remedy
        ),
        SshError::HostKeyRevoked { host, presented, file, line } => format!(
            "{host} показывает ключ {presented}, а он отозван в {}:{line}; вход не пробовали",
            file.display()
        ),
        SshError::KnownHosts { file, why } => format!(
            "известные хосты в {} не использовать: {}; дайте программе право читать и писать этот файл",
            file.display(),
            why_of(why)
        ),
        SshError::Paused { host, wait, cause } => {
            let wait = system_in_russian(&format!("{wait:.1?}"));
            format!("к {host} ещё {wait} не обращаются, раз перед этим не вышло: {}", russian(cause))
        }
        SshError::Busy { host, limit } => {
            format!("на {host} уже идут и ждут {limit} команд; повторите позже")
        }
        SshError::QueueTimeout { host, limit } => {
            format!(
                "команда ждала очереди на {host} {}; команды там медленные, или их слишком много",
                limit.told(Lang::Ru)
            )
        }
        SshError::ChannelRefused { host, what, why } => {
            format!("{host} отказался открыть {what}: {}", why_of(why))
        }
        SshError::CommandRefused { host } => format!(
            "{host} не выполняет команды; проверьте ForceCommand, оболочку пользователя и ограничения ключа"
        ),
        SshError::CommandTimeout { host, limit, fate } => {
            format!("команда на {host} не кончилась за {}{}", limit.told(Lang::Ru), fate_in_russian(*fate))
        }
        SshError::Lost { host, why, fate } => {
            format!("соединение с {host} потеряно: {}{}", why_of(why), fate_in_russian(*fate))
        }
        SshError::Closed { host } => {
            format!("соединение с {host} закрыто совсем: настройки сменились, или программа останавливается")
        }
    }
}

fn stage_in_russian(stage: Stage) -> &'static str {
    match stage {
        Stage::Tcp => "хост не отвечает; включён ли он, открыт ли порт в файрволе?",
        Stage::Handshake => "соединение принимают, но sshd не отвечает; не завис ли он?",
        Stage::Login => {
            "sshd не сказал ни да ни нет; так бывает при просроченном пароле или медленном модуле PAM"
        }
    }
}

fn fate_in_russian(fate: Fate) -> &'static str {
    match fate {
        Fate::NotSent => "; команда не отправлена",
        Fate::MaybeRun => "; выполнена ли она, неизвестно: прежде чем повторять, посмотрите на хост",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_is_told_in_russian_and_keeps_what_must_be_read() {
        let denied = SshError::Denied {
            host: "root@10.0.0.1:5059".into(),
            tried: "password".into(),
            offered: "publickey".into(),
        };
        let wait = std::time::Duration::from_secs(900);
        let paused = SshError::Paused { host: "root@10.0.0.1:5059".into(), wait, cause: Box::new(denied) };
        let told = paused.told(Lang::Ru);
        for part in [
            "ещё 900,0 с не",
            "root@10.0.0.1:5059",
            "не принял вход",
            "password",
            "publickey",
            "PermitRootLogin",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert_eq!(paused.told(Lang::En), paused.to_string());
    }
}
