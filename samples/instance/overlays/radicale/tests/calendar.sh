#!/bin/sh
# A calendar through CalDAV, as a client on a telephone uses it. Tells TAP.
set -u
user=caller-$$
calendar=$SIMMER_URL/$user/week

# Prints the answer, and its status on a line of its own.
dav() {
    curl --silent --show-error --max-time 20 --user "$user:secret" \
        --header 'Content-Type: text/calendar; charset=utf-8' --write-out '\n%{http_code}\n' "$@"
}
event() {
    printf 'BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//simmer//EN\r\nBEGIN:VEVENT\r\nUID:%s\r\n' "$1"
    printf 'DTSTAMP:20260105T120000Z\r\nDTSTART:%s\r\nSUMMARY:%s\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n' "$2" "$3"
}
number=0
# Tells one test: what it shows, what was answered, and what had to be in it.
tell() {
    number=$((number + 1))
    case $2 in
    *"$3"*) echo "ok $number - $1" ;;
    *)
        echo "not ok $number - $1"
        printf 'expected: %s\ngot:\n%s\n' "$3" "$2" | sed 's/^/# /'
        ;;
    esac
}

echo "TAP version 13"
echo "1..5"
tell "a calendar is made" "$(dav --request MKCALENDAR "$calendar/")" 201
tell "an event is put into it" \
    "$(event one 20260106T090000Z Breakfast | dav --request PUT --data-binary @- "$calendar/one.ics")" 201
tell "it comes back" "$(dav "$calendar/one.ics")" "SUMMARY:Breakfast"
# A range of time is not answered out of the file's name.
event two 20260301T090000Z Spring | dav --request PUT --data-binary @- "$calendar/two.ics" >/dev/null
found=$(dav --request REPORT --header 'Depth: 1' --data '<?xml version="1.0"?>
<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop><C:calendar-data/></D:prop>
<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">
<C:time-range start="20260201T000000Z" end="20260401T000000Z"/></C:comp-filter></C:comp-filter></C:filter>
</C:calendar-query>' "$calendar/")
case $found in
*Breakfast*) found="an event of another month too: $found" ;;
*SUMMARY:Spring*) found="the event of that month alone" ;;
esac
tell "events are found by their time" "$found" "the event of that month alone"
tell "it is removed" "$(dav --request DELETE "$calendar/")" 200
