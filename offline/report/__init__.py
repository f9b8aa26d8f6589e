"""The page that `shortlist report` writes: one HTML file that needs nothing else, no network and no script."""
