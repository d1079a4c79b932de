//! How fast and how large the keyword index is: `cargo run --release -p sutra-keyword --example measure [DOCUMENTS]`.
//!
//! The texts are drawn from a seeded Zipf distribution of words, so that every run indexes and asks the same.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, reason = "a measurement prints what it finds, or ends")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use sutra_keyword::{Builder, Part, Query, Recent, Statistics};

/// Distinct words that can be drawn, about as many as WordNet's glosses have per million.
const VOCABULARY: usize = 200_000;

/// Numbers that look random and are always the same.
struct Seeded(u64);

impl Seeded {
    /// At least 0 and below 1.
    fn fraction(&mut self) -> f64 {
        // Knuth's linear congruential generator; its high bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Draws words: the n-th most common is drawn in proportion to 1 / (n + 7), which makes the first stand in some 7 % of all places.
struct Zipf {
    cumulated: Vec<f64>,
    words: Vec<String>,
}

impl Zipf {
    fn new(seeded: &mut Seeded) -> Self {
        let mut sum = 0.0;
        let cumulated = (0..VOCABULARY)
            .map(|rank| {
                sum += 1.0 / (rank as f64 + 7.0);
                sum
            })
            .collect();
        let syllables = ["ta", "ri", "no", "cal", "men", "tion", "ver", "os", "is", "pre", "con", "de", "ur", "li", "ga", "pho"];
        let words = (0..VOCABULARY).map(|rank| {
            let count = 1 + (rank > 30) as usize + (rank > 2_000) as usize + (seeded.fraction() * 2.0) as usize;
            let mut word: String = (0..count).map(|_| syllables[(seeded.fraction() * 16.0) as usize]).collect();
            // Numbers in base 26 make every word another one.
            let mut rest = rank;
            while rest > 0 {
                word.push(char::from(b'a' + (rest % 26) as u8));
                rest /= 26;
            }
            word
        });
        Self { cumulated, words: words.collect() }
    }

    fn draw(&self, seeded: &mut Seeded) -> &str {
        let at = seeded.fraction() * self.cumulated[VOCABULARY - 1];
        &self.words[self.cumulated.partition_point(|sum| *sum <= at).min(VOCABULARY - 1)]
    }
}

/// The median and the largest of some runs.
fn time(runs: usize, mut run: impl FnMut()) -> (Duration, Duration) {
    let mut times: Vec<_> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort();
    (times[runs / 2], times[runs - 1])
}

fn main() {
    let documents: usize = std::env::args().nth(1).map_or(1_000_000, |count| count.parse().expect("a number of documents"));
    let mut seeded = Seeded(42);
    let zipf = Zipf::new(&mut seeded);
    let texts: Vec<String> = (0..documents)
        .map(|_| {
            let words = 6 + (seeded.fraction() * 5.0) as usize;
            (0..words).map(|_| zipf.draw(&mut seeded)).collect::<Vec<_>>().join(" ")
        })
        .collect();
    let raw: usize = texts.iter().map(String::len).sum();
    let words: usize = texts.iter().map(|text| text.split(' ').count()).sum();
    println!("{documents} documents, {words} words, {:.1} MB of text", raw as f64 / 1e6);

    let start = Instant::now();
    let mut builder = Builder::new();
    (0..).zip(&texts).for_each(|(ordinal, text)| builder.put(ordinal, [text]).expect("ordinals grow"));
    let put = start.elapsed();
    let bytes = builder.finish().expect("it is small enough");
    let built = start.elapsed();
    println!(
        "build: {:.1} M words/s ({:.2} s, of which {:.2} s to write); {:.1} MB, {:.1} % of the text",
        words as f64 / 1e6 / built.as_secs_f64(),
        built.as_secs_f64(),
        (built - put).as_secs_f64(),
        bytes.len() as f64 / 1e6,
        100.0 * bytes.len() as f64 / raw as f64,
    );
    let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    println!("       postings with positions {:.1} MB, dictionary {:.1} MB", number(40) as f64 / 1e6, number(48) as f64 / 1e6);

    let start = Instant::now();
    let recent = Recent::default();
    (0..).zip(&texts).for_each(|(ordinal, text)| recent.put(ordinal, [text]).expect("ordinals grow"));
    let put = start.elapsed();
    println!(
        "recent: {:.1} M words/s, {:.1} MB by its own account",
        words as f64 / 1e6 / put.as_secs_f64(),
        recent.memory() as f64 / 1e6
    );

    let (opened, _) = time(11, || drop(black_box(Part::open(&bytes[..]).expect("it was just written"))));
    let part = Part::open(&bytes[..]).expect("it was just written");
    let query = Query::parse(&zipf.words[5]).expect("one word");
    let start = Instant::now();
    part.statistics(&query).expect("it was just written");
    println!("open {opened:.1?}, first touch (checks dictionary and lengths) {:.1?}", start.elapsed());
    part.verify().expect("it was just written");

    let word = |rank: usize| zipf.words[rank].clone();
    let queries = [
        ("two words, common and middling", format!("{} {}", word(2), word(900))),
        ("two common words", format!("{} {}", word(0), word(2))),
        ("common and rare", format!("{} {}", word(2), word(150_000))),
        ("one common word", word(0)),
        ("one rare word", word(100_000)),
        ("two rare words", format!("{} {}", word(100_000), word(150_000))),
        ("ten words", (0..10).map(|at| word(at * at * 10)).collect::<Vec<_>>().join(" ")),
        ("phrase of common words", format!("\"{} {}\"", word(0), word(1))),
        ("phrase of common and rare", format!("\"{} {}\"", word(0), word(3_000))),
        ("prefix of four letters", format!("{}*", &word(5_000)[..4])),
        ("prefix of one letter", "t*".to_owned()),
        ("one edit", format!("{}~1", word(20_000))),
        ("two edits", format!("{}~2", word(20_000))),
    ];
    println!(
        "{:32} {:>8} {:>12} {:>12} {:>12} {:>12}",
        "top 10 (statistics and search)", "fit", "part p50", "max", "recent p50", "max"
    );
    for (name, query) in queries {
        let query = Query::parse(&query).expect("few words");
        let of_part = || part.statistics(&query).expect("it was verified");
        let of_recent = || recent.statistics(&query, u32::MAX).expect("it is in memory");
        let fitting =
            part.search(&query, &of_part(), documents, &|ordinal| ordinal.into(), &mut |_| true).expect("it was verified").len();
        let search = |statistics: &Statistics| {
            part.search(&query, statistics, 10, &|ordinal| ordinal.into(), &mut |_| true).expect("it was verified")
        };
        let (p50, max) = time(21, || drop(black_box(search(&of_part()))));
        let search = |statistics: &Statistics| {
            recent.search(&query, statistics, u32::MAX, 10, &|ordinal| ordinal.into(), &mut |_| true).expect("it is in memory")
        };
        let (recent_p50, recent_max) = time(21, || drop(black_box(search(&of_recent()))));
        println!("{name:32} {fitting:>8} {p50:>12.1?} {max:>12.1?} {recent_p50:>12.1?} {recent_max:>12.1?}");
    }
}
