//! Where a page ends and the next begins.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::{Order, Place, SortKey};
use crate::concept::Concept;
use crate::error::ApiError;
use crate::id::ConceptId;
use crate::limits;
use crate::namespace::Namespace;

/// The last place of a page. The next page begins behind it, whatever was taught, changed or retracted in between: a concept whose
/// place has not changed is on exactly one page.
///
/// To callers it is opaque text: base64url without padding over a version byte, 8 bytes of BLAKE3 over namespace and order (so that
/// another list's cursor is refused), the id and the sort key. At most [`Cursor::TEXT_BYTES`] long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    list: [u8; LIST_BYTES],
    place: Place,
}

const VERSION: u8 = 1;
const LIST_BYTES: usize = 8;
const ID_BYTES: usize = 16;
const HEAD_BYTES: usize = 1 + LIST_BYTES + ID_BYTES;

impl Cursor {
    /// The longest that a cursor can be, as text.
    pub const TEXT_BYTES: usize = (HEAD_BYTES + SortKey::MAX_BYTES).div_ceil(3) * 4;

    /// The cursor of a page in `order` that ends with `concept`.
    pub fn after(order: &Order, concept: &Concept) -> Self {
        Self { list: list(&concept.namespace, order), place: order.place(concept) }
    }

    /// The last place of the page.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// As callers get it.
    pub fn to_text(&self) -> String {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + SortKey::MAX_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.list);
        bytes.extend_from_slice(&self.place.id.as_u128().to_be_bytes());
        bytes.extend_from_slice(self.place.key.as_ref().map_or(&[], SortKey::as_bytes));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The cursor that `text` is, in the list of `namespace` in `order`.
    ///
    /// # Errors
    /// `invalid_argument` for `cursor` if it is none, or one of another namespace or order.
    pub fn parse(text: &str, namespace: &Namespace, order: &Order) -> Result<Self, ApiError> {
        let none = || {
            let message = format!("cursor {} is none that a page ended with", limits::excerpt(text));
            ApiError::invalid("cursor", message)
        };
        let cursor = decode(text).ok_or_else(none)?;
        if cursor.list != list(namespace, order) {
            let message = format!(
                "cursor {} comes from another list; this one is that of namespace {namespace} in the order {}",
                limits::excerpt(text),
                limits::excerpt(&order.to_string())
            );
            return Err(ApiError::invalid("cursor", message));
        }
        // Only what lists the ids has no key for anything, and only a list by attribute has it for some.
        match (order, &cursor.place.key) {
            (Order::Id, None) | (Order::CreatedAt(_), Some(_)) | (Order::Attribute { .. }, _) => Ok(cursor),
            _ => Err(none()),
        }
    }
}

fn decode(text: &str) -> Option<Cursor> {
    if text.len() > Cursor::TEXT_BYTES {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (&VERSION, rest) = bytes.split_first()? else { return None };
    let (list, rest) = rest.split_first_chunk::<LIST_BYTES>()?;
    let (id, key) = rest.split_first_chunk::<ID_BYTES>()?;
    let key = if key.is_empty() { None } else { Some(SortKey::from_bytes(key).ok()?) };
    Some(Cursor { list: *list, place: Place { key, id: ConceptId::from_u128(u128::from_be_bytes(*id)) } })
}

/// Tells the lists apart whose places can't be compared.
fn list(namespace: &Namespace, order: &Order) -> [u8; LIST_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(namespace.as_str().as_bytes());
    hasher.update(&[0]);
    hasher.update(order.to_string().as_bytes());
    let mut first = [0; LIST_BYTES];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..LIST_BYTES]);
    first
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::concept::AttributeValue;
    use crate::{Attributes, SemanticType, Timestamp, Validity};

    fn drug(attribute: &str) -> Concept {
        let at = Timestamp::from_micros(1_772_366_400_000_000);
        Concept {
            id: ConceptId::derive(&Namespace::default(), "warfarin", None),
            namespace: Namespace::default(),
            incarnation: 1,
            key: None,
            content: "warfarin".into(),
            aliases: Vec::new(),
            semantic_type: SemanticType::Entity,
            confidence: 1.0,
            strength: 1.0,
            attributes: Attributes::from([("approved".into(), AttributeValue::Text(attribute.into()))]),
            vector: None,
            source: None,
            validity: Validity::ALWAYS,
            asserted_by: Arc::from("anonymous"),
            created_at: at,
            updated_at: at,
        }
    }

    #[test]
    fn a_cursor_survives_its_text_however_long_the_value_was() {
        for (order, value) in [
            ("id", "1954"),
            ("-created_at", "1954"),
            ("attributes.approved", "1954"),
            ("attributes.approved", &"long ago ".repeat(7000)),
            ("-attributes.withdrawn", "1954"),
        ] {
            let order: Order = order.parse().unwrap();
            let cursor = Cursor::after(&order, &drug(value));
            let text = cursor.to_text();
            assert!(text.len() <= Cursor::TEXT_BYTES, "{} bytes", text.len());
            assert_eq!(Cursor::parse(&text, &Namespace::default(), &order), Ok(cursor));
        }
    }

    #[test]
    fn a_foreign_cursor_is_refused() {
        let order: Order = "attributes.approved".parse().unwrap();
        let text = Cursor::after(&order, &drug("1954")).to_text();
        let ward: Namespace = "ward-7".parse().unwrap();
        for (namespace, order) in [
            (&ward, order),
            (&Namespace::default(), "-attributes.approved".parse().unwrap()),
            (&Namespace::default(), "created_at".parse().unwrap()),
        ] {
            let error = Cursor::parse(&text, namespace, &order).unwrap_err();
            assert_eq!(error.param.as_deref(), Some("cursor"));
            assert!(error.message.contains("another list"), "{}", error.message);
        }
    }

    #[test]
    fn text_that_no_page_ended_with_is_refused() {
        let by_id = Cursor::after(&Order::Id, &drug("1954"));
        let with_key =
            Cursor { place: Place { key: Some(SortKey::time(Timestamp::default())), ..by_id.place.clone() }, ..by_id.clone() };
        let by_time = Order::CreatedAt(super::super::Sorting::Ascending);
        let without_key = Cursor { list: list(&Namespace::default(), &by_time), ..by_id.clone() };
        let newer = format!("Ag{}", &by_id.to_text()[2..]);
        for (bad, order) in [
            ("", &Order::Id),
            ("AQ", &Order::Id),
            ("ibuprofen", &Order::Id),
            (&newer, &Order::Id),
            (&"A".repeat(Cursor::TEXT_BYTES + 1), &Order::Id),
            (&with_key.to_text(), &Order::Id),
            (&without_key.to_text(), &by_time),
        ] {
            let error = Cursor::parse(bad, &Namespace::default(), order).unwrap_err();
            assert!(error.message.contains("none that a page ended with"), "{bad}: {}", error.message);
        }
    }
}
