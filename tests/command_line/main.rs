//! Errors, exit statuses and documents of the command line.
