"""What people do on pages without a server: choose times, label frames and the sky's condition, settle disagreements.

A page is one HTML file; its pictures lie beside it. A page gives back plain CSV, which `norrsken.dataset.selections`,
`norrsken.dataset.labels` and `norrsken.classify.choose` read for the workflow.
"""
