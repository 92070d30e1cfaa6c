//! What files hold.
//!
//! Takes each format. Gives nothing but passed or failed. Never makes a format up: what one job
//! writes another one reads.

mod objects;
