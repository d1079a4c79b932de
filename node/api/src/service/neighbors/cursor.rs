//! Where a page of neighbours ends and the next begins.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use sutra_protocol::{ApiError, AssociationType, ConceptId, Label, limits};

/// A place in the order of neighbours: hop, direction (out first), type, label, id. No two neighbours share one, so the page after
/// it is the same whatever was taught or retracted before it.
///
/// Written as base64url without padding over hop, direction and type (a byte each), the id (16 bytes) and the label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) hop: u8,
    pub(super) incoming: bool,
    pub(super) kind: AssociationType,
    pub(super) label: Label,
    pub(super) id: ConceptId,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![self.hop, u8::from(self.incoming), self.kind.number()];
        bytes.extend_from_slice(&self.id.as_u128().to_be_bytes());
        bytes.extend_from_slice(self.label.as_str().as_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Position {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        let parsed = || {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            let (&[hop, incoming, kind], rest) = bytes.split_first_chunk()?;
            let (id, label) = rest.split_first_chunk()?;
            Some(Self {
                hop,
                incoming: matches!(incoming, 0 | 1).then_some(incoming == 1)?,
                kind: AssociationType::from_number(kind.into())?,
                label: Label::from(std::str::from_utf8(label).ok()?),
                id: ConceptId::from_u128(u128::from_be_bytes(*id)),
            })
        };
        let malformed = || {
            let message = format!("cursor {} is none that a page of neighbors ended with", limits::excerpt(text));
            ApiError::invalid("cursor", message)
        };
        parsed().ok_or_else(malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_its_text_and_nothing_else_is_one() {
        let position = Position {
            hop: 2,
            incoming: true,
            kind: AssociationType::Causal,
            label: "brings about".into(),
            id: ConceptId::from_u128(7),
        };
        assert_eq!(position.to_string().parse(), Ok(position));
        for bad in ["", "x", "AAAA", "AQIAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(bad.parse::<Position>().is_err(), "{bad:?}");
        }
    }
}
