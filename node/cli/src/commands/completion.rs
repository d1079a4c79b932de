//! `sutra completion`.

use clap::Args;
use clap_complete::Shell;

use crate::arguments;
use crate::exit::Outcome;
use crate::output::Screen;

/// Flags of `sutra completion`.
#[derive(Debug, Args)]
#[command(after_help = "In bash: source <(sutra completion bash)")]
pub(crate) struct Completion {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completion {
    pub(crate) fn run(&self, screen: &Screen, invocation: &[String]) -> anyhow::Result<Outcome> {
        // A shell completes the file it runs: `kubectl sutra` is completed by kubectl, which asks `kubectl-sutra`.
        let program = invocation.first().map_or("sutra", String::as_str).replace(' ', "-");
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut arguments::command(&program), &program, &mut script);
        screen.print(&String::from_utf8_lossy(&script))?;
        Ok(Outcome::Done)
    }
}
