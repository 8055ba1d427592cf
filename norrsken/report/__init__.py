"""The report of a release: `tables` are those of the paper, `page` is the page that shows everything."""
