//! `login`, `logout`, `token` and `status`: the client's identity and its tokens.

use std::io::{BufRead, IsTerminal};

use ai_gateway_core::base::time::UnixTime;
use clap::Args;
use serde_json::json;

use super::clock;
use super::environment;
use super::failure::{Failure, Kind};
use super::gateway::Gateway;
use super::oidc::{ClientCredentials, unverified_expiry};
use super::output::{self, Format, table};
use super::session::{CLIENT_SECRET, Session, SessionOptions};
use super::token_cache::{self, Freshness};

/// The arguments of `token`.
#[derive(Args)]
pub(super) struct TokenOptions {
    /// Request a new token even if the cached one is fresh.
    #[arg(long)]
    fresh: bool,
}

/// Requests a token and, if that succeeds, stores the gateway and the client.
pub(super) fn login(options: &SessionOptions) -> Result<(), Failure> {
    let mut session = Session::open_or_create(options)?;
    if session.environment.client_id.is_none() {
        session.environment.client_id = Some(prompt("Client id: ", Echo::On)?);
    }
    let is_new_client = options.client_id.is_some() && std::env::var(CLIENT_SECRET).is_err();
    if session.environment.client_secret.is_none() || is_new_client {
        session.environment.client_secret = Some(prompt("Client secret: ", Echo::Off)?);
    }
    let token = token_cache::token(&session.credentials()?, Freshness::New)?;
    let path = environment::path(options.config.as_deref())?;
    environment::change(&path, |stored| {
        let known = session.environment.clone();
        stored.environments.insert(session.name.clone(), known);
        stored.current.get_or_insert_with(|| session.name.clone());
        Ok(())
    })?;
    eprintln!(
        "Logged in to \"{}\" (token: {}).",
        session.name,
        validity(token.expires_at)
    );
    if session.environment.endpoint.is_none() {
        eprintln!("  hint: set the gateway, too: ai-gateway-filter login --endpoint https://…");
    }
    Ok(())
}

/// Deletes the client's stored secret and the cached token.
pub(super) fn logout(options: &SessionOptions) -> Result<(), Failure> {
    let path = environment::path(options.config.as_deref())?;
    if let Ok(credentials) = Session::open(options)?.credentials() {
        token_cache::remove(&credentials)?;
    }
    let mut name = String::new();
    environment::change(&path, |stored| {
        let (selected, _) = stored.select(options.environment.as_deref())?;
        if let Some(environment) = stored.environments.get_mut(&selected) {
            environment.client_secret = None;
        }
        name = selected;
        Ok(())
    })?;
    eprintln!("Logged out of \"{name}\". Tokens that were issued stay valid until they expire.");
    Ok(())
}

/// Prints a token and nothing else, for use in scripts.
pub(super) fn token(options: &SessionOptions, token: &TokenOptions) -> Result<(), Failure> {
    let session = Session::open(options)?;
    let token = if token.fresh && !session.has_given_token() {
        token_cache::token(&session.credentials()?, Freshness::New)?.access_token
    } else {
        session.token()?
    };
    output::write(&format!("{token}\n"))
}

/// Shows the gateway, the client and the token, and whether the gateway accepts the token.
pub(super) fn status(options: &SessionOptions, format: Option<Format>) -> Result<(), Failure> {
    let session = Session::open(options)?;
    let environment = &session.environment;
    let token = if session.has_given_token() {
        let expiry = session
            .token()
            .ok()
            .and_then(|token| unverified_expiry(&token));
        format!("given by --token or AI_GATEWAY_TOKEN; {}", validity(expiry))
    } else {
        match session.credentials() {
            Ok(credentials) => cached(&credentials)?,
            Err(_) => "none; not logged in".to_owned(),
        }
    };
    let providers = session
        .token()
        .and_then(|token| Gateway::new(&session, token).providers());
    let gateway = match &providers {
        Ok(providers) => format!("lists {} providers", providers.len()),
        Err(failure) => failure.message.clone(),
    };
    let rows = [
        ("environment", Some(session.name.clone())),
        ("endpoint", environment.endpoint.clone()),
        ("issuer", environment.issuer.clone()),
        ("audience", environment.audience.clone()),
        ("client_id", environment.client_id.clone()),
        ("token", Some(token)),
        ("gateway", Some(gateway)),
    ];
    let members = rows
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)));
    let document = members.collect::<serde_json::Map<_, _>>().into();
    Format::or_by_terminal(format).print(&document, || {
        let rows = rows.iter().map(|(name, value)| {
            vec![
                (*name).to_owned(),
                value.clone().unwrap_or_else(|| "-".to_owned()),
            ]
        });
        table(&rows.collect::<Vec<_>>())
    })?;
    providers.map(|_| ())
}

fn cached(credentials: &ClientCredentials) -> Result<String, Failure> {
    Ok(match token_cache::peek(credentials)? {
        Some(token) => format!("cached; {}", validity(token.expires_at)),
        None => "not cached; requested when needed".to_owned(),
    })
}

fn validity(expires_at: Option<UnixTime>) -> String {
    let Some(end) = expires_at else {
        return "with an unknown expiry".to_owned();
    };
    let seconds = end.saturating_since(clock::now()).as_secs();
    match seconds {
        0 => format!("expired at {end}"),
        1..120 => format!("valid for {seconds} s"),
        _ => format!("valid for {} min, until {end}", seconds / 60),
    }
}

/// Whether a terminal shows what the user types.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Echo {
    On,
    Off,
}

/// Prompts on a terminal, or else reads the next line of standard input.
fn prompt(question: &str, echo: Echo) -> Result<String, Failure> {
    let missing = |error: std::io::Error| {
        Failure::new(
            Kind::Usage,
            format!("{} is required: {error}", question.trim_end_matches(": ")),
        )
        .hint(format!(
            "give --client-id and {CLIENT_SECRET}, or run this on a terminal"
        ))
    };
    let line = if echo == Echo::Off && std::io::stdin().is_terminal() {
        rpassword::prompt_password(question).map_err(missing)?
    } else {
        if std::io::stdin().is_terminal() {
            eprint!("{question}");
        }
        let mut line = String::new();
        std::io::stdin()
            .lock()
            .read_line(&mut line)
            .map_err(missing)?;
        line
    };
    let text = line.trim();
    if text.is_empty() {
        return Err(missing(std::io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(text.to_owned())
}
