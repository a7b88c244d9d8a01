//! `llm`: lists and tests the gateway's providers.

mod probe;

use clap::Subcommand;
use serde_json::json;

use super::failure::Failure;
use super::gateway::{Gateway, Provider};
use super::output::{Format, table};
use super::session::{Session, SessionOptions};

/// The subcommands of `llm`.
#[derive(Subcommand)]
pub(super) enum Llm {
    /// List the providers that your token may list.
    List,
    /// Show one provider.
    Get {
        /// The provider's name.
        name: String,
    },
    /// Send one inexpensive request through the gateway, and report the first hop that fails.
    Check {
        /// The provider's name.
        name: String,
        /// The model to use; by default the provider's first. Without one, the list of models is
        /// requested.
        #[arg(long, short)]
        model: Option<String>,
    },
}

pub(super) fn run(
    options: &SessionOptions,
    llm: &Llm,
    format: Option<Format>,
) -> Result<(), Failure> {
    let session = Session::open(options)?;
    let format = Format::or_by_terminal(format);
    match llm {
        Llm::List => {
            let providers = Gateway::new(&session, session.token()?).providers()?;
            let heading = ["NAME", "TYPE", "STATUS", "MODELS", "PROXY URL"].map(str::to_owned);
            let rows = providers.iter().map(row);
            let rows: Vec<_> = std::iter::once(heading.to_vec()).chain(rows).collect();
            format.print(&json!({ "providers": providers }), || table(&rows))
        }
        Llm::Get { name } => {
            let provider = Gateway::new(&session, session.token()?).provider(name)?;
            let document = json!(provider);
            let rows = document.as_object().into_iter().flatten();
            let rows = rows.map(|(name, value)| {
                let text = match value.as_str() {
                    Some(text) => text.to_owned(),
                    None if value.is_array() => provider.models_for_display(),
                    None => value.to_string(),
                };
                vec![name.clone(), text]
            });
            format.print(&document, || table(&rows.collect::<Vec<_>>()))
        }
        Llm::Check { name, model } => probe::run(&session, name, model.as_deref(), format),
    }
}

fn row(provider: &Provider) -> Vec<String> {
    vec![
        provider.name.clone(),
        provider.kind.clone(),
        provider.status.clone(),
        provider.models_for_display(),
        provider.proxy_url.clone(),
    ]
}
