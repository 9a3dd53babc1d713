//! What `--help` says, in Russian: one table, by the English of the commands' own files.
//!
//! A command is written once, in English, beside what it does; here its texts get their Russian. A test sees to it that none
//! is without one. Knows no command.

use clap::{Command, builder::StyledStr};

/// The same command line with its texts in Russian. What clap adds by itself comes later, see [`super::usage`].
pub(super) fn in_russian(command: Command) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let mut command = command.mut_args(|argument| {
        let help = argument.get_help().map(told);
        let long = argument.get_long_help().map(told);
        let heading = argument.get_help_heading().and_then(known);
        let mut argument = argument;
        if let Some(help) = help {
            argument = argument.help(help);
        }
        if let Some(long) = long {
            argument = argument.long_help(long);
        }
        match heading {
            Some(heading) => argument.help_heading(heading),
            None => argument,
        }
    });
    if let Some(about) = command.get_about().map(told) {
        command = command.about(about);
    }
    if let Some(after) = command.get_after_help().map(told) {
        command = command.after_help(after);
    }
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, in_russian))
}

fn told(text: &StyledStr) -> String {
    let text = text.to_string();
    translated(&text).unwrap_or(text)
}

fn known(text: &str) -> Option<&'static str> {
    TEXTS.iter().find(|(en, _)| *en == text).map(|(_, ru)| *ru)
}

/// Examples are the same in both languages, but for their heading and what stands below them.
fn translated(text: &str) -> Option<String> {
    if let Some(known) = known(text) {
        return Some(known.to_owned());
    }
    let examples = text.strip_prefix("Examples:").map(|rest| ("Примеры:", rest));
    let (heading, rest) = examples.or_else(|| text.strip_prefix("Example:").map(|rest| ("Пример:", rest)))?;
    match rest.split_once("\n\n") {
        Some((examples, below)) => Some(format!("{heading}{examples}\n\n{}", known(below)?)),
        None => Some(format!("{heading}{rest}")),
    }
}

