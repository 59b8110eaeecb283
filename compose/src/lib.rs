//! Compose files to swarm specs, as the Docker CLI reads them.
