//! `run`: starts a client at a provider of the gateway, with a token that renews for the whole
//! session. Nothing is written into the client's home, and what is written is removed at the end.

mod loopback;
mod request;
mod session_folder;

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode};

use clap::Args;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::clients::{Client, Connection, Launch, Mode, TokenSource};
use super::failure::{Failure, Kind};
use super::gateway::Gateway;
use super::output::detail;
use super::session::{Choice, Session};
use loopback::Loopback;
use session_folder::SessionFolder;

/// What `run` is called with.
#[derive(Args)]
pub(super) struct Run {
    /// The client.
    #[arg(value_enum)]
    client: Client,
    /// The provider, by its name.
    #[arg(long, short = 'L')]
    provider: String,
    /// The model; the client's own choice, if not given.
    #[arg(long, short)]
    model: Option<String>,
    /// The provider's type, if you lack the permission to see it.
    #[arg(long = "type")]
    kind: Option<String>,
    /// With --type: the provider passes your own credential through.
    #[arg(long, requires = "kind")]
    passthrough: bool,
    /// Arguments for the client.
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Returns the client's own exit code.
pub(super) fn run(choice: &Choice, run: &Run) -> Result<ExitCode, Failure> {
    let session = Session::open(choice)?;
    let client = run.client;
    let mode = mode(&session, run)?;
    let proxy_url = session.proxy_url(&run.provider)?;
    let folder = SessionFolder::create()?;
    let inherited = choice.as_variables()?;
    let base_url = match client.token_source(mode) {
        TokenSource::Helper => proxy_url,
        TokenSource::Loopback(injection) => {
            let secret = folder.secret().to_owned();
            Loopback::start(session, proxy_url, injection, secret)?.base_url()
        }
    };
    let helper = std::env::current_exe().map_err(|error| {
        Failure::new(
            Kind::Failed,
            format!("the command does not know its own path: {error}"),
        )
    })?;
    let launch = client.launch(
        mode,
        &Connection {
            base_url: &base_url,
            helper: &[helper.to_string_lossy().into_owned(), "token".to_owned()],
            model: run.model.as_deref(),
            folder: folder.path(),
            env: &|name| std::env::var(name).ok(),
        },
    );
    for (path, content) in &launch.files {
        folder.write(path, content)?;
    }
    let child = spawn(client, &launch, &inherited, &run.arguments)?;
    let code = wait(child)?;
    drop(folder);
    Ok(code)
}

/// How the client uses the provider, which must be of a fitting type.
fn mode(session: &Session, run: &Run) -> Result<Mode, Failure> {
    let (kind, passthrough) = match &run.kind {
        Some(kind) => {
            session.token()?; // a client would only show that it cannot be had
            (kind.clone(), run.passthrough)
        }
        None => {
            let provider = Gateway::new(session, session.token()?)
                .provider(&run.provider)
                .map_err(|failure| match failure.kind {
                    Kind::Denied => failure.hint("name its type: --type <type>"),
                    _ => failure,
                })?;
            if provider.status == "disabled" {
                return Err(Failure::new(
                    Kind::Denied,
                    format!("\"{}\" is disabled", run.provider),
                )
                .hint("ask whoever runs the gateway"));
            }
            (provider.kind, provider.authorization_passthrough)
        }
    };
    run.client.mode(&kind, passthrough).map_err(|fitting| {
        let with = if passthrough { " with passthrough" } else { "" };
        Failure::new(
            Kind::Usage,
            format!(
                "{} cannot use \"{}\", which is of type {kind}{with}",
                run.client.program(),
                run.provider
            ),
        )
        .hint(format!(
            "choose a provider of type {fitting}: ai-gateway-filter llm list"
        ))
    })
}

fn spawn(
    client: Client,
    launch: &Launch,
    inherited: &[(&'static str, String)],
    arguments: &[String],
) -> Result<Child, Failure> {
    let program = client.program();
    let mut command = Command::new(program);
    for name in &launch.unset {
        command.env_remove(name);
    }
    command.envs(inherited.iter().cloned());
    command.envs(launch.set.iter().cloned());
    command.args(&launch.arguments).args(arguments);
    detail(&format!("starting {program}"));
    command.spawn().map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            Failure::new(Kind::NotInstalled, format!("{program} is not installed"))
                .hint(client.installation())
        } else {
            Failure::file(Path::new(program), &error)
        }
    })
}

/// Waits for the client. Ctrl-C is the client's, which gets it from the terminal; what ends this
/// process is passed on, so that the client ends first and nothing stays behind.
fn wait(mut child: Child) -> Result<ExitCode, Failure> {
    let cannot = |error: std::io::Error| Failure::new(Kind::Failed, error.to_string());
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(cannot)?;
    let id = i32::try_from(child.id()).ok();
    let pid = id.and_then(rustix::process::Pid::from_raw);
    std::thread::spawn(move || {
        for signal in &mut signals {
            if let Some(pid) = pid.filter(|_| signal != SIGINT) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            }
        }
    });
    let status = child.wait().map_err(cannot)?;
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
