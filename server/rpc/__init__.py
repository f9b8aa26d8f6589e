"""The edge: the only package that knows gRPC and generated code.

    servicers/      one a service: convert, call the use case, convert
    validation/     request messages to violations, all of them, before any store is touched
    conversions/    generated messages to and from handlers.messages
    interceptors    errors, serving gate, admission, request reading, deadline; outermost first
    status          the one table from domain errors to google.rpc.Status
    server_builder  puts them together into a server

A handler is taken by the Protocol in use_cases, so that this package imports no concrete handler.
"""
