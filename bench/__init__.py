"""Measures the cost of the filter compared with Envoy's own filters for the same purpose: `make bench`.

`bootstraps` has the variants of Envoy's configuration, `cases` the requests and the checks that each variant does its work,
`proxy` runs the Envoy that is measured, `measure` does the measurements, and `report` formats them.
"""
