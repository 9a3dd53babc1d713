//! A configuration file with all that it includes: sections, templates, additions, and where each line stands.
//!
//! Reads as Asterisk's config.c does (measured on 16.28 and 22.10), and tells as faults what makes Asterisk drop a file or a part
//! of it. Never writes.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::line::{Comments, Header, Line, is_key, without_mark};

const LONGEST_FILE: u64 = 32 << 20;
const MOST_FILES: usize = 500;
/// Asterisk's own limit.
const DEEPEST_INCLUDE: usize = 10;

/// Where a line stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// With its folder.
    pub file: Arc<Path>,
    /// Counted from 1 within that file.
    pub line: usize,
    /// The line that Asterisk tells. For a file of `#include "dir/*.conf"` it goes on counting from the file before.
    pub told: usize,
}

impl Place {
    /// `extensions.conf:12`, as `dialplan show` has it: no folder, and the line that Asterisk tells.
    pub fn told(&self) -> String {
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        format!("{name}:{}", self.told)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// `key = value`, where it was written: a template's line stands in the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// As written: Asterisk does not mind the case of a key.
    pub key: String,
    /// What stands after `=` or `=>`, without comments and blanks around it.
    pub value: String,
    /// Where it was written.
    pub at: Place,
}

/// `[name]` with its lines, its templates' and those of its additions (`[name](+)`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What stands in the brackets, blanks and all.
    pub name: String,
    /// `[name](!)`: others inherit it, and it is nothing by itself.
    pub is_template: bool,
    /// Its header.
    pub at: Place,
    /// In their order, templates' lines first.
    pub lines: Vec<Setting>,
}

impl Section {
    /// The last value wins, as in Asterisk.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.values(key).last()
    }

    /// All values of a key, in their order. The case of the key does not matter.
    pub fn values<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a str> {
        self.lines.iter().filter(move |line| is_key(&line.key, key)).map(|line| line.value.as_str())
    }
}

/// What makes Asterisk drop a file, or the rest of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// `[name` without an end.
    Header(Place),
    /// An `#include` of what is not there, or can't be read.
    Missing(Place, String),
    /// A header names a section that was not there before it.
    Parent(Place, String),
    /// `;--` without `--;`.
    Comment(PathBuf),
}

/// A configuration as Asterisk has it after reading: sections in order, and what went wrong.
#[derive(Debug, Clone, Default)]
pub struct Conf {
    /// In the order of reading, templates among them.
    pub sections: Vec<Section>,
    /// Every file that was read, in the order of reading; one that is included twice is there twice.
    pub files: Vec<PathBuf>,
    /// In the order of reading.
    pub faults: Vec<Fault>,
}

/// How a file's reading ended.
enum End {
    Read,
    /// Its own text has a fault: the rest of it is not read, what includes it goes on.
    GivenUp,
}

impl Conf {
    /// The file `name` of a folder of configuration.
    ///
    /// # Errors
    /// That file can't be read. What it includes is told as a fault instead.
    pub fn read(folder: &Path, name: &str) -> io::Result<Self> {
        let mut conf = Conf::default();
        let path = folder.join(name);
        let text = read(&path)?;
        conf.take(&path, &text, folder, 0, 0);
        Ok(conf)
    }

    /// A text of our own, which includes nothing.
    pub fn of_text(text: &str) -> Self {
        let mut conf = Conf::default();
        conf.take(Path::new("-"), text, Path::new("/nonexistent"), 0, 0);
        conf
    }

