//! Placeholder.

#[cfg(test)]
mod ingest_rig;
#[cfg(test)]
mod ingest_socket;
