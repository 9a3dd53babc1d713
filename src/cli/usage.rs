//! The command line as it is read: help and what is wrong with it, in the user's language.
//!
//! clap speaks English. Its errors tell their kind and what they are about, which is said anew in Russian here; what it
//! prints by itself gets Russian headings; the commands' own texts are in [`super::help`]. Knows no command.

use std::{error::Error as _, ffi::OsString, io::IsTerminal, process::ExitCode};

use clap::{
    CommandFactory, FromArgMatches,
    builder::StyledStr,
    error::{ContextKind, ContextValue, Error, ErrorKind},
};

use super::{Cli, failure::TROUBLE, help, output::note, told};
use lang::Lang;

/// The command line, or how the program ends without one.
pub(super) fn parse() -> Result<Cli, ExitCode> {
    let arguments = config_last(std::env::args_os().collect());
    let lang = language(&arguments);
    let command = match lang {
        Lang::En => Cli::command(),
        Lang::Ru => help::in_russian(Cli::command()),
    };
    let parsed = command
        .try_get_matches_from(arguments)
        .and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches));
    parsed.map_err(|error| match lang {
        Lang::En => error.exit(),
        Lang::Ru => in_russian(&error),
    })
}

/// `--config FILE` before the command, where `--lang` may stand too, is each command's own: it goes to the end of the line.
fn config_last(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let mut at = 1;
    while let Some(option) = arguments.get(at).and_then(|argument| argument.to_str()) {
        let length = match option {
            "--config" | "--lang" => 2,
            _ if option.starts_with("--config=") || option.starts_with("--lang=") => 1,
            _ => break,
        };
        let end = at + length;
        if end >= arguments.len() {
            break;
        }
        if option.starts_with("--config") {
            let moved: Vec<OsString> = arguments.drain(at..end).collect();
            let to = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
            arguments.splice(to..to, moved);
        } else {
            at = end;
        }
    }
    arguments
}

/// The wish is looked for by hand: the line may be one that can't be read.
fn language(arguments: &[OsString]) -> Lang {
    let texts: Vec<&str> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    let after = texts.windows(2).find(|pair| pair[0] == "--lang").map(|pair| pair[1]);
    let flag = after.or_else(|| texts.iter().find_map(|text| text.strip_prefix("--lang=")));
    Lang::of_user(flag.and_then(|flag| flag.parse().ok()), |name| std::env::var(name).ok())
}

fn in_russian(error: &Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A reader that has gone away is no trouble.
            let _ = super::output::line(
                headings(&shown(&error.render(), std::io::stdout().is_terminal())).trim_end(),
            );
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            note(headings(&shown(&error.render(), std::io::stderr().is_terminal())).trim_end());
            ExitCode::from(TROUBLE)
        }
        _ => {
            note(&format!("ошибка: {}", what(error)));
            ExitCode::from(TROUBLE)
        }
    }
}

fn shown(text: &StyledStr, is_terminal: bool) -> String {
    match is_terminal && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()) {
        true => text.ansi().to_string(),
        false => text.to_string(),
    }
}

/// What clap itself writes into a help.
fn headings(help: &str) -> String {
    const WORDS: [(&str, &str); 12] = [
        ("Usage:", "Использование:"),
        ("Commands:", "Команды:"),
        ("Arguments:", "Аргументы:"),
        ("Options:", "Параметры:"),
        ("Examples:", "Примеры:"),
        (
            "Print this message or the help of the given subcommand(s)",
            "Показать эту справку или справку о команде",
        ),
        ("Print help (see more with '--help')", "Показать справку (подробнее — '--help')"),
        ("Print help (see a summary with '-h')", "Показать справку (кратко — '-h')"),
        ("Print help", "Показать эту справку"),
        ("Print version", "Показать версию"),
        ("[possible values: ", "[возможные значения: "),
        (" [OPTIONS]", " [ПАРАМЕТРЫ]"),
    ];
    let help = WORDS.iter().fold(help.to_owned(), |help, (en, ru)| help.replace(en, ru));
    let help = help.replace(" <COMMAND>", " <КОМАНДА>").replace(" [COMMAND]", " [КОМАНДА]");
    // A value may stand in the next line.
    help.replace("[default:", "[по умолчанию:").replace("[env:", "[переменная:")
}

