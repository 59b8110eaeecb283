#!/bin/bash
# Asks the server for its ping answer over UDP. A TCP connection would count towards its ban on callers that retry.
exec 3<>/dev/udp/127.0.0.1/64738 && printf '\0\0\0\0simmersi' >&3 && [ -n "$(timeout 1 head -c 4 <&3 | tr -d '\0')" ]
