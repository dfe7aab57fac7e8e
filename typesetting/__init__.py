"""Ground floor: sets pictures and PDFs from templates and data, in our own fonts. Knows no domain."""
