//! `login`, `logout`, `token` and `status`: who asks the gateway.

use std::io::{BufRead, IsTerminal};

use ai_gateway_core::base::time::UnixTime;
use clap::Args;
use serde_json::json;

use super::clock;
use super::environment;
use super::failure::{Failure, Kind};
use super::gateway::Gateway;
use super::oidc::{Credentials, unverified_expiry};
use super::output::{self, Format, table};
use super::session::{CLIENT_SECRET, Choice, Session};
use super::token_cache::{self, Freshness};

/// What `token` is called with.
#[derive(Args)]
pub(super) struct Token {
    /// Ask for a new token, even if the cached one is good for a while.
    #[arg(long)]
    fresh: bool,
}

/// Stores who asks which gateway, once the identity provider has given a token for it.
pub(super) fn login(choice: &Choice) -> Result<(), Failure> {
    let mut session = Session::open_or_create(choice)?;
    if session.environment.client_id.is_none() {
        session.environment.client_id = Some(ask("Client id: ", Echo::Shown)?);
    }
    let is_new_client = choice.client_id.is_some() && std::env::var(CLIENT_SECRET).is_err();
    if session.environment.client_secret.is_none() || is_new_client {
        session.environment.client_secret = Some(ask("Client secret: ", Echo::Hidden)?);
    }
    let token = token_cache::token(&session.credentials()?, Freshness::New)?;
    let path = environment::path(choice.config.as_deref())?;
    environment::change(&path, |stored| {
        let known = session.environment.clone();
        stored.environments.insert(session.name.clone(), known);
        stored.current.get_or_insert_with(|| session.name.clone());
        Ok(())
    })?;
    eprintln!(
        "Logged in to \"{}\"; {}.",
        session.name,
        life(token.expires_at)
    );
    if session.environment.endpoint.is_none() {
        eprintln!("  hint: name the gateway, too: ai-gateway-filter login --endpoint https://…");
    }
    Ok(())
}

/// Forgets the client's secret and the cached token.
pub(super) fn logout(choice: &Choice) -> Result<(), Failure> {
    let path = environment::path(choice.config.as_deref())?;
    if let Ok(credentials) = Session::open(choice)?.credentials() {
        token_cache::forget(&credentials)?;
    }
    let mut name = String::new();
    environment::change(&path, |stored| {
        let (chosen, _) = stored.chosen(choice.environment.as_deref())?;
        if let Some(environment) = stored.environments.get_mut(&chosen) {
            environment.client_secret = None;
        }
        name = chosen;
        Ok(())
    })?;
    eprintln!("Logged out of \"{name}\". Tokens that were given out end by themselves.");
    Ok(())
}

/// Prints a token, and nothing else, for whoever puts it into a request.
pub(super) fn token(choice: &Choice, options: &Token) -> Result<(), Failure> {
    let session = Session::open(choice)?;
    let token = if options.fresh && !session.has_given_token() {
        token_cache::token(&session.credentials()?, Freshness::New)?.access_token
    } else {
        session.token()?
    };
    output::write(&format!("{token}\n"))
}

/// Shows which gateway is asked by whom, and what it says to that.
pub(super) fn status(choice: &Choice, format: Option<Format>) -> Result<(), Failure> {
    let session = Session::open(choice)?;
    let environment = &session.environment;
    let token = if session.has_given_token() {
        let expiry = session
            .token()
            .ok()
            .and_then(|token| unverified_expiry(&token));
        format!("given by --token or AI_GATEWAY_TOKEN; {}", life(expiry))
    } else {
        match session.credentials() {
            Ok(credentials) => cached(&credentials)?,
            Err(_) => "none: not logged in".to_owned(),
        }
    };
    let answer = session
        .token()
        .and_then(|token| Gateway::new(&session, token).providers());
    let gateway = match &answer {
        Ok(providers) => format!("shows {} providers", providers.len()),
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
    answer.map(|_| ())
}

fn cached(credentials: &Credentials) -> Result<String, Failure> {
    Ok(match token_cache::peek(credentials)? {
        Some(token) => format!("cached; {}", life(token.expires_at)),
        None => "none cached: asked for when needed".to_owned(),
    })
}

fn life(expires_at: Option<UnixTime>) -> String {
    let Some(end) = expires_at else {
        return "the token's end is not told".to_owned();
    };
    let seconds = end.saturating_since(clock::now()).as_secs();
    match seconds {
        0 => format!("the token expired at {end}"),
        1..120 => format!("the token is good for {seconds} s"),
        _ => format!("the token is good for {} min, until {end}", seconds / 60),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Echo {
    Shown,
    Hidden,
}

/// Asks on a terminal; else takes the next line of standard input.
fn ask(question: &str, echo: Echo) -> Result<String, Failure> {
    let wanted = |error: std::io::Error| {
        Failure::new(
            Kind::Usage,
            format!("{} is needed: {error}", question.trim_end_matches(": ")),
        )
        .hint(format!(
            "give --client-id and {CLIENT_SECRET}, or run this on a terminal"
        ))
    };
    let line = if echo == Echo::Hidden && std::io::stdin().is_terminal() {
        rpassword::prompt_password(question).map_err(wanted)?
    } else {
        if std::io::stdin().is_terminal() {
            eprint!("{question}");
        }
        let mut line = String::new();
        std::io::stdin()
            .lock()
            .read_line(&mut line)
            .map_err(wanted)?;
        line
    };
    let text = line.trim();
    if text.is_empty() {
        return Err(wanted(std::io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(text.to_owned())
}
