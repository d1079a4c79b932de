//! Numbers as people write them.

use serde::{Deserialize, Serialize};

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unit {
    Seconds,
    Bytes,
    /// Of two figures of one run.
    Ratio,
    /// 1 is all.
    Share,
    /// Operations a second.
    Rate,
    Count,
}

impl Unit {
    /// The number with three digits that mean something, and its unit.
    pub(crate) fn write(self, value: f64) -> String {
        match self {
            Self::Seconds => {
                let (value, unit) = match value {
                    v if v < 1e-6 => (v * 1e9, "ns"),
                    v if v < 1e-3 => (v * 1e6, "µs"),
                    v if v < 1.0 => (v * 1e3, "ms"),
                    v => (v, "s"),
                };
                format!("{} {unit}", digits(value))
            }
            Self::Bytes => {
                let (value, unit) = match value {
                    v if v < 1024.0 => (v, "B"),
                    v if v < 1024.0 * 1024.0 => (v / 1024.0, "KiB"),
                    v => (v / (1024.0 * 1024.0), "MiB"),
                };
                format!("{} {unit}", digits(value))
            }
            Self::Ratio => format!("{}×", digits(value)),
            Self::Share => format!("{} %", digits(value * 100.0)),
            Self::Rate => format!("{}/s", digits(value)),
            Self::Count => digits(value),
        }
    }
}

fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    match text.split_once('.') {
        Some((whole, rest)) if rest.bytes().all(|digit| digit == b'0') => whole.to_owned(),
        Some(_) => text,
        None => grouped(&text),
    }
}

/// Thousands apart: `12,345`.
fn grouped(whole: &str) -> String {
    let mut out = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && digit != '-' && (whole.len() - at).is_multiple_of(3) && !out.ends_with('-') {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_their_unit() {
        assert_eq!(Unit::Seconds.write(0.000_000_734), "734 ns");
        assert_eq!(Unit::Seconds.write(0.000_051_24), "51.2 µs");
        assert_eq!(Unit::Seconds.write(0.004), "4 ms");
        assert_eq!(Unit::Seconds.write(3.456), "3.46 s");
        assert_eq!(Unit::Bytes.write(170.0 * 1024.0 * 1024.0), "170 MiB");
        assert_eq!(Unit::Bytes.write(4096.0), "4 KiB");
        assert_eq!(Unit::Ratio.write(1.256), "1.26×");
        assert_eq!(Unit::Share.write(0.005), "0.50 %");
        assert_eq!(Unit::Rate.write(12_345.6), "12,346/s");
        assert_eq!(Unit::Count.write(1_000_000.0), "1,000,000");
        assert_eq!(Unit::Count.write(-123_456.0), "-123,456");
    }
}
