//! Asterisk's patterns of extensions: which numbers one meets, and which of two is the more exact.

/// Whether an extension meets a number. `exten/callerid` asks for a caller too, which is passed over here.
pub(super) fn matches(exten: &str, number: &str) -> bool {
    let exten = exten.split('/').next().unwrap_or(exten);
    let Some(pattern) = exten.strip_prefix('_') else { return exten == number };
    let mut pattern = pattern.chars();
    let mut number = number.chars();
    while let Some(c) = pattern.next() {
        if matches!(c, '-' | ' ') {
            continue; // only for the eye
        }
        if c == '!' {
            return true;
        }
        let Some(digit) = number.next() else { return false };
        let fits = match c {
            '.' => return true,
            'X' | 'x' => digit.is_ascii_digit(),
            'Z' | 'z' => ('1'..='9').contains(&digit),
            'N' | 'n' => ('2'..='9').contains(&digit),
            '[' => {
                let set: Vec<char> = pattern.by_ref().take_while(|c| *c != ']').collect();
                let in_range = |w: &[char]| w[1] == '-' && (w[0]..=w[2]).contains(&digit);
                set.contains(&digit) || set.windows(3).any(in_range)
            }
            literal => literal == digit,
        };
        if !fits {
            return false;
        }
    }
    number.next().is_none()
}

/// How vague an extension is: Asterisk compares from the left, and at the first place that differs a digit goes before a set,
/// a smaller set before a larger one, and `.` and `!` come last.
pub(super) fn vagueness(exten: &str) -> Vec<u8> {
    let exten = exten.split('/').next().unwrap_or(exten);
    let Some(pattern) = exten.strip_prefix('_') else { return Vec::new() };
    let mut pattern = pattern.chars();
    let mut places = Vec::new();
    while let Some(c) = pattern.next() {
        places.push(match c {
            '-' | ' ' => continue,
            'N' | 'n' => 8,
            'Z' | 'z' => 9,
            'X' | 'x' => 10,
            '[' => set_size(&pattern.by_ref().take_while(|c| *c != ']').collect::<Vec<_>>()),
            '.' => 254,
            '!' => 255,
            _ => 1,
        });
    }
    places
}

fn set_size(set: &[char]) -> u8 {
    let ranges: usize = set
        .windows(3)
        .filter(|w| w[1] == '-' && w[0] <= w[2])
        .map(|w| (w[2] as usize).saturating_sub(w[0] as usize + 2))
        .sum();
    u8::try_from(set.len() + ranges).unwrap_or(200).clamp(1, 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: &str = "+79522675444";

    #[test]
    fn patterns_of_asterisk() {
        for (exten, expected) in [
            ("_X.", false),
            ("_+X.", true),
            ("_[+0-9].", true),
            ("_+[1-68].", false),
            ("_+[5-9]-952.", true),
            ("_+7XXXXXXXXXX", true),
            ("_+7XXXXXXXXX", false),
            ("_.", true),
            ("_!", true),
            ("_+7N[01]!", false),
            ("+79522675444", true),
            ("h", false),
        ] {
            assert_eq!(matches(exten, NUMBER), expected, "{exten}");
        }
    }

    #[test]
    fn the_more_exact_goes_first() {
        let by_vagueness = |mut extens: Vec<&'static str>| {
            extens.sort_by_key(|exten| vagueness(exten));
            extens
        };
        let expected = vec!["+79522675444", "_+7.", "_+[78].", "_+X.", "_[+0-9].", "_.", "_!"];
        let mut shuffled = expected.clone();
        shuffled.reverse();
        assert_eq!(by_vagueness(shuffled), expected);
    }
}
