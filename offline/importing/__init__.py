"""From other people's files to the event log and the catalogue.

readers.py    files to chunks of columns, with the line of every row        (CSV, JSONL, Parquet; plain or gzip)
line_numbers.py  the line of every row and of every bad line of a CSV file
mapping.py    which column becomes which field: TOML, presets, or equal names
fields.py     what fields there are, in the order in which they are checked
columns.py    text to numbers, times, flags and numbers of enumerations, whole columns at a time
rows.py       chunk + mapping -> typed columns and, for each row, the first thing that is wrong with it
identity.py   ids for events that have none
catalog.py    the catalogue's two files, and how new values join old ones
derive.py     a catalogue from events: title, price and first appearance of every item
rejects.py    what did not get in, and why
run.py        one import, from files to summary
"""
