//! What is printed.

pub(crate) mod candidates;
pub(crate) mod chain;
pub(crate) mod number;
pub(crate) mod table;
pub(crate) mod text;

use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_norway::Value;
use terminal_size::{Width, terminal_size};

use crate::arguments::Format;
use crate::client::Reply;

/// Columns where there is no terminal to ask.
const DEFAULT_WIDTH: usize = 100;
/// Narrower terminals get lines that they have to break themselves.
const LEAST_WIDTH: usize = 40;

/// Where and how a command prints its result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    /// What the caller asked for.
    pub(crate) format: Format,
    /// Columns of a line.
    pub(crate) width: usize,
}

impl Screen {
    /// The standard output.
    pub(crate) fn new(format: Format) -> Self {
        Self { format, width: width(&io::stdout()) }
    }

    /// Prints a reply: `table` renders it for people.
    pub(crate) fn show<T: DeserializeOwned>(&self, reply: &Reply, table: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        match self.format {
            Format::Table => self.print(&table(&reply.read()?)),
            Format::Json => self.print(&json(reply.value())?),
            Format::Yaml => self.print(&serde_norway::to_string(reply.value())?),
        }
    }

    /// Prints what no single reply says.
    pub(crate) fn show_own<T: Serialize>(&self, own: &T, table: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        match self.format {
            Format::Table => self.print(&table(own)),
            Format::Json => self.print(&json(&serde_norway::to_value(own)?)?),
            Format::Yaml => self.print(&serde_norway::to_string(own)?),
        }
    }

    /// Prints text that ends with a line feed.
    pub(crate) fn print(&self, text: &str) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }
}

/// Columns of a line on `stream`.
pub(crate) fn width(stream: &impl IsTerminal) -> usize {
    let terminal = if stream.is_terminal() { terminal_size() } else { None };
    match terminal {
        Some((Width(columns), _)) => usize::from(columns).max(LEAST_WIDTH),
        None => DEFAULT_WIDTH,
    }
}

/// `value` indented, with a line feed. JSON escapes control characters up to U+001F itself; the others steer terminals, too.
fn json(value: &Value) -> anyhow::Result<String> {
    let text = serde_json::to_string_pretty(value)?;
    let mut safe = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        match c {
            // Outside strings JSON has no such characters.
            '\u{7f}'..='\u{9f}' => safe.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => safe.push(c),
        }
    }
    safe.push('\n');
    Ok(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_order_and_numbers_and_escapes_what_steers_a_terminal() {
        let body = r#"{"known":true,"answer":"a\u001b[2J\u009b","confidence":0.1,"big":9007199254740993}"#;
        let printed = json(&serde_json::from_str(body).unwrap()).unwrap();
        let expected = "{\n  \"known\": true,\n  \"answer\": \"a\\u001b[2J\\u009b\",\n  \"confidence\": 0.1,\n  \"big\": 9007199254740993\n}\n";
        assert_eq!(printed, expected);
        assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), serde_json::from_str::<Value>(body).unwrap());
    }
}
