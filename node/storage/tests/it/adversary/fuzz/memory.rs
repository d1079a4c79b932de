//! What the process has asked the operating system for.

/// So much more, in bytes, is too much: a length that is believed asks for up to 4 GiB at once.
pub(super) const MOST: u64 = 3 << 30;

/// The greatest size of the address space so far, in bytes. Other tests of this process count too: it is no fine measure.
pub(super) fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes.unwrap_or(0) << 10
}
