//! The command `ai-gateway-filter`: checks and renders the filter's configuration, gets tokens,
//! lists and tests providers, and starts clients. Each subcommand has a module of its own.

mod check;
mod clients;
mod clock;
mod env;
mod environment;
mod failure;
mod files;
mod gateway;
mod http;
mod identity;
mod llm;
mod oidc;
mod output;
mod render;
mod run;
mod schema;
mod session;
mod token_cache;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use failure::Failure;
use output::Format;

/// Checks and renders the filter's configuration, and connects clients to the gateway.
#[derive(Parser)]
#[command(name = "ai-gateway-filter", version, after_help = EXAMPLES)]
struct Cli {
    /// The format of the output; by default a table on a terminal and JSON elsewhere.
    #[arg(
        long,
        short = 'o',
        global = true,
        env = "AI_GATEWAY_FORMAT",
        value_enum
    )]
    format: Option<Format>,
    /// Print the URL and the response status of each request.
    #[arg(long, short, global = true, env = "AI_GATEWAY_VERBOSE", value_parser = clap::builder::FalseyValueParser::new())]
    verbose: bool,
    #[command(flatten)]
    session: session::SessionOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Report every problem of a configuration, with its line, its JSON path and a hint.
    #[command(after_help = CHECK_EXAMPLES)]
    Check(check::Check),
    /// Print the JSON Schema of the configuration.
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema,
    /// Write Envoy's complete configuration from the filter's configuration.
    #[command(after_help = RENDER_EXAMPLES)]
    Render(Box<render::Render>),
    /// Print a token for the gateway; tokens are cached and renewed.
    #[command(after_help = TOKEN_EXAMPLES)]
    Token(identity::TokenOptions),
    /// Request a token and store the gateway, the issuer and the client.
    #[command(after_help = LOGIN_EXAMPLES)]
    Login,
    /// Delete the client's stored secret and the cached token.
    Logout,
    /// Show the gateway, the client and the token, and whether the gateway accepts the token.
    Status,
    /// Manage the environments, one for each gateway.
    #[command(subcommand, after_help = ENV_EXAMPLES)]
    Env(env::Env),
    /// List and test the gateway's providers.
    #[command(subcommand, after_help = LLM_EXAMPLES)]
    Llm(llm::Llm),
    /// Start a client that uses a provider, with a token that is renewed for the whole session.
    #[command(after_help = RUN_EXAMPLES)]
    Run(run::Run),
    /// Print the completion script for a shell.
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: Shell,
    },
}

const EXAMPLES: &str = "Examples:
  ai-gateway-filter check config.json
  ai-gateway-filter render config.json --output envoy-files/
  ai-gateway-filter login --endpoint https://gateway.example.com --issuer https://auth.example.com/
  ai-gateway-filter llm list
  ai-gateway-filter run claude -L my-provider

Exit codes and variables: docs/command-line.md";

const CHECK_EXAMPLES: &str = "Examples:
  ai-gateway-filter check config.json
  ai-gateway-filter check envoy/filter.yaml --online
  ai-gateway-filter check config.json --format json";

const SCHEMA_EXAMPLES: &str = "Example:
  ai-gateway-filter schema > configuration.schema.json";

const RENDER_EXAMPLES: &str = "Examples:
  ai-gateway-filter render config.json --output envoy-files/
  ai-gateway-filter render config.json -O envoy/ --listen 0.0.0.0:443 --tls-certificate cert.pem --tls-key key.pem
  envoy --mode validate -c envoy/envoy.yaml";

const TOKEN_EXAMPLES: &str = "Examples:
  curl -H \"Authorization: Bearer $(ai-gateway-filter token)\" https://gateway.example.com/llm/v1/providers
  Claude Code, settings.json: {\"apiKeyHelper\": \"ai-gateway-filter token\"}";

const LOGIN_EXAMPLES: &str = "Examples:
  ai-gateway-filter login --endpoint https://gateway.example.com --issuer https://auth.example.com/ \\
      --audience ai-gateway --client-id my-client
  ai-gateway-filter login --env staging < secret.txt";

const ENV_EXAMPLES: &str = "Examples:
  ai-gateway-filter env add staging --endpoint https://staging.example.com --issuer https://auth.example.com/
  ai-gateway-filter env use staging
  ai-gateway-filter --env prod llm list";

const LLM_EXAMPLES: &str = "Examples:
  ai-gateway-filter llm list
  ai-gateway-filter llm get my-provider --format yaml
  ai-gateway-filter llm check my-provider --model my-model";

const RUN_EXAMPLES: &str = "Examples:
  ai-gateway-filter run claude -L my-provider
  ai-gateway-filter run claude -L my-provider -m my-model -- --permission-mode plan
  ai-gateway-filter run codex -L my-provider -m my-model -- exec \"Say hi\"";

const COMPLETIONS_EXAMPLES: &str = "Examples:
  ai-gateway-filter completions bash > ~/.local/share/bash-completion/completions/ai-gateway-filter
  ai-gateway-filter completions zsh > \"${fpath[1]}/_ai-gateway-filter\"
  ai-gateway-filter completions fish > ~/.config/fish/completions/ai-gateway-filter.fish";

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.verbose {
        output::set_verbose();
    }
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
        Command::Token(token) => identity::token(&cli.session, token)?,
        Command::Login => identity::login(&cli.session)?,
        Command::Logout => identity::logout(&cli.session)?,
        Command::Status => identity::status(&cli.session, cli.format)?,
        Command::Env(env) => env::run(&cli.session, env, cli.format)?,
        Command::Llm(llm) => llm::run(&cli.session, llm, cli.format)?,
        Command::Run(options) => return run::run(&cli.session, options),
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
