#!/bin/sh
# automake's driver for TAP, which notes in the test's .trs how many seconds it has taken:
# driver.sh DRIVER OPTION...
began=$(date +%s)
status=0
"$@" || status=$?
for word; do
    [ "${last-}" != --trs-file ] || echo ":seconds: $(($(date +%s) - began))" >>"$word"
    last=$word
done
exit $status
