//! Secrets are masked at this door: passwords and tokens in parameters, URLs, headers and SQL text never reach a table.
