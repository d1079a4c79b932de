//! The address of a node's peer port.

use std::fmt;
use std::str::FromStr;

/// Host and port, as they were typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PeerAddress(String);

impl FromStr for PeerAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains("://") {
            return Err("a peer port is host and port, such as 10.0.0.1:7001, without a scheme".into());
        }
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err(format!("host and port are needed; did you mean {text}:7001?"));
        };
        if host.contains(':') && !(host.starts_with('[') && host.ends_with(']')) {
            return Err("an IPv6 address is written in brackets, such as [::1]:7001".into());
        }
        let is_host = |c: char| !c.is_whitespace() && !c.is_control() && !"/@?#".contains(c);
        if host.is_empty() || !host.chars().all(is_host) || !port.parse::<u16>().is_ok_and(|port| port > 0) {
            return Err("host and port, such as 10.0.0.1:7001, are needed".into());
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_are_taken_as_they_are() {
        for good in ["127.0.0.1:7001", "[::1]:7001", "node-1.sutra.svc:7001"] {
            assert_eq!(good.parse::<PeerAddress>().unwrap().to_string(), good);
        }
    }

    #[test]
    fn other_addresses_are_refused_with_what_is_right() {
        let refusal = |text: &str| text.parse::<PeerAddress>().unwrap_err();
        assert!(refusal("node-1").ends_with("did you mean node-1:7001?"));
        assert!(refusal("http://node-1:7001").contains("without a scheme"));
        assert!(refusal("::1:7001").contains("[::1]:7001"));
        for bad in [":7001", "node-1:", "node-1:0", "node-1:65536", "node 1:7001", "me@node-1:7001", ""] {
            refusal(bad);
        }
    }
}
