# The whole gateway (Envoy, the filter and the bootstrap) for `docker run` and Kubernetes. `make image-gateway` builds it.
#
# It runs without root and with a read-only root file system. Mount a directory with your filter.yaml on
# /etc/envoy/ai-gateway. Port 10000 is the gateway, and port 9902 answers /ready. The admin page stays on the container's
# loopback.

ARG ENVOY_VERSION=1.40.0
ARG VARIANT=distroless-

FROM envoyproxy/envoy:v${ENVOY_VERSION} AS bootstrap
COPY envoy/bootstrap.yaml envoy/image/ready-listener.yaml envoy/image/ready-cluster.yaml /tmp/
# Nobody outside a container can reach its loopback, so the gateway listens on every address. Probes get their own listener.
RUN sed -e 's/address: 127.0.0.1, port_value: 10000/address: 0.0.0.0, port_value: 10000/' \
        -e '/^  listeners:$/r /tmp/ready-listener.yaml' \
        -e '/^  clusters:$/r /tmp/ready-cluster.yaml' /tmp/bootstrap.yaml >/bootstrap.yaml && \
    grep -q 'address: 0.0.0.0, port_value: 10000' /bootstrap.yaml && \
    grep -q 'name: ready$' /bootstrap.yaml && grep -q 'name: admin$' /bootstrap.yaml

FROM envoyproxy/envoy:${VARIANT}v${ENVOY_VERSION}
ARG VERSION=unknown
LABEL org.opencontainers.image.title="AI gateway: Envoy with the AI Gateway filter" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=bootstrap /bootstrap.yaml /etc/envoy/bootstrap.yaml
COPY envoy/filter.yaml /etc/envoy/ai-gateway/filter.yaml
COPY ai_gateway_filter.wasm /etc/envoy/ai_gateway_filter.wasm
USER 10001:10001
EXPOSE 10000 9902
ENTRYPOINT ["/usr/local/bin/envoy"]
CMD ["-c", "/etc/envoy/bootstrap.yaml", "--disable-hot-restart"]
