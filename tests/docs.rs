//! Documents that are in two languages say the same: as many headings, tables, rows and commands, of the same words, and
//! each leads to the other.

use std::{fs, path::Path};

const PAIRS: [&str; 5] =
    ["docs/calls", "docs/doctor", "docs/office", "docs/operate", "asterisk-config/README"];

#[derive(Debug, PartialEq)]
struct Outline {
    /// Depth of each heading, and what stands below it: rows of tables, by the words of programs in their first cell, and
    /// lines of commands.
    sections: Vec<(usize, Vec<Vec<String>>, usize)>,
}

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn outline(text: &str) -> Outline {
    let mut sections = Vec::new();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix('#') {
            let deeper = heading.bytes().take_while(|byte| *byte == b'#').count();
            sections.push((1 + deeper, Vec::new(), 0));
            continue;
        }
        let Some((_, rows, commands)) = sections.last_mut() else { continue };
        if let Some(row) = line.strip_prefix("| ") {
            // A bar inside a cell is escaped.
            rows.push(words(row.replace("\\|", "/").split(" |").next().unwrap_or_default()));
        }
        *commands += usize::from(line.starts_with("    "));
    }
    Outline { sections }
}

/// What stands in backticks; names that a reader is to fill in are another word in each language.
fn words(cell: &str) -> Vec<String> {
    let is_same = |word: &&str| word.is_ascii() && !word.contains("HOST") && !word.contains("<call>");
    cell.split('`').skip(1).step_by(2).filter(is_same).map(str::to_owned).collect()
}

#[test]
fn both_languages_of_a_document_say_the_same() {
    for name in PAIRS {
        let (english, russian) = (read(&format!("{name}.md")), read(&format!("{name}.ru.md")));
        let (en, ru) = (outline(&english), outline(&russian));
        assert_eq!(en.sections.len(), ru.sections.len(), "{name}: as many headings");
        for (index, (en, ru)) in en.sections.iter().zip(&ru.sections).enumerate() {
            assert_eq!(en, ru, "{name}.ru.md: heading {} and what stands below it", index + 1);
        }
        let link = |text: &str, to: &str| text.lines().take(4).any(|line| line.contains(&format!("]({to})")));
        let file = name.rsplit('/').next().expect("a name");
        assert!(link(&english, &format!("{file}.ru.md")), "{name}.md leads to its Russian at once");
        assert!(link(&russian, &format!("{file}.md")), "{name}.ru.md leads to its English at once");
        for reader in ["README", "docs/calls", "docs/doctor", "docs/office", "docs/operate"] {
            let text = read(&format!("{reader}.ru.md"));
            let folder = Path::new(reader).parent().expect("a folder");
            let led = |ending: &str| {
                let paths = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
                paths
                    .map(|path| path.strip_prefix("../").map_or(folder.join(path), Into::into))
                    .any(|path| path == Path::new(&format!("{name}{ending}")))
            };
            assert!(reader != "README" || led(".ru.md"), "README.ru.md leads to {name}.ru.md");
            assert!(reader == name || !led(".md"), "{reader}.ru.md leads to the English {name}.md");
        }
    }
}

/// A link to a heading that is not there leads to the top, and nobody says so.
#[test]
fn links_within_the_documents_lead_somewhere() {
    for name in [
        "README.md",
        "README.ru.md",
        "docs/calls.md",
        "docs/calls.ru.md",
        "docs/doctor.md",
        "docs/doctor.ru.md",
        "docs/office.md",
        "docs/office.ru.md",
        "docs/operate.md",
        "docs/operate.ru.md",
        "asterisk-config/README.md",
        "asterisk-config/README.ru.md",
    ] {
        // What stands in backticks is code.
        let text: String = read(name).split('`').step_by(2).collect();
        let folder = Path::new(name).parent().expect("a folder");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target =
                if file.is_empty() { name.to_owned() } else { folder.join(file).display().to_string() };
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&target);
            assert!(path.exists(), "{name}: {link}");
            if !anchor.is_empty() {
                let has = read(&target).lines().any(|line| line.starts_with('#') && slug(line) == anchor);
                assert!(has, "{name}: {link}");
            }
        }
    }
}

/// The anchor of a heading, as GitHub makes it.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
