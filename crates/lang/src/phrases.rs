//! Russian for sentences that are handed on as a text: what the system says, and why a link to Asterisk or a host failed.
//!
//! Such a text is kept (a fact of a timeline has it) or comes from a library, so its parts are known here by their words.
//! What can tell itself implements [`Told`](super::Told) instead. Who writes a sentence that is handed on adds its parts.

/// Part of a sentence, and its Russian. The order matters: a part that holds another one comes first.
const PHRASES: &[(&str, &str)] = &[
    // The system, Rust's library, and the clients of the network.
    ("No such file or directory (os error 2)", "нет такого файла или папки"),
    ("entity not found", "нет такого файла или папки"),
    ("Permission denied (os error 13)", "нет прав"),
    ("Operation not permitted (os error 1)", "нет прав"),
    ("File exists (os error 17)", "такой файл уже есть"),
    ("Not a directory (os error 20)", "это не папка"),
    ("Is a directory (os error 21)", "это папка"),
    ("Too many open files (os error 24)", "открыто слишком много файлов"),
    ("No space left on device (os error 28)", "на диске нет места"),
    ("Read-only file system (os error 30)", "файловая система только для чтения"),
    ("Broken pipe (os error 32)", "соединение закрыто"),
    ("Too many levels of symbolic links (os error 40)", "ссылки ведут по кругу"),
    ("Address already in use (os error 98)", "порт уже занят"),
    ("Cannot assign requested address (os error 99)", "такого адреса у этой машины нет"),
    ("Network is unreachable (os error 101)", "сеть недоступна"),
    ("Connection reset by peer (os error 104)", "та сторона разорвала соединение"),
    ("Connection timed out (os error 110)", "ответа нет, время вышло"),
    ("Connection refused (os error 111)", "в соединении отказано"),
    ("No route to host (os error 113)", "до адреса нет пути"),
    ("failed to lookup address information: Name or service not known", "такого имени нет в DNS"),
    (
        "failed to lookup address information: No address associated with hostname",
        "у этого имени нет адреса в DNS",
    ),
    ("failed to lookup address information: Temporary failure in name resolution", "DNS не отвечает"),
    ("stream did not contain valid UTF-8", "это не текст в UTF-8"),
    ("connection closed before message completed", "соединение закрыто до конца ответа"),
    ("error sending request: client error (Connect): tcp connect error: ", ""),
    ("error sending request: client error (Connect): dns error: ", ""),
    ("error sending request: client error (Connect): ", ""),
    ("error sending request: client error (SendRequest): ", ""),
    ("error sending request: ", ""),
    ("IO error: ", ""),
    ("operation timed out", "время ожидания вышло"),
    ("deadline has elapsed", "время ожидания вышло"),
    ("connection timed out", "ответа нет, время вышло"),
    ("timed out", "время ожидания вышло"),
    ("early eof", "соединение закрыто"),
    ("expected to read 5 bytes, got 0 bytes at EOF", "соединение закрыто"),
    (", but its key cannot be read", ", но ключа в ней не прочитать"),
    (" is about ", " — о хосте "),
    ("unexpected end of file", "соединение закрыто"),
    ("certificate expired: verification time", "срок сертификата вышел: сейчас"),
    ("invalid peer certificate: certificate not valid for name", "сертификат выдан не на имя"),
    ("certificate is only valid for", "он выдан на"),
    ("invalid peer certificate: UnknownIssuer", "его издатель неизвестен"),
    ("invalid peer certificate: ", ""),
    // The store.
    ("error communicating with database: ", ""),
    ("error returned from database: ", ""),
    ("the database has not answered for", "база не отвечает уже"),
    ("the database has not answered within", "база не ответила за"),
    ("the disk has not answered for", "диск не отвечает уже"),
    ("the database does not keep up", "база не успевает"),
    ("the disk does not keep up", "диск не успевает"),
    ("no connection within", "нет соединения за"),
    ("the database's server closed the connection", "сервер базы закрыл соединение"),
    ("another novofon-bot has taken the node", "другой novofon-bot занял узел"),
    (
        "with its calls while this one was away; restart this one, with a store.node of its own if the other is meant to run",
        "и его звонки, пока этот был без связи; перезапустите этот, а если нужны оба — со своим store.node",
    ),
    ("another novofon-bot has the node", "другой novofon-bot занимает узел"),
    ("the lock of the node", "блокировка узла"),
    (
        "is held by another session: our own of before that the server has not ended yet, or another bot of that name",
        "занята другим сеансом: нашим прежним, который сервер ещё не закончил, или другим ботом с этим именем",
    ),
    ("stop that one, or give it its own store.node", "остановите его или дайте ему свой store.node"),
    ("canceling statement due to lock timeout", "таблицу занял кто-то другой"),
    // A request that did not succeed (ARI, AMI, a console).
    ("could not send `", "не отправлено в Asterisk: `"),
    ("` to Asterisk: ", "`: "),
    ("nothing was sent, it is safe to try again", "ничего не ушло, повторить можно"),
    ("it is unknown whether Asterisk's console carried out `", "неизвестно, выполнила ли консоль Asterisk `"),
    ("it is unknown whether Asterisk carried out `", "неизвестно, выполнил ли Asterisk `"),
    ("look at its channels before repeating it", "прежде чем повторять, посмотрите его каналы"),
    ("look at the channels before repeating it", "прежде чем повторять, посмотрите каналы"),
    ("Asterisk's console did not carry out `", "консоль Asterisk не выполнила `"),
    ("Asterisk refused `", "Asterisk отказался выполнить `"),
    ("` with status ", "`, код "),
    ("check the ARI user and password against ari.conf", "сверьте имя и пароль ARI с ari.conf"),
    ("the ARI user needs read_only=no in ari.conf", "пользователю ARI нужно read_only=no в ari.conf"),
    ("Asterisk has no such thing, or no longer", "такого в Asterisk нет или уже нет"),
    ("it is in another state, or the id is taken", "оно в другом состоянии, или такой id занят"),
    ("it names something that Asterisk does not have", "названо то, чего в Asterisk нет"),
    ("Asterisk's own log says more", "подробнее — в журнале самого Asterisk"),
    ("the events connection is down", "соединения для событий нет"),
    ("the events socket went down", "соединение для событий оборвалось"),
    ("other long lists are still on their way", "ещё идут другие длинные списки"),
    ("the answer tells of another channel", "в ответе речь о другом канале"),
    ("no answer within ", "ответа нет за "),
    ("its answer is over ", "ответ длиннее "),
    ("its answer (status ", "ответ (код "),
    (") is not ARI", ") — не ARI"),
    ("the answer has status ", "ответ с кодом "),
    (" and is not Asterisk's", " — не от Asterisk"),
    // Why there is no link to Asterisk.
    ("Asterisk refuses the ARI credentials of user", "Asterisk не принимает имя и пароль ARI пользователя"),
    ("compare them with ari.conf", "сверьте их с ari.conf"),
    ("the ARI user", "пользователю ARI"),
    ("may not write", "писать нельзя"),
    ("set read_only=no in ari.conf", "задайте read_only=no в ari.conf"),
    ("there is no ARI at", "нет ARI по адресу"),
    (
        "load res_ari and set enabled=yes in ari.conf and http.conf; if http.conf has a `prefix`, it belongs into ari.url too",
        "загрузите res_ari и задайте enabled=yes в ari.conf и http.conf; если в http.conf есть `prefix`, его дописывают и в ari.url",
    ),
    (" does not open the events socket", " не открывает сокет событий"),
    ("cannot reach Asterisk at", "не добраться до Asterisk по адресу"),
    (
        "is it running, and its HTTP server enabled in http.conf?",
        "работает ли он, включён ли его HTTP-сервер в http.conf?",
    ),
    (
        "is it running, and enabled=yes and bindaddr right in manager.conf?",
        "работает ли он, верны ли enabled=yes и bindaddr в manager.conf?",
    ),
    ("there is no TLS at", "нет TLS по адресу"),
    (
        "write http:// in ari.url, or the port of tlsbindaddr in http.conf",
        "напишите в ari.url http:// или порт из tlsbindaddr в http.conf",
    ),
    (" gives no answer in HTTP", " не отвечает по HTTP"),
    (
        "If it is the port of tlsbindaddr in http.conf, write https:// in ari.url",
        "Если это порт из tlsbindaddr в http.conf, напишите в ari.url https://",
    ),
    ("the certificate of", "сертификату узла"),
    ("is not trusted: ", "нет доверия: "),
    (
        "add its authority to the system's certificates, or name its file in the environment variable SSL_CERT_FILE",
        "добавьте его издателя в сертификаты системы или назовите файл в переменной окружения SSL_CERT_FILE",
    ),
    (
        "is one of an authority (CA:TRUE), which no server may show: make one with `-addext basicConstraints=critical,CA:FALSE`, and trust that",
        "— сертификат издателя (CA:TRUE), а сервер такой показывать не может: сделайте другой с `-addext basicConstraints=critical,CA:FALSE` и доверьтесь ему",
    ),
    ("the connection was prepared only in part", "соединение подготовлено не до конца"),
    ("Asterisk closed the connection without a goodbye", "Asterisk закрыл соединение, не прощаясь"),
    ("Asterisk closed the connection", "Asterisk закрыл соединение"),
    (
        "it stopped, restarted, or could not write fast enough",
        "он остановлен, перезапущен или не успевал писать",
    ),
    (
        "it was killed, the user was removed, or we did not read fast enough",
        "его убили, пользователя удалили, или бот не успевал читать",
    ),
    ("the connection broke: ", "соединение оборвалось: "),
    ("see Asterisk's log and the network", "смотрите журнал Asterisk и сеть"),
    ("Asterisk sent a message over ", "Asterisk прислал сообщение длиннее "),
    ("Asterisk sent a line of over ", "Asterisk прислал строку длиннее "),
    ("Asterisk sent a message of over ", "Asterisk прислал сообщение длиннее "),
    (", or one without an end", " или без конца"),
    ("is it Asterisk that listens there?", "Asterisk ли там слушает?"),
    ("Asterisk was silent for ", "от Asterisk ничего не было "),
    ("not even a pong came", "даже ответа на ping"),
    ("it did not even answer a ping", "даже ответа на ping"),
    ("it hangs, or the network is cut", "он завис, или сеть оборвана"),
    ("another program took the application", "другая программа забрала приложение"),
    (
        "two must not share one name, give one of them its own",
        "одно имя на двоих не делят, дайте одной из них своё",
    ),
    ("Asterisk has lost the application", "Asterisk потерял приложение"),
    (
        "an earlier connection ended just when this one began; connecting again",
        "прежнее соединение кончилось, как раз когда началось это; соединяемся снова",
    ),
    ("the connection is not up yet", "соединения ещё нет"),
    ("not connected yet", "соединения ещё нет"),
    ("stopped on request", "остановлено по просьбе"),
    ("nobody listens to the events any more", "события больше никто не слушает"),
    ("nobody needs the connection", "соединение никому не нужно"),
    ("refuses the AMI user", "не принимает пользователя AMI"),
    (
        "compare its secret, deny and permit in manager.conf",
        "сверьте его secret, deny и permit в manager.conf",
    ),
    ("gives no challenge", "не даёт вызова для входа"),
    (
        "if its build has no MD5, let the secret be sent plain",
        "если он собран без MD5, разрешите слать пароль открыто",
    ),
    ("is no manager interface: it", "— не интерфейс AMI:"),
    ("did not let us in within", "не впустил за"),
    ("it hangs, or another program listens there", "он завис, или там слушает другая программа"),
    ("Asterisk restarts", "Asterisk перезапускается"),
    ("Asterisk shuts down", "Asterisk останавливается"),
    ("events are lost until it is back", "до его возвращения события пропадают"),
    ("Asterisk does not tell all of the application", "Asterisk рассказывает не всё о приложении"),
    (
        "another program has changed that, and must not use this name",
        "это изменила другая программа, а пользоваться этим именем она не должна",
    ),
    ("Asterisk has no endpoint ", "в Asterisk нет endpoint "),
    (
        " any more: if the trunk has another name now, set `trunk.endpoint`",
        ": если транк теперь называется иначе, задайте `trunk.endpoint`",
    ),
    ("what becomes of calls can't be seen until then", "до тех пор не видно, что становится со звонками"),
    ("Asterisk at `", "Asterisk по адресу `"),
    ("what answers is not Asterisk's console", "отвечает не консоль Asterisk"),
    // Of an office's host.
    ("by the console's socket", "через сокет консоли"),
    ("by `asterisk -rx`", "через `asterisk -rx`"),
    (
        "the host does not answer; is it up, and is the port open in its firewall?",
        "хост не отвечает; включён ли он, открыт ли порт в файрволе?",
    ),
    (
        "something accepts connections there but sshd does not answer; is it stuck?",
        "соединение принимают, но sshd не отвечает; не завис ли он?",
    ),
    (
        "sshd gave no verdict on the login; an expired password or a slow PAM module looks like this",
        "sshd не сказал ни да ни нет; так бывает при просроченном пароле или медленном модуле PAM",
    ),
    ("could not reach ", "не добраться до "),
    ("check the address and the network", "проверьте адрес и сеть"),
    (
        " refused the connection; check that sshd runs there and listens on this port",
        " отказал в соединении; проверьте, что там работает sshd и слушает этот порт",
    ),
    ("no ssh connection to ", "нет соединения SSH с "),
    ("the ssh handshake with ", "соединение SSH не установлено с "),
    (" failed: ", ": "),
    ("sshd's log on the host says more", "подробнее — в журнале sshd на хосте"),
    (" denied the login: ", " не принял вход: пробовали "),
    (" was tried and the host accepts ", ", а хост принимает "),
    (
        "check the user, the password or key, and PermitRootLogin in its sshd_config",
        "проверьте имя, пароль или ключ и PermitRootLogin в его sshd_config",
    ),
    (" is not tried for another ", " не пробуют ещё "),
    (", because it failed before: ", ", потому что перед этим не вышло: "),
    (" commands running and waiting already; try again later", " команд уже идут и ждут; повторите позже"),
    (" refused to open ", " отказался открыть "),
    ("the command did not end within ", "команда не кончилась за "),
    ("the connection to ", "соединение с "),
    (" was lost: ", " потеряно: "),
    ("; the command was not sent", "; команда не отправлена"),
    (
        "; it is unknown whether it ran, look at the host before repeating it",
        "; выполнена ли она, неизвестно: прежде чем повторять, посмотрите на хост",
    ),
    (
        "its Asterisk could not make the call's channels; see its log, and how many files it may open",
        "его Asterisk не смог создать каналы звонка; смотрите его журнал и сколько файлов ему можно открыть",
    ),
    (" within ", " за "),
];

