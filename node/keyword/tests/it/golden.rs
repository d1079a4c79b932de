//! Examples with the answers worked out by hand.

use sutra_keyword::{Builder, Part, Query, Recent};

use crate::corpus::Text;
use crate::spread::Spread;

fn texts(texts: &[&str]) -> Vec<Text> {
    let texts = (0..).zip(texts).map(|(ordinal, text)| Text {
        ordinal,
        texts: text.split(" | ").map(Into::into).collect(),
        removed: false,
    });
    texts.collect()
}

fn found(spread: &Spread, query: &str) -> Vec<u32> {
    spread.search(query, 10, |_| true).into_iter().map(|hit| hit.ordinal).collect()
}

/// Both kinds of index, over the same texts.
fn both(corpus: &[Text]) -> [Spread; 2] {
    [Spread::new(corpus, &[]), Spread::new(corpus, &[corpus.len()])]
}

#[test]
fn scores_are_okapi_bm25() {
    for spread in both(&texts(&["aspirin thins blood", "iron"])) {
        let hits = spread.search("blood", 10, |_| true);
        // N = 2, df = 1, length 3, average 2, tf = 1.
        let expected = (1.0_f64 + 1.5 / 1.5).ln() * 2.2 / (1.0 + 1.2 * (0.25 + 0.75 * 1.5));
        assert_eq!(hits.len(), 1);
        assert!((hits[0].score - expected).abs() < 1e-12);
    }
}

#[test]
fn rare_words_and_short_texts_rank_higher() {
    let corpus = texts(&[
        "aspirin relieves pain",
        "ibuprofen relieves pain",
        "aspirin is one of the many drugs that a doctor may prescribe when a patient is in pain after an operation",
    ]);
    for spread in both(&corpus) {
        assert_eq!(found(&spread, "aspirin pain"), [0, 2, 1]);
        assert_eq!(found(&spread, "Ibuprofen!"), [1]);
        assert_eq!(found(&spread, "warfarin"), [0_u32; 0]);
    }
}

#[test]
fn a_phrase_follows_word_by_word_within_one_text() {
    let corpus = texts(&[
        "heart attack",
        "attack of the heart",
        "the heart | attack rate",
        "severe heart attack | cardiac arrest",
        "heart",
    ]);
    for spread in both(&corpus) {
        assert_eq!(found(&spread, "\"heart attack\""), [0, 3]);
        assert_eq!(found(&spread, "“Attack of the HEART”"), [1]);
        assert_eq!(found(&spread, "\"attack cardiac\""), [0_u32; 0]);
    }
}

#[test]
fn a_phrase_that_repeats_a_word_needs_it_twice() {
    for spread in both(&texts(&["baden baden", "baden", "baden and baden"])) {
        assert_eq!(found(&spread, "\"Baden-Baden\""), [0]);
    }
}

#[test]
fn a_misspelt_word_finds_the_right_one_after_the_one_as_written() {
    for spread in both(&texts(&["metformin", "metforrmin", "ramipril"])) {
        assert_eq!(found(&spread, "metforrmin~"), [1, 0]);
        assert_eq!(found(&spread, "ramipirl~"), [2]);
        assert_eq!(found(&spread, "ramipirl~1"), [0_u32; 0]);
    }
}

#[test]
fn the_shortest_words_stand_for_a_prefix() {
    let corpus: Vec<_> = (0..1_100).map(|at| format!("lot{:0>1$}", at, if at < 1_024 { 4 } else { 5 })).collect();
    let corpus = texts(&corpus.iter().map(String::as_str).collect::<Vec<_>>());
    for cuts in [vec![], vec![1_100], vec![10, 500, 1_090]] {
        let spread = Spread::new(&corpus, &cuts);
        let hits = spread.search("lot*", 2_000, |_| true);
        assert_eq!(
            hits.into_iter().map(|hit| hit.ordinal).collect::<Vec<_>>(),
            (0..1_024).collect::<Vec<_>>(),
            "cut at {cuts:?}"
        );
    }
}

#[test]
fn accept_is_asked_only_about_documents_that_would_be_among_the_best() {
    // The documents get worse: after the first two none can be among the best.
    let corpus: Vec<_> = (0..1_000).map(|at| format!("writ{}", " of execution".repeat(1 + at))).collect();
    let corpus = texts(&corpus.iter().map(String::as_str).collect::<Vec<_>>());
    for spread in both(&corpus) {
        let mut asked = Vec::new();
        let hits = spread.search("writ", 2, |ordinal| {
            asked.push(ordinal);
            ordinal != 1
        });
        assert_eq!(hits.into_iter().map(|hit| hit.ordinal).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(asked, [0, 1, 2]);
    }
}

#[test]
fn an_index_of_nothing_finds_nothing() {
    let part = Part::open(Builder::new().finish().unwrap()).unwrap();
    let query = Query::parse("habeas \"corpus delicti\" pre* felony~").unwrap();
    let statistics = part.statistics(&query).unwrap();
    assert_eq!((statistics.documents, statistics.words), (0, 0));
    assert!(part.search(&query, &statistics, 10, &|ordinal| ordinal.into(), &mut |_| true).unwrap().is_empty());
    part.verify().unwrap();
    let nothing = Query::parse("").unwrap();
    assert!(
        Recent::default()
            .search(&nothing, &statistics, u32::MAX, 10, &|ordinal| ordinal.into(), &mut |_| true)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn the_best_none_are_none() {
    for spread in both(&texts(&["lien"])) {
        assert!(spread.search("lien", 0, |_| panic!("nothing to ask about")).is_empty());
    }
}

#[test]
fn the_same_documents_give_the_same_bytes() {
    let build = || {
        let mut builder = Builder::new();
        crate::corpus::corpus(5, 300).iter().for_each(|document| builder.put(document.ordinal, &document.texts).unwrap());
        builder.finish().unwrap()
    };
    assert_eq!(build(), build());
}

#[test]
fn ordinals_that_do_not_grow_are_refused() {
    let mut builder = Builder::new();
    builder.put(4, ["lien"]).unwrap();
    assert_eq!(builder.put(4, ["lien"]).unwrap_err().to_string(), "document 4 comes after document 4; ordinals must grow");
}

#[test]
fn the_greatest_ordinals_are_found() {
    let corpus = [u32::MAX - 2, u32::MAX - 1].map(|ordinal| Text { ordinal, texts: vec!["lien".into()], removed: false });
    for spread in both(&corpus) {
        assert_eq!(found(&spread, "lien"), [u32::MAX - 2, u32::MAX - 1]);
        assert_eq!(found(&spread, "li*"), [u32::MAX - 2, u32::MAX - 1]);
    }
}
