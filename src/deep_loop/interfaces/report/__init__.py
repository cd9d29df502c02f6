"""A study for the eye: `progress.png` and `report.html`."""
