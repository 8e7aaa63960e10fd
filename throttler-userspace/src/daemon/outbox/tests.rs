//! Deliveries in time that passes when nothing else happens.
