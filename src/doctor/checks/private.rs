//! Whether the bot's own files are its own alone.

use crate::doctor::{
    finding::{Finding, say},
    patient::Patient,
    private::open_files,
};

const ID: &str = "private_files";

pub fn check(patient: &Patient) -> Finding {
    let open = open_files(&patient.config);
    let seen: Vec<String> =
        open.iter().map(|file| format!("{} ({:o})", file.path.display(), file.mode)).collect();
    let files: Vec<String> = open.iter().map(|file| file.path.display().to_string()).collect();
    let (seen, files) = (seen.join(", "), files.join(" "));
    match open.is_empty() {
        true => Finding::ok(
            ID,
            say!(
                "calls, enterprises and keys are readable for their owner alone",
                "звонки, предприятия и ключи доступны только их владельцу"
            ),
        ),
        false => Finding::warn(
            ID,
            say!(
                "others on this machine can read or write {seen}",
                "другие на этой машине могут читать или менять {seen}"
            ),
            say!("chmod go-rwx {files}", "chmod go-rwx {files}"),
        ),
    }
}
