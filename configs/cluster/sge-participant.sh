#!/bin/bash
#$ -N harmoniq
#$ -t @array_from_1@
#$ -pe smp @cpus@
#$ -l h_vmem=@mem_mb_per_cpu@M
#$ -l h_rt=@time@
#$ -S /bin/bash
#$ -j y
#$ -o @folder@/
#$ -r y
@directives@
set -u
@setup@
label=$(sed -n "${SGE_TASK_ID}p" @folder@/tasks.txt)
[ -n "$label" ] || { echo "error: no such task in @folder@/tasks.txt" >&2; exit 2; }
select=(--participant-label "${label%%_ses-*}")
case $label in *_ses-*) select+=(--session-label "${label##*_ses-}") ;; esac
@command@ "${select[@]}" --nprocs @cpus@ --mem @mem_gb@
