//! fix_outgoing_dialplan.sh: what it changes, and that it changes nothing else.

use std::{
    fs,
    os::unix::fs::{MetadataExt, chown, symlink},
    process::Command,
    time::{Duration, Instant},
};

use crate::support::{Pbx, root, said, script, write};

const FIX: &str = "fix_outgoing_dialplan.sh";
const DEFAULT: &str = "+79675558164";

/// The lines that the script puts under `[outgoing]`.
fn section(caller_id: &str) -> String {
    let shipped =
        fs::read_to_string(root().join("asterisk-config/extensions_outgoing.conf")).expect("shipped");
    let (_, body) = shipped.split_once("[outgoing]\n").expect("it has the section");
    body.replace(&format!(":{DEFAULT})"), &format!(":{caller_id})"))
}

/// Runs it and gives what it said; it must succeed.
fn fix(pbx: &Pbx, arguments: &[&str]) -> String {
    let output = pbx.script(FIX).args(arguments).output().expect("the script can be run");
    assert!(output.status.success(), "{}", said(&output));
    said(&output)
}

#[test]
fn a_missing_section_is_appended_and_in_force() {
    let pbx = Pbx::alone();
    let before = "[general]\nstatic=yes ; комментарий\n\n[from-novofon]\nexten => s,1,Hangup()\n";
    pbx.dialplan(before.as_bytes());
    let told = fix(&pbx, &[]);
    assert_eq!(pbx.read(), format!("{before}\n[outgoing]\n{}", section(DEFAULT)));
    assert!(told.contains("was written") && told.contains("verified"), "{told}");
    let shown = pbx.console("dialplan show outgoing");
    assert!(
        shown.contains(&format!(":{DEFAULT})}})")) && shown.contains("Dial(PJSIP/${EXTEN}@novofon"),
        "{shown}"
    );
    let [backup] = &pbx.backups()[..] else { panic!("one backup: {:?}", pbx.backups()) };
    assert_eq!(fs::read_to_string(backup).expect("the backup"), before);
}

/// Its warnings are not its answer.
#[test]
fn a_console_that_says_more_than_its_answer() {
    let pbx = Pbx::alone();
    pbx.dialplan(b"[general]\n");
    let output = pbx.script(FIX).arg("+74951234567").env("ASTERISK_CLI", pbx.noisy_cli()).output();
    let output = output.expect("the script can be run");
    assert!(output.status.success() && said(&output).contains("verified"), "{}", said(&output));
    assert_eq!(pbx.read(), format!("[general]\n\n[outgoing]\n{}", section("+74951234567")));
}

/// The bot hands its own number over with each call, so another one in the dialplan is not what callees see.
#[test]
fn another_number_than_the_bots_own_is_told() {
    let pbx = Pbx::alone();
    pbx.dialplan(b"[general]\n");
    let config = pbx.etc.join("bot.toml");
    write(&config, b"trunk.caller_id = '+74951234567'\n", 0o600);
    let told = |number: &str| {
        let output = pbx.script(FIX).arg(number).env("NOVOFON_BOT_CONFIG", &config).output();
        said(&output.expect("the script can be run"))
    };
    let other = told("+74957654321");
    assert!(other.contains("! the bot's own calls will show +74951234567 all the same"), "{other}");
    let same = told("+7 (495) 123-45-67");
    assert!(!same.contains("all the same"), "{same}");
}

#[test]
fn a_second_run_changes_nothing_and_says_so() {
    let pbx = Pbx::alone();
    pbx.dialplan(b"[general]\n[outgoing]\nexten => _X.,1,Dial(PJSIP/${EXTEN}@old)\n");
    fix(&pbx, &["+74951234567"]);
    let (text, inode) = (pbx.read(), fs::metadata(pbx.extensions()).expect("it is there").ino());
    let told = fix(&pbx, &[]);
    assert!(told.contains("+74951234567 (as before)") && told.contains("nothing was changed"), "{told}");
    assert_eq!((pbx.read(), fs::metadata(pbx.extensions()).expect("it is there").ino()), (text, inode));
    assert_eq!(pbx.backups().len(), 1);
    let russian = pbx.script(FIX).env("LANG", "ru_RU.UTF-8").output().expect("the script can be run");
    assert!(said(&russian).contains("ничего не изменено"), "{}", said(&russian));
}

