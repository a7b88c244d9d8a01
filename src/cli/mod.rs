//! The commands, one small file or room each, and what they share.

mod check;
mod clock;
mod failure;
mod http;
mod output;
mod render;
mod schema;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use failure::Failure;
use output::Format;

/// Checks and renders the filter's configuration, and connects clients to the gateway.
#[derive(Parser)]
#[command(name = "ai-gateway-filter", version, after_help = EXAMPLES)]
struct Cli {
    /// The form of the answer; a table on a terminal and JSON elsewhere, where it is not given.
    #[arg(
        long,
        short = 'o',
        global = true,
        env = "AI_GATEWAY_FORMAT",
        value_enum
    )]
    format: Option<Format>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Report every problem of a configuration, with its place and what to do.
    #[command(after_help = CHECK_EXAMPLES)]
    Check(check::Check),
    /// Print the JSON Schema of the configuration.
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema,
    /// Write Envoy's complete configuration around the filter's.
    #[command(after_help = RENDER_EXAMPLES)]
    Render(Box<render::Render>),
    /// Print the completions for a shell.
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: Shell,
    },
}

const EXAMPLES: &str = "Examples:
  ai-gateway-filter check config.json
  ai-gateway-filter render config.json --output envoy/

Exit codes and variables: docs/command-line.md";

const CHECK_EXAMPLES: &str = "Examples:
  ai-gateway-filter check config.json
  ai-gateway-filter check envoy/filter.yaml --online
  ai-gateway-filter check config.json --format json";

const SCHEMA_EXAMPLES: &str = "Example:
  ai-gateway-filter schema > configuration.schema.json";

const RENDER_EXAMPLES: &str = "Examples:
  ai-gateway-filter render config.json --output envoy/
  ai-gateway-filter render config.json -O envoy/ --listen 0.0.0.0:443 --tls-certificate cert.pem --tls-key key.pem
  envoy --mode validate -c envoy/envoy.yaml";

const COMPLETIONS_EXAMPLES: &str = "Examples:
  ai-gateway-filter completions bash > ~/.local/share/bash-completion/completions/ai-gateway-filter
  ai-gateway-filter completions zsh > \"${fpath[1]}/_ai-gateway-filter\"
  ai-gateway-filter completions fish > ~/.config/fish/completions/ai-gateway-filter.fish";

/// Runs the command that this process was called with.
pub(super) fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("{failure}");
            failure.exit_code()
        }
    }
}

fn run(cli: &Cli) -> Result<ExitCode, Failure> {
    match &cli.command {
        Command::Check(check) => check::run(check, cli.format)?,
        Command::Schema => schema::run()?,
        Command::Render(render) => render::run(render)?,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(
                *shell,
                &mut Cli::command(),
                "ai-gateway-filter",
                &mut script,
            );
            output::write(&String::from_utf8_lossy(&script))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
