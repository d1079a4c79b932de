//! Amounts such as `10Gi`.

use schemars::{Schema, SchemaGenerator, json_schema};

/// A short string; the field's own rule says what is allowed.
pub(crate) fn schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": 32})
}

/// A quantity of more than nothing.
pub(crate) fn checked(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": 32,
        "x-kubernetes-validations": [{
            "rule": "isQuantity(self) && quantity(self).compareTo(quantity('0')) > 0",
            "message": "must be a positive quantity, such as 8Gi",
        }],
    })
}

/// Bytes of a quantity, rounded up as Kubernetes does; `None` if it is none.
///
/// Grammar: <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>.
#[must_use]
pub fn bytes(text: &str) -> Option<u128> {
    let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(number_end);
    let (base, exponent): (u128, i32) = match suffix {
        "m" => (10, -3),
        "u" => (10, -6),
        "n" => (10, -9),
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
    if whole.is_empty() && fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let power = base.checked_pow(exponent.unsigned_abs())?;
    if exponent < 0 { Some(digits.div_ceil(scale.checked_mul(power)?)) } else { Some(digits.checked_mul(power)?.div_ceil(scale)) }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn amounts_are_read_as_kubernetes_reads_them() {
        for (text, expected) in [
            ("10Gi", 10 << 30),
            ("1.5Gi", 3 << 29),
            ("1000", 1000),
            ("1k", 1000),
            ("1Ki", 1024),
            ("2e3", 2000),
            ("2E3", 2000),
            ("1E", 1_000_000_000_000_000_000),
            ("1500m", 2),
            ("0", 0),
            (".5Ki", 512),
        ] {
            assert_eq!(bytes(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_none() {
        for text in ["", ".", "Gi", "10gb", "-1", "1 Gi", "1.2.3", "e5", "9e99", "1e"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
