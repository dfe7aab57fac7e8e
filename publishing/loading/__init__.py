"""Data files into catalogue tables: read with line numbers, check everything, write in one transaction.

`files` reads YAML and collects problems; `shapes` says what a row must look like; `provenance` turns the flags of the
facts into states; `texts` reads the files of the eight languages; `batches` is what an app hands over; `writing`
brings the tables in line with it and keeps what editors have changed. docs/catalogue.md tells the whole way.
"""
