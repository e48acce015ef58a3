"""Who listens to events: each passes ``notify`` on to nobody and never raises."""
