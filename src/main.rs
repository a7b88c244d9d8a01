//! The filter's command: checks and renders its configuration, gets tokens, asks the gateway and
//! starts clients at it. It shares the filter's own parser of configurations, and nothing of the
//! filter depends on it.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
