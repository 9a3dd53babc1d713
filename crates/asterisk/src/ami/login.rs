//! How a connection is let in: banner, challenge, login, and the question which Asterisk it is. It owns the order of
//! these; it must not know what comes after.

use std::sync::Arc;

use md5::{Digest, Md5};
use tokio::net::TcpStream;

use super::action::Action;
use super::interest::Classes;
use super::line::{Ids, one_line};
use super::loss::Loss;
use super::session::Session;
use super::target::{AmiTarget, Login};
use super::wire::Block;
use crate::secret::Secret;

/// What a manager interface says first; the version follows.
const BANNER: &str = "Asterisk Call Manager/";

/// Opens a connection and is let in. The caller bounds its time.
pub(super) async fn enter(target: &AmiTarget, classes: Classes, ids: Arc<Ids>) -> Result<Session, Loss> {
    let address = target.address();
    let unreachable =
        |error: std::io::Error| Loss::Unreachable { address: address.clone(), why: error.to_string() };
    let stream = TcpStream::connect((target.host.as_str(), target.port)).await.map_err(unreachable)?;
    // Actions are small, and somebody waits for each.
    stream.set_nodelay(true).map_err(unreachable)?;
    let mut session = Session::new(stream, classes, ids);
    let banner = match session.banner().await {
        Ok(banner) => banner,
        // Nothing of Asterisk was seen yet.
        Err(Loss::TooLarge(_)) => return Err(not_ami(target, "sends a line without an end".to_owned())),
        Err(_) => return Err(not_ami(target, "closes the connection at once".to_owned())),
    };
    if !banner.starts_with(BANNER) {
        return Err(not_ami(
            target,
            format!("opens with `{}`", one_line(&banner.chars().take(60).collect::<String>())),
        ));
    }
    // 13, the last with another form of output, says 2.10.0.
    let version = banner[BANNER.len()..].split('.').next().and_then(|major| major.parse::<u32>().ok());
    if version.is_some_and(|major| major > 2) {
        session.expect_no_old_output();
    }
    let login = login(target, classes, &mut session).await?;
    let answer = session.ask(&login).await?;
    if !is_success(&answer) {
        return Err(Loss::Credentials {
            address: target.address(),
            username: target.username.clone(),
            message: message(&answer),
        });
    }
    // The answer also tells that FullyBooted, if it came at all, is here: Asterisk sends it right after the login.
    let settings = session.ask(&Action::new("CoreSettings")).await?;
    session.asterisk_version = settings.field("AsteriskVersion").map(one_line);
    Ok(session)
}

async fn login(target: &AmiTarget, classes: Classes, session: &mut Session) -> Result<Action, Loss> {
    let login = Action::new("Login").with("Username", &target.username).with("Events", classes.mask());
    if target.login == Login::Plain {
        return Ok(login.with_secret("Secret", target.secret.clone()));
    }
    let answer = session.ask(&Action::new("Challenge").with("AuthType", "MD5")).await?;
    match answer.field("Challenge") {
        Some(challenge) if is_success(&answer) => {
            Ok(login.with("AuthType", "MD5").with_secret("Key", key(challenge, &target.secret)))
        }
        _ => Err(Loss::NoChallenge { address: target.address(), message: message(&answer) }),
    }
}

/// The MD5 sum over challenge and secret, in hexadecimal digits.
fn key(challenge: &str, secret: &Secret) -> Secret {
    use std::fmt::Write as _;
    let sum = Md5::new().chain_update(challenge).chain_update(secret.expose()).finalize();
    Secret::new(sum.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes every write");
        text
    }))
}

fn is_success(answer: &Block) -> bool {
    answer.field("Response") == Some("Success")
}

fn message(answer: &Block) -> String {
    one_line(answer.field("Message").unwrap_or("it gives no reason"))
}

fn not_ami(target: &AmiTarget, what: String) -> Loss {
    Loss::NotAmi { address: target.address(), what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_what_asterisk_computes() {
        // printf 840415273secret | md5sum
        assert_eq!(key("840415273", &Secret::new("secret")).expose(), KEY);
    }
    const KEY: &str = "81c3ab5534a432bec402f6d988ee45b4";
}
