//! Envoy's bootstrap: envoy/bootstrap.yaml with the command's options applied.

use super::template::{Template, indented, quoted};
use super::{AccessLog, Address, Render, Toggle};
use crate::failure::Failure;

const BOOTSTRAP: &str = include_str!("../../../envoy/bootstrap.yaml");
const TRACING: &str = include_str!("../../../examples/tracing/envoy.yaml");

/// The listener's buffer limit in the template.
const BUFFER_LIMIT: &str = "33554432";
/// The range of HTTP/2 windows: from Envoy's minimum to RFC 9113 §6.5.2's maximum.
const WINDOW_SIZES: std::ops::RangeInclusive<u64> = 65_535..=2_147_483_647;

/// The bootstrap. `max_body` is the configuration's `max_signed_body_bytes`.
pub(super) fn bootstrap(options: &Render, max_body: u64) -> Result<String, Failure> {
    let mut template = Template::new(BOOTSTRAP);
    template.replace_until(
        "# Envoy as an AI gateway",
        "\nnode:",
        "# Written by `ai-gateway-filter render`.\n",
    )?;
    listener(&mut template, options)?;
    admin(&mut template, &options.admin)?;
    access_log(&mut template, &options.access_log)?;
    if let Some(collector) = &options.tracing {
        tracing(&mut template, collector)?;
    }
    let files = options.install_folder();
    template.replace(
        "path: /etc/envoy/ai-gateway/filter.yaml",
        &format!("path: {}", quoted(&format!("{files}/filter.yaml"))),
    )?;
    template.replace(
        "watched_directory: { path: /etc/envoy/ai-gateway }",
        &format!("watched_directory: {{ path: {} }}", quoted(&files)),
    )?;
    template.replace(
        "trusted_ca: { filename: /etc/ssl/certs/ca-certificates.crt }",
        &format!(
            "trusted_ca: {{ filename: {} }}",
            quoted(&options.ca_bundle.to_string_lossy())
        ),
    )?;
    let limit = max_body.clamp(*WINDOW_SIZES.start(), *WINDOW_SIZES.end());
    template.replace_all(BUFFER_LIMIT, &limit.to_string())?;
    Ok(template.into_text())
}

fn listener(template: &mut Template, options: &Render) -> Result<(), Failure> {
    template.replace(
        "      address: { socket_address: { address: 127.0.0.1, port_value: 10000 } }",
        &format!("      address: {}", socket_address(&options.listen)),
    )?;
    let (Some(certificate), Some(key)) = (&options.tls_certificate, &options.tls_key) else {
        return Ok(());
    };
    let tls = format!(
        r#"        - transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              common_tls_context:
                alpn_protocols: [h2, http/1.1]
                tls_params: {{ tls_minimum_protocol_version: TLSv1_2 }}
                tls_certificates:
                  - certificate_chain: {{ filename: {} }}
                    private_key: {{ filename: {} }}
          filters:
"#,
        quoted(&certificate.to_string_lossy()),
        quoted(&key.to_string_lossy()),
    );
    template.replace("        - filters:\n", &tls)
}

fn admin(template: &mut Template, admin: &Toggle<Address>) -> Result<(), Failure> {
    match admin {
        Toggle::Off => template.replace_until("admin:\n", "# The filter's metrics", ""),
        Toggle::On(address) => template.replace(
            "  address: { socket_address: { address: 127.0.0.1, port_value: 9901 } }",
            &format!("  address: {}", socket_address(address)),
        ),
    }
}

fn access_log(template: &mut Template, log: &AccessLog) -> Result<(), Failure> {
    match log {
        AccessLog::Stdout => Ok(()),
        AccessLog::Off => template.replace_until(
            "                # No header that can hold a credential is logged",
            "                # Envoy's own errors",
            "",
        ),
        AccessLog::File(path) => {
            template.replace(
                "name: envoy.access_loggers.stdout",
                "name: envoy.access_loggers.file",
            )?;
            let kind = "type.googleapis.com/envoy.extensions.access_loggers";
            template.replace(
                &format!("\"@type\": {kind}.stream.v3.StdoutAccessLog\n"),
                &format!(
                    "\"@type\": {kind}.file.v3.FileAccessLog\n                      path: {}\n",
                    quoted(&path.to_string_lossy())
                ),
            )
        }
    }
}

