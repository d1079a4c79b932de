//! `--attribute NAME=VALUE`.

use std::str::FromStr;

use sutra_protocol::AttributeValue;

/// A name and a typed value: `true` and `false`, numbers as JSON writes them, anything else text. Quotes make it text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Attribute {
    pub(crate) name: String,
    pub(crate) value: AttributeValue,
}

impl FromStr for Attribute {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => Ok(Self { name: name.trim().into(), value: typed(value)? }),
            _ => Err("NAME=VALUE is needed".into()),
        }
    }
}

fn typed(text: &str) -> Result<AttributeValue, String> {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return Ok(AttributeValue::Text(inner.into()));
        }
    }
    match serde_json::from_str::<AttributeValue>(text) {
        Ok(value) => Ok(value),
        // A number of JSON that no attribute can hold: to store its digits as text unasked would lose its type.
        Err(_) if serde_json::from_str::<serde_json::Number>(text).is_ok() => {
            Err(format!("the number {text} does not fit 64 bits; quote it to store it as text"))
        }
        Err(_) => Ok(AttributeValue::Text(text.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> AttributeValue {
        format!("name={text}").parse::<Attribute>().unwrap().value
    }

    #[test]
    fn values_are_typed_as_json_writes_them() {
        assert_eq!(value("true"), AttributeValue::Bool(true));
        assert_eq!(value("-40"), AttributeValue::Integer(-40));
        assert_eq!(value("3.5"), AttributeValue::Float(3.5));
        assert_eq!(value("oral"), AttributeValue::Text("oral".into()));
        assert_eq!(value("a=b"), AttributeValue::Text("a=b".into()));
    }

    #[test]
    fn what_is_no_json_number_stays_text() {
        for text in ["007", "+5", "NaN", "inf", "null", "2026-03-01T12:00:00Z", "", "[1]", "\""] {
            assert_eq!(value(text), AttributeValue::Text(text.into()), "{text}");
        }
    }

    #[test]
    fn quotes_force_text() {
        assert_eq!(value("\"42\""), AttributeValue::Text("42".into()));
        assert_eq!(value("'true'"), AttributeValue::Text("true".into()));
    }

    #[test]
    fn a_missing_name_and_a_number_too_large_are_refused() {
        assert!("oral".parse::<Attribute>().is_err());
        assert!("=oral".parse::<Attribute>().is_err());
        assert!("n=9223372036854775808".parse::<Attribute>().unwrap_err().contains("64 bits"));
    }
}
