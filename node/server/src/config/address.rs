//! Addresses and host names.

use std::net::{SocketAddr, ToSocketAddrs};

use super::ConfigError;

/// The first address that `HOST:PORT` stands for.
pub(super) fn resolve(name: &'static str, value: &str) -> Result<SocketAddr, ConfigError> {
    match value.to_socket_addrs() {
        Ok(mut found) => found.next().ok_or_else(|| ConfigError::value(name, value, "the host has no address")),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => {
            Err(ConfigError::value(name, value, "it is not HOST:PORT, such as 127.0.0.1:8000"))
        }
        Err(error) => Err(ConfigError::value(name, value, format!("the host can't be resolved: {error}"))),
    }
}

/// Checks that a value is a host name or an IP address.
pub(super) fn check_host(name: &'static str, value: &str) -> Result<(), ConfigError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':');
    if (1..=253).contains(&value.len()) && value.bytes().all(allowed) {
        return Ok(());
    }
    Err(ConfigError::value(name, format!("{value:?}"), "it is not a name of 1 to 253 letters, digits, '.', '-' and '_'"))
}
