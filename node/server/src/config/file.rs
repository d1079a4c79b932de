//! The file that `--config` names.

use std::path::Path;

use serde::Deserialize as _;

use super::{ConfigError, Settings};

/// Reads a file of settings. A key may be written with underscores for hyphens.
pub(super) fn read(path: &Path) -> Result<Settings, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.into(), source })?;
    parse(&text).map_err(|reason| ConfigError::File { path: path.into(), reason })
}

fn parse(text: &str) -> Result<Settings, String> {
    let written: toml::Table = text.parse().map_err(|error| told(text, &error))?;
    let mut settings = Settings::default();
    for (key, value) in written {
        let name = key.replace('_', "-");
        let one = toml::Table::from_iter([(name, value)]);
        let one = Settings::deserialize(one).map_err(|error| match error.message() {
            unknown if unknown.starts_with("unknown field") => format!("the key {key} is unknown"),
            other => format!("the key {key} is wrong: {other}"),
        })?;
        settings = one.over(settings);
    }
    Ok(settings)
}

/// An error of the syntax, in one line.
fn told(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
    format!("line {line}: {}", error.message().replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_names_of_the_flags() {
        let settings = parse("data-dir = \"d\"\nshutdown_timeout = \"1m\"\ninsecure-listen = true\nlog = \"json\"\n").unwrap();
        assert_eq!(settings.data_dir.as_deref(), Some(Path::new("d")));
        assert_eq!(settings.insecure_listen, Some(true));
        assert!(settings.shutdown_timeout.is_some() && settings.log.is_some());
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(parse("colour = 1").unwrap_err(), "the key colour is unknown");
        assert_eq!(parse("config = \"x\"").unwrap_err(), "the key config is unknown");
        assert_eq!(parse("http = 5").unwrap_err(), "the key http is wrong: invalid type: integer `5`, expected a string");
        assert!(parse("drain-delay = \"soon\"").unwrap_err().starts_with("the key drain-delay is wrong: a time is"));
        assert!(parse("data-dir = \"d\"\nhttp =\n").unwrap_err().starts_with("line 2: "));
    }
}
