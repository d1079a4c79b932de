//! The stages of the learning pipeline, in their order: embed, classify, extract.

use sutra_protocol::http::LearnOptions;

use crate::refusal::Refusal;

/// A stage that prepares what is learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Computes the vector of the content.
    Embed,
    /// Finds out the semantic type of the content.
    Classify,
    /// Finds associations in the content.
    Extract,
}

impl Stage {
    /// Every stage, in the order in which they run.
    pub const ALL: [Self; 3] = [Self::Embed, Self::Classify, Self::Extract];

    /// The option that asks for the stage.
    pub const fn option(self) -> &'static str {
        match self {
            Self::Embed => "options.embed",
            Self::Classify => "options.classify",
            Self::Extract => "options.extract",
        }
    }

    /// What a node needs to run the stage.
    pub const fn needs(self) -> &'static str {
        match self {
            Self::Embed => "embedder",
            Self::Classify => "classifier",
            Self::Extract => "extractor",
        }
    }

    fn wanted(self, options: &LearnOptions) -> bool {
        let option = match self {
            Self::Embed => options.embed,
            Self::Classify => options.classify,
            Self::Extract => options.extract,
        };
        option == Some(true)
    }
}

/// Runs the stages that a request asks for. This node has none of them yet, so one that is asked for by name is refused: taking
/// the request without it would store less than the teacher believes.
///
/// # Errors
/// [`Refusal::NoStage`] for the first stage that is asked for.
pub fn run(options: Option<&LearnOptions>) -> Result<(), Refusal> {
    let wanted = |options: &LearnOptions| Stage::ALL.into_iter().find(|stage| stage.wanted(options));
    match options.and_then(wanted) {
        Some(stage) => Err(Refusal::NoStage(stage)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_refused_only_if_it_is_asked_for() {
        assert_eq!(run(None), Ok(()));
        let declined = LearnOptions { embed: Some(false), max_associations: Some(3), ..LearnOptions::default() };
        assert_eq!(run(Some(&declined)), Ok(()));
        let wanted = LearnOptions { classify: Some(true), extract: Some(true), ..LearnOptions::default() };
        let refusal = run(Some(&wanted)).unwrap_err();
        assert_eq!(refusal, Refusal::NoStage(Stage::Classify));
        assert_eq!(
            refusal.to_string(),
            "options.classify is true, but this node has no classifier; leave it out or set it to false"
        );
    }
}
