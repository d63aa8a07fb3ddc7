#!/bin/sh
# run.sh BREAK FILE LIB...   BREAK: ok, brk_dh (X25519 broken) or brk_kem (ML-KEM broken). T: limit in seconds. PROVERIF: the
# program. OPTIONS: for the program.
# Prints one heading and ProVerif's RESULT lines; the whole output goes to out/. These LIBs stand for several:
#   vattp  the handshake as designed          vattp_nofin  without fin_r and fin_i          vattp_weak  with a weak suite
#   vattp_leak, vattp_lose, vattp_use         later keys given away, first keys given away, later keys used
cd "$(dirname "$0")" || exit 2
brk=$1 file=$2; shift 2
set_of() {
  case $1 in
    vattp)       echo fin_on  suite_ok   vattp_keys after_nothing vattp_core ;;
    vattp_nofin) echo fin_off suite_ok   vattp_keys after_nothing vattp_core ;;
    vattp_weak)  echo fin_on  suite_weak vattp_keys after_nothing vattp_core ;;
    vattp_leak)  echo fin_on  suite_ok   vattp_keys after_leak    vattp_core ;;
    vattp_lose)  echo fin_on  suite_ok   vattp_keys after_lose    vattp_core ;;
    vattp_use)   echo fin_on  suite_ok   vattp_keys after_use     vattp_core ;;
    *)           echo "$1" ;;
  esac
}
libs="-lib prim.pvl -lib $brk.pvl" out=out/$file.$brk
for name in "$@"; do
  for lib in $(set_of "$name"); do libs="$libs -lib $lib.pvl"; done
  out=$out.$name
done
mkdir -p out
start=$(date +%s)
timeout "${T:-300}" nice -n 5 "${PROVERIF:-proverif}" $OPTIONS $libs "$file.pv" > "$out" 2>&1
code=$?
end=; [ $code = 124 ] && end=", not ended"
echo "== $file $brk $*${OPTIONS:+ ($OPTIONS)}: $(( $(date +%s) - start )) s$end"
grep -aE '^RESULT|^Error|Error:' "$out"
echo
