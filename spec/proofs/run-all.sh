#!/bin/sh
# run-all.sh [agreement] [secrecy] [target] [privacy] [hop]: every run of README.md, one at a time; results.txt is what it prints.
cd "$(dirname "$0")" || exit 2
[ $# = 0 ] && set -- agreement secrecy target privacy hop
agreement() {
  for brk in ok brk_dh brk_kem; do ./run.sh $brk vattp_auth vattp; done
  OPTIONS='-set preciseActions true' ./run.sh ok vattp_auth vattp_nofin
  ./run.sh ok vattp_data vattp
  ./run.sh ok vattp_weak vattp_weak
}
secrecy() {
  for brk in ok brk_dh brk_kem; do ./run.sh $brk vattp_rec vattp; done
  OPTIONS='-set preciseActions true' ./run.sh ok vattp_rec vattp_leak
  ./run.sh ok vattp_rec vattp_lose
  OPTIONS='-set preciseActions true' ./run.sh ok vattp_later vattp_use
}
target() {
  ./run.sh ok vattp_target filter_on use_on
  ./run.sh ok vattp_target filter_off use_on
  ./run.sh ok vattp_target filter_on use_off
}
privacy() {
  ./run.sh ok vattp_priv_sane vattp_keys priv_core
  ./run.sh ok vattp_priv_sane priv_lean
  ./run.sh ok vattp_priv_i priv_lean
  ./run.sh ok vattp_priv_r priv_lean
  ./run.sh ok vattp_priv_r_known vattp_keys priv_core
  for brk in ok brk_dh; do ./run.sh $brk vattp_priv_r_known_st vattp_keys priv_core; done
  for file in park park_st node node1 replay replay_st; do ./run.sh ok vattp_priv_r_$file priv_lean; done
  # controls that cannot be proved: without the search for a simpler process
  export OPTIONS='-set simplifyProcess false'
  ./run.sh brk_dh vattp_priv_r_known vattp_keys priv_core
  for file in known_sk carry probe; do ./run.sh ok vattp_priv_r_$file vattp_keys priv_core; done
  unset OPTIONS
}
hop() {
  for brk in ok brk_dh brk_kem; do ./run.sh $brk hop_auth later_none id_on set_clear hop_core; done
  for later in later_none later_dh later_kem; do ./run.sh ok hop_sec $later id_on set_clear hop_core; done
  for brk in brk_dh brk_kem; do ./run.sh $brk hop_sec later_none id_on set_clear hop_core; done
  ./run.sh ok hop_auth later_none id_off set_clear hop_core
  ./run.sh ok hop_auth later_none id_on set_sealed hop_core
  ./run.sh ok hop_sec later_none id_on set_sealed hop_core
  for brk in ok brk_dh brk_kem; do ./run.sh $brk hop_settings later_none set_sealed; done
}
T="${T:-600}"; export T
for group in "$@"; do $group; done
