"""Real servers that speak OpenAI's wire, started on loopback and asked by this library: the table of what was seen."""
