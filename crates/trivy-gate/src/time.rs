//! Points in time as Trivy writes and reads them.

use jiff::{Timestamp, civil};

/// Reads a time of RFC 3339 as strictly as Go does. The year one, Go's zero time, is no time.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let (moment, zone) = match bytes {
        [moment @ .., b'Z'] => (moment, 0),
        [moment @ .., sign @ (b'+' | b'-'), a, b, b':', c, d] => {
            let hours = number(&[*a, *b])?;
            let minutes = number(&[*c, *d])?;
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = i64::from(hours * 60 + minutes) * 60;
            (moment, if *sign == b'-' { -seconds } else { seconds })
        }
        _ => return None,
    };
    let (whole, fraction) = moment.split_at_checked(19)?;
    let nanoseconds = match fraction {
        [] => 0,
        [b'.', digits @ ..] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            let mut padded = digits.to_vec();
            padded.resize(9, b'0');
            std::str::from_utf8(&padded).ok()?.parse().ok()?
        }
        _ => return None,
    };
    let [
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
    ] = whole
    else {
        return None;
    };
    let field = |tens: &u8, ones: &u8| i8::try_from(number(&[*tens, *ones])?).ok();
    let second = field(s1, s2)?;
    if second > 59 {
        return None;
    }
    let moment = civil::DateTime::new(
        i16::try_from(number(&[*y1, *y2, *y3, *y4])?).ok()?,
        field(m1, m2)?,
        field(d1, d2)?,
        field(h1, h2)?,
        field(n1, n2)?,
        second,
        nanoseconds,
    )
    .ok()?;
    let zone = jiff::tz::Offset::from_seconds(i32::try_from(zone).ok()?).ok()?;
    zone.to_timestamp(moment).ok()
}

/// Returns whether `time` is Go's zero time, which stands for "not known".
pub(crate) fn is_zero(time: Timestamp) -> bool {
    parse("0001-01-01T00:00:00Z") == Some(time)
}

/// Reads a date, `2026-11-23`, as the instant at which it begins in UTC.
pub(crate) fn parse_date(text: &str) -> Option<Timestamp> {
    (text.len() == 10)
        .then(|| parse(&format!("{text}T00:00:00Z")))
        .flatten()
}

/// Returns the date of `time` in UTC.
pub(crate) fn date(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

fn number(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0, |sum, it| {
        it.is_ascii_digit().then(|| sum * 10 + u16::from(it - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_go_reads_them() {
        for good in [
            "2019-05-15T17:29:00Z",
            "2019-05-15T17:29:00.123456789012Z",
            "2026-08-21T13:10:25+05:30",
            "0001-01-01T00:00:00Z",
        ] {
            assert!(parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "2019-05-15",
            "2019-05-15 17:29:00Z",
            "2019-05-15T17:29Z",
            "2019-13-15T17:29:00Z",
            "2019-02-29T17:29:00Z",
            "2019-05-15T24:00:00Z",
            "2019-05-15T17:29:60Z",
            "2019-05-15T17:29:00",
            "2019-05-15T17:29:00,5Z",
            "2019-05-15T17:29:00.Z",
            "2019-05-15T17:29:00z",
            "2019-05-15T17:29:00+24:00",
            "2019-05-15T7:29:00Z",
            "٢٠١٩-05-15T17:29:00Z",
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_date_begins_at_midnight_in_utc() {
        assert_eq!(
            parse_date("2026-11-24").unwrap().to_string(),
            "2026-11-24T00:00:00Z"
        );
        assert_eq!(parse_date("2026-11-4"), None);
        assert_eq!(date(parse("2026-11-24T23:59:59Z").unwrap()), "2026-11-24");
        assert!(is_zero(parse("0001-01-01T00:00:00Z").unwrap()));
    }
}
