#!/bin/sh
# run.sh BREAK FILE LIB...   as ../run.sh, for the models of this folder; BREAK and prim are taken from the folder above.
cd "$(dirname "$0")" || exit 2
brk=$1 file=$2; shift 2
libs="-lib ../prim.pvl -lib ../$brk.pvl" out=out/$file.$brk
for lib in "$@"; do libs="$libs -lib $lib.pvl" out=$out.$lib; done
mkdir -p out
start=$(date +%s)
timeout "${T:-300}" nice -n 5 "${PROVERIF:-proverif}" $libs "$file.pv" > "$out" 2>&1
code=$?
end=; [ $code = 124 ] && end=", not ended"
echo "== $file $brk $*: $(( $(date +%s) - start )) s$end"
grep -E '^RESULT|^Error|Error:' "$out"
echo
