//! The objects of pjsip.conf: which of them stand there twice.
//!
//! With two sections of one name and one `type` Asterisk (measured on 16.28 and 22.10, over includes too) reads nothing of that
//! type: at a reload the old objects stay, at a restart all of them are gone, phones' included. A template is no object, an
//! addition no second one, and names differ by case.

use super::conf::{Conf, Place};

/// An object that is there more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// The sections' name.
    pub name: String,
    /// The value of their `type`: `endpoint`, `auth`, `aor` ...
    pub kind: String,
    /// Where its sections begin, in the order of reading.
    pub at: Vec<Place>,
}

/// All names and types of which there are several sections, in the order of their first ones.
pub fn duplicates(conf: &Conf) -> Vec<Duplicate> {
    let mut found: Vec<Duplicate> = Vec::new();
    for section in conf.sections.iter().filter(|section| !section.is_template) {
        let mut kinds: Vec<&str> = section.values("type").collect();
        kinds.dedup();
        for kind in kinds {
            match found.iter_mut().find(|one| one.name == section.name && one.kind == kind) {
                Some(one) => one.at.push(section.at.clone()),
                None => found.push(Duplicate {
                    name: section.name.clone(),
                    kind: kind.to_owned(),
                    at: vec![section.at.clone()],
                }),
            }
        }
    }
    found.retain(|one| one.at.len() > 1);
    found
}

/// The types that a name has, with the place of each: what a second section would be a duplicate of.
pub fn objects<'a>(conf: &'a Conf, name: &'a str) -> impl Iterator<Item = (&'a str, &'a Place)> {
    conf.sections_of(name).filter_map(|section| Some((section.value("type")?, &section.at)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Each pair as Asterisk judged it.
    #[test]
    fn twice_is_the_same_name_and_type() {
        for (text, expected) in [
            ("[t](!)\ntype=auth\n[t](t)\n", &[][..]),
            ("[t](!)\ntype=auth\n[a](t)\n[a]\ntype=auth\n", &["a auth t.conf:3 t.conf:4"]),
            ("[a]\ntype=auth\n[A]\ntype=auth\n[a]\ntype=Auth\n[a]\ntype=aor\n", &[]),
            ("[a]\ntype=auth\n[a](+)\nusername=x\n[a](+type=auth)\npassword=y\n", &[]),
            ("[a]\nTYPE=auth\n#include u.conf\n", &["a auth t.conf:1 u.conf:1"]),
            ("#include u.conf\n#include u.conf\n", &["a auth u.conf:1 u.conf:1"]),
            (";--\n[a]\ntype=auth\n--;\n#include u.conf\n", &[]),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            fs::write(folder.path().join("t.conf"), text).expect("written");
            fs::write(folder.path().join("u.conf"), "[a]\ntype = auth\n").expect("written");
            let conf = Conf::read(folder.path(), "t.conf").expect("read");
            let found = duplicates(&conf);
            let shown: Vec<String> = found
                .iter()
                .map(|one| {
                    let at: Vec<String> = one.at.iter().map(Place::told).collect();
                    format!("{} {} {}", one.name, one.kind, at.join(" "))
                })
                .collect();
            assert_eq!(shown, expected, "{text}");
        }
    }
}
