//! The command line, taken apart piece by piece; what nobody took is an error.

use std::collections::VecDeque;

use crate::failure::{Failure, Result};

/// What is left of the command line.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    left: VecDeque<String>,
}

impl Arguments {
    pub(crate) fn new(arguments: impl Iterator<Item = String>) -> Self {
        Self { left: arguments.collect() }
    }

    /// Takes the first argument, if it is not an option.
    pub(crate) fn word(&mut self) -> Option<String> {
        self.left.pop_front_if(|first| !first.starts_with('-'))
    }

    /// Takes `name`; whether it was there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let before = self.left.len();
        self.left.retain(|argument| argument != name);
        self.left.len() < before
    }

    /// Takes `name VALUE` or `name=VALUE`.
    pub(crate) fn value(&mut self, name: &str) -> Result<Option<String>> {
        let joined = format!("{name}=");
        let Some(at) = self.left.iter().position(|argument| argument == name || argument.starts_with(&joined)) else {
            return Ok(None);
        };
        let found = self.left.remove(at).unwrap_or_default();
        match found.strip_prefix(&joined) {
            Some(value) => Ok(Some(value.to_owned())),
            None => self.left.remove(at).map(Some).ok_or_else(|| Failure::usage(format!("{name} needs a value"))),
        }
    }

    /// Takes every word that is left.
    pub(crate) fn words(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.word()).collect()
    }

    /// Refuses what nobody took.
    pub(crate) fn finish(self) -> Result<()> {
        match self.left.front() {
            None => Ok(()),
            Some(unknown) => Err(Failure::usage(format!("{unknown:?} is not known here"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> Arguments {
        Arguments::new(line.split(' ').map(str::to_owned))
    }

    #[test]
    fn options_stand_anywhere_and_take_values_both_ways() {
        let mut arguments = arguments("corpus --out=o --full --wordnet d");
        assert_eq!(arguments.word().as_deref(), Some("corpus"));
        assert!(arguments.flag("--full"));
        assert_eq!(arguments.value("--wordnet").unwrap().as_deref(), Some("d"));
        assert_eq!(arguments.value("--out").unwrap().as_deref(), Some("o"));
        assert!(arguments.finish().is_ok());
    }

    #[test]
    fn what_nobody_took_is_named() {
        let failure = arguments("--fulll").finish().unwrap_err();
        assert!(failure.is_usage());
        assert_eq!(failure.to_string(), "\"--fulll\" is not known here");
    }

    #[test]
    fn an_option_without_its_value_is_refused() {
        assert!(arguments("--out").value("--out").is_err());
    }
}