const TEXTS: &[(&str, &str)] = &[
    (
        "Places phone calls through Asterisk and says truthfully what became of them",
        "Звонит через Asterisk и говорит правду о том, чем кончился звонок",
    ),
    (
        "Language of messages: ru or en [default: the first of NOVOFON_BOT_LANG, LC_ALL, LC_MESSAGES and LANG that is set]",
        "Язык сообщений: ru или en [по умолчанию: по первой заданной из NOVOFON_BOT_LANG, LC_ALL, LC_MESSAGES и LANG]",
    ),
    ("Run the daemon", "Запустить демон"),
    (
        "The configuration file [default: /etc/novofon-bot/config.toml, if it is there]",
        "Файл настроек [по умолчанию: /etc/novofon-bot/config.toml, если он есть]",
    ),
    (
        "Check the configuration and print what is in force, secrets hidden",
        "Проверить настройки и показать, что действует; секреты скрыты",
    ),
    // backup
    (
        "Copy the store into a new file, also while the daemon runs",
        "Скопировать хранилище в новый файл, можно и при работающем демоне",
    ),
    (
        "To restore: stop the daemon, remove bot.db, bot.db-wal and bot.db-shm, put the copy in place of bot.db\nwith the same owner, and start the daemon.",
        "Восстановить: остановите демон, удалите bot.db, bot.db-wal и bot.db-shm, положите копию на место bot.db с тем же владельцем и запустите демон.",
    ),
    ("The file to make; it must not exist yet", "Какой файл создать; его ещё не должно быть"),
    // call
    (
        "Place a call and show what happens to it, to its end",
        "Позвонить и показывать, что происходит, до самого конца",
    ),
    (
        "Exit status: 0 if it was answered (with --no-wait: accepted), 1 if it was not, or if a sound of the\nscenario could not be played to whom it was answered by, 2 if it could not be\nasked for or followed, 130 after a second Ctrl-C. The first Ctrl-C asks the daemon to hang up.",
        "Код выхода: 0 — ответили (с --no-wait: звонок принят); 1 — не ответили, или ответившему не удалось проиграть звук сценария; 2 — не удалось попросить о звонке или следить за ним; 130 — после второго Ctrl-C. Первый Ctrl-C просит демон завершить звонок.",
    ),
    ("The number, as a person writes it", "Номер, как его пишет человек"),
    (
        "What the bot says on answer: the name of a configured scenario",
        "Что бот скажет, когда ответят: имя сценария из настроек",
    ),
    ("The number to show to the callee", "Какой номер показать абоненту"),
    ("How long to wait for an answer", "Сколько ждать ответа"),
    ("How long the talk may last", "Сколько может длиться разговор"),
    (
        "One JSON object a line: each entry of the timeline, at last {\"call\": ...}",
        "По объекту JSON в строке: каждая запись ленты, в конце {\"call\": ...}",
    ),
    ("Return once the call is accepted", "Вернуться, как только звонок принят"),
    (
        "Where the daemon is [default: http.listen of the configuration, else http://127.0.0.1:8080]",
        "Где демон [по умолчанию: http.listen из настроек, иначе http://127.0.0.1:8080]",
    ),
    ("The daemon", "Демон"),
    (
        "An API key; other users may see it in the list of processes, so better use the variable or a file. On the bot's machine root and its own user need none",
        "Ключ API; в списке процессов его могут увидеть другие пользователи, так что лучше переменная или файл. На машине бота root и пользователю бота ключ не нужен",
    ),
    ("A file with the API key; goes before --api-key", "Файл с ключом API; важнее, чем --api-key"),
    // calls, show, hangup
    ("List calls, newest first", "Показать список звонков, сначала новые"),
    (
        "Only these, with commas between: queued, dialing, ringing, early_media, answered, completed, busy, no_answer, rejected, unavailable, failed, canceled, unknown",
        "Только такие, через запятую: queued, dialing, ringing, early_media, answered, completed, busy, no_answer, rejected, unavailable, failed, canceled, unknown",
    ),
    ("Only calls to this number", "Только звонки на этот номер"),
    (
        "Only calls since then: a local date or time, or RFC 3339",
        "Только звонки с этого времени: местная дата или время, или RFC 3339",
    ),
    (
        "Only calls before then; a date is the end of that day",
        "Только звонки до этого времени; дата означает конец того дня",
    ),
    ("How many at most", "Сколько самое большее"),
    ("One call a line, as JSON", "По звонку в строке, как JSON"),
    ("Show all that is known of one call", "Показать всё, что известно об одном звонке"),
    ("The call's id", "Id звонка"),
    (
        "One JSON object: {\"call\": ..., \"timeline\": [...]}",
        "Один объект JSON: {\"call\": ..., \"timeline\": [...]}",
    ),
    ("Ask for a call's end", "Попросить завершить звонок"),
    (
        "The daemon answers at once; the end shows in `novofon-bot show ID` when it has come.",
        "Демон отвечает сразу; конец звонка, когда он наступит, покажет `novofon-bot show ID`.",
    ),
    // cancel
    ("Take waiting calls out of the queue", "Убрать из очереди то, что ждёт"),
    (
        "Examples:\n  novofon-bot cancel --queued --dry-run        # how many wait\n  novofon-bot cancel --queued --prefix +7900   # those to +7900..., asks first\n  novofon-bot cancel --queued --key crm --yes  # of the API key `crm`, at once\n\nCalls whose turn has come are left alone; `novofon-bot hangup ID` ends those.\nExit status: 0 done (with --dry-run: counted), 1 you said no, 2 it could not be done.",
        "Примеры:\n  novofon-bot cancel --queued --dry-run        # сколько ждёт\n  novofon-bot cancel --queued --prefix +7900   # те, что на +7900..., спросит\n  novofon-bot cancel --queued --key crm --yes  # заказы ключа `crm`, сразу\n\nЗвонки, чья очередь уже подошла, остаются; их завершает `novofon-bot hangup ID`.\nКод выхода: 0 — сделано (с --dry-run: посчитано), 1 — вы отказались, 2 — сделать не удалось.",
    ),
    ("The calls that wait in the queue; must be given", "Звонки, что ждут в очереди; указывать обязательно"),
    (
        "Only calls to numbers that begin so, in international form",
        "Только на номера, которые так начинаются, в международном виде",
    ),
    (
        "Only calls that this API key (its name) asked for",
        "Только звонки, о которых просил этот ключ API (его имя)",
    ),
    ("Only say how many they are", "Только сказать, сколько их"),
    ("Do not ask first", "Не спрашивать"),
    // watch, completion
    ("Show all live calls and how they change", "Показать все идущие звонки и что с ними происходит"),
    (
        "It begins with the calls that are live, and goes on until Ctrl-C; when the daemon goes away, it waits\nfor its return and misses nothing.",
        "Начинает с идущих звонков и работает до Ctrl-C; если демон пропал, ждёт его возвращения и ничего не пропускает.",
    ),
    (
        "One JSON object a line: {\"call\": ...} for those that are live, then each change",
        "По объекту JSON в строке: {\"call\": ...} для идущих, затем каждое изменение",
    ),
    (
        "Print what a shell needs to complete this command line",
        "Вывести то, что нужно оболочке, чтобы дополнять эту команду",
    ),
    // doctor
    (
        "Look at everything that a call needs, and say how to mend what is wrong",
        "Проверить всё, что нужно звонку, и сказать, как исправить",
    ),
    ("Print JSON", "Вывести JSON"),
    (
        "Place a test call to this number through the running daemon: only a call proves the password",
        "Сделать пробный звонок на этот номер через работающий демон: верен ли пароль, показывает только звонок",
    ),
    (
        "How to reach Asterisk's console, without `-rx` [default: asterisk, if we may use its socket]",
        "Как обратиться к консоли Asterisk, без `-rx` [по умолчанию: asterisk, если его сокет нам доступен]",
    ),
    (
        "The folder of Asterisk's configuration [default: as the console says, else /etc/asterisk]",
        "Папка настроек Asterisk [по умолчанию: какую назовёт консоль, иначе /etc/asterisk]",
    ),
    (
        "An API key for --call; other users may see it in the list of processes, so better use the variable",
        "Ключ API для --call; в списке процессов его могут увидеть другие пользователи, так что лучше переменная",
    ),
    // dialplan
    (
        "Show or write [outgoing], the way out of the bot's calls in Asterisk's dialplan",
        "Показать или записать [outgoing] — путь звонков бота наружу в диалплане Asterisk",
    ),
    (
        "Show [outgoing] as Asterisk has it, from which files, and what is wrong with it",
        "Показать [outgoing], как её видит Asterisk, из каких она файлов и что в ней не так",
    ),
    (
        "How to reach Asterisk's console, without `-rx` [default: asterisk]",
        "Как обратиться к консоли Asterisk, без `-rx` [по умолчанию: asterisk]",
    ),
    (
        "Write [outgoing] with your number and trunk, let Asterisk read it, and look whether it did",
        "Записать [outgoing] с вашим номером и транком, дать Asterisk её прочитать и проверить, что прочитал",
    ),
    (
        "The number that callees see, one of your account [default: trunk.caller_id, else as before, else the example's]",
        "Номер, который видят абоненты, из вашего кабинета [по умолчанию: trunk.caller_id, иначе прежний, иначе из примера]",
    ),
    (
        "The PJSIP endpoint to dial through [default: trunk.endpoint, else as before, else novofon]",
        "Через какой endpoint PJSIP звонить [по умолчанию: trunk.endpoint, иначе прежний, иначе novofon]",
    ),
    ("Show what would change, and change nothing", "Показать, что изменится, и ничего не менять"),
    ("Don't ask", "Не спрашивать"),
    (
        "Also remove the extensions of the context that are not ours; they are named",
        "Убрать и чужие extension этого контекста; они будут названы",
    ),
    (
        "Keep them, even where they take the bot's numbers before ours",
        "Оставить их, даже если номера бота достаются им, а не нашим",
    ),
    // api-key
    (
        "Say who may use the API: make, list and revoke keys",
        "Кому можно пользоваться API: создать ключ, показать, отозвать",
    ),
    (
        "Rights: call (place calls, hang up and delete its own), read (see its own), read-all (see every client's), admin\n(everything). The key goes to standard output, all else to standard error.",
        "Права: call (звонить, завершать и удалять свои звонки), read (видеть свои), read-all (видеть все), admin (всё). Ключ идёт в стандартный вывод, всё остальное — в поток ошибок.",
    ),
    (
        "Make a key and print it, which is shown only now; its hash is written into http.api_keys_file",
        "Создать ключ и показать его, единственный раз; его хеш пишется в http.api_keys_file",
    ),
    (
        "Its name, which logs and calls show: letters of any script",
        "Его имя, видное в журнале и в звонках: буквы любого алфавита",
    ),
    ("What it may do", "Что ему можно"),
    (
        "Requests per minute, 0 is no limit [default: http.rate_limit]",
        "Запросов в минуту, 0 — без предела [по умолчанию: http.rate_limit]",
    ),
    (
        "List the keys with their rights, and where each is written",
        "Показать ключи, их права и где каждый записан",
    ),
    ("One key a line, as JSON", "По ключу в строке, как JSON"),
    ("Take a key out of the file of keys", "Убрать ключ из файла ключей"),
    ("Its name", "Имя"),
    // enterprise
    ("Say who may use the office API", "Кому можно пользоваться API предприятий"),
    (
        "Add an enterprise and print its secret, which is shown only now",
        "Добавить предприятие и показать его ключ, единственный раз",
    ),
    (
        "The secret goes to standard output, all else to standard error. Where the database has no table of enterprises, it is\nmade. In a table that others made a row is added, and nothing is altered without --alter-table.",
        "Ключ идёт в стандартный вывод, всё остальное — в поток ошибок. Если в базе нет таблицы предприятий, она создаётся. В чужую таблицу добавляется строка, а сама таблица без --alter-table не меняется.",
    ),
    ("The enterprise's number, as in 0367", "Номер предприятия, например 0367"),
    ("Where its Asterisk is: an IP address or a host name", "Где его Asterisk: адрес IP или имя хоста"),
    (
        "Keep a secret that its clients have already: a file, or - for standard input [default: a new one]",
        "Оставить ключ, который уже есть у его клиентов: файл или - (стандартный ввод) [по умолчанию: новый]",
    ),
    (
        "Add the columns that a table made by others lacks, and the trigger that tells the daemon of changes",
        "Добавить столбцы, которых не хватает в чужой таблице, и триггер, который сообщает демону об изменениях",
    ),
    ("The table", "Таблица"),
    (
        "How its Asterisk is spoken to: ssh, ami, ari, or auto: the best that works",
        "Как говорить с его Asterisk: ssh, ami, ari или auto — лучший из работающих",
    ),
    ("Instead of the configuration's values", "Вместо значений из настроек"),
    (
        "The dialplan context of its extensions and numbers",
        "Контекст диалплана для его внутренних номеров и городских",
    ),
    ("The channel driver of its phones: SIP or PJSIP", "Драйвер каналов его телефонов: SIP или PJSIP"),
    ("A file with the password, or - for standard input", "Файл с паролем или - (стандартный ввод)"),
    (
        "Which extensions are its own, as in 100-199,300 [default: every one that its context has]",
        "Какие внутренние номера — его, например 100-199,300 [по умолчанию: все, что есть в его контексте]",
    ),
    ("Requests a minute; 0 is no limit", "Запросов в минуту; 0 — без предела"),
    (
        "postgres://user@host:5432/database or sqlite:///path [default: `office.database` of the configuration]; other users may see it in the list of processes, so a password goes into the file",
        "postgres://user@host:5432/database или sqlite:///путь [по умолчанию: `office.database` из настроек]; в списке процессов это могут увидеть другие пользователи, так что паролю место в файле",
    ),
    ("The database", "База"),
    ("A file with the password of the database's user", "Файл с паролем пользователя базы"),
    ("List enterprises, by number", "Показать предприятия, по номеру"),
    ("It ends with 1 if a row can't be used.", "Код выхода 1, если какой-то строкой нельзя пользоваться."),
    ("One enterprise a line, as JSON", "По предприятию в строке, как JSON"),
    ("Change an enterprise's name, address or settings", "Изменить имя, адрес или настройки предприятия"),
    (
        "What is not named stays as it is. The daemon takes the change with the enterprise's next request; its calls go on.",
        "Что не названо, остаётся как есть. Изменение действует со следующего запроса предприятия; его звонки продолжаются.",
    ),
    ("Another name", "Другое имя"),
    (
        "Another address of its Asterisk: an IP address or a host name",
        "Другой адрес его Asterisk: адрес IP или имя хоста",
    ),
    (
        "Settings that are the configuration's again, as in way,ssh_port",
        "Что снова брать из настроек, например way,ssh_port",
    ),
    (
        "Turn an enterprise away from now on; its row stays",
        "Больше не пускать предприятие; его строка остаётся",
    ),
    ("The enterprise's number", "Номер предприятия"),
    ("Let a disabled enterprise in again", "Снова пускать отключённое предприятие"),
    (
        "Take an enterprise out of the table, after a question; records of its calls stay",
        "Убрать предприятие из таблицы, спросив; записи о его звонках остаются",
    ),
    (
        "Its secret opens nothing from the next second on, and its streams end. Calls that it has go on to their end; records of\ncalls stay, and are read with `novofon-bot calls`. To turn it away for a time, use `enterprise disable`.",
        "Его ключ через секунду уже ничего не открывает, потоки событий кончаются. Идущие звонки доходят до конца; записи о звонках остаются, их показывает `novofon-bot calls`. Не пускать на время — `enterprise disable`.",
    ),
    ("Do not ask", "Не спрашивать"),
    (
        "Reach an enterprise's host by every way that is set up, and say what works; no call is placed",
        "Обратиться к хосту предприятия всеми настроенными путями и сказать, какие работают; звонка не будет",
    ),
    (
        "It ends with 1 if no way works, or if the phones are not of the enterprise's technology.",
        "Код выхода 1, если не работает ни один путь или телефоны не той технологии, что у предприятия.",
    ),
    (
        "Give an enterprise a new secret and print it; the old one is nobody's from now on",
        "Дать предприятию новый ключ и показать его; прежний больше не действует",
    ),
    ("Move the store to another database", "Перенести хранилище в другую базу"),
    (
        "Move all calls, their timelines, keys and counters to another store, and retire the one they come from",
        "Перенести все звонки с историей, ключами и счётчиками в другое хранилище; прежнее больше не открывается",
    ),
    (
        "Stop every bot that uses either store first, and put the new one into store.url afterwards. FROM is retired: no bot\nopens it any more. A copy that was broken off is begun again, or finished, by the same command.\nLeave the password out of the command: it is taken from PGPASSWORD, else from the file that PGPASSFILE names, else\nfrom ~/.pgpass (either file only with mode 600).",
        "Сначала остановите всех ботов, у которых есть одно из этих хранилищ, а потом впишите новое в store.url. FROM больше\nне откроет ни один бот. Прерванное копирование та же команда начинает заново или доводит до конца.\nПароль в команде не пишите: он берётся из PGPASSWORD, иначе из файла, который называет PGPASSFILE, иначе\nиз ~/.pgpass (оба файла — только с правами 600).",
    ),
    (
        "The store that is: sqlite:///FILE or postgres://USER@HOST/DATABASE",
        "Прежнее хранилище: sqlite:///ФАЙЛ или postgres://ПОЛЬЗОВАТЕЛЬ@ХОСТ/БАЗА",
    ),
    ("The store to be, which must be empty", "Новое хранилище, оно должно быть пустым"),
    (
        "In PostgreSQL, the store.node of the bot that goes on with a file's calls [default: this machine's name]",
        "В PostgreSQL — store.node бота, который продолжит звонки из файла [по умолчанию: имя этой машины]",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory;

    fn each(command: &Command, seen: &mut dyn FnMut(String)) {
        let of_command = [
            command.get_about(),
            command.get_long_about(),
            command.get_after_help(),
            command.get_before_help(),
        ];
        of_command.into_iter().flatten().for_each(|text| seen(text.to_string()));
        for argument in command.get_arguments() {
            let texts = [argument.get_help(), argument.get_long_help()];
            texts.into_iter().flatten().for_each(|text| seen(text.to_string()));
            argument.get_help_heading().into_iter().for_each(|heading| seen(heading.to_owned()));
        }
        command.get_subcommands().for_each(|command| each(command, seen));
    }

    /// What is broken over lines by a terminal of 80 columns can't be copied.
    #[test]
    fn an_example_is_a_line_that_can_be_copied() {
        for command in [Cli::command(), in_russian(Cli::command())] {
            let mut examples = Vec::new();
            each(&command, &mut |text| {
                if ["Example", "Пример"].iter().any(|word| text.starts_with(word)) {
                    let block = text.split("\n\n").next().unwrap_or_default();
                    examples.extend(block.lines().skip(1).map(str::to_owned));
                }
            });
            assert!(examples.len() > 20, "{examples:#?}");
            let long: Vec<_> = examples.iter().filter(|line| line.chars().count() > 79).collect();
            assert!(long.is_empty(), "{long:#?}");
        }
    }

    #[test]
    fn no_text_of_the_command_line_is_without_its_russian() {
        let mut english = Vec::new();
        each(&Cli::command(), &mut |text| english.push(text));
        let missing: Vec<_> = english.iter().filter(|text| translated(text).is_none()).collect();
        assert!(missing.is_empty(), "{missing:#?}");
        let is_used =
            |en: &str| english.iter().any(|text| text == en || text.ends_with(&format!("\n\n{en}")));
        let unused: Vec<_> = TEXTS.iter().map(|(en, _)| *en).filter(|en| !is_used(en)).collect();
        assert!(unused.is_empty(), "nobody says so any more: {unused:#?}");

        // They reach the help, and none of the English is left.
        let mut russian = Vec::new();
        each(&in_russian(Cli::command()), &mut |text| russian.push(text));
        assert_eq!(russian.len(), english.len());
        let left: Vec<_> = russian.iter().filter(|text| text.is_ascii() && text.contains(' ')).collect();
        assert!(left.is_empty(), "{left:#?}");
    }
}
