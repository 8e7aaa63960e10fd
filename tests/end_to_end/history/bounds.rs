//! However many are refused, the history stays small.
