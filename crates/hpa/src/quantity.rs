//! Kubernetes quantities, such as `100m`, `12345678n`, `0.5` or `128Mi`, in thousandths.

/// Returns `text` in thousandths, rounded up as the API does, or nothing when it is no quantity or
/// does not fit.
pub fn parse_milli(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '+' | '-'))
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let (numerator, denominator) = scale(suffix)?;
    let (negative, number) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty())
        || fraction.len() > 18
        || !whole
            .chars()
            .chain(fraction.chars())
            .all(|c| c.is_ascii_digit())
    {
        return None;
    }
    let digits: i128 = format!("0{whole}{fraction}").parse().ok()?;
    let places = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let scaled = digits.checked_mul(numerator)?.checked_mul(1_000)?;
    let divisor = places.checked_mul(denominator)?;
    // Away from zero on the positive side, towards it on the negative: up.
    let milli = if negative {
        -(scaled / divisor)
    } else {
        (scaled + divisor - 1) / divisor
    };
    i64::try_from(milli).ok()
}

/// What a suffix multiplies by, as a fraction.
fn scale(suffix: &str) -> Option<(i128, i128)> {
    Some(match suffix {
        "" => (1, 1),
        "n" => (1, 1_000_000_000),
        "u" => (1, 1_000_000),
        "m" => (1, 1_000),
        "k" => (1_000, 1),
        "M" => (1_000_000, 1),
        "G" => (1_000_000_000, 1),
        "T" => (1_000_000_000_000, 1),
        "P" => (1_000_000_000_000_000, 1),
        "E" => (1_000_000_000_000_000_000, 1),
        "Ki" => (1 << 10, 1),
        "Mi" => (1 << 20, 1),
        "Gi" => (1 << 30, 1),
        "Ti" => (1 << 40, 1),
        "Pi" => (1 << 50, 1),
        "Ei" => (1 << 60, 1),
        exponent => {
            let power: i32 = exponent.strip_prefix(['e', 'E'])?.parse().ok()?;
            let factor = 10_i128.checked_pow(power.unsigned_abs().min(30))?;
            if power < 0 { (1, factor) } else { (factor, 1) }
        }
    })
}

/// Returns thousandths as a quantity, such as `250m` or `3`.
pub fn format_milli(milli: i64) -> String {
    if milli % 1_000 == 0 {
        (milli / 1_000).to_string()
    } else {
        format!("{milli}m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_and_fractions_are_read_and_rounded_up() {
        for (text, milli) in [
            ("100m", 100),
            ("1", 1_000),
            ("0.5", 500),
            (".5", 500),
            ("1.", 1_000),
            ("12345678n", 13),
            ("1n", 1),
            ("2500u", 3),
            ("128Mi", 134_217_728_000),
            ("1Ki", 1_024_000),
            ("2k", 2_000_000),
            ("1e3", 1_000_000),
            ("12E-1", 1_200),
            ("-1.5", -1_500),
            ("+2", 2_000),
            ("-1n", 0),
            ("0", 0),
        ] {
            assert_eq!(parse_milli(text), Some(milli), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in [
            "",
            "m",
            "1.2.3",
            "1x",
            "--1",
            "1 m",
            "99999999999E",
            "1e",
            "é",
        ] {
            assert_eq!(parse_milli(text), None, "{text}");
        }
    }
}
