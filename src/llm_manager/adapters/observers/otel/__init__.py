"""Events as OpenTelemetry spans and metrics, in the words of its semantic conventions for generative AI.

    event -> observer (which span it opens, marks or ends) -> attributes (what is said of it) -> names (in which words)
                      `-> instruments (what is counted)

The rule of this room: every name of the conventions stands in ``names`` and nowhere else, and a test holds them to the
constants of OpenTelemetry's own package. It needs the extra ``otel``, which is the API alone: which SDK and exporter
the spans and metrics go to is the program's business.
"""
