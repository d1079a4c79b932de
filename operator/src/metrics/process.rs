//! What the process takes, as `/proc` tells.

/// Clock ticks a second in `/proc`: the same on every architecture that Linux runs on today.
const TICKS: f64 = 100.0;

/// Memory that the process occupies, in bytes.
pub(super) fn resident_memory() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?;
    Some(kibibytes.trim().parse::<i64>().ok()? * 1024)
}

/// Processor time that the process used, in seconds.
pub(super) fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The program's name comes second, in brackets, and may have blanks in it.
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let (user, system) = (fields.next()?.parse::<u32>().ok()?, fields.next()?.parse::<u32>().ok()?);
    Some((f64::from(user) + f64::from(system)) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_occupies_some_memory_and_used_some_time() {
        assert!(resident_memory().unwrap() > 100_000);
        assert!(cpu_seconds().unwrap() >= 0.0);
    }
}
