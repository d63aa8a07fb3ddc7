#!/bin/sh
# run-all.sh [agreement] [secrecy] [target] [privacy]: every run of README.md, one at a time; results.txt is what it prints.
cd "$(dirname "$0")" || exit 2
[ $# = 0 ] && set -- agreement secrecy target privacy
agreement() {
  for brk in ok brk_dh brk_kem; do ./run.sh $brk vattp_auth vattp; done
  ./run.sh ok vattp_auth vattp_nofin
  ./run.sh ok vattp_data vattp
  ./run.sh ok vattp_weak vattp_weak
}
secrecy() {
  for brk in ok brk_dh brk_kem; do ./run.sh $brk vattp_rec vattp; done
  ./run.sh ok vattp_rec vattp_leak
  ./run.sh ok vattp_rec vattp_lose
  ./run.sh ok vattp_later vattp_use
}
target() {
  ./run.sh ok vattp_target filter_on
  ./run.sh ok vattp_target filter_off
}
privacy() {
  ./run.sh ok vattp_priv_i vattp_keys priv_core
  for file in vattp_priv_r vattp_priv_r_known vattp_priv_r_known_st vattp_priv_r_park vattp_priv_r_park_st; do
    ./run.sh ok $file vattp_keys priv_core
  done
  for file in vattp_priv_r_node vattp_priv_r_node1 vattp_priv_r_replay vattp_priv_r_replay_st; do
    ./run.sh ok $file priv_lean
  done
  for file in vattp_priv_r_known_st vattp_priv_r_park_st; do ./run.sh brk_dh $file vattp_keys priv_core; done
  ./run.sh brk_dh vattp_priv_r_known vattp_keys priv_core
  for file in vattp_priv_r_known_sk vattp_priv_r_carry vattp_priv_r_probe; do ./run.sh ok $file vattp_keys priv_core; done
}
for group in "$@"; do $group; done
