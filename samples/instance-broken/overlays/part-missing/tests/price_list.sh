#!/bin/sh
# The app's job is the price list; its start page is only the way there. Tells TAP.
list=$(curl --silent --show-error --fail --max-time 20 "$SIMMER_URL/shown" 2>&1)
echo "1..2"
if curl --silent --fail --max-time 20 --output /dev/null "$SIMMER_URL/"; then
    echo "ok 1 - the start page is served"
else
    echo "not ok 1 - the start page is served"
fi
case $list in
*apple,3*) echo "ok 2 - the price list is served" ;;
*)
    echo "not ok 2 - the price list is served"
    echo "# $list"
    ;;
esac
