//! `run`: starts a client that uses a provider through the gateway, with a token that is renewed
//! for the whole session. The client's own files are not changed, and temporary files are removed.

mod loopback;
mod request;
mod session_folder;

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode};

use clap::Args;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::clients::{Client, Connection, CredentialOwner, Launch, Mode, TokenSource};
use super::failure::{Failure, Kind};
use super::gateway::Gateway;
use super::output::detail;
use super::session::{Session, SessionOptions};
use loopback::Loopback;
use session_folder::SessionFolder;

/// The arguments of `run`.
#[derive(Args)]
pub(super) struct Run {
    /// The client to start.
    #[arg(value_enum)]
    client: Client,
    /// The provider's name.
    #[arg(long, short = 'L')]
    provider: String,
    /// The model; by default the client's own choice.
    #[arg(long, short)]
    model: Option<String>,
    /// The provider's type, if you may not list providers.
    #[arg(long = "type")]
    kind: Option<String>,
    /// With --type: the gateway forwards your own credential to the provider.
    #[arg(long, requires = "kind")]
    passthrough: bool,
    /// Arguments for the client.
    #[arg(last = true)]
    arguments: Vec<String>,
}

impl Run {
    /// Whose credential the provider gets, according to the arguments.
    const fn credential_owner(&self) -> CredentialOwner {
        if self.passthrough {
            CredentialOwner::Client
        } else {
            CredentialOwner::Gateway
        }
    }
}

/// Runs the client, and returns its exit code.
pub(super) fn run(options: &SessionOptions, run: &Run) -> Result<ExitCode, Failure> {
    let session = Session::open(options)?;
    let client = run.client;
    let mode = mode(&session, run)?;
    let proxy_url = session.proxy_url(&run.provider)?;
    let folder = SessionFolder::create()?;
    let inherited = options.as_variables()?;
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
            format!("cannot determine the path of this program: {error}"),
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

/// How the client uses the provider, whose type it must support.
fn mode(session: &Session, run: &Run) -> Result<Mode, Failure> {
    let (kind, credential) = match &run.kind {
        Some(kind) => {
            session.token()?; // The client could not explain why there is no token.
            (kind.clone(), run.credential_owner())
        }
        None => {
            let provider = Gateway::new(session, session.token()?)
                .provider(&run.provider)
                .map_err(|failure| match failure.kind {
                    Kind::Denied => failure.hint("give the provider's type: --type <type>"),
                    _ => failure,
                })?;
            if provider.status == "disabled" {
                return Err(Failure::new(
                    Kind::Denied,
                    format!("\"{}\" is disabled", run.provider),
                )
                .hint("ask the gateway's operator"));
            }
            let owner = provider.credential_owner();
            (provider.kind, owner)
        }
    };
    run.client.mode(&kind, credential).map_err(|supported| {
        let suffix = match credential {
            CredentialOwner::Client => " with passthrough",
            CredentialOwner::Gateway => "",
        };
        Failure::new(
            Kind::Usage,
            format!(
                "{} cannot use \"{}\", which has the type {kind}{suffix}",
                run.client.program(),
                run.provider
            ),
        )
        .hint(format!(
            "choose a provider of type {supported}: ai-gateway-filter llm list"
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

/// Waits for the client. The terminal sends Ctrl-C to the client itself. Other signals are
/// forwarded, so that the client ends first and the temporary files are removed.
fn wait(mut child: Child) -> Result<ExitCode, Failure> {
    let failure = |error: std::io::Error| Failure::new(Kind::Failed, error.to_string());
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(failure)?;
    let id = i32::try_from(child.id()).ok();
    let pid = id.and_then(rustix::process::Pid::from_raw);
    std::thread::spawn(move || {
        for signal in &mut signals {
            if let Some(pid) = pid.filter(|_| signal != SIGINT) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            }
        }
    });
    let status = child.wait().map_err(failure)?;
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
