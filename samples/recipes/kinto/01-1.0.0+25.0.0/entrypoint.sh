#!/bin/sh
# Brings the schema up to date, once the database answers, and starts the server.
set -eu
until kinto migrate --ini /etc/kinto/kinto.ini; do
    echo "the database does not answer yet"
    sleep 1
done
exec kinto start --ini /etc/kinto/kinto.ini --port 8888
