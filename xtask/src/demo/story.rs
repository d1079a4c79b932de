//! What is taught, asked, retracted and asked again.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::client::{Client, Expect, id_in};
use super::death;
use super::grid::Grid;
use super::state::State;
use crate::console;
use crate::failure::{Failure, Result};

pub(super) const RELATED: &str = "How are aspirin and platelets related?";
/// What nobody has taught when it is asked first.
pub(super) const UNKNOWN: &str = "What is ticagrelor?";
/// WordNet's heart that beats; it has others.
const HEART: &str = "wn30:05388805-n";

/// Tells all of it; the failure says which step went otherwise than it should.
pub(crate) fn tell(grid: &mut Grid, corpus: &Path) -> Result<()> {
    let first = grid.first()?;
    let client = &first;
    grid.until("every node serves", State::is_whole)?;
    client.run(&["cluster", "status"], Expect::Answer(": healthy"))?;
    import(client, corpus)?;
    let statement = teach(client)?;
    ask(client)?;
    death::tell(grid)?;

    heading("Take a sentence back, and its consequences go with it");
    let before = now();
    client.run(&["retract", &statement], Expect::Answer("retracted"))?;
    client.run(&["ask", RELATED], Expect::Refusal("no_path"))?;

    heading("Look back: what was known before that");
    client.run(&["ask", RELATED, "--known-at", &before], Expect::Answer("inhibits"))?;
    println!("\n{}", console::green("✓ taught, answered, refused, outlived a node, retracted, looked back"));
    Ok(())
}

fn import(client: &Client, corpus: &Path) -> Result<()> {
    heading("Teach it words: WordNet 3.0, with the licence in demo/LICENSE.WordNet");
    let path = corpus.to_str().ok_or_else(|| Failure::new(format!("{} is no UTF-8", corpus.display())))?;
    client.run(&["import", path], Expect::Answer("imported")).map(drop)
}

/// Yields the id of the statement that is retracted later.
fn teach(client: &Client) -> Result<String> {
    heading("Teach it sentences, each with its source");
    let inhibits = learn(
        client,
        "Aspirin irreversibly inhibits cyclooxygenase-1.",
        "https://doi.org/10.1016/S0049-3848(03)00379-7",
        "Vane and Botting, The mechanism of action of aspirin, 2003",
    )?;
    let activates = learn(
        client,
        "Platelets turn prostaglandin endoperoxides, which cyclooxygenase-1 makes, into thromboxane A2, and it makes them aggregate.",
        "https://doi.org/10.1073/pnas.72.8.2994",
        "Hamberg, Svensson and Samuelsson, Thromboxanes, 1975",
    )?;
    learn(
        client,
        "thromboxane A2: an unstable lipid that makes platelets aggregate and arteries narrow",
        "https://doi.org/10.1073/pnas.72.8.2994",
        "Hamberg, Svensson and Samuelsson, Thromboxanes, 1975",
    )?;
    heading("Teach it what they say, with the sentences as evidence");
    associate(client, "aspirin", "inhibits", "cyclooxygenase-1", "0.95", &inhibits)?;
    associate(client, "cyclooxygenase-1", "produces", "thromboxane A2", "0.9", &activates)?;
    associate(client, "thromboxane A2", "activates", "platelet", "0.95", &activates)?;
    Ok(inhibits)
}

pub(super) fn learn(client: &Client, sentence: &str, source: &str, title: &str) -> Result<String> {
    let printed = client.run(&["learn", sentence, "--source", source, "--source-title", title], Expect::Answer(""))?;
    id_in(&printed).map(str::to_owned).ok_or_else(|| Failure::new("`sutra learn` printed no id"))
}

fn associate(client: &Client, source: &str, label: &str, target: &str, confidence: &str, evidence: &str) -> Result<()> {
    let link = ["associate", source, target, "--type", "causal", "--label", label];
    let weight = ["--confidence", confidence, "--evidence", evidence];
    client.run(&[link.as_slice(), &weight].concat(), Expect::Answer("associated")).map(drop)
}

fn ask(client: &Client) -> Result<()> {
    heading("1. What is it?");
    client.run(&["ask", "What is aspirin?"], Expect::Answer("salicylic acid"))?;
    heading("2. Is it one of those? By way of several others");
    client.run(&["ask", "Is a poodle a mammal?"], Expect::Answer("carnivore"))?;
    heading("3. How do they hang together? Through the sentences just taught");
    client.run(&["ask", RELATED], Expect::Answer("inhibits"))?;
    heading("4. What are its parts? The name has several meanings, which are told, not guessed");
    let question = "What are the parts of the heart?";
    let refused = client.run(&["ask", question], Expect::Refusal("ambiguous_entity"))?;
    let heart = refused.lines().find(|line| line.contains(HEART)).and_then(id_in);
    let heart = heart.ok_or_else(|| Failure::new(format!("{HEART} is not among the candidates")))?;
    client.run(&["ask", question, "--bind", &format!("heart={heart}")], Expect::Answer("valve"))?;
    heading("5. What kinds are there?");
    client.run(&["ask", "What are the kinds of penicillin?"], Expect::Answer("ampicillin"))?;
    heading("6. What nobody taught, it does not know");
    client.run(&["ask", UNKNOWN], Expect::Refusal("unknown_entity"))?;
    Ok(())
}

pub(super) fn heading(text: &str) {
    println!("\n{}", console::green(&format!("── {text}")));
}

/// The time in RFC 3339, in microseconds, as record times are.
fn now() -> String {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    rfc3339(since_1970.as_secs(), since_1970.subsec_micros())
}

fn rfc3339(seconds: u64, micros: u32) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Howard Hinnant, "chrono-compatible low-level date algorithms": years begin in March, so that leap days end them.
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(rfc3339(0, 0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(rfc3339(951_782_400, 5), "2000-02-29T00:00:00.000005Z");
        assert_eq!(rfc3339(1_772_366_399, 999_999), "2026-03-01T11:59:59.999999Z");
    }
}
