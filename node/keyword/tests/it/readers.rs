//! Readers of the recent index beside its writer.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use sutra_keyword::{Hit, Query, Recent};

use crate::corpus::{Text, corpus};

const QUERIES: [&str; 4] = ["pain aspirin", "\"acute pain\" heart", "as* co*", "ibuprofen~ renal~1"];

fn search(recent: &Recent, query: &str, visible: u32) -> Vec<Hit> {
    let query = Query::parse(query).unwrap();
    let statistics = recent.statistics(&query, visible).unwrap();
    recent.search(&query, &statistics, visible, 10, &|ordinal| ordinal.into(), &mut |_| true).unwrap()
}

fn write(recent: &Recent, document: &Text) {
    recent.put(document.ordinal, &document.texts).unwrap();
    if document.removed {
        recent.remove(document.ordinal, &document.texts);
    }
}

#[test]
fn a_reader_finds_the_same_however_much_is_written_after_it() {
    let corpus = corpus(11, 900);
    let whole = Recent::default();
    corpus.iter().for_each(|document| write(&whole, document));
    let growing = Recent::default();
    for (at, document) in corpus.iter().enumerate() {
        if at % 45 == 0 {
            for query in QUERIES {
                let found = search(&whole, query, document.ordinal);
                assert_eq!(found, search(&growing, query, u32::MAX), "{query} after {at} documents");
                assert!(at < 45 || !found.is_empty(), "{query} finds nothing after {at} documents");
            }
        }
        write(&growing, document);
    }
}

#[test]
fn readers_beside_a_writer_see_what_was_published_to_them() {
    let corpus = corpus(12, 2_000);
    let (recent, visible, done) = (Recent::default(), AtomicU32::new(0), AtomicBool::new(false));
    let seen = thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|reader| {
                let (recent, visible, done) = (&recent, &visible, &done);
                scope.spawn(move || {
                    let mut seen = Vec::new();
                    while !done.load(Ordering::Acquire) {
                        let visible = visible.load(Ordering::Acquire);
                        let query = QUERIES[(seen.len() + reader) % QUERIES.len()];
                        seen.push((visible, query, search(recent, query, visible)));
                    }
                    seen
                })
            })
            .collect();
        for document in &corpus {
            write(&recent, document);
            visible.store(document.ordinal + 1, Ordering::Release);
        }
        done.store(true, Ordering::Release);
        readers.into_iter().flat_map(|reader| reader.join().unwrap()).collect::<Vec<_>>()
    });
    for (visible, query, hits) in seen {
        assert_eq!(hits, search(&recent, query, visible), "{query} below {visible}");
    }
}

#[test]
fn memory_grows_with_what_is_written() {
    let recent = Recent::default();
    let mut before = recent.memory();
    for document in corpus(13, 2_000) {
        write(&recent, &document);
    }
    let words: usize = 9_000;
    let after = recent.memory();
    assert!(after > before + words && after < before + 100 * words, "{after}");
    before = after;
    recent.put(u32::MAX, ["subrogation"]).unwrap();
    assert!(recent.memory() > before);
}
