"""What people do: choose times from keograms, label frames, settle disagreements; on pages that need no server.

A page is one HTML file; pictures lie beside it. It gives back plain CSV, which `norrsken.selections` and
`norrsken.labels` read for the workflow.
"""
