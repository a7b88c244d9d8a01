//! `llm`: which providers the gateway has, and whether they can be used.

mod probe;

use clap::Subcommand;
use serde_json::json;

use super::failure::Failure;
use super::gateway::{Gateway, Provider};
use super::output::{Format, table};
use super::session::{Choice, Session};

/// What `llm` is called with.
#[derive(Subcommand)]
pub(super) enum Llm {
    /// List the providers that you may see.
    List,
    /// Show one provider.
    Get {
        /// Its name.
        name: String,
    },
    /// Send one probe_request request through the gateway, and tell which hop fails.
    Check {
        /// The provider's name.
        name: String,
        /// The model to ask; by default the provider's first, else its list of models is asked for.
        #[arg(long, short)]
        model: Option<String>,
    },
}

pub(super) fn run(choice: &Choice, llm: &Llm, format: Option<Format>) -> Result<(), Failure> {
    let session = Session::open(choice)?;
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
                    None if value.is_array() => provider.models.join(", "),
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
        provider.models.join(", "),
        provider.proxy_url.clone(),
    ]
}
