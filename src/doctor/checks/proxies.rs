//! Proxies of this machine that lead to the API while it has no keys.
//!
//! The daemon refuses what a proxy's headers or HTTP/1.0 give away. Some proxies show nothing (nginx since 1.29.7 with a
//! bare `proxy_pass`, HAProxy without `option forwardfor`, Apache with `ProxyAddHeaders Off`), so their files are read.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use crate::doctor::{
    finding::{Finding, say},
    patient::Patient,
};

const ID: &str = "exposure_proxy";

/// Where packages put the configuration of the usual ones.
const FOLDERS: [&str; 9] = [
    "/etc/nginx",
    "/etc/apache2",
    "/etc/httpd",
    "/etc/haproxy",
    "/etc/caddy",
    "/etc/traefik",
    "/etc/lighttpd",
    "/etc/varnish",
    "/usr/local/nginx/conf",
];

/// Longer ones are no configuration, and more of them nobody has.
const LONGEST: u64 = 1 << 20;
const MOST: usize = 5000;

/// Nothing to say where there are keys, or no proxy.
pub fn check(patient: &Patient) -> Option<Finding> {
    let http = &patient.config.http;
    if !http.api_keys.is_empty() {
        return None;
    }
    let files = leading_to(&FOLDERS.map(Path::new), http.listen);
    let list: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let (list, listen) = (list.join(", "), http.listen);
    (!files.is_empty()).then(|| {
        Finding::fail(
            ID,
            say!(
                "a proxy leads to {listen}, where no key is asked for ({list}): whoever reaches it can place calls, unless the proxy gives itself away",
                "прокси ведёт на {listen}, где ключ не нужен ({list}): кто до него достаёт, может звонить, если прокси ничем себя не выдаёт"
            ),
            say!(
                "set http.api_keys; nginx can add the key for addresses of your choice: asterisk-config/nginx-api.conf",
                "задайте http.api_keys; nginx может добавлять ключ для выбранных адресов: asterisk-config/nginx-api.conf"
            ),
        )
    })
}

/// The files that name this address.
fn leading_to(folders: &[&Path], listen: SocketAddr) -> Vec<PathBuf> {
    let mut waiting: Vec<PathBuf> = folders.iter().map(|folder| folder.to_path_buf()).collect();
    let mut found = Vec::new();
    let mut seen = 0;
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            seen += 1;
            // A link is followed to a file (sites-enabled), not to a folder: those may lead round.
            let (path, Ok(kind)) = (entry.path(), entry.file_type()) else { continue };
            if kind.is_dir() && seen < MOST {
                waiting.push(path);
            } else if fs::metadata(&path).is_ok_and(|it| it.is_file() && it.len() <= LONGEST)
                && fs::read(&path).is_ok_and(|text| names(&String::from_utf8_lossy(&text), listen))
            {
                found.push(fs::canonicalize(&path).unwrap_or(path));
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Whether a line that is no comment has it, under one of the names that it is reached by.
fn names(text: &str, listen: SocketAddr) -> bool {
    let port = listen.port();
    let addresses = [
        listen.to_string(),
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        format!("[::1]:{port}"),
    ];
    let has = |line: &str, address: &String| {
        line.match_indices(address.as_str()).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + address.len()..].chars().next();
            !after.is_some_and(|c| c.is_ascii_digit())
                && !before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '.')
        })
    };
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    // Where it listens itself, it leads nowhere.
    let listens = |line: &str| line.to_ascii_lowercase().starts_with("listen") || line.starts_with("bind ");
    lines.filter(|line| !listens(line)).any(|line| addresses.iter().any(|address| has(line, address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_proxys_own_words() {
        let listen = "127.0.0.1:8080".parse().expect("an address");
        for text in [
            "location / { proxy_pass http://127.0.0.1:8080; }",
            "upstream bot {\n  server 127.0.0.1:8080;\n}",
            "ProxyPass / http://localhost:8080/",
            "  server s 127.0.0.1:8080 check",
            "reverse_proxy localhost:8080",
            "url: \"http://[::1]:8080\"",
        ] {
            assert!(names(text, listen), "{text}");
        }
        for text in [
            "# proxy_pass http://127.0.0.1:8080;",
            "proxy_pass http://127.0.0.1:80801;",
            "proxy_pass http://127.0.0.1:8018;",
            "proxy_pass http://10.127.0.0.1:8080;",
            "listen 127.0.0.1:8080;",
            "Listen 127.0.0.1:8080",
            "bind 127.0.0.1:8080",
        ] {
            assert!(!names(text, listen), "{text}");
        }
    }

    #[test]
    fn files_are_found_below_and_behind_links() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("nginx/sites-enabled")).expect("a folder");
        fs::create_dir_all(at("sites-available")).expect("a folder");
        fs::write(at("nginx/nginx.conf"), "include sites-enabled/*;").expect("written");
        fs::write(at("sites-available/bot"), "proxy_pass http://127.0.0.1:8080;").expect("written");
        std::os::unix::fs::symlink(at("sites-available/bot"), at("nginx/sites-enabled/bot")).expect("a link");
        std::os::unix::fs::symlink(at("nginx"), at("nginx/round")).expect("a link");
        let listen = "127.0.0.1:8080".parse().expect("an address");
        let found = leading_to(&[&at("nginx"), &at("nowhere")], listen);
        assert_eq!(found, [fs::canonicalize(at("sites-available/bot")).expect("it is there")]);
    }
}
