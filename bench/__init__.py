"""What the filter costs, beside what Envoy's own filters for the same job cost: `make bench`.

`bootstraps` has the variants of Envoy's configuration, `cases` the requests and the proof that each variant does its
work, `proxy` an Envoy that is measured, `measure` the measurements, `report` what is made of them.
"""