#[test]
fn only_the_extensions_of_the_section_are_touched() {
    let pbx = Pbx::alone();
    // A template, an addition, a block of comments that only looks like the section, includes of
    // both kinds, comments inside and after, odd spacing, and no end of the last line.
    let above = "; [outgoing] in a comment\n;-- [outgoing]\nexten => 1,1,NoOp(not real)\n--;\n[general]\n\
        [base](!)\nexten => 900,1,NoOp(template)\n\n[ours](base)\t; uses it\n[ outgoing-not ]\nexten=>7,1,Hangup\n";
    let header = "\t[outgoing] ; our way out\n; by hand, \\; 2019\n";
    let old = "exten => _X.,1,NoOp(old) ; x\nsame=>n,Dial(PJSIP/${EXTEN}@old)\n\n  exten = _+X.,1,Hangup()\n";
    let kept = "include => emergency\n; about the next\n\n";
    let below = "[emergency]\nexten => 112,1,Hangup()\n[outgoing](+)\nexten => 100,1,NoOp(added)\n#tryinclude none.conf";
    pbx.dialplan(format!("{above}{header}{old}{kept}{below}").as_bytes());
    fix(&pbx, &["84951234567"]);
    assert_eq!(pbx.read(), format!("{above}{header}{}{kept}{below}", section("84951234567")));
    let shown = pbx.console("dialplan show outgoing");
    assert!(shown.contains("NoOp(added)") && !shown.contains("NoOp(old)"), "{shown}");
    // Another number: nothing of ours is left over, and nothing of theirs is lost.
    fix(&pbx, &[DEFAULT]);
    assert_eq!(pbx.read(), format!("{above}{header}{}{kept}{below}", section(DEFAULT)));
}

#[test]
fn line_ends_of_windows_stay() {
    let pbx = Pbx::alone();
    let before =
        "[general]\r\n\r\n[outgoing]\r\nexten => _X.,1,Hangup()\r\n\r\n[next]\r\nexten => 1,1,NoOp()\r\n";
    pbx.dialplan(before.as_bytes());
    fix(&pbx, &[]);
    let ours = section(DEFAULT).replace('\n', "\r\n");
    let expected = format!("[general]\r\n\r\n[outgoing]\r\n{ours}\r\n[next]\r\nexten => 1,1,NoOp()\r\n");
    assert_eq!(pbx.read(), expected);
    assert!(fix(&pbx, &[]).contains("nothing was changed"));
}

#[test]
fn a_section_in_an_included_file_is_updated_there() {
    let pbx = Pbx::alone();
    let folder = pbx.etc.join("dialplan.d");
    fs::create_dir_all(&folder).expect("a folder");
    let part = folder.join("10-out.conf");
    write(&part, b"[outgoing]\nexten => _X.,1,Hangup()\n", 0o644);
    pbx.dialplan(b"[general]\n#include \"dialplan.d/*.conf\"\n");
    let told = fix(&pbx, &[]);
    let (top, updated) = (pbx.read(), fs::read_to_string(&part).expect("it is there"));
    let left: Vec<_> = fs::read_dir(&folder).expect("the folder").collect();
    fs::remove_dir_all(&folder).expect("it can be removed");
    assert_eq!(top, "[general]\n#include \"dialplan.d/*.conf\"\n");
    assert_eq!(updated, format!("[outgoing]\n{}", section(DEFAULT)));
    assert_eq!(left.len(), 1, "a backup there would be included too");
    assert!(told.contains("10-out.conf"), "{told}");
}

