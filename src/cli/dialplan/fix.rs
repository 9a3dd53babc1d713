//! `novofon-bot dialplan fix`: chooses number, trunk and file, shows what changes, writes it, lets Asterisk read it, looks whether it
//! did, and puts all back if not. Exit 0 when [outgoing] is as it should be, 1 when not.

use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::{
    AsteriskArgs, answers, no_answer, refuse, say,
    settings::Trunk,
    show,
    target::{self, Target},
};
use crate::trunks::outgoing;
use crate::{
    cli::output::line,
    doctor::{Console, sample_number},
};
use asterisk::files::{Conf, Context, Step, edit};
use lang::Lang;

#[derive(Debug, Args)]
pub(super) struct FixArgs {
    /// The number that callees see, one of your account [default: trunk.caller_id, else as before, else the example's]
    #[arg(long, value_name = "NUMBER")]
    caller_id: Option<String>,
    /// The PJSIP endpoint to dial through [default: trunk.endpoint, else as before, else novofon]
    #[arg(long, value_name = "NAME")]
    trunk: Option<String>,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Don't ask
    #[arg(long, short)]
    yes: bool,
    /// Also remove the extensions of the context that are not ours; they are named
    #[arg(long)]
    replace_own: bool,
    /// Keep them, even where they take the bot's numbers before ours
    #[arg(long, conflicts_with = "replace_own")]
    keep_own: bool,
    #[command(flatten)]
    asterisk: AsteriskArgs,
}

/// How Asterisk's dialplan compares with what the file has.
#[derive(Debug, PartialEq, Eq)]
enum InForce {
    Yes,
    /// What differs, a line each.
    No(Vec<String>),
}

pub(super) async fn run(args: &FixArgs, lang: Lang) -> anyhow::Result<ExitCode> {
    let settings = Trunk::read(args.asterisk.config.config.as_deref(), lang)?;
    let context = settings.context();
    let console = args.asterisk.console(lang)?;
    let etc = args.asterisk.etc(&console).await;
    let conf = target::top(&etc, lang)?;
    let before = Context::of_conf(&conf, context).unwrap_or_default();
    let (number, is_example) = choose_number(args, &settings, &before, lang)?;
    // Nothing is asked of a file that can't be written before it is known which one that is.
    let target = target::choose(&etc, &conf, context, lang)?;
    if !answers(&console).await {
        return refuse(no_answer(args.asterisk.cli.as_deref(), lang));
    }
    let trunk = choose_trunk(args, &settings, &before, &console, lang).await?;
    let ours = outgoing::lines(&number, &trunk);
    let wanted =
        Context::of_conf(&Conf::of_text(&format!("[{context}]\n{ours}")), context).unwrap_or_default();
    let own = own_extensions(&before, &wanted, args, lang)?;
    let is_replaced = |exten: &str| args.replace_own || is_of(&wanted, exten);

    let file = target.file.display();
    let written = match edit::replace(&target.old.bytes, context, &ours, is_replaced) {
        Ok(written) => written,
        Err(edit::EditError::OpenComment) => {
            return refuse(say!(
                lang,
                "{file} has a comment ';--' that is never closed: close it ('--;') and run this again; nothing was changed",
                "в {file} не закрыт комментарий «;--»: закройте его («--;») и повторите; ничего не изменено"
            ));
        }
    };
    if same_steps(&before, &wanted) && (!args.replace_own || own.is_empty()) {
        return unchanged(args, &console, &etc, context, &wanted, &file.to_string(), is_example, lang).await;
    }
    show_diff(&target, &written, &own, args.replace_own, lang)?;
    if args.dry_run {
        line(&say!(lang, "--dry-run: nothing was changed", "--dry-run: ничего не изменено"))?;
        return Ok(ExitCode::SUCCESS);
    }
    if !args.yes && !asked(lang)? {
        return refuse(say!(
            lang,
            "not confirmed: nothing was changed (--yes writes without asking)",
            "не подтверждено: ничего не изменено (--yes — писать без вопроса)"
        ));
    }
    let backup = backup_path(&etc, &target.old.path);
    write(&target, &written, &backup, &console, &etc, context, &wanted, lang).await?;
    line(&say!(lang, "✓ [{context}] was written to {file}", "✓ [{context}] записана в {file}"))?;
    line(&say!(
        lang,
        "✓ the dialplan was reloaded and verified (dialplan show {context})",
        "✓ dialplan перезагружен и проверен (dialplan show {context})"
    ))?;
    let backup = backup.display();
    line(&say!(lang, "  the file as it was: {backup}", "  прежний файл: {backup}"))?;
    tell_example(is_example, lang)?;
    Ok(ExitCode::SUCCESS)
}

