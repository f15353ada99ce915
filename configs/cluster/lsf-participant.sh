#!/bin/bash
#BSUB -J "harmoniq[@array_from_1@]"
#BSUB -n @cpus@
#BSUB -R "span[hosts=1]"
#BSUB -M @mem_mb@MB
#BSUB -W @time_hours_minutes@
#BSUB -o @folder@/%J_%I.log
#BSUB -r
@directives@
set -u
@setup@
label=$(sed -n "${LSB_JOBINDEX}p" @folder@/tasks.txt)
[ -n "$label" ] || { echo "error: no such task in @folder@/tasks.txt" >&2; exit 2; }
select=(--participant-label "${label%%_ses-*}")
case $label in *_ses-*) select+=(--session-label "${label##*_ses-}") ;; esac
@command@ "${select[@]}" --nprocs @cpus@ --mem @mem_gb@
