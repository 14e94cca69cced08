//! What a change looks like to people.

use similar::TextDiff;

/// Returns the unified diff of a file, empty when nothing changed. Line ends of Windows and a byte
/// order mark are part of the lines.
pub fn unified(file: &str, old: &[u8], new: &[u8]) -> String {
    if old == new {
        return String::new();
    }
    let (old, new) = (String::from_utf8_lossy(old), String::from_utf8_lossy(new));
    TextDiff::from_lines(old.as_ref(), new.as_ref())
        .unified_diff()
        .context_radius(2)
        .header(&format!("a/{file}"), &format!("b/{file}"))
        .to_string()
}
