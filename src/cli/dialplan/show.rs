//! `novofon-bot dialplan show`. Exit 0 when nothing is wrong, 1 when something is.

use std::process::ExitCode;

use super::{AsteriskArgs, answers, refuse, say, settings::Trunk};
use crate::{
    cli::output::line,
    doctor::{self, OutgoingExpected, is_sound},
};
use asterisk::files::{Conf, Fault};
use lang::Lang;

pub(super) async fn run(args: &AsteriskArgs, lang: Lang) -> anyhow::Result<ExitCode> {
    let trunk = Trunk::read(args.config.config.as_deref(), lang)?;
    let console = args.console(lang)?;
    let runs = answers(&console).await;
    let etc = args.etc(&console).await;
    let conf = Conf::read(&etc, "extensions.conf").ok();
    if !runs && conf.is_none() {
        let etc = etc.display();
        return refuse(say!(
            lang,
            "Asterisk does not answer, and there is no {etc}/extensions.conf that can be read: see --cli, --etc, or run this with sudo",
            "Asterisk не отвечает, а {etc}/extensions.conf не читается: смотрите --cli, --etc или запустите через sudo"
        ));
    }
    let expected = OutgoingExpected {
        context: trunk.context().to_owned(),
        endpoint: trunk.endpoint.clone().unwrap_or_else(|| "PJSIP/novofon".to_owned()),
        caller_id: trunk.caller_id.clone(),
        number: doctor::sample_number("+7"),
    };
    let name = &expected.context;
    let looked = doctor::look_at_outgoing(runs.then_some(&console), conf.clone(), &expected).await;
    line(&match runs {
        true => say!(lang, "[{name}] as Asterisk has it now:", "[{name}], как сейчас в Asterisk:"),
        false => say!(
            lang,
            "Asterisk does not answer; [{name}] as the files have it:",
            "Asterisk не отвечает; [{name}] по файлам:"
        ),
    })?;
    let steps: Vec<_> = looked.contexts.iter().flat_map(|context| &context.steps).collect();
    let mut last = "";
    for step in &steps {
        // Asterisk's own count of lines is not that of the file.
        let place = conf.as_ref().and_then(|conf| conf.locate(&step.at)).map(ToString::to_string);
        let exten = if last == step.exten { "" } else { &step.exten };
        last = &step.exten;
        line(&format!("  {exten:12} {}  [{}]", step.call(), place.as_deref().unwrap_or(&step.at)))?;
    }
    for switch in looked.contexts.iter().flat_map(|context| &context.switches) {
        line(&format!("  switch => {switch}"))?;
    }
    let mut sound = is_sound(&looked.findings);
    line("")?;
    for text in doctor::lines(&looked.findings, &[], lang).lines() {
        line(text)?;
    }
    for fault in conf.iter().flat_map(|conf| &conf.faults) {
        sound = false;
        line(&format!("✗ {}", words(fault, lang)))?;
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What makes Asterisk drop a file, or a part of it.
pub(super) fn words(fault: &Fault, lang: Lang) -> String {
    match fault {
        Fault::Header(at) => say!(
            lang,
            "{at}: a section's header is never closed: Asterisk reads no further",
            "{at}: заголовок секции не закрыт: дальше Asterisk не читает"
        ),
        Fault::Missing(at, name) => say!(
            lang,
            "{at}: `#include {name}`, and there is no such file, or it can't be read: Asterisk refuses the whole dialplan",
            "{at}: `#include {name}`, а такого файла нет или он не читается: Asterisk отвергает весь dialplan"
        ),
        Fault::Parent(at, name) => say!(
            lang,
            "{at}: there is no section [{name}] above: Asterisk reads no further",
            "{at}: секции [{name}] выше нет: дальше Asterisk не читает"
        ),
        Fault::Comment(path) => {
            let path = path.display();
            say!(
                lang,
                "{path} has a comment ';--' that is never closed: close it ('--;')",
                "в {path} не закрыт комментарий «;--»: закройте его («--;»)"
            )
        }
    }
}