    /// The first section of a name that is no template.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections_of(name).next()
    }

    /// Asterisk joins several contexts of one name.
    pub fn sections_of<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Section> {
        self.sections.iter().filter(move |section| section.name == name && !section.is_template)
    }

    /// PJSIP has several sections of one name, each of its `type`.
    pub fn object(&self, name: &str, kind: &str) -> Option<&Section> {
        self.sections_of(name).find(|section| section.value("type") == Some(kind))
    }

    /// The line that Asterisk calls `extensions.conf:12`.
    pub fn locate(&self, told: &str) -> Option<&Place> {
        self.sections
            .iter()
            .flat_map(|section| &section.lines)
            .map(|line| &line.at)
            .find(|at| at.told() == told)
    }

    /// Reads one file; gives how many lines Asterisk has counted after it.
    fn take(&mut self, path: &Path, text: &str, folder: &Path, counted: usize, depth: usize) -> usize {
        self.files.push(path.to_owned());
        let file: Arc<Path> = path.into();
        let mut comments = Comments::default();
        // Index of the section that lines go to.
        let mut open = None;
        let mut lines = 0;
        for (index, line) in text.lines().enumerate() {
            lines = index + 1;
            let at = Place { file: file.clone(), line: lines, told: counted + lines };
            let stripped = comments.strip(without_mark(line, at.told));
            if let End::GivenUp = self.take_line(&stripped, at, &mut open, folder, depth) {
                return counted + lines;
            }
        }
        if comments.are_open() {
            self.faults.push(Fault::Comment(path.to_owned()));
        }
        // It tries to read once more after a last line that has an end.
        counted + lines + usize::from(text.is_empty() || text.ends_with('\n'))
    }

    fn take_line(
        &mut self,
        text: &str,
        at: Place,
        open: &mut Option<usize>,
        folder: &Path,
        depth: usize,
    ) -> End {
        match Line::of(text) {
            Line::Header(header) => match self.open(&header, at.clone()) {
                Ok(index) => *open = Some(index),
                Err(parent) => {
                    self.faults.push(Fault::Parent(at, parent));
                    return End::GivenUp;
                }
            },
            Line::Unclosed => {
                self.faults.push(Fault::Header(at));
                return End::GivenUp;
            }
            Line::Include { pattern, may_miss } => self.include(pattern, may_miss, at, folder, depth),
            Line::Pair { key, value } => {
                if let Some(section) = open.and_then(|index| self.sections.get_mut(index)) {
                    section.lines.push(Setting { key: key.to_owned(), value: value.to_owned(), at });
                }
            }
            Line::Nothing => {}
        }
        End::Read
    }

    /// The section that the next lines belong to; the error is a name that is not there.
    fn open(&mut self, header: &Header<'_>, at: Place) -> Result<usize, String> {
        let mut index = None;
        if header.adds {
            let fits = |section: &Section| match header.filter {
                Some((key, value)) => section.values(key).any(|found| found == value),
                None => true,
            };
            let found = self
                .sections
                .iter()
                .position(|section| section.name == header.name && !section.is_template && fits(section));
            index = Some(found.ok_or_else(|| header.name.to_owned())?);
        }
        let mut inherited = Vec::new();
        for parent in &header.parents {
            let found = self.sections.iter().find(|section| section.name == *parent);
            inherited.extend(found.ok_or_else(|| (*parent).to_owned())?.lines.clone());
        }
        match index {
            Some(index) => {
                self.sections[index].lines.extend(inherited);
                Ok(index)
            }
            None => {
                self.sections.push(Section {
                    name: header.name.to_owned(),
                    is_template: header.is_template,
                    at,
                    lines: inherited,
                });
                Ok(self.sections.len() - 1)
            }
        }
    }

    fn include(&mut self, pattern: &str, may_miss: bool, at: Place, folder: &Path, depth: usize) {
        let mut counted = 0;
        let mut any = false;
        for path in named(folder, pattern) {
            if depth >= DEEPEST_INCLUDE || self.files.len() >= MOST_FILES {
                return;
            }
            if let Ok(text) = read(&path) {
                any = true;
                counted = self.take(&path, &text, folder, counted, depth + 1);
            }
        }
        if !any && !may_miss {
            self.faults.push(Fault::Missing(at, pattern.to_owned()));
        }
    }
}

