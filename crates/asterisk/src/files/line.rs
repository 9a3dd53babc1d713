//! One line of a configuration file, as Asterisk's config.c takes it apart: comments, section headers, directives.
//!
//! Measured on 16.28 and 22.10: blanks inside the brackets of a header belong to the names, and a header with a blank before
//! its `(` has no options at all.

/// Comments go over several lines: this is what the next line has to know. They nest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Comments {
    depth: usize,
}

impl Comments {
    pub(super) fn are_open(self) -> bool {
        self.depth > 0
    }

    /// The line without comments and the white space around it. `;--` opens a comment of several lines, `--;` closes it, and
    /// `\;` is no comment.
    pub(super) fn strip(&mut self, line: &str) -> String {
        let bytes = line.as_bytes();
        let mut kept = Vec::new();
        // What was looked at already: neither a backslash nor dashes count that stand before it.
        let (mut at, mut from) = (0, 0);
        while let Some(&byte) = bytes.get(at) {
            let before = &bytes[from..at];
            if byte != b';' {
                if self.depth == 0 {
                    kept.push(byte);
                }
            } else if before.ends_with(b"\\") {
                if self.depth == 0 {
                    kept.pop();
                    kept.push(byte);
                }
            } else if bytes[at + 1..].starts_with(b"--") && bytes.get(at + 3) != Some(&b'-') {
                self.depth += 1;
                at += 2;
            } else if self.depth > 0 && before.ends_with(b"--") {
                self.depth -= 1;
            } else if self.depth == 0 {
                break;
            }
            at += 1;
            if byte == b';' {
                from = at;
            }
        }
        String::from_utf8_lossy(&kept).trim().to_owned()
    }
}

/// What a line is, its comments taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Header(Header<'a>),
    /// `[name` without its end: Asterisk reads no further.
    Unclosed,
    Include {
        pattern: &'a str,
        /// `#tryinclude`: it may be missing.
        may_miss: bool,
    },
    Pair {
        key: &'a str,
        value: &'a str,
    },
    Nothing,
}

/// `[name](template,other)`, `[name](!)`, `[name](+)`, `[name](+type=auth)`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub(super) name: &'a str,
    pub(super) is_template: bool,
    /// It adds to an earlier section, of those of the name the first that fits.
    pub(super) adds: bool,
    /// `type=auth` of an addition: which one it adds to.
    pub(super) filter: Option<(&'a str, &'a str)>,
    pub(super) parents: Vec<&'a str>,
}

impl<'a> Line<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        if let Some(rest) = text.strip_prefix('[') {
            let Some((name, rest)) = rest.split_once(']') else { return Line::Unclosed };
            let mut header = Header { name, ..Header::default() };
            if let Some(options) = rest.strip_prefix('(') {
                let Some((options, _)) = options.split_once(')') else { return Line::Unclosed };
                for option in options.split(',') {
                    header.take(option);
                }
            }
            return Line::Header(header);
        }
        if let Some(directive) = text.strip_prefix('#') {
            let Some((word, file)) = directive.trim().split_once(char::is_whitespace) else {
                return Line::Nothing;
            };
            let pattern = file.trim().trim_matches(['"', '\'', '<', '>']);
            return match word.to_ascii_lowercase().as_str() {
                "include" => Line::Include { pattern, may_miss: false },
                "tryinclude" => Line::Include { pattern, may_miss: true },
                _ => Line::Nothing,
            };
        }
        match text.split_once('=') {
            Some((key, value)) => Line::Pair {
                key: key.trim_end_matches('+').trim(),
                value: value.strip_prefix('>').unwrap_or(value).trim(),
            },
            None => Line::Nothing,
        }
    }

    /// `exten => ...` and `same => ...`: steps of a dialplan.
    pub(super) fn is_step(&self) -> bool {
        matches!(self, Line::Pair { key, .. } if is_key(key, "exten") || is_key(key, "same"))
    }
}

impl<'a> Header<'a> {
    fn take(&mut self, option: &'a str) {
        match option.strip_prefix('+') {
            Some(filter) => {
                self.adds = true;
                self.filter = filter.split_once('=');
            }
            None if option == "!" => self.is_template = true,
            None if option.is_empty() => {}
            None => self.parents.push(option),
        }
    }

    /// A section of its own, as opposed to a template or an addition.
    pub(super) fn is_plain(&self) -> bool {
        !self.is_template && !self.adds
    }
}

/// Asterisk takes the names of options in any case.
pub(super) fn is_key(key: &str, name: &str) -> bool {
    key.eq_ignore_ascii_case(name)
}

/// The line as Asterisk takes it: a byte order mark before the first line that it counts is passed over, one before any other
/// spoils that line (22.10).
pub(super) fn without_mark(line: &str, counted: usize) -> &str {
    if counted == 1 { line.strip_prefix('\u{feff}').unwrap_or(line) } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments() {
        let mut comments = Comments::default();
        for (line, expected) in [
            (" a = b ; c", "a = b"),
            ("a=b\\;c ; d\r", "a=b;c"),
            ("; ;-- x", ""),
            ("a ;--- no block --;", "a"),
            ("a ;-- b --; c", "a  c"),
            ("before ;-- [x]", "before"),
            ("[inside] ;-- deeper", ""),
            ("--; still inside", ""),
            ("x --; [after]", "[after]"),
            (";--;", ""),
            ("in", ""),
            ("--;", ""),
            ("русский = да ; нет", "русский = да"),
        ] {
            assert_eq!(comments.strip(line), expected, "{line}");
        }
        assert!(!comments.are_open());
    }

    #[test]
    fn headers_and_directives() {
        let header = |text| match Line::of(text) {
            Line::Header(header) => header,
            other => panic!("{other:?}"),
        };
        assert!(header("[out]").is_plain() && header("[out] (!)").is_plain());
        assert!(header("[out](!)").is_template && header("[out](+)").adds);
        assert_eq!(header("[a](+type=auth)").filter, Some(("type", "auth")));
        assert_eq!(header("[a](t, u)").parents, ["t", " u"]);
        assert_eq!(Line::of("[broken"), Line::Unclosed);
        assert_eq!(Line::of("[a](b"), Line::Unclosed);
        assert_eq!(Line::of("#include \"a b.conf\""), Line::Include { pattern: "a b.conf", may_miss: false });
        assert_eq!(Line::of("#tryinclude x"), Line::Include { pattern: "x", may_miss: true });
        assert_eq!(Line::of("#exec x"), Line::Nothing);
        assert!(Line::of("Exten=>1,1,NoOp(a=b)").is_step() && !Line::of("include => exten").is_step());
    }
}
