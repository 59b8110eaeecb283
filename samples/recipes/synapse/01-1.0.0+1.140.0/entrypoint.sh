#!/bin/sh
# Makes the signing key once, waits for the database, and starts the server.
set -eu
cd /data
[ -f signing.key ] || generate_signing_key --output_file signing.key
until python3 -c "import socket; socket.create_connection(('$DB_HOST', 5432), 1)" 2>/dev/null; do
    echo "the database does not answer yet"
    sleep 1
done
exec python3 -m synapse.app.homeserver --config-path /etc/synapse/homeserver.yaml
