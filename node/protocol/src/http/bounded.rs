//! Lists and maps that are refused at the entry after their last allowed one. A body is small beside what it decodes to: `{}` takes
//! two bytes of it and hundreds as a request, so a bound that is checked only afterwards bounds nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::limits;

/// Entries for which room is made at once because the sender announces them.
const ANNOUNCED: usize = 64;

/// A list or map that can be read up to a bound.
pub(crate) trait Bounded<'de>: Default {
    /// Reads it.
    fn read<const N: usize, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

/// Reads a list or map of at most `N` entries.
pub(crate) fn strict<'de, const N: usize, T: Bounded<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::read::<N, D>(deserializer)
}

/// Reads a list or map of at most `N` entries; an explicit `null` is an empty one.
pub(crate) fn or_null<'de, const N: usize, T: Bounded<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(optional::<N, T, D>(deserializer)?.unwrap_or_default())
}

/// Reads a list or map of at most `N` entries, or `null`.
pub(crate) fn optional<'de, const N: usize, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Bounded<'de>,
    D: Deserializer<'de>,
{
    struct Optional<T, const N: usize>(PhantomData<T>);

    impl<'de, T: Bounded<'de>, const N: usize> Visitor<'de> for Optional<T, N> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {N} entries, or null")
        }

        fn visit_none<E: Error>(self) -> Result<Option<T>, E> {
            Ok(None)
        }

        fn visit_unit<E: Error>(self) -> Result<Option<T>, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
            T::read::<N, D>(deserializer).map(Some)
        }
    }

    deserializer.deserialize_option(Optional::<T, N>(PhantomData))
}

/// That there are more than `bound` entries.
pub(crate) fn too_many<E: Error>(bound: usize) -> E {
    E::custom(limits::more_than(bound))
}

impl<'de, T: Deserialize<'de>> Bounded<'de> for Vec<T> {
    fn read<const N: usize, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T, const N: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for List<T, N> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Vec<T>, A::Error> {
                let mut list = Vec::with_capacity(entries.size_hint().unwrap_or_default().min(ANNOUNCED).min(N));
                while let Some(entry) = entries.next_element()? {
                    if list.len() == N {
                        return Err(too_many(N));
                    }
                    list.push(entry);
                }
                Ok(list)
            }
        }

        deserializer.deserialize_seq(List::<T, N>(PhantomData))
    }
}

impl<'de, V: Deserialize<'de>> Bounded<'de> for BTreeMap<String, V> {
    fn read<const N: usize, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map<V, const N: usize>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>, const N: usize> Visitor<'de> for Map<V, N> {
            type Value = BTreeMap<String, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<BTreeMap<String, V>, A::Error> {
                let mut map = BTreeMap::new();
                while let Some((name, value)) = entries.next_entry()? {
                    map.insert(name, value);
                    if map.len() > N {
                        return Err(too_many(N));
                    }
                }
                Ok(map)
            }
        }

        deserializer.deserialize_map(Map::<V, N>(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    static BUILT: AtomicUsize = AtomicUsize::new(0);

    struct Counted;

    impl<'de> Deserialize<'de> for Counted {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            BUILT.fetch_add(1, Ordering::Relaxed);
            serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
        }
    }

    #[derive(serde::Deserialize)]
    struct Body {
        #[serde(deserialize_with = "strict::<1000, _, _>")]
        items: Vec<Counted>,
    }

    #[derive(serde::Deserialize, Debug, PartialEq)]
    struct Small {
        #[serde(default, deserialize_with = "or_null::<2, _, _>")]
        list: Vec<u8>,
        #[serde(default, deserialize_with = "or_null::<2, _, _>")]
        map: BTreeMap<String, u8>,
        #[serde(default, deserialize_with = "optional::<2, _, _>")]
        choice: Option<Vec<u8>>,
    }

    #[test]
    fn twenty_mebibytes_of_items_are_refused_at_the_first_that_is_too_many() {
        let body = format!("{{\"items\":[{}{{}}]}}", "{},".repeat((20 << 20) / 3));
        let error = serde_json::from_str::<Body>(&body).err().unwrap().to_string();
        assert!(error.starts_with("has more than 1000 entries; at most 1000 are allowed"), "{error}");
        assert_eq!(BUILT.load(Ordering::Relaxed), 1001);
        let body = format!("{{\"items\":[{}{{}}]}}", "{},".repeat(999));
        assert_eq!(serde_json::from_str::<Body>(&body).unwrap().items.len(), 1000);
    }

    #[test]
    fn null_is_what_the_field_takes_it_for() {
        let small: Small = serde_json::from_str(r#"{"list": null, "map": null, "choice": null}"#).unwrap();
        assert_eq!(small, Small { list: Vec::new(), map: BTreeMap::new(), choice: None });
        let small: Small = serde_json::from_str(r#"{"list": [1, 2], "map": {"a": 1, "a": 2, "b": 3}, "choice": [7]}"#).unwrap();
        assert_eq!((small.list.len(), small.map.len(), small.choice), (2, 2, Some(vec![7])));
        assert!(serde_json::from_str::<Body>(r#"{"items": null}"#).is_err());
    }

    #[test]
    fn lists_and_maps_end_at_their_bounds() {
        for bad in [r#"{"list": [1, 2, 3]}"#, r#"{"map": {"a": 1, "b": 2, "c": 3}}"#, r#"{"choice": [1, 2, 3]}"#] {
            let error = serde_json::from_str::<Small>(bad).unwrap_err().to_string();
            assert!(error.starts_with("has more than 2 entries; at most 2 are allowed"), "{bad}: {error}");
        }
        assert!(serde_json::from_str::<Small>(r#"{"list": {}}"#).unwrap_err().to_string().contains("expected a list"));
    }

    #[test]
    fn an_announced_length_takes_no_memory() {
        // A MessagePack array that announces 2^32 - 1 entries and holds none.
        let mut packed = rmp_serde::Deserializer::new(&b"\xdd\xff\xff\xff\xff"[..]);
        assert!(strict::<4096, Vec<u64>, _>(&mut packed).is_err());
    }
}
