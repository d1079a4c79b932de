//! A filter on the command line.

use sutra_protocol::filter::Filter;

/// Reads a filter and checks it, so that nothing is sent that the server would refuse.
pub(crate) fn filter(text: &str) -> Result<Filter, String> {
    let filter: Filter = serde_json::from_str(text).map_err(|error| error.to_string())?;
    filter.validate().map_err(|violation| violation.to_string())?;
    Ok(filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_checked_before_it_is_sent() {
        assert!(filter(r#"{"field": "attributes.dose", "gt": 100}"#).is_ok());
        assert!(filter(r#"{"field": "colour", "eq": 1}"#).unwrap_err().contains("attributes.NAME"));
        assert!(filter("type=rule").is_err());
    }
}
