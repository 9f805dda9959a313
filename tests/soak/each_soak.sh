#!/bin/sh
# A program for each_soak.py: RECORD DIRECTORY.  A record is NUMBER-KIND.  Says that it was run.
echo "$1" >>"$2/made"
case $1 in
*-fail) echo "half of $1"; echo "words" >&2; exit 3 ;;
*-hang) exec sleep 1000 ;;
*-slow) sleep 0.2 ;;
*-late) sleep 1 ;;
*-once) mkdir "$2/$1" 2>/dev/null && { echo "lost"; exit 4; } ;;
*-big) head -c 100000 /dev/zero | tr '\0' x; echo ;;
*-more) (sleep 0.05; :) & ;; # it outlives the program
esac
echo "reply $1"