#[test]
fn what_asterisk_does_not_take_is_put_back() {
    let pbx = Pbx::alone();
    // A header without its end: Asterisk refuses the whole file and keeps the dialplan that it has,
    // in which there is a right [outgoing] already.
    let unreadable = "[general]\n[broken\n";
    // The section inherits an extension, and the first of two wins.
    let inherited = "[base](!)\nexten => _X.,1,Playback(beep)\n[outgoing](base)\nexten => 5,1,NoOp(five)\n";
    for before in [unreadable, inherited] {
        pbx.dialplan(before.as_bytes());
        let old = fs::metadata(pbx.extensions()).expect("it is there");
        let output = pbx.script(FIX).output().expect("the script can be run");
        let told = said(&output);
        assert!(!output.status.success() && told.contains("all was put back"), "{told}");
        assert_eq!(pbx.read(), before);
        let new = fs::metadata(pbx.extensions()).expect("it is there");
        assert_eq!((new.mtime(), new.mode()), (old.mtime(), old.mode()));
        assert!(pbx.backups().is_empty(), "{:?}", pbx.backups());
    }
    let shown = pbx.console("dialplan show outgoing");
    assert!(
        shown.contains("NoOp(five)") && !shown.contains("novofon"),
        "the old dialplan is in force: {shown}"
    );
}

#[test]
fn owner_mode_and_link_stay() {
    let pbx = Pbx::alone();
    let real = pbx.etc.join("real.conf");
    write(&real, b"[general]\n", 0o604);
    // Only root can give a file away; for another user its own name is as good.
    let owner = if fs::metadata(&real).expect("it is there").uid() == 0 { 65534 } else { 0 };
    if owner != 0 {
        chown(&real, Some(owner), Some(owner)).expect("root can");
    }
    let (before, top) = (fs::metadata(&real).expect("it is there"), pbx.extensions());
    fs::remove_file(&top).expect("it can be removed");
    symlink("real.conf", &top).expect("a link");
    fix(&pbx, &[]);
    let (is_link, after) = (top.is_symlink(), fs::metadata(&real).expect("it is there"));
    fs::remove_file(&top).expect("it can be removed");
    fs::remove_file(&real).expect("it can be removed");
    assert!(is_link);
    assert_ne!(after.ino(), before.ino(), "it is replaced in one step");
    assert_eq!((after.uid(), after.gid(), after.mode()), (before.uid(), before.gid(), before.mode()));
}

#[test]
fn the_caller_id_is_the_configurations() {
    let pbx = Pbx::alone();
    let config = tempfile::NamedTempFile::new().expect("a file");
    fs::write(
        &config,
        "[ari]\ncaller_id = \"1\"\n[trunk]\ncaller_id = '\"Bot\" <+7 (495) 000-11-22>' # ours\n",
    )
    .expect("it can be written");
    pbx.dialplan(b"[general]\n");
    let run = |variable: Option<&str>| {
        let mut command = pbx.script(FIX);
        command.env("NOVOFON_BOT_CONFIG", config.path());
        command.envs(variable.map(|value| ("NOVOFON_BOT_TRUNK__CALLER_ID", value)));
        command.output().expect("the script can be run")
    };
    let first = run(None);
    assert!(first.status.success(), "{}", said(&first));
    assert_eq!(pbx.read(), format!("[general]\n\n[outgoing]\n{}", section("+74950001122")));
    assert!(run(Some("+74950003344")).status.success());
    assert_eq!(pbx.read(), format!("[general]\n\n[outgoing]\n{}", section("+74950003344")));
    let hostile = run(Some("1)\nexten => x,1,System(id"));
    assert!(!hostile.status.success() && said(&hostile).contains("is not a number"), "{}", said(&hostile));
}

#[test]
fn what_can_not_be_done_is_said_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |cli: &str| {
        let mut command = script(FIX);
        command.env("ASTERISK_ETC", folder.path()).env("ASTERISK_CLI", cli);
        let output = command.output().expect("the script can be run");
        assert!(!output.status.success());
        said(&output)
    };
    assert!(run("true").contains("there is no"));
    let file = folder.path().join("extensions.conf");
    write(&file, b"[general]\n", 0o644);
    assert!(run("false").contains("Asterisk does not answer"));
    write(&file, b"[general]\n;-- never closed\n", 0o644);
    assert!(run("echo Asterisk 22").contains("never closed"));
    let output = script(FIX)
        .envs([("NOVOFON_BOT", "/nonexistent/novofon-bot"), ("ASTERISK_CLI", "echo Asterisk 22")])
        .env("ASTERISK_ETC", folder.path())
        .output()
        .expect("the script can be run");
    let told = said(&output);
    assert!(!output.status.success() && told.contains("nothing was changed"), "{told}");
    assert!(told.contains("cargo build") && told.contains("NOVOFON_BOT="), "how to get it: {told}");
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1, "nothing is left behind");
    assert_eq!(fs::read(&file).expect("it is there"), b"[general]\n;-- never closed\n");
}

