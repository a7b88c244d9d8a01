//! `check`: reports the problems of a configuration without Envoy, as the filter would.

mod clusters;
mod hints;
mod locate;
mod online;
mod plugin;
mod problems;
mod report;
mod source;

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

pub(super) use clusters::Clusters;
pub(super) use problems::{Examination, examine};
pub(super) use source::{Source, read};

use super::failure::{Failure, Kind};
use super::output::{self, Format};
use report::{Finding, Severity};

/// The arguments of `check`.
#[derive(Args)]
pub(super) struct Check {
    /// The filter's configuration as JSON, or an Envoy file (YAML or JSON) that contains it.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Also test from this machine: discovery, key sets, clocks, the providers' hosts, and whether
    /// the environment variables are set.
    #[arg(long)]
    online: bool,
    /// Envoy's bootstrap: its clusters are compared with those that the configuration names.
    #[arg(long)]
    bootstrap: Option<PathBuf>,
    /// Fail on warnings, too.
    #[arg(long)]
    strict: bool,
}

/// Prints the findings as text, or in the given format.
pub(super) fn run(check: &Check, format: Option<Format>) -> Result<(), Failure> {
    let bootstrap = check.bootstrap.as_deref().map(Clusters::read).transpose()?;
    let mut documents = Vec::new();
    let (mut errors, mut warnings) = (0, 0);
    for file in &check.files {
        for finding in findings(file, check, bootstrap.as_ref())? {
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
    let has_failed = errors > 0 || check.strict && warnings > 0;
    if has_failed {
        return Err(Failure::new(Kind::Failed, summary(errors, warnings)));
    }
    Ok(())
}

/// Why the check fails. Without errors, it fails because of `--strict`.
fn summary(errors: usize, warnings: usize) -> String {
    let counted = |count, noun| match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    };
    let warnings_found = counted(warnings, "warning");
    match (errors, warnings) {
        (0, 1) => format!("{warnings_found}, which --strict treats as a problem"),
        (0, _) => format!("{warnings_found}, which --strict treats as problems"),
        (_, 0) => counted(errors, "problem"),
        _ => format!("{}, {warnings_found}", counted(errors, "problem")),
    }
}

fn findings(
    file: &Path,
    check: &Check,
    bootstrap: Option<&Clusters>,
) -> Result<Vec<Finding>, Failure> {
    let mut found = Vec::new();
    for source in read(file)? {
        let finding = |severity, problem| Finding::new(severity, &source, problem);
        let examination = examine(&source.text, &any_environment);
        let is_valid = examination.problems.is_empty();
        let problems = examination.problems.into_iter();
        found.extend(problems.map(|problem| finding(Severity::Error, problem)));
        if let Some(plugin) = &source.plugin {
            found.extend(plugin::findings(plugin, &examination.variables));
        }
        let warnings = examination.warnings.into_iter();
        found.extend(warnings.map(|warning| finding(Severity::Warning, warning)));
        found.extend(missing_clusters(&source, bootstrap));
        if check.online && is_valid {
            let examination = examine(&source.text, &|name| std::env::var(name).ok());
            found.extend(examination.problems.into_iter().map(|problem| Finding {
                hint: Some("run this in Envoy's environment".to_owned()),
                ..finding(Severity::Error, problem)
            }));
            found.extend(online::findings(&source));
        }
    }
    Ok(found)
}

/// The clusters that the configuration names and Envoy lacks, as far as its clusters are known: from
/// the given bootstrap, from the file itself, or else from the shipped bootstrap.
fn missing_clusters(source: &Source, bootstrap: Option<&Clusters>) -> Vec<Finding> {
    let known = bootstrap.or(source.clusters.as_ref());
    let shipped = Clusters::shipped();
    let Some(clusters) = known.or(shipped.as_ref()) else {
        return Vec::new();
    };
    let (severity, hint) = match known {
        Some(clusters) if clusters.are_complete => (
            Severity::Error,
            "add it to the bootstrap, or correct the name",
        ),
        Some(_) => (
            Severity::Warning,
            "make sure that the control plane sends it, or correct the name",
        ),
        None => (
            Severity::Warning,
            "the shipped bootstrap lacks it; if yours has it, give the file: --bootstrap <file>",
        ),
    };
    let missing = clusters.missing(&source.text).into_iter();
    missing
        .map(|problem| Finding {
            hint: Some(hint.to_owned()),
            ..Finding::new(severity, source, problem)
        })
        .collect()
}

/// An environment in which every variable is set, because a check without `--online` must not
/// depend on the machine. The value is valid for everything that a variable holds: a key or a URL.
pub(super) fn any_environment(_: &str) -> Option<String> {
    Some("http://169.254.170.2/".to_owned())
}

/// Examines a configuration that another command uses. Prints its problems and fails if it has any.
pub(super) fn require_valid(file: &Path, source: &Source) -> Result<Examination, Failure> {
    let examination = examine(&source.text, &any_environment);
    if examination.problems.is_empty() {
        return Ok(examination);
    }
    let name = file.display().to_string();
    for problem in examination.problems {
        let finding = Finding::new(Severity::Error, source, problem);
        eprint!("{}", finding.text(&name));
    }
    Err(Failure::new(Kind::Failed, format!("{name} is not valid")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_says_why_the_check_fails() {
        for (errors, warnings, text) in [
            (1, 0, "1 problem"),
            (2, 1, "2 problems, 1 warning"),
            (0, 1, "1 warning, which --strict treats as a problem"),
            (0, 2, "2 warnings, which --strict treats as problems"),
        ] {
            assert_eq!(summary(errors, warnings), text);
        }
    }
}
