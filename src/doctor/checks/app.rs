//! The daemon and the application's name in Asterisk: does the daemon hold it, or another program.

use crate::doctor::{
    daemon::State,
    finding::{Finding, Text, say},
    http::encode,
    patient::Patient,
};
use ledger::file_of;

use super::store::is_locked;

const DAEMON: &str = "daemon";
const APP: &str = "ari_app";

pub async fn check(patient: &Patient) -> Vec<Finding> {
    vec![daemon(patient), app(patient).await]
}

pub fn daemon(patient: &Patient) -> Finding {
    let listen = patient.config.http.listen;
    match &patient.daemon_state {
        State::Ready => {
            Finding::ok(DAEMON, say!("runs and is ready ({listen})", "работает и готов ({listen})"))
        }
        State::NotReady(why) => Finding::fail(
            DAEMON,
            say!("runs but can place no call: {why}", "работает, но звонить не может: {why}", why = *why),
            say!(
                "mend what is ✗ here; it comes back by itself",
                "исправьте отмеченное ✗, дальше он восстановится сам"
            ),
        ),
        State::Away(why) => {
            let holds_store = file_of(patient.config.store.url.expose()).is_ok_and(|path| is_locked(&path));
            match holds_store {
                true => Finding::fail(
                    DAEMON,
                    say!(
                        "has the store but does not answer at {listen}: {why}",
                        "занял хранилище, но не отвечает по адресу {listen}: {why}",
                        why = Text::same(why.as_str())
                    ),
                    say!(
                        "check `http.listen`, and restart it: systemctl restart novofon-bot",
                        "проверьте `http.listen` и перезапустите: systemctl restart novofon-bot"
                    ),
                ),
                false => Finding::warn(
                    DAEMON,
                    say!("does not run (nothing at {listen})", "не работает (по адресу {listen} никого)"),
                    say!("systemctl start novofon-bot", "systemctl start novofon-bot"),
                ),
            }
        }
    }
}

async fn app(patient: &Patient) -> Finding {
    let name = &patient.config.ari.app;
    let Some(reply) = patient.ask_ari(&format!("applications/{}", encode(name))).await else {
        return Finding::skipped(
            APP,
            say!("Asterisk can't be asked who holds `{name}`", "у Asterisk не узнать, кто держит `{name}`"),
            say!("mend ARI first", "сначала почините ARI"),
        );
    };
    let exists = reply.status == 200;
    // An application that nobody holds any more stays in Asterisk's list with its subscriptions; a stranger
    // would hardly have subscribed to our endpoint.
    let endpoint = patient.config.trunk.endpoint.as_str();
    let subscribed =
        reply.json["endpoint_ids"].as_array().is_some_and(|ids| ids.iter().any(|id| id == endpoint));
    let taken = say!(
        "give one of the two another `ari.app`, then restart it",
        "задайте одной из двух другое имя `ari.app` и перезапустите её"
    );
    // A daemon that is not ready for another reason, the store's, still has its socket.
    let connected = match &patient.daemon_state {
        State::Ready => true,
        State::NotReady(why) => !why.en.contains("Asterisk is away"),
        State::Away(_) => false,
    };
    match (&patient.daemon_state, exists) {
        (_, true) if connected && subscribed => {
            Finding::ok(APP, say!("the daemon holds `{name}`", "`{name}` держит наш демон"))
        }
        (_, true) if connected => Finding::warn(
            APP,
            say!(
                "`{name}` is held, but not subscribed to {endpoint}",
                "`{name}` занято, но подписки на {endpoint} нет"
            ),
            say!(
                "the endpoint may be missing; the daemon subscribes again by itself",
                "возможно, endpoint нет; демон подпишется сам"
            ),
        ),
        (_, false) if connected => Finding::fail(
            APP,
            say!(
                "the daemon is connected, but this Asterisk has no `{name}`",
                "демон подключён, но на этом Asterisk нет `{name}`"
            ),
            say!(
                "the daemon uses another configuration: restart it",
                "у демона другая конфигурация: перезапустите его"
            ),
        ),
        (State::NotReady(_) | State::Ready, true) => Finding::fail(
            APP,
            say!(
                "the daemon has no events socket while Asterisk has `{name}`: another program took the name",
                "у демона нет сокета событий, а имя `{name}` в Asterisk есть: его заняла другая программа"
            ),
            taken,
        ),
        (State::Away(_), true) if !subscribed => Finding::fail(
            APP,
            say!(
                "`{name}` is held by another program: our daemon does not run",
                "`{name}` занято другой программой: наш демон не работает"
            ),
            taken,
        ),
        (State::Away(_), true) => Finding::ok(
            APP,
            say!("`{name}` is as the daemon left it", "`{name}` осталось таким, как его оставил демон"),
        ),
        (_, false) => Finding::ok(
            APP,
            say!(
                "nobody holds `{name}`: it is free for the daemon",
                "`{name}` никем не занято: свободно для демона"
            ),
        ),
    }
}
