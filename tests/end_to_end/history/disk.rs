//! A disk that is full, or a file that is damaged, costs nothing but time.
