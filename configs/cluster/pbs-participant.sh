#!/bin/bash
#PBS -N harmoniq
#PBS -J @array_of_two@
#PBS -l select=1:ncpus=@cpus@:mem=@mem_mb@mb
#PBS -l walltime=@time@
#PBS -S /bin/bash
#PBS -j oe
#PBS -o @folder@/
#PBS -r y
@directives@
set -u
@setup@
label=$(sed -n "$((PBS_ARRAY_INDEX + 1))p" @folder@/tasks.txt)
[ -n "$label" ] || exit 0 # an array of one task has a second
select=(--participant-label "${label%%_ses-*}")
case $label in *_ses-*) select+=(--session-label "${label##*_ses-}") ;; esac
@command@ "${select[@]}" --nprocs @cpus@ --mem @mem_gb@
