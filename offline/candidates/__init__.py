"""What may be shown: item-item neighbours and popularity lists, computed from the event log for a release."""
