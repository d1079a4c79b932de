//! Amounts of CPU, memory and storage.

/// One way of writing for all amounts that are equal: thousandths, rounded up as the API server does. What is no amount stays
/// as it is.
pub(super) fn normal(text: &str) -> String {
    thousandths(text).map_or_else(|| text.to_owned(), |amount| format!("{amount}m"))
}

/// Grammar: <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>.
fn thousandths(text: &str) -> Option<u128> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(number_end);
    let (base, exponent): (u128, i32) = match suffix {
        "n" => (10, -9),
        "u" => (10, -6),
        "m" => (10, -3),
        "" => (10, 0),
        "k" => (10, 3),
        "M" => (10, 6),
        "G" => (10, 9),
        "T" => (10, 12),
        "P" => (10, 15),
        "E" => (10, 18),
        "Ki" => (2, 10),
        "Mi" => (2, 20),
        "Gi" => (2, 30),
        "Ti" => (2, 40),
        "Pi" => (2, 50),
        "Ei" => (2, 60),
        _ => (10, suffix.strip_prefix(['e', 'E'])?.parse().ok().filter(|exponent| (-18..=18).contains(exponent))?),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let power = base.checked_pow(exponent.unsigned_abs())?;
    let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let (above, below) = if exponent < 0 { (1, power) } else { (power, 1) };
    Some(digits.checked_mul(1000)?.checked_mul(above)?.div_ceil(scale.checked_mul(below)?))
}

#[cfg(test)]
mod tests {
    use super::normal;

    #[test]
    fn equal_amounts_are_written_alike() {
        for (one, other) in [
            ("1000m", "1"),
            ("0.5", "500m"),
            (".5", "500m"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("1e3", "1k"),
            ("1E3", "1000"),
            ("+2", "2"),
            ("0.0001", "1m"),
            ("100u", "1m"),
            ("1E", "1000P"),
        ] {
            assert_eq!(normal(one), normal(other), "{one} {other}");
        }
    }

    #[test]
    fn different_amounts_are_not() {
        for (one, other) in [("1", "1001m"), ("1G", "1Gi"), ("500m", "1"), ("1Gi", "1025Mi")] {
            assert_ne!(normal(one), normal(other), "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_amount_stays() {
        for text in ["", ".", "much", "-1", "1 Gi", "1.2.3", "9e99", "99999999999999999999999999999999999999999"] {
            assert_eq!(normal(text), text);
        }
    }
}
