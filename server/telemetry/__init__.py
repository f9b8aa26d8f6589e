"""Traces, metrics and logs of what is served. Knows no product and no gRPC; others call it through hooks.

A request is only stamped while it runs. When it has ended, `RequestTelemetry.end` counts it in shared memory
(metric_file.py) and decides whether its trace is kept (keeping.py); a kept one is queued, and a thread of its own
builds the spans (spans.py) and sends them (trace_exporter.py). The parent sums the workers' counts and answers
Prometheus (exposition.py).

What a remote call has to do to be a span of its request, in `remote_calls.py`:

    call = begin_remote_call("PIPELINE", {"db.system.name": "redis", "db.operation.batch.size": 3})
    reply = ask(headers=call.headers)         # W3C traceparent and tracestate, for protocols that carry headers
    call.end()                                # or call.end(error="timeout")
"""
