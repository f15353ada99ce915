#!/bin/bash
#$ -N harmoniq-group
#$ -hold_jid harmoniq
#$ -pe smp @cpus@
#$ -l h_vmem=@mem_mb_per_cpu@M
#$ -l h_rt=@time@
#$ -S /bin/bash
#$ -j y
#$ -o @folder@/group.log
@directives@
set -u
@setup@
@command@ --nprocs @cpus@ --mem @mem_gb@
