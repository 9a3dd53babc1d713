//! A host whose `asterisk -rx` says more than its answer: the warning of an Asterisk without a network interface, as it
//! really prints it, those of the loader and of the shell, and a wrapper's greeting.

use std::{fs, path::PathBuf};

use crate::support::{Firm, Lab, Part, Site};

/// The host's `asterisk`, as it was again in the end.
struct Wrapper {
    file: PathBuf,
    was: String,
}

impl Wrapper {
    fn of(lab: &Lab) -> Self {
        let file = lab.dir().join("june-ssh/bin/asterisk");
        let was = fs::read_to_string(&file).expect("the host's asterisk");
        Wrapper { file, was }
    }

    /// Before the program, and around it.
    fn does(&self, before: &str, around: &str) {
        let text = self.was.replacen("exec ", &format!("{before}\nexec {around} "), 1);
        fs::write(&self.file, text).expect("the host's asterisk");
    }
}

impl Drop for Wrapper {
    fn drop(&mut self) {
        let _ = fs::write(&self.file, &self.was);
    }
}

#[tokio::test]
async fn calls_and_monitorings_are_what_they_are() {
    let lab = Lab::hold(&[Part::June]).await;
    let wrapper = Wrapper::of(&lab);
    for (what, before, around) in [
        ("no interface but lo", "", "unshare -n"),
        (
            "warnings",
            "echo \"ERROR: ld.so: object 'x.so' from LD_PRELOAD cannot be preloaded: ignored.\" | tee /dev/stderr\n\
             echo 'bash: warning: setlocale: LC_ALL: cannot change locale (ru_RU.UTF-8)' | tee /dev/stderr\n\
             echo \"Unable to access the running directory (Permission denied).  Changing to '/' for compatibility.\"",
            "",
        ),
        ("a greeting", "echo 'Welcome to pbx!'; echo 'Authorized users only' >&2", ""),
    ] {
        wrapper.does(before, around);
        if around == "unshare -n" {
            let said = lab.run("ssh", &["june", "asterisk -rx 'core show version'"]).await;
            assert!(said.starts_with("No ethernet interface found for seeding global EID."), "{said}");
        }
        let firm = Firm::of("june", "ssh");
        let site = Site::start(&lab, &[&firm], &[("office.ssh_socket", "")]).await;
        site.works(&firm).await;
        let mut test = tokio::process::Command::from(site.program());
        let told = test.args(["--lang", "en", "enterprise", "test", &firm.number]).output().await;
        let told = String::from_utf8_lossy(&told.expect("the program can be run").stdout).into_owned();
        assert!(told.contains("✓ ssh: Asterisk ") && !told.contains('✗'), "{what}: {told}");
        // Now by the shell that stays.
        site.works(&firm).await;
        let talk = site.talks(&firm, "150").await;
        let answer = site.client(&firm).monitor("09", "150", "151", &[("wait", "answered")]).await;
        assert_eq!(answer.status, 200, "{what}: {}", answer.text);
        let spy = answer.call_id();
        site.main.until_status(&spy, "answered").await;
        let log = site.bot.log_text();
        assert!(
            log.lines().any(|line| line.contains("listened_to=") && line.contains(&spy)),
            "{what}: no audit"
        );
        for id in [spy, talk] {
            assert_eq!(site.main.hang_up(&id).await.status, 200);
            site.main.until_ended(&id, crate::support::SOON).await;
        }
        lab.until_free("june").await;
    }
}