fn tracing(template: &mut Template, collector: &Address) -> Result<(), Failure> {
    let mut tracing = Template::new(TRACING);
    tracing.replace(
        "{ address: 127.0.0.1, port_value: 4318 }",
        &format!(
            "{{ address: {}, port_value: {} }}",
            quoted(&collector.host),
            collector.port
        ),
    )?;
    tracing.replace(
        "http://127.0.0.1:4318/v1/traces",
        &format!("http://{collector}/v1/traces"),
    )?;
    let tracing = tracing.into_text();
    let section = |name: &str| {
        let start = tracing.find(&format!("\n{name}:\n")).map(|at| at + 1);
        let section = start.and_then(|start| tracing.get(start..));
        section.map(|section| section.split("\n\n").next().unwrap_or(section))
    };
    let (Some(cluster), Some(manager)) = (section("cluster"), section("tracing")) else {
        return template.replace("tracing:", "");
    };
    template.replace(
        "                http_filters:\n",
        &format!("{}\n                http_filters:\n", indented(manager, 16)),
    )?;
    // The mapping becomes a list element, so its first line starts with a dash.
    let cluster = cluster.trim_start_matches("cluster:\n");
    let cluster = indented(cluster, 4).replacen("      name:", "    - name:", 1);
    template.replace("\n  clusters:\n", &format!("\n  clusters:\n{cluster}\n"))
}

fn socket_address(address: &Address) -> String {
    format!(
        "{{ socket_address: {{ address: {}, port_value: {} }} }}",
        quoted(&address.host),
        address.port
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn rendered(arguments: &[&str]) -> (String, Value) {
        let options = Render::of(arguments);
        let text = bootstrap(&options, 33_554_432).unwrap();
        let document = serde_yaml_ng::from_str(&text).unwrap();
        (text, document)
    }

    fn manager(document: &Value) -> &Value {
        document
            .pointer("/static_resources/listeners/0/filter_chains/0/filters/0/typed_config")
            .unwrap()
    }

    #[test]
    fn without_options_only_the_paths_differ_from_the_template() {
        let (_, document) = rendered(&["-O", "/etc/envoy/ai-gateway"]);
        let shipped: Value = serde_yaml_ng::from_str(BOOTSTRAP).unwrap();
        assert_eq!(document, shipped);
    }

    #[test]
    fn every_option_is_applied() {
        let (_, document) = rendered(&[
            "--listen",
            "[::]:443",
            "--tls-certificate",
            "/c.pem",
            "--tls-key",
            "/k.pem",
            "--admin",
            "off",
            "--access-log",
            "/var/log/a.json",
            "--tracing",
            "otel.test:4318",
            "--ca-bundle",
            "/ca.pem",
            "--install-dir",
            "/opt/gw",
        ]);
        assert!(document.get("admin").is_none());
        let listener = &document["static_resources"]["listeners"][0];
        let address = &listener["address"]["socket_address"];
        assert_eq!(address["address"], "::");
        assert_eq!(address["port_value"], 443);
        let tls = listener.pointer(
            "/filter_chains/0/transport_socket/typed_config/common_tls_context/tls_certificates/0",
        );
        assert_eq!(tls.unwrap()["private_key"]["filename"], "/k.pem");
        let manager = manager(&document);
        assert_eq!(
            manager["access_log"][0]["typed_config"]["path"],
            "/var/log/a.json"
        );
        let uri = manager.pointer("/tracing/provider/typed_config/http_service/http_uri/uri");
        assert_eq!(uri.unwrap(), "http://otel.test:4318/v1/traces");
        let path = manager
            .pointer("/http_filters/0/config_discovery/config_source/path_config_source/path");
        assert_eq!(path.unwrap(), "/opt/gw/filter.yaml");
        let names = |document: &Value| -> Vec<Value> {
            let clusters = document["static_resources"]["clusters"].as_array();
            let names = clusters.unwrap().iter().map(|cluster| &cluster["name"]);
            names.cloned().collect()
        };
        let shipped = serde_yaml_ng::from_str(BOOTSTRAP).unwrap();
        let expected = [vec!["otel_collector".into()], names(&shipped)].concat();
        assert_eq!(names(&document), expected);
    }

    #[test]
    fn the_access_log_can_be_turned_off() {
        let (_, document) = rendered(&["--access-log", "off"]);
        assert!(manager(&document).get("access_log").is_none());
        assert!(manager(&document).get("local_reply_config").is_some());
    }

    #[test]
    fn the_listener_buffers_as_much_as_the_filter() {
        let text = bootstrap(&Render::of(&[]), 1_000_000).unwrap();
        assert!(!text.contains(BUFFER_LIMIT));
        assert!(text.contains("per_connection_buffer_limit_bytes: 1000000"));
    }
}
