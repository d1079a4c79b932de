//! What a user of a grid does: teach and ask, through the client Service.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::wait::{SOON, until};

/// Something to teach, and to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What is asked for.
    pub term: &'static str,
    /// What it is.
    pub definition: &'static str,
}

/// What a clinic's pharmacy keeps.
pub const FACTS: [Fact; 5] = [
    Fact { term: "warfarin", definition: "an anticoagulant that keeps blood from clotting" },
    Fact { term: "metformin", definition: "a drug that lowers blood sugar" },
    Fact { term: "amoxicillin", definition: "an antibiotic of the penicillin group" },
    Fact { term: "salbutamol", definition: "a drug that opens the airways" },
    Fact { term: "enalapril", definition: "an ACE inhibitor against high blood pressure" },
];
/// What it learns first.
pub const WARFARIN: Fact = FACTS[0];
/// What it learns next.
pub const METFORMIN: Fact = FACTS[1];

/// A running grid.
#[derive(Clone, Debug)]
pub struct Grid {
    http: reqwest::Client,
    /// `http://ADDRESS:8000`.
    pub address: String,
}

impl Grid {
    /// By the address of its Service or of a node.
    #[must_use]
    pub fn at(http: &reqwest::Client, address: &str) -> Self {
        Self { http: http.clone(), address: format!("http://{address}:8000") }
    }

    /// Teaches a fact; an answer means that it is kept for good. Yields the token with which every node shows it.
    ///
    /// # Errors
    /// If the grid does not take it.
    pub async fn learn(&self, fact: Fact) -> Result<String> {
        let body = json!({
            "key": fact.term,
            "content": format!("{}: {}", capitalised(fact.term), fact.definition),
            "source": {"uri": format!("https://pharmacy.example.org/leaflets/{}.pdf", fact.term), "page": 1},
            "on_conflict": "merge",
        });
        let (answer, token) = self.post("/v1/learn", &body, None).await?;
        ensure!(answer["id"].is_string(), "a learn request's answer names no id: {answer}");
        token.context("a learn request's answer has no token")
    }

    /// Asks for a fact and checks the answer.
    ///
    /// # Errors
    /// If the grid does not know it or does not answer.
    pub async fn knows(&self, fact: Fact) -> Result<()> {
        self.shows(fact, None).await
    }

    /// [`Self::knows`], with what an answer's token names.
    async fn shows(&self, fact: Fact, token: Option<&str>) -> Result<()> {
        let (answer, _) = self.post("/v1/reason", &json!({"query": format!("What is {}?", fact.term)}), token).await?;
        let text = answer["answer"].as_str().unwrap_or_default();
        ensure!(answer["known"] == true && text.contains(fact.definition), "asked for {}, it answers {answer}", fact.term);
        Ok(())
    }

    /// Teaches a fact as soon as the grid takes it, and asks for it, whichever node answers.
    ///
    /// # Errors
    /// If it does not within a while.
    pub async fn teach(&self, fact: Fact) -> Result<()> {
        let token = until("the grid learns", SOON, async || self.learn(fact).await).await?;
        self.shows(fact, Some(&token)).await
    }

    /// Waits until the grid answers, and checks that it knows a fact.
    ///
    /// # Errors
    /// If it does not within a while.
    pub async fn remembers(&self, fact: Fact) -> Result<()> {
        self.remembers_within(SOON, fact).await
    }

    /// [`Self::remembers`] with another patience.
    ///
    /// # Errors
    /// If it does not within that time.
    pub async fn remembers_within(&self, limit: Duration, fact: Fact) -> Result<()> {
        until("the grid knows what it learned", limit, async || self.knows(fact).await).await
    }

    /// The answer, and its token.
    async fn post(&self, path: &str, body: &Value, token: Option<&str>) -> Result<(Value, Option<String>)> {
        let url = format!("{}{path}", self.address);
        let mut request = self.http.post(&url).json(body);
        if let Some(token) = token {
            request = request.header("Sutra-Token", token);
        }
        let answer = request.send().await.with_context(|| format!("send {url}"))?;
        let status = answer.status();
        let token = answer.headers().get("sutra-token").and_then(|token| token.to_str().ok()).map(str::to_owned);
        let text = answer.text().await.with_context(|| format!("read the answer of {url}"))?;
        ensure!(status.is_success(), "{url} answers {status}: {text}");
        let answer = serde_json::from_str(&text).with_context(|| format!("{url} answers no JSON: {text}"))?;
        Ok((answer, token))
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
