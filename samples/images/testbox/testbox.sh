#!/bin/sh
# Serves HTTP and behaves as it is told. With arguments it runs those instead (one-shot jobs).
#
#   PORT=8080   where it listens: `/` names the version, `/health` answers while it is well, `/history` lists
#               every version that ever started on the volume at /data, `/shown` is the file named by SHOW
#   BODY        what `/` answers instead of `testbox <version>`
#   SHOW        a file (config, secret) to serve at `/shown`
#   NEEDS       a file without which it exits 1: a secret that was never made
#   AFTER=0     seconds, for the modes that wait
#   EXIT_CODE=1 what `crash` exits with
#   MODE        ok                serves
#               crash             serves for AFTER seconds, then exits with EXIT_CODE
#               exit0             the same with exit code 0
#               unhealthy-after   serves, but is not well any more after AFTER seconds
#               never-healthy     serves, but is never well
#               slow-start        serves after AFTER seconds
#               ignore-term       serves and does not stop when it is asked to
set -u
[ $# -eq 0 ] || exec "$@"

mode=${MODE:-ok} after=${AFTER:-0} port=${PORT:-8080}
echo "testbox $VERSION: mode $mode, port $port"

stop() {
    echo "testbox $VERSION: asked to stop"
    exit 0
}
case $mode in
ignore-term) trap '' TERM INT ;;
*) trap stop TERM INT ;;
esac
# A sleep that a signal can end: the shell runs its traps only between commands, and in `wait`.
pause() {
    sleep "$1" &
    wait $!
}

if [ -n "${NEEDS:-}" ] && [ ! -s "$NEEDS" ]; then
    echo "testbox $VERSION: \`$NEEDS\` is missing or empty" >&2
    exit 1
fi

mkdir -p /data /www
echo "$VERSION" >>/data/history
ln -sf /data/history /www/history
printf '%s\n' "${BODY:-testbox $VERSION}" >/www/index.html
[ -z "${SHOW:-}" ] || ln -sf "$SHOW" /www/shown
[ "$mode" = never-healthy ] || echo ok >/www/health
[ "$mode" != slow-start ] || pause "$after"

httpd -f -p "0.0.0.0:$port" -h /www &
server=$!
echo "testbox $VERSION: up"

case $mode in
ok | never-healthy | slow-start | ignore-term) ;;
crash)
    pause "$after"
    echo "testbox $VERSION: fatal: told to crash, exit code ${EXIT_CODE:-1}" >&2
    exit "${EXIT_CODE:-1}"
    ;;
exit0)
    pause "$after"
    exit 0
    ;;
unhealthy-after)
    pause "$after"
    rm -f /www/health
    echo "testbox $VERSION: not well any more" >&2
    ;;
*)
    echo "testbox $VERSION: unknown mode \`$mode\`" >&2
    exit 2
    ;;
esac
# With TERM ignored the first `wait` may still be cut short by another signal.
while kill -0 "$server" 2>/dev/null; do wait "$server"; done
