//! `render`: Envoy's complete configuration around the filter's, made from the files that are
//! shipped in envoy/.

mod bootstrap;
mod filter;
mod template;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ai_gateway_core::config::Config;
use clap::Args;

use super::check;
use super::failure::{Failure, Kind};
use super::output;

/// What `render` is called with.
#[derive(Args)]
pub(super) struct Render {
    /// The filter's configuration.
    config: PathBuf,
    /// The folder to write envoy.yaml and filter.yaml into.
    #[arg(long, short = 'O', default_value = ".")]
    output: PathBuf,
    /// The folder that they will be in on Envoy's machine; where they are written, if not given.
    #[arg(long)]
    install_dir: Option<PathBuf>,
    /// Where Envoy finds the filter.
    #[arg(long, default_value = "/etc/envoy/ai_gateway_filter.wasm")]
    wasm: PathBuf,
    /// Where the gateway listens.
    #[arg(long, default_value = "127.0.0.1:10000")]
    listen: Address,
    /// The certificate chain to listen with TLS, a PEM file.
    #[arg(long, requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// Its private key, a PEM file.
    #[arg(long, requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Where Envoy's admin page listens, or "off".
    #[arg(long, default_value = "127.0.0.1:9901")]
    admin: Toggle<Address>,
    /// Where the access log goes: "stdout", "off" or a file.
    #[arg(long, default_value = "stdout")]
    access_log: AccessLog,
    /// An OpenTelemetry collector to send traces to by OTLP over HTTP, as host:port.
    #[arg(long)]
    tracing: Option<Address>,
    /// The certificate authorities that providers are known by.
    #[arg(long, default_value = "/etc/ssl/certs/ca-certificates.crt")]
    ca_bundle: PathBuf,
}

/// `host:port`, an IPv6 address in brackets.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Address {
    host: String,
    port: u16,
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "must be host:port, such as 0.0.0.0:10000 or [::]:443";
        let (host, port) = text.rsplit_once(':').ok_or(wrong)?;
        let host = match host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
        {
            Some(host) => host,
            None if host.contains(':') => return Err(wrong),
            None => host,
        };
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_host) {
            return Err(wrong);
        }
        Ok(Self {
            host: host.to_owned(),
            port: port.parse().map_err(|_| wrong)?,
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

/// Something that can be left out.
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

/// Where the access log goes.
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
    /// The folder of the files on Envoy's machine.
    fn installed_in(&self) -> String {
        let folder = self.install_dir.as_deref().unwrap_or(&self.output);
        let folder = match &self.install_dir {
            Some(_) => folder.to_owned(),
            None => std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()),
        };
        let folder = folder.to_string_lossy();
        folder.trim_end_matches('/').to_owned()
    }
}

/// Writes the files, each in one step, so that an Envoy that watches them never sees half of one.
pub(super) fn run(options: &Render) -> Result<(), Failure> {
    let sources = check::read(&options.config)?;
    let [source] = sources.as_slice() else {
        return Err(Failure::new(
            Kind::Usage,
            format!(
                "{} has several configurations of the filter",
                options.config.display()
            ),
        )
        .hint("give a file with one"));
    };
    check::refuse_mistakes(&options.config, source)?;
    for warning in check::warnings(&source.text) {
        eprintln!("warning: {}: {}", warning.path, warning.message);
    }
    let config = Config::parse(source.text.as_bytes(), &check::any_environment)
        .map_err(|error| Failure::new(Kind::Failed, error.to_string()))?;
    let bootstrap = bootstrap::bootstrap(options, config.max_signed_body_bytes)?;
    let filter = filter::filter(options, &source.text, &check::variables(&source.text))?;
    std::fs::create_dir_all(&options.output)
        .map_err(|error| Failure::file(&options.output, &error))?;
    for (name, text) in [("filter.yaml", filter), ("envoy.yaml", bootstrap)] {
        let path = options.output.join(name);
        write_whole(&path, &text).map_err(|error| Failure::file(&path, &error))?;
        output::write(&format!("{}\n", path.display()))?;
    }
    Ok(())
}

fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
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
