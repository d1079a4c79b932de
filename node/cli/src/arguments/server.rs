//! The address of a node.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

/// An `http://` address without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server(String);

impl Server {
    /// The address of `path`, which begins with a slash, with these query parameters.
    pub(crate) fn url(&self, path: &str, query: impl IntoIterator<Item = (&'static str, String)>) -> Result<Url, String> {
        let mut url = Url::parse(&format!("{}{path}", self.0)).map_err(|error| format!("{self}{path}: {error}"))?;
        let query: Vec<_> = query.into_iter().collect();
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }
}

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("https://") {
            return Err("https:// is not supported by this version; give an http:// address".into());
        }
        if !text.starts_with("http://") {
            return Err(format!("an address such as http://127.0.0.1:8000 is needed; did you mean http://{text}?"));
        }
        let url = Url::parse(text).map_err(|error| error.to_string())?;
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err("an address has a host, perhaps a port and a path, and nothing else".into());
        }
        Ok(Self(text.trim_end_matches('/').into()))
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_joined_with_paths_and_encoded_parameters() {
        let server: Server = "http://grid.example:8000/sutra/".parse().unwrap();
        let url = server.url("/v1/export", [("known_at", "2026-03-01T12:00:00+01:00".into())]).unwrap();
        assert_eq!(url.as_str(), "http://grid.example:8000/sutra/v1/export?known_at=2026-03-01T12%3A00%3A00%2B01%3A00");
    }

    #[test]
    fn other_addresses_are_refused_with_what_to_do() {
        let refusal = |text: &str| text.parse::<Server>().unwrap_err();
        assert!(refusal("https://grid.example").contains("http://"));
        assert!(refusal("localhost:8000").ends_with("did you mean http://localhost:8000?"));
        assert!(!refusal("http://user:secret@grid.example").contains("secret"));
        assert!("http://".parse::<Server>().is_err());
    }
}
