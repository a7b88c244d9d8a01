//! `check`: what the filter would say about a configuration, before Envoy asks it.

mod hints;
mod locate;
mod online;
mod plugin;
mod problems;
mod report;
mod source;
mod warnings;

use std::path::{Path, PathBuf};

use ai_gateway_core::config::{Config, Problem};
use clap::Args;
use serde_json::json;

pub(super) use problems::every_problem;
pub(super) use source::{Source, read};
pub(super) use warnings::{variables, warnings};

use super::failure::{Failure, Kind};
use super::output::{self, Format};
use report::{Finding, Severity};

/// What `check` is called with.
#[derive(Args)]
pub(super) struct Check {
    /// The filter's configuration as JSON, or an Envoy file (YAML or JSON) that has it inline.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Also try discovery, key sets, clocks and the providers' hosts from this machine, and see
    /// whether the variables are set in this environment.
    #[arg(long)]
    online: bool,
    /// Fail on warnings, too.
    #[arg(long)]
    strict: bool,
}

/// Prints what was found as text, or in the format that was asked for.
pub(super) fn run(check: &Check, format: Option<Format>) -> Result<(), Failure> {
    let mut documents = Vec::new();
    let (mut errors, mut warnings) = (0, 0);
    for file in &check.files {
        for finding in findings(file, check.online)? {
            match finding.severity {
                Severity::Error => errors += 1,
                Severity::Warning => warnings += 1,
                Severity::Ok => {}
            }
            let name = file.display().to_string();
            if matches!(format, None | Some(Format::Table)) {
                output::write(&finding.text(&name))?;
            } else {
                let mut document = json!(finding);
                if let Some(members) = document.as_object_mut() {
                    members.insert("file".to_owned(), name.into());
                }
                documents.push(document);
            }
        }
    }
    if let Some(format) = format.filter(|format| *format != Format::Table) {
        format.print(&json!({ "findings": documents }), String::new)?;
    }
    let is_bad = errors > 0 || check.strict && warnings > 0;
    if is_bad {
        let plural = |count| if count == 1 { "" } else { "s" };
        let counts = format!(
            "{errors} problem{}, {warnings} warning{}",
            plural(errors),
            plural(warnings)
        );
        return Err(Failure::new(Kind::Failed, counts));
    }
    Ok(())
}

fn findings(file: &Path, online: bool) -> Result<Vec<Finding>, Failure> {
    let mut found = Vec::new();
    for source in read(file)? {
        let finding = |severity, problem| Finding::new(severity, &source, problem);
        let refused = every_problem(&source.text, &any_environment);
        let is_taken = refused.is_empty();
        let errors = refused.into_iter();
        found.extend(errors.map(|problem| finding(Severity::Error, problem)));
        let variables = variables(&source.text);
        if let Some(plugin) = &source.plugin {
            found.extend(plugin::findings(plugin, &variables));
        }
        let warned = warnings(&source.text).into_iter();
        found.extend(warned.map(|problem| finding(Severity::Warning, problem)));
        if online && is_taken {
            let unset = every_problem(&source.text, &|name| std::env::var(name).ok());
            found.extend(unset.into_iter().map(|problem| {
                let mut found = finding(Severity::Error, problem);
                found.hint = Some("run this where Envoy's environment is".to_owned());
                found
            }));
            if let Ok(config) = Config::parse(source.text.as_bytes(), &any_environment) {
                found.extend(online::findings(&source, &config));
            }
        }
    }
    Ok(found)
}

/// An environment in which every variable is set: a configuration is good or bad wherever it is
/// checked. The text is a fit value of everything that a variable can hold here: a key, and a URL.
pub(super) fn any_environment(_: &str) -> Option<String> {
    Some("http://169.254.170.2/".to_owned())
}

/// Fails with the problems of a configuration that another command is to work with.
pub(super) fn refuse_mistakes(file: &Path, source: &Source) -> Result<(), Failure> {
    let problems: Vec<Problem> = every_problem(&source.text, &any_environment);
    if problems.is_empty() {
        return Ok(());
    }
    let name = file.display().to_string();
    for problem in problems {
        eprint!(
            "{}",
            Finding::new(Severity::Error, source, problem).text(&name)
        );
    }
    Err(Failure::new(
        Kind::Failed,
        format!("{name} is not in order"),
    ))
}