/// Nothing to write: it may still have to be read.
#[expect(clippy::too_many_arguments, reason = "one step of the way above")]
async fn unchanged(
    args: &FixArgs,
    console: &Console,
    etc: &Path,
    context: &str,
    wanted: &Context,
    file: &str,
    is_example: bool,
    lang: Lang,
) -> anyhow::Result<ExitCode> {
    if in_force(console, etc, context, wanted).await == InForce::Yes {
        line(&say!(
            lang,
            "✓ [{context}] in {file} is so already, and Asterisk has it: nothing was changed",
            "✓ [{context}] в {file} уже такая, и Asterisk её знает: ничего не изменено"
        ))?;
        tell_example(is_example, lang)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.dry_run {
        line(&say!(
            lang,
            "the file is right; Asterisk would read it anew",
            "файл верен; Asterisk перечитал бы его"
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    let _ = console.ask("dialplan reload").await;
    match in_force(console, etc, context, wanted).await {
        InForce::Yes => {
            line(&say!(
                lang,
                "✓ the file was not changed; the dialplan was reloaded, and Asterisk has [{context}] now",
                "✓ файл не изменён; dialplan перезагружен: Asterisk теперь знает [{context}]"
            ))?;
            tell_example(is_example, lang)?;
            Ok(ExitCode::SUCCESS)
        }
        InForce::No(difference) => {
            let why = difference.join("\n");
            refuse(say!(
                lang,
                "[{context}] in {file} is right, but Asterisk shows another:\n{why}",
                "[{context}] в {file} верна, но Asterisk показывает другое:\n{why}"
            ))
        }
    }
}

/// The number and whether it is only the example's.
fn choose_number(
    args: &FixArgs,
    settings: &Trunk,
    before: &Context,
    lang: Lang,
) -> anyhow::Result<(String, bool)> {
    let (text, from) = if let Some(given) = args.caller_id.as_deref().filter(|text| !text.is_empty()) {
        (given.to_owned(), say!(lang, "the argument", "из аргумента"))
    } else if let Some(configured) = &settings.caller_id {
        (configured.clone(), say!(lang, "the bot's configuration", "из настроек бота"))
    } else if let Some(number) = outgoing::number_of(before) {
        (number, say!(lang, "as before", "прежний"))
    } else {
        (outgoing::EXAMPLE_NUMBER.to_owned(), say!(lang, "the default", "по умолчанию"))
    };
    // A name around it ("Bot" <+7...>) is not for the dialplan.
    let bare = text
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'))
        .map_or(text.as_str(), |(number, _)| number);
    let number: String = bare.chars().filter(|c| !matches!(c, ' ' | '(' | ')' | '-')).collect();
    let example = outgoing::EXAMPLE_NUMBER;
    if !outgoing::is_number(&number) {
        let shown = number.escape_debug();
        return refuse(say!(
            lang,
            "the caller id '{shown}' ({from}) is not a number; it must be one of your account, as in {example}",
            "Caller ID «{shown}» ({from}) — не номер. Нужен номер вашего аккаунта, например {example}"
        ));
    }
    line(&format!("Caller ID: {number} ({from})"))?;
    // The bot hands its own number over with each call, and that one goes before the dialplan's.
    if let Some(shown) = settings.caller_id.as_deref().filter(|shown| digits(shown) != digits(&number)) {
        line(&say!(
            lang,
            "! the bot's own calls will show {shown} all the same: trunk.caller_id of its configuration goes before this one; write {number} there too",
            "! звонки самого бота всё равно покажут {shown}: trunk.caller_id из его настроек важнее; впишите {number} и туда"
        ))?;
    }
    let is_example = number == example && args.caller_id.is_none() && settings.caller_id.is_none();
    Ok((number, is_example))
}

fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

fn tell_example(is_example: bool, lang: Lang) -> std::io::Result<()> {
    if !is_example {
        return Ok(());
    }
    let number = outgoing::EXAMPLE_NUMBER;
    line(&say!(
        lang,
        "! no number was given: {number} is the example's, and a carrier refuses or replaces a number that is not yours. Give one of your account: --caller-id NUMBER (fix_outgoing_dialplan.sh NUMBER), or trunk.caller_id of the bot's configuration",
        "! номер не задан: {number} — номер из примера, а чужой номер оператор отвергает или заменяет. Задайте номер своего аккаунта: --caller-id НОМЕР (fix_outgoing_dialplan.sh НОМЕР) или trunk.caller_id в настройках бота"
    ))
}

async fn choose_trunk(
    args: &FixArgs,
    settings: &Trunk,
    before: &Context,
    console: &Console,
    lang: Lang,
) -> anyhow::Result<String> {
    let (text, from) = if let Some(given) = &args.trunk {
        (given.clone(), say!(lang, "the argument", "из аргумента"))
    } else if let Some(endpoint) = &settings.endpoint {
        (endpoint.clone(), say!(lang, "the bot's configuration", "из настроек бота"))
    } else {
        match outgoing::trunk_of(before) {
            Some(trunk) if has_endpoint(console, &trunk).await => (trunk, say!(lang, "as before", "прежний")),
            _ => (outgoing::EXAMPLE_TRUNK.to_owned(), say!(lang, "the default", "по умолчанию")),
        }
    };
    let trunk = text.strip_prefix("PJSIP/").unwrap_or(&text);
    if !outgoing::is_trunk(trunk) {
        let (shown, example) = (trunk.escape_debug(), outgoing::EXAMPLE_TRUNK);
        return refuse(say!(
            lang,
            "the trunk '{shown}' ({from}) is not the name of a PJSIP endpoint, as in PJSIP/{example}",
            "транк «{shown}» ({from}) — не имя эндпоинта PJSIP, например PJSIP/{example}"
        ));
    }
    line(&say!(lang, "Trunk: {trunk} ({from})", "Транк: {trunk} ({from})"))?;
    Ok(trunk.to_owned())
}

async fn has_endpoint(console: &Console, name: &str) -> bool {
    let shown = console.ask(&format!("pjsip show endpoint {name}")).await.unwrap_or_default();
    let is_it = |line: &str| {
        let named = line.trim().strip_prefix("Endpoint:").map(str::trim_start);
        named.and_then(|rest| rest.strip_prefix(name)).is_some_and(|rest| rest.starts_with([' ', '/']))
    };
    shown.lines().any(is_it)
}

fn is_of(context: &Context, exten: &str) -> bool {
    context.steps.iter().any(|step| step.exten == exten)
}

/// The steps of the extensions that are not ours. Those that take the bot's numbers before ours do, are the user's to decide about.
fn own_extensions<'a>(
    before: &'a Context,
    wanted: &Context,
    args: &FixArgs,
    lang: Lang,
) -> anyhow::Result<Vec<&'a Step>> {
    let own: Vec<&Step> = before.steps.iter().filter(|step| !is_of(wanted, &step.exten)).collect();
    if args.replace_own || args.keep_own {
        return Ok(own);
    }
    // By its beginning only: which numbers the bot dials is not known here.
    let takes = |exten: &str| {
        let pattern = exten.strip_prefix('_').unwrap_or(exten);
        pattern.starts_with('+') || asterisk::files::dialplan::meets(exten, &sample_number("+7"))
    };
    let mut taking: Vec<String> = own
        .iter()
        .filter(|step| takes(&step.exten))
        .map(|step| format!("{} ({})", step.exten, step.at))
        .collect();
    taking.dedup_by_key(|text| text.split(' ').next().unwrap_or_default().to_owned());
    if taking.is_empty() {
        return Ok(own);
    }
    let taking = taking.join(", ");
    refuse(say!(
        lang,
        "extensions of yours take the bot's numbers before ours would: {taking}. Say what to do with them: --replace-own removes them, --keep-own leaves them; nothing was changed",
        "ваши extension забирают номера бота раньше наших: {taking}. Скажите, что с ними делать: --replace-own удалит их, --keep-own оставит; ничего не изменено"
    ))
}

fn same_steps(before: &Context, wanted: &Context) -> bool {
    let ours = |context: &Context| -> Vec<(String, String)> {
        let steps = context.steps.iter().filter(|step| is_of(wanted, &step.exten));
        steps.map(|step| (step.exten.clone(), step.call())).collect()
    };
    ours(before) == ours(wanted)
}

fn show_diff(
    target: &Target,
    written: &[u8],
    own: &[&Step],
    removes: bool,
    lang: Lang,
) -> std::io::Result<()> {
    let (old, new) = (String::from_utf8_lossy(&target.old.bytes), String::from_utf8_lossy(written));
    let diff = similar::TextDiff::from_lines(old.as_ref(), new.as_ref());
    let name = target.file.display().to_string();
    line(diff.unified_diff().context_radius(2).header(&name, &name).to_string().trim_end())?;
    let mut names: Vec<String> = own.iter().map(|step| format!("{} ({})", step.exten, step.at)).collect();
    names.dedup_by_key(|text| text.split(' ').next().unwrap_or_default().to_owned());
    let names = names.join(", ");
    match (names.is_empty(), removes) {
        (true, _) => Ok(()),
        (false, true) => line(&say!(lang, "  removed: your own {names}", "  удаляются ваши: {names}")),
        (false, false) => line(&say!(lang, "  kept: your own {names}", "  остаются ваши: {names}")),
    }
}

/// Whether a person says yes; nobody is there to be asked without a terminal.
fn asked(lang: Lang) -> std::io::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    print!("{}", say!(lang, "Write this? [y/N] ", "Записать? [д/Н] "));
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes" | "д" | "да"))
}

/// In the folder of the configuration: beside an included file it might be included too.
fn backup_path(etc: &Path, file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let stamp = chrono::Local::now().format("%Y%m%d-%H%M%S");
    let path = etc.join(format!("{name}.{stamp}.bak"));
    match path.exists() {
        true => etc.join(format!("{name}.{stamp}-{}.bak", std::process::id())),
        false => path,
    }
}

#[expect(clippy::too_many_arguments, reason = "one step of the way above")]
async fn write(
    target: &Target,
    written: &[u8],
    backup: &Path,
    console: &Console,
    etc: &Path,
    context: &str,
    wanted: &Context,
    lang: Lang,
) -> anyhow::Result<()> {
    // Before the first byte: an interruption between the two would leave half of the way done.
    let mut signals =
        [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?];
    target.old.copy_to(backup)?;
    if let Err(error) = target.old.replace_by(written) {
        let _ = std::fs::remove_file(backup);
        return Err(error.into());
    }
    let [interrupt, terminate, hangup] = &mut signals;
    let verified = async {
        let _ = console.ask("dialplan reload").await;
        in_force(console, etc, context, wanted).await
    };
    let difference = tokio::select! {
        found = verified => match found {
            InForce::Yes => return Ok(()),
            InForce::No(difference) => Some(difference),
        },
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
        _ = hangup.recv() => None,
    };
    let file = target.file.display();
    target.old.put_back()?;
    let _ = std::fs::remove_file(backup);
    let _ = console.ask("dialplan reload").await;
    match difference {
        Some(difference) => {
            let why = difference.join("\n");
            refuse(say!(
                lang,
                "Asterisk did not take [{context}]: all was put back. What differs:\n{why}\nLook for errors in Asterisk's log",
                "Asterisk не принял [{context}]: всё возвращено как было. Отличия:\n{why}\nИщите ошибки в журнале Asterisk"
            ))
        }
        None => refuse(say!(lang, "interrupted: {file} was put back", "прервано: {file} возвращён как был")),
    }
}

/// Does Asterisk have it now, from these very lines of the files? When it refuses a file, the dialplan stays that it had, which may
/// look the same. Other extensions may be there.
async fn in_force(console: &Console, etc: &Path, context: &str, wanted: &Context) -> InForce {
    let read = match Conf::read(etc, "extensions.conf") {
        Ok(read) => read,
        Err(error) => return InForce::No(vec![error.to_string()]),
    };
    let shown = match console.ask(&format!("dialplan show {context}")).await {
        Ok(text) => Context::of_console(&text).unwrap_or_default(),
        Err(why) => return InForce::No(vec![why]),
    };
    let tells_lines = shown.steps.iter().any(|step| step.at.contains(':'));
    // The console sorts extensions by its own order.
    let told = |context: &Context| {
        let steps = context.steps.iter().filter(|step| is_of(wanted, &step.exten));
        let mut told: Vec<(String, String)> = steps
            .map(|step| {
                let at = if tells_lines { format!(" [{}]", step.at) } else { String::new() };
                (step.exten.clone(), format!("{}{at}", step.call()))
            })
            .collect();
        told.sort_by(|a, b| a.0.cmp(&b.0));
        told
    };
    let in_files = Context::of_conf(&read, context).unwrap_or_default();
    let (files, runs) = (told(&in_files), told(&shown));
    if files == runs && same_steps(&in_files, wanted) {
        return InForce::Yes;
    }
    let lacks = |of: &[(String, String)], other: &[(String, String)], sign: char| -> Vec<String> {
        of.iter()
            .filter(|step| !other.contains(step))
            .map(|(exten, call)| format!("{sign} {exten} {call}"))
            .collect()
    };
    let mut difference = lacks(&files, &runs, '<');
    difference.extend(lacks(&runs, &files, '>'));
    difference.truncate(4);
    let places: Vec<String> = read.sections_of(context).map(|section| section.at.to_string()).collect();
    if places.len() > 1 {
        difference.push(format!("[{context}]: {}", places.join(", ")));
    }
    difference.extend(read.faults.iter().map(|fault| show::words(fault, Lang::En)));
    InForce::No(difference)
}
