//! Text on a terminal: stored contents are anybody's, so what could steer a terminal or forge a line is shown, not sent.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// `text` in one line: runs of white space become a space, control characters their escapes.
pub(crate) fn line(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !safe.is_empty() {
            safe.push(' ');
        }
        word.chars().for_each(|c| push_safe(&mut safe, c));
    }
    safe
}

/// `text` with its lines kept and all other control characters escaped.
pub(crate) fn lines(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' { safe.push(c) } else { push_safe(&mut safe, c) }
    }
    safe
}

fn push_safe(safe: &mut String, c: char) {
    // Bidirectional overrides reorder what follows them on the screen, even our own words.
    let reorders = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if c.is_control() || reorders {
        safe.extend(c.escape_default());
    } else {
        safe.push(c);
    }
}

/// `text` in at most `columns` columns, with an ellipsis where it was cut.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.into();
    }
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used >= columns {
            break;
        }
        kept.push(c);
    }
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    kept
}

/// `text` broken between words into lines of at most `width` columns, each indented by `indent` columns; a word longer than
/// a line is broken where it must be. Ends with a line feed.
pub(crate) fn wrap(text: &str, width: usize, indent: usize) -> String {
    let room = width.saturating_sub(indent).max(20);
    let mut wrapped = String::new();
    for paragraph in text.split('\n') {
        let mut current = String::new();
        for word in paragraph.split(' ') {
            if !current.is_empty() {
                if current.width() + 1 + word.width() > room {
                    push_line(&mut wrapped, indent, &current);
                    current.clear();
                } else {
                    current.push(' ');
                }
            }
            for c in word.chars() {
                if current.width() + c.width().unwrap_or(0) > room {
                    push_line(&mut wrapped, indent, &current);
                    current.clear();
                }
                current.push(c);
            }
        }
        push_line(&mut wrapped, indent, &current);
    }
    wrapped
}

fn push_line(wrapped: &mut String, indent: usize, line: &str) {
    if !line.is_empty() {
        wrapped.extend(std::iter::repeat_n(' ', indent));
    }
    wrapped.push_str(line.trim_end());
    wrapped.push('\n');
}

/// `word` as a POSIX shell reads it back.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into();
    }
    if word.chars().any(char::is_control) {
        // The one quotation in which escapes can be printed safely.
        return format!("$'{}'", word.escape_default().to_string().replace("\\\"", "\""));
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_forged_lines_are_shown_not_sent() {
        assert_eq!(line("a\u{1b}]0;title\u{7}b\r\nconfidence 1.00"), r"a\u{1b}]0;title\u{7}b confidence 1.00");
        assert_eq!(line("\u{9b}31m \u{202e}drowssap"), r"\u{9b}31m \u{202e}drowssap");
        assert_eq!(lines("one\ntwo\r\u{1b}[2J"), "one\ntwo\\r\\u{1b}[2J");
        assert_eq!(line("Sjögren’s 痛み"), "Sjögren’s 痛み");
    }

    #[test]
    fn cuts_count_columns_not_bytes() {
        assert_eq!(cut("aspirin", 7), "aspirin");
        assert_eq!(cut("aspirin", 6), "aspir…");
        assert_eq!(cut("痛み止め", 5), "痛み…");
        assert_eq!(cut("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}…");
        assert_eq!(cut("", 0), "");
    }

    #[test]
    fn words_wrap_and_long_words_break() {
        let text = "a drug that relieves pain https://example.org/a/very/long/path";
        assert_eq!(wrap(text, 24, 2), "  a drug that relieves\n  pain\n  https://example.org/a/\n  very/long/path\n");
        assert_eq!(wrap("one\n\ntwo", 80, 2), "  one\n\n  two\n");
    }

    #[test]
    fn shell_words_read_back() {
        assert_eq!(shell_word("--bind"), "--bind");
        assert_eq!(shell_word("What is a bank?"), "'What is a bank?'");
        assert_eq!(shell_word("Alzheimer's"), r"'Alzheimer'\''s'");
        assert_eq!(shell_word(""), "''");
        assert_eq!(shell_word("a\u{1b}'b"), r"$'a\u{1b}\'b'");
    }
}
