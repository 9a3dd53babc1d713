//! Texts and JSON values that no parameter may take, by what they are meant to break out of.

use serde_json::{Value, json};

/// A shell, its words and its files.
#[rustfmt::skip]
const SHELL: [&str; 38] = [
    ";id",
    "150;id",
    "150; reboot #",
    "150&&id",
    "150||id",
    "150|id",
    "150&",
    "150 & id",
    "`id`",
    "150`id`",
    "$(id)",
    "150$(id)",
    "$((1+149))",
    "${IFS}id",
    "150${PATH}",
    "150>/tmp/150",
    "150</etc/passwd",
    "150'",
    "150\"",
    "150\\",
    "';id;'",
    "\";id;\"",
    "'\"'\"'",
    "!id",
    "!!",
    "150 #",
    "~root",
    "*",
    "?50",
    "[0-9]",
    "{150,151}",
    "-rx",
    "--help",
    "-oProxyCommand=id",
    "150 id",
    "150\tid",
    "150\u{b}id",
    "(id)",
];

/// Asterisk's console.
#[rustfmt::skip]
const CONSOLE: [&str; 22] = [
    "core stop now",
    "150 core stop now",
    "150\ncore stop now",
    "150\ncore stop now\n",
    "150\rcore restart now",
    "150\0core stop now",
    "150\0",
    "\0",
    "150@inoffice",
    "150@inoffice application System id",
    "150@inoffice application Dial Local/151@inoffice",
    "150@inoffice extension 151@inoffice",
    "150\"@inoffice",
    "channel request hangup all",
    "150\nchannel request hangup all",
    "module unload res_pjsip.so",
    "all",
    "150 all",
    "+375296254070@inoffice\ncore stop now",
    "150;2",
    "Local/150@inoffice-00000000;1",
    "150\u{4}",
];

/// The dialplan: applications, functions, options, devices.
#[rustfmt::skip]
const DIALPLAN: [&str; 36] = [
    "150,30",
    "150,30,tT",
    "150,,g",
    "150&151",
    "150&PJSIP/151",
    "150&SIP/151&SIP/152",
    "150@default",
    "150@trunk",
    "150^151",
    "150/151",
    "150/n",
    "SIP/150",
    "PJSIP/150",
    "Local/150",
    "LOCAL/150@inoffice/n",
    "IAX2/guest@host/150",
    "${SHELL(id)}",
    "${CURL(http://127.0.0.1/)}",
    "${SYSTEM(id)}",
    "${DB(phones/june-150)}",
    "${EXTEN}",
    "150${EXTEN}",
    "$[1+149]",
    "150,bq",
    "150,bqwE",
    "150)",
    "_X.",
    "_!",
    "_+X.",
    "s",
    "h",
    "i",
    "t",
    "+375296254070,60,M(hangup)",
    "+375296254070,,U(sub^150)",
    "+375296254070!150",
];

/// SQL.
#[rustfmt::skip]
const SQL: [&str; 25] = [
    "' OR '1'='1",
    "' OR 1=1 --",
    "' OR 1=1#",
    "\" OR \"\"=\"",
    "') OR ('1'='1",
    "'; DROP TABLE enterprises; --",
    "150'; UPDATE enterprises SET active = true; --",
    "' UNION SELECT number, name, ip FROM enterprises --",
    "' UNION ALL SELECT NULL,NULL,NULL--",
    "1' AND pg_sleep(10) --",
    "1;SELECT pg_sleep(10)",
    "'||(SELECT secret)||'",
    "\\'; --",
    "$$; DROP TABLE enterprises; $$",
    "$1",
    "$2",
    "?1",
    ":secret",
    "@secret",
    "/**/150",
    "150--",
    "0367'--",
    "E'\\x31'",
    "' OR active --",
    "\u{2019} OR 1=1 --",
];

/// The lines of AMI, the requests of ARI and HTTP, and JSON.
#[rustfmt::skip]
const PROTOCOLS: [&str; 34] = [
    "150\r\nAction: Originate",
    "150\r\n\r\nAction: Command\r\nCommand: core stop now\r\n\r\n",
    "150\r\nVariable: A=B",
    "150\nActionID: 1",
    "150\r\nActionID: 1\r\n\r\n",
    "150\r\nApplication: System\r\nData: id",
    "\r\n150",
    "150\r\n",
    "150\n",
    "\n",
    "150\r",
    "150\u{85}",
    "150\u{2028}",
    "150\r\nAction: Logoff\r\n\r\n",
    "150%0d%0aAction: Logoff",
    "150%0aAction:%20Logoff",
    "150?app=other",
    "150&endpoint=Local/151",
    "150&app=other&channelId=1",
    "150#fragment",
    "../channels",
    "..%2f..%2fchannels",
    "150/../../asterisk/modules",
    "150%2F..",
    "/etc/passwd",
    "../../etc/passwd",
    "..\\..\\",
    "file:///etc/passwd",
    "http://127.0.0.1:8088/ari",
    "150 HTTP/1.1\r\nHost: x\r\n\r\n",
    "{\"endpoint\":\"Local/151\"}",
    "150\",\"app\":\"other",
    "[150]",
    "\"150\"",
];

