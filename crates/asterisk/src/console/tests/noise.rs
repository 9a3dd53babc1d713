//! What comes with every answer of a host, and what a terminal would do with one.

use super::dial;
use crate::console::{Channels, Command, ConsoleError, noise_of, of_exec, ordered, plain, without};

const EID: &str = "No ethernet interface found for seeding global EID. You will have to set it manually.\n";

const CHANNEL: &str = "PJSIP/150-00000001!inoffice!150!1!Up!AppDial!(Outgoing Line)!150!!!3!12!bridge!1.3\n";

#[test]
fn warnings_of_loader_shell_and_client_are_noise() {
    for noise in [
        EID,
        "ERROR: ld.so: object 'x.so' from LD_PRELOAD cannot be preloaded (cannot open shared object file): ignored.\n",
        "asterisk: /lib/libssl.so.3: no version information available (required by asterisk)\n",
        "bash: warning: setlocale: LC_ALL: cannot change locale (ru_RU.UTF-8)\n",
        "Unable to access the running directory (Permission denied).  Changing to '/' for compatibility.\n",
    ] {
        assert_eq!(ordered(&dial(), noise), Ok(()), "{noise}");
        assert_eq!(Channels::parse(&format!("{noise}{CHANNEL}")).expect("a list").list.len(), 1, "{noise}");
    }
}

#[test]
fn what_comes_with_every_command_of_a_host_is_learned() {
    let greeting = "Welcome to pbx!\nBye\n";
    assert!(ordered(&dial(), greeting).expect_err("not understood").may_have_acted());
    let noise = noise_of(&format!("Welcome to pbx!\n{EID}Asterisk 22.10.1 built by a @ b on a c\nBye\n"));
    assert_eq!(noise, ["Welcome to pbx!", "Bye"]);
    assert!(dial().is_odd(greeting) && !dial().is_odd(EID));
    assert!(Command::Channels.is_odd(greeting) && !Command::Channels.is_odd(CHANNEL));
    assert_eq!(ordered(&dial(), &without(greeting, &noise)), Ok(()));
    // What it does not say else is no noise.
    assert!(ordered(&dial(), &without("Welcome to pbx!\nOops\n", &noise)).is_err());
}

#[test]
fn colours_and_carriage_returns_are_taken_out() {
    assert_eq!(plain("\u{1b}[1;37mAsterisk\u{1b}[0m 22\r\nx"), "Asterisk 22\nx");
    assert_eq!((plain("\u{1b}"), plain("\u{1b}[9")), (String::new(), String::new()));
    let said = of_exec(&dial(), Some(0), None, b"\x1b[0m\r\n", b"").expect("an answer");
    assert_eq!(ordered(&dial(), &said), Ok(()));
    let away = b"Unable to connect to remote asterisk (does /var/run/asterisk/asterisk.ctl exist?)\n";
    let error = of_exec(&dial(), Some(1), None, EID.as_bytes(), away).expect_err("away");
    assert!(matches!(error, ConsoleError::Refused { .. }) && error.is_asterisk_away(), "{error}");
}
