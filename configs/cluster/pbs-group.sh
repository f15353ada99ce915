#!/bin/bash
#PBS -N harmoniq-group
#PBS -W depend=afterany:@after@
#PBS -l select=1:ncpus=@cpus@:mem=@mem_mb@mb
#PBS -l walltime=@time@
#PBS -S /bin/bash
#PBS -j oe
#PBS -o @folder@/group.log
@directives@
set -u
@setup@
@command@ --nprocs @cpus@ --mem @mem_gb@