#[test]
fn an_option_that_is_none_is_told_with_those_there_are() {
    let run = |lang: &str| {
        let output = script(FIX).arg("--bogus").env("LANG", lang).output().expect("the script can be run");
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert_eq!(output.stdout, b"", "{}", said(&output));
        said(&output)
    };
    let told = run("en_US.UTF-8");
    assert!(told.contains("--bogus") && told.contains("Usage: sudo bash fix_outgoing_dialplan.sh"), "{told}");
    let told = run("ru_RU.UTF-8");
    assert!(told.starts_with("ошибка: параметра `--bogus` нет"), "{told}");
    assert!(told.contains("Использование: sudo bash fix_outgoing_dialplan.sh"), "{told}");
}

/// Without a terminal the script says `--yes` itself; whoever says it too is not told of a second one.
#[test]
fn yes_may_be_said_without_a_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    for arguments in [&["+79675558164", "--yes"][..], &["--yes"], &["--dry-run", "--yes"]] {
        let mut command = script(FIX);
        command.args(arguments).env("ASTERISK_ETC", folder.path()).env("ASTERISK_CLI", "false");
        let output = command.output().expect("the script can be run");
        let told = said(&output);
        assert!(output.status.code() == Some(1) && told.contains("extensions.conf"), "{arguments:?}: {told}");
    }
}

#[test]
fn another_users_link_is_not_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("root.conf");
    write(&secret, b"root\n", 0o600);
    if fs::metadata(&secret).expect("it is there").uid() != 0 {
        return; // only root's files can be attacked so, and only root can stage it
    }
    let link = folder.path().join("extensions.conf");
    symlink(&secret, &link).expect("a link");
    std::os::unix::fs::lchown(&link, Some(65534), Some(65534)).expect("root can");
    let output = script(FIX)
        .env("ASTERISK_ETC", folder.path())
        .env("ASTERISK_CLI", "echo Asterisk 22")
        .output()
        .expect("the script can be run");
    assert!(!output.status.success() && said(&output).contains("is not followed"), "{}", said(&output));
    assert_eq!(fs::read(&secret).expect("it is there"), b"root\n");
}

#[test]
fn the_trunk_is_the_bots_or_the_one_that_was_dialed_through() {
    let pbx = Pbx::alone();
    let file = pbx.etc.join("pjsip.conf");
    let before = fs::read_to_string(&file).expect("pjsip.conf");
    write(&file, format!("{before}\n[kept]\ntype = endpoint\n").as_bytes(), 0o644);
    pbx.console("module reload res_pjsip.so");
    // The reload is done beside the console.
    until_it_has(&pbx, "kept");
    let through = |trunk: &str| section(DEFAULT).replace("@novofon,", &format!("@{trunk},"));

    pbx.dialplan(b"[outgoing]\nexten => _X.,1,Dial(PJSIP/${EXTEN}@kept,60)\n");
    let told = fix(&pbx, &[]);
    let kept = (told.contains("Trunk: kept (as before)"), pbx.read());
    // An end point that Asterisk does not have is no trunk.
    pbx.dialplan(b"[outgoing]\nexten => _X.,1,Dial(PJSIP/${EXTEN}@kep,60)\n");
    let not_there = (fix(&pbx, &[]).contains("Trunk: novofon (the default)"), pbx.read());
    let output = pbx.script(FIX).env("NOVOFON_BOT_TRUNK__ENDPOINT", "PJSIP/bots").output();
    let bots = (said(&output.expect("the script can be run")), pbx.read());
    let output = pbx.script(FIX).env("NOVOFON_BOT_TRUNK__ENDPOINT", "PJSIP/a b").output();
    let refused = said(&output.expect("the script can be run"));

    write(&file, before.as_bytes(), 0o644);
    pbx.console("module reload res_pjsip.so");
    assert_eq!(kept, (true, format!("[outgoing]\n{}", through("kept"))), "{told}");
    assert_eq!(not_there, (true, format!("[outgoing]\n{}", through("novofon"))));
    assert!(bots.0.contains("Trunk: bots (the bot's configuration)"), "{}", bots.0);
    assert_eq!(bots.1, format!("[outgoing]\n{}", through("bots")));
    assert!(refused.contains("not the name of a PJSIP endpoint"), "{refused}");
}