/// The files that an include means, in their order. A name that only looks like a pattern is itself.
pub fn named(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    let path = folder.join(pattern);
    if path.exists() {
        return vec![path];
    }
    let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::default() };
    let whole = match pattern.starts_with('/') {
        true => pattern.to_owned(),
        // The folder's own name is no pattern.
        false => format!("{}/{pattern}", glob::Pattern::escape(&folder.to_string_lossy())),
    };
    glob::glob_with(&whole, options).into_iter().flatten().flatten().collect()
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
                "[trunk](!)\ntype=endpoint\nallow=alaw ; law\n#include pjsip.d/*.conf\n#tryinclude no.conf\n",
            ),
            (
                "pjsip.d/a.conf",
                "[novofon](trunk)\nauth = novofon\r\n;-- auth = no\n more = no --;\n[novofon]\ntype => auth\npassword = a\\;b\n",
            ),
            (
                "pjsip.d/b.conf",
                "[novofon](+type=auth)\nusername=u\n[novofon](+)\nfrom_user=f\n[novofon]\ntype=aor\n",
            ),
            ("pjsip.d/c.txt", "[stray]\n"),
        ]);
        let conf = Conf::read(folder.path(), "pjsip.conf").expect("read");
        let endpoint = conf.object("novofon", "endpoint").expect("an endpoint");
        assert_eq!((endpoint.value("auth"), endpoint.value("allow")), (Some("novofon"), Some("alaw")));
        // An addition goes to the first of the name, or the first that its filter takes.
        assert_eq!((endpoint.value("more"), endpoint.value("from_user")), (None, Some("f")));
        let auth = conf.object("novofon", "auth").expect("an auth");
        assert_eq!((auth.value("password"), auth.value("username")), (Some("a;b"), Some("u")));
        assert!(conf.object("novofon", "aor").is_some() && conf.section("stray").is_none());
        assert!(conf.section("trunk").is_none(), "a template is no object");
        assert_eq!((conf.files.len(), conf.faults), (3, vec![]));
    }

    /// As 16.28 and 22.10 told them for these files.
    #[test]
    fn lines_are_told_as_asterisk_counts_them() {
        let folder = folder(&[
            ("extensions.conf", "[general]\n#include \"dp.d/*.conf\"\n[d]\nexten => 1,1,NoOp(d)\n"),
            ("dp.d/10-a.conf", "; one\n; two\n[a]\nexten => 1,1,NoOp(a)\n"),
            ("dp.d/20-b.conf", "[b]\nexten => 1,1,NoOp(b)\n"),
            (
                "dp.d/30-c.conf",
                "[c]\nexten => 1,1,NoOp(c)\n#include \"dp2.d/x.conf\"\nexten => 2,1,NoOp(c2)\n",
            ),
            ("dp2.d/x.conf", "[x]\nexten => 1,1,NoOp(x)\n"),
        ]);
        let conf = Conf::read(folder.path(), "extensions.conf").expect("read");
        let told: Vec<String> =
            conf.sections.iter().flat_map(|s| &s.lines).map(|line| line.at.told()).collect();
        assert_eq!(
            told,
            ["10-a.conf:4", "20-b.conf:7", "30-c.conf:10", "30-c.conf:12", "x.conf:2", "extensions.conf:4"]
        );
        let place = conf.locate("30-c.conf:12").expect("it is there");
        assert_eq!(place.line, 4);
    }

    /// Windows' editors write one. As 22.10 reads these files.
    #[test]
    fn a_byte_order_mark_counts_on_the_first_counted_line_alone() {
        let folder = folder(&[
            (
                "extensions.conf",
                "\u{feff}[a]\r\nexten => 1,1,NoOp()\r\n#include \"dp.d/*.conf\"\n#include dp.d/2.conf\n",
            ),
            ("dp.d/1.conf", "\u{feff}[b]\nexten => 1,1,NoOp()\n"),
            ("dp.d/2.conf", "\u{feff}[c]\nexten => 1,1,NoOp()\n"),
        ]);
        let conf = Conf::read(folder.path(), "extensions.conf").expect("read");
        let places: Vec<String> =
            conf.sections.iter().map(|s| format!("{} {}", s.name, s.at.told())).collect();
        assert_eq!(
            places,
            ["a extensions.conf:1", "b 1.conf:1", "c 2.conf:1"],
            "2.conf is read twice, and once in vain"
        );
    }

    #[test]
    fn what_makes_asterisk_drop_a_part_is_told() {
        let folder = folder(&[
            (
                "a.conf",
                "[x]\n#include broken.conf\n#include nothing.conf\n#include none/*.conf\ny=1\n;-- open\n",
            ),
            ("broken.conf", "[z]\n[t](!)\n[t](+)\n[lost]\n"),
        ]);
        let conf = Conf::read(folder.path(), "a.conf").expect("read");
        assert_eq!(conf.section("x").and_then(|section| section.value("y")), Some("1"));
        assert!(conf.section("z").is_some() && conf.section("lost").is_none());
        let faults: Vec<String> = conf.faults.iter().map(|fault| format!("{fault:?}")).collect();
        assert_eq!(faults.len(), 4, "{faults:?}");
        for (fault, word) in conf.faults.iter().zip(["Parent", "nothing.conf", "none/*.conf", "Comment"]) {
            assert!(format!("{fault:?}").contains(word), "{word}: {fault:?}");
        }
    }

    #[test]
    fn a_file_that_includes_itself_comes_to_an_end() {
        let folder = folder(&[("a.conf", "#include a.conf\n[x]\ny=1\n")]);
        let conf = Conf::read(folder.path(), "a.conf").expect("read");
        assert_eq!(conf.section("x").and_then(|section| section.value("y")), Some("1"));
        assert!(Conf::read(folder.path(), "nothing.conf").is_err());
    }
}