/// The same text, with what is known of it in Russian.
pub fn system_in_russian(text: &str) -> String {
    let told = PHRASES.iter().fold(text.to_owned(), |text, (en, ru)| match text.contains(en) {
        true => text.replace(en, ru),
        false => text,
    });
    measures(&told)
}

/// Times as Rust writes them (`10s`, `1.5s`, `300ms`), and places in a text (`at line 334 column 5`).
fn measures(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    for (index, word) in text.split(' ').enumerate() {
        if index > 0 {
            told.push(' ');
        }
        told.push_str(&time(word).unwrap_or_else(|| word.to_owned()));
    }
    for (en, ru) in [("at line ", "в строке "), (" column ", ", знак "), ("line ", "строка ")]
    {
        told = before_number(&told, en, ru);
    }
    told
}

/// A time with what follows it, such as a comma.
fn time(word: &str) -> Option<String> {
    let number = word.find(|sign: char| !sign.is_ascii_digit() && sign != '.').filter(|end| *end > 0)?;
    let (number, rest) = word.split_at(number);
    number.parse::<f64>().ok()?;
    let (unit, after) = [("ms", "мс"), ("µs", "мкс"), ("ns", "нс"), ("s", "с")]
        .into_iter()
        .find_map(|(en, ru)| Some((ru, rest.strip_prefix(en)?)))?;
    let is_whole = !after.contains(|sign: char| sign.is_alphanumeric());
    is_whole.then(|| format!("{} {unit}{after}", number.replace('.', ",")))
}

