//! Numbers for people.

use std::time::Duration;

/// `12,345,678`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 association`, `2 associations`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A confidence in two digits; one that is below 1 is never shown as 1.00, nor one above 0 as 0.00.
pub(crate) fn confidence(value: f64) -> String {
    match format!("{value:.2}").as_str() {
        "1.00" if value < 1.0 => ">0.99".into(),
        "0.00" if value > 0.0 => "<0.01".into(),
        rounded => rounded.into(),
    }
}

/// Milliseconds in the unit that a person would choose.
pub(crate) fn milliseconds(ms: f64) -> String {
    if ms < 10.0 {
        format!("{ms:.1} ms")
    } else if ms < 1000.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.1} s", ms / 1000.0)
    }
}

/// `1.5 MiB`.
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if number < 1024 {
        return format!("{number} B");
    }
    let mut value = number as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// `3 d 4 h`, `5 min 20 s`, `12 s`: the two greatest units.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([count(0), count(999), count(117_659), count(1_000_000)], ["0", "999", "117,659", "1,000,000"]);
        assert_eq!([counted(1, "line"), counted(2, "line")], ["1 line", "2 lines"]);
        assert_eq!([bytes(1023), bytes(1536), bytes(1 << 30)], ["1023 B", "1.5 KiB", "1.0 GiB"]);
        assert_eq!([milliseconds(0.84), milliseconds(12.3), milliseconds(2345.0)], ["0.8 ms", "12 ms", "2.3 s"]);
        assert_eq!(duration(Duration::from_secs(320)), "5 min 20 s");
        assert_eq!(duration(Duration::from_secs(273_600)), "3 d 4 h");
    }

    #[test]
    fn rounding_never_makes_certain_what_is_not() {
        assert_eq!([confidence(1.0), confidence(0.9999), confidence(0.001), confidence(0.0)], ["1.00", ">0.99", "<0.01", "0.00"]);
    }
}
