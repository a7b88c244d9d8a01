"""Measures the cost of the filter compared with Envoy's own filters for the same purpose: `make bench`.

`bootstraps` defines the variants of Envoy's configuration. `cases` defines the requests and checks that each variant does its
work. `proxy` runs the measured Envoy, `measure` takes the measurements, and `report` formats them.
"""