/// Asterisk counts the lines of such files on from one to the next.
#[test]
fn a_right_section_behind_a_pattern_of_includes_is_right() {
    let pbx = Pbx::alone();
    let folder = pbx.etc.join("many.d");
    fs::create_dir_all(&folder).expect("a folder");
    write(&folder.join("10-first.conf"), b"; one\n; two\n[first]\nexten => 1,1,NoOp()\n", 0o644);
    let ours = format!("[outgoing]\n{}", section("+74951234567"));
    write(&folder.join("20-out.conf"), ours.as_bytes(), 0o644);
    pbx.dialplan(b"[general]\n#include \"many.d/*.conf\"\n");
    let shown = pbx.console("dialplan show outgoing");
    let told = fix(&pbx, &[]);
    let other = fix(&pbx, &["+74950000000"]);
    fs::remove_dir_all(&folder).expect("it can be removed");
    // Line 3 of the file.
    assert!(shown.contains("[20-out.conf:8]"), "{shown}");
    assert!(told.contains("nothing was changed"), "{told}");
    assert!(other.contains("was written") && other.contains("20-out.conf"), "{other}");
}

#[test]
fn own_extensions_are_kept_and_named() {
    let pbx = Pbx::alone();
    let own = "exten => _8X.,1,NoOp(mine)\n same => n,Dial(PJSIP/${EXTEN}@gateway)\n";
    pbx.dialplan(format!("[outgoing]\n{own}exten => _X.,1,Hangup()\n").as_bytes());
    let dry = fix(&pbx, &["+74951234567", "--dry-run"]);
    assert!(dry.contains("-exten => _X.,1,Hangup()") && dry.contains("+exten => _+X.,1,"), "{dry}");
    assert!(pbx.read().contains("Hangup()\n") && !pbx.read().contains("_+X."), "a dry run writes nothing");
    let told = fix(&pbx, &["+74951234567"]);
    assert!(told.contains("kept: your own _8X. (extensions.conf:2)"), "{told}");
    assert_eq!(pbx.read(), format!("[outgoing]\n{own}{}", section("+74951234567")));
    assert!(pbx.console("dialplan show outgoing").contains("NoOp(mine)"));
    let told = fix(&pbx, &["--replace-own"]);
    assert!(told.contains("removed: your own _8X."), "{told}");
    assert_eq!(pbx.read(), format!("[outgoing]\n{}", section("+74951234567")));
}

#[test]
fn own_extensions_that_take_the_bots_numbers_are_asked_about() {
    let pbx = Pbx::alone();
    let before = "[outgoing]\nexten => _+7812X.,1,Dial(PJSIP/${EXTEN}@gateway)\n";
    pbx.dialplan(before.as_bytes());
    let output = pbx.script(FIX).output().expect("the script can be run");
    let told = said(&output);
    assert!(!output.status.success() && told.contains("_+7812X. (extensions.conf:2)"), "{told}");
    assert!(told.contains("--replace-own") && told.contains("--keep-own"), "{told}");
    assert_eq!(pbx.read(), before);
    fix(&pbx, &["+74951234567", "--keep-own"]);
    assert_eq!(pbx.read(), format!("{before}{}", section("+74951234567")));
}

