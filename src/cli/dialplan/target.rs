//! Which file `fix` may write to.

use std::path::{Path, PathBuf};

use super::{refuse, say};
use asterisk::files::{
    Conf, conf,
    replace::{Old, is_trusted_link},
    whose::{CUSTOM, Owner, owner},
};
use lang::Lang;

const TOP: &str = "extensions.conf";

/// The file with a section of the context; else extensions.conf, or the one that FreePBX leaves to its user.
pub(super) struct Target {
    /// As Asterisk names it.
    pub file: PathBuf,
    pub old: Old,
}

pub(super) fn top(etc: &Path, lang: Lang) -> anyhow::Result<Conf> {
    let file = etc.join(TOP);
    let file = file.display();
    match Conf::read(etc, TOP) {
        Ok(conf) => Ok(conf),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => refuse(say!(
            lang,
            "there is no {file}; another folder is given as ASTERISK_ETC=/folder",
            "нет файла {file}. Другая папка задаётся так: ASTERISK_ETC=/папка"
        )),
        Err(error) => refuse(say!(
            lang,
            "no right to read {file} ({error}): run this with sudo",
            "{file} не читается ({error}): запустите через sudo"
        )),
    }
}

pub(super) fn choose(etc: &Path, read: &Conf, context: &str, lang: Lang) -> anyhow::Result<Target> {
    let own = read.sections_of(context).next().map(|section| section.at.file.to_path_buf());
    let is_there = own.is_some();
    let file = own.unwrap_or_else(|| etc.join(TOP));
    let Some(whose) = owner(&file)? else { return open(file, lang) };
    let custom = etc.join(CUSTOM);
    let is_included =
        read.files.contains(&custom) || conf::named(etc, CUSTOM).iter().any(|f| read.files.contains(f));
    if !is_there && is_included && owner(&custom)?.is_none() {
        return open(custom, lang);
    }
    let (file, why) = (file.display(), reason(&whose, lang));
    match is_there {
        true => refuse(say!(
            lang,
            "[{context}] stands in {file}, which is not yours to change ({why}): nothing was changed. Take it out where that program has it, or give the bot a context of its own (trunk.context) and run this again",
            "[{context}] записана в {file}, а этот файл не ваш ({why}): ничего не изменено. Уберите её там, где её ведёт эта программа, или дайте боту свой контекст (trunk.context) и повторите"
        )),
        false => refuse(say!(
            lang,
            "{file} is not yours to change ({why}), and it includes no {CUSTOM}: nothing was changed. Make that file with the owner of the others, see that it is included, and run this again",
            "{file} — не ваш файл ({why}), а {CUSTOM} в нём не подключён: ничего не изменено. Создайте этот файл с тем же владельцем, что у остальных, проверьте, что он подключён, и повторите"
        )),
    }
}

fn reason(owner: &Owner, lang: Lang) -> String {
    match owner {
        Owner::SaysSo(words) => say!(lang, "it says: {words}", "в нём написано: {words}"),
        Owner::Linked(to) => {
            let to = to.display();
            say!(lang, "a link to FreePBX's {to}", "ссылка на файл FreePBX {to}")
        }
        Owner::Named => say!(lang, "FreePBX writes it", "его пишет FreePBX"),
    }
}

fn open(file: PathBuf, lang: Lang) -> anyhow::Result<Target> {
    let named = file.display();
    let old = match Old::read(&file) {
        Ok(old) => old,
        Err(error) => {
            return refuse(say!(
                lang,
                "no right to read {named} ({error}): run this with sudo",
                "{named} не читается ({error}): запустите через sudo"
            ));
        }
    };
    let real = old.path.display();
    if !is_trusted_link(&file)? {
        return refuse(say!(
            lang,
            "{named} is a link whose owner does not own {real}: it is not followed",
            "{named} — ссылка, и её владелец не владеет файлом {real}: она не будет изменена"
        ));
    }
    if !old.can_be_replaced() {
        return refuse(say!(
            lang,
            "no right to write {real}: run this with sudo",
            "нет прав на запись в {real}: запустите через sudo"
        ));
    }
    Ok(Target { file, old })
}