/// Replaces these words where a number follows.
fn before_number(text: &str, en: &str, ru: &str) -> String {
    let mut parts = text.split(en);
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let ends_a_word = told.ends_with(|sign: char| sign.is_alphanumeric()) && !en.starts_with(' ');
        let is_number = part.starts_with(|sign: char| sign.is_ascii_digit());
        told.push_str(if is_number && !ends_a_word { ru } else { en });
        told.push_str(part);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Lang, Told};

    #[test]
    fn times_and_places_are_told_in_russian() {
        for (en, ru) in [
            ("no answer within 10s", "ответа нет за 10 с"),
            ("a, within 1.5s; b", "a, за 1,5 с; b"),
            ("x within 300ms, then", "x за 300 мс, then"),
            ("expected `]` at line 334 column 5", "expected `]` в строке 334, знак 5"),
            ("line 3 is about host", "строка 3 — о хосте host"),
            ("online 3, 10sec, v1.5.s, at line x", "online 3, 10sec, v1.5.s, at line x"),
        ] {
            assert_eq!(system_in_russian(en), ru);
        }
        assert_eq!(std::time::Duration::from_millis(2500).told(Lang::Ru), "2,5 с");
        assert_eq!(std::time::Duration::from_millis(2500).told(Lang::En), "2.5s");
    }

    #[test]
    fn no_phrase_hides_a_later_one() {
        for (at, (earlier, _)) in PHRASES.iter().enumerate() {
            for (later, _) in &PHRASES[at + 1..] {
                assert!(
                    !later.contains(earlier),
                    "{earlier:?} is taken out of {later:?} before that is looked for"
                );
            }
        }
    }
}