/// What is wrong, how it is written, and where more is told.
fn what(error: &Error) -> String {
    let context = |kind| error.get(kind).map(words).unwrap_or_default();
    let argument = context(ContextKind::InvalidArg);
    let value = context(ContextKind::InvalidValue);
    let wrong = match error.kind() {
        ErrorKind::UnknownArgument => format!("параметра `{argument}` нет"),
        ErrorKind::InvalidSubcommand => format!("команды `{}` нет", context(ContextKind::InvalidSubcommand)),
        ErrorKind::MissingRequiredArgument => {
            let missing = context(ContextKind::InvalidArg).replace(", ", "\n  ");
            format!("не хватает обязательного:\n  {missing}")
        }
        ErrorKind::MissingSubcommand => "не хватает команды".to_owned(),
        ErrorKind::InvalidValue if value.is_empty() => format!("для `{argument}` нужно значение"),
        ErrorKind::InvalidValue => format!("значение `{value}` для `{argument}` не подходит"),
        ErrorKind::ValueValidation => {
            format!("значение `{value}` для `{argument}` не подходит: {}", reason(error))
        }
        ErrorKind::ArgumentConflict => match context(ContextKind::PriorArg).as_str() {
            "" => format!("`{argument}` нельзя указать вместе с другими параметрами"),
            other if other == argument => format!("`{argument}` можно указать только один раз"),
            other => format!("`{argument}` нельзя указать вместе с `{other}`"),
        },
        ErrorKind::TooManyValues => format!("лишнее значение `{value}` для `{argument}`"),
        ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            format!("у `{argument}` не столько значений, сколько нужно")
        }
        ErrorKind::NoEquals => format!("после `{argument}` нужен знак = и значение"),
        ErrorKind::InvalidUtf8 => "аргумент записан не в UTF-8".to_owned(),
        _ => return headings(&error.to_string()).trim_start_matches("error: ").trim_end().to_owned(),
    };
    let valid = context(ContextKind::ValidValue);
    let valid =
        if valid.is_empty() { valid } else { format!("\n  возможные значения: {valid}") };
    let meant = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    let meant = meant.map(context).into_iter().find(|meant| !meant.is_empty());
    let meant = meant.map(|meant| format!("\n→ имелось в виду `{}`?", meant.replace(", ", "` или `")));
    let meant = meant.unwrap_or_default();
    let usage = headings(&context(ContextKind::Usage));
    let usage = if usage.is_empty() { usage } else { format!("\n\n{}", usage.trim_end()) };
    format!("{wrong}{valid}{meant}{usage}\n\nПодробнее: --help")
}

fn words(value: &ContextValue) -> String {
    match value {
        ContextValue::Strings(texts) => texts.join(", "),
        ContextValue::StyledStr(text) => text.to_string(),
        ContextValue::StyledStrs(texts) => {
            texts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// Why a value can't be taken: by what reads it, which is ours or clap's.
fn reason(error: &Error) -> String {
    let Some(source) = error.source() else { return "его не прочитать".to_owned() };
    let text = source.to_string();
    if let Some((_, range)) = text.split_once(" is not in ") {
        return match range.split_once("..") {
            Some((least, "")) => format!("нужно число не меньше {least}"),
            Some((least, most)) => format!("нужно число от {least} до {}", most.trim_start_matches('=')),
            None => format!("нужно число из {range}"),
        };
    }
    match text.as_str() {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "нужно целое число".to_owned()
        }
        "number too large to fit in target type" => "это число слишком велико".to_owned(),
        "number too small to fit in target type" => "это число слишком мало".to_owned(),
        _ => told::one(source, Lang::Ru),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> String {
        let words = std::iter::once("novofon-bot").chain(line.split(' '));
        what(&Cli::command().try_get_matches_from(words).expect_err(line))
    }

    #[test]
    fn a_configuration_before_the_command_is_the_commands() {
        let line = |text: &str| -> String {
            let moved = config_last(text.split(' ').map(OsString::from).collect());
            moved.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
        };
        for (given, read) in [
            ("bot --config a.toml calls", "bot calls --config a.toml"),
            ("bot --lang ru --config=a.toml show 1", "bot --lang ru show 1 --config=a.toml"),
            ("bot --config a.toml --lang ru call -- +7", "bot --lang ru call --config a.toml -- +7"),
            ("bot calls --config a.toml", "bot calls --config a.toml"),
            ("bot --config a.toml", "bot --config a.toml"),
            ("bot", "bot"),
        ] {
            assert_eq!(line(given), read);
        }
    }

    #[test]
    fn usual_mistakes_are_told_in_russian() {
        for (line, expected) in [
            ("bogus", "команды `bogus` нет"),
            ("cal +7", "→ имелось в виду `calls` или `call`?"),
            ("call +7 --bogus", "параметра `--bogus` нет"),
            ("call", "не хватает обязательного:\n  <PHONE>"),
            ("calls --limit 0", "значение `0` для `--limit <N>` не подходит: нужно число от 1 до 100000"),
            ("calls --limit x", "нужно целое число"),
            ("show abc", "значение `abc` для `<ID>` не подходит: нужен id целиком"),
            ("completion x", "значение `x` для `<SHELL>` не подходит\n  возможные значения: bash, zsh, fish"),
            ("doctor --call 1", "нужен номер телефона"),
            ("api-key add x --rights q", "права `q` нет; есть call"),
            ("api-key add x --rights", "для `--rights <RIGHTS>` нужно значение"),
            ("--lang de calls", "языка `de` программа не знает"),
            ("enterprise add 0367 june user@host", "`user@host` — не хост: нужен адрес IP или имя хоста"),
        ] {
            let told = told(line);
            assert!(told.contains(expected), "{line}: {told}");
            assert!(told.ends_with("Подробнее: --help"), "{line}: {told}");
            assert!(!told.contains("Usage") && !told.contains("error"), "{line}: {told}");
        }
    }
}