/// Digits that are none, and characters that are not seen.
#[rustfmt::skip]
const UNICODE: [&str; 25] = [
    "\u{661}\u{665}\u{660}",
    "\u{6f1}\u{6f5}\u{6f0}",
    "\u{967}\u{96b}\u{966}",
    "\u{ff11}\u{ff15}\u{ff10}",
    "\u{b9}50",
    "1\u{2075}0",
    "\u{2460}\u{2464}\u{24ea}",
    "\u{1d7cf}\u{1d7d3}\u{1d7ce}",
    "\u{2160}",
    "1\u{200b}50",
    "1\u{200d}50",
    "\u{202e}051",
    "\u{feff}150",
    "150\u{feff}",
    "\u{a0}150",
    "150\u{a0}",
    "1\u{301}50",
    "\u{ff0b}375296254070",
    "+375296254070\u{200e}",
    "\u{2795}375296254070",
    "l50",
    "15O",
    "\u{441}\u{442}\u{43e}",
    "\u{1f4de}150",
    "150\u{7f}",
];

/// Numbers as others write them, and encodings that nobody is to undo.
#[rustfmt::skip]
const NUMBERS: [&str; 34] = [
    "0x96",
    "0b10010110",
    "0o226",
    "1e2",
    "150.0",
    "1_5_0",
    "1,50",
    "1 50",
    "15-0",
    "-150",
    "--150",
    "++375296254070",
    "+",
    "+ 375296254070",
    "8(029)6254070",
    "+375-29-625",
    "tel:+375296254070",
    "sip:150",
    "sip:150@127.0.0.1",
    "NaN",
    "null",
    "true",
    "undefined",
    "None",
    "%31%35%30",
    "%2531%2535%2530",
    "%00",
    "150%00",
    "%u0031",
    "&#49;&#53;&#48;",
    "\\u0031\\u0035",
    "\\x31\\x35",
    "\\0",
    "150=",
];

/// Formats, templates and pages.
#[rustfmt::skip]
const FORMATS: [&str; 16] = [
    "%s%s%s%s",
    "%n%n%n",
    "%x",
    "%d",
    "{}",
    "{0}",
    "{{7*7}}",
    "${7*7}",
    "#{7*7}",
    "<%= 7*7 %>",
    "${jndi:ldap://127.0.0.1/a}",
    "<script>alert(1)</script>",
    "\"><img src=x>",
    "150<!--",
    "javascript:150",
    "\u{1b}[2J\u{1b}[31m150",
];

pub fn texts() -> Vec<String> {
    let lists: [&[&str]; 8] = [&SHELL, &CONSOLE, &DIALPLAN, &SQL, &PROTOCOLS, &UNICODE, &NUMBERS, &FORMATS];
    let long = [
        "1".repeat(21),
        "1".repeat(1000),
        "A".repeat(5000),
        "9".repeat(30_000),
        "\u{661}".repeat(2000),
        " ".repeat(300),
        "%".repeat(500),
        "../".repeat(300),
        "(".repeat(3000),
        "1".repeat(10) + ";id",
    ];
    let short = [
        "", " ", "  150", "150 ", "\t150", "'", "\"", "%", "&", "=", "@", ",", ";", "|", "\\", "^", "~", "$",
    ];
    let mut all: Vec<String> =
        lists.into_iter().flatten().chain(&short).map(|text| (*text).to_owned()).collect();
    all.extend(long);
    all.sort();
    all.dedup();
    all
}

/// Values of other types, for bodies.
pub fn values() -> Vec<Value> {
    let mut deep = json!("150");
    for _ in 0..100 {
        deep = json!([deep]);
    }
    vec![
        json!(null),
        json!(true),
        json!(false),
        json!(150),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(u64::MAX),
        json!([]),
        json!(["150"]),
        json!(["150", "151"]),
        json!([["150"]]),
        json!({}),
        json!({"code": "150"}),
        json!({"$gt": ""}),
        json!({"toString": "150"}),
        json!([null]),
        json!({"0": "1"}),
        deep,
        json!(vec!["150"; 2000]),
    ]
}
