#!/bin/sh
# Reads the secrets from the files that `…_FILE` names, then starts the server.
set -eu
for name in PDS_JWT_SECRET PDS_ADMIN_PASSWORD PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX; do
    file=$(printenv "${name}_FILE" || true)
    [ -z "$file" ] || export "$name=$(cat "$file")"
done
export PDS_BLOBSTORE_DISK_LOCATION="${PDS_BLOBSTORE_DISK_LOCATION:-$PDS_DATA_DIRECTORY/blocks}"
mkdir -p "$PDS_BLOBSTORE_DISK_LOCATION"
exec node /app/main.js
