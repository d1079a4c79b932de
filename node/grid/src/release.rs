//! Which releases can be in one grid.

/// Whether nodes of two releases can: they are of the same major release, and at most one minor release apart, as while a grid is upgraded.
pub(crate) fn mix(one: &str, other: &str) -> bool {
    match (parts(one), parts(other)) {
        (Some((major, minor)), Some((other_major, other_minor))) => major == other_major && minor.abs_diff(other_minor) <= 1,
        // What is no number says nothing of what is between them.
        _ => one == other,
    }
}

/// Major and minor number.
fn parts(release: &str) -> Option<(u64, u64)> {
    let mut parts = release.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_minor_releases_of_a_major_one_can_be_in_one_grid() {
        for (one, other) in
            [("0.1.0", "0.1.0"), ("0.1.0", "0.1.7"), ("0.1.9", "0.2.0"), ("1.4.0", "1.3.2-rc.1"), ("nightly", "nightly")]
        {
            assert!(mix(one, other) && mix(other, one), "{one} and {other}");
        }
        for (one, other) in
            [("0.1.0", "0.3.0"), ("0.9.0", "1.0.0"), ("1.0.0", "2.0.0"), ("nightly", "0.1.0"), ("", "0.1.0"), ("1", "1.0")]
        {
            assert!(!mix(one, other) && !mix(other, one), "{one} and {other}");
        }
    }
}
