//! The jobs of the folder `examples`, run as their readers run them.

mod trades;
