#!/bin/bash
#BSUB -J harmoniq-group
#BSUB -w "ended(harmoniq)"
#BSUB -n @cpus@
#BSUB -M @mem_mb@MB
#BSUB -W @time_hours_minutes@
#BSUB -o @folder@/group.log
@directives@
set -u
@setup@
@command@ --nprocs @cpus@ --mem @mem_gb@
