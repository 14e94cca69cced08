//! Text from the outside made safe to show, and text laid out for people.

/// Returns `text` without control characters: line breaks and tabs become spaces, the rest goes.
///
/// Bidirectional overrides and other invisible formatting go too, since they can make a line read
/// as something else.
pub fn printable(text: &str) -> String {
    text.chars()
        .filter_map(|character| match character {
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
            it if it.is_control() => None,
            '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}' => None,
            it => Some(it),
        })
        .collect()
}

/// Returns `text` cut to `width` characters, the last of them an ellipsis where something was cut.
pub fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// Returns `text` escaped for a cell of a Markdown table.
pub fn markdown_cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for character in printable(text).chars() {
        match character {
            '&' => cell.push_str("&amp;"),
            '<' => cell.push_str("&lt;"),
            '>' => cell.push_str("&gt;"),
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '#' | '~' | '!' | '@' => {
                cell.push('\\');
                cell.push(character);
            }
            it => cell.push(it),
        }
    }
    cell
}

/// Returns `text` escaped for XML or HTML, in content and in quoted attributes alike.
///
/// Characters that XML 1.0 forbids are dropped.
pub fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' | '\r' => escaped.push(character),
            '\u{fffe}' | '\u{ffff}' => {}
            it if it.is_control() => {}
            it => escaped.push(it),
        }
    }
    escaped
}

/// Returns the word of `known` nearest to `word`, when one is near enough to have been meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|it| (strsim::damerau_levenshtein(word, it), it))
        .filter(|(distance, it)| *distance <= 1 + it.len().max(word.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, it)| it)
}

/// Returns `count` with the noun in the right number: `1 tag`, `2 tags`.
pub fn count(count: impl Into<u128>, noun: &str) -> String {
    let count = count.into();
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_overrides_do_not_survive() {
        assert_eq!(printable("a\u{1b}[31mb\nc\u{202e}d"), "a[31mb cd");
    }

    #[test]
    fn a_cell_cannot_end_its_row_or_start_markup() {
        assert_eq!(markdown_cell("a|b\n<img> `x`"), "a\\|b &lt;img&gt; \\`x\\`");
    }

    #[test]
    fn a_long_text_ends_in_an_ellipsis() {
        assert_eq!(shorten("äöüß", 3), "äö…");
        assert_eq!(shorten("äöü", 3), "äöü");
    }

    #[test]
    fn a_typo_finds_its_word_and_nonsense_finds_none() {
        let known = ["max_critical", "severities"];
        assert_eq!(nearest("max_critcal", known), Some("max_critical"));
        assert_eq!(nearest("zzz", known), None);
    }

    #[test]
    fn xml_text_stays_text() {
        assert_eq!(xml("<a href='x'>\u{0}&"), "&lt;a href=&#39;x&#39;&gt;&amp;");
    }
}