#[test]
fn the_examples_number_is_said_to_be_one() {
    let pbx = Pbx::alone();
    pbx.dialplan(b"[general]\n");
    let told = fix(&pbx, &[]);
    assert!(told.contains("no number was given") && told.contains("trunk.caller_id"), "{told}");
    // Nor is it one the second time.
    assert!(fix(&pbx, &[]).contains("no number was given"));
    assert!(!fix(&pbx, &["+74951234567"]).contains("no number was given"));
    let russian = pbx.script(FIX).args([DEFAULT]).env("LANG", "ru_RU.UTF-8").output().expect("it runs");
    assert!(!said(&russian).contains("номер не задан"), "{}", said(&russian));
}

/// FreePBX's extensions.conf is a link to a file that it writes itself.
#[test]
fn freepbxs_files_are_not_written_to() {
    let pbx = Pbx::alone();
    let web = tempfile::tempdir().expect("a folder");
    let modules = web.path().join("admin/modules/core/etc");
    fs::create_dir_all(&modules).expect("a folder");
    let theirs = modules.join("extensions.conf");
    let text = "; Do NOT edit this file as it is auto-generated by FreePBX.\n#include extensions_custom.conf\n[general]\n";
    let custom = pbx.etc.join("extensions_custom.conf");
    write(&custom, b"; mine\n", 0o644);
    let run = |section: &str| {
        write(&theirs, format!("{text}{section}").as_bytes(), 0o644);
        let _ = fs::remove_file(pbx.extensions());
        symlink(&theirs, pbx.extensions()).expect("a link");
        pbx.script(FIX).arg("+74951234567").output().expect("the script can be run")
    };
    let written = run("");
    let (in_custom, in_theirs) =
        (fs::read_to_string(&custom).expect("it"), fs::read_to_string(&theirs).expect("it"));
    write(&custom, b"; mine\n", 0o644);
    let refused = run("[outgoing]\nexten => _X.,1,Hangup()\n");
    let after = fs::read_to_string(&theirs).expect("it is there");
    fs::remove_file(&custom).expect("it can be removed");
    let missing = run(""); // its #include leads nowhere
    assert!(written.status.success(), "{}", said(&written));
    assert_eq!(in_custom, format!("; mine\n\n[outgoing]\n{}", section("+74951234567")));
    assert_eq!(in_theirs, text);
    assert!(
        !refused.status.success() && said(&refused).contains("not yours to change"),
        "{}",
        said(&refused)
    );
    assert_eq!(after, format!("{text}[outgoing]\nexten => _X.,1,Hangup()\n"));
    assert!(
        !missing.status.success() && said(&missing).contains("extensions_custom.conf"),
        "{}",
        said(&missing)
    );
}

/// What runs, from which line of which file, and what is wrong with it.
#[test]
fn show_tells_lines_and_faults() {
    let pbx = Pbx::alone();
    let show = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_novofon-bot"));
        command.args(["dialplan", "show"]).env("LANG", "C").env("NOVOFON_BOT_CONFIG", "/nonexistent/x.toml");
        command.env("ASTERISK_ETC", &pbx.etc).env("ASTERISK_CLI", pbx.cli());
        let output = command.output().expect("the program runs");
        (output.status.code(), said(&output))
    };
    let (code, told) = show();
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("extensions_outgoing.conf:10]") && told.contains("it dials PJSIP/"), "{told}");
    pbx.dialplan(b"[outgoing]\nexten => _+X.,1,Dial(PJSIP/${EXTEN}@novofon,,i)\n same => n,Dial(PJSIP/${EXTEN}@second,,i)\n");
    let (code, told) = show();
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("can't be judged: 2 Dials") && told.contains("extensions.conf:3"), "{told}");
    pbx.dialplan(b"[general]\n");
    let (code, told) = show();
    assert!(code == Some(1) && told.contains("no context [outgoing]"), "{told}");
}

fn until_it_has(pbx: &Pbx, endpoint: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let is_there = || pbx.console("pjsip show endpoints").contains(&format!(" Endpoint:  {endpoint} "));
    while !is_there() {
        assert!(Instant::now() < deadline, "Asterisk does not get the endpoint {endpoint}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
