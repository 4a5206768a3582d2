//! Text that comes from a unit, and what it could do to whoever shows it.

/// Whether a character steers a screen rather than stands on it: control characters, line separators, those that turn
/// the direction of writing, and those that cannot be seen.
#[must_use]
pub fn steers_screen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
