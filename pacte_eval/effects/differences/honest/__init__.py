"""What departures from parallel trends, or a pre-test without power, leave of effects."""
