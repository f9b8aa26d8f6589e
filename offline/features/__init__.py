"""The features of server/features/declarations.py, as of a time, from the event log.

    owners.py        events with their owner: a user, or a session that nobody has claimed
    histories.py     each owner's history, numbered; what of it lies before a request
    users.py         user features of requests
    items.py         item features of (item, time) pairs
    cross.py         user x item and context features
    item_days.py     item features as of the start of every day on which they change
    embeddings.py    features that are vectors, in NumPy
    training_set.py  requests, their histories and what they led to, joined point in time
    items_file.py    work/items.parquet: the next release's rows

Functions take and return ibis tables and keep to what DuckDB and Spark compute alike (docs/features.md).
A request is (request_id, owner, as_of_s): everything about it comes from events with time_s < as_of_s.
"""
