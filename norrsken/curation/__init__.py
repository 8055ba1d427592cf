"""What people do on pages that need no server: choose times from keograms, label frames, settle disagreements.

A page is one HTML file; its pictures lie beside it. A page gives back plain CSV, which `norrsken.dataset.selections`
and `norrsken.dataset.labels` read for the workflow.
"""
