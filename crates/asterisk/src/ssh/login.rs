//! Logs in with what there is: keys and passwords in their order, as far as the host offers the method. It must
//! not try anything twice: each failure is one of the few that a host allows before it bans an address.

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::PrivateKeyWithHashAlg;
use russh::{MethodKind, MethodSet};

use super::error::SshError;
use super::peer::{End, Peer, russh_text};
use super::target::{SshAuth, SshTarget};
use crate::secret::Secret;

/// A question after so many answers is not one that a password answers.
const ROUNDS: usize = 4;

struct Login<'a> {
    handle: &'a mut Handle<Peer>,
    target: &'a SshTarget,
    label: &'a str,
    end: &'a End,
    offered: MethodSet,
    tried: Vec<&'static str>,
}

enum Step {
    In,
    No,
}

pub(super) async fn login(
    handle: &mut Handle<Peer>,
    target: &SshTarget,
    label: &str,
    end: &End,
) -> Result<(), SshError> {
    let mut login = Login { handle, target, label, end, offered: MethodSet::empty(), tried: Vec::new() };
    login.run().await
}

impl Login<'_> {
    async fn run(&mut self) -> Result<(), SshError> {
        // sshd does not count this one, and tells what it offers. To send a password where passwords are off
        // would be in its log as a failed one.
        let first = self.handle.authenticate_none(self.target.user.clone()).await;
        if let Step::In = self.verdict(first)? {
            return Ok(());
        }
        for auth in &self.target.auth {
            let step = match auth {
                SshAuth::Key(key) if self.offers(MethodKind::PublicKey) => {
                    self.tried.push("publickey");
                    self.key(PrivateKeyWithHashAlg::new(key.clone(), self.rsa_hash(key).await?)).await?
                }
                SshAuth::Password(password) if self.offers(MethodKind::Password) => {
                    self.tried.push("password");
                    let (user, password) = (self.target.user.clone(), password.expose().to_owned());
                    let answer = self.handle.authenticate_password(user, password).await;
                    self.verdict(answer)?
                }
                SshAuth::Password(password) if self.offers(MethodKind::KeyboardInteractive) => {
                    self.tried.push("keyboard-interactive");
                    self.dialog(password).await?
                }
                SshAuth::Key(_) | SshAuth::Password(_) => continue,
            };
            if let Step::In = step {
                return Ok(());
            }
        }
        Err(self.denied())
    }

    fn offers(&self, method: MethodKind) -> bool {
        self.offered.contains(&method)
    }

    async fn key(&mut self, key: PrivateKeyWithHashAlg) -> Result<Step, SshError> {
        let answer = self.handle.authenticate_publickey(self.target.user.clone(), key).await;
        self.verdict(answer)
    }

    /// A host that does not say what it knows is older than OpenSSH 7.2, and knows SHA-1 only.
    async fn rsa_hash(
        &self,
        key: &russh::keys::PrivateKey,
    ) -> Result<Option<russh::keys::HashAlg>, SshError> {
        if !key.algorithm().is_rsa() {
            return Ok(None);
        }
        let best = self.handle.best_supported_rsa_hash().await;
        Ok(best.map_err(|error| self.broken(&error))?.flatten())
    }

    /// The password answers the one question whose answer is not shown; a second one is something else.
    async fn dialog(&mut self, password: &Secret) -> Result<Step, SshError> {
        let mut asked = 0;
        let user = self.target.user.clone();
        let mut answer = self.handle.authenticate_keyboard_interactive_start(user, None).await;
        for _ in 0..ROUNDS {
            let prompts = match answer.map_err(|error| self.broken(&error))? {
                KeyboardInteractiveAuthResponse::Success => return Ok(Step::In),
                KeyboardInteractiveAuthResponse::Failure { remaining_methods, .. } => {
                    self.offered = remaining_methods;
                    return Ok(Step::No);
                }
                KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => prompts,
            };
            asked += prompts.len();
            if asked > 1 || prompts.iter().any(|prompt| prompt.echo) {
                return Ok(Step::No);
            }
            let answers = prompts.iter().map(|_| password.expose().to_owned()).collect();
            answer = self.handle.authenticate_keyboard_interactive_respond(answers).await;
        }
        Ok(Step::No)
    }

    fn verdict(&mut self, answer: Result<AuthResult, russh::Error>) -> Result<Step, SshError> {
        match answer.map_err(|error| self.broken(&error))? {
            AuthResult::Success => Ok(Step::In),
            // russh says the same for a connection that has ended.
            AuthResult::Failure { .. } if self.handle.is_closed() => Err(self.ended()),
            AuthResult::Failure { remaining_methods, .. } => {
                self.offered = remaining_methods;
                Ok(Step::No)
            }
        }
    }

    fn denied(&self) -> SshError {
        let tried = match self.tried.as_slice() {
            [] => "nothing that is configured".to_owned(),
            tried => tried.join(", "),
        };
        let offered: Vec<&str> = self.offered.iter().map(<&str>::from).collect();
        let offered = if offered.is_empty() { "nothing more".to_owned() } else { offered.join(", ") };
        SshError::Denied { host: self.label.to_owned(), tried, offered }
    }

    fn broken(&self, error: &russh::Error) -> SshError {
        match error {
            russh::Error::SendError | russh::Error::RecvError => self.ended(),
            error => SshError::Handshake { host: self.label.to_owned(), why: russh_text(error) },
        }
    }

    /// The host ended it in the middle of the login: after too many failures, or for a reason of its own.
    fn ended(&self) -> SshError {
        let why = self.end.why();
        if why.contains("authentication failures") || why.contains("No authentication method") {
            return self.denied();
        }
        SshError::Handshake { host: self.label.to_owned(), why: format!("during the login, {why}") }
    }
}
