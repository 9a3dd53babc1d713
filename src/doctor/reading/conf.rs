//! Asterisk's configuration files: sections, templates, includes. Reads, never writes.
//!
//! A file that can't be read is told; one that is included and is not there is passed over, as a
//! realtime or generated part may be.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

const LONGEST_FILE: u64 = 4 << 20;
const MOST_FILES: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    pub name: String,
    pub is_template: bool,
    /// In their order, templates' lines first.
    pub lines: Vec<(String, String)>,
}

impl Section {
    /// The last value wins, as in Asterisk.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.values(key).last()
    }

    pub fn values<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a str> {
        let is_it = move |line: &&(String, String)| line.0.eq_ignore_ascii_case(key);
        self.lines.iter().filter(is_it).map(|(_, value)| value.as_str()).collect::<Vec<_>>().into_iter()
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conf {
    pub sections: Vec<Section>,
    /// Every file that was read.
    pub files: Vec<PathBuf>,
}

impl Conf {
    pub fn read(folder: &Path, name: &str) -> io::Result<Self> {
        let mut conf = Conf::default();
        let text = read(&folder.join(name))?;
        conf.files.push(folder.join(name));
        conf.take(&text, folder);
        Ok(conf)
    }

    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name && !section.is_template)
    }

    /// PJSIP has several sections of one name, each of its `type`.
    pub fn object(&self, name: &str, kind: &str) -> Option<&Section> {
        let is_it = |section: &&Section| !section.is_template && section.value("type") == Some(kind);
        self.sections.iter().filter(is_it).find(|section| section.name == name)
    }

    fn take(&mut self, text: &str, folder: &Path) {
        let mut in_comment = false;
        for line in text.lines() {
            let line = uncommented(line, &mut in_comment);
            let line = line.trim();
            if let Some(directive) = line.strip_prefix('#') {
                self.directive(directive, folder);
            } else if let Some(header) = line.strip_prefix('[') {
                self.open(header);
            } else if let Some((key, value)) = line.split_once('=') {
                let value = value.strip_prefix('>').unwrap_or(value).trim();
                if let Some(section) = self.sections.last_mut() {
                    section.lines.push((key.trim().to_owned(), value.to_owned()));
                }
            }
        }
    }

    /// `[name](template,other)`, `[name](!)`, `[name](+)`
    fn open(&mut self, header: &str) {
        let Some((name, rest)) = header.split_once(']') else { return };
        let options = rest.trim().trim_start_matches('(').trim_end_matches(')');
        let options: Vec<&str> =
            options.split(',').map(str::trim).filter(|option| !option.is_empty()).collect();
        if options.contains(&"+")
            && let Some(at) = self.sections.iter().rposition(|section| section.name == name)
        {
            // What follows belongs to that section: it goes to the end, where lines are added.
            let section = self.sections.remove(at);
            self.sections.push(section);
            return;
        }
        let of_template = |name: &&str| self.sections.iter().rfind(|section| section.name == **name);
        let lines =
            options.iter().filter_map(of_template).flat_map(|template| template.lines.clone()).collect();
        self.sections.push(Section { name: name.to_owned(), is_template: options.contains(&"!"), lines });
    }

    fn directive(&mut self, directive: &str, folder: &Path) {
        let Some((word, file)) = directive.trim().split_once(char::is_whitespace) else { return };
        if !matches!(word, "include" | "tryinclude") {
            return;
        }
        let file = file.trim().trim_matches(['"', '\'', '<', '>']);
        for path in named(&folder.join(file)) {
            if self.files.len() < MOST_FILES
                && !self.files.contains(&path)
                && let Ok(text) = read(&path)
            {
                self.files.push(path);
                self.take(&text, folder);
            }
        }
    }
}

/// The text before a comment. `;--` opens a comment of several lines, `--;` closes it, `\;` is no comment.
fn uncommented(line: &str, in_comment: &mut bool) -> String {
    let mut kept = String::new();
    let mut rest = line;
    while !rest.is_empty() {
        if *in_comment {
            let Some(end) = rest.find("--;") else { return kept };
            *in_comment = false;
            rest = &rest[end + 3..];
        } else if rest.starts_with(";--") && !rest.starts_with(";---") {
            *in_comment = true;
            rest = &rest[3..];
        } else if let Some(after) = rest.strip_prefix("\\;") {
            kept.push(';');
            rest = after;
        } else if rest.starts_with(';') {
            return kept;
        } else if let Some(c) = rest.chars().next() {
            kept.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    kept
}

/// The files that an include means: one, or those that a `*` in the last part stands for, in their order.
fn named(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some((before, after)) = name.split_once('*') else { return vec![path.to_owned()] };
    let entries = path.parent().and_then(|folder| folder.read_dir().ok()).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
        })
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LONGEST_FILE).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        folder
    }

    #[test]
    fn sections_of_one_name_differ_by_type_and_templates_are_inherited() {
        let folder = folder(&[
            (
                "pjsip.conf",
                "[trunk](!)\ntype=endpoint\nallow=alaw ; law\n#include pjsip.d/*.conf\n#include missing.conf\n",
            ),
            (
                "pjsip.d/a.conf",
                "[novofon](trunk)\nauth = novofon\r\n;-- auth = no\n more = no --;\n[novofon]\ntype => auth\npassword = a\\;b\n",
            ),
            ("pjsip.d/b.conf", "[novofon](+)\nusername=u\n[novofon]\ntype=aor\n"),
            ("pjsip.d/c.txt", "[stray]\n"),
        ]);
        let conf = Conf::read(folder.path(), "pjsip.conf").expect("read");
        let endpoint = conf.object("novofon", "endpoint").expect("an endpoint");
        assert_eq!((endpoint.value("auth"), endpoint.value("allow")), (Some("novofon"), Some("alaw")));
        assert_eq!(endpoint.value("more"), None);
        let auth = conf.object("novofon", "auth").expect("an auth");
        assert_eq!((auth.value("password"), auth.value("username")), (Some("a;b"), Some("u")));
        assert!(conf.object("novofon", "aor").is_some() && conf.section("stray").is_none());
        assert!(conf.section("trunk").is_none(), "a template is no object");
        assert_eq!(conf.files.len(), 3);
    }

    #[test]
    fn a_file_that_includes_itself_is_read_once() {
        let folder = folder(&[
            ("a.conf", "#include a.conf\n#include b.conf\n"),
            ("b.conf", "#include a.conf\n[x]\ny=1\n"),
        ]);
        let conf = Conf::read(folder.path(), "a.conf").expect("read");
        assert_eq!(conf.section("x").and_then(|section| section.value("y")), Some("1"));
        assert_eq!(conf.files.len(), 2);
        assert!(Conf::read(folder.path(), "nothing.conf").is_err());
    }
}
