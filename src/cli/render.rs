//! `render`: writes Envoy's complete configuration, made from the files in envoy/ and the filter's
//! configuration.

mod bootstrap;
mod filter;
mod template;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ai_gateway_core::config::Config;
use clap::Args;

use super::check::{self, Clusters};
use super::failure::{Failure, Kind};
use super::output;

/// The arguments of `render`.
#[derive(Args)]
pub(super) struct Render {
    /// The filter's configuration.
    config: PathBuf,
    /// The folder to write envoy.yaml and filter.yaml into.
    #[arg(long, short = 'O', default_value = ".")]
    output: PathBuf,
    /// The folder of both files on Envoy's machine; by default the output folder.
    #[arg(long)]
    install_dir: Option<PathBuf>,
    /// The path of the filter on Envoy's machine.
    #[arg(long, default_value = "/etc/envoy/ai_gateway_filter.wasm")]
    wasm: PathBuf,
    /// The address on which the gateway listens.
    #[arg(long, default_value = "127.0.0.1:10000")]
    listen: Address,
    /// The certificate chain for TLS, a PEM file.
    #[arg(long, requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The private key for TLS, a PEM file.
    #[arg(long, requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// The address on which Envoy's admin page listens, or "off".
    #[arg(long, default_value = "127.0.0.1:9901")]
    admin: Toggle<Address>,
    /// The destination of the access log: "stdout", "off" or a file.
    #[arg(long, default_value = "stdout")]
    access_log: AccessLog,
    /// An OpenTelemetry collector, as host:port, that receives traces by OTLP over HTTP.
    #[arg(long)]
    tracing: Option<Address>,
    /// The certificate authorities that verify the providers' certificates.
    #[arg(long, default_value = "/etc/ssl/certs/ca-certificates.crt")]
    ca_bundle: PathBuf,
}

/// `host:port`, with an IPv6 address in brackets.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Address {
    host: String,
    port: u16,
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "must be host:port, such as 0.0.0.0:10000 or [::]:443";
        let (host, port) = text.rsplit_once(':').ok_or(expected)?;
        let host = match host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
        {
            Some(host) => host,
            None if host.contains(':') => return Err(expected),
            None => host,
        };
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_host) {
            return Err(expected);
        }
        Ok(Self {
            host: host.to_owned(),
            port: port.parse().map_err(|_| expected)?,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A value, or `off`.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Toggle<T> {
    Off,
    On(T),
}

impl<T: FromStr> FromStr for Toggle<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            Ok(Self::Off)
        } else {
            text.parse().map(Self::On)
        }
    }
}

/// The destination of the access log.
#[derive(Clone, PartialEq, Eq, Debug)]
enum AccessLog {
    Stdout,
    Off,
    File(PathBuf),
}

impl FromStr for AccessLog {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "stdout" => Self::Stdout,
            "off" => Self::Off,
            path => Self::File(path.into()),
        })
    }
}

impl Render {
    /// The folder of both files on Envoy's machine.
    fn install_folder(&self) -> String {
        let folder = self.install_dir.as_deref().unwrap_or(&self.output);
        let folder = match &self.install_dir {
            Some(_) => folder.to_owned(),
            None => std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()),
        };
        let folder = folder.to_string_lossy();
        folder.trim_end_matches('/').to_owned()
    }
}

/// Writes the files atomically, because Envoy may watch them.
pub(super) fn run(options: &Render) -> Result<(), Failure> {
    let sources = check::read(&options.config)?;
    let [source] = sources.as_slice() else {
        return Err(Failure::new(
            Kind::Usage,
            format!(
                "{} contains several configurations of the filter",
                options.config.display()
            ),
        )
        .hint("give a file with one configuration"));
    };
    let examination = check::require_valid(&options.config, source)?;
    for warning in &examination.warnings {
        output::warn(&format!("{}: {}", warning.path, warning.message));
    }
    let config = Config::parse(source.text.as_bytes(), &check::any_environment)
        .map_err(|error| Failure::new(Kind::Failed, error.to_string()))?;
    let bootstrap = bootstrap::bootstrap(options, config.max_signed_body_bytes)?;
    for missing in Clusters::parse(&bootstrap).map_or_else(Vec::new, |it| it.missing(&source.text))
    {
        output::warn(&format!(
            "{}: {}; add it to envoy.yaml, or correct the name",
            missing.path, missing.message
        ));
    }
    let filter = filter::filter(options, &source.text, &examination.variables)?;
    std::fs::create_dir_all(&options.output)
        .map_err(|error| Failure::file(&options.output, &error))?;
    for (name, text) in [("filter.yaml", filter), ("envoy.yaml", bootstrap)] {
        let path = options.output.join(name);
        write_atomically(&path, &text).map_err(|error| Failure::file(&path, &error))?;
        output::write(&format!("{}\n", path.display()))?;
    }
    Ok(())
}

fn write_atomically(path: &Path, text: &str) -> std::io::Result<()> {
    let new = path.with_extension("new");
    std::fs::write(&new, text)?;
    std::fs::rename(new, path)
}

#[cfg(test)]
impl Render {
    fn of(arguments: &[&str]) -> Self {
        #[derive(clap::Parser)]
        struct Parser {
            #[command(flatten)]
            render: Render,
        }
        let arguments = ["render", "config.json"].iter().chain(arguments);
        <Parser as clap::Parser>::parse_from(arguments).render
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_host_and_a_port() {
        for (text, host, shown) in [
            ("0.0.0.0:1", "0.0.0.0", "0.0.0.0:1"),
            ("[::1]:1", "::1", "[::1]:1"),
            ("otel.test:1", "otel.test", "otel.test:1"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.host.as_str(), address.port), (host, 1));
            assert_eq!(address.to_string(), shown);
        }
        for text in [
            "", "1", ":1", "host", "host:x", "::1:1", "a b:1", "h\":1", "h:70000",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn tls_needs_both_of_its_files() {
        use clap::CommandFactory;
        let command = crate::Cli::command();
        let arguments = ["x", "render", "c.json", "--tls-key", "k"];
        assert!(command.try_get_matches_from(arguments).is_err());
    }
}
