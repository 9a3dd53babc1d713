//! The store in PostgreSQL: whether it can be reached, whose it is now, whether it counts rightly.

use tokio::time::timeout;

use super::store::{ID, INTEGRITY, QUICK};
use crate::doctor::{
    daemon::State,
    finding::{Finding, say},
    patient::Patient,
};
use lang::Told;
use ledger::{Inspection, Node, StoreError};

pub async fn check(patient: &Patient) -> Vec<Finding> {
    let url = patient.config.store.url.expose();
    let shown = ledger::shown_url(url);
    let look = async {
        let Some(mut inspection) = Inspection::open(url).await? else { return Ok(None) };
        let nodes = inspection.nodes().await?;
        Ok::<_, StoreError>(Some((inspection, nodes)))
    };
    let (mut inspection, nodes) = match look.await {
        Ok(Some(seen)) => seen,
        Ok(None) => {
            return vec![Finding::ok(
                ID,
                say!(
                    "{shown} will be filled at the first start",
                    "{shown} будет заполнена при первом запуске"
                ),
            )];
        }
        Err(error) => {
            return vec![Finding::fail(
                ID,
                error.text(),
                say!(
                    "mend that; meanwhile live calls go on, and nothing new is dialed",
                    "исправьте это; пока идущие звонки продолжаются, а новых бот не набирает"
                ),
            )];
        }
    };
    let own = patient.config.store.node.clone().unwrap_or_else(ledger::host_name);
    let mut findings = vec![own_node(&patient.daemon_state, &shown, &own, &nodes)];
    findings.extend(nodes.iter().filter(|node| node.name != own).filter_map(orphaned));
    findings.push(match timeout(QUICK, inspection.quick_check()).await {
        Ok(Ok(wrong)) => counted(&wrong),
        Ok(Err(error)) => {
            Finding::fail(INTEGRITY, error.text(), say!("see the server's log", "посмотрите журнал сервера"))
        }
        Err(_) => Finding::skipped(
            INTEGRITY,
            say!("not through within {QUICK:?}: it is large", "не уложились в {QUICK:?}: она большая"),
            say!("see the server's load, and try again", "проверьте нагрузку сервера и повторите"),
        ),
    });
    findings
}

fn counted(wrong: &[String]) -> Finding {
    match wrong.first() {
        None => Finding::ok(INTEGRITY, say!("all calls are counted", "все звонки сосчитаны")),
        Some(first) => Finding::fail(
            INTEGRITY,
            say!("the counters are wrong: {first}", "счётчики неверны: {first}"),
            say!(
                "was the database edited by hand? Restore it from a backup of pg_dump",
                "базу правили руками? Восстановите её из копии pg_dump"
            ),
        ),
    }
}

fn own_node(daemon: &State, shown: &str, own: &str, nodes: &[Node]) -> Finding {
    let is_held = nodes.iter().any(|node| node.name == own && node.is_held);
    match daemon {
        State::NotReady(why) if why.en.contains("the store is away") => Finding::fail(
            ID,
            say!("the daemon can't write to {shown}", "демон не может писать в {shown}"),
            say!(
                "/health/database and its log tell why: journalctl -u novofon-bot",
                "почему — в /health/database и в его журнале: journalctl -u novofon-bot"
            ),
        ),
        State::Away(_) if is_held => Finding::ok(
            ID,
            say!(
                "{shown}: the node `{own}` is another machine's, or its bot does not answer here",
                "{shown}: узел `{own}` — на другой машине, или его бот здесь не отвечает"
            ),
        ),
        _ if is_held => Finding::ok(
            ID,
            say!(
                "{shown} is written by a running daemon, node `{own}`",
                "в {shown} пишет работающий демон, узел `{own}`"
            ),
        ),
        _ => Finding::ok(
            ID,
            say!(
                "{shown} can be read; no daemon has the node `{own}`",
                "{shown} читается; узел `{own}` никем не занят"
            ),
        ),
    }
}

/// Calls that nobody will ever end.
fn orphaned(node: &Node) -> Option<Finding> {
    let (name, open) = (&node.name, node.open);
    (!node.is_held && open > 0).then(|| {
        Finding::warn(
            ID,
            say!(
                "{open} calls of the node `{name}` have not ended, and no daemon has it",
                "звонков узла `{name}`, которые не кончились, — {open}, а узел никем не занят"
            ),
            say!(
                "start the bot of that name, or give a bot at the same Asterisk `store.node = \"{name}\"` for once",
                "запустите бота с этим именем или задайте на время боту у того же Asterisk `store.node = \"{name}\"`"
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Level;

    #[test]
    fn calls_of_a_node_that_is_gone_are_told() {
        let node = |is_held, open| Node { name: "old".to_owned(), is_held, open };
        assert_eq!(orphaned(&node(true, 3)), None);
        assert_eq!(orphaned(&node(false, 0)), None);
        let found = orphaned(&node(false, 3)).expect("a warning");
        assert_eq!(found.level, Level::Warn);
        assert!(found.mend.expect("a remedy").ru.contains("store.node = \"old\""));
    }
}
