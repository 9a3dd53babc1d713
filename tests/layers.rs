//! Imports within the daemon go down only: the floors of ARCHITECTURE.md, checked in the source. What stands in crates of
//! its own (crates/) the compiler keeps apart.

use std::{fs, path::Path};

/// Each floor with its modules, the ground first. A module may use its own floor's modules only
/// where `NEIGHBOURS` says so.
const FLOORS: [&[&str]; 4] = [
    &["seldom"],
    &["enterprises", "config", "hosts", "logging", "metrics", "trouble", "trunks"],
    &["engine", "office"],
    &["api", "doctor"],
];

/// The command line joins everything.
const TOP: &str = "cli";

/// Uses within a floor that are meant: logging is set up as the configuration says.
const NEIGHBOURS: [(&str, &str); 1] = [("logging", "config")];

fn floor(module: &str) -> usize {
    FLOORS.iter().position(|floor| floor.contains(&module)).unwrap_or_else(|| {
        assert_eq!(module, TOP, "`{module}` stands on no floor: name it in tests/layers.rs");
        FLOORS.len()
    })
}

/// Every source file with its top-level module and its text up to its tests.
fn sources() -> Vec<(String, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&root).expect("below src").display().to_string();
            if !name.ends_with(".rs") || name == "main.rs" || name == "lib.rs" || name.contains("tests") {
                continue;
            }
            let module = name.split(['/', '.']).next().expect("a name").to_owned();
            let text = fs::read_to_string(&path).expect("UTF-8");
            let code = text.split("#[cfg(test)]").next().expect("a first part").to_owned();
            found.push((name, module, code));
        }
    }
    assert!(found.len() > 100, "the sources are found");
    found
}

/// The modules of this crate that a text names.
fn used(code: &str) -> Vec<String> {
    let code: String =
        code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut modules = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => modules.push(word(rest)),
            Some(group) => {
                let mut depth = 0;
                let mut item = String::new();
                for c in group.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => modules.push(word(std::mem::take(&mut item).trim())),
                        _ if depth == 0 => item.push(c),
                        _ => {}
                    }
                }
                modules.push(word(item.trim()));
            }
        }
    }
    modules.retain(|module| !module.is_empty());
    modules
}

#[test]
fn imports_go_down_only() {
    let mut wrong = Vec::new();
    for (file, module, code) in sources() {
        for other in used(&code).into_iter().filter(|other| *other != module) {
            let meant = NEIGHBOURS.contains(&(module.as_str(), other.as_str()));
            if floor(&other) >= floor(&module) && !meant {
                wrong.push(format!("{file} uses `{other}`, which is not below `{module}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn groups_of_imports_are_read() {
    let code = "use crate::{\n    config::{Config, check::allow},\n    metrics::Metrics,\n};\nuse crate::api::Problem;";
    assert_eq!(used(code), ["config", "metrics", "api"]);
}
